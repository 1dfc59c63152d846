//! Sixty-four bytes at a time: which of them are of a kind, one bit a byte.
//!
//! A text's kinds are worked out without a branch or a table, so that the compiler may do sixteen
//! bytes in one instruction; whoever looks for words, runs or gaps then steps from border to border
//! and not from byte to byte. Must not know what is looked for.
//! Next: `engine::outline`, `decode::bytes`.

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
}

const ALNUM: u8 = 1;
const DIGIT: u8 = 1 << 1;
const JOINT: u8 = 1 << 2;
const BLANK: u8 = 1 << 3;
const WIDE: u8 = 1 << 4;
const COLON: u8 = 1 << 5;
const JOIN: u8 = 1 << 6;

/// Kinds of one byte. No branch: see the head of the file.
#[inline(always)]
fn kinds(b: u8) -> u8 {
    let letter = (b | 0x20).wrapping_sub(b'a') < 26;
    let digit = b.wrapping_sub(b'0') < 10;
    let joint = (b == b'_') | (b == b'+') | (b == b'/') | (b == b'=') | (b == b'-');
    let blank = (b <= b' ') | (b == 127);
    let wide = b >= 128;
    let colon = b == b':';
    let join = colon | (b == b'-') | (b == b'.');
    let of = |is: bool, kind: u8| -> u8 { if is { kind } else { 0 } };
    of(letter | digit, ALNUM)
        | of(digit, DIGIT)
        | of(joint, JOINT)
        | of(blank, BLANK)
        | of(wide, WIDE)
        | of(colon, COLON)
        | of(join, JOIN)
}

impl Mask {
    /// The kinds of a block.
    #[inline(always)]
    pub(crate) fn of(block: &[u8; WIDTH]) -> Self {
        let mut all = [0_u8; WIDTH];
        let mut any = 0;
        for (kind, b) in all.iter_mut().zip(block) {
            *kind = kinds(*b);
            any |= *kind;
        }
        Self {
            alnum: bits(&all, ALNUM),
            blank: bits(&all, BLANK),
            // Most blocks have none of these.
            digit: if any & DIGIT == 0 { 0 } else { bits(&all, DIGIT) },
            joint: if any & JOINT == 0 { 0 } else { bits(&all, JOINT) },
            wide: if any & WIDE == 0 { 0 } else { bits(&all, WIDE) },
            colon: if any & COLON == 0 { 0 } else { bits(&all, COLON) },
            join: if any & JOIN == 0 { 0 } else { bits(&all, JOIN) },
        }
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

/// One bit of each byte, side by side.
#[inline(always)]
fn bits(all: &[u8; WIDTH], kind: u8) -> u64 {
    let mut out = 0;
    for (at, eight) in all.as_chunks::<8>().0.iter().enumerate() {
        let ones = (u64::from_le_bytes(*eight) >> kind.trailing_zeros()) & 0x0101_0101_0101_0101;
        // The product gathers the eight bits in its highest byte; no two of its terms meet.
        out |= (ones.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * at);
    }
    out
}

/// Calls with each block of a text, the last one filled up with blanks.
#[inline]
pub(crate) fn blocks(text: &[u8], mut call: impl FnMut(&[u8; WIDTH])) {
    let (whole, rest) = text.as_chunks::<WIDTH>();
    whole.iter().for_each(&mut call);
    if !rest.is_empty() {
        let mut last = [b' '; WIDTH];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        call(&last);
    }
}

/// Follows runs of set bits from block to block.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// Where the run began that the last block ended in.
    open: Option<usize>,
    /// The last bit of the block before.
    carry: u64,
}

impl Runs {
    /// Calls with the start and end of each run that ends in this block, which begins at `base`.
    #[inline(always)]
    pub(crate) fn step(&mut self, bits: u64, base: usize, mut call: impl FnMut(usize, usize)) {
        let mut borders = bits ^ (bits << 1 | self.carry);
        self.carry = bits >> 63;
        while borders != 0 {
            let at = base + borders.trailing_zeros() as usize;
            borders &= borders - 1;
            match self.open.take() {
                Some(start) => call(start, at),
                None => self.open = Some(at),
            }
        }
    }
    /// The start of the run that goes on to the end of the text, if one does.
    pub(crate) const fn end(&mut self) -> Option<usize> {
        self.open.take()
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
        blocks(&all, |block| {
            let mask = Mask::of(block);
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
            base += WIDTH;
        });
        assert_eq!(base, 256);
    }

    proptest! {
        #[test]
        fn runs_are_what_a_plain_search_finds(text in "[ab ]{0,200}") {
            let (mut runs, mut base, mut found) = (Runs::default(), 0, Vec::new());
            blocks(text.as_bytes(), |block| {
                runs.step(Mask::of(block).alnum, base, |start, end| found.push((start, end)));
                base += WIDTH;
            });
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
