//! Strict JSON (RFC 8259, I-JSON's ban on duplicate names): one text has one reading.
//! Must not know routes. Next: `schema`.

use crate::problem::Fault;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// How deep objects and arrays may nest.
pub(crate) const DEPTH: usize = 32;

/// Reads one JSON text.
///
/// # Errors
/// The first fault: syntax, a name that stands twice in one object, nesting past [`DEPTH`].
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, Fault> {
    let mut place = Place::default();
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = Strict { place: &mut place, depth: 0 }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    match (place.fault, read) {
        (Some(fault), _) => Err(fault),
        (None, Ok(value)) => Ok(value),
        // INVARIANT: the message of a syntax error holds positions, not the text itself.
        (None, Err(error)) => Err(Fault::new(
            place.path,
            format!(
                "the body is not JSON: line {}, column {} ({})",
                error.line(),
                error.column(),
                category(&error)
            ),
        )),
    }
}

/// `pointer` and one more step, escaped as RFC 6901 §3 says.
pub(crate) fn step(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn category(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Io
        | serde_json::error::Category::Syntax
        | serde_json::error::Category::Data => "syntax",
    }
}

#[derive(Default)]
struct Place {
    path: String,
    fault: Option<Fault>,
}

impl Place {
    fn refuse<E: de::Error>(&mut self, detail: impl Into<String>) -> E {
        if self.fault.is_none() {
            self.fault = Some(Fault::new(self.path.clone(), detail));
        }
        E::custom("refused")
    }
}

struct Strict<'a> {
    place: &'a mut Place,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        match Number::from_f64(value) {
            Some(number) => Ok(Value::Number(number)),
            None => Err(self.place.refuse("the number is out of range")),
        }
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        if self.depth >= DEPTH {
            return Err(self.place.refuse(format!("it nests deeper than {DEPTH}")));
        }
        let here = self.place.path.clone();
        let mut out = Vec::new();
        loop {
            self.place.path = step(&here, &out.len().to_string());
            let next = Strict { place: &mut *self.place, depth: self.depth + 1 };
            match items.next_element_seed(next)? {
                Some(item) => out.push(item),
                None => break,
            }
        }
        self.place.path = here;
        Ok(Value::Array(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        if self.depth >= DEPTH {
            return Err(self.place.refuse(format!("it nests deeper than {DEPTH}")));
        }
        let here = self.place.path.clone();
        let mut out = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            self.place.path = step(&here, &name);
            if out.contains_key(&name) {
                return Err(self.place.refuse("the name stands twice in one object"));
            }
            let next = Strict { place: &mut *self.place, depth: self.depth + 1 };
            let value = entries.next_value_seed(next)?;
            out.insert(name, value);
            self.place.path.clone_from(&here);
        }
        Ok(Value::Object(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn plain_json_reads_as_usual() {
        let text = br#" {"a":[1,-2,3.5,true,null,"\u00e9"],"b":{}} "#;
        assert_eq!(parse(text), Ok(json!({"a":[1,-2,3.5,true,null,"é"],"b":{}})));
    }

    #[test]
    fn a_name_may_not_stand_twice_at_any_depth() {
        for (text, pointer) in [
            (r#"{"a":1,"a":2}"#, "/a"),
            (r#"{"a":1,"\u0061":2}"#, "/a"),
            (r#"{"x":[{},{"y":{"k":1,"k":1}}]}"#, "/x/1/y/k"),
            (r#"{"a/b":{"~":1,"~":2}}"#, "/a~1b/~0"),
        ] {
            let fault = parse(text.as_bytes()).unwrap_err();
            assert_eq!(fault.pointer, pointer, "{text}");
            assert_eq!(fault.detail, "the name stands twice in one object");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(deep(DEPTH).as_bytes()).is_ok());
        assert!(parse(deep(DEPTH + 1).as_bytes()).unwrap_err().detail.contains("nests deeper"));
        assert!(parse(deep(100_000).as_bytes()).is_err());
    }

    #[test]
    fn what_is_not_one_json_text_is_refused() {
        for text in
            ["", "{", "{}{}", "{\"a\":1,}", "nul", "'a'", "[1 2]", "\"\\ud800\"", "1e999", "{a:1}"]
        {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(b"\"\xff\"").is_err());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_again(value in any_json()) {
            prop_assert_eq!(parse(value.to_string().as_bytes()), Ok(value));
        }

        #[test]
        fn no_bytes_are_read_otherwise_than_by_serde_json(bytes in any::<Vec<u8>>()) {
            if let Ok(value) = parse(&bytes) {
                prop_assert_eq!(serde_json::from_slice::<Value>(&bytes).ok(), Some(value));
            }
        }
    }
}
