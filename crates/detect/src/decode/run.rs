//! Runs of characters that may be encoded bytes, and what they decode to.
//!
//! A run of 12 characters or more is tried in every alphabet that it fits. What decodes to no text,
//! no compressed stream and no readable stretch is dropped. Next: `encoded`.

use super::bytes::{ALNUM, BLANK, CONTROL, DIGIT, HEX, LOWER, MAX_GAP, RUN, UPPER, is};
use super::nature::{Nature, nature, said, stretches};
use super::{base32, base58, base64, hex, mirror};
use crate::decode::Transform;
use crate::mask::{Ground, Mask};
use crate::open::{begins, container};
use std::borrow::Cow;
use std::ops::Range;

/// The shortest run that is tried: nine bytes in base64.
pub(crate) const MIN_RUN: usize = 12;
/// The fewest characters of a run that is put together.
pub(crate) const MIN_JOINED: usize = 16;
/// From here on a run is also tried as the end of something else.
const MIN_SHIFTED: usize = 24;

/// A run, perhaps put together from several of equal length (wrapped lines, groups).
pub(crate) struct Run<'t> {
    /// Where it stands.
    pub(crate) span: Range<usize>,
    /// Its characters without what stood between the parts.
    pub(crate) digits: Cow<'t, [u8]>,
    /// The length of its parts, when it has several.
    pub(crate) part: Option<usize>,
}

/// Tells of all runs of a text that are long enough: first of those put together from parts, then
/// of the parts themselves. `ground` are the kinds of its bytes.
pub(crate) fn runs<'t>(text: &'t [u8], ground: &Ground, mut tell: impl FnMut(Run<'t>)) {
    let mut group = Group::of(0, 0);
    ground.runs(text.len(), Mask::token, |start, end| {
        if group.goes_on(text, start, end) {
            group.take(start, end);
            return;
        }
        if group.is_long() {
            group.close(text, &mut tell);
        }
        group = Group::of(start, end);
    });
    if group.is_long() {
        group.close(text, &mut tell);
    }
}

/// Runs that follow one another with blanks alone between, all of one length but for a shorter
/// last one.
struct Group {
    span: Range<usize>,
    /// The length of the first part, and of the last.
    first: usize,
    last: usize,
    parts: usize,
    /// Characters in all parts.
    whole: usize,
}

impl Group {
    #[inline(always)]
    const fn of(start: usize, end: usize) -> Self {
        let length = end - start;
        Self { span: start..end, first: length, last: length, parts: 1, whole: length }
    }
    /// Whether there is anything to tell.
    #[inline(always)]
    const fn is_long(&self) -> bool {
        self.whole >= MIN_RUN
    }
    /// Whether a run is one more part. Most follow a longer one, or a comma.
    #[inline(always)]
    fn goes_on(&self, text: &[u8], start: usize, end: usize) -> bool {
        self.first == self.last
            && self.first >= 2
            && end - start <= self.first
            && start - self.span.end <= MAX_GAP
            && self.is_next(text, start)
    }
    fn is_next(&self, text: &[u8], start: usize) -> bool {
        let gap = text.get(self.span.end..start).unwrap_or_default();
        gap.iter().all(|b| is(*b, BLANK)) && text.get(self.span.end - 1) != Some(&b'=')
    }
    #[inline(always)]
    const fn take(&mut self, start: usize, end: usize) {
        self.span.end = end;
        self.last = end - start;
        self.parts += 1;
        self.whole += self.last;
    }
    #[inline(never)]
    fn close<'t>(&self, text: &'t [u8], tell: &mut impl FnMut(Run<'t>)) {
        let covered = text.get(self.span.clone()).unwrap_or_default();
        if self.parts > 1 && self.whole >= MIN_JOINED {
            let digits = covered.iter().copied().filter(|b| is(*b, RUN)).collect();
            tell(Run {
                span: self.span.clone(),
                digits: Cow::Owned(digits),
                part: Some(self.first),
            });
        }
        if self.first < MIN_RUN {
            return;
        }
        let mut at = self.span.start;
        for part in covered.split(|b| !is(*b, RUN)) {
            if part.len() >= MIN_RUN {
                let span = at..at + part.len();
                tell(Run { span, digits: Cow::Borrowed(part), part: None });
            }
            at += part.len() + 1;
        }
    }
}

/// What a run decodes to.
pub(crate) struct Decoded {
    /// How.
    pub(crate) by: Transform,
    /// To what.
    pub(crate) to: Content,
}

/// Decoded bytes that are worth another look.
pub(crate) enum Content {
    /// Text, a compressed stream, or a container.
    Whole(Vec<u8>),
    /// The readable stretches of something else, with the whole, which may be compressed.
    Stretches(Option<String>, Vec<u8>),
}

