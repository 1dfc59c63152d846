//! `dlp.*`: what was found, held to what this destination may receive.
//!
//! | finding | passes where |
//! |---|---|
//! | personal data | the row's recipient lists its entity |
//! | a credential | it is the registered value that the row binds to exactly this host |
//! | an encoded run | it stands in a field that the recipient declares |
//! | any, by its level | the level is at most the least ceiling of session, skill, tenant, recipient |
//! | a registered document | the same; where nobody has a ceiling, only of the lowest level |
//!
//! INVARIANT: each finding is judged for itself and only adds reasons, so that more findings never
//! loosen a verdict. A tenant's observe state softens nothing about registered values.
//! Must not know detectors or bytes. Next: `wire`.

use super::Reasons;
use crate::document::{Classification, OverCap, Recipient, Row};
use crate::policy::{Policy, TenantRules};
use backstop_model::attempt::{Attempt, Inspection};
use backstop_model::control::Control;
use backstop_model::finding::{Acts, Evidence, Finding, FindingRecord, Look, Part, PerMille};
use backstop_model::id::LevelName;
use backstop_model::standing::Subject;
use std::collections::BTreeMap;

/// The levels of a tenant without a classification, rising: those that detectors name.
const USUAL_LEVELS: [&str; 4] = ["public", "internal", "confidential", "restricted"];

/// The four controls of this room.
const CONTROLS: [Control; 4] =
    [Control::DlpPii, Control::DlpCredential, Control::DlpClassification, Control::DlpEncoded];

pub(super) fn judge(
    policy: &Policy,
    tenant: Option<&TenantRules>,
    subject: &Subject,
    row: Option<&Row>,
    attempt: &Attempt,
    evidence: &Evidence,
    reasons: &mut Reasons,
) {
    match &evidence.look {
        Look::Whole => {}
        Look::Unreadable(why) => {
            let text = format!("the payload cannot be read, so it cannot be judged: {why}");
            reasons.deny(Control::EgressUninspected, text);
        }
        Look::OverLimit(why) => {
            let text = format!("the payload is more than is looked at: {why}");
            reasons.deny(Control::Limit, text);
        }
    }
    let terms = policy.dlp_terms(subject, &attempt.destination);
    let missed = evidence
        .asked
        .as_ref()
        .and_then(|asked| terms.named.iter().find(|entity| !asked.contains(entity)));
    if let Some(entity) = missed {
        let text = format!("the payload was looked at before the policy named `{entity}`");
        reasons.deny(Control::EgressUninspected, text);
    }
    if attempt.sight == Inspection::Windows && terms.over_cap == OverCap::Refuse {
        let text = "the payload is larger than is held, and no row lets it leave in windows";
        reasons.deny_always(Control::Limit, text.to_owned());
    }
    let recipient = Receiver {
        row,
        recipient: row.and_then(|row| row.recipient.as_deref()),
        scale: Scale(tenant.and_then(|tenant| tenant.scheme.as_deref())),
        ceiling: Ceiling::of(policy, tenant, subject, row),
        threshold: terms.threshold,
    };
    let mut by_control: BTreeMap<Control, Objections<'_>> = BTreeMap::new();
    for finding in &evidence.findings {
        for objection in recipient.objections(finding) {
            by_control.entry(objection.control).or_default().add(objection);
        }
    }
    let seen = attempt.sight >= Inspection::Windows && evidence.look == Look::Whole;
    for control in CONTROLS {
        if let Some(objections) = by_control.remove(&control) {
            objections.deny(control, reasons);
        } else if seen {
            let of = |f: &&Finding| f.record.control == control && f.acts == Acts::Block;
            let text = match evidence.findings.iter().filter(of).count() {
                0 => String::new(),
                1 => "one finding, which this destination may receive".to_owned(),
                count => format!("{count} findings, which this destination may receive"),
            };
            reasons.pass(control, text);
        }
    }
    for (control, objections) in by_control {
        objections.deny(control, reasons);
    }
}

/// Why one finding may not leave.
struct Objection<'f> {
    control: Control,
    finding: &'f FindingRecord,
    because: String,
    softness: Softness,
}

/// Whether a tenant's observe state turns it into a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Softness {
    Observable,
    /// A registered value is a leak whatever the tenant tries out.
    Always,
}

