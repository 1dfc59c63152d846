//! Path patterns, and how a request's path is held to them.
//!
//! A pattern is a list of segments: literal text, `*` (exactly one segment that is not empty) and,
//! at the end only, `/**` (everything below: `/a/**` matches `/a/` and `/a/b/c`, not `/a`).
//! A path is split at `/` first and each segment is then percent-decoded exactly once (RFC 3986
//! §2.4). A path that two parsers could read differently matches no pattern at all, `/**`
//! included: dot segments, empty segments inside, `;` parameters, encoded slashes, back-slashes,
//! control characters, malformed or double encoding, bytes that are not UTF-8.
//! Must not know hosts. Next: `document`.

use backstop_model::destination::path_ambiguity;
use std::fmt;

/// One path pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PathPattern {
    text: String,
    segments: Vec<Segment>,
    /// Whether it ends in `/**`.
    open: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Segment {
    Exactly(String),
    Any,
}

impl PathPattern {
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains(['?', '#']) {
            return Err("a pattern names a path alone, without query and fragment");
        }
        let (body, open) = match text.strip_suffix("/**") {
            Some(body) => (body, true),
            None => (text, false),
        };
        if body.contains("**") {
            return Err("`**` stands only at the end, as `/**`");
        }
        let segments = if open && body.is_empty() { Some(Vec::new()) } else { split(body) };
        let segments = segments
            .ok_or("it must start with `/` and hold no `//`, `..`, `;`, `\\` or odd encoding")?;
        let segments = segments
            .into_iter()
            .map(|segment| match segment.as_str() {
                "*" => Ok(Segment::Any),
                other if other.contains('*') => Err("`*` stands for one whole segment"),
                _ => Ok(Segment::Exactly(segment)),
            })
            .collect::<Result<Vec<_>, _>>()?;
        if open && segments.last() == Some(&Segment::Exactly(String::new())) {
            return Err("it holds `//`");
        }
        Ok(Self { text: text.to_owned(), segments, open })
    }

    /// Whether a path, as it was sent, is one that this pattern means.
    pub(crate) fn matches(&self, path: &str) -> bool {
        path_ambiguity(path).is_none()
            && split(path).is_some_and(|segments| self.matches_segments(&segments))
    }

    fn matches_segments(&self, path: &[String]) -> bool {
        let long_enough = if self.open {
            path.len() > self.segments.len()
        } else {
            path.len() == self.segments.len()
        };
        long_enough
            && self.segments.iter().zip(path).all(|(pattern, segment)| match pattern {
                Segment::Exactly(text) => text == segment,
                Segment::Any => !segment.is_empty(),
            })
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The decoded segments of a path; `None` if it could be read in more than one way.
/// Only the last segment may be empty (a trailing slash).
fn split(path: &str) -> Option<Vec<String>> {
    let rest = path.strip_prefix('/')?;
    let segments = rest.split('/').map(decode).collect::<Option<Vec<_>>>()?;
    let inner = segments.len().saturating_sub(1);
    segments.iter().take(inner).all(|s| !s.is_empty()).then_some(segments)
}

fn decode(segment: &str) -> Option<String> {
    let mut out = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    let text = String::from_utf8(out).ok()?;
    let odd = |c: char| c.is_control() || matches!(c, '/' | '\\' | ';' | '%' | '?' | '#');
    (text != "." && text != ".." && !text.contains(odd)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, passes: &[&str], stays: &[&str]) {
        let parsed = PathPattern::parse(pattern).unwrap();
        for path in passes {
            assert!(parsed.matches(path), "`{pattern}` should match `{path}`");
        }
        for path in stays {
            assert!(!parsed.matches(path), "`{pattern}` should not match `{path}`");
        }
    }

    #[test]
    fn a_star_is_one_segment() {
        check(
            "/points/*",
            &["/points/39.7,-97.0", "/points/%41", "/points/a%20b"],
            &["/points", "/points/", "/points/a/b", "/Points/a", "/points/a/", "points/a", "", "*"],
        );
    }

    #[test]
    fn two_stars_are_everything_below() {
        check("/a/**", &["/a/", "/a/b", "/a/b/c", "/a/b/"], &["/a", "/ab", "/b/a/c", "/"]);
        check("/**", &["/", "/x", "/x/y"], &["", "x", "/x//y"]);
        check("/a/*/c/**", &["/a/b/c/d"], &["/a/b/c", "/a//c/d"]);
    }

    #[test]
    fn what_two_parsers_read_differently_slips_past_nothing() {
        let tricks = [
            "/public/../admin",
            "/public/%2e%2e/admin",
            "/public/.%2E/admin",
            "/public/./x",
            "/public//admin",
            "//admin",
            "/public/a%2fb",
            "/public/a%2Fb",
            "/public/a%5cb",
            "/public/..\\admin",
            "/public/a;/../../admin",
            "/public/a;v=1",
            "/public/a%3bv",
            "/public/%252e%252e/admin",
            "/public/%25",
            "/public/a%00",
            "/public/a%0d%0aX",
            "/public/%",
            "/public/%2",
            "/public/%zz",
            "/public/%c0%ae",
            "/public/a%3fq",
            "/public/a%23f",
            "/public/a?x",
            "/public/a#x",
            "/public/\t",
            "/public/%ff",
        ];
        check("/public/**", &["/public/a"], &tricks);
        check("/**", &["/public/a"], &tricks);
        check("/public/*", &["/public/a"], &tricks);
    }

    #[test]
    fn a_pattern_that_cannot_mean_anything_is_refused() {
        for bad in [
            "", "a", "/a*", "/a/**/b", "/**/b", "/a//b", "/a/../b", "/a;b", "/a?b", "/a#b", "/%2f",
            "/a//**", "**", "*",
        ] {
            assert!(PathPattern::parse(bad).is_err(), "{bad}");
        }
        assert!(PathPattern::parse("/").unwrap().matches("/"));
    }
}
