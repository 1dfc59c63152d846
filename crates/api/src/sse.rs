//! Server-sent events on the wire (WHATWG HTML §9.2): writing and reading them.
//! Must not know what the events say. Next: `stream`.

use std::collections::VecDeque;
use std::fmt::Write as _;

/// One event as it came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamEvent {
    /// Its `id`, if it set one: what `Last-Event-ID` resumes behind.
    pub id: Option<String>,
    /// Its `event` name; `message` where it has none.
    pub name: String,
    /// Its data.
    pub data: String,
}

/// Writes one event; `data` must be one line, as `serde_json` writes it.
pub(crate) fn write(out: &mut String, id: Option<u64>, name: &str, data: &str) {
    // Writing into a `String` does not fail.
    if let Some(id) = id {
        let _ = writeln!(out, "id: {id}");
    }
    let _ = writeln!(out, "event: {name}");
    for line in data.split(['\r', '\n']) {
        let _ = writeln!(out, "data: {line}");
    }
    out.push('\n');
}

/// What an idle stream says now and then.
pub(crate) const HEARTBEAT: &str = ": heartbeat\n\n";

/// Reads a stream piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    rest: Vec<u8>,
    id: Option<String>,
    name: String,
    data: Vec<String>,
    ready: VecDeque<StreamEvent>,
}

impl Parser {
    /// Takes the next piece; `false` once a single line grows past [`LINE_LIMIT`].
    pub(crate) fn push(&mut self, piece: &[u8]) -> bool {
        for byte in piece {
            if *byte == b'\n' {
                let line = std::mem::take(&mut self.rest);
                self.line(String::from_utf8_lossy(&line).trim_end_matches('\r'));
            } else {
                self.rest.push(*byte);
            }
        }
        self.rest.len() <= LINE_LIMIT
    }

    /// The next whole event.
    pub(crate) fn next(&mut self) -> Option<StreamEvent> {
        self.ready.pop_front()
    }

    fn line(&mut self, line: &str) {
        if line.is_empty() {
            self.dispatch();
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.name),
            "data" => self.data.push(value.to_owned()),
            // Comments (empty field) and fields of no interest.
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        let data = std::mem::take(&mut self.data);
        let name = std::mem::take(&mut self.name);
        let id = self.id.take();
        if data.is_empty() {
            return;
        }
        let name = if name.is_empty() { "message".to_owned() } else { name };
        self.ready.push_back(StreamEvent { id, name, data: data.join("\n") });
    }
}

/// The longest line that is read.
const LINE_LIMIT: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_again_in_any_pieces() {
        let mut text = String::from("retry: 1000\n\n");
        write(&mut text, Some(7), "recorded", "{\"a\":1}");
        text.push_str(HEARTBEAT);
        write(&mut text, None, "end", "one\ntwo");
        for size in [1, 3, text.len()] {
            let mut parser = Parser::default();
            for piece in text.as_bytes().chunks(size) {
                assert!(parser.push(piece));
            }
            assert_eq!(
                parser.next(),
                Some(StreamEvent {
                    id: Some("7".to_owned()),
                    name: "recorded".to_owned(),
                    data: "{\"a\":1}".to_owned()
                })
            );
            assert_eq!(parser.next().map(|e| (e.id, e.data)), Some((None, "one\ntwo".to_owned())));
            assert_eq!(parser.next(), None);
        }
    }

    #[test]
    fn a_line_break_in_data_starts_no_new_field() {
        let mut text = String::new();
        write(&mut text, Some(1), "recorded", "x\r\nevent: end\nid: 9");
        let mut parser = Parser::default();
        parser.push(text.as_bytes());
        let event = parser.next().unwrap();
        assert_eq!((event.name.as_str(), event.id.as_deref()), ("recorded", Some("1")));
    }
}
