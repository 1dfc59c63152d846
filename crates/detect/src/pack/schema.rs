//! What a pack may say. Unknown keys, wrong shapes and patterns that are none are refused, all at
//! once, with their lines.
//!
//! ```yaml
//! pack: pii-us
//! detectors:
//! - id: us-ssn
//!   entity: US_SSN
//!   family: pii                  # pii | credential | mark
//!   acts: block                  # block | note
//!   level: restricted            # public | internal | confidential | restricted
//!   country: us
//!   languages: [en]              # absent: all
//!   keywords: [ssn]              # patterns run only where one of them stands near
//!   trigger: digits(9)           # or: at, colon-slashes, colons, letters-digits(n), hex-run(n),
//!                                #     token(n), word, always
//!   patterns:
//!   - { name: hyphenated, regex: '[0-9]{3}-[0-9]{2}-[0-9]{4}', score: 0.5, guard: word, flags: i }
//!   finder: bip39                # instead of patterns: a finder of `engine/finder.rs`
//!   validator: us_ssn            # a validator of `validate`
//!   normalise: "- "              # characters that the validator does not see
//!   context: { en: [ssn, social security] }
//!   context_required: true
//!   entropy: 3.5
//!   stopwords: [example]
//!   allow: ['EXAMPLE$']
//!   priority: 10
//!   examples: [ { text: "ssn 536-90-4399", value: "536-90-4399" } ]
//!   counter_examples: [ "ssn 000-12-3456" ]
//! ```
//! Next: `builtin`.

use super::detector::{Acts, Detector, Example, Family, Group, Guard, Origin, Pattern, Trigger};
use super::fault::{Faults, PackFault};
use super::fields::{self, Fields};
use super::tree::{Node, Value};
use super::{regex, yaml};
use crate::engine::Finder;
use crate::score::Score;
use crate::validate::Validator;
use std::sync::Arc;

const LEVELS: [&str; 4] = ["public", "internal", "confidential", "restricted"];

/// Reads one pack.
pub(crate) fn read(source: &str, text: &str) -> Result<Vec<Detector>, PackFault> {
    let mut faults = Faults::default();
    let mut detectors = Vec::new();
    if let Some(root) = yaml::parse(text, &mut faults)
        && let Some(mut fields) = Fields::of(&root, "a pack", &mut faults)
    {
        let name: Arc<str> = Arc::from(fields.required("pack", &mut faults).unwrap_or_default());
        for node in fields.items("detectors", &mut faults) {
            detectors.extend(detector(node, &name, &mut faults));
        }
        fields.finish(&mut faults);
    }
    faults.finish(source, detectors)
}

fn detector(node: &Node, pack: &Arc<str>, faults: &mut Faults) -> Option<Detector> {
    let mut fields = Fields::of(node, "a detector", faults)?;
    let id = fields.required("id", faults)?;
    if !id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        faults.add(fields.line, format!("`{id}`: an id is lower-case words joined by `-`"));
    }
    let entity = fields.required("entity", faults)?;
    let family = family(&mut fields, faults);
    let patterns: Vec<Pattern> =
        fields.items("patterns", faults).iter().filter_map(|node| pattern(node, faults)).collect();
    let detector = Detector {
        id: Arc::from(id),
        entity: Arc::from(entity),
        family,
        acts: acts(&mut fields, faults),
        level: level(&mut fields, faults).map(Arc::from),
        country: fields.text("country", faults).map(str::to_owned),
        languages: fields.texts("languages", faults),
        keywords: lower(fields.texts("keywords", faults)),
        trigger: trigger(&mut fields, faults),
        patterns,
        finder: finder(&mut fields, faults),
        validator: validator(&mut fields, faults),
        normalise: fields.text("normalise", faults).unwrap_or_default().to_owned(),
        context: context(&mut fields, faults),
        context_required: fields.flag("context_required", faults).unwrap_or(false),
        entropy: fields.number("entropy", faults),
        stopwords: lower(fields.texts("stopwords", faults)),
        allow: allow(&mut fields, faults),
        priority: fields.number("priority", faults).map_or(0, |number| number as i32),
        examples: examples(&mut fields, "examples", faults),
        counter_examples: examples(&mut fields, "counter_examples", faults),
        origin: Origin { source: pack.clone(), line: fields.line, is_imported: false },
    };
    if detector.patterns.is_empty() == detector.finder.is_none() {
        faults.add(fields.line, format!("`{id}` needs either `patterns` or a `finder`"));
    }
    if detector.context_required && detector.context.is_empty() {
        faults.add(fields.line, format!("`{id}` requires context but names no words"));
    }
    if let Some(short) = detector.keywords.iter().find(|word| word.is_empty()) {
        faults.add(fields.line, format!("`{id}`: `{short}` is no keyword"));
    }
    fields.finish(faults);
    Some(detector)
}

fn lower(words: Vec<String>) -> Vec<String> {
    words.into_iter().map(|word| word.to_lowercase()).collect()
}

fn family(fields: &mut Fields<'_>, faults: &mut Faults) -> Family {
    match fields.required("family", faults) {
        Some("pii") | None => Family::Pii,
        Some("credential") => Family::Credential,
        Some("mark") => Family::Mark,
        Some(other) => {
            faults.add(fields.line, format!("`family: {other}`: one of pii, credential, mark"));
            Family::Pii
        }
    }
}

