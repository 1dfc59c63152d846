//! Organisations: by their legal form, by the word that ends their name, by what stands beside.
//!
//! They are reported and refuse nothing, so that a company's name in a text costs nobody a call.
//! Full names of people are never taken for one: a given name in the chain speaks against it.
//! Next: `gate`, which asks before it looks for people.

use super::sense::Cue;
use super::word::{Joint, Shape, Word};

/// Last words of names that no list of legal forms holds, beside the cue `body`.
const ENDS: [&str; 14] = [
    "partners",
    "research",
    "consulting",
    "capital",
    "finance",
    "financial",
    "energy",
    "airways",
    "railways",
    "telecom",
    "holdings",
    "analytics",
    "logistics",
    "brothers",
];
/// What is said of an organisation right behind its name.
const BEHIND: [&str; 22] = [
    "office",
    "offices",
    "website",
    "employee",
    "employees",
    "headquarters",
    "spokesman",
    "spokeswoman",
    "spokesperson",
    "shares",
    "stock",
    "shareholders",
    "subsidiary",
    "branch",
    "store",
    "stores",
    "customers",
    "warehouse",
    "factory",
    "board",
    "staff",
    "orchestra",
];
/// What is said of an organisation right before its name.
const BEFORE: [&str; 12] = [
    "joined",
    "acquired",
    "founded",
    "company",
    "employer",
    "startup",
    "firm",
    "supplier",
    "vendor",
    "contractor",
    "bank",
    "insurer",
];
/// What, with `at`, `for`, `of` or `by` behind it, is said before the name of an organisation.
const ROLES: [&str; 40] = [
    "work",
    "works",
    "worked",
    "working",
    "job",
    "employed",
    "employee",
    "intern",
    "internship",
    "ceo",
    "cto",
    "cfo",
    "coo",
    "founder",
    "cofounder",
    "president",
    "chairman",
    "director",
    "manager",
    "engineer",
    "developer",
    "consultant",
    "analyst",
    "accountant",
    "lawyer",
    "representative",
    "hired",
    "year",
    "years",
    "months",
    "address",
    "account",
    "customer",
    "client",
    "career",
    "position",
    "team",
    "contract",
    "invoice",
    "shares",
];

/// The last word of an organisation's name that begins at `start` and may reach to `end`; the
/// first word of the name besides, without an article.
pub(super) fn organisation(
    text: &str,
    words: &[Word],
    start: usize,
    end: usize,
) -> Option<(usize, usize)> {
    let first = (start..=end)
        .find(|at| words.get(*at).is_some_and(|word| !(word.opens && word.sense.word() == 3)))?;
    let chain = words.get(first..=end)?;
    let last = chain.last()?;
    let shouted = chain.len() > 1 && chain.iter().all(|word| word.shape == Shape::Upper);
    let person = chain.iter().any(|word| word.sense.given() > 1 && word.sense.word() < 2);
    if shouted || chain.len() > 6 || chain.iter().any(|word| word.code) {
        return None;
    }
    let own = |word: &Word| word.sense.word() < 2 || word.sense.surname() > 1;
    let ended = chain.len() > 1
        && last.shape == Shape::Title
        && (last.sense.cues(Cue::Body) || ENDS.contains(&&*lower(text, last)))
        && chain.iter().rev().skip(1).any(own);
    if ended {
        return Some((first, end));
    }
    let place = chain.first()?.sense.place() || chain.len() > 1 && last.sense.place();
    let titled = first
        .checked_sub(1)
        .and_then(|at| words.get(at))
        .is_some_and(|word| word.sense.cues_any(&[Cue::Honorific, Cue::Title]) && word.capital());
    if person || place || titled || !chain.iter().any(own) {
        return None;
    }
    (behind(text, words, first, end) || before(text, words, first)).then_some((first, end))
}

/// `the Roadify Transit website`
fn behind(text: &str, words: &[Word], first: usize, end: usize) -> bool {
    let article = first
        .checked_sub(1)
        .and_then(|at| words.get(at))
        .is_some_and(|word| matches!(&*lower(text, word), "the" | "a" | "an"));
    article
        && words.get(end + 1).is_some_and(|next| {
            next.joint == Joint::Space
                && next.shape == Shape::Lower
                && !next.code
                && BEHIND.contains(&&*lower(text, next))
        })
}

/// `works at Persint`, `joined Persint`, `the address of Persint`
fn before(text: &str, words: &[Word], first: usize) -> bool {
    let back = |n: usize| first.checked_sub(n).and_then(|at| words.get(at));
    let joined = |at: usize| words.get(at).is_some_and(|word| word.joint == Joint::Space);
    let Some(last) = back(1).filter(|_| joined(first)) else { return false };
    let said = lower(text, last);
    if last.shape == Shape::Lower && BEFORE.contains(&&*said) {
        return true;
    }
    matches!(&*said, "at" | "for" | "of" | "by" | "with" | "from")
        && back(2)
            .filter(|word| !word.code && last.joint == Joint::Space && word.span.len() < 20)
            .is_some_and(|word| ROLES.contains(&&*lower(text, word)))
}

/// `White, Willis and Hoffman`: three surnames make a firm. The place of the last one.
pub(super) fn firm(text: &str, words: &[Word], start: usize) -> Option<usize> {
    let surname = |at: usize| {
        words.get(at).is_some_and(|word| {
            word.capital()
                && word.shape == Shape::Title
                && word.sense.surname() > 1
                && word.sense.surname() >= word.sense.given()
                && word.sense.country() == 0
        })
    };
    let word = |at: usize| words.get(at);
    let parted = word(start)?.joint != Joint::Comma;
    let second = word(start + 1)?.joint == Joint::Comma && surname(start + 1);
    let and = word(start + 2).is_some_and(|word| {
        word.joint == Joint::Space && matches!(&*lower(text, word), "and" | "und" | "et" | "y")
    });
    let third = word(start + 3)?.joint == Joint::Space && surname(start + 3);
    let ends = word(start + 4).is_none_or(|next| next.joint != Joint::Space || !next.capital());
    (parted && surname(start) && second && and && third && ends).then_some(start + 3)
}

fn lower(text: &str, word: &Word) -> String {
    text.get(word.span.clone()).unwrap_or_default().to_lowercase()
}
