//! Context: the words that stand around a hit, by whole words and whatever their case.
//!
//! `customer_ssn` and `ssnNumber` hold the word `ssn`; a phrase must stand word by word. Scripts
//! that write no spaces (Chinese, Japanese, Korean, Thai) are searched by substring.
//! LIMIT: eight words before, four after, and no further than `BEFORE` and `AFTER` bytes.
//! Next: `judge`.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

const WORDS_BEFORE: usize = 8;
const WORDS_AFTER: usize = 4;
const BEFORE: usize = 192;
const AFTER: usize = 96;

/// Every context word of every detector, by number.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    /// By their hash alone: sixty-four bits part a few thousand words, and whoever makes a text
    /// that meets one by force has but raised a score.
    words: HashMap<u64, u32, BuildHasherDefault<Plain>>,
    /// Of each number: what begins with this word.
    leads: Vec<Lead>,
}

/// What phrases begin with a word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Lead {
    #[default]
    None,
    /// Phrases of several words.
    Phrase,
    /// The word alone is one.
    Whole,
}

/// Takes a hash for what it is.
#[derive(Debug, Default)]
struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// A word by the hash of Fowler, Noll and Vo (FNV-1a) over its small letters.
#[derive(Debug, Clone, Copy)]
struct Word {
    hash: u64,
    /// Without its last letter, if that is an `s`.
    singular: Option<u64>,
    length: usize,
    ascii: bool,
}

impl Word {
    const EMPTY: Self =
        Self { hash: 0xcbf2_9ce4_8422_2325, singular: None, length: 0, ascii: true };

    fn push(&mut self, byte: u8) {
        self.singular = (byte == b's').then_some(self.hash);
        self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        self.length += 1;
        self.ascii &= byte.is_ascii();
    }
}

/// The context words of one detector.
#[derive(Debug, Default, Clone)]
pub(super) struct Words {
    /// As written, with the numbers of its words; sorted by them.
    phrases: Vec<(Vec<u32>, Box<str>)>,
    /// Phrases of scripts without spaces, folded, searched by substring.
    unspaced: Vec<Box<str>>,
}

impl Vocabulary {
    /// The detector's words, taken into the vocabulary.
    pub(super) fn learn(&mut self, words: &[String]) -> Words {
        let mut learnt = Words::default();
        for word in words {
            if word.chars().any(unspaced) {
                learnt.unspaced.push(fold(word).into());
                continue;
            }
            let mut numbers = Vec::new();
            each_word(word, |part, _| {
                let next = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
                numbers.push(*self.words.entry(part.hash).or_insert(next));
            });
            if let Some(first) = numbers.first().and_then(|first| usize::try_from(*first).ok()) {
                self.leads.resize(self.leads.len().max(first + 1), Lead::None);
                if let Some(lead) = self.leads.get_mut(first) {
                    *lead =
                        (*lead).max(if numbers.len() == 1 { Lead::Whole } else { Lead::Phrase });
                }
                learnt.phrases.push((numbers, word.as_str().into()));
            }
        }
        learnt.phrases.sort_unstable();
        learnt
    }
    fn lead(&self, number: u32) -> Lead {
        let lead = usize::try_from(number).ok().and_then(|number| self.leads.get(number));
        lead.copied().unwrap_or_default()
    }
    /// Whether a phrase begins with the word of this number.
    fn leads(&self, number: u32) -> bool {
        self.lead(number) != Lead::None
    }
    /// Whether a text is plain and no phrase stands anywhere in it: no word that is one, and behind
    /// none with which one begins any other word of any phrase.
    pub(super) fn is_silent(&self, text: &str) -> bool {
        let mut silent = text.is_ascii();
        if silent {
            let mut open = false;
            each_word(text, |word, _| {
                let number = self.number(word);
                let lead = self.lead(number);
                silent &= !(lead == Lead::Whole || open && number != u32::MAX);
                open = lead == Lead::Phrase;
            });
        }
        silent
    }
    fn number(&self, word: Word) -> u32 {
        let known = self.words.get(&word.hash).copied();
        // A plural counts as its word.
        known.or_else(|| self.words.get(&word.singular?).copied()).unwrap_or(u32::MAX)
    }
}

/// The words around one place of a text, by number; reused from hit to hit.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// Of the scan's own context words.
    given: Vec<u32>,
    given_text: String,
    near: Vec<u32>,
    near_text: String,
    /// The span that was looked around last in this text.
    looked: Option<(usize, usize)>,
    /// How often this text was looked at, and how many bytes that took.
    looks: usize,
    pub(super) seen: usize,
    /// Where words of the vocabulary begin in this text, once it was looked at often enough.
    known: Vec<usize>,
}

