//! A text looked at: scanned as it is, with its escapes and disguises undone, and whatever in it
//! decodes to something, looked at in its turn. Next: `containers`.
//!
//! One level undoes every kind of escape once, in a fixed order; the next level begins where a
//! decoder gave new text. Levels are bounded by `Limits::chain`, bytes by `Limits::decoded` and
//! `Limits::work`; a text with more to undo than that is over the limit, never clean.

use super::fields::Inner;
use super::inspection::{Inspection, Sight, Site, Taste};
use super::media::{boundary, form_like, json_like};
use super::report::{Outcome, Unreadable};
use crate::decode::bytes::{
    AMPERSAND, BACKSLASH, DIGIT, EQUALS, LETTER, ODD, OPENS, PERCENT, Survey, WIDE, is, survey_of,
};
use crate::decode::encoded::{self, Alphabet};
use crate::decode::escape::{Plus, backslash, html, percent, quoted_printable, zeros};
use crate::decode::fold::fold;
use crate::decode::inflate::{Codec, InflateFault, inflate_into};
use crate::decode::nature::{Nature, nature, perhaps, reads_as_text, stretches};
use crate::decode::run::{Content, MIN_JOINED, MIN_RUN, Run, decodings, runs};
use crate::decode::spread::{MIN_GROUPED, MIN_LEET, MIN_SINGLES, gathered, regrouped, unleet};
use crate::decode::{Rewrite, Transform, base85, hex, mirror};
use crate::mask::Ground;
use crate::walk;

/// One way of undoing escapes in a text.
type Layer = (Transform, fn(&Survey) -> bool, fn(&str) -> Option<Rewrite>, Taste);

/// All of them, in the order in which they are undone.
const LAYERS: [Layer; 9] = [
    (Transform::UTF16, |s| s.singles >= MIN_SINGLES - 1, zeros, Taste::Usual),
    (Transform::PERCENT, |s| s.has(PERCENT), |text| percent(text, Plus::IsPlus), Taste::Usual),
    (Transform::HTML, |s| s.has(AMPERSAND), html, Taste::Usual),
    (Transform::ESCAPES, |s| s.has(BACKSLASH), backslash, Taste::Usual),
    (Transform::QUOTED_PRINTABLE, |s| s.has(EQUALS), quoted_printable, Taste::Usual),
    (Transform::UNICODE, |s| s.has(WIDE), fold, Taste::Usual),
    (Transform::SPACED, |s| s.singles >= MIN_SINGLES - 1, gathered, Taste::Strong),
    (
        Transform::SPACED,
        |s| s.digits >= MIN_GROUPED && (s.groups >= 2 || s.run >= 9),
        regrouped,
        Taste::SurePii,
    ),
    (Transform::LEET, |s| s.digits >= MIN_LEET && s.has(LETTER), unleet, Taste::SurePii),
];

/// The most that a compressed stream within a text may grow, and what it may reach in any case.
pub(super) const RATIO: usize = 256;
pub(super) const SMALL: usize = 64 << 10;
/// The longest bytes that are tried as a compressed stream without a signature.
const MAX_GUESSED: usize = 256 << 10;
/// The shortest.
const MIN_GUESSED: usize = 12;

