//! Registered values: a credential bound to a host, a variable of the gateway's own environment, a
//! planted row of a database. Found as they are, whatever they look like, and in the disguises that
//! need no decoder: base64 at any alignment, hexadecimal, percent-encoding, reversed, spread over
//! lines or spaces.
//!
//! Must not know who registered them. Next: `crate::engine`.

use crate::detectors::Canary;
use crate::hit::{Explanation, Hit};
use crate::options::ScanOptions;
use crate::pack::{Acts, Family};
use crate::score::Score;
use aho_corasick::{AhoCorasick, MatchKind};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// The entity of every registered value.
const ENTITY: &str = "CANARY";
/// LIMIT: a shorter value would stand in innocent texts.
const SHORTEST: usize = 8;
/// LIMIT: hits of registered values in one text.
const MOST: usize = 256;
const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// All registered values in all their forms, compiled.
#[derive(Clone, Default)]
pub(crate) struct Canaries {
    automaton: Option<AhoCorasick>,
    /// Name and form of each pattern.
    forms: Vec<(Arc<str>, &'static str)>,
    entity: Arc<str>,
    level: Arc<str>,
}

impl fmt::Debug for Canaries {
    /// The automaton holds the values: names alone are shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.forms.iter().map(|(name, _)| name)).finish()
    }
}

impl Canaries {
    /// Compiles them; those too short to mean anything are left out.
    pub(crate) fn of(canaries: &[Canary]) -> Result<Self, String> {
        let (mut values, mut forms) = (Vec::new(), Vec::new());
        for canary in canaries {
            let value = canary.value.expose().as_slice();
            if value.len() < SHORTEST {
                continue;
            }
            let name: Arc<str> = Arc::from(canary.name.as_str());
            let first = values.len();
            for (form, disguised) in disguises(value) {
                if !values.iter().skip(first).any(|known| *known == disguised) {
                    values.push(disguised);
                    forms.push((Arc::clone(&name), form));
                }
            }
        }
        if values.is_empty() {
            return Ok(Self::default());
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(&values)
            .map_err(|_| "the registered values are too many to compile".to_owned())?;
        let (entity, level) = (Arc::from(ENTITY), Arc::from("restricted"));
        Ok(Self { automaton: Some(automaton), forms, entity, level })
    }

    /// Adds those that stand in the text. One value within another is found beside it.
    pub(crate) fn scan(&self, text: &str, options: &ScanOptions, hits: &mut Vec<Hit>) {
        let Some(automaton) = &self.automaton else { return };
        let wanted = options.entities.as_ref().is_none_or(|list| list.iter().any(|e| e == ENTITY));
        if !wanted || !options.families.contains(Family::Credential) {
            return;
        }
        let before = hits.len();
        for found in automaton.find_overlapping_iter(text).take(MOST) {
            hits.extend(self.hit(text, found.pattern().as_usize(), found.range(), options));
        }
        self.scan_packed(automaton, text, options, hits);
        if hits.len() > before {
            hits.sort_by_key(|hit| (hit.span.start, hit.span.end));
        }
    }

    /// A value broken over lines or padded with spaces: once more without them.
    fn scan_packed(
        &self,
        automaton: &AhoCorasick,
        text: &str,
        options: &ScanOptions,
        hits: &mut Vec<Hit>,
    ) {
        if !text.bytes().any(|byte| byte.is_ascii_whitespace()) {
            return;
        }
        let kept = || text.bytes().enumerate().filter(|(_, byte)| !byte.is_ascii_whitespace());
        let packed: Vec<u8> = kept().map(|(_, byte)| byte).collect();
        let places: Vec<_> = automaton.find_overlapping_iter(&packed).take(MOST).collect();
        if places.is_empty() {
            return;
        }
        let offsets: Vec<usize> = kept().map(|(at, _)| at).collect();
        for place in places {
            let start = offsets.get(place.start()).copied();
            let last = offsets.get(place.end().saturating_sub(1)).copied();
            let (Some(start), Some(last)) = (start, last) else { continue };
            // What has no space within was found before.
            if last + 1 - start > place.range().len() {
                hits.extend(self.hit(text, place.pattern().as_usize(), start..last + 1, options));
            }
        }
    }

    fn hit(
        &self,
        text: &str,
        form: usize,
        span: Range<usize>,
        options: &ScanOptions,
    ) -> Option<Hit> {
        let (name, form) = self.forms.get(form)?;
        let explanation = options.explain.then(|| {
            Box::new(Explanation {
                recognizer: "canary".to_owned(),
                original_score: Score::CERTAIN,
                score: Score::CERTAIN,
                textual_explanation: Some(format!("a registered value, {form}")),
                ..Explanation::default()
            })
        });
        Some(Hit {
            detector: Arc::clone(&self.entity),
            entity: Arc::clone(&self.entity),
            family: Family::Credential,
            acts: Acts::Block,
            level: Some(Arc::clone(&self.level)),
            span: text.floor_char_boundary(span.start)..text.ceil_char_boundary(span.end),
            score: Score::CERTAIN,
            canary: Some(Arc::clone(name)),
            explanation,
        })
    }
}

/// The value in every form that is looked for, with the form's name.
fn disguises(value: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let hex = |digits: &[u8; 16], mark: &[u8]| -> Vec<u8> {
        let digit = |nibble: u8| digits.get(usize::from(nibble)).copied().unwrap_or(b'0');
        let one = |byte: &u8| [mark, &[digit(byte >> 4), digit(byte & 15)]].concat();
        value.iter().flat_map(one).collect()
    };
    let (small, large) = (b"0123456789abcdef", b"0123456789ABCDEF");
    let mut forms = vec![
        ("as it is", value.to_vec()),
        ("reversed", value.iter().rev().copied().collect()),
        ("in hexadecimal", hex(small, b"")),
        ("in hexadecimal", hex(large, b"")),
        ("percent-encoded", hex(small, b"%")),
        ("percent-encoded", hex(large, b"%")),
    ];
    // RFC 3986 section 2.3: what need not be encoded is not.
    for digits in [small, large] {
        let encoded: Vec<u8> = value
            .iter()
            .flat_map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => vec![*byte],
                byte => {
                    let digit = |n: u8| digits.get(usize::from(n)).copied().unwrap_or(b'0');
                    vec![b'%', digit(byte >> 4), digit(byte & 15)]
                }
            })
            .collect();
        forms.push(("percent-encoded", encoded));
    }
    for alphabet in [STANDARD, URL_SAFE] {
        forms.extend((0..3).map(|shift| ("in base64", base64_inside(value, alphabet, shift))));
    }
    forms
}

