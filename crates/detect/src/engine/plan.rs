//! How each pattern is brought to the places where it may match. Decided once, from the pattern
//! itself: a detector's author says what, not how.
//!
//! - *placed*: a keyword stands in every match at a known distance from its start; the pattern
//!   runs around the keyword's places.
//! - *shaped*: it begins like a number or a code; the one automaton of `shapes` finds its places.
//! - *everywhere*: all else; the whole text, once, if the detector's keywords stand in it.
//!
//! Next: `keywords`, `shapes`.

use super::context::Vocabulary;
use super::form::{self, Lead};
use super::judge::Ready;
use super::keywords::{Keywords, Numbering, Sightings};
use super::needs::Needs;
use super::outline::{self, Outline};
use super::pattern;
use super::shapes::{self, Shapes};
use crate::options;
use crate::pack::{Acts, Detector, Guard, Trigger};
use crate::score::Score;
use regex_syntax::hir::Hir;
use std::sync::Arc;

/// All detectors with their routes.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) detectors: Vec<Planned>,
    pub(super) keywords: Keywords,
    /// Which detectors a keyword opens, by its number.
    pub(super) opens: Vec<Vec<usize>>,
    /// Detectors that no keyword opens and that have more than shaped patterns.
    pub(super) always: Vec<usize>,
    /// Shaped patterns of all detectors, and of those alone that refuse.
    pub(super) shaped: Shaped,
    pub(super) refusing: Shaped,
    /// Those of them that a short text may hold in which no keyword and no context word stands.
    pub(super) alone: Shaped,
    /// Of each keyword: whether a detector with shaped patterns waits for it.
    pub(super) shaping: Vec<bool>,
}

/// Shaped patterns as one automaton.
#[derive(Debug)]
pub(super) struct Shaped {
    pub(super) automaton: Shapes,
    /// Detector and pattern of each.
    pub(super) patterns: Vec<(usize, usize)>,
}

/// A detector with its routes.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) ready: Ready,
    /// Of each pattern.
    pub(super) routes: Vec<Routed>,
    /// Keywords of which one must be in the text; none: no keyword is needed.
    gate: Vec<usize>,
    /// Whether the keywords that place its patterns are those of the gate: any that is seen opens it.
    any_opens: bool,
    /// Keywords that place its placed patterns.
    pub(super) anchors: Vec<usize>,
}

/// A pattern's route.
#[derive(Debug)]
pub(super) struct Routed {
    pub(super) route: Route,
    /// What a text must hold before it can match.
    pub(super) needs: Needs,
    /// Keywords that place it, if it is placed.
    pub(super) anchors: Vec<usize>,
}

/// How a pattern gets to its places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Placed(Lead),
    Shaped,
    Everywhere,
}

impl Shaped {
    fn of<'p>(all: impl Iterator<Item = &'p (Hir, (usize, usize))>) -> Result<Self, String> {
        let (hirs, patterns): (Vec<Hir>, Vec<_>) = all.cloned().unzip();
        Ok(Self { automaton: Shapes::of(&hirs)?, patterns })
    }
}

impl Planned {
    /// Whether what it needs is in the text. `opened` says whether any of its keywords is.
    pub(super) fn is_open(&self, opened: bool, sightings: &Sightings) -> bool {
        if self.any_opens {
            return opened || self.gate.is_empty();
        }
        let seen = |numbers: &[usize]| {
            numbers.is_empty() || numbers.iter().any(|number| sightings.is_seen(*number))
        };
        seen(&self.gate) && seen(&self.anchors)
    }
    /// Whether a match of this pattern may refuse where no keyword and no word of any detector
    /// stands.
    fn stands_alone(&self, pattern: usize, hir: &Hir) -> bool {
        let detector = &self.ready.detector;
        let Some(pattern) = detector.patterns.get(pattern) else { return true };
        // A match that ends within a word parts it, and perhaps it is then a context word.
        let parts_words = pattern.guard == Guard::Digit && !form::ends_with_digit(hir);
        let weak = pattern.score < Score::VERDICT && detector.validator.is_none();
        let waits = !self.gate.is_empty() || !self.anchors.is_empty();
        !waits && (parts_words || !(weak || detector.context_required))
    }
    /// Whether a text may hold what its finder needs.
    pub(super) fn is_findable(&self, text: &str, outline: &Outline) -> bool {
        self.ready.detector.finder.is_some_and(|finder| finder.needs.met_by(outline))
            && self.is_plausible(text, outline)
    }
    /// Whether a text may hold what its trigger asks for.
    pub(super) fn is_plausible(&self, text: &str, outline: &Outline) -> bool {
        let at_least = |count: u16, wanted: fn(&u8) -> bool| {
            let count = usize::from(count);
            text.bytes().filter(wanted).take(count).count() >= count
        };
        match self.ready.detector.trigger {
            Trigger::Digits(count) => usize::from(count) <= outline.digits,
            Trigger::LettersDigits(count) => {
                outline.digits > 0 && at_least(count, u8::is_ascii_alphanumeric)
            }
            Trigger::HexRun(count) => at_least(count, u8::is_ascii_hexdigit),
            Trigger::Token(count) => at_least(count, u8::is_ascii_graphic),
            Trigger::Colons => at_least(2, |byte| matches!(byte, b':' | b'-')),
            Trigger::Word => !text.is_empty(),
            Trigger::At | Trigger::ColonSlashes | Trigger::Always => true,
        }
    }
}

/// Plans detectors one by one.
#[derive(Debug, Default)]
pub(super) struct Planner {
    detectors: Vec<Planned>,
    numbering: Numbering,
    shaped: Vec<(Hir, (usize, usize))>,
}

