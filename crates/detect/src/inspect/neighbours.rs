//! Values split over neighbouring fields: `["AKIA", "QW3E…"]`, `{"a": 4111, "b": 1111, …}`.
//!
//! Short values without blanks are kept side by side as they come, and looked at when something
//! else comes or there are enough of them. What counts must reach over a border between two of
//! them: a credential from its known beginning on, digits of equal groups, base64 that goes on, or
//! numbers that are character codes.

use super::inspection::{Inspection, Site, Taste};
use crate::decode::bytes::{DIGIT, GRAPH, LOWER, RUN, UPPER, is, kind};
use crate::decode::mirror::beginnings;
use crate::decode::nature::{Nature, nature, reads_as_text};
use crate::decode::run::{Content, Shape, decodings};
use crate::decode::{Transform, base64};
use crate::walk::Path;
use std::ops::Range;

/// The longest value that counts as a piece, in bytes.
const MAX_PIECE: usize = 128;
/// LIMIT: pieces that are looked at together.
const MAX_PIECES: usize = 64;
/// LIMIT: the same where all are character codes, which may spell a long text: as many as a payload
/// of the usual size has.
const MAX_CODES: usize = 350_000;
/// How many pieces a credential may be split into.
const MAX_SPLIT: usize = 12;
/// The fewest pieces that are looked at as character codes.
const MIN_CODES: usize = 8;

/// The short values that came last.
#[derive(Default)]
pub(super) struct Neighbours {
    text: String,
    ends: Vec<usize>,
    /// What most of them are: decides what is tried.
    digits: usize,
    encoded: usize,
    codes: usize,
}

impl Neighbours {
    fn piece(&self, at: usize) -> Range<usize> {
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        start.unwrap_or(0)..self.ends.get(at).copied().unwrap_or(self.text.len())
    }
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        (self.digits, self.encoded, self.codes) = (0, 0, 0);
    }
    /// Whether the next piece belongs to others than these.
    fn is_full(&self, code: Option<u8>) -> bool {
        let spelt = code.is_some() && self.codes == self.ends.len();
        self.ends.len() >= if spelt { MAX_CODES } else { MAX_PIECES }
    }
}

