//! YAML 1.2 by its events. The whole text is told once as it stands, for comments are no events;
//! then each scalar with its escapes undone. Aliases of scalars are told again in their new place
//! (under another key), aliases of structures are not: what they hold was told already, so nothing
//! grows. Next: `csv`.

use super::{Field, Halt, Kind, Path, Step, Visitor, Walked, go};
use saphyr_parser::{Event, Parser};
use std::borrow::Cow;
use std::collections::HashMap;

/// LIMIT: the longest scalar that is remembered for its aliases, in bytes.
const MAX_ANCHORED: usize = 4096;
/// LIMIT: aliases of scalars that are told.
const MAX_ALIASES: usize = 1000;

/// Walks all documents of a stream.
pub(crate) fn yaml(text: &str, depth: usize, visitor: &mut impl Visitor) -> Walked {
    let path = Path::default();
    go(visitor.field(Field { kind: Kind::Text, text, path: &path }))?;
    let mut walker =
        Walker { visitor, path, open: Vec::new(), anchors: HashMap::new(), aliases: 0 };
    let mut parser = Parser::new_from_str(text);
    while let Some(step) = parser.next_event() {
        let Ok((event, _)) = step else { return Err(Halt::Malformed("not YAML")) };
        match event {
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
            Event::StreamEnd => break,
            Event::Scalar(text, _, anchor, _) => {
                if anchor != 0 && text.len() <= MAX_ANCHORED {
                    walker.anchors.insert(anchor, text.clone().into_owned());
                }
                walker.scalar(&text)?;
            }
            Event::Alias(anchor) => {
                walker.aliases += 1;
                let known = walker.anchors.get(&anchor).filter(|_| walker.aliases <= MAX_ALIASES);
                let text = known.cloned().unwrap_or_default();
                walker.scalar(&text)?;
            }
            Event::SequenceStart(..) => walker.open(Open::List, depth)?,
            Event::MappingStart(..) => walker.open(Open::Key, depth)?,
            Event::SequenceEnd | Event::MappingEnd => walker.close(),
        }
    }
    Ok(())
}

/// A structure that is open, and what it waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    List,
    Key,
    Value,
}

struct Walker<'t, 'v, V> {
    visitor: &'v mut V,
    path: Path<'t>,
    open: Vec<Open>,
    anchors: HashMap<usize, String>,
    aliases: usize,
}

impl<V: Visitor> Walker<'_, '_, V> {
    fn scalar(&mut self, text: &str) -> Walked {
        if self.open.last() == Some(&Open::Key) {
            self.path.push(Step::Key(Cow::Owned(text.to_owned())));
            go(self.visitor.field(Field { kind: Kind::Key, text, path: &self.path }))?;
            self.replace(Open::Value);
            return Ok(());
        }
        go(self.visitor.field(Field { kind: Kind::Text, text, path: &self.path }))?;
        self.done();
        Ok(())
    }

    fn open(&mut self, kind: Open, depth: usize) -> Walked {
        if self.open.len() >= depth {
            return Err(Halt::TooDeep);
        }
        // A structure as a key: its own fields are told below an empty key.
        if self.open.last() == Some(&Open::Key) {
            self.path.push(Step::Key(Cow::Borrowed("")));
        }
        self.open.push(kind);
        if kind == Open::List {
            self.path.push(Step::Index(0));
        }
        Ok(())
    }

    fn close(&mut self) {
        if self.open.pop() == Some(Open::List) {
            self.path.pop();
        }
        if self.open.last() == Some(&Open::Key) {
            self.replace(Open::Value);
        } else {
            self.done();
        }
    }

    /// A value is complete.
    fn done(&mut self) {
        match self.open.last() {
            Some(Open::List) => self.path.next_item(),
            Some(Open::Value) => {
                self.path.pop();
                self.replace(Open::Key);
            }
            Some(Open::Key) | None => {}
        }
    }

    fn replace(&mut self, with: Open) {
        if let Some(last) = self.open.last_mut() {
            *last = with;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Scribe;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let mut scribe = Scribe::default();
        assert_eq!(yaml(text, 16, &mut scribe), Ok(()));
        assert_eq!(
            scribe.lines.get(1..),
            Some(expected.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice())
        );
    }

    #[test]
    fn scalars_are_told_with_their_places() {
        check(
            "a: [x, {b: &k \"\\u0041\"}]\nc: *k\n? [p]\n: q\n",
            &[
                "/a key a",
                "/a/0 = x",
                "/a/1/b key b",
                "/a/1/b = A",
                "/c key c",
                "/c = A",
                "//0 = p",
                "/ = q",
            ],
        );
    }

    #[test]
    fn aliases_do_not_grow() {
        let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (this, last) in [('b', 'a'), ('c', 'b'), ('d', 'c'), ('e', 'd'), ('f', 'e')] {
            let of = format!("*{last},").repeat(9);
            bomb.push_str(&format!("{this}: &{this} [{of}]\n"));
        }
        let mut scribe = Scribe::default();
        assert_eq!(yaml(&bomb, 16, &mut scribe), Ok(()));
        assert!(scribe.lines.len() < 100);
        let nested = format!("{}{}", "[".repeat(20), "]".repeat(20));
        assert_eq!(yaml(&nested, 16, &mut Scribe::default()), Err(Halt::TooDeep));
        assert!(yaml(&"[".repeat(5000), 16, &mut Scribe::default()).is_err());
        assert_eq!(yaml("a: [", 16, &mut Scribe::default()), Err(Halt::Malformed("not YAML")));
    }
}
