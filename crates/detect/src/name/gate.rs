//! Tier 1: what a text tells about names by itself, in microseconds.
//!
//! ```text
//!  words ─▶ chains of capitals ─▶ places · nationalities · companies   (gazetteer, cues)
//!                              └▶ runs of name-like words ─▶ points (`weigh`) ─▶ found | doubt | nothing
//! ```
//! A chain is a row of capitalised words with nothing but blanks between; particles (`van`, `de`)
//! may stand inside. Evidence adds up to points; enough of them is a find, some are a doubt that
//! only the model can settle. Next: `weigh`.

use std::ops::Range;

use super::body;
use super::sense::{Cue, Sense};
use super::weigh::{self, Standing};
use super::word::{Joint, Shape, Word, fold_into, words};

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A person by full name, or by a name in a place where only a person stands.
    Person,
    /// A given name or surname alone.
    PersonPart,
    /// A country, region or town.
    Location,
    /// A nationality, people, religion or party.
    Nationality,
    /// A company by its legal form.
    Organisation,
}

/// One find of tier 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Find {
    pub(crate) kind: Kind,
    pub(crate) span: Range<usize>,
}

/// What tier 1 makes of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Glance {
    /// Strong evidence, in order of place.
    pub(crate) finds: Vec<Find>,
    /// What the model must look at, in order of place.
    pub(crate) doubts: Vec<Range<usize>>,
}

/// What the caller knows of a text from outside (the key of a JSON field).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hints {
    /// A person may begin the text (`"name"`, `"customer"`).
    person: bool,
    /// A place may begin the text (`"city"`).
    place: bool,
    /// An organisation may begin the text (`"employer"`).
    body: bool,
}

impl Hints {
    /// What the key of a text and the words around it hint at (`customerName`, `billing_city`).
    pub(crate) fn of(key: Option<&str>, context: &[String]) -> Hints {
        let mut hints = Hints::default();
        let mut folded = String::new();
        for word in key.into_iter().chain(context.iter().map(String::as_str)) {
            folded.clear();
            for c in word.chars() {
                if c.is_uppercase() || !c.is_alphabetic() {
                    hints.add(&folded);
                    folded.clear();
                }
                if c.is_alphabetic() {
                    fold_into(c, &mut folded);
                }
            }
            hints.add(&folded);
        }
        hints
    }

    fn add(&mut self, folded: &str) {
        if folded.len() > 2 {
            let sense = Sense::of(folded);
            const BODIES: [&str; 6] =
                ["company", "employer", "organization", "organisation", "firm", "firma"];
            self.person |= sense.cues_any(&[Cue::Name, Cue::Kin]);
            self.body |= BODIES.contains(&folded);
            self.place |= sense.cues(Cue::Area) && sense.cues(Cue::Motion);
        }
    }
}

/// Looks at a text. `scratch` is only a buffer.
pub(crate) fn glance(text: &str, hints: Hints, scratch: &mut Vec<Word>) -> Glance {
    words(text, scratch);
    let mut reader = Reader { text, hints, words: scratch, glance: Glance::default() };
    let mut at = 0;
    while let Some(word) = reader.words.get(at) {
        if word.capital() {
            let end = reader.chain_end(at);
            at = reader.chain(at, end);
        } else if word.shape == Shape::Lower && !word.code {
            at += reader.small(at);
        } else {
            at += 1;
        }
    }
    reader.glance
}

struct Reader<'a> {
    text: &'a str,
    hints: Hints,
    words: &'a [Word],
    glance: Glance,
}

