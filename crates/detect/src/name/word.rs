//! Text to words: where each stands, how it is written, what joins it to the one before.
//!
//! One pass over the bytes. Knows no names: `sense` does, and `gate` puts both together.

use std::ops::Range;

use icu_normalizer::properties::{CanonicalDecompositionBorrowed, Decomposed};

use super::sense::Sense;

/// How a word is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `anna`, and scripts without capitals.
    Lower,
    /// `Anna`, `McDowell`, `Anne-Lotte`.
    Title,
    /// `ANNA`.
    Upper,
    /// `A` or `A.`.
    Initial,
    /// `fooBar`: code or a brand.
    Mixed,
}

/// What stands between a word and the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joint {
    /// Blanks only, or the point of an abbreviation and blanks.
    Space,
    /// A comma and blanks.
    Comma,
    /// A line's end with nothing but blanks and marks of quotation or lists.
    Line,
    /// The text's beginning, a sentence's end, or any other sign.
    Apart,
}

/// One word of a text.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    /// Bytes of the text.
    pub(crate) span: Range<usize>,
    pub(crate) shape: Shape,
    pub(crate) joint: Joint,
    /// Whether a capital says nothing here: it begins a sentence, a line or a quotation.
    pub(crate) opens: bool,
    /// Glued to signs that code, paths and addresses are made of.
    pub(crate) code: bool,
    /// `Anna's`: the name ends here.
    pub(crate) possessive: bool,
    pub(crate) sense: Sense,
}

impl Word {
    /// Whether it is written as a name may be and is no code.
    pub(crate) fn capital(&self) -> bool {
        !self.code && matches!(self.shape, Shape::Title | Shape::Upper | Shape::Initial)
    }
}

/// Splits a text into words and looks each one up.
pub(crate) fn words(text: &str, into: &mut Vec<Word>) {
    into.clear();
    let mut folded = String::with_capacity(32);
    let mut rest = text.char_indices().peekable();
    let mut gap_start = 0;
    while let Some((start, first)) = rest.next() {
        if !first.is_alphabetic() {
            continue;
        }
        let mut end = start + first.len_utf8();
        let mut caps = usize::from(first.is_uppercase());
        let mut letters = 1_usize;
        let mut inner_cap = false;
        let mut after_joiner = false;
        let mut small_part = false;
        let mut length_at_joiner = 0;
        folded.clear();
        fold_into(first, &mut folded);
        let mut possessive = false;
        let mut short_of = None;
        while let Some(&(at, c)) = rest.peek() {
            if c.is_alphabetic() || is_mark(c) {
                if c.is_uppercase() {
                    caps += 1;
                    inner_cap |= !after_joiner && letters > 0;
                }
                // `How-to`, `Rust-friendly`: no name is written so, but `d'Arc` is.
                small_part |= after_joiner && c.is_lowercase() && folded.ends_with('-');
                letters += usize::from(!is_mark(c));
                after_joiner = false;
                fold_into(c, &mut folded);
            } else if matches!(c, '\'' | '’' | '-') && letters_follow(text, at + c.len_utf8()) {
                short_of = Some((end, folded.len()));
                after_joiner = true;
                length_at_joiner = letters;
                folded.push(if c == '-' { '-' } else { '\'' });
            } else {
                break;
            }
            end = at + c.len_utf8();
            rest.next();
        }
        // `Anna's` is Anna.
        if let Some((cut, folded_cut)) = short_of
            && folded.get(folded_cut..).is_some_and(|tail| tail == "'s")
            && folded_cut > 2
        {
            end = cut;
            folded.truncate(folded_cut);
            letters -= 1;
            possessive = true;
            // `JOHN'S` has the capital of its S counted.
            caps = caps.min(letters);
        }
        let shape = if caps == 0 {
            Shape::Lower
        } else if letters == 1 {
            Shape::Initial
        } else if caps == letters {
            Shape::Upper
        } else if first.is_uppercase() && !small_part && (!inner_cap || is_mc(&folded)) {
            Shape::Title
        } else if first.is_uppercase() && length_at_joiner == 1 && caps == letters - 1 {
            Shape::Upper
        } else {
            Shape::Mixed
        };
        let before = into.last();
        let gap = text.get(gap_start..start).unwrap_or_default();
        let abbreviated = before.is_some_and(|word| {
            word.shape == Shape::Initial || word.sense.cues(super::sense::Cue::Honorific)
        });
        let (joint, opens) = joint(gap, before.is_none(), abbreviated);
        let code = glued(text, gap, start, end, abbreviated, shape);
        let sense = if shape == Shape::Mixed { Sense::default() } else { look_up(&folded, shape) };
        into.push(Word { span: start..end, shape, joint, opens, code, possessive, sense });
        gap_start =
            if possessive { end + text.get(end..).map_or(0, possessive_bytes) } else { end };
    }
}

