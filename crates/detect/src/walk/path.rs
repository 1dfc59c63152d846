//! Where a field stands, kept cheaply and written as an RFC 6901 pointer on demand. Next: `json`.

use std::borrow::Cow;
use std::fmt::Write;

/// One step into a structure.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Step<'t> {
    /// To the value of a key.
    Key(Cow<'t, str>),
    /// To an item of a list.
    Index(usize),
}

/// The steps to a field.
#[derive(Clone, Default)]
pub(crate) struct Path<'t> {
    steps: Vec<Step<'t>>,
}

impl<'t> Path<'t> {
    pub(crate) fn push(&mut self, step: Step<'t>) {
        self.steps.push(step);
    }
    pub(crate) fn pop(&mut self) {
        self.steps.pop();
    }
    /// Moves the last step, an index, to the next item.
    pub(crate) fn next_item(&mut self) {
        if let Some(Step::Index(index)) = self.steps.last_mut() {
            *index += 1;
        }
    }
    /// The steps, outermost first.
    pub(crate) fn steps(&self) -> &[Step<'t>] {
        &self.steps
    }
    /// The nearest key: of the field itself, or of the list it is in.
    pub(crate) fn key(&self) -> Option<&str> {
        self.steps.iter().rev().find_map(|step| match step {
            Step::Key(key) => Some(&**key),
            Step::Index(_) => None,
        })
    }
    /// The nearest key above that one.
    pub(crate) fn outer_key(&self) -> Option<&str> {
        let mut keys = self.steps.iter().rev().filter_map(|step| match step {
            Step::Key(key) => Some(&**key),
            Step::Index(_) => None,
        });
        keys.nth(1)
    }
    /// The pointer: `/a~1b/0`.
    pub(crate) fn pointer(&self) -> String {
        let mut out = String::new();
        for step in &self.steps {
            out.push('/');
            match step {
                Step::Key(key) => push_token(key, &mut out),
                Step::Index(index) => {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "{index}");
                }
            }
        }
        out
    }
}

/// LIMIT: the longest reference token in a pointer, in bytes; a longer key is cut, for a key may be
/// the leak itself.
const MAX_TOKEN: usize = 64;

fn push_token(key: &str, out: &mut String) {
    for (at, c) in key.char_indices() {
        if at >= MAX_TOKEN {
            out.push('…');
            return;
        }
        match c {
            '~' => out.push_str("~0"),
            '/' => out.push_str("~1"),
            c if c.is_control() => out.push('?'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_escape_as_the_rfc_says() {
        let mut path = Path::default();
        assert_eq!(path.pointer(), "");
        path.push(Step::Key(Cow::Borrowed("a/b~c")));
        path.push(Step::Index(0));
        path.next_item();
        assert_eq!(path.pointer(), "/a~1b~0c/1");
        assert_eq!(path.key(), Some("a/b~c"));
    }
}
