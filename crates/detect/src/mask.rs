//! Sixty-four bytes at a time: which of them are of a kind, one bit a byte.
//!
//! A text's kinds are worked out sixteen bytes in one instruction, without a branch or a table; whoever
//! looks for words, runs or gaps then steps from border to border and not from byte to byte. Must not
//! know what is looked for.
//! Next: `engine::outline`, `decode::bytes`.

use wide::u8x16;

/// Bytes of a block.
pub(crate) const WIDTH: usize = 64;

/// Which bytes of a block are of a kind; the lowest bit is the first byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mask {
    /// `[A-Za-z0-9]`
    pub(crate) alnum: u64,
    /// `[0-9]`
    pub(crate) digit: u64,
    /// `_ + / = -`: what joins letters and digits to a token.
    pub(crate) joint: u64,
    /// Blanks and control characters: up to `0x20`, and `0x7f`.
    pub(crate) blank: u64,
    /// Parts of characters beyond ASCII.
    pub(crate) wide: u64,
    /// `:`
    pub(crate) colon: u64,
    /// `: - .`: what joins groups of digits.
    pub(crate) join: u64,
    /// Which of the signs that begin an escape or JSON occur at all, see [`sign`].
    pub(crate) signs: u8,
}

/// A bit for each sign that begins an escape (`%`, `&`, `\\`, `=`) or JSON (`{`, `[`, `"`). No branch
/// either.
#[inline(always)]
pub(crate) const fn sign(b: u8) -> u8 {
    (b == b'%') as u8
        | ((b == b'&') as u8) << 1
        | ((b == b'\\') as u8) << 2
        | ((b == b'=') as u8) << 3
        | (((b == b'{') | (b == b'[') | (b == b'"')) as u8) << 4
}

impl Mask {
    /// The kinds of so many bytes; whatever stands behind them in the block counts as blank.
    #[inline(always)]
    fn of<const N: usize>(bytes: &[u8; N]) -> Self {
        let mut mask =
            Self { blank: if N < WIDTH { u64::MAX << (N % WIDTH) } else { 0 }, ..Self::default() };
        for (number, lane) in bytes.as_chunks::<LANE>().0.iter().enumerate() {
            mask.add(lane, LANE * number);
        }
        mask
    }
    /// Letters, digits and what joins them: `[A-Za-z0-9_+/=-]`.
    pub(crate) const fn token(&self) -> u64 {
        self.alnum | self.joint
    }
    /// Printable ASCII without the space.
    pub(crate) const fn graph(&self) -> u64 {
        !(self.blank | self.wide)
    }
}

/// Bytes of a part of a block.
const LANE: usize = 16;

/// A bit for each of the bytes that are all ones.
#[inline(always)]
fn bits(of: u8x16, at: usize) -> u64 {
    u64::from(of.to_bitmask()) << at
}

impl Mask {
    /// Adds the kinds of bytes that stand at this place in the block.
    #[inline(always)]
    fn add(&mut self, bytes: &[u8; LANE], at: usize) {
        let bytes = u8x16::new(*bytes);
        let is = |b: u8| bytes.simd_eq(u8x16::splat(b));
        let up_to = |of: u8x16, most: u8| of.min(u8x16::splat(most)).simd_eq(of);
        let from = |of: u8x16, first: u8| of - u8x16::splat(first);

        let letter = up_to(from(bytes | u8x16::splat(0x20), b'a'), 25);
        let digit = up_to(from(bytes, b'0'), 9);
        let (dash, equals, colon) = (is(b'-'), is(b'='), is(b':'));
        self.alnum |= bits(letter | digit, at);
        self.digit |= bits(digit, at);
        self.joint |= bits(is(b'_') | is(b'+') | is(b'/') | equals | dash, at);
        self.blank |= bits(up_to(bytes, b' ') | is(127), at);
        self.wide |= bits(bytes, at);
        self.colon |= bits(colon, at);
        self.join |= bits(colon | dash | is(b'.'), at);
        let opens = is(b'{') | is(b'[') | is(b'"');
        for (bit, sign) in [is(b'%'), is(b'&'), is(b'\\'), equals, opens].into_iter().enumerate() {
            self.signs |= u8::from(sign.to_bitmask() != 0) << bit;
        }
    }
}

/// The kinds of each block of a text, the last one filled up with blanks.
pub(crate) fn draw(text: &[u8], masks: &mut Vec<Mask>) {
    masks.clear();
    let (whole, rest) = text.as_chunks::<WIDTH>();
    for block in whole {
        masks.push(Mask::of(block));
    }
    if rest.len() > 16 {
        masks.push(filled::<WIDTH>(rest));
    } else if !rest.is_empty() {
        // Fields are short: these have a way of their own.
        masks.push(filled::<16>(rest));
    }
}

/// The same in a list of their own.
pub(crate) fn drawn(text: &[u8]) -> Vec<Mask> {
    let mut masks = Vec::with_capacity(text.len().div_ceil(WIDTH));
    draw(text, &mut masks);
    masks
}

#[inline(always)]
fn filled<const N: usize>(rest: &[u8]) -> Mask {
    let mut block = [b' '; N];
    for (to, from) in block.iter_mut().zip(rest) {
        *to = *from;
    }
    Mask::of(&block)
}

/// The kinds of a text's bytes, which may be the end of a longer one.
#[derive(Debug, Default)]
pub(crate) struct Ground {
    pub(crate) masks: Vec<Mask>,
    /// Where the text begins in what the masks are of. No run reaches over it.
    pub(crate) from: usize,
}