/// Tries a run in every alphabet, and turned where it says nothing as it is.
pub(crate) fn decodings(run: &[u8]) -> Vec<Decoded> {
    let shape = Shape::of(run);
    let mut out = straight(run, &shape);
    if run.len() >= MIN_SHIFTED
        && (!shape.word_like() || shape.may_be_base32())
        && !shape.uuid(run)
        // Text in hexadecimal is mostly text in reverse too, as its two digits change places.
        && (shape.only(HEX) || !has_whole(&out))
    {
        turned(run, &shape, &mut out);
    }
    out
}

/// Encoded bytes whose characters were turned afterwards: what they say is text from its first byte
/// to its last, which noise is not.
fn turned(run: &[u8], shape: &Shape, out: &mut Vec<Decoded>) {
    let before = out.len();
    let reversed: Vec<u8> = run.iter().rev().copied().collect();
    if shape.only(HEX) {
        return whole(Transform::REVERSED_HEX, hex::decode(&reversed), out);
    }
    let rot13: Vec<u8> = run.iter().map(|b| mirror::rot13_byte(*b)).collect();
    let base32 = shape.may_be_base32();
    for (base64_name, base32_name, turned) in [
        (Transform::REVERSED_BASE64, Transform::REVERSED_BASE32, reversed),
        (Transform::ROT13_BASE64, Transform::ROT13_BASE32, rot13),
    ] {
        if base32 {
            whole(base32_name, base32::decode(&turned), out);
        }
        if out.len() == before && !shape.word_like() && worth_a_look(&turned) {
            whole(base64_name, base64::decode(&turned), out);
        }
        if out.len() > before {
            return;
        }
    }
}

fn has_whole(out: &[Decoded]) -> bool {
    out.iter().any(|decoded| matches!(decoded.to, Content::Whole(_)))
}

fn straight(run: &[u8], shape: &Shape) -> Vec<Decoded> {
    let mut out = Vec::new();
    if shape.only(HEX) {
        if run.len() >= 16 {
            in_hex(run, &mut out);
        }
        // Text in base64 never keeps to these 22 characters.
        return out;
    }
    if shape.uuid(run) {
        return out;
    }
    if let Some(hex) = inner_hex(run) {
        in_hex(hex, &mut out);
    }
    // A date, a telephone number: what encodes text has letters.
    if shape.digits * 5 > run.len() * 3 {
        return out;
    }
    if run.len() >= 16 && shape.may_be_base32() {
        whole(Transform::BASE32, base32::decode(run), &mut out);
        if out.is_empty() {
            whole(Transform::BASE32, base32::decode_crockford(run), &mut out);
        }
    }
    in_base64(run, shape, &mut out);
    // Nearly every run of base58 is noise in base64.
    if !has_whole(&out) && run.len() <= base58::MAX_DIGITS && shape.mixed() && shape.only(ALNUM) {
        whole(Transform::BASE58, base58::decode(run), &mut out);
    }
    out
}

fn whole(by: Transform, bytes: Option<Vec<u8>>, out: &mut Vec<Decoded>) {
    if let Some(bytes) = bytes
        && (nature(&bytes) != Nature::Noise || container(&bytes).is_some())
    {
        out.push(Decoded { by, to: Content::Whole(bytes) });
    }
}

fn in_hex(run: &[u8], out: &mut Vec<Decoded>) {
    let before = out.len();
    whole(Transform::HEX, hex::decode(run), out);
    if out.len() == before {
        // One digit too many in front.
        whole(Transform::HEX, run.get(1..).and_then(hex::decode), out);
    }
    if out.len() == before
        && run.len() >= MIN_SHIFTED
        && let Some(bytes) = hex::decode(run)
    {
        let readable = stretches(&bytes);
        out.push(Decoded { by: Transform::HEX, to: Content::Stretches(readable, bytes) });
    }
}

/// The longest hexadecimal stretch within a run (`0x4142…`, `key_4142…`).
fn inner_hex(run: &[u8]) -> Option<&[u8]> {
    let longest = run.split(|b| !is(*b, HEX)).max_by_key(|part| part.len())?;
    (longest.len() >= 16).then_some(longest)
}