impl Reader<'_> {
    /// The last word of the chain that begins at `start`.
    fn chain_end(&self, start: usize) -> usize {
        let mut end = start;
        while let Some(next) = self.words.get(end + 1) {
            if next.joint != Joint::Space || self.words.get(end).is_some_and(|word| word.possessive)
            {
                break;
            }
            if next.capital() {
                end += 1;
            } else if next.sense.cues(Cue::Particle) && !next.code {
                // One particle or two (`de la`), and then a capital.
                let more = [end + 2, end + 3].into_iter().find(|at| {
                    self.words
                        .get(*at)
                        .is_some_and(|word| word.capital() && word.joint == Joint::Space)
                });
                match more {
                    Some(at)
                        if at == end + 2
                            || self.words.get(end + 2).is_some_and(|word| {
                                word.sense.cues(Cue::Particle) && word.joint == Joint::Space
                            }) =>
                    {
                        end = at;
                    }
                    _ => break,
                }
            } else {
                break;
            }
        }
        end
    }

    /// Takes a chain apart into places, nationalities, companies and runs of name-like words.
    ///
    /// Returns where to go on.
    fn chain(&mut self, start: usize, end: usize) -> usize {
        if let Some(last) = self.company(start, end) {
            return last + 1;
        }
        if start == end
            && let Some(last) = body::firm(self.text, self.words, start)
        {
            self.find(Kind::Organisation, start, last);
            return last + 1;
        }
        let body = body::organisation(self.text, self.words, start, end)
            .or_else(|| self.hinted_body(start, end).then_some((start, end)));
        if let Some((first, last)) = body {
            self.find(Kind::Organisation, first, last);
            return last + 1;
        }
        let mut run = start;
        let mut at = start;
        while at <= end {
            let alone = at == run || self.words.get(at - 1).is_some_and(weigh::plain);
            let taken = self.place(at, end, alone);
            if taken > 0 {
                self.run(run, at);
                at += taken;
                run = at;
            } else {
                at += 1;
            }
        }
        self.run(run, end + 1);
        at
    }

    /// Whether the field's key says that an organisation begins here, and nothing says a person.
    fn hinted_body(&self, start: usize, end: usize) -> bool {
        let mut chain = self.words.get(start..=end).unwrap_or_default().iter();
        start == 0
            && self.hints.body
            && !self.hints.person
            && !chain.any(|word| word.sense.given() > 1)
    }

    /// `Fernandez Inc`: the place of the legal form, when the chain holds one.
    fn company(&mut self, start: usize, end: usize) -> Option<usize> {
        let at = (start + 1..=end).find(|at| {
            self.words.get(*at).is_some_and(|word| {
                word.sense.cues(Cue::Company)
                    && word.sense.given() < 2
                    // `AG`, `SA` in a shout are syllables; `NOT LIMITED` is English.
                    && !(self.shouted(*at) && (word.span.len() < 3 || word.sense.word() > 0))
            })
        })?;
        // `The Fernandez Inc`: the article is none of it.
        let first = (start..at).find(|at| {
            self.words.get(*at).is_some_and(|word| !(word.opens && word.sense.word() == 3))
        })?;
        self.find(Kind::Organisation, first, at);
        Some(at)
    }

    /// How many words at `at` are a place or nationality; 0 for none, so that they stay in the run.
    fn place(&mut self, at: usize, end: usize, alone_before: bool) -> usize {
        let Some(word) = self.words.get(at) else { return 0 };
        for length in (2..=self.joined(at)).rev() {
            let sense = self.phrase(at, length);
            if sense.place() || sense.nationality() > 0 {
                let kind = if sense.place() { Kind::Location } else { Kind::Nationality };
                // A small town of two words may be anything; a country is not.
                let sure = sense.country() > 0
                    || sense.region() > 1
                    || sense.city() > 1
                    || sense.nationality() == 3;
                if sure
                    || self.place_cue(at) != Standing::Nothing
                    || self.alone_in_line(at, at + length - 1)
                {
                    self.find(kind, at, at + length - 1);
                    return length;
                }
            }
        }
        let sense = word.sense;
        if word.shape == Shape::Initial || !(sense.place() || sense.nationality() == 3) {
            return 0;
        }
        let next_names = at < end && self.words.get(at + 1).is_some_and(weigh::may_end_a_name);
        let named = if sense.country() == 3 || sense.nationality() == 3 {
            sense.given() > 2
        } else {
            sense.given() > 0 || sense.surname() > 0
        };
        if named && (next_names || !alone_before) {
            return 0;
        }
        if sense.given() + sense.surname() > 0 && self.context(at, at) >= 1.4 {
            // `Ms. Austin`
            return 0;
        }
        if self.shouted(at)
            && self.place_cue(at) == Standing::Nothing
            && !self.alone_in_line(at, at)
        {
            return 0;
        }
        if weigh::certain_place(word, self.place_cue(at), self.alone_in_line(at, at)) {
            self.find(Kind::Location, at, at);
            1
        } else if sense.nationality() == 3
            && !named
            && (sense.word() == 0 || !word.opens)
            && word.shape != Shape::Upper
            && weigh::certain_nationality(
                self.text,
                at.checked_sub(1).and_then(|at| self.words.get(at)),
                self.words.get(at + 1),
            )
        {
            self.find(Kind::Nationality, at, at);
            1
        } else {
            0
        }
    }

    /// Judges `from..to`, a run without places: splits it at ordinary words and weighs each part.
    fn run(&mut self, from: usize, to: usize) {
        let mut start = from;
        for at in from..=to {
            // After a title even `Black` is a name.
            let titled = at
                .checked_sub(1)
                .and_then(|at| self.words.get(at))
                .is_some_and(|word| word.sense.cues(Cue::Honorific) && word.capital());
            let plain = at == to
                || self.words.get(at).is_some_and(|word| {
                    weigh::plain(word) && !(titled && word.sense.surname() > 0)
                });
            if plain {
                if start < at {
                    let left = start.checked_sub(1).filter(|left| *left >= from);
                    let right = Some(at).filter(|_| at < to);
                    self.part(start, at - 1, left, right);
                }
                start = at + 1;
            }
        }
    }

    /// Weighs one part of a run; `left` and `right` are the ordinary words it was split from.
    fn part(
        &mut self,
        mut start: usize,
        mut end: usize,
        left: Option<usize>,
        right: Option<usize>,
    ) {
        let particle =
            |at: usize| self.words.get(at).is_some_and(|word| word.shape == Shape::Lower);
        while start < end && particle(start) {
            start += 1;
        }
        while end > start && particle(end) {
            end -= 1;
        }
        let Some(part) = self.words.get(start..=end) else { return };
        let taint = weigh::taint(
            left.and_then(|at| self.words.get(at)),
            right.and_then(|at| self.words.get(at)),
        );
        let cue = self.place_cue(start);
        if cue == Standing::Strong && taint == 0.0 && part.iter().all(|word| word.sense.given() < 3)
        {
            // `flew to Leppen`: known or not, a place.
            self.find(Kind::Location, start, end);
            return;
        }
        let context = self.context(start, end);
        match weigh::person(self.text, part, context + taint) {
            weigh::Verdict::Person => self.find(Kind::Person, start, end),
            weigh::Verdict::Part => self.find(Kind::PersonPart, start, end),
            weigh::Verdict::Doubt => self.doubt(start, end),
            weigh::Verdict::Nothing => {}
        }
    }

    /// A small-letter word that may be a name (`follow up with patricia desrosiers`).
    ///
    /// Returns how many words were read.
    fn small(&mut self, at: usize) -> usize {
        let Some(word) = self.words.get(at) else { return 1 };
        let sense = word.sense;
        if sense.given() < 2 || sense.word() > 0 || sense.cues(Cue::Product) {
            if sense.surname() > 1 && sense.word() == 0 && self.context(at, at) >= 4.0 {
                // `mr. elliott`
                self.find(Kind::Person, at, at);
            }
            if sense.country() == 3
                && sense.word() == 0
                && (self.place_cue(at) != Standing::Nothing || self.alone_in_line(at, at))
            {
                self.find(Kind::Location, at, at);
            }
            return 1;
        }
        let next = self.words.get(at + 1).filter(|next| {
            next.joint == Joint::Space
                && next.shape == Shape::Lower
                && !next.code
                && next.sense.word() == 0
        });
        let around = self.context(at, at);
        let cued = around >= 2.0;
        match next {
            Some(next) if next.sense.surname() >= 2 && !sense.place() && cued => {
                self.find(Kind::Person, at, at + 1);
                2
            }
            Some(next) if next.sense.surname() > 0 || (next.sense.unknown() && cued) => {
                self.doubt(at, at + 1);
                2
            }
            _ => {
                if around >= 4.0 {
                    self.find(Kind::Person, at, at);
                } else if (sense.given() == 3 || around > 0.0) && !sense.place() {
                    self.doubt(at, at);
                }
                1
            }
        }
    }

    /// What the surroundings of `start..=end` say for a person.
    fn context(&self, start: usize, end: usize) -> f32 {
        let hinted = if start == 0 && self.hints.person { weigh::NAMED } else { 0.0 };
        hinted + weigh::context(self.text, self.words, start, end)
    }

    /// What stands before a place: nothing, a preposition, or a verb of place and a preposition.
    fn place_cue(&self, at: usize) -> Standing {
        let before = |back: usize| at.checked_sub(back).and_then(|at| self.words.get(at));
        let Some(here) = self.words.get(at) else { return Standing::Nothing };
        let Some(last) = before(1) else {
            return if self.hints.place { Standing::Strong } else { Standing::Nothing };
        };
        if here.joint == Joint::Comma
            && self.words.get(at + 1).is_none_or(|next| next.joint == Joint::Line)
        {
            // `…straat 5, Assen` at the end of a line.
            return Standing::Weak;
        }
        if here.joint != Joint::Space {
            // `"city": "Paris"`, `Town: Assen`
            let labelled = last.sense.cues(Cue::Area)
                && last.sense.cues(Cue::Motion)
                && weigh::labels(self.text.get(last.span.end..here.span.start).unwrap_or_default());
            return if labelled { Standing::Strong } else { Standing::Nothing };
        }
        let next_to_last = before(2).filter(|_| last.joint == Joint::Space);
        if last.sense.cues(Cue::Area) && last.capital() {
            return Standing::Strong;
        }
        if last.sense.cues(Cue::Area) && last.sense.cues(Cue::Motion) && !last.capital() {
            // `the home city Assen`
            return Standing::Strong;
        }
        if !last.sense.cues(Cue::Place) {
            return Standing::Nothing;
        }
        if next_to_last.is_some_and(|word| word.sense.cues(Cue::Motion)) {
            Standing::Strong
        } else {
            Standing::Weak
        }
    }

    /// How many words from `at` on may make one key of the gazetteer.
    fn joined(&self, at: usize) -> usize {
        if !self.words.get(at).is_some_and(|word| word.sense.begins_phrase()) {
            return 1;
        }
        let rest = self.words.iter().skip(at + 1).take(3);
        1 + rest.take_while(|word| word.joint == Joint::Space && !word.code).count()
    }

    /// Whether nothing else stands in the line (an address written in lines).
    fn alone_in_line(&self, start: usize, end: usize) -> bool {
        let opens =
            start == 0 || self.words.get(start).is_some_and(|word| word.joint == Joint::Line);
        let closes = self.words.get(end + 1).is_none_or(|word| word.joint == Joint::Line);
        opens && closes
    }

    /// Whether the word is all capitals beside others that are: a heading, where capitals say nothing.
    fn shouted(&self, at: usize) -> bool {
        let upper = |at: Option<usize>| {
            at.and_then(|at| self.words.get(at)).is_some_and(|word| word.shape == Shape::Upper)
        };
        upper(Some(at)) && (upper(at.checked_sub(1)) || upper(Some(at + 1)))
    }

    /// The sense of `length` words taken together.
    fn phrase(&self, at: usize, length: usize) -> Sense {
        let mut folded = String::with_capacity(40);
        for word in self.words.iter().skip(at).take(length) {
            if !folded.is_empty() {
                folded.push(' ');
            }
            for c in self.text.get(word.span.clone()).unwrap_or_default().chars() {
                fold_into(c, &mut folded);
            }
        }
        Sense::of(&folded)
    }

    fn span(&self, first: usize, last: usize) -> Option<Range<usize>> {
        Some(self.words.get(first)?.span.start..self.words.get(last)?.span.end)
    }

    fn find(&mut self, kind: Kind, first: usize, last: usize) {
        if let Some(span) = self.span(first, last) {
            self.glance.finds.push(Find { kind, span });
        }
    }

    fn doubt(&mut self, first: usize, last: usize) {
        if let Some(span) = self.span(first, last) {
            self.glance.doubts.push(span);
        }
    }
}