impl Ground {
    /// Of a text by itself.
    pub(crate) fn of(text: &[u8]) -> Self {
        Self { masks: drawn(text), from: 0 }
    }
    /// Calls with the start and end of each run of one kind, counted from the text's start.
    /// `length` is the text's.
    pub(crate) fn runs(
        &self,
        length: usize,
        kind: impl Fn(&Mask) -> u64,
        mut call: impl FnMut(usize, usize),
    ) {
        let from = self.from;
        each_run(&self.masks, from..from + length, kind, |start, end| {
            call(start - from, end - from)
        });
    }
}

/// Calls with the start and end of each run of one kind, as far as it stands in a range.
pub(crate) fn each_run(
    masks: &[Mask],
    range: std::ops::Range<usize>,
    kind: impl Fn(&Mask) -> u64,
    mut call: impl FnMut(usize, usize),
) {
    let (mut runs, first) = (Runs::default(), range.start / WIDTH);
    let blocks = range.end.div_ceil(WIDTH).saturating_sub(first);
    for (number, mask) in masks.iter().enumerate().skip(first).take(blocks) {
        let base = number * WIDTH;
        let mut bits = kind(mask);
        if base < range.start {
            bits &= u64::MAX << (range.start - base);
        }
        if range.end - base < WIDTH {
            bits &= !(u64::MAX << (range.end - base));
        }
        runs.step(bits, base, &mut call);
    }
    if let Some(start) = runs.end() {
        call(start, range.end);
    }
}

/// Two blocks side by side.
pub(crate) const fn pair(block: u64, next: u64) -> u128 {
    block as u128 | (next as u128) << WIDTH
}

/// The first of them.
#[expect(clippy::cast_possible_truncation, reason = "that is what it is for")]
pub(crate) const fn low(both: u128) -> u64 {
    both as u64
}

/// Follows runs of set bits from block to block.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// Where the run began that the last block ended in.
    open: usize,
    /// The last bit of the block before.
    carry: u64,
}

impl Runs {
    /// Calls with the start and end of each run that ends in this block, which begins at `base`.
    #[inline(always)]
    pub(crate) fn step(&mut self, bits: u64, base: usize, mut call: impl FnMut(usize, usize)) {
        let before = bits << 1 | self.carry;
        let (mut starts, mut ends) = (bits & !before, before & !bits);
        let goes_on = std::mem::replace(&mut self.carry, bits >> 63) == 1;
        if goes_on {
            if ends == 0 {
                return;
            }
            call(self.open, base + ends.trailing_zeros() as usize);
            ends &= ends - 1;
        }
        while ends != 0 {
            call(base + starts.trailing_zeros() as usize, base + ends.trailing_zeros() as usize);
            starts &= starts - 1;
            ends &= ends - 1;
        }
        if starts != 0 {
            self.open = base + starts.trailing_zeros() as usize;
        }
    }
    /// The start of the run that goes on to the end of the text, if one does.
    pub(crate) fn end(&mut self) -> Option<usize> {
        (std::mem::take(&mut self.carry) == 1).then_some(self.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_byte_is_of_its_kinds() {
        let all: Vec<u8> = (0..=255).collect();
        let mut base = 0;
        for (block, mask) in all.chunks(WIDTH).zip(drawn(&all)) {
            for (at, b) in block.iter().enumerate() {
                let has = |bits: u64| bits >> at & 1 == 1;
                assert_eq!(has(mask.alnum), b.is_ascii_alphanumeric(), "{b}");
                assert_eq!(has(mask.digit), b.is_ascii_digit(), "{b}");
                assert_eq!(has(mask.joint), b"_+/=-".contains(b), "{b}");
                assert_eq!(has(mask.blank), *b <= b' ' || *b == 127, "{b}");
                assert_eq!(has(mask.wide), !b.is_ascii(), "{b}");
                assert_eq!(has(mask.colon), *b == b':', "{b}");
                assert_eq!(has(mask.join), b":-.".contains(b), "{b}");
                assert_eq!(has(mask.graph()), b.is_ascii_graphic(), "{b}");
            }
            let signs: [&[u8]; 5] = [b"%", b"&", b"\\", b"=", b"{[\""];
            for (bit, signs) in signs.iter().enumerate() {
                let stands = block.iter().any(|b| signs.contains(b));
                assert_eq!(mask.signs >> bit & 1 == 1, stands, "{bit}");
            }
            base += WIDTH;
        }
        assert_eq!(base, 256);
    }

    #[test]
    fn what_is_behind_a_short_block_is_blank() {
        for length in 1..=WIDTH {
            let text = "a:".repeat(32);
            let mask = drawn(&text.as_bytes()[..length])[0];
            let inside = u64::MAX >> (WIDTH - length);
            assert_eq!(mask.blank, !inside);
            assert_eq!((mask.alnum, mask.colon), (inside & EVEN, inside & !EVEN));
        }
    }
    const EVEN: u64 = 0x5555_5555_5555_5555;

    proptest! {
        #[test]
        fn runs_are_what_a_plain_search_finds(text in "[ab ]{0,200}") {
            let (mut runs, mut base, mut found) = (Runs::default(), 0, Vec::new());
            for mask in drawn(text.as_bytes()) {
                runs.step(mask.alnum, base, |start, end| found.push((start, end)));
                base += WIDTH;
            }
            found.extend(runs.end().map(|start| (start, text.len())));
            let mut plain = Vec::new();
            let mut at = 0;
            for word in text.split(' ') {
                if !word.is_empty() {
                    plain.push((at, at + word.len()));
                }
                at += word.len() + 1;
            }
            prop_assert_eq!(found, plain);
        }
    }
}