/// Looks after which a text is read once from end to end, so that the next need not look where no
/// word of any detector stands: without that, a text of small numbers would cost a hundred times
/// its length.
const LOOKS: usize = 64;
/// LIMIT: bytes of a word glued to a hit; no word of a detector is longer.
const GLUED: usize = 48;

impl Window {
    /// Takes the scan's own words, which stand near every hit.
    pub(super) fn give(&mut self, vocabulary: &Vocabulary, words: &[String]) {
        self.looked = None;
        (self.looks, self.seen) = (0, 0);
        self.given.clear();
        self.given_text.clear();
        for word in words {
            self.given.push(u32::MAX);
            add(vocabulary, word, &mut self.given);
            if word.chars().any(unspaced) {
                self.given_text.push_str(&fold(word));
                self.given_text.push('\n');
            }
        }
    }
    /// Looks around a span.
    pub(super) fn look(&mut self, vocabulary: &Vocabulary, text: &str, start: usize, end: usize) {
        if self.looked.replace((start, end)) == Some((start, end)) {
            return;
        }
        self.near.clear();
        self.near_text.clear();
        self.looks += 1;
        if self.looks == LOOKS {
            self.read(vocabulary, text);
        }
        if self.looks >= LOOKS
            && !self.is_known_near(start, end)
            && !self.is_glued(vocabulary, text, start, end)
        {
            self.near.extend_from_slice(&self.given);
            self.near_text.push_str(&self.given_text);
            return;
        }
        let (before, after) = around(text, start, end);
        self.seen += before.len() + after.len();
        self.near.extend_from_slice(&self.given);
        self.near.push(u32::MAX);
        add(vocabulary, before, &mut self.near);
        // The hit itself parts the words before it from those after it.
        self.near.push(u32::MAX);
        add(vocabulary, after, &mut self.near);
        self.near_text.push_str(&self.given_text);
        if !before.is_ascii() || !after.is_ascii() {
            self.near_text.push_str(&fold(before));
            self.near_text.push('\n');
            self.near_text.push_str(&fold(after));
        }
    }
    /// Notes where words stand with which a phrase begins, and what is not plain ASCII.
    fn read(&mut self, vocabulary: &Vocabulary, text: &str) {
        self.seen += text.len();
        self.known.clear();
        let known = &mut self.known;
        each_word(text, |word, at| {
            if !word.ascii {
                // Scripts without spaces: words stand anywhere within.
                known.extend((at..at + word.length).step_by(64));
            } else if vocabulary.leads(vocabulary.number(word)) {
                known.push(at);
            }
        });
    }
    /// Whether such a word begins so near that it could count.
    fn is_known_near(&self, start: usize, end: usize) -> bool {
        let first = self.known.partition_point(|at| *at < start.saturating_sub(BEFORE));
        self.known.get(first).is_some_and(|at| *at < end.saturating_add(AFTER))
    }
    /// Whether such a word is glued to the span (`SSNAB123456`): read from end to end, the text has
    /// one word there that is none of them.
    fn is_glued(&mut self, vocabulary: &Vocabulary, text: &str, start: usize, end: usize) -> bool {
        let letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
        let hit = text.get(start..end).unwrap_or_default();
        let (before, after) = (text.get(..start), text.get(end..));
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        let mut glued = false;
        if letter(before.chars().next_back()) && letter(hit.chars().next()) {
            let from = before.ceil_char_boundary(before.len().saturating_sub(GLUED));
            let part = before.get(from..).unwrap_or_default();
            self.seen += part.len();
            let mut last = false;
            each_word(part, |word, _| last = vocabulary.leads(vocabulary.number(word)));
            glued |= last;
        }
        if letter(hit.chars().next_back()) && letter(after.chars().next()) {
            let part = after.get(..after.floor_char_boundary(GLUED)).unwrap_or_default();
            self.seen += part.len();
            let mut first = None;
            each_word(part, |word, _| {
                first.get_or_insert_with(|| vocabulary.leads(vocabulary.number(word)));
            });
            glued |= first == Some(true);
        }
        glued
    }
    /// The first of these words that stands near.
    pub(super) fn supports<'w>(&self, words: &'w Words) -> Option<&'w str> {
        let known = self.near.iter().enumerate().filter(|(_, number)| **number != u32::MAX);
        let phrase = known.into_iter().find_map(|(at, number)| {
            let rest = self.near.get(at..)?;
            let from = words.phrases.partition_point(|(numbers, _)| numbers.first() < Some(number));
            let mut same = words.phrases.get(from..)?.iter();
            same.by_ref()
                .take_while(|(numbers, _)| numbers.first() == Some(number))
                .find(|(numbers, _)| rest.starts_with(numbers))
                .map(|(_, word)| &**word)
        });
        phrase.or_else(|| {
            if self.near_text.is_empty() {
                return None;
            }
            words.unspaced.iter().find(|word| self.near_text.contains(&***word)).map(|word| &**word)
        })
    }
}

