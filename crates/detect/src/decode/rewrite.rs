//! A text as some transform left it, with the places that changed.
//!
//! Only what stands near a change is looked at again: the rest has been judged already. So a lone
//! `&amp;` in a megabyte costs a few hundred bytes. Next: `escape`.

use std::ops::Range;

/// How many bytes on each side of a change are looked at with it.
const AROUND: usize = 256;
/// What stands between two excerpts: no pattern crosses it.
const BREAK: &str = "\n\u{1e}\n";

/// The result of a transform on a whole text.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Rewrite {
    /// The new text.
    text: String,
    /// Stretches of the new text around the changes, in order and apart from one another.
    near: Vec<Range<usize>>,
}

impl Rewrite {
    /// An empty one, with room for a text of this length.
    pub(crate) fn with_capacity(length: usize) -> Self {
        Self { text: String::with_capacity(length), near: Vec::new() }
    }
    /// Adds text as it was.
    pub(crate) fn keep(&mut self, text: &str) {
        self.text.push_str(text);
    }
    /// Adds what replaces something (perhaps nothing).
    pub(crate) fn put(&mut self, text: &str) {
        let from = self.text.len();
        self.text.push_str(text);
        self.touch(from);
    }
    /// Adds one character that replaces something.
    pub(crate) fn put_char(&mut self, c: char) {
        let from = self.text.len();
        self.text.push(c);
        self.touch(from);
    }
    /// Notes that everything from here to the end is new.
    fn touch(&mut self, from: usize) {
        let at = self.text.len();
        let start = from.saturating_sub(AROUND);
        match self.near.last_mut() {
            Some(last) if last.end >= start => last.end = at + AROUND,
            Some(_) | None => self.near.push(start..at + AROUND),
        }
    }
    /// What is to be looked at: the whole text, or where changes are few what stands near them.
    pub(crate) fn excerpt(self) -> String {
        let near: usize = self.near.iter().map(Range::len).sum();
        if near * 4 >= self.text.len() * 3 {
            return self.text;
        }
        let mut out = String::with_capacity(near + self.near.len() * BREAK.len());
        for range in &self.near {
            let start = floor(&self.text, range.start);
            let end = floor(&self.text, range.end);
            if !out.is_empty() {
                out.push_str(BREAK);
            }
            out.push_str(self.text.get(start..end).unwrap_or_default());
        }
        out
    }
    /// The whole new text, for itself.
    pub(crate) fn into_text(self) -> String {
        self.text
    }
    /// The whole new text.
    #[cfg(test)]
    pub(crate) fn whole(&self) -> &str {
        &self.text
    }
}

/// The nearest place at or before `at` where a character begins.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_a_change_is_looked_at() {
        let mut rewrite = Rewrite::with_capacity(0);
        rewrite.keep(&"a".repeat(5000));
        rewrite.put("!");
        rewrite.keep(&"é".repeat(5000));
        rewrite.put("?");
        rewrite.keep("end");
        let excerpt = rewrite.excerpt();
        assert!(excerpt.len() < 4 * AROUND, "{}", excerpt.len());
        assert!(excerpt.contains("aaa!éé") && excerpt.ends_with("éé?end"));
    }

    #[test]
    fn a_long_change_is_looked_at_from_its_start() {
        let mut rewrite = Rewrite::default();
        rewrite.put(&"0123456789".repeat(100));
        rewrite.keep(&"a".repeat(5000));
        assert!(rewrite.excerpt().starts_with("0123456789"));
    }

    #[test]
    fn many_changes_keep_the_whole() {
        let mut rewrite = Rewrite::default();
        for _ in 0..100 {
            rewrite.keep("0123456789");
            rewrite.put("!");
        }
        assert_eq!(rewrite.excerpt().len(), 1100);
    }
}