/// All objections of one control.
#[derive(Default)]
struct Objections<'f> {
    first: Option<Objection<'f>>,
    more: usize,
    always: bool,
}

impl<'f> Objections<'f> {
    fn add(&mut self, objection: Objection<'f>) {
        self.always |= objection.softness == Softness::Always;
        match &self.first {
            None => self.first = Some(objection),
            Some(_) => self.more += 1,
        }
    }
    fn deny(self, control: Control, reasons: &mut Reasons) {
        let Some(first) = self.first else { return };
        let rest = if self.more == 0 { String::new() } else { format!(" and {} more", self.more) };
        let text = format!("{}{}{rest}", first.finding, first.because);
        if self.always {
            reasons.deny_always(control, text);
        } else {
            reasons.deny(control, text);
        }
    }
}

/// What a destination may receive.
struct Receiver<'p> {
    row: Option<&'p Row>,
    recipient: Option<&'p Recipient>,
    scale: Scale<'p>,
    ceiling: Option<Ceiling>,
    threshold: PerMille,
}

impl<'p> Receiver<'p> {
    /// Up to two: by the finding's own control, and by its level.
    fn objections<'f>(&self, finding: &'f Finding) -> impl Iterator<Item = Objection<'f>> {
        let record = &finding.record;
        let (own, level) = match finding.acts {
            Acts::Block => (self.own(record), self.level(record)),
            Acts::Note => (None, self.named_level(record)),
        };
        own.into_iter().chain(level)
    }

    fn own<'f>(&self, finding: &'f FindingRecord) -> Option<Objection<'f>> {
        let objection = |because: &str, softness| {
            Some(Objection {
                control: finding.control,
                finding,
                because: because.to_owned(),
                softness,
            })
        };
        match finding.control {
            Control::DlpPii => {
                let listed = self
                    .recipient
                    .is_some_and(|r| r.entities.iter().any(|(e, _)| *e == finding.kind));
                if listed || finding.score < self.threshold {
                    return None;
                }
                objection("", Softness::Observable)
            }
            Control::DlpCredential if self.is_bound(finding) => None,
            Control::DlpCredential if finding.canary.is_some() => {
                objection(", which is not bound to this host", Softness::Always)
            }
            Control::DlpCredential => objection("", Softness::Observable),
            Control::DlpEncoded => {
                let declared = finding.part == Part::Body
                    && self.recipient.is_some_and(|r| {
                        r.encoded_fields.iter().any(|field| field.matches(&finding.field))
                    });
                if declared { None } else { objection("", Softness::Observable) }
            }
            // Judged by its level alone.
            Control::DlpClassification => None,
            Control::Fault
            | Control::Limit
            | Control::Identity
            | Control::Quarantine
            | Control::WireFraming
            | Control::WireAuthority
            | Control::WireEch
            | Control::WireProtocol
            | Control::SsrfScheme
            | Control::SsrfAddress
            | Control::SsrfLiteral
            | Control::SsrfRedirect
            | Control::SsrfRebind
            | Control::UpstreamReach
            | Control::UpstreamTls
            | Control::EgressTenant
            | Control::EgressSkill
            | Control::EgressUninspected
            | Control::DnsUndeclared
            | Control::DnsLabelLength
            | Control::DnsUniqueRate
            | Control::DnsEntropy
            | Control::DnsPayload
            | Control::DnsRpz
            | Control::VolumeReceived
            | Control::VolumeCalls
            | Control::SandboxUndeclared => objection("", Softness::Observable),
        }
    }

    /// Whether the row binds this registered value to exactly its host.
    fn is_bound(&self, finding: &FindingRecord) -> bool {
        let bound = self.row.and_then(|row| row.credential.as_deref());
        match (bound, &finding.canary) {
            (Some(bound), Some(canary)) => bound.canary() == *canary,
            (Some(_) | None, _) => false,
        }
    }

    fn level<'f>(&self, finding: &'f FindingRecord) -> Option<Objection<'f>> {
        let Some(ceiling) = &self.ceiling else { return self.unbounded(finding) };
        // At home there is no leak; elsewhere its own control refuses.
        if finding.control == Control::DlpCredential && self.is_bound(finding) {
            return None;
        }
        let by_kind = [Control::DlpCredential, Control::DlpEncoded].contains(&finding.control);
        let own = (!by_kind).then(|| self.scale.own(finding));
        self.above(self.scale.named(finding).or(own)?, ceiling, finding)
    }

    /// A registered document where nobody has a ceiling. Somebody has said that it must not leave:
    /// who says nothing has not said that it may.
    fn unbounded<'f>(&self, finding: &'f FindingRecord) -> Option<Objection<'f>> {
        let registered = finding.control == Control::DlpClassification && finding.canary.is_some();
        let rank = self.scale.own(finding);
        (registered && rank > 0).then(|| Objection {
            control: Control::DlpClassification,
            finding,
            because: format!(" is `{}`, and no ceiling lets that leave", self.scale.name(rank)),
            softness: Softness::Observable,
        })
    }

    fn named_level<'f>(&self, finding: &'f FindingRecord) -> Option<Objection<'f>> {
        let rank = self.scale.named(finding)?;
        self.above(rank, self.ceiling.as_ref()?, finding)
    }

    fn above<'f>(
        &self,
        rank: usize,
        ceiling: &Ceiling,
        finding: &'f FindingRecord,
    ) -> Option<Objection<'f>> {
        (rank > ceiling.rank).then(|| Objection {
            control: Control::DlpClassification,
            finding,
            because: format!(
                " is `{}`, and {} ends at `{}`",
                self.scale.name(rank),
                ceiling.whose,
                ceiling.level
            ),
            softness: Softness::Observable,
        })
    }
}