impl Planner {
    /// Takes a detector.
    ///
    /// # Errors
    /// Why one of its patterns cannot run, with its line.
    pub(super) fn add(
        &mut self,
        detector: Arc<Detector>,
        vocabulary: &mut Vocabulary,
    ) -> Result<(), (usize, String)> {
        let anchors = match detector.trigger {
            Trigger::At => vec!["@".to_owned()],
            Trigger::ColonSlashes => vec!["://".to_owned()],
            Trigger::Digits(_)
            | Trigger::LettersDigits(_)
            | Trigger::HexRun(_)
            | Trigger::Token(_)
            | Trigger::Colons
            | Trigger::Word
            | Trigger::Always => detector.keywords.clone(),
        };
        let mut routes = Vec::new();
        let mut hirs = Vec::new();
        for (number, pattern) in detector.patterns.iter().enumerate() {
            let hir = pattern::guarded(&pattern.regex, pattern.guard)
                .map_err(|error| (pattern.line, error.to_string()))?;
            routes.push((self.route(&detector, number, &hir, &anchors), Needs::of(&hir)));
            hirs.push(hir);
        }
        let mut number = |words: &[String]| -> Vec<usize> {
            words.iter().map(|word| self.numbering.number(word)).collect()
        };
        let (gate, anchors) = (number(&detector.keywords), number(&anchors));
        let routes = routes
            .into_iter()
            .map(|((route, used), needs)| {
                let anchors = used.iter().filter_map(|used| anchors.get(*used).copied()).collect();
                Routed { route, needs, anchors }
            })
            .collect();
        let ready = Ready::of(detector, &hirs, vocabulary);
        let any_opens = gate == anchors;
        self.detectors.push(Planned { ready, routes, gate, any_opens, anchors });
        Ok(())
    }

    fn route(
        &mut self,
        detector: &Detector,
        number: usize,
        hir: &Hir,
        anchors: &[String],
    ) -> (Route, Vec<usize>) {
        let everywhere = (Route::Everywhere, Vec::new());
        let Some(pattern) = detector.patterns.get(number) else { return everywhere };
        if let Some((lead, used)) =
            (!anchors.is_empty()).then(|| form::lead(hir, anchors)).flatten()
        {
            return (Route::Placed(lead), used);
        }
        let longest = hir.properties().maximum_len();
        let may = shapes::takes_part(pattern.guard, &form::first_bytes(hir), longest)
            && !form::looks_far(hir);
        if !(may && form::branches(hir).iter().all(|branch| is_asked(detector.trigger, branch))) {
            return everywhere;
        }
        self.shaped.push((hir.clone(), (self.detectors.len(), number)));
        (Route::Shaped, Vec::new())
    }

    /// The plan of everything that was taken.
    ///
    /// # Errors
    /// Why the automata cannot be built.
    pub(super) fn finish(self) -> Result<Plan, String> {
        let mut opens = vec![Vec::new(); self.numbering.len()];
        let mut always = Vec::new();
        for (number, planned) in self.detectors.iter().enumerate() {
            for keyword in planned.gate.iter().chain(&planned.anchors) {
                if let Some(opened) = opens.get_mut(*keyword)
                    && opened.last() != Some(&number)
                {
                    opened.push(number);
                }
            }
            let shaped_only = planned.routes.iter().all(|routed| routed.route == Route::Shaped)
                && planned.ready.detector.finder.is_none();
            if planned.gate.is_empty() && planned.anchors.is_empty() && !shaped_only {
                always.push(number);
            }
        }
        let weighty = |keyword: usize| {
            let opened: &[usize] = opens.get(keyword).map_or(&[], Vec::as_slice);
            let mut opened = opened.iter().filter_map(|number| self.detectors.get(*number));
            opened.any(|planned| options::has_say(&planned.ready.detector))
        };
        let keywords = self.numbering.finish(weighty);
        let refuses = |(_, (number, _)): &&(Hir, (usize, usize))| {
            let planned = self.detectors.get(*number);
            planned.is_some_and(|planned| planned.ready.detector.acts == Acts::Block)
        };
        let refusing = Shaped::of(self.shaped.iter().filter(refuses))?;
        let alone = |(hir, (number, at)): &&(Hir, (usize, usize))| {
            let planned = self.detectors.get(*number);
            planned.is_some_and(|planned| planned.stands_alone(*at, hir))
        };
        let alone = Shaped::of(self.shaped.iter().filter(refuses).filter(alone))?;
        let shaping = opens.iter().map(|opened: &Vec<usize>| {
            let mut shaped = self.shaped.iter();
            shaped.any(|(_, (number, _))| opened.contains(number))
        });
        let shaping = shaping.collect();
        let shaped = Shaped::of(self.shaped.iter())?;
        let detectors = self.detectors;
        Ok(Plan { detectors, keywords, opens, always, shaped, refusing, alone, shaping })
    }
}

/// Whether every match begins at a place that is asked for: see `shapes`.
fn is_asked(trigger: Trigger, hir: &Hir) -> bool {
    let early = || form::digit_within(hir, outline::DIGIT_WITHIN);
    let long = |kind, length| form::leading(hir, kind) >= length;
    match trigger {
        Trigger::Digits(_) | Trigger::Always => early(),
        Trigger::LettersDigits(_) => {
            early() || long(|byte| byte.is_ascii_alphanumeric(), outline::LONG_WORD)
        }
        Trigger::HexRun(_) | Trigger::Token(_) => {
            early() || long(outline::in_token, outline::LONG_TOKEN)
        }
        // Two groups of hexadecimal digits.
        Trigger::Colons => true,
        Trigger::At | Trigger::ColonSlashes | Trigger::Word => false,
    }
}
