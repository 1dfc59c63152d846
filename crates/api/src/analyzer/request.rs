//! What `POST /analyze` asks, read as Presidio reads it. Next: `analyze`.

use super::Fault;
use backstop_detect::name::NAME_DETECTORS;
use backstop_detect::{
    AllowList, Builder, Catalog, Detectors, Families, Family, Inspector, Notes, ScanOptions, Score,
};
use serde_json::{Map, Value, json};

/// What is asked.
#[derive(Debug)]
pub(super) struct Request {
    /// The texts.
    pub(super) texts: Texts,
    /// What is asked of each scan.
    pub(super) options: ScanOptions,
    /// Recognizers of this request alone.
    pub(super) ad_hoc: Option<Detectors>,
}

/// One text, or several that are answered as several.
#[derive(Debug)]
pub(super) enum Texts {
    One(String),
    Many(Vec<String>),
}

/// What Presidio says where nothing would be looked for.
pub(super) const NO_RECOGNIZERS: &str = "No matching recognizers were found to serve the request.";
/// LIMIT: recognizers of one request, and their patterns.
const MOST_AD_HOC: usize = 100;
/// LIMIT: texts of one request.
const MOST_TEXTS: usize = 10_000;
/// `DOTALL | MULTILINE | IGNORECASE` of Python's `regex`.
const DEFAULT_FLAGS: u64 = 16 | 8 | 2;

/// Reads a request.
///
/// # Errors
/// As Presidio words them.
pub(super) fn read(body: &Value, inspector: &Inspector) -> Result<Request, Fault> {
    let body = body.as_object().ok_or_else(|| Fault::analyzer("the body must be an object"))?;
    let get = |name: &str| body.get(name).filter(|value| !value.is_null());
    let texts = texts(get("text"))?;
    let language = match get("language") {
        Some(Value::String(language)) if !language.is_empty() => language,
        Some(Value::String(_)) | None => return Err(Fault::analyzer("No language provided")),
        Some(_) => return Err(Fault::analyzer(NO_RECOGNIZERS)),
    };
    let catalog = inspector.detectors.catalog();
    if !speaks(catalog, language) {
        return Err(Fault::analyzer(NO_RECOGNIZERS));
    }
    let threshold = match get("score_threshold") {
        None => Score::ZERO,
        Some(Value::Number(number)) => Score::new(number.as_f64().unwrap_or_default() as f32),
        Some(_) => return Err(Fault::kind("score_threshold must be a number")),
    };
    let ad_hoc = ad_hoc(get("ad_hoc_recognizers"))?;
    // Presidio takes a text for the list of its letters, which are no entities.
    if get("entities").is_some_and(Value::is_string) {
        return Err(Fault::analyzer(NO_RECOGNIZERS));
    }
    let entities = strings(get("entities"), "entities")?.filter(|list| !list.is_empty());
    if let Some(entities) = &entities {
        let own = ad_hoc.as_ref().map(|own| own.catalog().entities()).unwrap_or_default();
        let known = catalog.entities();
        let found = |name: &String| {
            let name = name.as_str();
            known.contains(name)
                || own.contains(name)
                || NAME_DETECTORS.iter().any(|detector| detector.entity == name)
        };
        if !entities.iter().any(found) {
            return Err(Fault::analyzer(NO_RECOGNIZERS));
        }
    }
    let options = ScanOptions {
        threshold,
        languages: Some(vec![language.clone()]),
        entities,
        families: Families::ALL.without(Family::Encoded),
        notes: Notes::All,
        context: strings(get("context"), "context")?.unwrap_or_default(),
        allow: allow_list(body)?,
        explain: get("return_decision_process").is_some_and(truth),
    };
    Ok(Request { texts, options, ad_hoc })
}

/// Whether anything answers for a language.
pub(super) fn speaks(catalog: &Catalog, language: &str) -> bool {
    language == "en"
        || catalog
            .detectors()
            .iter()
            .any(|entry| entry.languages.iter().any(|known| known == language))
}

fn texts(text: Option<&Value>) -> Result<Texts, Fault> {
    let none = || Fault::analyzer("No text provided");
    match text {
        Some(Value::String(text)) if !text.is_empty() => Ok(Texts::One(text.clone())),
        Some(Value::Array(list)) if !list.is_empty() => {
            if list.len() > MOST_TEXTS {
                return Err(Fault::kind(format!("at most {MOST_TEXTS} texts are taken")));
            }
            let text = |item: &Value| {
                item.as_str().map(str::to_owned).ok_or_else(|| Fault::kind("text must be a string"))
            };
            Ok(Texts::Many(list.iter().map(text).collect::<Result<_, _>>()?))
        }
        Some(Value::String(_) | Value::Array(_)) | None => Err(none()),
        Some(_) => Err(Fault::kind("text must be a string or a list of strings")),
    }
}

/// What Python takes for true.
fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

fn strings(value: Option<&Value>, name: &str) -> Result<Option<Vec<String>>, Fault> {
    let Some(value) = value else { return Ok(None) };
    let wrong = || Fault::kind(format!("{name} must be a list of strings"));
    let list = value.as_array().ok_or_else(wrong)?;
    list.iter()
        .map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong))
        .collect::<Result<_, _>>()
        .map(Some)
}

