//! The scan: keywords and shapes say which patterns run where, and what matches is judged.
//!
//! ```text
//!  packs ─ plan ─┬▶ keywords ─▶ placed patterns, around each keyword ─┐
//!                ├▶ shapes ───▶ patterns of numbers and codes ────────┼▶ judge ─▶ overlap ─▶ hits
//!                └▶ everywhere, finders: only if the keywords stand ──┘
//!  text ─ outline: where shapes may begin; what is missing for a pattern to match at all (needs)
//!                                        judge: allow · validate · context · threshold
//! ```
//! INVARIANT: all work is linear in the text. Must not know where the text comes from.
//! Next: `plan`.

mod context;
mod entropy;
mod finder;
mod form;
mod guard;
mod judge;
mod keywords;
mod needs;
mod outline;
mod overlap;
mod pattern;
mod plan;
mod shapes;
mod sieve;

pub(crate) use context::unspaced;
pub(crate) use entropy::bits as entropy_bits;
pub(crate) use finder::{Candidate, Finder, Worth};

use crate::decode::bytes::{Survey, survey_of};
use crate::mask::Ground;

use crate::hit::Hit;
use crate::options::{Asks, ScanOptions};
use crate::pack::{Acts, Detector};
use crate::score::Score;
use context::{Vocabulary, Window};
use finder::{Kind, Reach};
use form::Lead;
use judge::Bench;
use keywords::{Sightings, Sought};
use outline::Outline;
use overlap::Ranked;
use pattern::Runner;
use plan::{Plan, Planned, Planner, Route, Routed, Shaped};
use shapes::{Matched, Sieve};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Buffers that are reused from scan to scan; one per thread.
#[derive(Debug, Default)]
pub struct Scratch {
    outline: Outline,
    sightings: Sightings,
    sieve: Sieve,
    window: Window,
    runner: Runner,
    wanted: Wanted,
    candidates: Vec<Candidate>,
    open: Vec<usize>,
    starts: Vec<usize>,
    ranges: Vec<Range<usize>>,
    progress: Vec<Progress>,
    /// Counts scans: what `progress` holds of an earlier one does not count.
    round: u64,
    /// Bytes that patterns looked at in the last scan: what grows when a pack is slow.
    work: usize,
}

impl Scratch {
    /// What a survey of the text that was scanned last says of all that follows `from`.
    /// The kinds of its bytes go with it, and are wanted back.
    pub(crate) fn survey(&mut self, text: &str, from: usize) -> (Survey, Ground) {
        let Outline { masks, stretch, .. } = &mut self.outline;
        let survey = survey_of(text.as_bytes(), from, masks, *stretch);
        (survey, Ground { masks: std::mem::take(masks), from })
    }
    /// Takes back what a survey gave away, for the room in it.
    pub(crate) fn take_back(&mut self, ground: Ground) {
        if self.outline.masks.capacity() < ground.masks.capacity() {
            self.outline.masks = ground.masks;
        }
    }
}

/// The longest text that is read for context words before any shape is looked for, in bytes. Less
/// than a window of context.
const SHORT: usize = 96;

/// How far a shaped pattern has come in one text.
#[derive(Debug, Default, Clone, Copy)]
struct Progress {
    /// The scan that it belongs to.
    round: u64,
    /// End of the last match.
    end: usize,
    /// Bytes of matches that overlapped the one before.
    spent: usize,
}

/// Detectors, compiled.
#[derive(Debug)]
pub(crate) struct Engine {
    plan: Plan,
    vocabulary: Vocabulary,
    /// Unlike any other engine's.
    number: u64,
}

/// Which detectors the last scans wanted, so that the next one with the same options need not ask
/// each of them again. An inspection changes between two sets of options.
#[derive(Debug, Default)]
struct Wanted {
    known: [Option<Asked>; 2],
    /// The one that was used less lately.
    oldest: usize,
}

#[derive(Debug)]
struct Asked {
    engine: u64,
    asks: Asks,
    detectors: Selection,
}

/// Detectors that are asked.
#[derive(Debug, Clone)]
struct Selection {
    /// By number.
    detectors: Arc<[bool]>,
    /// Those of them that no keyword opens (see [`Plan::always`]).
    always: Arc<[usize]>,
    /// Whether one with shaped patterns that only notes is among them.
    notes: bool,
    /// Whose keywords are looked for.
    sought: Sought,
}

/// One scan at work.
struct Scan<'s> {
    bench: Bench<'s>,
    plan: &'s Plan,
    /// `None`: all.
    wanted: Option<Selection>,
    found: Vec<Ranked>,
}

