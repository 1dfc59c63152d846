//! YAML as a tree in which every key and value knows its place.
//!
//! A deliberately small YAML: no anchors, aliases, merge keys, tags or complex keys, and every
//! scalar stays the text that was written (`NO` is `NO`, `1.10` is `1.10`).
//! Must not know what a policy is. Next: `schema`.

use crate::diagnostic::{Faults, Span};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use std::ops::Range;

/// LIMIT: the largest file that is read, in bytes.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// LIMIT: the deepest nesting of lists and mappings in a document.
pub(crate) const MAX_DEPTH: usize = 32;

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing at all, `~` or `null` (unquoted).
    Null,
    /// A scalar, as written.
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Something that was refused and reported already.
    Broken,
}

/// One key of a mapping with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) node: Node,
}

impl Node {
    /// What it is, in a word, for messages.
    pub(crate) fn what(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Broken => "something refused",
        }
    }
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Null | Value::List(_) | Value::Map(_) | Value::Broken => None,
        }
    }
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Null | Value::Text(_) | Value::Map(_) | Value::Broken => &[],
        }
    }
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Null | Value::Text(_) | Value::List(_) | Value::Broken => &[],
        }
    }
    /// The value of a key (of the first, where it stands twice).
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|e| e.key == key).map(|e| &e.node)
    }
}

/// One document of a file.
#[derive(Debug, Clone)]
pub(crate) struct YamlDocument {
    pub(crate) root: Node,
    /// Its own text, without the `---` around it.
    pub(crate) place: Place,
    /// Whether the tree alone (anchors, tags, complex keys) refuses it.
    pub(crate) broken: bool,
}

/// Where in its file a document's own text stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The first line's, which is not among the bytes.
    indent: usize,
    bytes: Range<usize>,
}

impl Place {
    /// The text, its first line indented as in the file.
    pub(crate) fn text(&self, file: &str) -> String {
        let mut out = " ".repeat(self.indent);
        out.push_str(file.get(self.bytes.clone()).unwrap_or_default().trim_end());
        out.push('\n');
        out
    }
}

/// Reads a file. `Err` when nothing of it can be used: a syntax error or a limit.
pub(crate) fn parse(text: &str, faults: &mut Faults) -> Result<Vec<YamlDocument>, ()> {
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes, the limit is {MAX_BYTES}", text.len());
        faults.error("policy.too_large", Span::START, message, Some("split it into several files"));
        return Err(());
    }
    Builder { text, places: Places::of(text), faults, stack: Vec::new(), broken: false }.run()
}

/// A list or mapping that is still open.
enum Open {
    List(Span, Vec<Node>),
    Map(Span, Vec<Entry>, Pending),
}

/// What an open mapping waits for.
enum Pending {
    Key,
    Value(String, Span),
    /// The value of a key that was refused.
    Drop,
}

struct Builder<'t, 'f> {
    text: &'t str,
    places: Places,
    faults: &'f mut Faults,
    stack: Vec<Open>,
    broken: bool,
}

impl Builder<'_, '_> {
    fn run(mut self) -> Result<Vec<YamlDocument>, ()> {
        let mut parser = Parser::new_from_str(self.text);
        let mut documents = Vec::new();
        let mut root = None;
        while let Some(step) = parser.next_event() {
            let (event, span) = match step {
                Ok(step) => step,
                Err(error) => {
                    let span = self.places.span(self.text, error.marker(), error.marker());
                    let hint = "nothing of this file is used until it is valid YAML 1.2";
                    self.faults.error("policy.syntax", span, sentence(error.info()), Some(hint));
                    return Err(());
                }
            };
            let place = self.places.span(self.text, &span.start, &span.end);
            match event {
                Event::Nothing | Event::StreamStart => {}
                Event::StreamEnd => break,
                Event::DocumentStart(_) => {
                    root = None;
                    self.broken = false;
                }
                Event::DocumentEnd => {
                    if let Some(node) = root.take() {
                        let place = self.place(&node);
                        documents.push(YamlDocument { root: node, place, broken: self.broken });
                    }
                }
                Event::Alias(_) => {
                    self.refuse(
                        "policy.alias",
                        place,
                        "aliases are not supported",
                        "write the value out",
                    );
                    self.add(Node { span: place, value: Value::Broken }, &mut root);
                }
                Event::Scalar(text, style, anchor, tag) => {
                    self.plain_only(anchor, tag.is_some(), place);
                    let plain = matches!(style, ScalarStyle::Plain);
                    let value = match (&*text, plain) {
                        ("" | "~" | "null", true) => Value::Null,
                        (_, true | false) => Value::Text(text.into_owned()),
                    };
                    self.add(Node { span: place, value }, &mut root);
                }
                Event::SequenceStart(anchor, tag) => {
                    self.plain_only(anchor, tag.is_some(), place);
                    let open =
                        Open::List(self.places.first_line(self.text, &span.start), Vec::new());
                    self.open(open, place)?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.plain_only(anchor, tag.is_some(), place);
                    let line = self.places.first_line(self.text, &span.start);
                    self.open(Open::Map(line, Vec::new(), Pending::Key), place)?;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let node = match self.stack.pop() {
                        Some(Open::List(span, items)) => Node { span, value: Value::List(items) },
                        Some(Open::Map(span, entries, _)) => {
                            Node { span, value: Value::Map(entries) }
                        }
                        None => Node { span: place, value: Value::Broken },
                    };
                    self.ends(&node, place);
                    self.add(node, &mut root);
                }
            }
        }
        Ok(documents)
    }

