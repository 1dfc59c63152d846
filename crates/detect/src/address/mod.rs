//! Street addresses in running text, in the orders and languages of `packs/streets.tsv`.
//!
//! ```text
//!  text ─ token ─▶ a number ─▶ forward: `12 Baker Street`, `26 rue de Pologne`
//!                          └─▶ backward: `Pohlstrasse 9`, `Via Roma 131`, `Rákóczi út 66`
//!                                   └─▶ rest: `Apt. 5`, city, state, post code ─▶ candidate
//! ```
//! Where no word says street (`329 Arenales 9462`), a phrase that announces an address or the
//! number of a flat must stand beside. Every number looks at a bounded number of tokens, so that
//! the work is linear. Boxes, military mail and the scripts of East Asia are plain patterns of
//! `packs/pii-address.yaml`.

mod token;
mod vocabulary;

use crate::engine::Candidate;
use crate::score::Score;
use std::ops::Range;
use token::{Case, Kind, Token, tokens};
use vocabulary::{Says, Trust, Vocabulary, vocabulary};

/// LIMIT: characters of a word over which a stretch is widened.
const WORD: usize = 32;
/// LIMIT: words of a street's name.
const NAME: usize = 6;
/// LIMIT: bytes before an address in which it is announced.
const ANNOUNCED: usize = 72;
/// LIMIT: tokens behind the street that may still belong to the address.
const REST: usize = 24;

/// Streets with their numbers, in a stretch of text around the words that say street.
pub(crate) fn street_address(text: &str, range: Range<usize>, found: &mut Vec<Candidate>) {
    // Whole words: what is cut by the end of the stretch is far from its keyword.
    let space = |c: char| c.is_whitespace();
    let before = text.get(..range.start).unwrap_or_default();
    let start = before.char_indices().rev().take(WORD).find(|(_, c)| space(*c));
    let start = start.map_or(range.start, |(at, _)| at);
    let behind = text.get(range.end..).unwrap_or_default();
    let end = behind.char_indices().take(WORD).find(|(_, c)| space(*c));
    let end = end.map_or(range.end, |(at, _)| range.end + at);
    let first = found.len();
    streets(text.get(start..end).unwrap_or_default(), found);
    for candidate in found.iter_mut().skip(first) {
        candidate.span.start += start;
        candidate.span.end += start;
    }
}

/// Addresses that stand in licence texts and manuals and belong to nobody. (The pack's own list
/// says the same of what patterns find.)
pub(crate) fn belongs_to_nobody(address: &str) -> bool {
    const PUBLIC: [&str; 8] = [
        "franklin st",
        "temple place",
        "mass ave",
        "massachusetts ave",
        "castro street",
        "infinite loop",
        "amphitheatre",
        "preston white",
    ];
    let address = address.to_lowercase();
    PUBLIC.iter().any(|public| address.contains(public))
}

fn streets(text: &str, found: &mut Vec<Candidate>) {
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return;
    }
    let tokens = tokens(text);
    let reader = Reader { text, tokens: &tokens, known: vocabulary() };
    let mut done = 0;
    for at in 0..tokens.len() {
        if at < done || !reader.is_house_number(at) {
            continue;
        }
        let forward = reader.forward(at);
        let street = match forward {
            Some(street) if street.named => Some(street),
            shape => {
                reader.backward(at, done).filter(|street| street.named || shape.is_none()).or(shape)
            }
        };
        if let Some(street) = street {
            let (last, rest) = reader.rest(street.last);
            let score = match (street.trust, rest) {
                (Sure::Street, _) | (Sure::Likely, Rest::Unit | Rest::Code) => 0.6,
                (Sure::Likely, Rest::None) => 0.45,
                (Sure::Shape, Rest::Unit) => 0.5,
                (Sure::Shape, Rest::Code | Rest::None) => continue,
            };
            if let (Some(from), Some(to)) = (tokens.get(street.first), tokens.get(last)) {
                found.push(Candidate {
                    span: from.span.start..to.span.end,
                    score: Score::new(score),
                });
            }
            done = last + 1;
        }
    }
}

