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
use super::pattern;
use super::shapes::{self, Shapes};
use crate::pack::{Detector, Trigger};
use regex_syntax::hir::Hir;

/// All detectors with their routes.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) detectors: Vec<Planned>,
    pub(super) keywords: Keywords,
    /// Which detectors a keyword opens, by its number.
    pub(super) opens: Vec<Vec<usize>>,
    /// Detectors that no keyword opens and that have more than shaped patterns.
    pub(super) always: Vec<usize>,
    pub(super) shapes: Shapes,
    /// Detector and pattern of each pattern of `shapes`.
    pub(super) shaped: Vec<(usize, usize)>,
}

/// A detector with its routes.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) ready: Ready,
    pub(super) routes: Vec<Route>,
    /// Keywords of which one must be in the text; none: no keyword is needed.
    gate: Vec<usize>,
    /// Keywords that place its placed patterns.
    pub(super) anchors: Vec<usize>,
}

/// How a pattern gets to its places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Placed(Lead),
    Shaped,
    Everywhere,
}

impl Planned {
    /// Whether what it needs is in the text.
    pub(super) fn is_open(&self, sightings: &Sightings) -> bool {
        let seen = |numbers: &[usize]| {
            numbers.is_empty() || numbers.iter().any(|number| sightings.is_seen(*number))
        };
        seen(&self.gate) && seen(&self.anchors)
    }
    /// Whether a text may hold what its trigger asks for.
    pub(super) fn is_plausible(&self, text: &str) -> bool {
        let at_least = |count: u16, wanted: fn(&u8) -> bool| {
            let count = usize::from(count);
            text.bytes().filter(wanted).take(count).count() >= count
        };
        match self.ready.detector.trigger {
            Trigger::Digits(count) => at_least(count, u8::is_ascii_digit),
            Trigger::LettersDigits(count) => {
                at_least(1, u8::is_ascii_digit) && at_least(count, u8::is_ascii_alphanumeric)
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
    shapes: Vec<Hir>,
    shaped: Vec<(usize, usize)>,
}

impl Planner {
    /// Takes a detector.
    ///
    /// # Errors
    /// Why one of its patterns cannot run, with its line.
    pub(super) fn add(
        &mut self,
        detector: Detector,
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
            let route = self.route(&detector, number, &hir, &anchors);
            routes.push(route);
            hirs.push(hir);
        }
        let mut number = |words: &[String]| -> Vec<usize> {
            words.iter().map(|word| self.numbering.number(word)).collect()
        };
        let (gate, anchors) = (number(&detector.keywords), number(&anchors));
        let ready = Ready::of(detector, &hirs, vocabulary);
        self.detectors.push(Planned { ready, routes, gate, anchors });
        Ok(())
    }

    fn route(
        &mut self,
        detector: &Detector,
        number: usize,
        hir: &Hir,
        anchors: &[String],
    ) -> Route {
        let Some(pattern) = detector.patterns.get(number) else { return Route::Everywhere };
        if let Some(lead) = (!anchors.is_empty()).then(|| form::lead(hir, anchors)).flatten() {
            return Route::Placed(lead);
        }
        let longest = hir.properties().maximum_len();
        let may = shapes::takes_part(pattern.guard, &form::first_bytes(hir), longest)
            && !form::looks_far(hir);
        if !(may && form::branches(hir).iter().all(|branch| is_asked(detector.trigger, branch))) {
            return Route::Everywhere;
        }
        self.shapes.push(hir.clone());
        self.shaped.push((self.detectors.len(), number));
        Route::Shaped
    }

    /// The plan of everything that was taken.
    ///
    /// # Errors
    /// Why the automata cannot be built.
    pub(super) fn finish(self) -> Result<Plan, String> {
        let keywords = self.numbering.finish()?;
        let mut opens = vec![Vec::new(); keywords.len()];
        let mut always = Vec::new();
        for (number, planned) in self.detectors.iter().enumerate() {
            for keyword in planned.gate.iter().chain(&planned.anchors) {
                if let Some(opened) = opens.get_mut(*keyword)
                    && opened.last() != Some(&number)
                {
                    opened.push(number);
                }
            }
            let shaped_only = planned.routes.iter().all(|route| *route == Route::Shaped)
                && planned.ready.detector.finder.is_none();
            if planned.gate.is_empty() && planned.anchors.is_empty() && !shaped_only {
                always.push(number);
            }
        }
        let shapes = Shapes::of(&self.shapes)?;
        Ok(Plan { detectors: self.detectors, keywords, opens, always, shapes, shaped: self.shaped })
    }
}

/// Whether every match begins at a place that is asked for: see `shapes`.
fn is_asked(trigger: Trigger, hir: &Hir) -> bool {
    let early = || form::digit_within(hir, shapes::DIGIT_WITHIN);
    let long = |kind, length| form::leading(hir, kind) >= length;
    match trigger {
        Trigger::Digits(_) | Trigger::Always => early(),
        Trigger::LettersDigits(_) => {
            early() || long(|byte| byte.is_ascii_alphanumeric(), shapes::LONG_WORD)
        }
        Trigger::HexRun(_) | Trigger::Token(_) => {
            early() || long(shapes::in_token, shapes::LONG_TOKEN)
        }
        // Two groups of hexadecimal digits.
        Trigger::Colons => true,
        Trigger::At | Trigger::ColonSlashes | Trigger::Word => false,
    }
}