    fn open(&mut self, open: Open, place: Span) -> Result<(), ()> {
        if self.stack.len() >= MAX_DEPTH {
            let message = format!("lists and mappings are nested deeper than {MAX_DEPTH}");
            self.faults.error("policy.too_deep", place, message, None);
            return Err(());
        }
        self.stack.push(open);
        Ok(())
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Node, root: &mut Option<Node>) {
        let mut complex = None;
        match self.stack.last_mut() {
            None => *root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries, pending)) => {
                match std::mem::replace(pending, Pending::Key) {
                    Pending::Value(key, key_span) => entries.push(Entry { key, key_span, node }),
                    Pending::Drop => {}
                    Pending::Key => match node.value {
                        Value::Text(key) => *pending = Pending::Value(key, node.span),
                        Value::Null | Value::List(_) | Value::Map(_) | Value::Broken => {
                            *pending = Pending::Drop;
                            complex = Some(node.span);
                        }
                    },
                }
            }
        }
        if let Some(span) = complex {
            self.refuse("policy.type", span, "a key must be text", "write `key: value`");
        }
    }

    fn plain_only(&mut self, anchor: usize, tagged: bool, place: Span) {
        if anchor != 0 {
            self.refuse(
                "policy.alias",
                place,
                "anchors are not supported",
                "write the value out where it is needed",
            );
        }
        if tagged {
            self.refuse(
                "policy.tag",
                place,
                "tags are not supported",
                "quote the value if it must be text",
            );
        }
    }

    fn refuse(&mut self, code: &'static str, span: Span, message: &str, hint: &str) {
        self.broken = true;
        self.faults.error(code, span, message.to_owned(), Some(hint));
    }

    /// Remembers where the root ends (its span covers the first line alone).
    fn ends(&mut self, node: &Node, place: Span) {
        if self.stack.is_empty() {
            self.places.root_end = (place.offset + place.length).max(node.span.offset);
        }
    }

    fn place(&self, root: &Node) -> Place {
        let end = match root.value {
            Value::List(_) | Value::Map(_) => self.places.root_end,
            Value::Null | Value::Text(_) | Value::Broken => root.span.offset + root.span.length,
        };
        Place { indent: root.span.column.saturating_sub(1), bytes: root.span.offset..end }
    }
}

/// Turns the parser's character counts into byte offsets.
struct Places {
    /// The byte offset of each character; `None` for pure ASCII, where both are the same.
    offsets: Option<Vec<usize>>,
    total: usize,
    root_end: usize,
}

impl Places {
    fn of(text: &str) -> Self {
        let offsets =
            (!text.is_ascii()).then(|| text.char_indices().map(|(offset, _)| offset).collect());
        Self { offsets, total: text.len(), root_end: 0 }
    }
    fn byte(&self, character: usize) -> usize {
        match &self.offsets {
            None => character.min(self.total),
            Some(offsets) => offsets.get(character).copied().unwrap_or(self.total),
        }
    }
    fn span(&self, text: &str, start: &Marker, end: &Marker) -> Span {
        let (from, to) = (self.byte(start.index()), self.byte(end.index()));
        let covered = text.get(from..to).unwrap_or_default();
        Span {
            line: start.line(),
            column: start.col() + 1,
            offset: from,
            length: covered.trim_end().len(),
        }
    }
    /// From the start to the end of its line.
    fn first_line(&self, text: &str, start: &Marker) -> Span {
        let from = self.byte(start.index());
        let rest = text.get(from..).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default();
        Span {
            line: start.line(),
            column: start.col() + 1,
            offset: from,
            length: line.trim_end().len(),
        }
    }
}

/// The parser's own words in house style: lower-case, no full stop.
fn sentence(words: &str) -> String {
    let trimmed = words.trim_end_matches('.');
    let mut letters = trimmed.chars();
    let first = letters.next().map(|c| c.to_ascii_lowercase());
    format!("not valid YAML: {}{}", first.map(String::from).unwrap_or_default(), letters.as_str())
}
