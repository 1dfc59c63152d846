//! The points that tell a person's name from other capitalised words.
//!
//! The numbers are rough log-odds: what a given name, a surname, a title before or a verb after
//! says for a person, and what an ordinary word, a street or a product says against. Next: `mod`.

use super::sense::Cue;
use super::word::{Joint, Shape, Word};

/// From here on a run of words is a person.
const FOUND: f32 = 3.7;
/// From here on the model must look.
const DOUBT: f32 = 0.8;
/// From here on a single word without context is a given name, reported but no reason to refuse.
const PART: f32 = 2.0;

/// What a cue such as `name:` before says.
pub(crate) const NAMED: f32 = 2.5;

/// How firmly the words before say "a place follows".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Nothing,
    /// A preposition.
    Weak,
    /// `flew to`, `Southern`.
    Strong,
}

/// What the points come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Person,
    Part,
    Doubt,
    Nothing,
}

/// An ordinary word, which is no part of a name and ends a run of name-like ones.
pub(crate) fn plain(word: &Word) -> bool {
    let sense = word.sense;
    if word.shape == Shape::Initial || word.shape == Shape::Lower {
        return false;
    }
    let thing = sense.cues_any(&[
        Cue::Honorific,
        Cue::Company,
        Cue::Body,
        Cue::Street,
        Cue::Thing,
        Cue::Area,
        Cue::Product,
    ]) && sense.given() < 3;
    let says = sense.cues_any(&[
        Cue::Title,
        Cue::Name,
        Cue::Kin,
        Cue::Speech,
        Cue::By,
        Cue::Place,
        Cue::Act,
        Cue::Sign,
    ]) && sense.given() < 2
        && (sense.surname() < 3 || word.opens);
    let ordinary = sense.word() >= 2 && sense.given() < 2 && sense.surname() < 3
        || sense.word() == 1 && sense.given() == 0 && sense.surname() == 0
        || sense.word() == 3 && sense.given() < 2 && word.opens
        || sense.nationality() == 3 && sense.given() < 2 && sense.surname() < 3;
    let shouted =
        word.shape == Shape::Upper && sense.word() > 0 && sense.given() < 3 && sense.surname() < 3;
    thing || says || ordinary || shouted
}

/// Whether a word may be the second half of a name, so that `Jordan` before it is a person.
pub(crate) fn may_end_a_name(word: &Word) -> bool {
    let sense = word.sense;
    word.shape == Shape::Initial
        || !plain(word)
            && (sense.surname() > 1 || sense.surname() > 0 && sense.word() == 0 || sense.unknown())
            && sense.country() == 0
            && sense.region() == 0
}

/// Whether a word of the gazetteer is a place here and not an ordinary word or a person.
pub(crate) fn certain_place(word: &Word, cue: Standing, alone: bool) -> bool {
    let sense = word.sense;
    let named = sense.given() > if sense.country() == 3 { 2 } else { 1 }
        || sense.surname() > 1 && sense.country() < 3;
    let cued = cue != Standing::Nothing || alone;
    let short = word.shape == Shape::Upper && word.span.len() < 4 && sense.country() == 0;
    if short || sense.cues(Cue::Product) && cue != Standing::Strong {
        return false;
    }
    match (sense.country().max(sense.region()), sense.city()) {
        (3, _) => cued || !named && (sense.word() == 0 || !word.opens),
        (2, _) => cued && sense.word() == 0 || !named && !word.opens && sense.word() == 0,
        (_, 3) => {
            cue == Standing::Strong
                || cued && sense.word() < 3
                || sense.word() == 0 && (!named || !word.opens)
        }
        (_, 2) => {
            cue == Standing::Strong
                || cued && sense.word() == 0
                || !named && !word.opens && sense.word() == 0
        }
        (_, 1) => cue == Standing::Strong || cued && !named && sense.word() == 0,
        _ => false,
    }
}

