//! The bodies of the API, each described once. A table: one record after the other.
//! Must not know how they are answered. Next: `routes`.

use crate::forms::{
    ACTING_SKILL, ALERT_ID, DIGEST, GRANT_ID, HOLD_ID, HOST, INSTANT, LEVEL, METHOD, PRINCIPAL,
    QUARANTINE_ID, RECEIPT_ID, ROLE, SESSION_ID, SKILL, SPAN, TENANT, TOKEN_ID, VERSION,
};
use crate::schema::{Record, Shape, may, must};

const REASON: Shape = Shape::Text { min: 3, max: 1_000 };
const SENTENCE: Shape = Shape::Text { min: 0, max: 10_000 };
const NAME: Shape = Shape::Text { min: 1, max: 255 };
const ANY_COUNT: Shape = Shape::Count { min: 0, max: u64::MAX };
const MANY: usize = 1_000_000;

/// A list of `record`s in answers.
macro_rules! many {
    ($record:ident) => {
        Shape::List { of: &Shape::Record(&$record), max: MANY }
    };
}

pub(crate) static SKILL_REF: Record = Record {
    name: "SkillRef",
    about: "A skill by name and version.",
    fields: &[
        must("name", SKILL, "The skill's name."),
        must("version", VERSION, "The skill's version."),
    ],
};

pub(crate) static SKILL_ID: Record = Record {
    name: "SkillId",
    about: "A skill version with the digest of its manifest.",
    fields: &[
        must("name", SKILL, "The skill's name."),
        must("version", VERSION, "The skill's version."),
        must("digest", DIGEST, "SHA-256 of its manifest."),
    ],
};

pub(crate) static SUBJECT: Record = Record {
    name: "Subject",
    about: "Who acts.",
    fields: &[
        may("session", SESSION_ID, "The session."),
        must("tenant", TENANT, "The tenant."),
        may("role", ROLE, "The role."),
        may("skill", Shape::Record(&SKILL_ID), "The acting skill."),
        may("maxClassificationLevel", LEVEL, "The session's own ceiling."),
    ],
};

pub(crate) static SESSION_REQUEST: Record = Record {
    name: "SessionRequest",
    about: "A session to open.",
    fields: &[
        must("tenant", TENANT, "The tenant; a runtime token's own."),
        may("role", ROLE, "The role; a runtime token's own where it is bound to one."),
        must(
            "skills",
            Shape::List { of: &Shape::Record(&SKILL_REF), max: 64 },
            "The skills that may act; one token is made for each.",
        ),
        may("maxClassificationLevel", LEVEL, "The session's own ceiling."),
        may("for", SPAN, "How long its tokens live."),
    ],
};

pub(crate) static SKILL_TOKEN: Record = Record {
    name: "SkillToken",
    about: "An agent token. It is shown once.",
    fields: &[
        must("skill", Shape::Record(&SKILL_ID), "The skill that acts with it."),
        must("token", NAME, "The bearer token."),
    ],
};

pub(crate) static OPENED: Record = Record {
    name: "OpenedSession",
    about: "A session that was opened, with its tokens.",
    fields: &[
        must("id", SESSION_ID, "The session."),
        must("expires", INSTANT, "When its tokens end."),
        must("tokens", many!(SKILL_TOKEN), "One token for each skill."),
    ],
};

pub(crate) static SESSION: Record = Record {
    name: "Session",
    about: "A session as it stands.",
    fields: &[
        must("id", SESSION_ID, "Its id."),
        must("tenant", TENANT, "The tenant."),
        may("role", ROLE, "The role."),
        may("maxClassificationLevel", LEVEL, "Its own ceiling."),
        must("skills", many!(SKILL_ID), "The skills that may act."),
        must("opened", INSTANT, "When it was opened."),
        may("closed", INSTANT, "When it was closed."),
        may("expires", INSTANT, "When its last token ends."),
        must("calls", ANY_COUNT, "External calls."),
        must("sent", ANY_COUNT, "Bytes sent."),
        must("received", ANY_COUNT, "Bytes received."),
        must("refused", ANY_COUNT, "Refusals."),
    ],
};

pub(crate) static SESSIONS: Record = Record {
    name: "Sessions",
    about: "Sessions, oldest first.",
    fields: &[must("sessions", many!(SESSION), "The sessions.")],
};

