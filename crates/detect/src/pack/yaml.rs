//! YAML to a tree. A deliberately small YAML: one document, no anchors, aliases, tags or complex
//! keys, and no key twice. Next: `fields`.

use super::fault::Faults;
use super::tree::{Entry, Node, Value};
use saphyr_parser::{Event, Parser, ScalarStyle};

/// LIMIT: the deepest nesting of lists and mappings.
const MAX_DEPTH: usize = 16;

/// A list or mapping that is still open.
enum Open {
    List(usize, Vec<Node>),
    Map(usize, Vec<Entry>, Option<(String, usize)>),
}

/// Reads one document; `None` (with a fault) when it is no YAML of this kind.
pub(super) fn parse(text: &str, faults: &mut Faults) -> Option<Node> {
    let mut stack: Vec<Open> = Vec::new();
    let mut root = None;
    for step in Parser::new_from_str(text) {
        let (event, span) = match step {
            Ok(step) => step,
            Err(error) => {
                let info = error.info().trim_end_matches('.');
                faults.add(error.marker().line(), format!("not valid YAML: {info}"));
                return None;
            }
        };
        let line = span.start.line();
        let node = match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => continue,
            Event::DocumentStart(_) => {
                if root.is_some() {
                    faults.add(line, "one document per file");
                    return None;
                }
                continue;
            }
            Event::Alias(_) => {
                faults.add(line, "aliases are not supported: write the value out");
                return None;
            }
            Event::Scalar(text, style, anchor, tag) => {
                if anchor != 0 || tag.is_some() {
                    faults.add(line, "anchors and tags are not supported");
                    return None;
                }
                let plain = matches!(style, ScalarStyle::Plain);
                let value = match (&*text, plain) {
                    ("" | "~" | "null", true) => Value::Null,
                    (_, true | false) => Value::Text(text.into_owned()),
                };
                Node { line, value }
            }
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag)
                if anchor != 0 || tag.is_some() =>
            {
                faults.add(line, "anchors and tags are not supported");
                return None;
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if stack.len() >= MAX_DEPTH => {
                faults.add(line, format!("lists and mappings are nested deeper than {MAX_DEPTH}"));
                return None;
            }
            Event::SequenceStart(..) => {
                stack.push(Open::List(line, Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                stack.push(Open::Map(line, Vec::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match stack.pop() {
                Some(Open::List(line, items)) => Node { line, value: Value::List(items) },
                Some(Open::Map(line, entries, _)) => Node { line, value: Value::Map(entries) },
                None => continue,
            },
        };
        place(node, &mut stack, &mut root, faults)?;
    }
    if root.is_none() {
        faults.add(1, "the file is empty");
    }
    root
}

/// Puts a finished node where it belongs.
fn place(
    node: Node,
    stack: &mut [Open],
    root: &mut Option<Node>,
    faults: &mut Faults,
) -> Option<()> {
    match stack.last_mut() {
        None => *root = Some(node),
        Some(Open::List(_, items)) => items.push(node),
        Some(Open::Map(_, entries, pending)) => match pending.take() {
            Some((key, line)) => entries.push(Entry { key, line, node }),
            None => {
                let Value::Text(key) = node.value else {
                    faults.add(node.line, "a key must be text");
                    return None;
                };
                if entries.iter().any(|entry| entry.key == key) {
                    faults.add(node.line, format!("`{key}` stands twice"));
                    return None;
                }
                *pending = Some((key, node.line));
            }
        },
    }
    Some(())
}