impl Inspection<'_> {
    /// Takes note of a value; looks at those before it when it is none that can be a piece.
    pub(super) fn beside(&mut self, value: &str, site: &Site<'_>) {
        let bytes = value.as_bytes();
        let (mut all, mut common) = (0, u16::MAX);
        if bytes.len() <= MAX_PIECE {
            for &b in bytes {
                all |= kind(b);
                common &= kind(b);
            }
        }
        if bytes.len() > MAX_PIECE || (common & GRAPH == 0 && !bytes.is_empty()) {
            if !self.neighbours.ends.is_empty() {
                self.join(site);
            }
            return;
        }
        if bytes.is_empty() {
            return;
        }
        let code = if common & DIGIT != 0 { value.parse::<u8>().ok() } else { None };
        if self.neighbours.is_full(code) {
            self.join(site);
        }
        let neighbours = &mut self.neighbours;
        neighbours.text.push_str(value);
        neighbours.ends.push(neighbours.text.len());
        neighbours.digits += usize::from(common & DIGIT != 0);
        neighbours.codes += usize::from(code.is_some());
        let mixed = all & UPPER != 0 && all & LOWER != 0 || all & DIGIT != 0;
        neighbours.encoded +=
            usize::from(bytes.len() >= 4 && common & (RUN | DIGIT) == RUN && mixed);
    }

    /// The end of a payload or of a structure within one.
    pub(super) fn end_of_fields(&mut self) {
        let path = Path::default();
        let site = Site { path: &path, field: 0, content: self.holds_content(&path), key: None };
        self.join(&site);
    }

    /// Looks at the pieces that came, and forgets them.
    fn join(&mut self, site: &Site<'_>) {
        let pieces = std::mem::take(&mut self.neighbours);
        if pieces.ends.len() >= 2 && !self.spent() && self.charge_work(pieces.text.len()) {
            self.chain.push(Transform::JOINED);
            self.credentials(&pieces, site);
            if pieces.digits >= 2 {
                self.numbers(&pieces, site);
            }
            if pieces.digits >= MIN_CODES {
                self.codes(&pieces, site);
            }
            if pieces.encoded >= 2 {
                self.encoded(&pieces, site);
            }
            self.chain.pop();
        }
        // The buffers are kept.
        self.neighbours = pieces;
        self.neighbours.clear();
    }

    /// From a known beginning over the next borders.
    fn credentials(&mut self, pieces: &Neighbours, site: &Site<'_>) {
        for start in beginnings(&pieces.text) {
            let first = pieces.ends.partition_point(|end| *end <= start);
            for last in first + 1..(first + MAX_SPLIT).min(pieces.ends.len()) {
                if self.spent() {
                    return;
                }
                let text = pieces.text.get(start..pieces.piece(last).end).unwrap_or_default();
                self.scan(text, site, Taste::Credentials);
            }
        }
    }

    /// Groups of digits that make one number: all equally long (but for the last), or 3-2-4.
    fn numbers(&mut self, pieces: &Neighbours, site: &Site<'_>) {
        let width = |at: usize| {
            let piece = pieces.text.as_bytes().get(pieces.piece(at)).unwrap_or_default();
            if piece.iter().all(|b| is(*b, DIGIT)) { piece.len() } else { 0 }
        };
        let count = pieces.ends.len();
        let mut at = 0;
        while at < count {
            if (width(at), width(at + 1), width(at + 2)) == (3, 2, 4) && at + 2 < count {
                let part = |at| pieces.text.get(pieces.piece(at)).unwrap_or_default();
                let text = format!("{}-{}-{}", part(at), part(at + 1), part(at + 2));
                self.scan(&text, site, Taste::Usual);
            }
            let first = width(at);
            let mut end = at + 1;
            while first > 0 && end < count && width(end) == first {
                end += 1;
            }
            // A shorter last group belongs to it.
            if first > 0 && end < count && (1..first).contains(&width(end)) {
                end += 1;
            }
            let span = pieces.piece(at).start..pieces.piece(end - 1).end;
            if end > at + 1 && (9..=19).contains(&span.len()) {
                let text = pieces.text.get(span).unwrap_or_default();
                self.scan(text, site, Taste::SurePii);
            }
            at = if end > at + 1 && width(end - 1) != first { end - 1 } else { end };
        }
    }

    /// Numbers that are character codes.
    fn codes(&mut self, pieces: &Neighbours, site: &Site<'_>) {
        let mut bytes = Vec::new();
        for at in 0..=pieces.ends.len() {
            let piece =
                if at < pieces.ends.len() { pieces.text.get(pieces.piece(at)) } else { None };
            if let Some(code) = piece.and_then(|piece| piece.parse::<u8>().ok()) {
                bytes.push(code);
                continue;
            }
            if bytes.len() >= MIN_CODES && nature(&bytes) != Nature::Noise {
                self.chain.push(Transform::DECIMAL);
                self.look_at_bytes(&bytes, site);
                self.chain.pop();
            }
            bytes.clear();
        }
    }

    /// Base64 that goes on from piece to piece.
    fn encoded(&mut self, pieces: &Neighbours, site: &Site<'_>) {
        let mut run: Vec<u8> = Vec::new();
        let mut apart: Vec<u8> = Vec::new();
        let mut count = 0;
        for at in 0..=pieces.ends.len() {
            let piece =
                if at < pieces.ends.len() { pieces.text.get(pieces.piece(at)) } else { None };
            let piece = piece.unwrap_or_default().as_bytes();
            let short_end = count > 0 && piece.len() < 4;
            if !piece.is_empty() && piece.iter().all(|b| is(*b, RUN)) && (odd(piece) || short_end) {
                run.extend_from_slice(piece);
                // Each piece may also have been encoded for itself.
                apart.extend(base64::decode(piece).unwrap_or_default());
                count += 1;
                continue;
            }
            if count >= 2 && run.len() >= 16 && self.charge_work(run.len() * 2) {
                self.pieces_of_run(&run, &apart, site);
            }
            run.clear();
            apart.clear();
            count = 0;
        }
    }

    fn pieces_of_run(&mut self, run: &[u8], apart: &[u8], site: &Site<'_>) {
        for decoded in decodings(run) {
            self.chain.push(decoded.by);
            match decoded.to {
                Content::Whole(bytes) => self.look_at_bytes(&bytes, site),
                Content::Stretches(Some(text), _) => self.scan(&text, site, Taste::Strong),
                Content::Stretches(None, _) => {}
            }
            self.chain.pop();
        }
        if reads_as_text(apart) {
            self.chain.push(Transform::BASE64);
            self.look_at_bytes(apart, site);
            self.chain.pop();
        }
    }
}

/// Whether a value is no plain word: its letters change case or it mixes letters and digits.
fn odd(piece: &[u8]) -> bool {
    !Shape::of(piece).word_like()
}