/// Whether a nationality is one of people here, and not a language's name in a list or a setting.
pub(crate) fn certain_nationality(text: &str, before: Option<&Word>, after: Option<&Word>) -> bool {
    const LANGUAGE: &[&str] = &[
        "language",
        "languages",
        "translation",
        "translations",
        "translator",
        "text",
        "texts",
        "word",
        "words",
        "wordlist",
        "convention",
        "calendar",
        "alphabet",
        "version",
        "letter",
        "letters",
        "locale",
        "characters",
        "script",
        "mnemonic",
        "mnemonics",
        "keyboard",
        "dictionary",
        "spelling",
        "grammar",
        "and",
        "or",
        "is",
        "has",
        "in",
        "can",
        "could",
        "for",
        "with",
        "to",
        "as",
        "of",
        "from",
    ];
    let adjective = after.is_some_and(|word| {
        word.joint == Joint::Space
            && word.shape == Shape::Lower
            && !word.code
            && !LANGUAGE.contains(&word_of(text, word))
    });
    let predicate = before.is_some_and(|word| {
        matches!(
            word_of(text, word),
            "is" | "was"
                | "are"
                | "am"
                | "be"
                | "a"
                | "an"
                | "I'm"
                | "nationality"
                | "Nationality"
                | "citizenship"
        )
    });
    adjective || predicate
}

/// Whether the signs between two words make the first the label of the second: `name: "Anna"`.
pub(crate) fn labels(gap: &str) -> bool {
    gap.contains([':', '='])
        && gap.len() < 12
        && gap.chars().all(|c| matches!(c, ':' | '=' | '"' | '\'' | ' ' | '\t' | '*'))
}

/// What the ordinary words that a run was split from say: `Martin Luther King | Boulevard`.
pub(crate) fn taint(left: Option<&Word>, right: Option<&Word>) -> f32 {
    let mut points = 0.0;
    if let Some(word) = right {
        points -= if word.sense.cues_any(&[Cue::Company, Cue::Body]) {
            4.5
        } else if word.sense.cues_any(&[Cue::Street, Cue::Thing]) {
            3.5
        } else {
            1.5
        };
    }
    if let Some(word) = left
        && !word.opens
        && !word.sense.cues_any(&[
            Cue::Honorific,
            Cue::Title,
            Cue::Name,
            Cue::Kin,
            Cue::Speech,
            Cue::By,
        ])
    {
        points -= 1.5;
    }
    points
}

/// What stands before and after `start..=end`: titles, `name:`, `says`, an article.
pub(crate) fn context(text: &str, words: &[Word], start: usize, end: usize) -> f32 {
    let Some(first) = words.get(start) else { return 0.0 };
    let back = |n: usize| start.checked_sub(n).and_then(|at| words.get(at));
    let mut points = 0.0;
    if let Some(last) = back(1) {
        let gap = text.get(last.span.end..first.span.start).unwrap_or_default().trim();
        let near = matches!(gap, "" | "." | "," | "\"") || labels(gap);
        let sense = last.sense;
        // `the son of`, `directed by`, `name is`: the word before the little one counts.
        let little = sense.cues_any(&[Cue::By, Cue::Place, Cue::Act])
            || matches!(word_of(text, last), "is" | "of" | "to" | "for" | "as");
        let deeper =
            back(2).filter(|_| little && last.joint != Joint::Apart).map(|word| word.sense);
        if first.joint == Joint::Line {
            points += if sense.cues(Cue::Sign) || gap == ":" && sense.cues(Cue::Name) {
                2.5
            } else {
                0.0
            };
        } else if near {
            // `MS Server`, `SR Linux`: in capitals alone it is no form of address.
            let addresses = sense.cues(Cue::Honorific)
                && !(last.shape == Shape::Upper
                    && first.shape != Shape::Upper
                    && !gap.contains('.'));
            points += if addresses {
                4.0
            } else if quoted_name(text, last, gap) {
                1.4
            } else if sense.cues(Cue::Name) || deeper.is_some_and(|deeper| deeper.cues(Cue::Name)) {
                2.5
            } else if sense.cues_any(&[Cue::Speech, Cue::Kin, Cue::Title]) {
                1.6
            } else if deeper
                .is_some_and(|deeper| deeper.cues_any(&[Cue::Kin, Cue::Title, Cue::Speech]))
            {
                1.4
            } else if sense.cues(Cue::By) {
                0.8
            } else {
                0.0
            };
            if matches!(
                word_of(text, last),
                "the" | "The" | "a" | "A" | "an" | "An" | "this" | "This"
            ) {
                points -= 1.2;
            }
        }
    }
    if start == end
        && let Some(next) = words.get(end + 1)
        && next.joint == Joint::Space
        && next.shape == Shape::Lower
        && next.sense.cues(Cue::Thing)
    {
        // `the Ackermann function`
        points -= 3.0;
    }
    if let Some(next) = words.get(end + 1)
        && matches!(next.joint, Joint::Space | Joint::Comma)
        && next.shape == Shape::Lower
        && next.sense.cues_any(&[Cue::Speech, Cue::Act])
    {
        points += 0.6;
    }
    points
}

