//! From what detectors found to what may be kept: control, kind, place, length, a keyed digest.
//!
//! INVARIANT: no matched byte, and no key of the payload that could be one, gets past this file.
//! Next: `crate::judge`.

use backstop_detect::{Acts as DetectActs, Family, Found};
use backstop_model::control::Control;
use backstop_model::finding::{
    Acts, Evidence, Finding, FindingRecord, KeyedDigest, Look, Part, PerMille,
};
use backstop_model::id::LevelName;
use std::ops::Range;
use std::sync::Arc;

/// Everything that the looks at one message came to.
#[derive(Default)]
pub(super) struct Gathered {
    findings: Vec<(Finding, Range<usize>)>,
    look: Look,
    /// See [`Evidence::asked`].
    asked: Option<Arc<[String]>>,
}

/// LIMIT: findings of one message that are judged; what has more is refused by what it has.
const FINDINGS: usize = 4_096;

impl Gathered {
    /// Nothing yet, of looks that were asked for notes of these entities (see [`Evidence::asked`]).
    pub(super) fn of(asked: Option<Arc<[String]>>) -> Self {
        Self { asked, ..Self::default() }
    }

    /// The worst end of all looks is the end.
    pub(super) fn end(&mut self, look: Look) {
        if self.look == Look::Whole {
            self.look = look;
        }
    }

    /// Adds what one look found. Without `part`, the first step of each pointer is its part.
    pub(super) fn add(
        &mut self,
        found: Vec<Found>,
        part: Option<Part>,
        key: &aws_lc_rs::hmac::Key,
    ) {
        let mut fresh = Vec::new();
        let values: Vec<&[u8]> =
            found.iter().take(VALUES).map(|f| f.digest_input.expose().as_slice()).collect();
        for found in &found {
            let (part, pointer) = match part {
                Some(part) => (part, found.pointer.as_str()),
                None => placed(&found.pointer),
            };
            if is_a_version(found, part, pointer) {
                continue;
            }
            if self.findings.len() + fresh.len() >= FINDINGS {
                self.end(Look::OverLimit(format!("more than {FINDINGS} findings")));
                break;
            }
            let span = found.hit.span.clone();
            fresh.push((finding(found, part, shown(pointer, &values), key), span));
        }
        belong(&mut fresh);
        self.findings.append(&mut fresh);
    }

    /// Adds what the external analyzer found, but for what was found here already.
    pub(super) fn add_besides(
        &mut self,
        found: Vec<Found>,
        part: Option<Part>,
        key: &aws_lc_rs::hmac::Key,
    ) {
        let before = self.findings.len();
        self.add(found, part, key);
        let new = self.findings.split_off(before);
        let fresh: Vec<_> = new
            .into_iter()
            .filter(|new| !self.findings.iter().any(|own| covers(own, new)))
            .collect();
        self.findings.extend(fresh);
    }

    pub(super) fn evidence(self) -> Evidence {
        let findings = self.findings.into_iter().map(|(finding, _)| finding).collect();
        Evidence { findings, look: self.look, asked: self.asked }
    }
}

/// Whether a finding says all that another one does.
fn covers(own: &(Finding, Range<usize>), new: &(Finding, Range<usize>)) -> bool {
    let ((own, at), (new, span)) = (own, new);
    let (known, record) = (&own.record, &new.record);
    let place = known.part == record.part
        && known.field == record.field
        && known.chain == record.chain
        && at.start < span.end
        && span.start < at.end;
    place && known.kind == record.kind && known.score >= record.score && own.acts == new.acts
}

fn finding(found: &Found, part: Part, field: String, key: &aws_lc_rs::hmac::Key) -> Finding {
    let hit = &found.hit;
    let control = match hit.family {
        Family::Pii => Control::DlpPii,
        Family::Credential => Control::DlpCredential,
        Family::Encoded => Control::DlpEncoded,
        Family::Mark | Family::Document => Control::DlpClassification,
    };
    let acts = match hit.acts {
        DetectActs::Block => Acts::Block,
        DetectActs::Note => Acts::Note,
    };
    let own = (&*hit.entity == OWN_TOKEN).then(|| "a token of Backstop".to_owned());
    let chain: Vec<&str> = found.chain.iter().map(|step| step.0).collect();
    Finding {
        record: FindingRecord {
            control,
            kind: hit.entity.to_string(),
            part,
            field,
            chain: chain.join(" → "),
            level: hit.level.as_ref().and_then(|level| LevelName::parse(level).ok()),
            canary: own.or_else(|| hit.canary.as_ref().map(ToString::to_string)),
            score: per_mille(hit.score.value()),
            length: u64::try_from(found.length).unwrap_or(u64::MAX),
            digest: digest(key, &hit.entity, found.digest_input.expose()),
        },
        start: hit.span.start,
        acts,
    }
}

/// The entity of this gateway's own tokens, as its pack names it.
const OWN_TOKEN: &str = "BACKSTOP_TOKEN";

/// The first step of a pointer into a head's document.
fn placed(pointer: &str) -> (Part, &str) {
    let rest = pointer.strip_prefix('/').unwrap_or(pointer);
    let (word, _) = rest.split_once('/').unwrap_or((rest, ""));
    let field = rest.get(word.len()..).unwrap_or_default();
    (Part::parse(word).unwrap_or(Part::Header), field)
}

/// `Chrome/120.0.0.0` in the fields that name programs is a version, not an address.
fn is_a_version(found: &Found, part: Part, pointer: &str) -> bool {
    part == Part::Header
        && &*found.hit.entity == "IP_ADDRESS"
        && found.chain.is_empty()
        && ["/user-agent", "/sec-ch-ua", "/sec-ch-ua-full-version-list", "/server"]
            .contains(&pointer)
}

