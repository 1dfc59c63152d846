//! What a content type, a content coding, or the bytes themselves say a payload is.
//! Next: `report`.

use super::payload::{Coding, Media};
use super::report::Unreadable;
use crate::decode::inflate::Codec;
use crate::walk::parameter;
use memchr::memchr2;

impl Media {
    /// What a content type says. Structured suffixes count (`application/problem+json`).
    pub fn of(content_type: Option<&str>) -> Self {
        let Some(content_type) = content_type.map(str::trim).filter(|text| !text.is_empty()) else {
            return Self::Sniff;
        };
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        if essence.starts_with("multipart/") {
            let boundary = parameter(content_type, "boundary").unwrap_or_default().to_owned();
            return Self::Multipart { boundary };
        }
        match essence.as_str() {
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines"
            | "application/json-lines" => Self::Ndjson,
            "application/x-www-form-urlencoded" => Self::Form,
            "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" => Self::Yaml,
            "application/xml" | "text/xml" | "text/html" => Self::Xml,
            "text/csv" | "application/csv" | "text/tab-separated-values" => Self::Csv,
            "application/json" | "text/json" => Self::Json,
            // Said by senders who do not know: looked at.
            "application/octet-stream" | "binary/octet-stream" => Self::Sniff,
            other if other.ends_with("+json") => Self::Json,
            other if other.ends_with("+xml") => Self::Xml,
            other if other.ends_with("+yaml") => Self::Yaml,
            other if other.starts_with("text/") => Self::Text,
            other
                if ["image/", "audio/", "video/", "font/"].iter().any(|t| other.starts_with(t)) =>
            {
                Self::Opaque
            }
            _ => Self::Sniff,
        }
    }
}

impl Coding {
    /// What a `Content-Encoding` says, in the order in which the codings were applied
    /// (RFC 9110 §8.4).
    ///
    /// # Errors
    /// Any coding that this crate cannot undo, and more than four of them.
    pub fn of(content_encoding: Option<&str>) -> Result<Self, Unreadable> {
        let mut stack = Vec::new();
        for name in content_encoding.unwrap_or_default().split(',').map(str::trim) {
            match name.to_ascii_lowercase().as_str() {
                "" | "identity" => {}
                "gzip" | "x-gzip" => stack.push(Codec::Gzip),
                "deflate" => stack.push(Codec::Zlib),
                "br" => stack.push(Codec::Brotli),
                "zstd" => stack.push(Codec::Zstd),
                _ => return Err(Unreadable::Coding),
            }
        }
        match stack.len() {
            0 => Ok(Self::Identity),
            1..=4 => Ok(Self::Stack(stack)),
            _ => Err(Unreadable::Coding),
        }
    }
}

/// What a text looks like that nobody said anything of.
pub(super) fn sniffed(text: &str) -> Media {
    let trimmed = text.trim();
    if json_like(trimmed) {
        return Media::Json;
    }
    match trimmed.as_bytes() {
        [b'{' | b'[', ..]
            if trimmed.lines().all(|line| json_like(line.trim()) || line.trim().is_empty()) =>
        {
            Media::Ndjson
        }
        [b'<', b, ..] if b.is_ascii_alphabetic() || matches!(b, b'?' | b'!') => Media::Xml,
        [b'-', b'-', ..] => {
            boundary(trimmed).map_or(Media::Text, |boundary| Media::Multipart { boundary })
        }
        _ if form_like(trimmed) => Media::Form,
        _ => Media::Text,
    }
}

/// Whether a text begins and ends as JSON does.
pub(super) fn json_like(trimmed: &str) -> bool {
    match trimmed.as_bytes() {
        [b'{', .., b'}'] | [b'[', .., b']'] => true,
        // A string within a string: only where there is something to undo.
        [b'"', inner @ .., b'"'] => inner.contains(&b'\\'),
        _ => false,
    }
}

/// Whether a text has the shape of a form with something to undo.
pub(super) fn form_like(text: &str) -> bool {
    // What is found fastest comes first.
    memchr2(b'%', b'+', text.as_bytes()).is_some()
        && text.contains('=')
        && text.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"{}\\^`|".contains(&b))
        && !text.starts_with('=')
        && text.split('&').all(|pair| {
            // Padding of base64 is no value.
            let named = |key: &str| key.len() <= 64 && !key.contains(['+', '/']);
            let given = |value: &str| !value.is_empty() && value != "=";
            pair.split_once('=').is_some_and(|(key, value)| named(key) && given(value))
        })
}

/// The boundary of a text that is a multipart body.
pub(super) fn boundary(text: &str) -> Option<String> {
    let line = text.strip_prefix("--")?.lines().next()?.trim_end();
    let fits = !line.is_empty() && line.len() <= 70 && !line.contains(' ');
    let ends = text.trim_end().strip_suffix("--")?.ends_with(line);
    (fits && ends && text.to_ascii_lowercase().contains("content-")).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_read() {
        for (said, media) in [
            (None, Media::Sniff),
            (Some("application/json; charset=utf-8"), Media::Json),
            (Some("Application/Problem+JSON"), Media::Json),
            (
                Some("multipart/form-data; boundary=\"x y\""),
                Media::Multipart { boundary: "x y".into() },
            ),
            (Some("text/plain"), Media::Text),
            (Some("image/png"), Media::Opaque),
            (Some("image/svg+xml"), Media::Xml),
            (Some("application/x-unheard-of"), Media::Sniff),
        ] {
            assert_eq!(Media::of(said), media, "{said:?}");
        }
    }

    #[test]
    fn codings_are_read_and_unknown_ones_refused() {
        assert_eq!(Coding::of(None), Ok(Coding::Identity));
        assert_eq!(
            Coding::of(Some("gzip, br")),
            Ok(Coding::Stack(vec![Codec::Gzip, Codec::Brotli]))
        );
        for said in ["compress", "gzip, x", "br,br,br,br,br"] {
            assert_eq!(Coding::of(Some(said)), Err(Unreadable::Coding), "{said}");
        }
    }

    #[test]
    fn texts_are_sniffed() {
        for (text, media) in [
            (" {\"a\":1} ", Media::Json),
            ("{\"a\":1}\n{\"a\":2}", Media::Json),
            ("<p>x</p>", Media::Xml),
            ("a=1%20&b=2", Media::Form),
            ("a = b", Media::Text),
            (
                "--x\r\nContent-Type: text/plain\r\n\r\nhi\r\n--x--",
                Media::Multipart { boundary: "x".into() },
            ),
            ("-- no", Media::Text),
        ] {
            assert_eq!(sniffed(text), media, "{text}");
        }
    }
}