fn in_base64(run: &[u8], shape: &Shape, out: &mut Vec<Decoded>) {
    // Three quanta tell most words from encoded text.
    if worth_a_look(run)
        && let Some(bytes) = base64::decode(run)
        && (nature(&bytes) != Nature::Noise || container(&bytes).is_some())
    {
        out.push(Decoded { by: Transform::BASE64, to: Content::Whole(bytes) });
        return;
    }
    if run.len() < MIN_SHIFTED || shape.word_like() {
        return;
    }
    // Something stands before it that belongs to its alphabet, or it is no text as a whole.
    let mut noise = None;
    for skip in 0..4 {
        let Some(bytes) = run.get(skip..).and_then(base64::decode) else { continue };
        if (skip > 0 && nature(&bytes) != Nature::Noise) || container(&bytes).is_some() {
            out.push(Decoded { by: Transform::BASE64, to: Content::Whole(bytes) });
            return;
        }
        if let Some(text) = stretches(&bytes) {
            out.push(Decoded { by: Transform::BASE64, to: Content::Stretches(Some(text), bytes) });
            return;
        }
        if skip == 0 {
            noise = Some(bytes);
        }
    }
    if let Some(bytes) = noise {
        out.push(Decoded { by: Transform::BASE64, to: Content::Stretches(None, bytes) });
    }
}

/// Whether the first nine decoded bytes look like text or begin a compressed stream.
fn worth_a_look(run: &[u8]) -> bool {
    let probe = base64::start(run);
    let odd = probe.iter().filter(|b| is(**b, CONTROL)).count();
    let high = probe.iter().filter(|b| !b.is_ascii()).count();
    // Nine bytes of noise are hardly ever free of both.
    odd + high <= 1
        || said(&probe).is_some()
        || begins(&probe)
        || matches!(probe, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0xef, 0xbb, 0xbf, ..])
        || matches!(probe, [0x78 | 0x68 | 0x58 | 0x48, ..])
        || matches!(probe, [0, _, 0, _, 0, ..] | [_, 0, _, 0, _, 0, ..])
        || (odd == 0 && str::from_utf8(&probe).map_or_else(|e| e.valid_up_to() >= 6, |_| true))
}

/// What a run is made of.
pub(crate) struct Shape {
    length: usize,
    letters: usize,
    digits: usize,
    upper: usize,
    changes: usize,
    kinds: u16,
    hex: bool,
    alnum: bool,
    base32: bool,
    /// A set of the characters that occur, folded to 64.
    distinct: u64,
}

