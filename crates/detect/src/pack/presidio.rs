//! Presidio's recognizers in YAML or JSON (`recognizers:`, or `ad_hoc_recognizers` of `/analyze`):
//! patterns, deny-lists, context, languages. A pattern that needs look-around is refused by name;
//! a recognizer that is a Python class is a note. Next: `catalog`.

use super::detector::{Detector, Group, Guard, Origin, Pattern};
use super::fault::{Faults, PackFault};
use super::fields::{self, Fields};
use super::tree::{Node, Value};
use super::{regex, yaml};
use crate::score::Score;
use std::sync::Arc;

/// Reads recognizers; beside them, notes on what cannot be honoured.
pub(crate) fn read(source: &str, text: &str) -> Result<(Vec<Detector>, PackFault), PackFault> {
    let (mut faults, mut notes) = (Faults::default(), Faults::default());
    let mut detectors = Vec::new();
    if let Some(root) = yaml::parse(text, &mut faults) {
        let mut flags = Flags::default();
        let listed = match &root.value {
            Value::List(items) => items.as_slice(),
            Value::Null | Value::Text(_) | Value::Map(_) => {
                registry(&root, &mut flags, &mut faults)
            }
        };
        for node in listed {
            detectors.extend(recognizer(node, source, flags, &mut faults, &mut notes));
        }
    }
    let notes = notes.into_notes(source);
    faults.finish(source, (detectors, notes))
}

/// The file as a mapping with its recognizers.
fn registry<'n>(root: &'n Node, flags: &mut Flags, faults: &mut Faults) -> &'n [Node] {
    let Some(mut fields) = Fields::of(root, "the file", faults) else { return &[] };
    fields.take("supported_languages");
    if let Some(number) = fields.number("global_regex_flags", faults) {
        *flags = Flags(number as u32);
    }
    let listed = fields.items("recognizers", faults);
    fields.finish(faults);
    listed
}

/// Python's `re` flags.
#[derive(Debug, Clone, Copy)]
struct Flags(u32);

impl Default for Flags {
    /// `IGNORECASE | MULTILINE | DOTALL`, as Presidio has it.
    fn default() -> Self {
        Self(26)
    }
}

impl Flags {
    fn prefix(self) -> String {
        let letters: String = [(2, 'i'), (8, 'm'), (16, 's'), (64, 'x')]
            .iter()
            .filter(|(bit, _)| self.0 & bit != 0)
            .map(|(_, letter)| *letter)
            .collect();
        if letters.is_empty() { letters } else { format!("(?{letters})") }
    }
}

fn recognizer(
    node: &Node,
    source: &str,
    flags: Flags,
    faults: &mut Faults,
    notes: &mut Faults,
) -> Option<Detector> {
    if let Value::Text(name) = &node.value {
        notes.add(node.line, format!("`{name}` is a class of Presidio's own and is left out"));
        return None;
    }
    let mut fields = Fields::of(node, "a recognizer", faults)?;
    let line = fields.line;
    let name = fields.required("name", faults)?.to_owned();
    let is_on = fields.flag("enabled", faults).unwrap_or(true);
    if !is_on {
        return None;
    }
    if fields.text("type", faults) == Some("predefined") {
        notes.add(line, format!("`{name}` is a class of Presidio's own and is left out"));
        return None;
    }
    for known in ["version", "country_code", "supported_entities"] {
        fields.take(known);
    }
    let flags = fields.number("global_regex_flags", faults).map_or(flags, |n| Flags(n as u32));
    let entity = fields.required("supported_entity", faults).unwrap_or_default();
    let mut languages: Vec<String> =
        fields.text("supported_language", faults).map(str::to_owned).into_iter().collect();
    let mut context = match fields.take("context") {
        Some(Node { value: Value::Null, .. }) | None => Vec::new(),
        Some(words) => fields::texts(words, "context", faults),
    };
    spoken(&mut fields, &mut languages, &mut context, faults);
    let listed = match fields.take("patterns") {
        Some(Node { value: Value::List(items), .. }) => items.as_slice(),
        Some(Node { value: Value::Null, .. }) | None => &[],
        Some(other) => {
            faults.add(other.line, "`patterns` must be a list");
            &[]
        }
    };
    let denied = match fields.take("deny_list") {
        Some(Node { value: Value::Null, .. }) | None => Vec::new(),
        Some(words) => fields::texts(words, "deny_list", faults),
    };
    let score = fields.number("deny_list_score", faults).unwrap_or(1.0);
    fields.finish(faults);
    if listed.is_empty() && denied.is_empty() {
        faults.add(line, format!("`{name}` has neither `patterns` nor a `deny_list`"));
    }
    let written = listed.iter().filter_map(|node| pattern(node, &name, flags, faults));
    let mut patterns: Vec<Pattern> = written.collect();
    patterns.extend(deny_list(&denied, score, line));
    let origin = Origin { source: Arc::from(source), line, is_imported: true };
    Some(Detector { languages, context, ..Detector::of(&name, entity, patterns, origin) })
}