/// `"name": "…"`: the key of a record, which may be of a product, a package or a country.
fn quoted_name(text: &str, word: &Word, gap: &str) -> bool {
    gap.contains(':')
        && gap.starts_with(['"', '\''])
        && matches!(word_of(text, word), "name" | "Name" | "nom" | "nombre" | "nome" | "naam")
        && !text.get(..word.span.start).is_some_and(|before| before.ends_with(['_', '-']))
}

/// Weighs a run of name-like words; `around` is what its surroundings say.
pub(crate) fn person(text: &str, run: &[Word], around: f32) -> Verdict {
    let names: Vec<&Word> =
        run.iter().filter(|word| !matches!(word.shape, Shape::Initial | Shape::Lower)).collect();
    let initials = run.iter().filter(|word| word.shape == Shape::Initial).count();
    let (Some(first), Some(last)) = (names.first(), names.last()) else { return Verdict::Nothing };
    if names.len() == 1 && initials == 0 {
        return single(word_of(text, first), first, around);
    }
    if names.len() > 5 {
        // A heading or a shout, no name.
        return Verdict::Nothing;
    }
    let mut points = around;
    let surname = surname_points(word_of(text, last), last);
    // `M. Chudnovsky, P. Seymour` are found in every list of references: no full name.
    let short = names.len() == 1
        && run.first().is_some_and(|word| word.shape == Shape::Initial)
        && around < NAMED - 1.2;
    if names.len() == 1 {
        // `J. Smith`, `Anna B`
        points += if run.first().is_some_and(|word| word.shape == Shape::Initial) {
            1.2 + surname
        } else {
            given_points(first, true)
        };
    } else {
        points +=
            given_points(first, last.sense.surname() >= 2 && last.sense.word() == 0) + surname;
        points += 0.8 * (initials.min(2) as f32);
        let inner = names.get(1..names.len() - 1).unwrap_or_default();
        for word in inner {
            points += if word.sense.given() > 0 || word.sense.surname() > 0 {
                0.5
            } else if word.shape == Shape::Upper {
                -1.0
            } else {
                0.0
            };
        }
    }
    if points >= FOUND || short && points >= PART {
        if short { Verdict::Part } else { Verdict::Person }
    } else if points >= DOUBT {
        Verdict::Doubt
    } else {
        Verdict::Nothing
    }
}

