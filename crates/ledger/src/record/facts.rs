//! The JSON of each fact: `{"type": "AttemptPermitted", "fact": {…}}`.
//!
//! `type` is the fact's name in the past tense, as in `backstop_model::event::Fact`; it never
//! changes its meaning. The mirrors keep the domain free of serde. Next: the parent.

use super::words::{Absent, Micros, Mirror, OrNone, PerMilleJson, Text, absent, mirror};
use backstop_model::attempt::{Inspection, Plane};
use backstop_model::control::{Control, Severity};
use backstop_model::event::{Asked, Ending, Fact, Resolution, TokenKind, TokenRecord};
use backstop_model::finding::{FindingRecord, KeyedDigest, Part};
use backstop_model::host::HostName;
use backstop_model::id::{
    AlertId, ByteCount, Digest, GrantId, HoldId, LevelName, Principal, QuarantineId, ReceiptId,
    RoleName, SessionId, SkillId, SkillName, SkillVersion, TenantName, TokenId,
};
use backstop_model::standing::{Grant, Quarantined, Subject};
use backstop_model::time::Timestamp;
use backstop_model::verdict::{Duty, Obligation, Reason, Ruling};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

mirror! {
    SkillJson = SkillId {
        name: Text<SkillName>,
        version: Text<SkillVersion>,
        digest: Text<Digest>,
    }
    SubjectJson = Subject {
        session: Option<Text<SessionId>>,
        tenant: Text<TenantName>,
        role: Option<Text<RoleName>>,
        skill: Option<SkillJson>,
        ceiling: Option<Text<LevelName>>,
    }
    AskedJson = Asked {
        plane: Text<Plane>,
        host: String,
        port: u16,
        act: String,
        path: String,
    }
    ReasonJson = Reason {
        control: Text<Control>,
        ruling: Text<Ruling>,
        text: String,
    }
    FindingJson = FindingRecord {
        control: Text<Control>,
        kind: String,
        part: Text<Part>,
        field: String,
        chain: String,
        level: Option<Text<LevelName>>,
        canary: Option<String>,
        #[serde(rename = "score_per_mille")] score: PerMilleJson,
        length: u64,
        digest: Text<KeyedDigest>,
    }
    TokenJson = TokenRecord {
        id: Text<TokenId>,
        kind: Text<TokenKind>,
        hash: Text<Digest>,
        principal: Option<Text<Principal>>,
        bound: Option<SubjectJson>,
        expires: Option<Text<Timestamp>>,
    }
    GrantJson = Grant {
        id: Text<GrantId>,
        tenant: Text<TenantName>,
        skill: Text<SkillName>,
        host: Text<HostName>,
        port: u16,
        until: Text<Timestamp>,
    }
}

/// The name and text of one policy file.
#[derive(Serialize, Deserialize)]
pub(crate) struct SourceJson {
    name: String,
    text: String,
}
impl Mirror<(String, String)> for SourceJson {
    fn of((name, text): &(String, String)) -> Self {
        Self { name: name.clone(), text: text.clone() }
    }
    fn back(self) -> (String, String) {
        (self.name, self.text)
    }
}

