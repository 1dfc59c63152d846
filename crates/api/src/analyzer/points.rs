//! Offsets in code points, as Python counts them, and in bytes, as Rust does. Next: `conflicts`.

/// The code points of a text, found quickly from either side.
#[derive(Debug)]
pub(super) struct Points<'t> {
    text: &'t str,
    /// The byte at which every [`STEP`]-th code point begins.
    marks: Vec<usize>,
    length: usize,
}

/// Code points between two marks.
const STEP: usize = 64;

impl<'t> Points<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let (mut marks, mut length) = (Vec::new(), 0);
        for (byte, _) in text.char_indices() {
            if length % STEP == 0 {
                marks.push(byte);
            }
            length += 1;
        }
        Self { text, marks, length }
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.length
    }

    /// How many stand before this byte.
    pub(super) fn before(&self, byte: usize) -> usize {
        let marks = self.marks.partition_point(|mark| *mark <= byte);
        let Some(last) = marks.checked_sub(1) else { return 0 };
        let start = self.marks.get(last).copied().unwrap_or_default();
        last * STEP + self.text.get(start..byte).map_or(0, |text| text.chars().count())
    }

    /// The byte at which this code point begins; the end of the text past the last.
    pub(super) fn byte(&self, point: usize) -> usize {
        let Some(start) = self.marks.get(point / STEP).copied() else { return self.text.len() };
        let rest = self.text.get(start..).unwrap_or_default();
        rest.char_indices().nth(point % STEP).map_or(self.text.len(), |(at, _)| start + at)
    }

    /// The text between two code points.
    pub(super) fn slice(&self, from: usize, to: usize) -> &'t str {
        self.text.get(self.byte(from)..self.byte(to)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_ways_agree_with_counting(text in "[a-zé😀\u{301}]{0,300}", at in 0_usize..300) {
            let points = Points::of(&text);
            let length = text.chars().count();
            prop_assert_eq!(points.len(), length);
            let at = at.min(length);
            let byte = text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
            prop_assert_eq!(points.byte(at), byte);
            prop_assert_eq!(points.before(byte), at);
            let slice: String = text.chars().skip(at).collect();
            prop_assert_eq!(points.slice(at, length), slice);
        }
    }
}