/// What stands within a registered value is that value: one key is one finding, whatever shapes
/// its pieces have.
fn belong(found: &mut Vec<(Finding, Range<usize>)>) {
    let canaries: Vec<(String, String, Part, Range<usize>)> = found
        .iter()
        // What stands within a passage of a document is more than that.
        .filter(|(finding, _)| {
            finding.record.canary.is_some() && finding.record.control == Control::DlpCredential
        })
        .map(|(finding, span)| {
            let record = &finding.record;
            (record.field.clone(), record.chain.clone(), record.part, span.clone())
        })
        .collect();
    if canaries.is_empty() {
        return;
    }
    found.retain(|(finding, span)| {
        let record = &finding.record;
        let own_control = [Control::DlpCredential, Control::DlpEncoded].contains(&record.control);
        record.canary.is_some()
            || !own_control
            || !canaries.iter().any(|(field, chain, part, canary)| {
                let same = *field == record.field && *chain == record.chain && *part == record.part;
                let within = canary.start <= span.start && span.end <= canary.end;
                // Fields that were joined lend a value the beginning of the next one.
                let lent = record.chain.ends_with(JOINED)
                    && canary.start < span.end
                    && span.start < canary.end;
                same && (within || lent)
            })
    });
}

/// The step that puts neighbouring fields together: what stands in one of them alone is found
/// there too.
const JOINED: &str = "joined";

/// A pointer as it may be kept. A step that reads like a name or an index stays; anything else
/// could be what was found, for keys are looked at too, and a step that holds one of `values` is.
fn shown(pointer: &str, values: &[&[u8]]) -> String {
    let mut out = String::new();
    for step in pointer.split('/').skip(1) {
        let holds = |value: &&[u8]| {
            let mut windows = step.as_bytes().windows(value.len().max(1));
            value.len() > 2 && windows.any(|window| window.eq_ignore_ascii_case(value))
        };
        out.push('/');
        out.push_str(if is_a_name(step) && !values.iter().any(holds) { step } else { "…" });
        if out.len() > POINTER {
            out.push_str("/…");
            break;
        }
    }
    out
}

/// LIMIT: found values that keys are held against.
const VALUES: usize = 64;
/// LIMIT: bytes of a pointer that are kept.
const POINTER: usize = 200;

fn is_a_name(step: &str) -> bool {
    let count = |is: fn(&u8) -> bool| step.bytes().filter(is).count();
    let (digits, capitals) = (count(u8::is_ascii_digit), count(u8::is_ascii_uppercase));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.~".contains(&b);
    let index = digits == step.len() && digits <= 5;
    // A name has few digits, and its capitals begin words: keys and tokens have neither habit.
    let name = step.len() <= 40 && digits <= 3 && capitals <= 5;
    step.bytes().all(plain) && (index || name)
}

fn per_mille(score: f32) -> PerMille {
    let share = (score.clamp(0.0, 1.0) * 1_000.0).round();
    // In range by the clamp, and no score is NaN.
    PerMille::new(share as u16)
}

/// HMAC-SHA-256 under this process's key, cut to 128 bits; the kind is part of what is digested.
fn digest(key: &aws_lc_rs::hmac::Key, kind: &str, value: &[u8]) -> KeyedDigest {
    let mut context = aws_lc_rs::hmac::Context::with_key(key);
    context.update(kind.as_bytes());
    context.update(&[0]);
    context.update(value);
    let mut out = [0; 16];
    for (byte, tag) in out.iter_mut().zip(context.sign().as_ref()) {
        *byte = *tag;
    }
    KeyedDigest(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_keep_names_and_nothing_that_could_be_a_secret() {
        for (given, kept) in [
            ("", ""),
            ("/messages/12/content/0/image_url", "/messages/12/content/0/image_url"),
            ("/x-api-key", "/x-api-key"),
            ("/metadata/userId", "/metadata/userId"),
            ("/metadata/536-90-4399", "/metadata/…"),
            ("/4111111111111111", "/…"),
            ("/jane.doe@corp.example", "/…"),
            ("/sk-proj-8fG2kLm9QpXz7Yt4", "/…"),
            ("/AKIAQWERTYUIOPASDFGH", "/…"),
            ("/Zq8LmXkPtRvBnWs", "/…"),
            ("/Jane Doe", "/…"),
            ("/a/", "/a/"),
        ] {
            assert_eq!(shown(given, &[b"no"]), kept, "{given}");
        }
        assert_eq!(shown("/people/jane/note", &[b"Jane"]), "/people/…/note");
        assert!(shown(&"/step".repeat(1_000), &[]).len() < 220);
    }

    #[test]
    fn a_head_says_which_part_a_finding_is_of() {
        assert_eq!(placed("/header/cookie/id"), (Part::Header, "/cookie/id"));
        assert_eq!(placed("/path/2"), (Part::Path, "/2"));
        assert_eq!(placed("/host/0"), (Part::Host, "/0"));
        assert_eq!(placed("/header"), (Part::Header, ""));
    }

    #[test]
    fn equal_values_of_one_kind_have_equal_digests_under_one_key_alone() {
        let key = |byte| aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[byte; 32]);
        let one = digest(&key(1), "US_SSN", b"536-90-4399");
        assert_eq!(one, digest(&key(1), "US_SSN", b"536-90-4399"));
        for other in [
            digest(&key(2), "US_SSN", b"536-90-4399"),
            digest(&key(1), "US_ITIN", b"536-90-4399"),
            digest(&key(1), "US_SSN", b"536-90-4398"),
        ] {
            assert_ne!(one, other);
        }
    }
}