pub(crate) static TOKEN_REQUEST: Record = Record {
    name: "TokenRequest",
    about: "A token to make. Agent tokens come with sessions alone.",
    fields: &[
        must("kind", Shape::Word(&["runtime", "operator"]), "Which kind."),
        must("principal", PRINCIPAL, "Whom it stands for; every act done with it names this one."),
        may("tenant", TENANT, "For a runtime token, and needed there: the tenant it is bound to."),
        may("role", ROLE, "For a runtime token: the role it is bound to."),
        may("maxClassificationLevel", LEVEL, "For a runtime token: the highest ceiling."),
        may("for", SPAN, "How long it lives; for ever if left out."),
    ],
};

pub(crate) static MADE_TOKEN: Record = Record {
    name: "IssuedToken",
    about: "A token that was made. It is shown once.",
    fields: &[
        must("id", TOKEN_ID, "Its public id."),
        must("token", NAME, "The bearer token."),
        may("expires", INSTANT, "When it ends."),
    ],
};

pub(crate) static TOKEN: Record = Record {
    name: "Token",
    about: "A token as it stands; the token itself is not kept.",
    fields: &[
        must("id", TOKEN_ID, "Its public id."),
        must("kind", Shape::Word(&["agent", "runtime", "operator"]), "Which kind."),
        may("principal", PRINCIPAL, "Whom it stands for."),
        may("bound", Shape::Record(&SUBJECT), "What it is bound to."),
        must("issued", INSTANT, "When it was made."),
        may("expires", INSTANT, "When it ends."),
        may("revoked", INSTANT, "When it was revoked, or its session closed."),
    ],
};

pub(crate) static TOKENS: Record = Record {
    name: "Tokens",
    about: "Runtime and operator tokens; a session shows its own.",
    fields: &[must("tokens", many!(TOKEN), "The tokens.")],
};

pub(crate) static ALERT: Record = Record {
    name: "Alert",
    about: "Something that somebody should look at.",
    fields: &[
        must("id", ALERT_ID, "Its id."),
        must("raised", INSTANT, "When it was first raised."),
        must("latest", INSTANT, "When it was last raised."),
        may("subject", Shape::Record(&SUBJECT), "Whom it concerns."),
        must("control", NAME, "The control."),
        must("severity", Shape::Word(&["INFO", "WARNING", "HIGH", "CRITICAL"]), "How grave."),
        must("summary", SENTENCE, "One sentence."),
        may("cause", RECEIPT_ID, "The receipt that caused it."),
        must("count", ANY_COUNT, "How many refusals it stands for."),
    ],
};

pub(crate) static ALERTS: Record = Record {
    name: "Alerts",
    about: "Alerts, oldest first.",
    fields: &[must("alerts", many!(ALERT), "The alerts.")],
};

pub(crate) static QUARANTINE_REQUEST: Record = Record {
    name: "QuarantineRequest",
    about: "What to put in quarantine: a session, or a skill version in one tenant or everywhere.",
    fields: &[
        may("session", SESSION_ID, "The session; then no skill and no tenant."),
        may("skill", Shape::Record(&SKILL_REF), "The skill version."),
        may("tenant", TENANT, "Only within this tenant."),
        must("reason", REASON, "Why."),
    ],
};

pub(crate) static TARGET: Record = Record {
    name: "QuarantineTarget",
    about: "What is in quarantine.",
    fields: &[
        may("session", SESSION_ID, "A session."),
        may("skill", Shape::Record(&SKILL_ID), "A skill version."),
        may("tenant", TENANT, "Within this tenant alone."),
    ],
};

pub(crate) static RELEASED: Record = Record {
    name: "Release",
    about: "The end of a quarantine.",
    fields: &[
        must("by", PRINCIPAL, "Who released it."),
        must("at", INSTANT, "When."),
        must("reason", SENTENCE, "Why."),
    ],
};

pub(crate) static QUARANTINE: Record = Record {
    name: "Quarantine",
    about: "A quarantine: everything is denied until a named person releases it.",
    fields: &[
        must("id", QUARANTINE_ID, "Its id."),
        must("target", Shape::Record(&TARGET), "What is in it."),
        may("by", PRINCIPAL, "Who imposed it; absent where a control did."),
        must("reason", SENTENCE, "Why."),
        must("imposed", INSTANT, "Since when."),
        may("released", Shape::Record(&RELEASED), "Its end."),
    ],
};