impl Engine {
    /// Compiles detectors.
    ///
    /// # Errors
    /// What cannot be compiled: the detector's number (if it is one's fault), its line, the reason.
    pub(crate) fn of(detectors: &[Arc<Detector>]) -> Result<Self, (usize, usize, String)> {
        let mut vocabulary = Vocabulary::default();
        let mut planner = Planner::default();
        for (number, detector) in detectors.iter().enumerate() {
            planner
                .add(Arc::clone(detector), &mut vocabulary)
                .map_err(|(line, reason)| (number, line, reason))?;
        }
        let plan = planner.finish().map_err(|reason| (0, 1, reason))?;
        static ENGINES: AtomicU64 = AtomicU64::new(0);
        Ok(Self { plan, vocabulary, number: ENGINES.fetch_add(1, Ordering::Relaxed) })
    }

    /// Everything found in a text, by place.
    pub(crate) fn scan(
        &self,
        text: &str,
        options: &ScanOptions,
        scratch: &mut Scratch,
    ) -> Vec<Hit> {
        let plan = &self.plan;
        scratch.window.give(&self.vocabulary, &options.context);
        scratch.work = text.len();
        scratch.outline.draw(text.as_bytes());
        let wanted = (!options.is_everything()).then(|| scratch.wanted.of(self, options));
        let sought = wanted.as_ref().map_or(Sought::All, |wanted| wanted.sought);
        plan.keywords.look(text, sought, &mut scratch.sightings);
        let bench = Bench { text, vocabulary: &self.vocabulary, options };
        let mut scan = Scan { bench, plan, wanted, found: Vec::new() };
        scan.opened(scratch);
        scan.shapes(scratch);
        scratch.work += scratch.window.seen;
        overlap::resolve(scan.found)
    }
}

impl Wanted {
    fn of(&mut self, engine: &Engine, options: &ScanOptions) -> Selection {
        let same = |asked: &Asked| asked.engine == engine.number && asked.asks.are(options);
        for (place, asked) in self.known.iter().enumerate() {
            if let Some(asked) = asked.as_ref().filter(|asked| same(asked)) {
                self.oldest = 1 - place;
                return asked.detectors.clone();
            }
        }
        let detectors: Arc<[bool]> = engine
            .plan
            .detectors
            .iter()
            .map(|planned| options.ask(&planned.ready.detector))
            .collect();
        let wanted = |number: &usize| detectors.get(*number) == Some(&true);
        let notes = engine.plan.shaped.patterns.iter().any(|(number, _)| {
            let planned = engine.plan.detectors.get(*number).filter(|_| wanted(number));
            planned.is_some_and(|planned| planned.ready.detector.acts == Acts::Note)
        });
        let always = engine.plan.always.iter().copied().filter(wanted).collect();
        let beyond = engine.plan.detectors.iter().enumerate().any(|(number, planned)| {
            wanted(&number) && !crate::options::has_say(&planned.ready.detector)
        });
        let sought = if beyond { Sought::All } else { Sought::Weighty };
        let detectors = Selection { detectors, always, notes, sought };
        if let Some(oldest) = self.known.get_mut(self.oldest) {
            let asked = Asked {
                engine: engine.number,
                asks: Asks::of(options),
                detectors: detectors.clone(),
            };
            *oldest = Some(asked);
            self.oldest = 1 - self.oldest;
        }
        detectors
    }
}

