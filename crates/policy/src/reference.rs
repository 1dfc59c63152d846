//! The reference page of all policy keys, printed from the decoder's own tables.
//! Next: `schema`.

use crate::schema::{API_VERSION, DOCUMENTS, Presence, Shape, Table};
use crate::yaml::{MAX_BYTES, MAX_DEPTH};
use std::fmt::Write as _;

/// The Markdown reference of every policy key, for `docs/reference/policy.md`.
pub fn reference() -> String {
    let mut out = format!(
        "# Policy reference\n\n\
         A policy file is YAML of at most {MAX_BYTES} bytes with one or more documents of \
         `apiVersion: {API_VERSION}`. Unknown keys are errors, empty means deny. Anchors, aliases, \
         merge keys and tags are refused, nesting ends at {MAX_DEPTH}. Every scalar is read as the \
         text that stands there: `NO` is `NO`, `1.10` is `1.10`.\n"
    );
    let mut done: Vec<&str> = Vec::new();
    for table in DOCUMENTS {
        let _ = write!(out, "\n## {}\n", table.name);
        section(table, &mut done, &mut out);
    }
    out.push_str(RULES);
    out
}

/// What no table can say.
const RULES: &str = "
## How hosts match

A name matches exactly, in its normal form (lower case, A-labels, no trailing dot). `*.name` \
matches every name below `name` at any depth, not `name` itself, and never across a public suffix: \
`*.amazonaws.com` does not match a bucket of `s3.eu-west-1.amazonaws.com`. Rows only add: of all \
rows that match, the one that fits best speaks, the most specific first.

## How paths match

A path is split at `/`, then each segment is percent-decoded once. `*` matches one segment that is \
not empty; a last `/**` matches everything below (`/a/**` matches `/a/` and `/a/b/c`, not `/a`); all \
else matches exactly, case included. A path that two servers could read differently matches no \
pattern, `/**` included: `.` and `..` segments, empty segments, `;`, back-slashes, encoded slashes, \
double or malformed encoding, control characters, bytes that are not UTF-8.

## What a digest covers

The digest of a Skill is SHA-256 over its canonical form: JSON without white space, keys sorted, \
every default written out, lists without order sorted. Comments, key order, quotes, `metadata` and \
`tests` are no part of it. The digest of the policy covers all documents in the same way, tests \
included.
";

fn section(table: &'static Table, done: &mut Vec<&'static str>, out: &mut String) {
    if done.contains(&table.name) {
        return;
    }
    done.push(table.name);
    let _ = write!(out, "\n### `{}`\n\n", table.name);
    out.push_str("| key | type | default | meaning |\n|---|---|---|---|\n");
    for key in table.keys {
        let (kind, default) = match (key.shape, key.presence) {
            (Shape::NotYet(_), _) => {
                ("–".to_owned(), "**refused: this build cannot enforce it yet**")
            }
            (shape, Presence::Required) => (kind(&shape), "required"),
            (shape, Presence::Optional(default)) => (kind(&shape), default),
        };
        let _ = writeln!(out, "| `{}` | {kind} | {default} | {} |", key.name, key.meaning);
    }
    for key in table.keys {
        if let Some(inner) = inner(&key.shape) {
            section(inner, done, out);
        }
    }
}

fn kind(shape: &Shape) -> String {
    match shape {
        Shape::Text(what) => (*what).to_owned(),
        Shape::List(inner) => format!("list of {}", kind(inner)),
        Shape::Map(table) => format!("mapping, see `{}`", table.name),
        Shape::Named(what, inner) => format!("mapping from {what} to {}", kind(inner)),
        Shape::TextOr(what, table) => format!("{what}, or a mapping, see `{}`", table.name),
        Shape::NotYet(_) => "–".to_owned(),
    }
}

fn inner(shape: &Shape) -> Option<&'static Table> {
    match shape {
        Shape::Map(table) | Shape::TextOr(_, table) => Some(table),
        Shape::List(inner) | Shape::Named(_, inner) => self::inner(inner),
        Shape::Text(_) | Shape::NotYet(_) => None,
    }
}
