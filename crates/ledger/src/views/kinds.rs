//! What the views show: plain values, copied out, with no tie to the ledger.
//! Next: `minutes`.

use backstop_model::control::{Control, Severity};
use backstop_model::event::{Resolution, TokenKind, TokenRecord};
use backstop_model::id::{
    AlertId, ByteCount, Digest, HoldId, Principal, QuarantineId, ReceiptId, SessionId, TokenId,
};
use backstop_model::standing::{Grant, Quarantined, Subject};
use backstop_model::time::Timestamp;

/// A token as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenView {
    /// Its public id.
    pub id: TokenId,
    /// Which kind.
    pub kind: TokenKind,
    /// SHA-256 of its random bits.
    pub hash: Digest,
    /// For runtime and operator tokens, whom it stands for.
    pub principal: Option<Principal>,
    /// What it is bound to.
    pub bound: Option<Subject>,
    /// When it was made.
    pub issued: Timestamp,
    /// When it ends; `None` for never.
    pub expires: Option<Timestamp>,
    /// When it was revoked, or its session closed.
    pub revoked: Option<Timestamp>,
}

impl TokenView {
    pub(crate) fn issued(record: &TokenRecord, issued: Timestamp) -> Self {
        let TokenRecord { id, kind, hash, principal, bound, expires } = record.clone();
        Self { id, kind, hash, principal, bound, issued, expires, revoked: None }
    }
    /// Whether it opens anything at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|end| now < end)
    }
}

/// A session as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// Session, tenant, role and ceiling.
    pub subject: Subject,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it was closed.
    pub closed: Option<Timestamp>,
    /// When the last of its tokens ends; `None` for never.
    pub expires: Option<Timestamp>,
    /// Its agent tokens, one for each skill.
    pub tokens: Vec<TokenView>,
    /// External calls in all: permits that tighten no other, name look-ups left out.
    pub calls: u64,
    /// Bytes sent, as its ended flows say.
    pub sent: ByteCount,
    /// Bytes received, as its ended flows say.
    pub received: ByteCount,
    /// Refusals, kept singly or counted.
    pub refused: u64,
}

/// A quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineView {
    /// Its id.
    pub id: QuarantineId,
    /// Session or skill.
    pub target: Quarantined,
    /// By whom; `None` when a control did it.
    pub by: Option<Principal>,
    /// Why.
    pub reason: String,
    /// Since when.
    pub imposed: Timestamp,
    /// Who released it, when and why; `None` while it binds.
    pub released: Option<Released>,
}

/// The end of a quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// By whom.
    pub by: Principal,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// An alert. The same id raised again brings its count and summary up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertView {
    /// Its id.
    pub id: AlertId,
    /// When it was first raised.
    pub raised: Timestamp,
    /// When it was last raised.
    pub latest: Timestamp,
    /// Whom it concerns.
    pub subject: Option<Subject>,
    /// The control.
    pub control: Control,
    /// How grave.
    pub severity: Severity,
    /// One sentence.
    pub summary: String,
    /// The receipt that caused it.
    pub cause: Option<ReceiptId>,
    /// How many refusals it stands for.
    pub count: u64,
}

/// A hold: a person must decide, or has decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldView {
    /// Its id.
    pub id: HoldId,
    /// Who asked.
    pub subject: Option<Subject>,
    /// The digest of what was asked.
    pub asked: Digest,
    /// What was asked, in a sentence.
    pub summary: String,
    /// When it was placed.
    pub placed: Timestamp,
    /// When it expires to Deny.
    pub until: Timestamp,
    /// How it ended; `None` while somebody may decide (until `until`).
    pub resolved: Option<Resolved>,
}

/// The end of a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Approved, denied or expired.
    pub resolution: Resolution,
    /// By whom; `None` when it expired.
    pub by: Option<Principal>,
    /// When.
    pub at: Timestamp,
    /// Until when an approval holds.
    pub until: Option<Timestamp>,
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantView {
    /// The grant itself.
    pub grant: Grant,
    /// By whom.
    pub by: Principal,
    /// Why.
    pub reason: String,
    /// When it was given.
    pub issued: Timestamp,
    /// Who took it back, and when.
    pub revoked: Option<Revoked>,
}

/// The end of a grant before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// By whom.
    pub by: Principal,
    /// When.
    pub at: Timestamp,
}