impl Scan<'_> {
    /// Detectors that keywords open, and those that need none.
    fn opened(&mut self, scratch: &mut Scratch) {
        let mut open = std::mem::take(&mut scratch.open);
        open.clear();
        open.extend_from_slice(match &self.wanted {
            Some(wanted) => &wanted.always,
            None => &self.plan.always,
        });
        for keyword in scratch.sightings.seen() {
            open.extend_from_slice(self.plan.opens.get(*keyword).map_or(&[], Vec::as_slice));
        }
        open.sort_unstable();
        open.dedup();
        for number in &open {
            if let Some(planned) = self.plan.detectors.get(*number)
                && self.is_wanted(*number)
                && planned.is_open(true, &scratch.sightings)
            {
                self.run(*number, planned, scratch);
            }
        }
        scratch.open = open;
    }

    fn is_wanted(&self, detector: usize) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted.detectors.get(detector) == Some(&true))
    }

    /// Runs what an open detector has beside shaped patterns.
    fn run(&mut self, number: usize, planned: &Planned, scratch: &mut Scratch) {
        let text = self.bench.text;
        for (at, routed) in planned.routes.iter().enumerate() {
            if !routed.needs.met_by(&scratch.outline) {
                continue;
            }
            match routed.route {
                Route::Shaped => {}
                Route::Placed(lead) => self.placed(number, (planned, routed), at, lead, scratch),
                Route::Everywhere => {
                    if routed.needs.sign_in(text) && planned.is_plausible(text, &scratch.outline) {
                        self.range(number, planned, at, 0..text.len(), scratch);
                    }
                }
            }
        }
        if planned.is_findable(text, &scratch.outline) {
            self.finder(number, planned, scratch);
        }
    }

    /// Runs a detector's finder.
    fn finder(&mut self, number: usize, planned: &Planned, scratch: &mut Scratch) {
        let text = self.bench.text;
        let Some(finder) = planned.ready.detector.finder else { return };
        let mut candidates = std::mem::take(&mut scratch.candidates);
        match finder.kind {
            Kind::Whole(find) => {
                find(text, &mut candidates);
                scratch.work += text.len();
            }
            Kind::Masked(find) => {
                find(text, &scratch.outline.masks, &mut candidates);
                scratch.work += text.len();
            }
            Kind::Asking(find) => {
                let bench = &self.bench;
                let mut worth = |span: &Range<usize>, score: Score| {
                    bench.may_count(&planned.ready, score, span.clone(), scratch)
                };
                find(text, &mut worth, &mut candidates);
                scratch.work += text.len();
            }
            Kind::Near(reach, find) => {
                let mut ranges = std::mem::take(&mut scratch.ranges);
                if planned.anchors.iter().all(|anchor| scratch.sightings.is_complete(*anchor)) {
                    places(&planned.anchors, scratch);
                    around(text, &scratch.starts, reach, &mut ranges);
                } else {
                    ranges.push(0..text.len());
                }
                for range in ranges.drain(..) {
                    scratch.work += range.len();
                    find(text, range, &mut candidates);
                }
                scratch.ranges = ranges;
            }
        }
        for candidate in candidates.drain(..) {
            self.take(number, planned, None, candidate, scratch);
        }
        scratch.candidates = candidates;
    }

    /// Runs a pattern around the places of its keywords.
    fn placed(
        &mut self,
        number: usize,
        (planned, routed): (&Planned, &Routed),
        at: usize,
        lead: Lead,
        scratch: &mut Scratch,
    ) {
        let Some(pattern) = planned.ready.patterns.get(at) else { return };
        let text = self.bench.text;
        places(&routed.anchors, scratch);
        let complete = routed.anchors.iter().all(|anchor| scratch.sightings.is_complete(*anchor));
        let starts = std::mem::take(&mut scratch.starts);
        // One pass over everything is cheaper than many windows, and always linear.
        let window = (lead.most + pattern.reach()).min(text.len());
        if !complete || starts.len().saturating_mul(window) > text.len().saturating_mul(4) + 4096 {
            self.range(number, planned, at, 0..text.len(), scratch);
        } else if lead.most == 0 {
            let mut end = 0;
            for start in starts.iter().copied() {
                if start < end {
                    continue;
                }
                if !pattern.may_start(text, start) {
                    continue;
                }
                scratch.work += pattern.cost(text, start);
                if let Some((matched, span)) = pattern.at(text, start, &mut scratch.runner) {
                    end = matched.end;
                    let candidate = Candidate { span, score: pattern.score };
                    self.take(number, planned, Some(at), candidate, scratch);
                }
            }
        } else {
            let mut ranges = std::mem::take(&mut scratch.ranges);
            let behind = pattern.reach().saturating_sub(lead.least);
            around(text, &starts, Reach { before: lead.most, behind }, &mut ranges);
            for range in ranges.drain(..) {
                self.range(number, planned, at, range, scratch);
            }
            scratch.ranges = ranges;
        }
        scratch.starts = starts;
    }

    /// Runs a pattern over a range.
    fn range(
        &mut self,
        number: usize,
        planned: &Planned,
        at: usize,
        range: Range<usize>,
        scratch: &mut Scratch,
    ) {
        let Some(pattern) = planned.ready.patterns.get(at) else { return };
        let mut runner = std::mem::take(&mut scratch.runner);
        let work = pattern.each(self.bench.text, range, &mut runner, |span| {
            let candidate = Candidate { span, score: pattern.score };
            self.take(number, planned, Some(at), candidate, scratch);
        });
        scratch.runner = runner;
        scratch.work += work;
    }

    /// Takes what shaped patterns match, where an automaton says that they do: that of all, the
    /// smaller one of those that refuse, or the smallest where nothing near could support them.
    fn shapes(&mut self, scratch: &mut Scratch) {
        if scratch.outline.places.is_empty() {
            return;
        }
        let plan = self.plan;
        let shaped = match &self.wanted {
            Some(wanted) if !wanted.notes && self.is_silent(scratch) => &plan.alone,
            Some(wanted) if !wanted.notes => &plan.refusing,
            Some(_) | None => &plan.shaped,
        };
        self.shaped(shaped, scratch);
    }

    /// Whether the text is short, and neither a keyword that a shape waits for nor any context word
    /// stands in it.
    fn is_silent(&self, scratch: &Scratch) -> bool {
        let Bench { text, vocabulary, options } = &self.bench;
        let waits = |keyword: &usize| self.plan.shaping.get(*keyword) != Some(&false);
        text.len() <= SHORT
            && options.threshold >= Score::VERDICT
            && options.context.is_empty()
            && !scratch.sightings.seen().iter().any(waits)
            && vocabulary.is_silent(text)
    }

    fn shaped(&mut self, shaped: &Shaped, scratch: &mut Scratch) {
        let text = self.bench.text;
        scratch.round += 1;
        let most = scratch.progress.len().max(shaped.patterns.len());
        scratch.progress.resize(most, Progress::default());
        let mut sieve = std::mem::take(&mut scratch.sieve);
        let places = std::mem::take(&mut scratch.outline.places);
        let walked = shaped.automaton.each(text, &places, &mut sieve, |start, end, patterns| {
            for matched in patterns {
                self.shape(shaped, *matched, start, end, scratch);
            }
        });
        scratch.work += walked;
        scratch.outline.places = places;
        scratch.sieve = sieve;
    }

    /// One match of a shaped pattern; `furthest` is the end of the longest of all that match here.
    fn shape(
        &mut self,
        shaped: &Shaped,
        matched: Matched,
        start: usize,
        furthest: usize,
        scratch: &mut Scratch,
    ) {
        let shape = matched.pattern;
        let Some((number, at)) = shaped.patterns.get(shape).copied() else { return };
        let Some(planned) = self.plan.detectors.get(number) else { return };
        let Some(pattern) = planned.ready.patterns.get(at) else { return };
        let text = self.bench.text;
        let known = scratch.progress.get(shape).copied().filter(|p| p.round == scratch.round);
        let mut progress = known.unwrap_or(Progress { round: scratch.round, end: 0, spent: 0 });
        // LIMIT: matches may overlap the one before (a number glued to a longer one by a space)
        // while their lengths together are less than half the text.
        if (start < progress.end && progress.spent > text.len() / 2 + 4096)
            || !self.is_wanted(number)
            || !planned.is_open(scratch.open.binary_search(&number).is_ok(), &scratch.sightings)
            || !(pattern.is_parted
                || self.bench.may_count(&planned.ready, pattern.score, start..furthest, scratch))
        {
            return;
        }
        let found = match matched.end.filter(|_| !pattern.is_parted) {
            // The automaton has seen all of it.
            Some(end) => {
                scratch.work += end - start;
                pattern.is_free(text, start..end).then_some((start..end, start..end))
            }
            None => {
                scratch.work += pattern.cost(text, start);
                pattern.at(text, start, &mut scratch.runner)
            }
        };
        let Some((matched, span)) = found else { return };
        if start < progress.end {
            progress.spent += matched.len();
        }
        progress.end = progress.end.max(matched.end);
        if let Some(slot) = scratch.progress.get_mut(shape) {
            *slot = progress;
        }
        let candidate = Candidate { span, score: pattern.score };
        self.take(number, planned, Some(at), candidate, scratch);
    }

    fn take(
        &mut self,
        order: usize,
        planned: &Planned,
        at: Option<usize>,
        candidate: Candidate,
        scratch: &mut Scratch,
    ) {
        let ready = &planned.ready;
        let pattern = at.and_then(|at| ready.patterns.get(at));
        if let Some(hit) = self.bench.judge(ready, pattern, candidate, scratch) {
            self.found.push(Ranked { hit, priority: ready.detector.priority, order });
        }
    }
}

/// Where keywords start, each place once, into `scratch.starts`.
fn places(anchors: &[usize], scratch: &mut Scratch) {
    scratch.starts.clear();
    for anchor in anchors {
        scratch.starts.extend(scratch.sightings.places(*anchor).iter().map(|(_, start)| *start));
    }
    scratch.starts.sort_unstable();
    scratch.starts.dedup();
}

/// The stretches of text around places, joined where they touch.
fn around(text: &str, starts: &[usize], reach: Reach, ranges: &mut Vec<Range<usize>>) {
    for start in starts {
        let from = text.floor_char_boundary(start.saturating_sub(reach.before));
        let to = text.ceil_char_boundary(start.saturating_add(reach.behind).min(text.len()));
        match ranges.last_mut() {
            Some(last) if from <= last.end => last.end = last.end.max(to),
            Some(_) | None => ranges.push(from..to),
        }
    }
}

#[cfg(test)]
mod tests;