/// The characters of base64 that depend on the value alone when `shift` bytes stand before it in
/// its group of three.
fn base64_inside(value: &[u8], alphabet: &[u8; 64], shift: usize) -> Vec<u8> {
    // Bits of the value, taken in sixes from the first border of a character within it.
    let skip = (6 - shift * 8 % 6) % 6;
    let bits = value.len() * 8;
    let mut out = Vec::with_capacity(bits / 6);
    let mut at = skip;
    while at + 6 <= bits {
        let six = (at..at + 6).fold(0_usize, |six, bit| {
            let byte = value.get(bit / 8).copied().unwrap_or_default();
            six << 1 | usize::from(byte >> (7 - bit % 8) & 1)
        });
        out.push(alphabet.get(six).copied().unwrap_or(b'A'));
        at += 6;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::Detectors;
    use crate::engine::Scratch;
    use backstop_model::redacted::Redacted;

    fn detectors(values: &[(&str, &str)]) -> Detectors {
        let mut builder = Detectors::builder();
        for (name, value) in values {
            let value = Redacted::new("canary", value.as_bytes().to_vec());
            builder = builder.canary(Canary { name: (*name).to_owned(), value });
        }
        builder.build().unwrap()
    }

    fn found(detectors: &Detectors, text: &str) -> Vec<String> {
        let hits = detectors.scan(text, &ScanOptions::default(), &mut Scratch::default());
        let canaries = hits.iter().filter_map(|hit| {
            Some(format!("{} {:?}", hit.canary.as_deref()?, text.get(hit.span.clone())?))
        });
        canaries.collect()
    }

    #[test]
    fn registered_values_are_found_wherever_they_stand() {
        let detectors = detectors(&[("DB", "kestrel-drum-91"), ("LONG", "xx-kestrel-drum-91-yy")]);
        assert_eq!(found(&detectors, "a kestrel-drum-91 b"), ["DB \"kestrel-drum-91\""]);
        assert_eq!(found(&detectors, "akestrel-drum-91b"), ["DB \"kestrel-drum-91\""]);
        assert_eq!(found(&detectors, "xx-kestrel-drum-91-yy").len(), 2);
        for clean in ["", "kestrel-drum-9", "Kestrel-drum-91", "kestrel drum 91"] {
            assert!(found(&detectors, clean).is_empty(), "{clean}");
        }
    }

    #[test]
    fn short_values_are_not_looked_for_and_no_value_is_printed() {
        let detectors = detectors(&[("SHORT", "abc"), ("OTHER", "kestrel-drum-91")]);
        assert!(found(&detectors, "abc abc").is_empty());
        assert!(!format!("{detectors:?}").contains("kestrel"));
    }

    #[test]
    fn values_are_found_in_every_form() {
        let detectors = detectors(&[("DB", "tok/Zq8+vN1~xW4 r7")]);
        // Made by coreutils' base64 and xxd, with nothing, `a` and `ab` before and `zz` behind.
        for text in [
            "x tok/Zq8+vN1~xW4 r7 y",
            "7r 4Wx~1Nv+8qZ/kot",
            "746f6b2f5a71382b764e317e785734207237",
            "746F6B2F5A71382B764E317E785734207237",
            "%74%6f%6b%2f%5a%71%38%2b%76%4e%31%7e%78%57%34%20%72%37",
            "tok%2FZq8%2BvN1~xW4%20r7",
            "dG9rL1pxOCt2TjF+eFc0IHI3eno=",
            "YXRvay9acTgrdk4xfnhXNCByN3p6",
            "YWJ0b2svWnE4K3ZOMX54VzQgcjd6eg==",
            "dG9rL1pxOCt2TjF-eFc0IHI3eno=",
            "é dG9rL1px\r\n OCt2TjF+eFc0IHI3 é",
        ] {
            assert_eq!(found(&detectors, text).len(), 1, "{text}");
        }
        for clean in ["tok/Zq8+vN1~xW4 r8", "dG9rL1pxOCt2TjF+eFc0IHI4", "746f6b2f5a71382b764e"] {
            assert!(found(&detectors, clean).is_empty(), "{clean}");
        }
        let lines = found(&detectors, "é dG9rL1px\r\n OCt2TjF+eFc0IHI3 é");
        assert_eq!(lines, ["DB \"dG9rL1px\\r\\n OCt2TjF+eFc0IHI3\""]);
    }
}
