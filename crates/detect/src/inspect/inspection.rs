//! The state of one inspection: what was found, what was spent, where it stands.
//! Next: `fields`.

use super::alike::Alike;
use super::authors::{Authors, author_above};
use super::documents::Gathered;
use super::neighbours::Neighbours;
use super::passages::Passage;
use super::payload::{ContentFields, Looks};
use super::repeats::{Repeats, Trace};
use super::report::{Found, Outcome, Report, Unreadable};
use super::{Inspector, Transform};
use crate::attribution::COUNTED;
use crate::decode::bytes::Survey;
use crate::engine::Scratch;
use crate::hit::Hit;
use crate::mask::Ground;
use crate::name::{NameBudget, NameFault, NameScratch};
use crate::options::ScanOptions;
use crate::pack::{Acts, Family};
use crate::score::Score;
use crate::walk::{Path, Step};
use backstop_model::redacted::Redacted;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

/// LIMIT: findings of one inspection. Past it the rest is not looked at, and the payload is over the
/// limit.
pub(super) const MAX_FOUND: usize = 10_000;
/// LIMIT: the longest key that is scanned with its value, in bytes.
const MAX_KEY: usize = 64;

/// Bytes of a field in which its first line is looked at as one, and the capitals of a banner.
const HEAD: usize = 256;
const MIN_BANNER: usize = 3;

/// How many keys are remembered.
const KEYS: usize = 128;

/// One inspection.
pub(super) struct Inspection<'i> {
    pub(super) inspector: &'i Inspector,
    pub(super) looks: &'i Looks,
    at: &'i str,
    pub(super) scratch: &'i mut Scratch,
    names: NameScratch,
    /// What the model of names may still look at.
    budget: NameBudget,
    /// For fields that hold no content: all families but PII.
    plain: ScanOptions,
    /// For the head of a field: marks alone.
    marks: ScanOptions,
    /// Pointers of the parts that are being walked.
    pub(super) prefix: String,
    /// What was undone to see what is looked at now.
    pub(super) chain: Vec<Transform>,
    /// Keyed at random: whoever could make two texts hash alike could hide one.
    pub(super) hasher: RandomState,
    /// Every text and run that was looked at, by hash, field and depth.
    seen: HashSet<u64>,
    /// Of each value of a kind in a field: the best score with which it was kept.
    reported: HashMap<u64, Score>,
    /// The keys that came last.
    keys: Vec<String>,
    pub(super) neighbours: Neighbours,
    /// The text of a scan: key and value.
    keyed: String,
    /// Fields that are looked at together in the end.
    pub(super) gathered: Gathered,
    pub(super) found: Vec<Found>,
    /// How many of each kind were found.
    alike: Alike,
    /// Whom the payload names as authors.
    pub(super) authors: Authors,
    /// Content for a detector elsewhere, and how many bytes of it.
    pub(super) passages: Vec<Passage>,
    pub(super) kept: usize,
    /// Short values that held nothing.
    pub(super) repeats: Repeats,
    outcome: Outcome,
    pub(super) fields: usize,
    pub(super) scanned: usize,
    decoded: usize,
    /// How many hits were to be kept.
    hits: usize,
    /// How many texts were searched for everything.
    searched: usize,
}

/// Where a text stands.
#[derive(Clone, Copy)]
pub(super) struct Site<'s> {
    /// Its field.
    pub(super) path: &'s Path<'s>,
    /// The number of its field.
    pub(super) field: usize,
    /// Whether the text is searched for everything.
    pub(super) content: bool,
    /// The key that says what it is.
    pub(super) key: Option<&'s str>,
}

/// As what bytes are looked at, so that each is looked at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Sight {
    /// A text or bytes that were decoded.
    Decoded,
    /// A run that may decode to something.
    Run,
}

/// Which hits of a scan count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Taste {
    /// All that the site asks for.
    Usual,
    /// Credentials alone.
    Credentials,
    /// PII of which the detector is sure.
    SurePii,
    /// What no guess could produce: credentials, and PII that is sure.
    Strong,
}

