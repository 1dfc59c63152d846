//! The gate's finds and the model's spans to hits.
//!
//! The model is trained on text without capitals and sometimes takes ordinary words for names
//! (`flew`, `Southern`): a span that the gazetteer calls an ordinary word is dropped.

use super::gate::{Glance, Kind};
use super::sense::Cue;
use super::word::{Shape, Word};
use super::{Label, NameSpan};
use crate::address::belongs_to_nobody;
use crate::attribution::names_person;
use crate::hit::{Explanation, Hit};
use crate::options::ScanOptions;
use crate::pack::{Acts, Family};
use crate::score::Score;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

/// A detector of names, for the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameDetector {
    /// Its own name.
    pub id: &'static str,
    /// What it finds, by Presidio's name.
    pub entity: &'static str,
    /// Whether it refuses by itself.
    pub acts: Acts,
    /// The classification level that it gives.
    pub level: Option<&'static str>,
}

/// Every detector of names.
pub const NAME_DETECTORS: [NameDetector; 6] = [
    NameDetector {
        id: "name-person",
        entity: "PERSON",
        acts: Acts::Block,
        level: Some("internal"),
    },
    NameDetector { id: "name-part", entity: "PERSON", acts: Acts::Note, level: None },
    NameDetector { id: "name-location", entity: "LOCATION", acts: Acts::Note, level: None },
    NameDetector { id: "name-nationality", entity: "NRP", acts: Acts::Note, level: None },
    NameDetector { id: "name-organisation", entity: "ORGANIZATION", acts: Acts::Note, level: None },
    NameDetector {
        id: "name-address",
        entity: "STREET_ADDRESS",
        acts: Acts::Block,
        level: Some("internal"),
    },
];

/// A detector's own name, its entity and its level.
type Shared = (Arc<str>, Arc<str>, Option<Arc<str>>);

/// The names above, shared by every hit.
static SHARED: LazyLock<[Shared; 6]> = LazyLock::new(|| {
    NAME_DETECTORS.map(|row| (row.id.into(), row.entity.into(), row.level.map(Arc::from)))
});

/// What the gate's strong evidence scores, as Presidio's recognizer of names does.
const STRONG: Score = Score::new(0.85);
/// What a name alone scores.
const ALONE: Score = Score::new(0.6);
/// From here on the model's word counts.
const SURE: f32 = 0.5;
/// Where the gate was in doubt already, less will do.
const SUPPORTED: f32 = 0.35;
/// From here on two words of which the gazetteer knows neither are a person that refuses.
const STRANGERS: f32 = 0.9;
/// LIMIT: people of a text that are asked whether software names them as its authors.
pub(crate) const AUTHORS: usize = 24;

/// A row of `NAME_DETECTORS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    Person = 0,
    Part = 1,
    Location = 2,
    Nationality = 3,
    Organisation = 4,
    Address = 5,
}

struct Finding {
    row: Row,
    span: Range<usize>,
    score: Score,
    by_model: bool,
}

/// Brings both together; `words` are those of the text.
pub(crate) fn merge(
    text: &str,
    glance: &Glance,
    spans: Vec<NameSpan>,
    words: &[Word],
    options: &ScanOptions,
) -> Vec<Hit> {
    let mut all: Vec<Finding> = glance
        .finds
        .iter()
        .map(|find| {
            let (row, score) = match find.kind {
                Kind::Person => (Row::Person, STRONG),
                Kind::PersonPart => (Row::Part, ALONE),
                Kind::Location => (Row::Location, STRONG),
                Kind::Nationality => (Row::Nationality, STRONG),
                Kind::Organisation => (Row::Organisation, STRONG),
            };
            Finding { row, span: find.span.clone(), score, by_model: false }
        })
        .collect();
    for finding in grouped(text, glance, spans, words) {
        add(&mut all, finding);
    }
    all.sort_by_key(|finding| finding.span.start);
    let people = all.iter_mut().filter(|finding| finding.row == Row::Person);
    for finding in people.take(AUTHORS) {
        if names_person(text, &finding.span) {
            finding.row = Row::Part;
        }
    }
    all.into_iter().filter_map(|finding| hit(text, finding, options)).collect()
}

