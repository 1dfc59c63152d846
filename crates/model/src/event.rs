//! Events: facts in the past tense. They are what the ledger keeps and everything else folds over.
//!
//! An event never holds matched bytes, query strings, userinfo or tokens. The record form
//! (serde, JSON) belongs to the ledger.

use crate::attempt::{Inspection, Plane};
use crate::control::{Control, Severity};
use crate::finding::FindingRecord;
use crate::id::{
    AlertId, ByteCount, Digest, GrantId, HoldId, Principal, QuarantineId, ReceiptId, TokenId,
};
use crate::standing::{Grant, Quarantined, Subject};
use crate::time::Timestamp;
use crate::verdict::{Duty, Reason};
use std::net::IpAddr;
use std::time::Duration;

/// One fact, with when, under which policy and of whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The receipt: unique, and what people quote.
    pub receipt: ReceiptId,
    /// When it happened.
    pub at: Timestamp,
    /// The digest of the policy in force.
    pub policy: Digest,
    /// Whom it concerns; `None` for the process itself.
    pub subject: Option<Subject>,
    /// What happened.
    pub fact: Fact,
}

/// What was asked, as it is recorded: no query string, no userinfo, no payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The plane.
    pub plane: Plane,
    /// The host as normalised text; for what could not be parsed, the text cut to 255 characters
    /// with control characters escaped.
    pub host: String,
    /// The port; 0 when unknown.
    pub port: u16,
    /// `connect`, `hello`, `opaque`, or the HTTP method.
    pub act: String,
    /// The path without query, cut to 1,024 bytes; empty where there is none.
    pub path: String,
}

/// LIMIT: findings that one event keeps; its reasons count the rest.
pub const FINDINGS_KEPT: usize = 16;

/// LIMIT: names of a CNAME chain that one event keeps.
pub const CHAIN_KEPT: usize = 16;

/// Why a flow ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Both sides were done.
    Closed,
    /// Nothing moved for as long as the row allows.
    Idle,
    /// It was cut: policy or standing no longer permits it.
    Revoked,
    /// The process stopped.
    Drained,
    /// The network or a peer failed.
    Failed,
    /// The client went away before the upstream was reached.
    Abandoned,
}

/// Which kind of token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// May ask: one session, one skill version.
    Agent,
    /// Opens sessions, bound to tenant, role and ceiling.
    Runtime,
    /// Releases, approves, grants.
    Operator,
}

/// A token as it is kept: only its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// Its public id.
    pub id: TokenId,
    /// Which kind.
    pub kind: TokenKind,
    /// SHA-256 of the token's 256 random bits (no salt needed at that entropy).
    pub hash: Digest,
    /// For runtime and operator tokens, the person or machine it stands for.
    pub principal: Option<Principal>,
    /// What it is bound to: session and skill for agent tokens, tenant, role and ceiling for runtime tokens.
    pub bound: Option<Subject>,
    /// When it ends; `None` for never.
    pub expires: Option<Timestamp>,
}

