//! Shapes of JSON: the one description from which bodies are checked and OpenAPI is written,
//! so that the two cannot part. Must not know routes. Next: `shapes`.

use crate::json::step;
use crate::problem::Fault;
use serde_json::{Map, Value, json};

/// A shape of one JSON value.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// Text of so many characters.
    Text { min: usize, max: usize },
    /// Text of a form that a typed parser reads; `pattern` says the same for machines (ECMA-262).
    Form(&'static Form),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number.
    Count { min: u64, max: u64 },
    /// A list of at most so many.
    List { of: &'static Self, max: usize },
    /// `true` or `false`.
    Flag,
    /// An object with fields of its own.
    Record(&'static Record),
    /// An object whose fields another document lists.
    Open,
    /// Whatever the field's description says.
    Any,
}

/// A text with a grammar.
pub(crate) struct Form {
    /// What it is, for the description.
    pub(crate) about: &'static str,
    /// The grammar as an ECMA-262 regular expression; may be looser than `check`.
    pub(crate) pattern: &'static str,
    /// One that is right.
    pub(crate) example: &'static str,
    /// Reads it; the error is a sentence.
    pub(crate) check: fn(&str) -> Result<(), String>,
}

/// An object.
pub(crate) struct Record {
    /// Its name among the description's components.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) about: &'static str,
    /// Its fields; no others are taken.
    pub(crate) fields: &'static [Field],
}

/// One field of an object.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) shape: Shape,
    pub(crate) need: Need,
}

/// Whether a field must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Always,
    Maybe,
}

/// A field that must be there.
pub(crate) const fn must(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, about, shape, need: Need::Always }
}

/// A field that may be left out (never `null`).
pub(crate) const fn may(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field { name, about, shape, need: Need::Maybe }
}

impl Shape {
    /// All faults of `value`, at most [`FAULTS`].
    pub(crate) fn faults(&self, value: &Value) -> Vec<Fault> {
        let mut out = Vec::new();
        self.check(value, "", &mut out);
        out.truncate(FAULTS);
        out
    }

    fn check(&self, value: &Value, pointer: &str, out: &mut Vec<Fault>) {
        if out.len() >= FAULTS {
            return;
        }
        match (self, value) {
            (Self::Text { min, max }, Value::String(text)) => {
                let length = text.chars().count();
                if length < *min || length > *max {
                    out.push(Fault::new(pointer, format!("use {min} to {max} characters")));
                }
            }
            (Self::Form(form), Value::String(text)) => {
                if let Err(detail) = (form.check)(text) {
                    out.push(Fault::new(pointer, detail));
                }
            }
            (Self::Word(words), Value::String(text)) => {
                if !words.contains(&text.as_str()) {
                    out.push(Fault::new(pointer, format!("use one of: {}", words.join(", "))));
                }
            }
            (Self::Count { min, max }, Value::Number(number)) => match number.as_u64() {
                Some(count) if (*min..=*max).contains(&count) => {}
                Some(_) | None => {
                    out.push(Fault::new(
                        pointer,
                        format!("use a whole number from {min} to {max}"),
                    ));
                }
            },
            (Self::List { of, max }, Value::Array(items)) => {
                if items.len() > *max {
                    out.push(Fault::new(pointer, format!("at most {max} items are taken")));
                    return;
                }
                for (index, item) in items.iter().enumerate() {
                    of.check(item, &step(pointer, &index.to_string()), out);
                }
            }
            (Self::Record(record), Value::Object(fields)) => {
                record.check(fields, pointer, out);
            }
            (Self::Flag, Value::Bool(_)) | (Self::Open, Value::Object(_)) | (Self::Any, _) => {}
            (
                Self::Text { .. }
                | Self::Form(_)
                | Self::Word(_)
                | Self::Count { .. }
                | Self::List { .. }
                | Self::Flag
                | Self::Record(_)
                | Self::Open,
                _,
            ) => out.push(Fault::new(pointer, format!("it must be {}", self.noun()))),
        }
    }

