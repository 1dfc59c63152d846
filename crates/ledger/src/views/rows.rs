//! What stands, as rows of the `standing` table, and back.
//!
//! A row that cannot be read is a fault: half a standing could let through what a quarantine
//! forbids. Next: the parent.

use super::kinds::{
    AlertView, GrantView, HoldView, QuarantineView, Released, Resolved, Revoked, SessionView,
    TokenView,
};
use super::minutes::Minutes;
use super::state::{Key, Live, State};
use crate::record::facts::{GrantJson, SubjectJson, TargetJson};
use crate::record::words::{Mirror, Text, mirror};
use crate::store::StandingRow;
use backstop_model::control::{Control, Severity};
use backstop_model::event::{Resolution, TokenKind};
use backstop_model::id::{
    AlertId, Digest, HoldId, Principal, QuarantineId, ReceiptId, SessionId, TokenId,
};
use backstop_model::time::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

mirror! {
    SessionJson = SessionView {
        id: Text<SessionId>,
        subject: SubjectJson,
        opened: Text<Timestamp>,
        closed: Option<Text<Timestamp>>,
        expires: Option<Text<Timestamp>>,
        tokens: Vec<TokenJson>,
        calls: u64,
        sent: u64,
        received: u64,
        refused: u64,
    }
    TokenJson = TokenView {
        id: Text<TokenId>,
        kind: Text<TokenKind>,
        hash: Text<Digest>,
        principal: Option<Text<Principal>>,
        bound: Option<SubjectJson>,
        issued: Text<Timestamp>,
        expires: Option<Text<Timestamp>>,
        revoked: Option<Text<Timestamp>>,
    }
    ReleasedJson = Released {
        by: Text<Principal>,
        at: Text<Timestamp>,
        reason: String,
    }
    QuarantineJson = QuarantineView {
        id: Text<QuarantineId>,
        target: TargetJson,
        by: Option<Text<Principal>>,
        reason: String,
        imposed: Text<Timestamp>,
        released: Option<ReleasedJson>,
    }
    AlertJson = AlertView {
        id: Text<AlertId>,
        raised: Text<Timestamp>,
        latest: Text<Timestamp>,
        subject: Option<SubjectJson>,
        control: Text<Control>,
        severity: Text<Severity>,
        summary: String,
        cause: Option<Text<ReceiptId>>,
        count: u64,
    }
    ResolvedJson = Resolved {
        resolution: Text<Resolution>,
        by: Option<Text<Principal>>,
        at: Text<Timestamp>,
        until: Option<Text<Timestamp>>,
    }
    HoldJson = HoldView {
        id: Text<HoldId>,
        subject: Option<SubjectJson>,
        asked: Text<Digest>,
        summary: String,
        placed: Text<Timestamp>,
        until: Text<Timestamp>,
        resolved: Option<ResolvedJson>,
    }
    RevokedJson = Revoked {
        by: Text<Principal>,
        at: Text<Timestamp>,
    }
    GrantViewJson = GrantView {
        grant: GrantJson,
        by: Text<Principal>,
        reason: String,
        issued: Text<Timestamp>,
        revoked: Option<RevokedJson>,
    }
}

/// A session, the ids of its tokens and its call window. Once it has ended its tokens are copied
/// in, so that it can be shown after they are forgotten.
#[derive(Serialize, Deserialize)]
struct LiveJson {
    session: SessionJson,
    tokens: Vec<Text<TokenId>>,
    window: Vec<(i64, u32)>,
}

/// A row of `standing` that this version cannot read.
#[derive(Debug, thiserror::Error)]
#[error("what stands cannot be read: {kind} `{id}`: {what}")]
pub(crate) struct RowFault {
    kind: String,
    id: String,
    what: String,
}

impl State {
    /// The rows of everything that changed since the last flush. The caller clears `dirty` once
    /// they are committed.
    pub(crate) fn dirty_rows(&self) -> Vec<StandingRow> {
        self.dirty.iter().filter_map(|key| self.row(key)).collect()
    }

    fn row(&self, key: &Key) -> Option<StandingRow> {
        Some(match key {
            Key::Session(id) => {
                let live = self.sessions.get(id)?;
                let json = LiveJson {
                    session: Mirror::of(&super::shown(self, live)),
                    tokens: live.tokens.iter().cloned().map(Text).collect(),
                    window: live.window.0.iter().copied().collect(),
                };
                row("session", id.as_str(), live.view.ended(), &json)
            }
            Key::Token(id) => {
                let view = self.tokens.get(id)?;
                row("token", id.as_str(), view.ended(), &TokenJson::of(view))
            }
            Key::Quarantine(id) => {
                let view = self.quarantines.get(id)?;
                row("quarantine", id.as_str(), view.ended(), &QuarantineJson::of(view))
            }
            Key::Alert(id) => {
                let view = self.alerts.get(id)?;
                row("alert", id.as_str(), Some(view.latest), &AlertJson::of(view))
            }
            Key::Hold(id) => {
                let view = self.holds.get(id)?;
                row("hold", id.as_str(), view.ended(), &HoldJson::of(view))
            }
            Key::Grant(id) => {
                let view = self.grants.get(id)?;
                row("grant", id.as_str(), view.ended(), &GrantViewJson::of(view))
            }
        })
    }

    /// Takes one row back in.
    pub(crate) fn restore(&mut self, kind: &str, id: &str, body: &str) -> Result<(), RowFault> {
        let fault = |what: String| RowFault { kind: kind.to_owned(), id: id.to_owned(), what };
        match kind {
            "session" => {
                let (live, _) = live(body).map_err(fault)?;
                self.put_session(live);
            }
            "token" => self.put_token(parse::<TokenJson>(body).map_err(fault)?.back()),
            "quarantine" => {
                self.put_quarantine(parse::<QuarantineJson>(body).map_err(fault)?.back());
            }
            "alert" => self.put_alert(parse::<AlertJson>(body).map_err(fault)?.back()),
            "hold" => self.put_hold(parse::<HoldJson>(body).map_err(fault)?.back()),
            "grant" => self.put_grant(parse::<GrantViewJson>(body).map_err(fault)?.back()),
            _ => return Err(fault("the kind is not known".into())),
        }
        Ok(())
    }
}

/// The session in a row, with its tokens as they were.
pub(crate) fn session(body: &str) -> Option<SessionView> {
    live(body).ok().map(|(live, tokens)| SessionView { tokens, ..live.view })
}

fn live(body: &str) -> Result<(Live, Vec<TokenView>), String> {
    let LiveJson { session, tokens, window } = parse(body)?;
    let mut view: SessionView = session.back();
    let shown = std::mem::take(&mut view.tokens);
    let tokens = tokens.into_iter().map(|id| id.0).collect();
    let window = Minutes(window.into_iter().collect());
    Ok((Live { view, tokens, window }, shown))
}

fn row(
    kind: &'static str,
    id: &str,
    ended: Option<Timestamp>,
    json: &impl Serialize,
) -> StandingRow {
    let body = serde_json::to_string(json).unwrap_or_default();
    StandingRow { kind, id: id.to_owned(), ended, body }
}

fn parse<T: DeserializeOwned>(body: &str) -> Result<T, String> {
    serde_json::from_str(body).map_err(|fault| fault.to_string())
}