pub(crate) static QUARANTINES: Record = Record {
    name: "Quarantines",
    about: "Quarantines, oldest first.",
    fields: &[must("quarantines", many!(QUARANTINE), "The quarantines.")],
};

pub(crate) static REASONED: Record = Record {
    name: "Reasoned",
    about: "An act that needs a reason.",
    fields: &[must("reason", REASON, "Why.")],
};

pub(crate) static HOLD: Record = Record {
    name: "Hold",
    about: "Something that a person must decide; it expires to a refusal.",
    fields: &[
        must("id", HOLD_ID, "Its id."),
        may("subject", Shape::Record(&SUBJECT), "Who asked."),
        must("asked", DIGEST, "The digest of what was asked."),
        must("summary", SENTENCE, "What was asked."),
        must("placed", INSTANT, "When it was placed."),
        must("until", INSTANT, "When it expires."),
        must("state", Shape::Word(&["open", "approved", "denied", "expired"]), "How it stands."),
        may("by", PRINCIPAL, "Who decided."),
        may("resolved", INSTANT, "When it was decided."),
        may("approvedUntil", INSTANT, "Until when an approval holds."),
    ],
};

pub(crate) static HOLDS: Record = Record {
    name: "Holds",
    about: "Holds, oldest first.",
    fields: &[must("holds", many!(HOLD), "The holds.")],
};

pub(crate) static APPROVAL: Record = Record {
    name: "ApprovalRequest",
    about: "An approval of exactly what was asked.",
    fields: &[may("for", SPAN, "How long it holds; an hour if left out.")],
};

pub(crate) static APPROVED: Record = Record {
    name: "Approval",
    about: "An approval.",
    fields: &[must("until", INSTANT, "Until when it holds.")],
};

pub(crate) static NOTHING: Record =
    Record { name: "Nothing", about: "An object without fields.", fields: &[] };

pub(crate) static GRANT_REQUEST: Record = Record {
    name: "GrantRequest",
    about: "A host to allow for a time, at most 7 days.",
    fields: &[
        must("host", HOST, "The exact host."),
        may("port", Shape::Count { min: 1, max: 65_535 }, "The port; 443 if left out."),
        must("tenant", TENANT, "The tenant."),
        must("skill", SKILL, "The skill it is for."),
        must("for", SPAN, "How long, at most 7d."),
        must("reason", REASON, "Why."),
    ],
};

pub(crate) static GRANT: Record = Record {
    name: "Grant",
    about: "A permission that a person gave for a time.",
    fields: &[
        must("id", GRANT_ID, "Its id."),
        must("host", HOST, "The exact host."),
        must("port", Shape::Count { min: 1, max: 65_535 }, "The port."),
        must("tenant", TENANT, "The tenant."),
        must("skill", SKILL, "The skill it is for."),
        must("until", INSTANT, "When it ends by itself."),
        must("by", PRINCIPAL, "Who gave it."),
        must("reason", SENTENCE, "Why."),
        must("issued", INSTANT, "When it was given."),
        may("revoked", INSTANT, "When it was taken back."),
        may("revokedBy", PRINCIPAL, "Who took it back."),
    ],
};

pub(crate) static GRANTS: Record = Record {
    name: "Grants",
    about: "Grants, oldest first.",
    fields: &[must("grants", many!(GRANT), "The grants.")],
};

pub(crate) static GRANTED: Record = Record {
    name: "IssuedGrant",
    about: "A grant that was given.",
    fields: &[must("id", GRANT_ID, "Its id."), must("until", INSTANT, "When it ends by itself.")],
};

pub(crate) static IMPOSED: Record = Record {
    name: "ImposedQuarantine",
    about: "A quarantine that was imposed.",
    fields: &[must("id", QUARANTINE_ID, "Its id.")],
};