/// Adds a finding of the model's, unless the gate already has it.
fn add(all: &mut Vec<Finding>, new: Finding) {
    let overlaps = |old: &Finding| old.span.start < new.span.end && new.span.start < old.span.end;
    let person = |row: Row| matches!(row, Row::Person | Row::Part);
    if all.iter().any(|old| {
        overlaps(old)
            && (old.row == Row::Person || old.row == new.row && old.span.len() >= new.span.len())
    }) {
        return;
    }
    if new.row == Row::Part && all.iter().any(overlaps) {
        // The gate's word for a place or a company weighs more than half a name.
        return;
    }
    // A full name or an address takes the place of its parts.
    all.retain(|old| {
        !(overlaps(old)
            && (person(old.row) && person(new.row)
                || old.row == Row::Location
                    && matches!(new.row, Row::Address | Row::Person | Row::Location)))
    });
    all.push(new);
}

/// Parts that stand together, as one finding each.
fn grouped(text: &str, glance: &Glance, mut spans: Vec<NameSpan>, words: &[Word]) -> Vec<Finding> {
    spans.sort_by_key(|span| (span.span.start, span.span.end));
    spans.retain(|span| {
        let supported = glance
            .doubts
            .iter()
            .any(|doubt| doubt.start < span.span.end && span.span.start < doubt.end);
        span.score.value() >= if supported { SUPPORTED } else { SURE }
            && credible(text, span, words)
    });
    let mut groups: Vec<Vec<NameSpan>> = Vec::new();
    for span in spans {
        let joins = groups.last().and_then(|group| group.last()).is_some_and(|last| {
            family(last.label) == family(span.label)
                && together(text, last.span.end..span.span.start, family(span.label))
        });
        match groups.last_mut() {
            Some(group) if joins => group.push(span),
            _ => groups.push(vec![span]),
        }
    }
    groups.iter().filter_map(|group| finding(text, group, words)).collect()
}

/// Labels that make one thing together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Person,
    Address,
}

const fn family(label: Label) -> Whole {
    match label {
        Label::Given | Label::Surname => Whole::Person,
        Label::Building
        | Label::Street
        | Label::Unit
        | Label::City
        | Label::Region
        | Label::Postcode => Whole::Address,
    }
}

/// Whether only blanks, an initial or a comma stands between two parts.
fn together(text: &str, gap: Range<usize>, whole: Whole) -> bool {
    if gap.start >= gap.end {
        return true;
    }
    let gap = text.get(gap).unwrap_or_default();
    match whole {
        Whole::Person => {
            !gap.contains('\n')
                && gap.chars().filter(|c| c.is_alphabetic()).count() < 2
                && gap.len() <= 5
                && gap.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '.' | '-' | '\''))
        }
        // Lines of an address may be quoted (`> `); the cells of a table are no address.
        Whole::Address => {
            gap.len() <= 12
                && gap.chars().all(|c| {
                    c.is_whitespace()
                        || matches!(c, ',' | '.' | '-' | '/' | '#' | '°' | '>' | '?' | '*')
                })
        }
    }
}

fn finding(text: &str, group: &[NameSpan], words: &[Word]) -> Option<Finding> {
    let (first, last) = (group.first()?, group.last()?);
    let span = first.span.start..last.span.end;
    let has = |label: Label| group.iter().any(|part| part.label == label);
    let score = group.iter().map(|part| part.score).max()?;
    let row = match family(first.label) {
        Whole::Person => person(&span, score, words)?,
        Whole::Address if has(Label::Street) && numbered(text, group) => {
            if !group.iter().any(|part| part.label == Label::Street && worded(text, part)) {
                // `1 n l 8 3 0 2`: a list, no street.
                return None;
            }
            if belongs_to_nobody(text.get(span.clone())?) {
                return None;
            }
            Row::Address
        }
        Whole::Address if has(Label::City) || has(Label::Region) || has(Label::Street) => {
            Row::Location
        }
        // A number alone is no address.
        Whole::Address => return None,
    };
    Some(Finding { row, span, score, by_model: true })
}