impl Inspection<'_> {
    /// Looks at a text and at whatever it hides.
    ///
    /// The seam for a cache: what is found in a text depends on the text, the key and
    /// `site.content` alone.
    pub(super) fn look(&mut self, text: &str, site: &Site<'_>) {
        let (survey, ground) = self.scan_and_survey(text, site);
        self.undo(text, survey, &ground, site);
        self.scratch.take_back(ground);
    }

    /// Looks at what a text hides.
    fn undo(&mut self, text: &str, survey: Survey, ground: &Ground, site: &Site<'_>) {
        if self.spent() {
            return;
        }
        if reversible(&survey, site) {
            self.turn(text, mirror::Turn::Reversed, site);
        }
        if clean(&survey) {
            return;
        }
        if self.structured(text, &survey, site) {
            return;
        }
        self.decoded_runs(text, &survey, ground, site);
        self.turned(text, &survey, site);
        self.layers(text, survey, site);
    }

    /// Undoes every kind of escape, one upon the other.
    fn layers(&mut self, text: &str, mut survey: Survey, site: &Site<'_>) {
        let mark = self.chain.len();
        let mut current: Option<(String, Ground)> = None;
        for (transform, may, undo, taste) in LAYERS {
            if self.spent() {
                break;
            }
            if !may(&survey) {
                continue;
            }
            let Some(rewrite) = undo(current.as_ref().map_or(text, |(plain, _)| plain)) else {
                continue;
            };
            if let Some((before, _)) = current.as_ref().filter(|_| taste == Taste::Usual) {
                // JSON that an escape hid: the next one would spoil its strings.
                self.structured(before, &survey, site);
            }
            let plain = rewrite.excerpt();
            if !self.first_time(Sight::Decoded, plain.as_bytes(), site) {
                continue;
            }
            if mark >= self.looks.limits.chain {
                self.fault(Outcome::OverLimit("chain"));
                break;
            }
            self.charge_decoded(plain.len());
            self.chain.push(transform);
            self.scan(&plain, site, taste);
            let ground = Ground::of(plain.as_bytes());
            let seen = survey_of(plain.as_bytes(), 0, &ground.masks, plain.len());
            self.decoded_runs(&plain, &seen, &ground, site);
            if taste == Taste::Usual {
                survey = seen;
                current = Some((plain, ground));
            } else {
                // A guess: it may have spoilt what is hidden in another way.
                self.chain.pop();
            }
        }
        if let Some((text, ground)) = current {
            // Another round: an escape may have hidden an escape.
            self.undo(&text, survey, &ground, site);
        }
        self.chain.truncate(mark);
    }

    /// A text that is JSON, a form or a multipart body in itself. Whether that was all.
    fn structured(&mut self, text: &str, survey: &Survey, site: &Site<'_>) -> bool {
        let trimmed = text.trim();
        let form = survey.has(EQUALS) && form_like(trimmed);
        let json = survey.has(OPENS) && json_like(trimmed);
        let parts = if trimmed.starts_with("--") { boundary(trimmed) } else { None };
        let transform = match (json, form, &parts) {
            (true, _, _) => Transform::JSON,
            (false, true, _) => Transform::FORM,
            (false, false, Some(_)) => Transform::MULTIPART,
            (false, false, None) => return false,
        };
        if !self.deeper() {
            return true;
        }
        let depth = self.looks.limits.depth.min(64);
        self.chain.push(transform);
        let mut inner = Inner { inspection: self, site: *site };
        let walked = match &parts {
            _ if json => walk::json(trimmed, depth, &mut inner),
            _ if form => walk::form(trimmed, &mut inner),
            Some(boundary) => walk::multipart(trimmed.as_bytes(), boundary, &mut inner),
            None => Ok(()),
        };
        self.end_of_fields();
        self.chain.pop();
        // A form's fields are all of it; what else is not whole is looked at as text besides.
        walked.is_ok() && json
    }

    /// Whether one more level may be looked at.
    pub(super) fn deeper(&mut self) -> bool {
        if self.chain.len() < self.looks.limits.chain {
            return true;
        }
        self.fault(Outcome::OverLimit("chain"));
        false
    }

    /// Runs of base64, hex and their like, and what they decode to.
    fn decoded_runs(&mut self, text: &str, survey: &Survey, ground: &Ground, site: &Site<'_>) {
        if survey.run >= MIN_RUN || survey.joined >= MIN_JOINED {
            self.runs_of(text, ground, site);
        }
        if survey.equals >= hex::MIN_LISTED - 1 {
            for list in hex::hex_lists(text.as_bytes()) {
                self.look_deeper(Transform::HEX, &list.bytes, site);
            }
        }
        if survey.has(DIGIT) && survey.groups >= hex::MIN_LISTED - 1 {
            for list in hex::decimal_lists(text.as_bytes()) {
                self.look_deeper(Transform::DECIMAL, &list.bytes, site);
            }
        }
        if survey.word >= base85::MIN_WORD && text.bytes().any(|b| is(b, ODD)) {
            for word in base85::words(text.as_bytes(), ground) {
                self.look_deeper(Transform::BASE85, &word.bytes, site);
            }
        }
    }

    fn runs_of(&mut self, text: &str, ground: &Ground, site: &Site<'_>) {
        let mut done = 0;
        runs(text.as_bytes(), ground, |run| self.run_of(&run, text, &mut done, site));
    }

    /// One run. `done` is the end of the last that was read as a whole.
    fn run_of(&mut self, run: &Run<'_>, text: &str, done: &mut usize, site: &Site<'_>) {
        // The parts of a run that was read as a whole.
        if self.spent() || (run.part.is_none() && run.span.end <= *done) {
            return;
        }
        if self.shows_encoding()
            && let Some((alphabet, span)) = encoded::encoded(run, self.looks.encoded_floor)
        {
            let what = match alphabet {
                Alphabet::Base64 => ("encoded-base64", "ENCODED_BASE64"),
                Alphabet::Hex => ("encoded-hex", "ENCODED_HEX"),
            };
            self.keep_encoded(what, span, text, site);
        }
        // What was already tried before an escape was undone.
        let again = !self.chain.is_empty() && !self.first_time(Sight::Run, &run.digits, site);
        if again || !self.charge_work(run.digits.len()) {
            return;
        }
        let decoded = decodings(&run.digits);
        if decoded.is_empty() {
            return;
        }
        let mark = self.chain.len();
        if text.get(..run.span.start).unwrap_or_default().ends_with("base64,") {
            self.chain.push(Transform::DATA_URL);
        }
        for decoded in decoded {
            match decoded.to {
                Content::Whole(bytes) => {
                    *done = (*done).max(run.span.end);
                    self.look_deeper(decoded.by, &bytes, site);
                }
                Content::Stretches(readable, bytes) => {
                    self.noise(decoded.by, readable.as_deref(), &bytes, site);
                }
            }
        }
        self.chain.truncate(mark);
    }

    /// Whether an encoded run here is the sender's own doing, and not part of what was decoded.
    fn shows_encoding(&self) -> bool {
        self.chain.iter().all(|transform| {
            [
                Transform::JSON,
                Transform::FORM,
                Transform::MULTIPART,
                Transform::PERCENT,
                Transform::HTML,
                Transform::ESCAPES,
                Transform::QUOTED_PRINTABLE,
                Transform::UNICODE,
            ]
            .contains(transform)
        })
    }

    /// Looks at decoded bytes one level further down.
    fn look_deeper(&mut self, by: Transform, bytes: &[u8], site: &Site<'_>) {
        if !self.deeper() {
            return;
        }
        self.charge_decoded(bytes.len());
        self.chain.push(by);
        self.look_at_bytes(bytes, site);
        self.chain.pop();
    }

    /// Decoded bytes that are no text: perhaps a compressed stream without a signature, else
    /// credentials in what can be read of them.
    fn noise(&mut self, by: Transform, readable: Option<&str>, bytes: &[u8], site: &Site<'_>) {
        if self.chain.len() >= self.looks.limits.chain {
            return;
        }
        self.charge_decoded(bytes.len());
        self.chain.push(by);
        self.guessed(bytes, site);
        if let Some(text) = readable {
            self.scan(text, site, Taste::Strong);
        }
        self.chain.pop();
    }

    /// Looks at bytes of any kind.
    pub(super) fn look_at_bytes(&mut self, bytes: &[u8], site: &Site<'_>) {
        if self.spent() || !self.first_time(Sight::Decoded, bytes, site) {
            return;
        }
        let rest = self.opened(bytes, site);
        self.look_at_rest(rest, bytes, site);
    }

    /// Looks at bytes that are no container, or are more than that.
    pub(super) fn look_into(&mut self, bytes: &[u8], site: &Site<'_>) {
        match nature(bytes) {
            Nature::Text(text) => self.look(&text, site),
            Nature::Wide(text) => {
                self.chain.push(Transform::UTF16);
                self.look(&text, site);
                self.chain.pop();
            }
            Nature::Compressed(codec) => self.uncompress(codec, bytes, site),
            Nature::Noise => {
                self.guessed(bytes, site);
                if self.charge_work(bytes.len())
                    && let Some(text) = stretches(bytes)
                {
                    self.scan(&text, site, Taste::Strong);
                }
            }
        }
    }

    /// Uncompresses a stream that says what it is. What comes before a fault is looked at too.
    fn uncompress(&mut self, codec: Codec, bytes: &[u8], site: &Site<'_>) {
        if !self.deeper() {
            return;
        }
        let cap = self.decoded_left().min(SMALL.max(bytes.len().saturating_mul(RATIO)));
        let mut plain = Vec::new();
        let result = inflate_into(codec, bytes, cap, &mut plain);
        self.charge_decoded(plain.len());
        if result == Err(InflateFault::TooLarge) {
            self.unreadable(Unreadable::Bomb);
        }
        self.chain.push(Transform::of(codec));
        self.look_at_bytes(&plain, site);
        self.chain.pop();
        match result {
            // Within a text something may well follow: it is looked at for itself.
            Ok(rest) if !rest.is_empty() => self.look_at_bytes(rest, site),
            Ok(_) => {}
            Err(_) => {
                if let Some(text) = stretches(bytes) {
                    self.scan(&text, site, Taste::Strong);
                }
            }
        }
    }

    /// Tries bytes as a compressed stream that does not say so.
    fn guessed(&mut self, bytes: &[u8], site: &Site<'_>) {
        if !(MIN_GUESSED..=MAX_GUESSED).contains(&bytes.len()) {
            return;
        }
        for codec in perhaps(bytes) {
            if !self.charge_work(bytes.len().max(1024)) {
                return;
            }
            let cap = self.decoded_left().min(SMALL.max(bytes.len().saturating_mul(RATIO)));
            let mut plain = Vec::new();
            let result = inflate_into(codec, bytes, cap, &mut plain);
            let whole = match result {
                Ok(rest) => rest.is_empty() && !plain.is_empty(),
                Err(InflateFault::TooLarge) => {
                    self.charge_decoded(plain.len());
                    self.unreadable(Unreadable::Bomb);
                    false
                }
                Err(InflateFault::Broken | InflateFault::Trailing) => false,
            };
            let certain = result.is_ok_and(<[u8]>::is_empty);
            if certain && whole || plain.len() >= 16 && reads_as_text(&plain) {
                self.look_deeper(Transform::of(codec), &plain, site);
            }
        }
    }

    /// ROT13 and reversed text, where either shows the beginning of a credential.
    fn turned(&mut self, text: &str, survey: &Survey, site: &Site<'_>) {
        if survey.run >= MIN_TURNED {
            for turn in mirror::turns(text) {
                self.turn(text, turn, site);
            }
        }
    }

    fn turn(&mut self, text: &str, turn: mirror::Turn, site: &Site<'_>) {
        let turned = mirror::turned(text, turn);
        if !self.first_time(Sight::Decoded, turned.as_bytes(), site) || !self.deeper() {
            return;
        }
        self.charge_decoded(turned.len());
        self.chain.push(match turn {
            mirror::Turn::Rot13 => Transform::ROT13,
            mirror::Turn::Reversed => Transform::REVERSED,
        });
        self.scan(&turned, site, Taste::Strong);
        self.chain.pop();
    }
}

/// Whether a text may be a social security number from its end: digits under such a key.
fn reversible(survey: &Survey, site: &Site<'_>) -> bool {
    survey.has(DIGIT)
        && !survey.has(LETTER)
        && survey.word <= 16
        && site
            .key
            .is_some_and(|key| key.as_bytes().windows(3).any(|w| w.eq_ignore_ascii_case(b"ssn")))
}

/// The shortest run for which turned text is looked for.
const MIN_TURNED: usize = 16;

/// Whether a text can hide nothing at all.
const fn clean(survey: &Survey) -> bool {
    survey.run < MIN_RUN
        && survey.word < base85::MIN_WORD
        && survey.joined < MIN_JOINED
        && survey.equals < hex::MIN_LISTED - 1
        && survey.groups < 2
        && survey.singles < MIN_SINGLES - 1
        && !survey.has(PERCENT | AMPERSAND | BACKSLASH | EQUALS | WIDE | OPENS)
        && !(survey.has(DIGIT) && survey.has(LETTER))
}
