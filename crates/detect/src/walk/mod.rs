//! Structured text taken apart field by field, each with its RFC 6901 pointer: JSON, forms,
//! multipart, YAML, CSV, XML.
//!
//! A walker calls its visitor for every key and every value, in order, and makes no tree: a pointer
//! is built only when somebody asks for it. Must not know what is looked for.
//!
//! Reading order: `path`, `json`, `form`, `multipart`, `yaml`, `csv`, `xml`.

mod csv;
mod form;
mod json;
mod multipart;
mod path;
mod xml;
mod yaml;

pub(crate) use csv::csv;
pub(crate) use form::form;
pub(crate) use json::{json, ndjson, whole_digits};
pub(crate) use multipart::{multipart, parameter};
pub(crate) use path::{Path, Step};
pub(crate) use xml::xml;
pub(crate) use yaml::yaml;

use std::ops::ControlFlow;

/// One key or value.
#[derive(Clone, Copy)]
pub(crate) struct Field<'f> {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its text, with the format's own escapes undone.
    pub(crate) text: &'f str,
    /// Where it stands.
    pub(crate) path: &'f Path<'f>,
}

/// What a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The name of what follows it.
    Key,
    /// Text.
    Text,
    /// A number, as written.
    Number,
}

/// A part with a type of its own.
#[derive(Clone, Copy)]
pub(crate) struct Part<'f> {
    /// Its bytes, with the transfer encoding undone.
    pub(crate) bytes: &'f [u8],
    /// What its own `Content-Type` says.
    pub(crate) content_type: Option<&'f str>,
    /// Where it stands.
    pub(crate) path: &'f Path<'f>,
}

/// Who is told of fields.
pub(crate) trait Visitor {
    /// A key or a value. `Break` ends the walk.
    fn field(&mut self, field: Field<'_>) -> ControlFlow<()>;
    /// A part of a multipart body.
    fn part(&mut self, part: Part<'_>) -> ControlFlow<()>;
}

/// Why a walk did not reach the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The visitor had enough.
    Stopped,
    /// The syntax does not hold.
    Malformed(&'static str),
    /// Nested deeper than allowed.
    TooDeep,
}

/// What a walk answers.
pub(crate) type Walked = Result<(), Halt>;

/// Turns a visitor's answer into a walker's.
pub(crate) fn go(flow: ControlFlow<()>) -> Walked {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Halt::Stopped),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Writes down what it is told, a line each: pointer, kind, nearest key, text.
    #[derive(Default)]
    pub(crate) struct Scribe {
        pub(crate) lines: Vec<String>,
    }

    impl Visitor for Scribe {
        fn field(&mut self, field: Field<'_>) -> ControlFlow<()> {
            let sign = match field.kind {
                Kind::Key => "key",
                Kind::Text => "=",
                Kind::Number => "#",
            };
            self.lines.push(format!("{} {sign} {}", field.path.pointer(), field.text));
            ControlFlow::Continue(())
        }
        fn part(&mut self, part: Part<'_>) -> ControlFlow<()> {
            let text = String::from_utf8_lossy(part.bytes);
            let kind = part.content_type.unwrap_or("-");
            self.lines.push(format!("{} part {kind} {text}", part.path.pointer()));
            ControlFlow::Continue(())
        }
    }

    impl Scribe {
        pub(crate) fn text(&self) -> String {
            self.lines.join("\n")
        }
    }
}