/// `supported_languages`: names, or mappings of a language and its context words.
fn spoken(
    fields: &mut Fields<'_>,
    languages: &mut Vec<String>,
    context: &mut Vec<String>,
    faults: &mut Faults,
) {
    for node in fields.items("supported_languages", faults) {
        if let Value::Text(language) = &node.value {
            languages.push(language.clone());
            continue;
        }
        let Some(mut one) = Fields::of(node, "a language", faults) else { continue };
        languages.extend(one.required("language", faults).map(str::to_owned));
        context.extend(one.texts("context", faults));
        one.finish(faults);
    }
}

fn pattern(node: &Node, recognizer: &str, flags: Flags, faults: &mut Faults) -> Option<Pattern> {
    let mut fields = Fields::of(node, "a pattern", faults)?;
    let line = fields.line;
    let name = fields.required("name", faults)?;
    let source = fields.required("regex", faults)?;
    let score = fields.number("score", faults).unwrap_or_default();
    fields.finish(faults);
    let regex = format!("{}{source}", flags.prefix());
    if let Err(reason) = regex::check(&regex) {
        let message = format!("pattern `{name}` of `{recognizer}` is not valid: {reason}");
        faults.add(line, message);
        return None;
    }
    Some(Pattern {
        name: name.to_owned(),
        regex,
        group: Group::Value,
        score: Score::new(score),
        guard: Guard::None,
        line,
    })
}

/// Words that count wherever they stand whole.
fn deny_list(words: &[String], score: f32, line: usize) -> Option<Pattern> {
    if words.is_empty() {
        return None;
    }
    // The longest first, for the first alternative wins.
    let mut words: Vec<&String> = words.iter().collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let quoted: Vec<String> = words.into_iter().map(|word| regex_syntax::escape(word)).collect();
    Some(Pattern {
        name: "deny_list".to_owned(),
        regex: format!("(?i)(?:{})", quoted.join("|")),
        group: Group::Value,
        score: Score::new(score),
        guard: Guard::Word,
        line,
    })
}

#[cfg(test)]
mod tests {
    use crate::{Builder, ScanOptions, Scratch};
    use expect_test::expect;

    const RECOGNIZERS: &str = r#"
recognizers:
- name: Zip code Recognizer
  supported_languages:
  - language: en
    context: [zip, code]
  - language: es
    context: [código, postal]
  patterns:
  - { name: zip code (weak), regex: "(\\b\\d{5}(?:\\-\\d{4})?\\b)", score: 0.2 }
  supported_entity: US_ZIP_CODE
- name: Titles recognizer
  supported_language: en
  supported_entity: TITLE
  deny_list: [Mr., Mrs., Mr. Dr.]
- name: CreditCardRecognizer
  type: predefined
- EmailRecognizer
- name: Off
  enabled: false
  supported_entity: X
"#;

    fn found(text: &str, options: &ScanOptions) -> Vec<(String, String, f32)> {
        let builder = Builder::empty().presidio("recognizers.yaml", RECOGNIZERS).unwrap();
        let detectors = builder.build().unwrap();
        let hits = detectors.scan(text, options, &mut Scratch::default());
        let value = |hit: &crate::Hit| text.get(hit.span.clone()).unwrap().to_owned();
        hits.iter().map(|hit| (hit.entity.to_string(), value(hit), hit.score.value())).collect()
    }

    #[test]
    fn patterns_context_and_deny_lists() {
        let options = ScanOptions::default();
        let zip = |value: &str| vec![("US_ZIP_CODE".to_owned(), value.to_owned(), 0.55)];
        assert_eq!(found("my zip is 90210-1234.", &options), zip("90210-1234"));
        assert_eq!(found("Código postal: 90210", &options), zip("90210"));
        assert!(found("order 90210", &options).is_empty());
        let titles = found("mrs. Smith and mr. dr. Who", &options);
        assert_eq!(titles.iter().map(|t| &*t.1).collect::<Vec<_>>(), ["mrs.", "mr. dr."]);
        let spanish = ScanOptions { languages: Some(vec!["es".to_owned()]), ..options };
        assert!(found("mr. Who", &spanish).is_empty());
    }

    #[test]
    fn what_cannot_be_honoured_is_said_or_refused() {
        let builder = Builder::empty().presidio("r.yaml", RECOGNIZERS).unwrap();
        let notes: Vec<String> = builder.notes().iter().map(ToString::to_string).collect();
        expect![[r#"
            r.yaml:16: `CreditCardRecognizer` is a class of Presidio's own and is left out
            r.yaml:18: `EmailRecognizer` is a class of Presidio's own and is left out"#]]
        .assert_eq(&notes.join("\n"));
        let look =
            "[{name: A, supported_entity: A, patterns: [{name: far, regex: '(?<!x)y', score: 1}]}]";
        expect!["r.yaml:1: pattern `far` of `A` is not valid: look-around, including look-ahead and look-behind, is not supported"]
            .assert_eq(&Builder::empty().presidio("r.yaml", look).unwrap_err().to_string());
    }
}