/// `{"kind": "session" | "skill" | "skill_everywhere", …}`
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum TargetJson {
    Session { session: Text<SessionId> },
    Skill { tenant: Text<TenantName>, skill: SkillJson },
    SkillEverywhere { skill: SkillJson },
}
impl Absent for TargetJson {}
impl Mirror<Quarantined> for TargetJson {
    fn of(value: &Quarantined) -> Self {
        match value {
            Quarantined::Session(session) => Self::Session { session: Text(session.clone()) },
            Quarantined::Skill { tenant, skill } => {
                Self::Skill { tenant: Text(tenant.clone()), skill: Mirror::of(skill) }
            }
            Quarantined::SkillEverywhere(skill) => {
                Self::SkillEverywhere { skill: Mirror::of(skill) }
            }
        }
    }
    fn back(self) -> Quarantined {
        match self {
            Self::Session { session } => Quarantined::Session(session.0),
            Self::Skill { tenant, skill } => {
                Quarantined::Skill { tenant: tenant.0, skill: skill.back() }
            }
            Self::SkillEverywhere { skill } => Quarantined::SkillEverywhere(skill.back()),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "obligation", rename_all = "snake_case")]
enum ObligationJson {
    InspectBody { cap: u64 },
    MatchServerName,
    PinAddresses,
    CountBytes,
    RefuseRedirect,
}

/// `{"obligation": "inspect_body", "cap": 1048576, "discharged": true}`
#[derive(Serialize, Deserialize)]
pub(crate) struct DutyJson {
    #[serde(flatten)]
    obligation: ObligationJson,
    discharged: bool,
}
impl Mirror<Duty> for DutyJson {
    fn of(value: &Duty) -> Self {
        let obligation = match value.obligation {
            Obligation::InspectBody { cap } => ObligationJson::InspectBody { cap: cap.0 },
            Obligation::MatchServerName => ObligationJson::MatchServerName,
            Obligation::PinAddresses => ObligationJson::PinAddresses,
            Obligation::CountBytes => ObligationJson::CountBytes,
            Obligation::RefuseRedirect => ObligationJson::RefuseRedirect,
        };
        Self { obligation, discharged: value.discharged }
    }
    fn back(self) -> Duty {
        let obligation = match self.obligation {
            ObligationJson::InspectBody { cap } => Obligation::InspectBody { cap: ByteCount(cap) },
            ObligationJson::MatchServerName => Obligation::MatchServerName,
            ObligationJson::PinAddresses => Obligation::PinAddresses,
            ObligationJson::CountBytes => Obligation::CountBytes,
            ObligationJson::RefuseRedirect => Obligation::RefuseRedirect,
        };
        Duty { obligation, discharged: self.discharged }
    }
}

macro_rules! facts {
    ($($variant:ident $(($inner:ident: $tuple:ty))?
        $({ $($(#[$attr:meta])* $field:ident: $ty:ty),* $(,)? })?;)*) => {
        #[derive(Serialize, Deserialize)]
        #[serde(tag = "type", content = "fact")]
        pub(crate) enum FactJson {
            $($variant $(($tuple))? $({
                $($(#[$attr])* #[serde(skip_serializing_if = "absent")] $field: $ty,)*
            })?,)*
        }
        impl Mirror<Fact> for FactJson {
            fn of(value: &Fact) -> Self {
                match value {
                    $(Fact::$variant $(($inner))? $({ $($field),* })? =>
                        Self::$variant $((Mirror::of($inner)))?
                            $({ $($field: Mirror::of($field)),* })?,)*
                }
            }
            fn back(self) -> Fact {
                match self {
                    $(Self::$variant $(($inner))? $({ $($field),* })? =>
                        Fact::$variant $((Mirror::back($inner)))?
                            $({ $($field: Mirror::back($field)),* })?,)*
                }
            }
        }
        /// The names that `type` takes, in the order of the model.
        pub const TYPES: &[&str] = &[$(stringify!($variant)),*];
        /// The `type` of a fact.
        pub fn type_of(fact: &Fact) -> &'static str {
            match fact { $(Fact::$variant { .. } => stringify!($variant),)* }
        }
    };
}

facts! {
    ProcessStarted { version: String };
    ProcessStopped;
    PolicyLoaded { sources: Vec<SourceJson> };
    PolicyRejected { source: String, diagnostics: String };
    TokenIssued(record: TokenJson);
    TokenRevoked { id: Text<TokenId>, by: Text<Principal> };
    SessionOpened { tokens: Vec<TokenJson> };
    SessionClosed;
    AttemptPermitted {
        asked: AskedJson,
        reasons: Vec<ReasonJson>,
        duties: Vec<DutyJson>,
        inspected: Text<Inspection>,
        refines: Option<Text<ReceiptId>>,
        grant: Option<Text<GrantId>>,
        delegated: bool,
        #[serde(default)] findings: OrNone<FindingJson>,
    };
    AttemptRefused {
        asked: AskedJson,
        control: Text<Control>,
        reason: String,
        hold: Option<Text<HoldId>>,
        refines: Option<Text<ReceiptId>>,
        #[serde(default)] findings: OrNone<FindingJson>,
    };
    RefusalsCounted { control: Text<Control>, count: u64, since: Text<Timestamp> };
    FlowEnded {
        permit: Text<ReceiptId>,
        address: Option<Text<IpAddr>>,
        sent: u64,
        received: u64,
        #[serde(rename = "lasted_us")] lasted: Micros,
        ending: Text<Ending>,
    };
    NameResolved {
        permit: Text<ReceiptId>,
        queries: u64,
        answered: u64,
        through: Vec<String>,
    };
    HoldPlaced { hold: Text<HoldId>, asked: Text<Digest>, summary: String, until: Text<Timestamp> };
    HoldResolved {
        hold: Text<HoldId>,
        resolution: Text<Resolution>,
        by: Option<Text<Principal>>,
        until: Option<Text<Timestamp>>,
    };
    QuarantineImposed {
        id: Text<QuarantineId>,
        target: TargetJson,
        by: Option<Text<Principal>>,
        reason: String,
    };
    QuarantineReleased { id: Text<QuarantineId>, by: Text<Principal>, reason: String };
    AlertRaised {
        id: Text<AlertId>,
        control: Text<Control>,
        severity: Text<Severity>,
        summary: String,
        cause: Option<Text<ReceiptId>>,
        count: u64,
    };
    GrantIssued { grant: GrantJson, by: Text<Principal>, reason: String };
    GrantRevoked { id: Text<GrantId>, by: Text<Principal> };
}