pub(crate) static EVENT: Record = Record {
    name: "Event",
    about: "An event of the ledger, as `ledger export` writes it and event streams carry it.",
    fields: &[
        must("seq", ANY_COUNT, "Its row."),
        must("hash", DIGEST, "The row's hash in the chain."),
        must("version", ANY_COUNT, "The version of the record's form."),
        must("receipt", RECEIPT_ID, "Its receipt."),
        must("at", NAME, "When it happened (RFC 3339)."),
        must("policy", DIGEST, "The digest of the policy in force."),
        may("subject", Shape::Open, "Whom it concerns: session, tenant, role, skill, ceiling."),
        must("type", Shape::Word(backstop_ledger::record::TYPES), "What happened."),
        must("fact", Shape::Open, "The fact; its fields hang on the type."),
    ],
};

pub(crate) static DIAGNOSTIC: Record = Record {
    name: "Diagnostic",
    about: "What was found in a policy text.",
    fields: &[
        must("level", Shape::Word(&["error", "warning", "note"]), "How grave."),
        must("code", NAME, "Its stable code."),
        must("source", SENTENCE, "The file."),
        must("line", ANY_COUNT, "The line, from 1."),
        must("column", ANY_COUNT, "The column, from 1."),
        must("message", SENTENCE, "What is wrong."),
        may("hint", SENTENCE, "What to do."),
    ],
};

pub(crate) static SOURCE: Record = Record {
    name: "PolicySource",
    about: "A policy text in force.",
    fields: &[must("name", SENTENCE, "The file."), must("digest", DIGEST, "SHA-256 of its text.")],
};

pub(crate) static POLICY: Record = Record {
    name: "Policy",
    about: "The policy in force.",
    fields: &[
        must("digest", DIGEST, "The policy's digest, as every receipt carries it."),
        must("tenants", Shape::List { of: &TENANT, max: MANY }, "All tenants, sorted."),
        must("sources", many!(SOURCE), "The texts in force."),
        must("diagnostics", many!(DIAGNOSTIC), "What loading these texts has to say."),
    ],
};

pub(crate) static EXPLAIN_REQUEST: Record = Record {
    name: "ExplainRequest",
    about: "A question without effect: a target and who would ask, or a receipt alone.",
    fields: &[
        may("target", Shape::Text { min: 1, max: 8_192 }, "A URL, or host:port."),
        may("receipt", RECEIPT_ID, "A recorded answer to explain; then nothing else."),
        may("tenant", TENANT, "The tenant; needed with a target."),
        may(
            "skill",
            ACTING_SKILL,
            "The acting skill: name@version, or the name of the only version.",
        ),
        may("role", ROLE, "The role."),
        may("method", METHOD, "The HTTP method, for a URL; GET if left out."),
    ],
};

pub(crate) static RULING: Record = Record {
    name: "ControlAnswer",
    about: "One control's answer.",
    fields: &[
        must("id", NAME, "The control."),
        must(
            "answer",
            Shape::Word(&["pass", "skipped", "would_deny", "hold", "deny"]),
            "What it says.",
        ),
        must("reason", SENTENCE, "Why."),
    ],
};

pub(crate) static DUTY: Record = Record {
    name: "Duty",
    about: "What a permit obliges to.",
    fields: &[
        must("obligation", NAME, "What is owed."),
        must("discharged", Shape::Flag, "Whether this path pays it."),
    ],
};

pub(crate) static FINDING: Record = Record {
    name: "Finding",
    about: "Something found in a payload. Never the bytes.",
    fields: &[
        must("control", NAME, "The control that it belongs to."),
        must("kind", NAME, "What kind: `US_SSN`, `AWS_ACCESS_KEY`, …"),
        must("part", Shape::Word(&["body", "query", "path", "header", "host"]), "Where it stood."),
        must("field", SENTENCE, "A JSON Pointer within that part; empty for the whole of it."),
        must("chain", SENTENCE, "What was undone to see it: `base64 → gzip`."),
        may("level", NAME, "The classification level that its detector gives it."),
        may("canary", NAME, "The name of the registered value that it is."),
        must("scorePerMille", ANY_COUNT, "How sure the detector is, of 1000."),
        must("length", ANY_COUNT, "How long it is, in bytes."),
        must("digest", NAME, "A keyed digest: equal values are equal while the process runs."),
    ],
};