impl<'i> Inspection<'i> {
    pub(super) fn new(
        inspector: &'i Inspector,
        looks: &'i Looks,
        at: &'i str,
        scratch: &'i mut Scratch,
    ) -> Self {
        let families = looks.scan.families.without(Family::Pii);
        let marks = looks.scan.families.only(Family::Mark);
        Self {
            inspector,
            looks,
            at,
            scratch,
            names: NameScratch::default(),
            budget: NameBudget { session: looks.session, bytes: looks.limits.names },
            plain: ScanOptions { families, ..looks.scan.clone() },
            marks: ScanOptions { families: marks, ..looks.scan.clone() },
            prefix: String::new(),
            chain: Vec::new(),
            hasher: RandomState::new(),
            keys: Vec::new(),
            seen: HashSet::new(),
            reported: HashMap::new(),
            neighbours: Neighbours::default(),
            keyed: String::new(),
            gathered: Gathered::default(),
            found: Vec::new(),
            alike: Alike::default(),
            authors: Authors::default(),
            passages: Vec::new(),
            kept: 0,
            repeats: Repeats::default(),
            outcome: Outcome::Complete,
            fields: 0,
            scanned: 0,
            decoded: 0,
            hits: 0,
            searched: 0,
        }
    }

    /// The report, when all is done.
    pub(super) fn report(self) -> Report {
        let (found, more) = (self.found, self.alike.more());
        let (passages, outcome) = (self.passages, self.outcome);
        Report { found, more, passages, outcome, scanned: self.scanned }
    }

    /// Notes that something could not be looked at. The first reason stands.
    pub(super) fn fault(&mut self, fault: Outcome) {
        if self.outcome == Outcome::Complete {
            self.outcome = fault;
        }
    }
    pub(super) fn unreadable(&mut self, why: Unreadable) {
        self.fault(Outcome::Unreadable(why));
    }
    /// Whether a limit was reached: nothing more is looked at.
    pub(super) fn spent(&self) -> bool {
        matches!(self.outcome, Outcome::OverLimit(_))
    }
    /// The number of the next field.
    pub(super) fn next_field(&mut self) -> usize {
        self.fields += 1;
        if self.fields > self.looks.limits.fields {
            self.fault(Outcome::OverLimit("fields"));
        }
        self.fields
    }
    /// Room for decoded bytes.
    pub(super) fn decoded_left(&self) -> usize {
        self.looks.limits.decoded.saturating_sub(self.decoded)
    }
    /// Takes room for decoded bytes.
    pub(super) fn charge_decoded(&mut self, bytes: usize) {
        self.decoded = self.decoded.saturating_add(bytes);
        if self.decoded > self.looks.limits.decoded {
            self.fault(Outcome::OverLimit("decoded"));
        }
    }
    /// Takes work, in bytes.
    pub(super) fn charge_work(&mut self, bytes: usize) -> bool {
        self.scanned = self.scanned.saturating_add(bytes);
        if self.scanned > self.looks.limits.work {
            self.fault(Outcome::OverLimit("work"));
        }
        !self.spent()
    }
    /// Whether this was not yet looked at in this field, as what it is now.
    pub(super) fn first_time(&mut self, what: Sight, text: &[u8], site: &Site<'_>) -> bool {
        self.seen.insert(self.hasher.hash_one((what, site.field, text)))
    }
    /// Whether this key is not among those that were looked at lately. Compared, not hashed: two
    /// keys that hash alike would hide one of them.
    pub(super) fn new_key(&mut self, key: &str) -> bool {
        let first = key.bytes().next().unwrap_or_default();
        let last = key.bytes().next_back().unwrap_or_default();
        let slot =
            key.len().wrapping_mul(7) ^ usize::from(first) ^ usize::from(last).rotate_left(2);
        if self.keys.is_empty() {
            self.keys.resize(KEYS, String::new());
        }
        let Some(known) = self.keys.get_mut(slot % KEYS) else { return true };
        if known == key {
            return false;
        }
        known.clear();
        known.push_str(key);
        true
    }

    /// Whether a field holds content.
    pub(super) fn holds_content(&self, path: &Path<'_>) -> bool {
        let ContentFields::Named(names) = &self.looks.content else { return true };
        names.iter().any(|name| match name.strip_prefix('/') {
            Some(pointer) => below(path, pointer),
            None => path.steps().iter().any(|step| match step {
                Step::Key(key) => key.eq_ignore_ascii_case(name),
                Step::Index(_) => false,
            }),
        })
    }

