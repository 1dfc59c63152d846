//! Query strings: every name known, none twice. Must not know routes. Next: `span`.

use crate::problem::{Fault, Kind, Problem};
use percent_encoding::percent_decode_str;

/// A query string's pairs, decoded (WHATWG URL, `application/x-www-form-urlencoded`).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads `text`; only the names in `known` may stand in it, each once.
    pub(crate) fn parse(text: &str, known: &[&str]) -> Result<Self, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for part in text.split('&').filter(|p| !p.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            let place = format!("?{}", name.chars().take(64).collect::<String>());
            if !known.contains(&name.as_str()) {
                let detail = match known {
                    [] => "this path takes no query".to_owned(),
                    [..] => {
                        format!("there is no such parameter here; known: {}", known.join(", "))
                    }
                };
                return Err(Problem::invalid(vec![Fault::new(place, detail)]));
            }
            if pairs.iter().any(|(n, _)| *n == name) {
                return Err(Problem::field(&place, "the parameter stands twice"));
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// The value of a parameter, as text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The value of a parameter, as what `read` makes of it.
    pub(crate) fn typed<T, E: std::fmt::Display>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        self.text(name)
            .map(|text| read(text).map_err(|e| Problem::field(&format!("?{name}"), e.to_string())))
            .transpose()
    }
}

/// Decodes one component.
pub(crate) fn decode(text: &str) -> Result<String, Problem> {
    percent_decode_str(&text.replace('+', " "))
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Problem::new(Kind::Malformed, "the query is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_and_stand_once() {
        let query = Query::parse("a=1&b=x%20y+z", &["a", "b"]).unwrap();
        assert_eq!((query.text("a"), query.text("b")), (Some("1"), Some("x y z")));
        for bad in ["a=1&a=2", "c=1", "a=1&%61=2", "a=%ff"] {
            assert!(Query::parse(bad, &["a", "b"]).is_err(), "{bad}");
        }
        let fault = query.typed("a", |_| Err::<(), _>("no")).unwrap_err();
        assert_eq!(fault.to_json()["errors"][0]["pointer"], "?a");
    }
}
