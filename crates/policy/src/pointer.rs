//! Patterns over JSON Pointers (RFC 6901): which fields of a payload a rule is about.
//! Must not know payloads. Next: `decide/dlp`.

use std::fmt;

/// `/input/*/content/*/image_url`: a pointer in which `*` is any one step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FieldPattern {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Any,
    Exactly(String),
}

impl FieldPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            // The whole document (RFC 6901 §5): a body that is one file.
            return Ok(Self { text: String::new(), steps: Vec::new() });
        }
        let rest = text.strip_prefix('/').ok_or("it begins with `/` (RFC 6901)")?;
        let steps = rest.split('/').map(|step| match step {
            "*" => Ok(Step::Any),
            step => unescape(step).map(Step::Exactly),
        });
        Ok(Self { text: text.to_owned(), steps: steps.collect::<Result<_, _>>()? })
    }

    /// Whether it names that field. A pointer that is none names nothing.
    pub(crate) fn matches(&self, pointer: &str) -> bool {
        if pointer.is_empty() {
            return self.steps.is_empty();
        }
        let Some(rest) = pointer.strip_prefix('/') else { return false };
        let mut steps = self.steps.iter();
        let same = rest.split('/').all(|given| match steps.next() {
            Some(Step::Any) => true,
            Some(Step::Exactly(wanted)) => unescape(given).is_ok_and(|given| given == *wanted),
            None => false,
        });
        same && steps.next().is_none()
    }
}

/// `~1` is `/`, `~0` is `~`, and no other `~` stands in a pointer (RFC 6901 §4).
fn unescape(step: &str) -> Result<String, &'static str> {
    let mut out = String::with_capacity(step.len());
    let mut letters = step.chars();
    while let Some(letter) = letters.next() {
        match (letter, letter == '~') {
            (_, false) => out.push(letter),
            (_, true) => match letters.next() {
                Some('0') => out.push('~'),
                Some('1') => out.push('/'),
                Some(_) | None => return Err("`~` stands only in `~0` and `~1` (RFC 6901)"),
            },
        }
    }
    Ok(out)
}

impl fmt::Display for FieldPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_step_and_everything_else_itself() {
        let check =
            |pattern: &str, pointer: &str| FieldPattern::parse(pattern).unwrap().matches(pointer);
        for (pattern, pointer) in [
            ("/image", "/image"),
            ("/input/*/content/*/image_url", "/input/0/content/12/image_url"),
            ("/a~1b/m~0n", "/a~1b/m~0n"),
            ("/", "/"),
            ("/*", "/anything"),
            ("", ""),
        ] {
            assert!(check(pattern, pointer), "{pattern} {pointer}");
        }
        for (pattern, pointer) in [
            ("/image", "/image/url"),
            ("/image/url", "/image"),
            ("/image", "/Image"),
            ("/image", "image"),
            ("/image", ""),
            ("/*", "/a/b"),
            ("/a/*", "/a"),
            ("/**", "/a"),
            ("/a", "/~2"),
            ("/a*", "/ab"),
            ("", "/a"),
            ("", "/"),
            ("/", ""),
        ] {
            assert!(!check(pattern, pointer), "{pattern} {pointer}");
        }
    }

    #[test]
    fn what_is_no_pointer_is_no_pattern() {
        for bad in ["image", "*", "/a~", "/a~2"] {
            assert!(FieldPattern::parse(bad).is_err(), "{bad}");
        }
    }
}
