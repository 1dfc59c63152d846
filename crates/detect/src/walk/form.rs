//! Forms and query strings: `a=1&b=2`, percent-encoded, `+` for a space. Next: `multipart`.

use super::{Field, Kind, Path, Step, Visitor, Walked, go};
use crate::decode::escape::{Plus, percent};
use std::borrow::Cow;

/// Walks the pairs of a form. Nothing is malformed: what has no `=` is a value without a key.
pub(crate) fn form(text: &str, visitor: &mut impl Visitor) -> Walked {
    for (index, pair) in text.split('&').enumerate() {
        if pair.is_empty() {
            continue;
        }
        let mut path = Path::default();
        let Some((key, value)) = pair.split_once('=') else {
            path.push(Step::Index(index));
            tell(pair, &path, visitor)?;
            continue;
        };
        let key = plain(key, Plus::IsSpace);
        path.push(Step::Key(key.clone()));
        go(visitor.field(Field { kind: Kind::Key, text: &key, path: &path }))?;
        tell(value, &path, visitor)?;
    }
    Ok(())
}

/// A value as a form has it, and where that differs, with its `+` as they are (base64).
fn tell(value: &str, path: &Path<'_>, visitor: &mut impl Visitor) -> Walked {
    let text = plain(value, Plus::IsSpace);
    go(visitor.field(Field { kind: Kind::Text, text: &text, path }))?;
    if value.contains('+') {
        let text = plain(value, Plus::IsPlus);
        go(visitor.field(Field { kind: Kind::Text, text: &text, path }))?;
    }
    Ok(())
}

fn plain(text: &str, plus: Plus) -> Cow<'_, str> {
    percent(text, plus).map_or(Cow::Borrowed(text), |rewrite| Cow::Owned(rewrite.into_text()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::Scribe;
    use super::*;

    #[test]
    fn pairs_are_told_decoded() {
        let mut scribe = Scribe::default();
        assert_eq!(form("a%20b=1%2B+2&&x&n=%C3%A9", &mut scribe), Ok(()));
        assert_eq!(
            scribe.lines,
            ["/a b key a b", "/a b = 1+ 2", "/a b = 1++2", "/2 = x", "/n key n", "/n = é"]
        );
    }
}