pub(crate) static ROW: Record = Record {
    name: "RowTerms",
    about: "What the connection layer takes from a row.",
    fields: &[
        must(
            "allowPrivate",
            Shape::List { of: &NAME, max: MANY },
            "Private networks that the host may resolve to.",
        ),
        may("idleSeconds", ANY_COUNT, "How long a connection may be idle."),
        must("inspect", SENTENCE, "How deep the traffic is looked into."),
    ],
};

pub(crate) static EXPLANATION: Record = Record {
    name: "Explanation",
    about: "What each control says, in order, and the verdict.",
    fields: &[
        must("verdict", Shape::Word(&["allow", "hold", "deny"]), "The maximum over all controls."),
        must("controls", many!(RULING), "Each control's answer, in order."),
        must("findings", many!(FINDING), "What was found in the payload, as it is on record."),
        must("duties", many!(DUTY), "What a permit would oblige to."),
        may("hint", SENTENCE, "How to allow it; for operators alone."),
        must("asked", SENTENCE, "What was asked, in words."),
        must(
            "row",
            Shape::Record(&ROW),
            "What the connection layer takes from the row that matches.",
        ),
        must("policy", DIGEST, "The digest of the policy that answers."),
        may("receipt", RECEIPT_ID, "The receipt that is explained."),
        may("at", INSTANT, "When it was given."),
    ],
};

pub(crate) static HEALTH: Record = Record {
    name: "Health",
    about: "Whether the process lives.",
    fields: &[
        must("status", Shape::Word(&["ok"]), "Always `ok`."),
        must("version", NAME, "The version."),
    ],
};

pub(crate) static READINESS: Record = Record {
    name: "Readiness",
    about: "Whether every room is ready.",
    fields: &[
        must("ready", Shape::Flag, "Whether traffic should come here."),
        must("waiting", Shape::List { of: &NAME, max: 1_000 }, "The rooms that are not ready."),
    ],
};

/// Presidio's requests. They are described here and read by `analyzer`, which takes what nobody
/// reads, and `null` for nothing.
pub(crate) static ANALYZE_REQUEST: Record = Record {
    name: "AnalyzeRequest",
    about: "Texts to look through. Fields that are not listed are taken and not read.",
    fields: &[
        must("text", Shape::Any, "A text, or a list of texts."),
        must("language", NAME, "Their language, as `en`."),
        may("entities", Shape::Any, "Only these entities: a list of names."),
        may(
            "score_threshold",
            Shape::Any,
            "Only findings of at least this score: a number from 0 to 1.",
        ),
        may("return_decision_process", Shape::Flag, "Whether to say how each score came about."),
        may(
            "ad_hoc_recognizers",
            Shape::Any,
            "Recognizers of this request alone: a list as in Presidio's YAML.",
        ),
        may("context", Shape::Any, "Words that count as standing near every finding: a list."),
        may("allow_list", Shape::Any, "Values, or patterns, that are no findings: a list."),
        may("allow_list_match", Shape::Word(&["exact", "regex"]), "How the allow-list is read."),
        may("regex_flags", ANY_COUNT, "Python's flags for the patterns of the allow-list."),
        may("correlation_id", NAME, "Taken and not read."),
    ],
};

pub(crate) static ANONYMIZE_REQUEST: Record = Record {
    name: "AnonymizeRequest",
    about: "A text, what was found in it, and what to do to it.",
    fields: &[
        must("text", Shape::Any, "A text, or a list of texts."),
        must(
            "analyzer_results",
            Shape::Any,
            "What `/analyze` answered; a list of such lists for a list of texts.",
        ),
        may(
            "anonymizers",
            Shape::Open,
            "By entity, or `DEFAULT`: `type` (replace, redact, mask, hash, encrypt, keep) and its parameters.",
        ),
    ],
};

pub(crate) static DEANONYMIZE_REQUEST: Record = Record {
    name: "DeanonymizeRequest",
    about: "A text with encrypted values, and their keys.",
    fields: &[
        must("text", Shape::Any, "A text, or a list of texts."),
        must("anonymizer_results", Shape::Any, "The `items` that `/anonymize` answered."),
        must(
            "deanonymizers",
            Shape::Open,
            "By entity, or `DEFAULT`: `type` (decrypt, deanonymize_keep) and its parameters.",
        ),
    ],
};