/// The text around a span that is looked at.
fn around(text: &str, start: usize, end: usize) -> (&str, &str) {
    let before = text.get(text.ceil_char_boundary(start.saturating_sub(BEFORE))..start);
    let after = text.get(end..text.floor_char_boundary(end.saturating_add(AFTER)));
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    let from = borders(before.char_indices().rev(), WORDS_BEFORE);
    let to = borders(after.char_indices().map(|(at, c)| (at + c.len_utf8(), c)), WORDS_AFTER);
    (
        from.and_then(|from| before.get(from..)).unwrap_or(before),
        to.and_then(|to| after.get(..to)).unwrap_or(after),
    )
}

/// Where the last of so many words ends, seen in walking direction.
fn borders(characters: impl Iterator<Item = (usize, char)>, words: usize) -> Option<usize> {
    let mut inside = false;
    let mut count = 0;
    let mut last = None;
    for (at, c) in characters {
        let word = in_identifier(c);
        if inside && !word {
            count += 1;
            if count == words {
                return last;
            }
        }
        inside = word;
        last = Some(at);
    }
    None
}

fn in_identifier(c: char) -> bool {
    c == '_' || if c.is_ascii() { c.is_ascii_alphanumeric() } else { c.is_alphanumeric() }
}

fn add(vocabulary: &Vocabulary, text: &str, numbers: &mut Vec<u32>) {
    each_word(text, |word, _| numbers.push(vocabulary.number(word)));
}

/// Calls with each word, folded, and where it begins: runs of letters, runs of digits, parted at `_`
/// and where a capital follows a small letter; and before its last capital where small letters
/// follow one of several.
fn each_word(text: &str, mut call: impl FnMut(Word, usize)) {
    if text.is_ascii() {
        each_plain_word(text.as_bytes(), call);
        return;
    }
    let mut word = Word::EMPTY;
    let mut start = 0;
    let mut before = ' ';
    let mut letters = text.chars();
    loop {
        let at = text.len() - letters.as_str().len();
        let Some(c) = letters.next() else { break };
        let is_word = if c.is_ascii() { c.is_ascii_alphanumeric() } else { c.is_alphanumeric() };
        // `ITINNumber` parts before its last capital, `SSNs` does not.
        let splits = (c.is_ascii_digit() != before.is_ascii_digit())
            || (c.is_uppercase()
                && (before.is_lowercase() || (before.is_uppercase() && small_follow(&letters))));
        if word.length > 0 && (splits || !is_word) {
            call(word, start);
            word = Word::EMPTY;
        }
        if word.length == 0 {
            start = at;
        }
        if c.is_ascii() {
            if is_word {
                word.push(c.to_ascii_lowercase() as u8);
            }
        } else if is_word {
            let mut bytes = [0; 4];
            for small in c.to_lowercase() {
                small.encode_utf8(&mut bytes).bytes().for_each(|byte| word.push(byte));
            }
        }
        before = c;
    }
    if word.length > 0 {
        call(word, start);
    }
}

/// The same in plain ASCII.
fn each_plain_word(text: &[u8], mut call: impl FnMut(Word, usize)) {
    let (mut word, mut start, mut before) = (Word::EMPTY, 0, b' ');
    for (at, &b) in text.iter().enumerate() {
        let splits = (b.is_ascii_digit() != before.is_ascii_digit())
            || (b.is_ascii_uppercase()
                && (before.is_ascii_lowercase()
                    || (before.is_ascii_uppercase()
                        && matches!(text.get(at + 1..at + 3), Some([b'a'..=b'z', b'a'..=b'z'])))));
        let is_word = b.is_ascii_alphanumeric();
        if word.length > 0 && (splits || !is_word) {
            call(word, start);
            word = Word::EMPTY;
        }
        if is_word {
            if word.length == 0 {
                start = at;
            }
            word.push(b.to_ascii_lowercase());
        }
        before = b;
    }
    if word.length > 0 {
        call(word, start);
    }
}

/// Whether two small letters come next.
fn small_follow(letters: &std::str::Chars<'_>) -> bool {
    let mut next = letters.clone();
    (0..2).all(|_| next.next().is_some_and(char::is_lowercase))
}

fn fold(text: &str) -> String {
    text.to_lowercase()
}

