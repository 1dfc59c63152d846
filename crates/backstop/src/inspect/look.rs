//! One text looked through, and many on all processors. Next: `tokens`.

use super::asking::Asker;
use super::place::{self, Lines};
use super::progress::Progress;
use super::redact::standing_alone;
use super::sources::{Input, Origin, Passed, Text, read};
use super::{File, Finding, Place, Summary};
use backstop_detect::{
    Acts, Coding, Found, Hit, Inspector, Looks, Media, More, Outcome, Payload, Report, Scratch,
    Unreadable,
};
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is looked for, and how thoroughly.
#[derive(Debug, Clone)]
pub(crate) struct Lens {
    /// What looks.
    pub(crate) inspector: Inspector,
    /// How thoroughly.
    pub(crate) looks: Looks,
    /// Whether findings that refuse nothing are shown.
    pub(crate) notes: Notes,
    /// What every file is made of; `None`: what its name says.
    pub(crate) media: Option<Media>,
    /// Who is asked besides.
    pub(crate) asker: Option<Asker>,
}

/// Whether findings that refuse nothing by themselves are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notes {
    Shown,
    Hidden,
}

impl Lens {
    /// Everything found in a text.
    pub(super) fn report(&self, text: &str, media: &Media, scratch: &mut Scratch) -> Report {
        self.report_bytes(text.as_bytes(), media, scratch)
    }

    fn report_bytes(&self, bytes: &[u8], media: &Media, scratch: &mut Scratch) -> Report {
        let payload = Payload { bytes, media: media.clone(), coding: Coding::Identity, at: "" };
        let mut report = self.inspector.inspect(payload, &self.looks, scratch);
        if let Some(asker) = &self.asker {
            asker.add_to(&mut report, &self.inspector.detectors);
        }
        let shown = |acts| acts == Acts::Block || self.notes == Notes::Shown;
        report.found.retain(|found| shown(found.hit.acts));
        report.more.retain(|more| shown(more.acts));
        report
    }

    /// The same; a file that is not what its name says (JSON with comments) is looked at as text.
    pub(super) fn report_file(&self, text: &mut Text, scratch: &mut Scratch) -> Report {
        if let Some(packed) = &text.packed {
            return self.report_bytes(packed, &text.media, scratch);
        }
        let report = self.report(&text.text, &text.media, scratch);
        match report.outcome {
            Outcome::Unreadable(Unreadable::Malformed(_)) if text.media != Media::Text => {
                text.media = Media::Text;
                self.report(&text.text, &text.media, scratch)
            }
            Outcome::Complete | Outcome::Unreadable(_) | Outcome::OverLimit(_) => report,
        }
    }
}

/// Looks at one text.
fn one(name: &str, mut text: Text, lens: &Lens, scratch: &mut Scratch) -> File {
    let report = lens.report_file(&mut text, scratch);
    let spans = place::spans(&text.text, &text.media, &report.found, lens, scratch);
    let lines = Lines::of(&text.text);
    let mut findings = Vec::with_capacity(report.found.len());
    let mut more = report.more;
    for (found, span) in report.found.iter().zip(spans) {
        // Lines of a text that was taken out of a file are nowhere in it.
        let span = span.filter(|_| text.origin == Origin::Itself);
        let field = masked(&found.pointer, &report.found);
        let mut at = |span: Option<Range<usize>>| {
            let place = span.map(|span| lines.place(&span));
            findings.push(finding(found, field.clone(), place));
        };
        at(span.clone());
        // A value is reported once for a field; in plain text each of its places counts.
        if let (Some(first), Some(_)) = (span, place::direct(&text.text, &text.media, found)) {
            let value = text.text.get(first.clone()).unwrap_or_default();
            let mut others = standing_alone(&text.text, value).filter(|span| *span != first);
            others.by_ref().take(MOST_PLACES).for_each(|span| at(Some(span)));
            add(&mut more, more_of(&found.hit, others.count()));
        }
    }
    findings.sort_by_key(|finding| finding.place.map_or((usize::MAX, 0), |p| (p.line, p.column)));
    File {
        name: name.to_owned(),
        bytes: text.packed.as_ref().map_or(text.text.len(), Vec::len),
        findings,
        more,
        passed: passed(&report.outcome),
    }
}

/// Places of a value that are counted and not listed.
fn more_of(hit: &Hit, count: usize) -> More {
    let (entity, level) = (hit.entity.clone(), hit.level.clone());
    More { entity, family: hit.family, acts: hit.acts, level, count }
}

/// Adds to what is counted already of the same kind.
fn add(more: &mut Vec<More>, new: More) {
    let alike = |old: &More| More { count: 0, ..old.clone() } == More { count: 0, ..new.clone() };
    match more.iter_mut().find(|old| alike(old)) {
        Some(old) => old.count += new.count,
        None if new.count > 0 => more.push(new),
        None => {}
    }
}

/// LIMIT: places of one value in one file.
const MOST_PLACES: usize = 1_000;

fn finding(found: &Found, field: String, place: Option<Place>) -> Finding {
    Finding {
        place,
        field,
        chain: found.chain.iter().map(|transform| transform.0).collect(),
        entity: found.hit.entity.clone(),
        family: found.hit.family,
        acts: found.hit.acts,
        detector: found.hit.detector.clone(),
        level: found.hit.level.clone(),
        score: found.hit.score.value(),
        length: found.length,
        canary: found.hit.canary.clone(),
    }
}

/// What an inspection that did not reach the end leaves out.
pub(super) fn passed(outcome: &Outcome) -> Option<Passed> {
    match outcome {
        Outcome::Complete => None,
        Outcome::Unreadable(why) => Some(Passed::Hidden(why.to_string())),
        Outcome::OverLimit(name) => Some(Passed::Limit(name)),
    }
}

/// A pointer without what was found: a key may be the very value.
fn masked(pointer: &str, all: &[Found]) -> String {
    let mut masked = pointer.to_owned();
    for found in all {
        if let Ok(value) = std::str::from_utf8(found.digest_input.expose()) {
            let step = value.replace('~', "~0").replace('/', "~1");
            if !step.is_empty() && masked.contains(&step) {
                masked = masked.replace(&step, &format!("<{}>", found.hit.entity));
            }
        }
    }
    masked
}

/// Looks at many files, on all processors.
pub(crate) fn all(inputs: &[Input], lens: &Lens, most: usize, progress: &Progress) -> Summary {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(inputs.len());
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(inputs.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut scratch = Scratch::default();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(input) = inputs.get(number) else { break };
                    let file = match read(input, lens.media.as_ref(), most) {
                        Ok(text) => one(&input.name, text, lens, &mut scratch),
                        Err(passed) => File {
                            name: input.name.clone(),
                            bytes: 0,
                            findings: Vec::new(),
                            more: Vec::new(),
                            passed: Some(passed),
                        },
                    };
                    progress.step(inputs.len());
                    if let Ok(mut done) = done.lock() {
                        done.push((number, file));
                    }
                }
            });
        }
    });
    progress.end();
    let mut files = done.into_inner().unwrap_or_default();
    files.sort_by_key(|(number, _)| *number);
    Summary { files: files.into_iter().map(|(_, file)| file).collect() }
}
