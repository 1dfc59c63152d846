//! Seed phrases: words whose checksum says that they are the key to a wallet.
//!
//! ```text
//!  text ─ runs (≥ 12 words in a row, any separators) ─ words (which lists know them)
//!       ─ every window ─ bip39 · polyseed · monero · electrum ─▶ candidate
//! ```
//! Ordinary prose hardly ever reaches the lists: short words ("a", "of", "is") end a run, and
//! below twelve words nothing is looked up. Next: `runs`.

mod bip39;
mod electrum;
mod monero;
mod polyseed;
mod runs;
mod words;

use crate::engine::Candidate;
use crate::mask::Mask;
use crate::score::Score;
use runs::Run;
use std::ops::Range;
use words::{Place, Scheme};

/// The shortest phrase of any scheme, in words.
const SHORTEST: usize = 12;

/// Every seed phrase of a text.
pub(crate) fn seed_phrases(text: &str, masks: &[Mask], found: &mut Vec<Candidate>) {
    runs::each(text, masks, |run| in_run(text, &run, found));
}

/// Looks for stretches of known words. Each that is long enough holds one of every twelve words,
/// so the others are looked up only around one that is known.
fn in_run(text: &str, run: &Run<'_>, found: &mut Vec<Candidate>) {
    let lists = words::lists();
    let places = |at: usize| -> &[Place] {
        let word = run.words.get(at).and_then(|span| text.get(span.clone()));
        word.map(|word| lists.places(word)).unwrap_or_default()
    };
    let mut floor = 0;
    let mut probe = SHORTEST - 1;
    while probe < run.words.len() {
        if places(probe).is_empty() {
            floor = probe + 1;
            probe += SHORTEST;
            continue;
        }
        let before = (floor..probe).rev().take_while(|at| !places(*at).is_empty()).count();
        let after = (probe + 1..run.words.len()).take_while(|at| !places(*at).is_empty()).count();
        let stretch = probe - before..probe + after + 1;
        if stretch.len() >= SHORTEST {
            let known: Vec<&[Place]> = stretch.clone().map(places).collect();
            let spans = run.words.get(stretch.clone()).unwrap_or_default();
            in_known(text, spans, &known, found);
        }
        floor = stretch.end + 1;
        probe = stretch.end + SHORTEST;
    }
}

/// Looks through words that are known, list by list.
fn in_known(text: &str, spans: &[Range<usize>], places: &[&[Place]], found: &mut Vec<Candidate>) {
    let mut lists = 0_u64;
    for place in places.iter().copied().flatten() {
        lists |= 1 << (place.list % 64);
    }
    for (number, list) in words::lists().all().iter().enumerate() {
        if lists >> (number % 64) & 1 == 0 {
            continue;
        }
        let known: Vec<Option<u16>> = places
            .iter()
            .map(|places| {
                places.iter().find(|place| usize::from(place.list) == number).map(|p| p.index)
            })
            .collect();
        let mut start = 0;
        for stretch in known.split(Option::is_none) {
            let indices: Vec<u16> = stretch.iter().flatten().copied().collect();
            if indices.len() >= SHORTEST {
                let spans = spans.get(start..).unwrap_or_default();
                in_stretch(text, spans, list, &indices, found);
            }
            start += stretch.len() + 1;
        }
    }
}

