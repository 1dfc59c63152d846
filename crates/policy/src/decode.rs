//! Holds a tree to its table and reports every fault at once.
//!
//! After this, the readers in `read/` may skip whatever has the wrong shape: it is reported.
//! Must not know what a value means. Next: `document`.

use crate::diagnostic::{Faults, Span};
use crate::schema::{Key, Presence, Shape, Table};
use crate::yaml::{Entry, Node, Value};
use std::collections::HashSet;

/// Holds a node to a table.
pub(crate) fn check_map(node: &Node, table: &Table, place: Span, faults: &mut Faults) {
    let Value::Map(entries) = &node.value else {
        wrong_type(node, table.name, "a mapping", place, faults);
        return;
    };
    duplicates(entries, faults);
    for entry in entries {
        match table.keys.iter().find(|k| k.name == entry.key) {
            Some(key) => check(&entry.node, &key.shape, key.name, entry.key_span, faults),
            None => unknown(entry, table, faults),
        }
    }
    for key in table.keys {
        if key.presence == Presence::Required && node.get(key.name).is_none() {
            let message = format!("`{}` is missing in `{}`", key.name, table.name);
            let hint = format!("add `{}: …` ({})", key.name, key.meaning);
            let span = if node.span.length == 0 { place } else { node.span };
            faults.error("policy.missing_key", span, message, Some(&hint));
        }
    }
}

fn check(node: &Node, shape: &Shape, name: &str, place: Span, faults: &mut Faults) {
    match (shape, &node.value) {
        (_, Value::Broken) | (Shape::Text(_) | Shape::TextOr(..), Value::Text(_)) => {}
        (Shape::NotYet(hint), _) => {
            let message = format!("this build cannot enforce `{name}` yet");
            faults.error("policy.cannot_enforce", place, message, Some(hint));
        }
        (Shape::Text(what), _) => {
            wrong_type(node, name, &format!("one value: {what}"), place, faults);
        }
        (Shape::List(inner), Value::List(items)) => {
            let name = format!("{name}[]");
            for item in items {
                check(item, inner, &name, item.span, faults);
            }
        }
        (Shape::List(_), _) => wrong_type(node, name, "a list", place, faults),
        (Shape::Map(table) | Shape::TextOr(_, table), Value::Map(_)) => {
            check_map(node, table, place, faults);
        }
        (Shape::Map(_), _) => wrong_type(node, name, "a mapping", place, faults),
        (Shape::TextOr(what, _), _) => {
            wrong_type(node, name, &format!("one value ({what}) or a mapping"), place, faults);
        }
        (Shape::Named(_, inner), Value::Map(entries)) => {
            duplicates(entries, faults);
            for entry in entries {
                check(&entry.node, inner, &entry.key, entry.key_span, faults);
            }
        }
        (Shape::Named(what, _), _) => {
            wrong_type(
                node,
                name,
                &format!("a mapping from each {what} to its value"),
                place,
                faults,
            );
        }
    }
}

fn wrong_type(node: &Node, name: &str, wanted: &str, place: Span, faults: &mut Faults) {
    let hint = match node.value {
        Value::Null => "leave the key out to get its default",
        Value::Text(_) | Value::List(_) | Value::Map(_) | Value::Broken => {
            "docs/reference/policy.md shows the form"
        }
    };
    let message = match node.value {
        Value::Null => format!("`{name}` takes {wanted} and has no value"),
        Value::Text(_) | Value::List(_) | Value::Map(_) | Value::Broken => {
            format!("`{name}` takes {wanted}, not {}", node.what())
        }
    };
    let span = if node.span.length == 0 { place } else { node.span };
    faults.error("policy.type", span, message, Some(hint));
}

fn duplicates(entries: &[Entry], faults: &mut Faults) {
    let mut seen = HashSet::new();
    for entry in entries {
        if !seen.insert(entry.key.as_str()) {
            let message = format!("`{}` stands twice in the same mapping", quote(&entry.key));
            let hint = "keep one of them";
            faults.error("policy.duplicate_key", entry.key_span, message, Some(hint));
        }
    }
}

fn unknown(entry: &Entry, table: &Table, faults: &mut Faults) {
    let message = format!("unknown key `{}` in `{}`", quote(&entry.key), table.name);
    let hint = if entry.key == "<<" {
        "merge keys are not supported: write the keys out".to_owned()
    } else {
        match nearest(&entry.key, table.keys.iter().map(|k: &Key| k.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let known: Vec<_> = table.keys.iter().map(|k| k.name).collect();
                format!("known keys: {}", known.join(", "))
            }
        }
    };
    faults.error("policy.unknown_key", entry.key_span, message, Some(&hint));
}

/// Input as it may stand in a message: short and printable.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::new();
    for (count, letter) in text.chars().enumerate() {
        if count == 80 {
            out.push('…');
            break;
        }
        if letter.is_control() { out.extend(letter.escape_default()) } else { out.push(letter) }
    }
    out
}

/// The known word that a text most likely meant.
pub(crate) fn nearest<'k>(text: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if text.len() > 64 {
        return None;
    }
    let lower = text.to_lowercase().replace(['_', '-'], "");
    known
        .map(|word| (distance(&lower, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= (word.len() / 3).min(3))
        .min()
        .map(|(_, word)| word)
}

/// Levenshtein distance in characters, one row at a time.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut next = vec![i + 1];
        let mut before = i + 1;
        for ((b, diagonal), above) in right.iter().zip(&row).zip(row.iter().skip(1)) {
            before = (before + 1).min(above + 1).min(diagonal + usize::from(a != *b));
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