fn acts(fields: &mut Fields<'_>, faults: &mut Faults) -> Acts {
    match fields.text("acts", faults) {
        Some("block") | None => Acts::Block,
        Some("note") => Acts::Note,
        Some(other) => {
            faults.add(fields.line, format!("`acts: {other}`: one of block, note"));
            Acts::Block
        }
    }
}

fn level<'n>(fields: &mut Fields<'n>, faults: &mut Faults) -> Option<&'n str> {
    let level = fields.text("level", faults)?;
    if !LEVELS.contains(&level) {
        faults.add(fields.line, format!("`level: {level}`: one of {}", LEVELS.join(", ")));
    }
    Some(level)
}

fn trigger(fields: &mut Fields<'_>, faults: &mut Faults) -> Trigger {
    let Some(text) = fields.text("trigger", faults) else { return Trigger::Always };
    let counted = text.strip_suffix(')').and_then(|text| text.split_once('('));
    let known = match counted {
        Some((name, count)) => count.parse().ok().and_then(|count: u16| match name {
            "digits" => Some(Trigger::Digits(count)),
            "letters-digits" => Some(Trigger::LettersDigits(count)),
            "hex-run" => Some(Trigger::HexRun(count)),
            "token" => Some(Trigger::Token(count)),
            _ => None,
        }),
        None => match text {
            "at" => Some(Trigger::At),
            "colon-slashes" => Some(Trigger::ColonSlashes),
            "colons" => Some(Trigger::Colons),
            "word" => Some(Trigger::Word),
            "always" => Some(Trigger::Always),
            _ => None,
        },
    };
    known.unwrap_or_else(|| {
        faults.add(fields.line, format!("`trigger: {text}` is not known"));
        Trigger::Always
    })
}

fn pattern(node: &Node, faults: &mut Faults) -> Option<Pattern> {
    let mut fields = Fields::of(node, "a pattern", faults)?;
    let name = fields.required("name", faults)?;
    let source = fields.required("regex", faults)?;
    let flags = fields.text("flags", faults).unwrap_or_default();
    if !flags.chars().all(|flag| "imsx".contains(flag)) {
        faults.add(fields.line, format!("`flags: {flags}`: some of i, m, s, x"));
        return None;
    }
    let regex = if flags.is_empty() { source.to_owned() } else { format!("(?{flags}){source}") };
    if let Err(reason) = regex::check(&regex) {
        faults.add(fields.line, format!("pattern `{name}` is not valid: {reason}"));
    }
    let guard = match fields.text("guard", faults) {
        Some("word") | None => Guard::Word,
        Some("digit") => Guard::Digit,
        Some("token") => Guard::Token,
        Some("address") => Guard::Address,
        Some("number") => Guard::Number,
        Some("none") => Guard::None,
        Some(other) => {
            let message =
                format!("`guard: {other}`: one of word, digit, token, address, number, none");
            faults.add(fields.line, message);
            Guard::None
        }
    };
    let score = fields.number("score", faults);
    if score.is_none_or(|score| !(0.0..=1.0).contains(&score)) {
        faults.add(fields.line, format!("pattern `{name}` needs a score from 0 to 1"));
    }
    let line = fields.line;
    fields.finish(faults);
    Some(Pattern {
        name: name.to_owned(),
        regex,
        group: Group::Value,
        score: Score::new(score.unwrap_or_default()),
        guard,
        line,
    })
}

fn finder(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Finder> {
    let name = fields.text("finder", faults)?;
    let finder = Finder::parse(name);
    if finder.is_none() {
        faults.add(fields.line, format!("`finder: {name}` is not known"));
    }
    finder
}

fn validator(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Validator> {
    let name = fields.text("validator", faults)?;
    let validator = Validator::parse(name);
    if validator.is_none() {
        faults.add(fields.line, format!("`validator: {name}` is not known"));
    }
    validator
}

/// Words by language; the languages only sort them for readers.
fn context(fields: &mut Fields<'_>, faults: &mut Faults) -> Vec<String> {
    let Some(node) = fields.take("context") else { return Vec::new() };
    let Some(languages) = Fields::of(node, "`context`", faults) else { return Vec::new() };
    let words = languages.rest();
    words.into_iter().flat_map(|entry| fields::texts(&entry.node, &entry.key, faults)).collect()
}

fn allow(fields: &mut Fields<'_>, faults: &mut Faults) -> Vec<String> {
    let patterns = fields.texts("allow", faults);
    for pattern in &patterns {
        if let Err(reason) = regex::check(pattern) {
            faults.add(fields.line, format!("`allow: {pattern}` is not valid: {reason}"));
        }
    }
    patterns
}

fn examples(fields: &mut Fields<'_>, key: &str, faults: &mut Faults) -> Vec<Example> {
    fields.items(key, faults).iter().filter_map(|node| example(node, key, faults)).collect()
}

fn example(node: &Node, key: &str, faults: &mut Faults) -> Option<Example> {
    if matches!(node.value, Value::Map(_)) {
        let mut fields = Fields::of(node, "an example", faults)?;
        let text = fields.required("text", faults)?.to_owned();
        let value = fields.text("value", faults).map(str::to_owned);
        let line = fields.line;
        fields.finish(faults);
        return Some(Example { text, value, line });
    }
    let text = fields::text(node, key, faults)?.to_owned();
    Some(Example { text, value: None, line: node.line })
}