fn single(text: &str, word: &Word, around: f32) -> Verdict {
    let sense = word.sense;
    let mut own = [0.0, 0.6, 1.4, 2.2].get(usize::from(sense.given())).copied().unwrap_or(0.0_f32);
    own = own.max([0.0, 0.4, 0.8, 1.2].get(usize::from(sense.surname())).copied().unwrap_or(0.0));
    if sense.unknown() && word.shape == Shape::Title {
        own = if word.opens { 0.8 } else { 1.0 };
    }
    if sense.surname() > 1
        && sense.word() == 0
        && !sense.place()
        && !word.opens
        && word.shape == Shape::Title
    {
        // A surname by itself in the middle of a sentence: `the Jensen novel`.
        own = own.max(if sense.surname() == 3 || surname_like(text) { 2.0 } else { 1.4 });
    } else if sense.unknown() && word.shape == Shape::Title && surname_like(text) {
        own = if word.opens { 1.4 } else { 2.0 };
    }
    if sense.nationality() == 3 && around < 2.0 {
        return Verdict::Nothing;
    }
    own -= 0.8 * f32::from(sense.word());
    own -= if sense.cues(Cue::Product) { 3.0 } else { 0.0 };
    own -= if sense.city() == 3 || sense.country() > 0 || sense.region() == 3 { 1.0 } else { 0.0 };
    if word.shape == Shape::Upper && (sense.given() < 2 || word.span.len() < 4) {
        own -= 1.0;
    }
    let points = own + around;
    let titled = around >= 3.5 && sense.surname() > 0 && sense.word() < 3;
    if titled || points >= FOUND && (around >= 3.0 || own >= 1.2) {
        Verdict::Person
    } else if (own >= PART || points >= FOUND) && around > -2.0 && !(word.opens && sense.word() > 0)
    {
        Verdict::Part
    } else if points >= DOUBT {
        Verdict::Doubt
    } else {
        Verdict::Nothing
    }
}

fn given_points(word: &Word, firm_surname: bool) -> f32 {
    let sense = word.sense;
    let own = [0.3, 1.2, 2.2, 2.8].get(usize::from(sense.given())).copied().unwrap_or(0.0_f32);
    let weight = if firm_surname { 0.3 } else { 0.6 };
    own - weight * f32::from(sense.word()) * shout(word)
        - if sense.cues(Cue::Product) { 2.5 } else { 0.0 }
        - if sense.city() > 1 || sense.country() > 0 || sense.region() > 0 { 0.8 } else { 0.0 }
}

fn surname_points(text: &str, word: &Word) -> f32 {
    let sense = word.sense;
    let mut own =
        [0.0, 1.0, 1.8, 2.2].get(usize::from(sense.surname())).copied().unwrap_or(0.0_f32);
    if sense.surname() == 0 {
        own = if sense.given() > 0 {
            0.8
        } else if sense.unknown() && word.shape == Shape::Title {
            1.0
        } else {
            0.2
        };
    }
    if sense.surname() < 2 && sense.word() == 0 && surname_like(text) {
        own += 0.7;
    }
    // `Smith` and `Baker` are words too, but far more often names.
    let weight = if sense.surname() == 3 { 0.3 } else { 0.5 };
    own - weight * f32::from(sense.word()) * shout(word)
        - if sense.cues(Cue::Product) { 2.5 } else { 0.0 }
}

/// Endings that surnames have in many countries and few other words have.
const ENDINGS: &[&str] = &[
    "son", "sen", "sson", "dóttir", "dottir", "ov", "ova", "ev", "eva", "ová", "ský", "ská", "ski",
    "ska", "sky", "skaya", "ić", "ič", "vic", "vich", "enko", "chuk", "yan", "ian", "shvili",
    "adze", "oğlu", "oglu", "nen", "berg", "ström", "strom", "qvist", "kvist", "lund", "gren",
    "gård", "gaard", "ez", "elli", "etti", "escu", "opoulos", "idis", "akis", "mann", "stein",
    "wicz", "czyk", "uk", "ák", "ík", "ško", "šek", "ček", "zadeh", "singh",
];

/// Whether a word ends as surnames do.
fn surname_like(text: &str) -> bool {
    let lower = text.to_lowercase();
    lower.len() > 5 && ENDINGS.iter().any(|ending| lower.ends_with(ending))
}

/// Capitals say nothing about a word that is all capitals.
fn shout(word: &Word) -> f32 {
    if word.shape == Shape::Upper { 1.3 } else { 1.0 }
}

fn word_of<'a>(text: &'a str, word: &Word) -> &'a str {
    text.get(word.span.clone()).unwrap_or_default()
}