/// Brings a word to the form of the lists: lower case, without accents.
pub(crate) fn fold_into(c: char, into: &mut String) {
    if c.is_ascii() {
        into.push(c.to_ascii_lowercase());
        return;
    }
    for lower in c.to_lowercase() {
        match lower {
            'ø' => into.push('o'),
            'ł' => into.push('l'),
            'ß' => into.push_str("ss"),
            'æ' => into.push_str("ae"),
            'œ' => into.push_str("oe"),
            'đ' | 'ð' => into.push('d'),
            'þ' => into.push_str("th"),
            'ı' => into.push('i'),
            'ħ' => into.push('h'),
            'ŧ' => into.push('t'),
            'ς' => into.push('σ'),
            other => match CanonicalDecompositionBorrowed::new().decompose(other) {
                Decomposed::Default if is_mark(other) => {}
                Decomposed::Default => into.push(other),
                Decomposed::Singleton(single) => into.push(single),
                // A letter with two marks comes apart in two steps.
                Decomposed::Expansion(base, _) => fold_into(base, into),
            },
        }
    }
}

/// `O'Brien` and `Anne-Lotte` are looked up whole, then by their parts.
fn look_up(folded: &str, shape: Shape) -> Sense {
    let sense = Sense::of(folded);
    if !sense.unknown() || shape == Shape::Lower {
        return sense;
    }
    match (folded.split('-').next(), folded.rsplit('-').next()) {
        (Some(first), Some(last)) if first.len() < folded.len() => {
            Sense::of_pair(Sense::of(first), Sense::of(last))
        }
        _ => sense,
    }
}

fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{487}' | '\u{591}'..='\u{5bd}' | '\u{64b}'..='\u{65f}')
}

/// `McDowell`, `MacDonald`, `DeShawn`, `O'Brien`: a capital inside a name.
fn is_mc(folded: &str) -> bool {
    ["mc", "mac", "o'", "d'", "de", "di", "la", "le", "van", "fitz"]
        .iter()
        .any(|start| folded.starts_with(start))
}

fn letters_follow(text: &str, at: usize) -> bool {
    text.get(at..).and_then(|rest| rest.chars().next()).is_some_and(char::is_alphabetic)
}

fn possessive_bytes(rest: &str) -> usize {
    rest.chars().take(2).map(char::len_utf8).sum()
}

/// How two words are joined, and whether the second one opens something.
fn joint(gap: &str, first: bool, abbreviated: bool) -> (Joint, bool) {
    if !first {
        let trimmed = gap.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit());
        if trimmed.len() < gap.trim_start_matches(' ').len()
            && trimmed.trim_matches([' ', '\t']) == ","
        {
            // `…straat 5, Assen`
            return (Joint::Comma, false);
        }
        let trimmed = gap.trim_matches([' ', '\t', '\u{a0}']);
        if trimmed.is_empty() && !gap.is_empty() {
            return (Joint::Space, false);
        }
        if trimmed == "." && abbreviated {
            return (Joint::Space, false);
        }
        if trimmed == "," {
            return (Joint::Comma, false);
        }
        if matches!(trimmed, "(" | "/" | "&" | "+" | "=" | ")" | "),") {
            return (Joint::Apart, false);
        }
    }
    if let Some((_, line)) = gap.rsplit_once('\n')
        && line.chars().all(|c| c.is_whitespace() || ",>?-*•|\"".contains(c))
    {
        return (Joint::Line, true);
    }
    // After a number the capital is the word's own: `a 2017 Polish film`.
    let numbered = gap.trim_end_matches([' ', '\t']).ends_with(|c: char| c.is_ascii_digit());
    (Joint::Apart, !numbered)
}