    /// Scans a text under its key and keeps what is found.
    pub(super) fn scan(&mut self, text: &str, site: &Site<'_>, taste: Taste) {
        self.search(text, site, taste, |_, _, _| ());
    }

    /// Scans a text as [`Self::scan`] does, and surveys it by the way.
    pub(super) fn scan_and_survey(&mut self, text: &str, site: &Site<'_>) -> (Survey, Ground) {
        self.search(text, site, Taste::Usual, Scratch::survey)
    }

    /// Scans a text. `by_the_way` is asked once the scratch knows the text: it gets what was scanned
    /// and where the text begins in it.
    fn search<T: Default>(
        &mut self,
        text: &str,
        site: &Site<'_>,
        taste: Taste,
        by_the_way: impl FnOnce(&mut Scratch, &str, usize) -> T,
    ) -> T {
        let key = site.key.filter(|key| key.len() <= MAX_KEY).unwrap_or_default();
        if !self.charge_work(text.len() + key.len()) {
            return T::default();
        }
        self.searched += usize::from(taste == Taste::Usual);
        self.documents(text, site, taste);
        let whole = if key.is_empty() {
            text
        } else {
            self.keyed.clear();
            if let Some(author) = author_above(text, site) {
                self.keyed.push_str(author);
                self.keyed.push_str(": {");
            }
            self.keyed.push_str(key);
            self.keyed.push_str(": ");
            self.keyed.push_str(text);
            &self.keyed
        };
        let offset = whole.len() - text.len();
        let options = if site.content { &self.looks.scan } else { &self.plain };
        let hits = self.inspector.detectors.scan(whole, options, self.scratch);
        let told = by_the_way(self.scratch, whole, offset);
        for mut hit in hits {
            // What stands in the key is found where the key is scanned for itself.
            if hit.span.end <= offset || !taste.accepts(&hit) {
                continue;
            }
            hit.span = hit.span.start.saturating_sub(offset)..hit.span.end - offset;
            self.count_authors(&mut hit, text);
            self.keep(hit, text, site);
        }
        if site.content && taste == Taste::Usual {
            let keyed = std::mem::take(&mut self.keyed);
            self.keep_passage(if offset > 0 { &keyed } else { text }, offset, site);
            self.keyed = keyed;
        }
        if offset > 0 && taste == Taste::Usual {
            self.head(text, site);
        }
        if site.content && taste == Taste::Usual {
            self.names(text, site);
        }
        told
    }

    /// What is done about a text that was looked at before and held nothing.
    pub(super) fn again(&mut self, text: &str, site: &Site<'_>) {
        self.documents(text, site, Taste::Usual);
        if site.content {
            let key = site.key.filter(|key| key.len() <= MAX_KEY).unwrap_or_default();
            if key.is_empty() || self.looks.passages.is_none() {
                self.keep_passage(text, 0, site);
            } else {
                let keyed = format!("{key}: {text}");
                self.keep_passage(&keyed, keyed.len() - text.len(), site);
            }
            self.names(text, site);
        }
    }
    /// What has been found and kept so far.
    pub(super) fn trace(&self) -> Trace {
        Trace {
            kept: self.hits,
            decoded: self.decoded,
            seen: self.seen.len(),
            searched: self.searched,
            complete: self.outcome == Outcome::Complete,
        }
    }

    /// Looks for a banner in the first line of a field: behind its key it would not be one.
    fn head(&mut self, text: &str, site: &Site<'_>) {
        let head = text.get(..text.floor_char_boundary(HEAD)).unwrap_or_default();
        let capital = |b: &u8| b.is_ascii_uppercase();
        let line = head.find('\n').and_then(|end| head.get(..end)).unwrap_or_default();
        if line.bytes().filter(capital).count() < MIN_BANNER || !self.charge_work(head.len()) {
            return;
        }
        for hit in self.inspector.detectors.scan(head, &self.marks, self.scratch) {
            self.keep(hit, text, site);
        }
    }