/// A full name, or half of one. In small letters only the gazetteer's names are names; a full
/// name of two words that it has never heard of needs a model that is sure.
fn person(span: &Range<usize>, score: Score, words: &[Word]) -> Option<Row> {
    let inside = |word: &&Word| word.span.start < span.end && span.start < word.span.end;
    // `Alvir D. Pušaver`: nothing but a name has an initial within.
    let initial = words.iter().filter(inside).any(|word| word.shape == Shape::Initial);
    let names: Vec<&Word> = words
        .iter()
        .filter(inside)
        .filter(|word| !word.sense.cues(Cue::Particle) && word.shape != Shape::Initial)
        .collect();
    let known = |word: &&Word| word.sense.given() > 0 || word.sense.surname() > 0;
    let small = names.iter().all(|word| word.shape == Shape::Lower);
    let surely_known = names.iter().any(|word| known(word) && word.sense.word() == 0);
    if !names.is_empty() && (small && !surely_known || names.iter().all(|word| word.code)) {
        return None;
    }
    // `Cyrus SASL`: a short word in capitals beside one that is not is the name of a thing.
    let thing = |word: &&Word| word.shape == Shape::Upper && word.span.len() < 5 && !known(word);
    let titled = names.iter().any(|word| word.shape == Shape::Title);
    let full = names.len() > 1
        && !names.iter().any(|word| word.code)
        && !(titled && names.iter().any(thing))
        && (initial || names.iter().any(known) || score.value() >= STRANGERS);
    Some(if full { Row::Person } else { Row::Part })
}

/// Whether a street has a word: three letters, or one of a script that needs fewer.
fn worded(text: &str, part: &NameSpan) -> bool {
    let street = text.get(part.span.clone()).unwrap_or_default();
    street
        .split(|c: char| !c.is_alphabetic())
        .any(|word| word.len() > 2 && (word.chars().count() > 2 || !word.is_ascii()))
}

/// Whether an address has the number of a house: up to five digits.
fn numbered(text: &str, group: &[NameSpan]) -> bool {
    group.iter().filter(|part| part.label == Label::Building).any(|part| {
        let number = text.get(part.span.clone()).unwrap_or_default();
        let digits = number.chars().filter(char::is_ascii_digit).count();
        // `4.13` is a version, also where the model cut it in two.
        let goes_on = text.get(part.span.end..).is_some_and(|rest| {
            rest.strip_prefix('.')
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        });
        (1..=5).contains(&digits) && number.len() <= 8 && !number.contains('.') && !goes_on
    })
}

/// Whether the words of a span may be what the model says.
fn credible(text: &str, span: &NameSpan, words: &[Word]) -> bool {
    let mut inside = words
        .iter()
        .filter(|word| word.span.start < span.span.end && span.span.start < word.span.end)
        .peekable();
    if matches!(span.label, Label::Building | Label::Unit | Label::Postcode) {
        return text.get(span.span.clone()).is_some_and(|part| part.contains(char::is_numeric));
    }
    let street = span.label == Label::Street;
    if inside.peek().is_none() {
        return street;
    }
    let cased = words.iter().any(|word| matches!(word.shape, Shape::Title | Shape::Upper));
    inside.any(|word| {
        let sense = word.sense;
        let known = match family(span.label) {
            Whole::Person => sense.given() > 0 || sense.surname() > 0,
            Whole::Address => sense.place(),
        };
        if street {
            return !word.code && word.shape != Shape::Mixed;
        }
        match word.shape {
            Shape::Lower => known && sense.word() == 0 || !cased && sense.word() == 0,
            Shape::Mixed => false,
            Shape::Title | Shape::Upper | Shape::Initial => {
                let ordinary = sense.word() >= 2
                    || sense.nationality() == 3
                    || sense.cues_any(&[Cue::Area, Cue::Product]);
                !word.code && (!ordinary || known && sense.word() < 3)
            }
        }
    })
}

fn hit(text: &str, finding: Finding, options: &ScanOptions) -> Option<Hit> {
    let row = finding.row as usize;
    let (detector, entity, level) = SHARED.get(row)?.clone();
    let acts = NAME_DETECTORS.get(row)?.acts;
    let wanted =
        options.entities.as_ref().is_none_or(|wanted| wanted.iter().any(|name| **name == *entity));
    let value = text.get(finding.span.clone())?;
    if !wanted || finding.score < options.threshold || options.allow.allows(value) {
        return None;
    }
    let explanation = options.explain.then(|| {
        Box::new(Explanation {
            recognizer: detector.to_string(),
            original_score: finding.score,
            score: finding.score,
            textual_explanation: Some(
                if finding.by_model {
                    "found by the model"
                } else {
                    "found by the gazetteer and context"
                }
                .to_owned(),
            ),
            ..Explanation::default()
        })
    });
    Some(Hit {
        detector,
        entity,
        family: Family::Pii,
        acts,
        level,
        span: finding.span,
        score: finding.score,
        canary: None,
        explanation,
    })
}