    const fn noun(&self) -> &'static str {
        match self {
            Self::Text { .. } | Self::Form(_) | Self::Word(_) => "a string",
            Self::Count { .. } => "a whole number",
            Self::List { .. } => "an array",
            Self::Flag => "true or false",
            Self::Record(_) | Self::Open => "an object",
            Self::Any => "a value",
        }
    }

    /// As JSON Schema 2020-12; records become references into the components.
    pub(crate) fn to_schema(self) -> Value {
        match self {
            Self::Text { min, max } => {
                json!({ "type": "string", "minLength": min, "maxLength": max })
            }
            Self::Form(form) => json!({
                "type": "string",
                "description": form.about,
                "pattern": form.pattern,
                "examples": [form.example],
            }),
            Self::Word(words) => json!({ "type": "string", "enum": words }),
            Self::Count { min, max } => {
                json!({ "type": "integer", "minimum": min, "maximum": max })
            }
            Self::List { of, max } => {
                json!({ "type": "array", "items": of.to_schema(), "maxItems": max })
            }
            Self::Flag => json!({ "type": "boolean" }),
            Self::Open => json!({ "type": "object" }),
            Self::Any => json!({}),
            Self::Record(record) => {
                json!({ "$ref": format!("#/components/schemas/{}", record.name) })
            }
        }
    }

    /// Adds every record that this shape leads to.
    pub(crate) fn collect(&self, out: &mut Map<String, Value>) {
        match self {
            Self::List { of, .. } => of.collect(out),
            Self::Record(record) => record.collect(out),
            Self::Text { .. }
            | Self::Form(_)
            | Self::Word(_)
            | Self::Count { .. }
            | Self::Flag
            | Self::Open
            | Self::Any => {}
        }
    }
}

impl Record {
    fn check(&self, given: &Map<String, Value>, pointer: &str, out: &mut Vec<Fault>) {
        for field in self.fields {
            match given.get(field.name) {
                Some(value) => field.shape.check(value, &step(pointer, field.name), out),
                None if field.need == Need::Always => {
                    out.push(Fault::new(step(pointer, field.name), "it is missing"));
                }
                None => {}
            }
        }
        for name in given.keys() {
            if !self.fields.iter().any(|f| f.name == name) {
                let known: Vec<&str> = self.fields.iter().map(|f| f.name).collect();
                let place = step(pointer, &name.chars().take(64).collect::<String>());
                out.push(Fault::new(
                    place,
                    format!("there is no such field here; known: {}", known.join(", ")),
                ));
            }
        }
    }

    fn collect(&self, out: &mut Map<String, Value>) {
        if out.contains_key(self.name) {
            return;
        }
        out.insert(self.name.to_owned(), self.to_schema());
        for field in self.fields {
            field.shape.collect(out);
        }
    }

    fn to_schema(&self) -> Value {
        let mut properties = Map::new();
        for field in self.fields {
            let mut schema = field.shape.to_schema();
            if let Some(map) = schema.as_object_mut() {
                map.insert("description".to_owned(), json!(field.about));
            }
            properties.insert(field.name.to_owned(), schema);
        }
        let required: Vec<&str> =
            self.fields.iter().filter(|f| f.need == Need::Always).map(|f| f.name).collect();
        json!({
            "type": "object",
            "description": self.about,
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }
}

/// The most faults that one answer lists.
const FAULTS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    static INNER: Record = Record {
        name: "Inner",
        about: "An inner record.",
        fields: &[must("word", Shape::Word(&["yes", "no"]), "A word.")],
    };
    static OUTER: Record = Record {
        name: "Outer",
        about: "An outer record.",
        fields: &[
            must("text", Shape::Text { min: 1, max: 3 }, "Text."),
            may("list", Shape::List { of: &Shape::Record(&INNER), max: 2 }, "A list."),
            may("count", Shape::Count { min: 1, max: 9 }, "A count."),
        ],
    };

    fn faults(value: Value) -> Vec<(String, String)> {
        Shape::Record(&OUTER).faults(&value).into_iter().map(|f| (f.pointer, f.detail)).collect()
    }

    #[test]
    fn every_fault_is_found_and_placed() {
        assert_eq!(faults(json!({"text": "abc", "list": [{"word": "no"}], "count": 9})), vec![]);
        let found = faults(json!({
            "text": "abcd", "list": [{"word": "x"}, {}], "count": 1.5, "extra": 1
        }));
        let places: Vec<&str> = found.iter().map(|(p, _)| p.as_str()).collect();
        assert_eq!(places, ["/text", "/list/0/word", "/list/1/word", "/count", "/extra"]);
        assert_eq!(faults(json!([]))[0].1, "it must be an object");
        assert_eq!(faults(json!({"text": null}))[0].1, "it must be a string");
    }

    #[test]
    fn records_are_collected_once_with_what_they_need() {
        let mut out = Map::new();
        Shape::Record(&OUTER).collect(&mut out);
        assert_eq!(out.keys().collect::<Vec<_>>(), ["Inner", "Outer"]);
        assert_eq!(out["Outer"]["required"], json!(["text"]));
        assert_eq!(out["Outer"]["additionalProperties"], json!(false));
    }
}