/// The fact itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A process began to write to this ledger.
    ProcessStarted {
        /// Its version.
        version: String,
    },
    /// It ended in good order.
    ProcessStopped,
    /// A policy took effect; the texts are kept so that the past can be judged again.
    PolicyLoaded {
        /// File name and full text of each document file.
        sources: Vec<(String, String)>,
    },
    /// A policy text was refused; what was in force stays.
    PolicyRejected {
        /// The file.
        source: String,
        /// The diagnostics, rendered.
        diagnostics: String,
    },
    /// A token was made.
    TokenIssued(TokenRecord),
    /// A token was revoked.
    TokenRevoked {
        /// Its public id.
        id: TokenId,
        /// By whom.
        by: Principal,
    },
    /// A session was opened (subject: its session, tenant, role, ceiling).
    SessionOpened {
        /// Its agent tokens, one for each skill.
        tokens: Vec<TokenRecord>,
    },
    /// A session was closed.
    SessionClosed,
    /// An attempt was permitted: on record before it takes effect.
    AttemptPermitted {
        /// What was asked.
        asked: Asked,
        /// The controls that had something to say (not those that merely passed).
        reasons: Vec<Reason>,
        /// What the permit obliges to.
        duties: Vec<Duty>,
        /// How deep this path looks.
        inspected: Inspection,
        /// The permit that this one tightens, if any.
        refines: Option<ReceiptId>,
        /// The grant it leans on.
        grant: Option<GrantId>,
        /// `direct`, or `delegated` where an upstream proxy resolves the name.
        delegated: bool,
        /// What was found in what left and may go there, the gravest first; at most
        /// [`FINDINGS_KEPT`].
        findings: Vec<FindingRecord>,
    },
    /// An attempt was refused (or put on hold: then `hold` is set).
    AttemptRefused {
        /// What was asked.
        asked: Asked,
        /// The control that refused.
        control: Control,
        /// Why.
        reason: String,
        /// The hold, if a person may still approve.
        hold: Option<HoldId>,
        /// The permit that failed at a later stage, if any.
        refines: Option<ReceiptId>,
        /// What was found in what would have left, the gravest first; at most [`FINDINGS_KEPT`].
        findings: Vec<FindingRecord>,
    },
    /// Refusals past the recording rate of a session, counted instead of kept singly.
    RefusalsCounted {
        /// The control.
        control: Control,
        /// How many.
        count: u64,
        /// The first of them.
        since: Timestamp,
    },
    /// A flow ended.
    FlowEnded {
        /// The permit it ran under.
        permit: ReceiptId,
        /// The address that was dialled, if one was.
        address: Option<IpAddr>,
        /// Bytes sent to the upstream.
        sent: ByteCount,
        /// Bytes received from it.
        received: ByteCount,
        /// How long it lived.
        lasted: Duration,
        /// Why it ended.
        ending: Ending,
    },
    /// What came of a name's permit, by the time the next one was due.
    NameResolved {
        /// The permit: the counter row of session, name and minute.
        permit: ReceiptId,
        /// How often it was asked.
        queries: u64,
        /// Octets of the answers.
        answered: ByteCount,
        /// The names that it led through (CNAME), in order; at most [`CHAIN_KEPT`].
        through: Vec<String>,
    },
    /// A person must decide about something.
    HoldPlaced {
        /// The hold.
        hold: HoldId,
        /// The digest of what was asked.
        asked: Digest,
        /// What was asked, in a sentence.
        summary: String,
        /// When it expires to Deny.
        until: Timestamp,
    },
    /// A person decided.
    HoldResolved {
        /// The hold.
        hold: HoldId,
        /// Whether it was approved (otherwise denied).
        resolution: Resolution,
        /// By whom; `None` when it expired.
        by: Option<Principal>,
        /// Until when an approval holds.
        until: Option<Timestamp>,
    },
    /// A quarantine began.
    QuarantineImposed {
        /// Its id.
        id: QuarantineId,
        /// Session or skill.
        target: Quarantined,
        /// By whom; `None` when a control did it.
        by: Option<Principal>,
        /// Why.
        reason: String,
    },
    /// A named person ended a quarantine.
    QuarantineReleased {
        /// Its id.
        id: QuarantineId,
        /// By whom.
        by: Principal,
        /// Why.
        reason: String,
    },
    /// Somebody should look.
    AlertRaised {
        /// Its id.
        id: AlertId,
        /// The control.
        control: Control,
        /// How grave.
        severity: Severity,
        /// One sentence.
        summary: String,
        /// The receipt that caused it.
        cause: Option<ReceiptId>,
        /// How many refusals of this kind it stands for.
        count: u64,
    },
    /// A person allowed a host for a time.
    GrantIssued {
        /// The grant.
        grant: Grant,
        /// By whom.
        by: Principal,
        /// Why.
        reason: String,
    },
    /// A person took a grant back.
    GrantRevoked {
        /// The grant.
        id: GrantId,
        /// By whom.
        by: Principal,
    },
}

/// How a hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// A person approved it.
    Approved,
    /// A person denied it.
    Denied,
    /// Nobody decided in time: denied.
    Expired,
}