/// Looks through words that one list knows, window by window; a phrase found is stepped over.
fn in_stretch(
    text: &str,
    spans: &[Range<usize>],
    list: &words::List,
    indices: &[u16],
    found: &mut Vec<Candidate>,
) {
    let mut at = 0;
    while let Some(rest) = indices.get(at..).filter(|rest| rest.len() >= SHORTEST) {
        // What the longest window has too few of, none has enough of: `key=key=key=…`.
        let many = distinct(rest.get(..LONGEST).unwrap_or(rest));
        // A scheme's own vector repeats its first word up to its last.
        let vector = many > 1 && rest.iter().take(SHORTEST - 1).all(|w| Some(w) == rest.first());
        if many < MANY && !vector {
            at += 1;
            continue;
        }
        let spans = spans.get(at..).unwrap_or_default();
        let length = lengths(list.scheme)
            .iter()
            .copied()
            .filter(|length| {
                rest.get(..*length).is_some_and(|window| holds(text, list, spans, window))
            })
            .max();
        let Some(length) = length else {
            at += 1;
            continue;
        };
        if let (Some(start), Some(end)) = (spans.first(), spans.get(length - 1)) {
            found.push(Candidate { span: start.start..end.end, score: Score::new(0.95) });
        }
        at += length;
    }
}

const fn lengths(scheme: Scheme) -> &'static [usize] {
    match scheme {
        Scheme::Bip39 => &[12, 15, 16, 18, 21, 24],
        Scheme::Monero { .. } => &[13, 25],
    }
}

/// Whether the window is a phrase of a scheme that uses this list.
fn holds(text: &str, list: &words::List, spans: &[Range<usize>], window: &[u16]) -> bool {
    let Some(spans) = spans.get(..window.len()) else { return false };
    if !is_drawn(window) || !is_evenly_parted(text, spans) {
        return false;
    }
    match list.scheme {
        Scheme::Bip39 if window.len() == polyseed::WORDS => polyseed::holds(window),
        Scheme::Bip39 => {
            bip39::holds(window)
                || (list.english && window.len() == SHORTEST && electrum::holds(list, window))
        }
        Scheme::Monero { prefix } => {
            let written = spans.iter().map(|span| text.get(span.clone()).unwrap_or_default());
            monero::holds(written, prefix)
        }
    }
}

/// The longest phrase of any scheme, in words.
const LONGEST: usize = 25;
/// How many different words a phrase has at least, but for the schemes' own first vectors.
const MANY: usize = 8;

/// How many different words there are, up to [`MANY`].
fn distinct(window: &[u16]) -> usize {
    let (mut known, mut count) = ([0; MANY], 0);
    for word in window {
        if known.iter().take(count).any(|known| known == word) {
            continue;
        }
        let Some(place) = known.get_mut(count) else { break };
        (*place, count) = (*word, count + 1);
    }
    count
}

/// Words drawn by chance are many and in no order; a dictionary is sorted, and source code says
/// `true, true, false`. The schemes' own first vectors (`abandon … about`) repeat one word.
fn is_drawn(window: &[u16]) -> bool {
    let mut known = window.to_vec();
    known.sort_unstable();
    known.dedup();
    let vector = known.len() == 2
        && window
            .split_last()
            .is_some_and(|(_, head)| head.iter().all(|w| Some(w) == head.first()));
    vector || (known.len() >= MANY && known != window)
}

/// A phrase is written in one way; source code puts all kinds of signs between its words.
fn is_evenly_parted(text: &str, spans: &[Range<usize>]) -> bool {
    let mut signs: Vec<String> = Vec::new();
    // One character is a word of some lists: as the keys of a table of numbers they are no phrase.
    let single = spans.iter().all(|span| span.len() < 4);
    let mut numbers: Vec<u32> = Vec::new();
    for pair in spans.windows(2) {
        let [one, next] = pair else { continue };
        let gap = text.get(one.end..next.start).unwrap_or_default();
        let sign: String = gap.chars().filter(|c| !c.is_whitespace() && !c.is_numeric()).collect();
        if !signs.contains(&sign) {
            signs.push(sign);
        }
        let digits: String = gap.chars().filter(char::is_ascii_digit).collect();
        numbers.extend(digits.parse::<u32>().ok().filter(|_| single));
    }
    // `1. 的 2. 一` counts up.
    let counts = numbers.windows(2).all(|pair| pair.first() < pair.last());
    signs.len() <= 3 && counts
}

#[cfg(test)]
mod tests;
