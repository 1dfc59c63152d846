//! The text of documents, for fingerprints and for `backstop inspect`: office files, PDF, HTML,
//! JSON, plain text; and the rows of tables.
//!
//! ```text
//!  bytes ─ wire (Opener) ─▶ archive · tar · compound · office · pdf ─▶ pieces, for who judges them
//!  bytes ─ kind ─▶ plain │ markup (HTML) │ JSON │ office (archive ─▶ markup) │ pdf ─▶ text
//! ```
//! Alone brings the PDF library. What cannot be read is a fault, never an empty text. Knows no
//! files. Reading order: `bytes`, `markup`, `archive`, `office`, `pdf`, `rows`; `wire` for what is
//! told of documents that would leave.

mod archive;
mod bytes;
mod compound;
mod markup;
mod office;
mod pdf;
mod rows;
mod tar;
mod wire;

pub use wire::Opener;

pub use rows::{Rows, rows};

use serde_json::Value;
use std::borrow::Cow;
use thiserror::Error;

/// Why a document gives no text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExtractFault {
    /// Bytes of no known kind.
    #[error("it is of no kind whose text can be read")]
    Unknown,
    /// It is of a known kind, but cut short, damaged or encrypted.
    #[error("it cannot be read: {0}")]
    Broken(&'static str),
    /// It unfolds to more than allowed.
    #[error("it unfolds to more than {0} bytes")]
    TooLarge(usize),
    /// A column that a table does not have.
    #[error("the table has no column `{0}`")]
    NoColumn(String),
}

/// The text of a document, at most `most` bytes of it. `name` says what bytes of text are.
///
/// # Errors
/// As [`ExtractFault`] lists them.
pub fn text<'b>(name: &str, bytes: &'b [u8], most: usize) -> Result<Cow<'b, str>, ExtractFault> {
    if bytes.starts_with(b"%PDF-") {
        return pdf::text(bytes, most).map(Cow::Owned);
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return office::text(bytes, most).map(Cow::Owned);
    }
    if bytes.len() > most {
        return Err(ExtractFault::TooLarge(most));
    }
    let text = decoded(bytes)?;
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" | "xhtml" | "xml" | "svg" => Ok(Cow::Owned(markup::text(&text))),
        "json" | "geojson" | "ipynb" => match serde_json::from_str::<Value>(&text) {
            Ok(value) => {
                let mut out = String::new();
                strings(&value, &mut out);
                Ok(Cow::Owned(out))
            }
            Err(_) => Ok(text),
        },
        _ => Ok(text),
    }
}

/// UTF-8, or UTF-16 with a mark.
fn decoded(bytes: &[u8]) -> Result<Cow<'_, str>, ExtractFault> {
    let wide = |bytes: &[u8], join: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|pair| join(*pair)).collect();
        Cow::Owned(String::from_utf16_lossy(&units))
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => Ok(wide(rest, u16::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => Ok(wide(rest, u16::from_be_bytes)),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => {
            if rest.iter().take(8 << 10).any(|byte| *byte == 0) {
                return Err(ExtractFault::Unknown);
            }
            Ok(String::from_utf8_lossy(rest))
        }
    }
}

/// Every string and number of a value, a line each.
fn strings(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => {
            out.push_str(&number.to_string());
            out.push('\n');
        }
        Value::String(text) => {
            out.push_str(text);
            out.push('\n');
        }
        Value::Array(items) => items.iter().for_each(|item| strings(item, out)),
        Value::Object(map) => map.values().for_each(|item| strings(item, out)),
    }
}

#[cfg(test)]
mod tests;