/// Letters of scripts that put no space between words.
pub(crate) const fn unspaced(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0EFF}'
        | '\u{1000}'..='\u{109F}'
        | '\u{1780}'..='\u{17FF}'
        | '\u{1100}'..='\u{11FF}'
        | '\u{3040}'..='\u{30FF}'
        | '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}'
        | '\u{AC00}'..='\u{D7AF}'
        | '\u{20000}'..='\u{2FA1F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(words: &[&str], given: &[&str], text: &str) -> Option<String> {
        let mut vocabulary = Vocabulary::default();
        let words = vocabulary.learn(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        let start = text.find("####").unwrap();
        let mut window = Window::default();
        window.give(&vocabulary, &given.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        window.look(&vocabulary, text, start, start + 4);
        window.supports(&words).map(str::to_owned)
    }

    #[test]
    fn whole_words_in_any_writing() {
        let words = ["ssn", "social security", "steuer-id", "número de identificación", "個人番号"];
        for text in [
            "my SSN is ####",
            "customer_ssn=####",
            "{\"ssnNumber\": \"####\"}",
            "SSNNumber ####",
            "SSNs: ####",
            "#### is the social-security number",
            "Social\nSecurity ####",
            "socialSecurity ####",
            "Steuer-ID ####",
            "NÚMERO DE IDENTIFICACIÓN ####",
            "私の個人番号は####です",
        ] {
            assert!(near(&words, &[], text).is_some(), "{text}");
        }
        for text in [
            "lessness ####",
            "assn ####",
            "social #### security",
            "ssn a b c d e f g h ####",
            "#### a b c d ssn",
            "social insecurity ####",
        ] {
            assert_eq!(near(&words, &[], text), None, "{text}");
        }
    }

    #[test]
    fn a_text_is_silent_where_no_phrase_stands_in_it() {
        let mut vocabulary = Vocabulary::default();
        vocabulary.learn(&["ssn", "social security", "e mail"].map(str::to_owned));
        for silent in ["123e4567-e89b", "social call", "call e 4", "security social", "lessness"] {
            assert!(vocabulary.is_silent(silent), "{silent}");
        }
        for said in ["my SSNs", "socialSecurity", "e-mail 1", "social e mail", "12ssn", "é"] {
            assert!(!vocabulary.is_silent(said), "{said}");
        }
    }

    #[test]
    fn a_text_that_is_looked_at_often_is_seen_as_before() {
        let mut vocabulary = Vocabulary::default();
        let words = ["ssn".to_owned(), "social security".to_owned(), "個人番号".to_owned()];
        let words = vocabulary.learn(&words);
        let text = "ssn 12 ".to_owned()
            + &"12 ".repeat(200)
            + "social Security 12 "
            + &"a ".repeat(200)
            + "12 SSNs "
            + &"x".repeat(300)
            + " 12 "
            + &"私の".repeat(60)
            + "個人番号12";
        let places: Vec<usize> = text.match_indices("12").map(|(at, _)| at).collect();
        let mut often = Window::default();
        often.give(&vocabulary, &[]);
        for at in places.iter().chain(&places) {
            let mut once = Window::default();
            once.give(&vocabulary, &[]);
            for window in [&mut often, &mut once] {
                window.look(&vocabulary, &text, *at, at + 2);
            }
            assert_eq!(often.supports(&words), once.supports(&words), "{at}");
        }
        assert!(often.looks > LOOKS);
    }

    #[test]
    fn a_word_glued_to_a_hit_is_seen_however_often_a_text_was_looked_at() {
        let mut vocabulary = Vocabulary::default();
        let words = vocabulary.learn(&["ssn".to_owned(), "social security".to_owned()]);
        let text = "12 ".repeat(100)
            + &"far ".repeat(80)
            + "SSNAB12"
            + &" far".repeat(80)
            + " AB12CDssn"
            + &" far".repeat(80)
            + " social securityAB12"
            + &" far".repeat(80)
            + " lessnAB12 assnAB12";
        let mut window = Window::default();
        window.give(&vocabulary, &[]);
        for (at, _) in text.match_indices("12 ").take(LOOKS + 9) {
            window.look(&vocabulary, &text, at, at + 2);
        }
        let mut seen = Vec::new();
        for (at, hit) in text.match_indices("AB12") {
            let more = text.get(at..).is_some_and(|rest| rest.starts_with("AB12CD"));
            let end = at + hit.len() + if more { 2 } else { 0 };
            let mut once = Window::default();
            once.give(&vocabulary, &[]);
            once.look(&vocabulary, &text, at, end);
            window.look(&vocabulary, &text, at, end);
            assert_eq!(window.supports(&words), once.supports(&words), "{at}");
            seen.push(window.supports(&words).is_some());
        }
        assert_eq!(seen, [true, true, true, false, false]);
    }

    #[test]
    fn the_caller_may_give_words() {
        assert_eq!(near(&["ssn"], &["customer_ssn"], "####").as_deref(), Some("ssn"));
        assert_eq!(near(&["個人番号"], &["個人番号"], "####").as_deref(), Some("個人番号"));
        assert_eq!(near(&["social security"], &["social"], "security ####"), None);
    }
}