impl Shape {
    pub(crate) fn of(run: &[u8]) -> Self {
        let mut shape = Self {
            length: run.len(),
            letters: 0,
            digits: 0,
            upper: 0,
            changes: 0,
            kinds: 0,
            hex: true,
            alnum: true,
            base32: true,
            distinct: 0,
        };
        let mut before = 0;
        for &b in run {
            let kind = super::bytes::kind(b);
            shape.kinds |= kind;
            shape.hex &= kind & HEX != 0;
            shape.base32 &= kind & ALNUM != 0 || b == b'=';
            shape.distinct |= 1 << (b & 63);
            if kind & ALNUM == 0 {
                shape.alnum = false;
                continue;
            }
            let class = kind & (UPPER | LOWER | DIGIT);
            shape.letters += usize::from(class != DIGIT);
            shape.digits += usize::from(class == DIGIT);
            shape.upper += usize::from(class == UPPER);
            // `Word` is one change of case that every word may have.
            shape.changes +=
                usize::from(before != 0 && class != before && !(before == UPPER && class == LOWER));
            before = class;
        }
        shape
    }
    fn only(&self, kind: u16) -> bool {
        match kind {
            HEX => self.hex,
            _ => self.alnum,
        }
    }
    fn mixed(&self) -> bool {
        (self.kinds & UPPER != 0 && self.kinds & LOWER != 0)
            || (self.digits > 0 && self.letters > 0)
    }
    fn may_be_base32(&self) -> bool {
        self.base32 && (self.kinds & UPPER == 0 || self.kinds & LOWER == 0)
    }
    fn uuid(&self, run: &[u8]) -> bool {
        self.length == 36
            && run.iter().enumerate().all(|(at, b)| match at {
                8 | 13 | 18 | 23 => *b == b'-',
                _ => is(*b, HEX),
            })
    }
    /// Whether it is words rather than encoded bytes: letters that seldom change case and digits
    /// that stand together. In base64 and hex about every second character changes.
    pub(crate) fn word_like(&self) -> bool {
        let alnum = self.letters + self.digits;
        self.letters * 10 >= alnum * 6 && self.changes * 5 <= alnum
    }
    /// Whether it is a rule or filler of a few characters (`----`, `=-=-`, `0000`).
    pub(crate) fn monotonous(&self) -> bool {
        self.distinct.count_ones() <= 4
    }
    /// Whether it is hexadecimal throughout.
    pub(crate) const fn is_hex(&self) -> bool {
        self.hex
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::base64::Engine;
    use ::base64::engine::general_purpose::STANDARD;

    #[track_caller]
    fn reads(run: &str) -> Vec<(&'static str, String)> {
        decodings(run.as_bytes())
            .into_iter()
            .filter_map(|decoded| match decoded.to {
                Content::Whole(bytes) => {
                    Some((decoded.by.0, String::from_utf8_lossy(&bytes).into_owned()))
                }
                Content::Stretches(text, _) => Some((decoded.by.0, text?.trim().to_owned())),
            })
            .collect()
    }

    #[test]
    fn each_alphabet_is_tried() {
        for (run, by, plain) in [
            ("c3NuIDUzNi05MC00Mzk5", "base64", "ssn 536-90-4399"),
            ("73736e203533362d39302d34333939", "hex", "ssn 536-90-4399"),
            ("0x73736e203533362d39302d34333939", "hex", "ssn 536-90-4399"),
            ("ONZW4IBVGM3C2OJQFU2DGOJZ", "base32", "ssn 536-90-4399"),
            ("onzw4ibvgm3c2ojqfu2dgojz", "base32", "ssn 536-90-4399"),
            ("2NEpo7TZRRrLZSi2U", "base58", "Hello World!"),
            // Drawn until it looked like words: one prefix in 150 does.
            ("jnhk8PRRmSAJDMXfqap", "base58", "tc.536-90-4399"),
        ] {
            assert_eq!(reads(run), [(by, plain.to_owned())], "{run}");
        }
    }

    #[test]
    fn what_was_turned_after_it_was_encoded_is_read() {
        let plain = "my key is AKIAQW3ER5TYU7IOPAS2 today";
        let turned = |text: &str| -> [String; 2] {
            let rot13 = text.bytes().map(|b| char::from(mirror::rot13_byte(b))).collect();
            [text.chars().rev().collect(), rot13]
        };
        let base32 = "NV4SA23FPEQGS4ZAIFFUSQKRK4ZUKURVKRMVKN2JJ5IECUZSEB2G6ZDBPE";
        let hex: String = plain.bytes().map(|b| format!("{b:02x}")).collect();
        for (encoded, names) in [
            (STANDARD.encode(plain), ["reversed base64", "rot13 base64"]),
            (STANDARD.encode(format!("{plain}!")), ["reversed base64", "rot13 base64"]),
            (base32.to_owned(), ["reversed base32", "rot13 base32"]),
        ] {
            for (run, by) in turned(&encoded).iter().zip(names) {
                let found = reads(run);
                assert!(
                    found.iter().any(|(name, text)| *name == by && text.starts_with(plain)),
                    "{run}: {found:?}"
                );
            }
        }
        let [reversed, _] = turned(&hex);
        assert!(reads(&reversed).contains(&("reversed hex", plain.to_owned())));
        // Digests, identifiers and words say nothing whichever way they are read.
        for run in [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "sha512-m7zXBZGxIHSyjYB5x5B2kQ7hKq1m5o0yG6Yw2o3nS2u1w0J6l0nFJ5f9H4W",
            "123e4567-e89b-42d3-a456-426614174000",
            "aVeryLongIdentifierOfSomeProgramThatGoesOn",
        ] {
            let turned = ["reversed", "rot13"];
            assert!(
                !reads(run).iter().any(|(by, _)| turned.iter().any(|t| by.starts_with(t))),
                "{run}"
            );
        }
    }

    #[test]
    fn a_run_glued_to_something_is_read() {
        let inner = STANDARD.encode("my key is AKIAQW3ER5TYU7IOPAS2 today");
        for prefix in ["x", "id-", "a/b/c", "x-y_z"] {
            let run = format!("{prefix}{inner}");
            let found = reads(&run);
            assert!(found.iter().any(|(_, text)| text.contains("AKIAQW3ER5TYU7IOPAS2")), "{run}");
        }
    }

    #[test]
    fn words_and_hashes_say_nothing() {
        for run in [
            "internationalization",
            "some-long-slug-of-words-for-a-page",
            "/usr/share/doc/packages/example",
            "getElementsByClassNameAndTag",
            "123e4567-e89b-42d3-a456-426614174000",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ] {
            assert!(reads(run).is_empty(), "{run}: {:?}", reads(run));
        }
    }

    #[test]
    fn wrapped_and_grouped_runs_are_put_together() {
        let text = b"begin\nc3NuIDUz\r\nNi05MC00\r\nMzk5\r\nend of it";
        let mut found = Vec::new();
        runs(text, &Ground::of(text), |run| found.push(run));
        assert_eq!(found.len(), 1);
        assert_eq!(reads(std::str::from_utf8(&found[0].digits).unwrap())[0].1, "ssn 536-90-4399");
        found.clear();
        let text = b"c3Nu IDUz Ni05 MC00 Mzk5 IGlz IG1p bmU=";
        runs(text, &Ground::of(text), |run| found.push(run));
        assert_eq!(found.len(), 1);
        assert_eq!(
            reads(std::str::from_utf8(&found[0].digits).unwrap())[0].1,
            "ssn 536-90-4399 is mine"
        );
    }
}