/// How surely a stretch of tokens is a street.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sure {
    /// It can hardly be anything else.
    Street,
    /// It needs a word beside it.
    Likely,
    /// Number, words, number: it needs a flat's number behind it.
    Shape,
}

/// A street found: first and last token.
#[derive(Debug, Clone, Copy)]
struct Street {
    first: usize,
    last: usize,
    trust: Sure,
    /// Whether a word said street, or only the shape.
    named: bool,
}

/// What follows a street.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    None,
    Unit,
    Code,
}

struct Reader<'t> {
    text: &'t str,
    tokens: &'t [Token],
    known: &'static Vocabulary,
}

impl Reader<'_> {
    fn kind(&self, at: usize) -> Option<Kind> {
        self.tokens.get(at).map(|token| token.kind)
    }
    fn says(&self, at: usize) -> Says {
        self.word(at).map(|word| self.known.says(&word)).unwrap_or_default()
    }
    fn word(&self, at: usize) -> Option<String> {
        let token = self.tokens.get(at).filter(|token| matches!(token.kind, Kind::Word(_)))?;
        self.text.get(token.span.clone()).map(str::to_lowercase)
    }
    fn capital(&self, at: usize) -> bool {
        self.kind(at) == Some(Kind::Word(Case::Capital))
    }
    fn ending(&self, at: usize) -> Option<Trust> {
        self.word(at).and_then(|word| self.known.ending(&word))
    }
    fn is_number(&self, at: usize) -> bool {
        matches!(self.kind(at), Some(Kind::Number { digits: 1..=5, .. }))
    }
    fn is_house_number(&self, at: usize) -> bool {
        self.is_number(at)
    }
    /// Whether an address is announced before this token.
    fn announced(&self, at: usize) -> bool {
        let end = self.tokens.get(at).map_or(0, |token| token.span.start);
        let start = self.text.ceil_char_boundary(end.saturating_sub(ANNOUNCED));
        let before = self.text.get(start..end).unwrap_or_default().to_lowercase();
        self.known.announced(&before)
    }
    /// The token behind a word and the full stop of its abbreviation.
    fn behind(&self, at: usize) -> usize {
        if self.kind(at + 1) == Some(Kind::Dot) && !self.gap(at, at + 1) { at + 2 } else { at + 1 }
    }
    /// Whether white space parts two tokens.
    fn gap(&self, left: usize, right: usize) -> bool {
        let (left, right) = (self.tokens.get(left), self.tokens.get(right));
        left.zip(right).is_some_and(|(left, right)| left.span.end != right.span.start)
    }
    /// A word that may stand in a name: capital, connector or ordinal.
    fn in_name(&self, at: usize, small_too: bool) -> bool {
        match self.kind(at) {
            Some(Kind::Word(Case::Capital)) => true,
            Some(Kind::Word(Case::Small)) => small_too || self.says(at).connector,
            _ => false,
        }
    }

    /// What a word says of the name before it. One letter (`u.`) is small and has its number.
    fn after(&self, at: usize) -> Option<Trust> {
        let letter = self.tokens.get(at).is_some_and(|token| token.span.len() == 1);
        let stands = !letter || (!self.capital(at) && self.is_number(self.behind(at)));
        self.says(at).after.filter(|_| stands)
    }

    /// A number with the street behind it.
    fn forward(&self, at: usize) -> Option<Street> {
        let pair = self.is_number(at + 1);
        let mut first = at + usize::from(pair) + 1;
        if self.kind(first) == Some(Kind::Comma) && self.says(first + 1).before.is_some() {
            first += 1;
        }
        let announced = self.announced(at);
        let between = |last: &usize| self.is_number(last + 1);
        if let Some(trust) = self.says(first).before
            && let Some(last) = self
                .name_behind(first, announced || pair)
                .or_else(|| self.name_behind(first, true).filter(between))
        {
            let numbered = self.is_number(last + 1);
            let sure =
                trust == Trust::Plain && self.name_is_capital(first, last) || announced || pair;
            let last = if numbered { last + 1 } else { last };
            let trust =
                if sure || numbered && trust == Trust::Plain { Sure::Street } else { Sure::Likely };
            return Some(Street { first: at, last, trust, named: true });
        }
        self.name_before(at, first, pair, announced)
    }

    /// `12 Baker Street`, `583 Magrethevej 298`, `329 Arenales 9462`.
    fn name_before(&self, at: usize, first: usize, pair: bool, announced: bool) -> Option<Street> {
        let mut place = first;
        let mut capitals = 0;
        // Nothing but capitals and connectors so far.
        let mut shaped = true;
        for words in 0..NAME {
            let Some(Kind::Word(case)) = self.kind(place) else { break };
            if let Some(trust) =
                self.after(place).filter(|_| words > 0 && (capitals > 0 || pair || announced))
            {
                let mut last = self.behind(place) - 1;
                // `Devon Street West`, `Hill Park Road`: the last word of the kind decides.
                let follows = self.says(last + 1);
                if follows.direction && self.capital(last + 1) {
                    last += 1;
                } else if follows.after.is_some()
                    && self.capital(last + 1)
                    && follows.after != Some(Trust::Weak)
                {
                    place = last + 1;
                    continue;
                }
                let last = if self.is_number(last + 1) { last + 1 } else { last };
                let written = capitals > 0 && case == Case::Capital;
                let trust = match trust {
                    Trust::Plain if written || pair || announced => Sure::Street,
                    Trust::Weak if pair || announced && written => Sure::Street,
                    Trust::Weak if written && capitals > 0 && !announced => Sure::Likely,
                    Trust::Plain | Trust::Weak => Sure::Likely,
                };
                return Some(Street { first: at, last, trust, named: true });
            }
            let number = self.is_number(self.behind(place));
            if let Some(trust) =
                self.ending(place).filter(|_| number && (case == Case::Capital || announced))
            {
                let trust =
                    if trust == Trust::Plain || announced { Sure::Street } else { Sure::Likely };
                return Some(Street { first: at, last: self.behind(place), trust, named: true });
            }
            shaped &= self.in_name(place, false);
            if !shaped && !announced {
                break;
            }
            // `The Road` names none.
            capitals += usize::from(case == Case::Capital && !self.says(place).connector);
            // An initial or an abbreviation may stand in a name.
            let next = self.behind(place);
            if self.is_number(next) && shaped && capitals > 0 && self.capital(first) {
                let trust = if announced { Sure::Street } else { Sure::Shape };
                return Some(Street { first: at, last: next, trust, named: false });
            }
            place = next;
        }
        let named = place > first && capitals > 0 && (pair && announced);
        named.then(|| Street { first: at, last: place - 1, trust: Sure::Street, named: false })
    }

    /// The last word of the name behind `rue` or `ul.`.
    fn name_behind(&self, street: usize, small_too: bool) -> Option<usize> {
        let mut last = None;
        let mut place = self.behind(street);
        for _ in 0..NAME {
            if !self.in_name(place, small_too) || self.says(place).unit {
                break;
            }
            if !self.says(place).connector {
                last = Some(place);
            }
            place = self.behind(place);
            if last.is_some()
                && self.tokens.get(place - 1).is_some_and(|token| token.kind == Kind::Dot)
                && !self.is_number(place)
            {
                break;
            }
        }
        last
    }
    fn name_is_capital(&self, street: usize, last: usize) -> bool {
        (street + 1..=last).any(|place| self.capital(place) && !self.says(place).connector)
    }

    /// The word before a number, over an abbreviation's full stop, a comma (which parts them) and
    /// a mark of number (`No:`, `nº`).
    fn word_before(&self, at: usize, done: usize) -> Option<(usize, bool)> {
        let back = |place: usize| place.checked_sub(1).filter(|place| *place >= done);
        let mut place = back(at)?;
        let mut parted = false;
        if matches!(self.kind(place), Some(Kind::Dot | Kind::Wall)) {
            place = back(place)?;
        }
        if matches!(
            self.word(place).as_deref(),
            Some("no" | "nr" | "n" | "num" | "nº" | "n°" | "número")
        ) {
            place = back(place)?;
        } else if self.kind(place + 1) == Some(Kind::Wall) {
            return None;
        }
        if self.kind(place) == Some(Kind::Comma) {
            parted = true;
            place = back(place)?;
        }
        Some((place, parted))
    }

    /// Whether a word before a number says street: a weak one only where an address is announced.
    fn after_number(&self, word: usize) -> bool {
        match self.says(word).after {
            Some(Trust::Plain) => true,
            Some(Trust::Weak) => self.announced(word),
            None => false,
        }
    }

    /// A number with the street before it.
    fn backward(&self, at: usize, done: usize) -> Option<Street> {
        let (word, parted) = self.word_before(at, done)?;
        if !matches!(self.kind(word), Some(Kind::Word(_))) {
            return None;
        }
        let last =
            if self.kind(at + 1) == Some(Kind::Dot) && !self.gap(at, at + 1) { at + 1 } else { at };
        if parted {
            // `Rua das Flores, 120`: only a word that says nothing but street reaches so far.
            return self.prefixed(word, last, done).filter(|street| {
                street.trust == Sure::Street && self.says(street.first).before == Some(Trust::Plain)
            });
        }
        if self.capital(word)
            && let Some(trust) = self.ending(word)
        {
            let announced = self.announced(word);
            let trust =
                if trust == Trust::Plain || announced { Sure::Street } else { Sure::Likely };
            return Some(Street { first: word, last, trust, named: true });
        }
        if self.after_number(word)
            && let Some(name) =
                word.checked_sub(1).filter(|name| *name >= done && self.capital(*name))
        {
            let first = (done..name)
                .rev()
                .take(2)
                .take_while(|place| self.capital(*place))
                .last()
                .unwrap_or(name);
            return Some(Street { first, last, trust: Sure::Street, named: true });
        }
        self.prefixed(word, last, done).or_else(|| self.told(word, last, done))
    }

    /// `Via Nuova del Campo 85`, `ul. Grochowa 80`.
    fn prefixed(&self, word: usize, last: usize, done: usize) -> Option<Street> {
        let mut place = word;
        for _ in 0..=NAME {
            if let Some(trust) = self
                .says(place)
                .before
                .filter(|_| place < word && self.name_is_capital(place, word))
            {
                let sure = trust == Trust::Plain || self.capital(place);
                return Some(Street {
                    first: place,
                    last,
                    trust: if sure { Sure::Street } else { Sure::Likely },
                    named: true,
                });
            }
            let stop = self.kind(place) == Some(Kind::Dot);
            if !stop && !self.in_name(place, false) {
                return None;
            }
            place = place.checked_sub(1).filter(|place| *place >= done)?;
        }
        None
    }

    /// `the address is Storgarden 52`: names only, so that the phrase must stand right before.
    fn told(&self, word: usize, last: usize, done: usize) -> Option<Street> {
        let capital = |place: &usize| self.capital(*place);
        let first = (done..=word).rev().take(NAME).take_while(capital).last()?;
        let before = first.checked_sub(1)?;
        let joined =
            matches!(self.word(before).as_deref(), Some("is" | "at" | "to" | "of" | "and" | "in"));
        (joined && self.announced(first)).then_some(Street {
            first,
            last,
            trust: Sure::Street,
            named: false,
        })
    }

    /// What belongs to the address behind the street: flat, city, state, post code.
    fn rest(&self, street: usize) -> (usize, Rest) {
        let mut last = street;
        let mut rest = Rest::None;
        let mut place = street + 1;
        let mut words = 0;
        let mut parted = false;
        while place <= street + REST {
            match self.kind(place) {
                Some(Kind::Comma | Kind::Line | Kind::Mark) => parted = true,
                Some(Kind::Dot) if self.is_number(place + 1) || self.says(place + 1).unit => {}
                Some(Kind::Word(case)) => {
                    let number = self.behind(place);
                    if self.says(place).unit
                        && matches!(self.kind(number), Some(Kind::Number { .. }))
                    {
                        (last, rest) = (number, Rest::Unit);
                        place = number;
                    } else {
                        // A city in small letters stands alone between commas; a sentence does not.
                        let city = case == Case::Capital || parted || self.says(place).connector;
                        words += 1;
                        if words > 8 || !city {
                            break;
                        }
                    }
                    parted = false;
                }
                Some(Kind::Number { digits: 3..=6, plain }) if words > 0 || plain => {
                    last = place;
                    rest = if rest == Rest::Unit { Rest::Unit } else { Rest::Code };
                    break;
                }
                _ => break,
            }
            place += 1;
        }
        (last, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&str, bool)> {
        let mut candidates = Vec::new();
        street_address(text, 0..text.len(), &mut candidates);
        let sure = |candidate: &Candidate| candidate.score >= Score::new(0.5);
        candidates
            .iter()
            .map(|candidate| (text.get(candidate.span.clone()).unwrap(), sure(candidate)))
            .collect()
    }

    #[test]
    fn streets_of_many_languages() {
        for (text, expected) in [
            ("I live at 221B Baker Street, London", "221B Baker Street"),
            (
                "Send it to 1600 Pennsylvania Avenue NW, Washington, DC 20500.",
                "1600 Pennsylvania Avenue NW, Washington, DC 20500",
            ),
            ("Er wohnt Pohlstrasse 9 im Hof", "Pohlstrasse 9"),
            ("Augsburger Straße 36", "Augsburger Straße 36"),
            ("12, rue de la Paix, 75002 Paris", "12, rue de la Paix, 75002"),
            ("Rua Augusta 1500", "Rua Augusta 1500"),
            ("Calle de Alcalá 42", "Calle de Alcalá 42"),
            ("ul. Marszałkowska 10", "ul. Marszałkowska 10"),
            ("Rákóczi út 66.", "Rákóczi út 66."),
            ("Kungsgatan 12", "Kungsgatan 12"),
            ("Mannerheiminkatu 5", "Mannerheiminkatu 5"),
            ("address: 329 Arenales 9462", "329 Arenales 9462"),
            ("462 Stubengraben 80 Apt. 608", "462 Stubengraben 80 Apt. 608"),
            (">03220 Augsburger Strasse 36\n>Suite 960", "03220 Augsburger Strasse 36\n>Suite 960"),
            ("688 rue du centre 320", "688 rue du centre 320"),
            ("Rua das Flores, 120, Porto", "Rua das Flores, 120"),
            ("Atatürk Caddesi No: 45", "Atatürk Caddesi No: 45"),
            ("Müllerstr. 7", "Müllerstr. 7"),
            ("100 Main St", "100 Main St"),
            ("5 High Street please bring 200 cups", "5 High Street"),
            ("04862 Victor Hugo u. 49. Suite 638", "04862 Victor Hugo u. 49. Suite 638"),
        ] {
            assert_eq!(found(text), [(expected, true)], "{text}");
        }
    }

    #[test]
    fn numbers_beside_other_words_are_no_streets() {
        for text in [
            "Version 5 of the Protocol",
            "In 2019 the Road was closed",
            "Python 3 and Rust 2024",
            "HTTP 2 over TLS 1.3",
            "see RFC 7231 Section 6",
            "a 4 GB drive, 2 way sync",
            "line 12 column 5",
            "page 3 of 10",
            "3... 2... 1... liftoff!",
            "investigate 3 issues",
            "Chapter 3 The Road Not Taken",
            "at Gate 5 of Terminal 2",
            "cost: 5, then 12",
            "Copyright 2008 Guido U. Draheim\n 2011 Maarten Bosmans",
            "Read from address 0x10, 16 Bytes of snapshot ID 1",
            "test suite 12 passed",
        ] {
            assert!(found(text).iter().all(|(_, sure)| !sure), "{text}: {:?}", found(text));
        }
    }
}
