//! TOML to the same tree as YAML. Next: `fields`.

use super::fault::Faults;
use super::tree::{Entry, Node, Value};
use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

/// Reads a document; `None` (with a fault) when it is no TOML.
pub(super) fn parse(text: &str, faults: &mut Faults) -> Option<Node> {
    let lines = Lines::of(text);
    match DeTable::parse(text) {
        Ok(table) => Some(Node { line: 1, value: Value::Map(lines.entries(table.get_ref())) }),
        Err(error) => {
            let line = error.span().map_or(1, |span| lines.line(span.start));
            faults.add(line, format!("not valid TOML: {}", error.message()));
            None
        }
    }
}

/// Where each line starts.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect(),
        )
    }
    fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|end| *end < offset) + 1
    }
    fn entries(&self, table: &DeTable<'_>) -> Vec<Entry> {
        let mut entries: Vec<Entry> = table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().to_string(),
                line: self.line(key.span().start),
                node: self.node(value),
            })
            .collect();
        entries.sort_by_key(|entry| entry.line);
        entries
    }
    fn node(&self, value: &Spanned<DeValue<'_>>) -> Node {
        let tree = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => Value::Text(number.as_str().to_owned()),
            DeValue::Float(number) => Value::Text(number.as_str().to_owned()),
            DeValue::Boolean(flag) => Value::Text(flag.to_string()),
            DeValue::Datetime(time) => Value::Text(time.to_string()),
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| self.node(item)).collect())
            }
            DeValue::Table(table) => Value::Map(self.entries(table)),
        };
        Node { line: self.line(value.span().start), value: tree }
    }
}