fn allow_list(body: &Map<String, Value>) -> Result<AllowList, Fault> {
    let get = |name: &str| body.get(name).filter(|value| !value.is_null());
    let Some(list) = strings(get("allow_list"), "allow_list")?.filter(|list| !list.is_empty())
    else {
        return Ok(AllowList::default());
    };
    match get("allow_list_match").map_or(Some("exact"), Value::as_str) {
        Some("exact") => Ok(AllowList::exact(list)),
        Some("regex") => {
            let flags = match get("regex_flags") {
                None => DEFAULT_FLAGS,
                Some(flags) => {
                    flags.as_u64().ok_or_else(|| Fault::kind("regex_flags must be a number"))?
                }
            };
            let prefix = inline(flags);
            let patterns: Vec<String> =
                list.iter().map(|pattern| format!("{prefix}{pattern}")).collect();
            AllowList::patterns(&patterns).map_err(|fault| Fault::analyzer(fault.to_string()))
        }
        Some(_) | None => {
            Err(Fault::analyzer("allow_list_match must either be set to 'exact' or 'regex'."))
        }
    }
}

/// Python's flags as a pattern's own.
fn inline(flags: u64) -> String {
    let letters: String = [(2, 'i'), (8, 'm'), (16, 's'), (64, 'x')]
        .iter()
        .filter(|(bit, _)| flags & bit != 0)
        .map(|(_, letter)| *letter)
        .collect();
    if letters.is_empty() { letters } else { format!("(?{letters})") }
}

/// Recognizers of the request, compiled.
fn ad_hoc(value: Option<&Value>) -> Result<Option<Detectors>, Fault> {
    let Some(value) = value else { return Ok(None) };
    let wrong = || Fault::kind("ad_hoc_recognizers must be a list of recognizers");
    let list = value.as_array().ok_or_else(wrong)?;
    if list.is_empty() {
        return Ok(None);
    }
    let patterns = |one: &Value| one["patterns"].as_array().map_or(0, Vec::len);
    if list.len() + list.iter().map(patterns).sum::<usize>() > MOST_AD_HOC {
        return Err(Fault::kind(format!(
            "at most {MOST_AD_HOC} ad-hoc recognizers and patterns are taken"
        )));
    }
    let recognizers: Vec<Value> = list
        .iter()
        .enumerate()
        .map(|(number, one)| named(one, number).ok_or_else(wrong))
        .collect::<Result<_, _>>()?;
    if recognizers.iter().any(|one| one.get("supported_entity").is_none()) {
        return Err(Fault::kind("an ad-hoc recognizer has no `supported_entity`"));
    }
    let text = json!({ "recognizers": recognizers }).to_string();
    let built = Builder::empty().presidio("ad_hoc_recognizers", &text).and_then(Builder::build);
    built.map(Some).map_err(|fault| {
        let lines: Vec<&str> = fault.lines.iter().map(|line| line.message.as_str()).collect();
        Fault::analyzer(lines.join("; "))
    })
}

/// A recognizer with a name of its own, without what is `null`.
fn named(one: &Value, number: usize) -> Option<Value> {
    let mut fields = one.as_object()?.clone();
    fields.retain(|_, value| !value.is_null());
    let name = match fields.get("name").and_then(Value::as_str) {
        Some(name) => format!("{name} ({})", number + 1),
        None => format!("PatternRecognizer ({})", number + 1),
    };
    fields.insert("name".to_owned(), json!(name));
    if !fields.contains_key("supported_entity")
        && let Some(first) = fields.get("supported_entities").and_then(|list| list.get(0)).cloned()
    {
        fields.insert("supported_entity".to_owned(), first);
    }
    Some(Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(body: Value) -> (u16, String) {
        let inspector = Inspector::new(Detectors::builtin());
        let fault = read(&body, &inspector).unwrap_err();
        (fault.status.as_u16(), fault.message)
    }

    #[test]
    fn faults_have_presidios_words_and_statuses() {
        for (body, status, said) in [
            (json!({"language": "en"}), 500, "No text provided"),
            (json!({"text": "", "language": "en"}), 500, "No text provided"),
            (json!({"text": "a"}), 500, "No language provided"),
            (json!({"text": "a", "language": ""}), 500, "No language provided"),
            (json!({"text": "a", "language": "xx"}), 500, NO_RECOGNIZERS),
            (json!({"text": "a", "language": "en", "entities": ["NOPE"]}), 500, NO_RECOGNIZERS),
            (json!({"text": 1, "language": "en"}), 400, "Failed to parse /analyze request"),
            (json!([]), 500, "the body must be an object"),
            (
                json!({"text": "a", "language": "en", "allow_list": ["a"], "allow_list_match": "x"}),
                500,
                "allow_list_match must either be set to 'exact' or 'regex'.",
            ),
            (
                json!({"text": "a", "language": "en", "allow_list": ["("], "allow_list_match": "regex"}),
                500,
                "pattern 1",
            ),
            (
                json!({"text": "a", "language": "en", "ad_hoc_recognizers": [
                    {"supported_entity": "X", "patterns": [{"name": "p", "regex": "(", "score": 1}]}
                ]}),
                500,
                "`p`",
            ),
        ] {
            let (got, message) = fault(body.clone());
            assert_eq!(got, status, "{body}: {message}");
            assert!(message.contains(said), "{body}: {message}");
        }
    }

    #[test]
    fn what_is_null_or_unknown_is_nothing() {
        let inspector = Inspector::new(Detectors::builtin());
        let body = json!({
            "text": "a", "language": "en", "entities": null, "score_threshold": null,
            "ad_hoc_recognizers": null, "allow_list": null, "return_decision_process": null,
            "correlation_id": "x", "whatever": 1, "context": null,
        });
        let request = read(&body, &inspector).unwrap();
        assert_eq!(request.options.threshold, Score::ZERO);
        assert!(!request.options.explain && request.options.entities.is_none());
    }
}