/// A tenant's levels, or the usual ones.
#[derive(Clone, Copy)]
struct Scale<'p>(Option<&'p Classification>);

impl<'p> Scale<'p> {
    fn rank(self, level: &str) -> Option<usize> {
        match self.0 {
            Some(scheme) => scheme.levels.iter().position(|known| known.as_str() == level),
            None => USUAL_LEVELS.iter().position(|known| *known == level),
        }
    }
    fn name(self, rank: usize) -> &'p str {
        let name = match self.0 {
            Some(scheme) => scheme.levels.get(rank).map(LevelName::as_str),
            None => USUAL_LEVELS.get(rank).copied(),
        };
        name.unwrap_or("above all levels")
    }
    /// The level that the Classification gives to this kind.
    fn named(self, finding: &FindingRecord) -> Option<usize> {
        let level = self.0?.entities.get(&finding.kind)?;
        self.rank(level.as_str())
    }
    /// The detector's level; one that the tenant does not know is the highest, none at all is the
    /// Classification's `default`.
    fn own(self, finding: &FindingRecord) -> usize {
        let top = self.0.map_or(USUAL_LEVELS.len(), |s| s.levels.len()).saturating_sub(1);
        match (&finding.level, self.0) {
            (Some(level), _) => self.rank(level.as_str()).unwrap_or(top),
            (None, Some(scheme)) => self.rank(scheme.default.as_str()).unwrap_or(top),
            (None, None) => top,
        }
    }
}

/// The least of the ceilings that bind an attempt.
struct Ceiling {
    rank: usize,
    level: LevelName,
    whose: &'static str,
}

impl Ceiling {
    fn of(
        policy: &Policy,
        tenant: Option<&TenantRules>,
        subject: &Subject,
        row: Option<&Row>,
    ) -> Option<Self> {
        let scale = Scale(tenant.and_then(|tenant| tenant.scheme.as_deref()));
        let skill = subject
            .skill
            .as_ref()
            .and_then(|id| policy.skill_rules(&id.name, &id.version))
            .and_then(|rules| rules.document.ceiling.as_ref());
        let own = tenant.and_then(|t| t.document.ceiling.as_ref()).map(|(level, _)| level);
        let recipient = row
            .and_then(|row| row.recipient.as_deref())
            .and_then(|r| r.ceiling.as_ref())
            .map(|(level, _)| level);
        [
            (subject.ceiling.as_ref(), "the session"),
            (skill, "the skill"),
            (own, "the tenant"),
            (recipient, "the recipient"),
        ]
        .into_iter()
        .filter_map(|(level, whose)| {
            // Below a level that the classification does not know, only the lowest may pass.
            let level = level?;
            Some(Self {
                rank: scale.rank(level.as_str()).unwrap_or(0),
                level: level.clone(),
                whose,
            })
        })
        .min_by_key(|ceiling| ceiling.rank)
    }
}