/// Whether a word is part of a path, an address, an identifier or a call.
fn glued(text: &str, gap: &str, start: usize, end: usize, abbreviated: bool, shape: Shape) -> bool {
    let left = gap.chars().next_back();
    let mut after = text.get(end..).unwrap_or_default().chars();
    let (right, next) = (after.next(), after.next());
    let by_left = match left {
        Some('.') => gap.len() == 1 && !abbreviated && start > 0,
        Some('_' | '/' | '\\' | '@' | '#' | '$' | '%' | '<' | '`' | '~' | '^' | '{' | '&') => true,
        Some(':') => gap.ends_with("::"),
        Some('-') => gap.ends_with("--") && gap.len() < 4,
        Some(c) => c.is_ascii_digit(),
        None => false,
    };
    by_left
        || match right {
            Some('.') => next.is_some_and(char::is_alphanumeric) && shape != Shape::Initial,
            Some(':') => next == Some(':'),
            Some('_' | '/' | '\\' | '@' | '=' | '(' | '[' | '`' | '{' | '<') => true,
            Some(c) => c.is_ascii_digit(),
            None => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes(text: &str) -> Vec<(String, Shape, bool, bool)> {
        let mut into = Vec::new();
        words(text, &mut into);
        into.iter()
            .map(|w| (text.get(w.span.clone()).unwrap().to_owned(), w.shape, w.opens, w.code))
            .collect()
    }

    fn folded(text: &str) -> String {
        let mut into = String::new();
        text.chars().for_each(|c| fold_into(c, &mut into));
        into
    }

    #[test]
    fn folding_is_that_of_the_lists() {
        for (given, kept) in [
            ("Szöllössy", "szollossy"),
            ("MÖNSTERÅS", "monsteras"),
            ("Þór", "thor"),
            ("Kozłowski", "kozlowski"),
            ("ΛΕΥΚΩΣΊΑ", "λευκωσια"),
            ("Nguyễn", "nguyen"),
            ("Søren", "soren"),
            ("Ünal", "unal"),
        ] {
            assert_eq!(folded(given), kept);
        }
    }

    #[test]
    fn words_know_how_they_are_written() {
        use Shape::*;
        let text = "Mr. J. O'Brien met McDowell's ANNA at fooBar";
        let found: Vec<_> =
            shapes(text).into_iter().map(|(word, shape, ..)| (word, shape)).collect();
        let expected = [
            ("Mr", Title),
            ("J", Initial),
            ("O'Brien", Title),
            ("met", Lower),
            ("McDowell", Title),
            ("ANNA", Upper),
            ("at", Lower),
            ("fooBar", Mixed),
        ];
        assert_eq!(found, expected.map(|(word, shape)| (word.to_owned(), shape)));
    }

    #[test]
    fn code_is_told_from_prose() {
        for text in [
            "std::Anna",
            "Anna::new",
            "/home/Anna",
            "Anna_Smith",
            "Anna(",
            "Anna.txt",
            "<Anna",
            "`Anna`",
            "Anna@x",
            "@Anna",
            "Anna2",
        ] {
            assert!(
                shapes(text).iter().any(|(word, _, _, code)| word.contains("Anna") && *code),
                "{text}"
            );
        }
        for text in
            ["(Anna)", "\"Anna\"", "Anna.", "Anna, x", ">Anna", "J.Anna", "author=Anna", "*Anna*"]
        {
            assert!(
                shapes(text).iter().all(|(word, _, _, code)| !word.contains("Anna") || !*code),
                "{text}"
            );
        }
    }

    #[test]
    fn what_opens_a_sentence_is_known() {
        let opens: Vec<bool> = shapes("Hi Anna. Then Bob:\nEve \"Carl")
            .into_iter()
            .map(|(_, _, opens, _)| opens)
            .collect();
        assert_eq!(opens, [true, false, true, false, true, true]);
    }
}