    /// Looks for names in content. Where the model was needed and gave no answer, the inspection
    /// is not complete: names never fail open.
    fn names(&mut self, text: &str, site: &Site<'_>) {
        let names = &self.inspector.names;
        match names.look(text, site.key, &self.looks.scan, &mut self.budget, &mut self.names) {
            Ok(look) => {
                for mut hit in look.hits {
                    self.count_authors(&mut hit, text);
                    self.keep(hit, text, site);
                }
            }
            Err(NameFault::OverBudget) => self.fault(Outcome::OverLimit("names")),
            Err(NameFault::Busy) => self.fault(Outcome::OverLimit("names-queue")),
            Err(NameFault::Broken) => self.fault(Outcome::OverLimit("names-model")),
        }
    }

    /// Where a text stands in the attempt.
    pub(super) fn pointer(&self, site: &Site<'_>) -> String {
        format!("{}{}{}", self.at, self.prefix, site.path.pointer())
    }

    /// Keeps a hit, once for each value in a field: again only if it is surer, and a note of a value
    /// stands in for no refusal of it. Only a person whom the field first names as an author
    /// stays one: licences name their authors more than once.
    pub(super) fn keep(&mut self, hit: Hit, text: &str, site: &Site<'_>) {
        self.hits += 1;
        let value = text.get(hit.span.clone()).unwrap_or_default().as_bytes();
        if self.noted_as_written(&hit, value, site) {
            return;
        }
        let refuses = hit.acts == Acts::Block && &*hit.entity != "PERSON";
        let kind = (site.field, &hit.entity, refuses, value);
        let best = self.reported.entry(self.hasher.hash_one(kind)).or_insert(Score::ZERO);
        if *best >= hit.score {
            return;
        }
        *best = hit.score;
        if matches!(hit.family, Family::Pii | Family::Mark) {
            let field = (site.field, self.chain.is_empty());
            if !self.alike.keeps(&hit, field, self.looks.limits.alike) {
                return;
            }
        }
        if self.chain.is_empty() && !refuses && *hit.entity == *COUNTED {
            self.authors.written.insert(self.hasher.hash_one((site.field, value)));
        }
        self.found.push(Found {
            pointer: self.pointer(site),
            chain: self.chain.clone(),
            length: value.len(),
            digest_input: Redacted::new("matched value", value.to_vec()),
            hit,
        });
        if self.found.len() >= MAX_FOUND {
            self.fault(Outcome::OverLimit("findings"));
        }
    }

    /// Whether this is an address that the field shows as it is written, where it refused nothing:
    /// with escapes undone, what stands around it may no longer tell whose it is (`.\\"` of a
    /// manual page becomes `."`), and it is the same address still.
    fn noted_as_written(&self, hit: &Hit, value: &[u8], site: &Site<'_>) -> bool {
        !self.chain.is_empty()
            && hit.acts == Acts::Block
            && *hit.entity == *COUNTED
            && self.authors.written.contains(&self.hasher.hash_one((site.field, value)))
    }

    /// Keeps an encoded run.
    pub(super) fn keep_encoded(
        &mut self,
        what: (&str, &str),
        span: Range<usize>,
        text: &str,
        site: &Site<'_>,
    ) {
        if !self.looks.scan.families.contains(Family::Encoded) {
            return;
        }
        let hit = Hit {
            detector: what.0.into(),
            entity: what.1.into(),
            family: Family::Encoded,
            acts: Acts::Block,
            level: None,
            span,
            score: Score::CERTAIN,
            canary: None,
            explanation: None,
        };
        self.keep(hit, text, site);
    }
}

impl Taste {
    fn accepts(self, hit: &Hit) -> bool {
        let credential = hit.family == Family::Credential;
        let sure = hit.family == Family::Pii && hit.score >= SURE;
        match self {
            Self::Usual => true,
            Self::Credentials => credential,
            Self::SurePii => sure,
            Self::Strong => credential || sure,
        }
    }
}

/// From here on a detector of PII counts as sure: a checksum or a context word said so.
const SURE: Score = Score::new(0.8);

/// Whether a field stands at or below a pointer, in which `*` is any step.
fn below(path: &Path<'_>, pointer: &str) -> bool {
    let mut steps = path.steps().iter();
    pointer.split('/').all(|token| match steps.next() {
        Some(_) if token == "*" => true,
        Some(Step::Key(key)) => **key == token.replace("~1", "/").replace("~0", "~"),
        Some(Step::Index(index)) => token.parse() == Ok(*index),
        None => false,
    })
}
