//! XML and HTML: text, attributes, comments, character data and declarations, each under the names
//! of its elements, and at the end all text without its tags, for a value may be broken up by them.
//!
//! Nothing is fetched: an external entity is malformed. Entities that the text declares itself are
//! put in once, not into one another, so nothing grows. HTML's open tags are forgiven.
//! Next: `inspect`.

use super::{Field, Halt, Kind, Path, Step, Visitor, Walked, go};
use crate::decode::escape::html;
use std::borrow::Cow;

/// LIMIT: the text that declared entities may put in, in bytes.
const MAX_ENTITIES: usize = 64 << 10;

/// Walks a document.
pub(crate) fn xml(text: &str, depth: usize, visitor: &mut impl Visitor) -> Walked {
    let mut walker = Walker {
        visitor,
        path: Path::default(),
        names: Vec::new(),
        entities: Vec::new(),
        put_in: 0,
        stripped: String::new(),
        pieces: 0,
    };
    walker.run(text, depth)?;
    if walker.pieces > 1 {
        let path = Path::default();
        let text = std::mem::take(&mut walker.stripped);
        go(walker.visitor.field(Field { kind: Kind::Text, text: &text, path: &path }))?;
    }
    Ok(())
}

struct Walker<'t, 'v, V> {
    visitor: &'v mut V,
    path: Path<'t>,
    names: Vec<&'t str>,
    entities: Vec<(&'t str, &'t str)>,
    put_in: usize,
    stripped: String,
    pieces: usize,
}

impl<'t, V: Visitor> Walker<'t, '_, V> {
    fn run(&mut self, text: &'t str, depth: usize) -> Walked {
        let mut rest = text;
        while !rest.is_empty() {
            let stop = rest.find('<').unwrap_or(rest.len());
            let (plain, markup) = rest.split_at_checked(stop).unwrap_or((rest, ""));
            self.text(plain)?;
            rest = self.markup(markup, depth)?;
        }
        Ok(())
    }

    /// One piece of markup; answers what follows it.
    fn markup(&mut self, text: &'t str, depth: usize) -> Result<&'t str, Halt> {
        for (start, end) in [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")] {
            if let Some(inner) = text.strip_prefix(start) {
                let (inner, after) =
                    inner.split_once(end).ok_or(Halt::Malformed("XML that does not close"))?;
                if start == "<![CDATA[" {
                    self.piece(inner)?;
                } else {
                    self.tell(inner)?;
                }
                return Ok(after);
            }
        }
        if let Some(inner) = text.strip_prefix("<!") {
            return self.declaration(inner);
        }
        match text.as_bytes() {
            [] => Ok(""),
            [b'<', b'/', ..] => {
                let (tag, after) =
                    text.split_once('>').ok_or(Halt::Malformed("XML that does not close"))?;
                self.close(tag.trim_start_matches("</").trim());
                Ok(after)
            }
            [b'<', b, ..] if b.is_ascii_alphabetic() || !b.is_ascii() || *b == b'_' => {
                self.open(text.get(1..).unwrap_or_default(), depth)
            }
            // A `<` that begins nothing is text.
            _ => {
                self.text("<")?;
                Ok(text.get(1..).unwrap_or_default())
            }
        }
    }

    /// `<!DOCTYPE …>`, with the entities it declares.
    fn declaration(&mut self, text: &'t str) -> Result<&'t str, Halt> {
        let (mut depth, mut quote, mut end) = (0_usize, None, None);
        for (at, b) in text.bytes().enumerate() {
            match (quote, b) {
                (Some(open), _) if b == open => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(b),
                (None, b'[') => depth += 1,
                (None, b']') => depth = depth.saturating_sub(1),
                (None, b'>') if depth == 0 => {
                    end = Some(at);
                    break;
                }
                (None, _) => {}
            }
        }
        let end = end.ok_or(Halt::Malformed("XML that does not close"))?;
        let inner = text.get(..end).unwrap_or_default();
        self.tell(inner)?;
        for entity in inner.split("<!ENTITY").skip(1) {
            let entity = entity.trim_start();
            let name = entity.split_ascii_whitespace().next().unwrap_or_default();
            let value = entity.get(name.len()..).unwrap_or_default().trim_start();
            let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
                return Err(Halt::Malformed("an external or parameter entity"));
            };
            let inner = value.get(1..).and_then(|value| value.split_once(quote));
            if let Some((value, _)) = inner {
                self.entities.push((name, value));
            }
        }
        Ok(text.get(end + 1..).unwrap_or_default())
    }

    /// An opening tag, its attributes told.
    fn open(&mut self, text: &'t str, depth: usize) -> Result<&'t str, Halt> {
        if self.names.len() >= depth {
            return Err(Halt::TooDeep);
        }
        let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/');
        let name = text.get(..text.find(ends).unwrap_or(text.len())).unwrap_or_default();
        self.names.push(name);
        self.path.push(Step::Key(Cow::Borrowed(name)));
        let mut rest = text.get(name.len()..).unwrap_or_default();
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix("/>") {
                self.close(name);
                return Ok(after);
            }
            if let Some(after) = rest.strip_prefix('>') {
                if VOID.iter().any(|void| name.eq_ignore_ascii_case(void)) {
                    self.close(name);
                }
                return Ok(after);
            }
            if rest.is_empty() {
                return Err(Halt::Malformed("XML that does not close"));
            }
            rest = self.attribute(rest)?;
        }
    }

    fn attribute(&mut self, text: &'t str) -> Result<&'t str, Halt> {
        let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/');
        let stop = text.find(ends).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(stop).unwrap_or((text, ""));
        let value = rest.trim_start();
        let Some(value) = value.strip_prefix('=') else {
            // A stray character, or an attribute without a value.
            self.tell(name)?;
            let skip = usize::from(name.is_empty());
            return Ok(rest.get(skip..).unwrap_or_default());
        };
        let value = value.trim_start();
        let (value, after) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value
                .get(1..)
                .and_then(|value| value.split_once(quote))
                .ok_or(Halt::Malformed("XML that does not close"))?,
            Some(_) | None => {
                let ends = |c: char| c.is_ascii_whitespace() || c == '>';
                let stop = value.find(ends).unwrap_or(value.len());
                value.split_at_checked(stop).unwrap_or((value, ""))
            }
        };
        self.path.push(Step::Key(Cow::Borrowed(name)));
        let plain = self.plain(value);
        self.tell(&plain)?;
        self.path.pop();
        Ok(after)
    }

    fn close(&mut self, name: &str) {
        // Up to the element of this name; a stray end closes nothing.
        if let Some(at) = self.names.iter().rposition(|open| open.eq_ignore_ascii_case(name)) {
            while self.names.len() > at {
                self.names.pop();
                self.path.pop();
            }
        }
    }

    fn text(&mut self, text: &str) -> Walked {
        if text.trim().is_empty() {
            self.stripped.push_str(text);
            return Ok(());
        }
        let plain = self.plain(text);
        self.piece(&plain)
    }

    fn piece(&mut self, text: &str) -> Walked {
        self.stripped.push_str(text);
        self.pieces += 1;
        self.tell(text)
    }

    fn tell(&mut self, text: &str) -> Walked {
        if text.trim().is_empty() {
            return Ok(());
        }
        go(self.visitor.field(Field { kind: Kind::Text, text, path: &self.path }))
    }

    /// Text with its references undone, those of declared entities included.
    fn plain<'s>(&mut self, text: &'s str) -> Cow<'s, str> {
        let mut text = Cow::Borrowed(text);
        if text.contains('&') {
            for (name, value) in &self.entities {
                let reference = format!("&{name};");
                let times = text.matches(&reference).count();
                self.put_in = self.put_in.saturating_add(times.saturating_mul(value.len()));
                if times > 0 && self.put_in <= MAX_ENTITIES {
                    text = Cow::Owned(text.replace(&reference, value));
                }
            }
        }
        match html(&text) {
            Some(rewrite) => Cow::Owned(rewrite.into_text()),
            None => text,
        }
    }
}

/// HTML elements that have no end.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];

#[cfg(test)]
mod tests {
    use super::super::tests::Scribe;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let mut scribe = Scribe::default();
        assert_eq!(xml(text, 16, &mut scribe), Ok(()));
        assert_eq!(scribe.lines, expected);
    }

    #[test]
    fn everything_is_told_under_its_elements() {
        check(
            "<?xml version='1.0'?><a id=\"1&#50;\"><!-- c --><b>x &lt; y</b><![CDATA[<z>]]></a>",
            &[
                " = xml version='1.0'",
                "/a/id = 12",
                "/a =  c ",
                "/a/b = x < y",
                "/a = <z>",
                " = x < y<z>",
            ],
        );
    }

    #[test]
    fn html_is_forgiven() {
        check(
            "<p>a<br>b <b>1<i>2</p>5 < 6",
            &[
                "/p = a",
                "/p = b ",
                "/p/b = 1",
                "/p/b/i = 2",
                " = 5 ",
                " = <",
                " =  6",
                " = ab 125 < 6",
            ],
        );
    }

    #[test]
    fn declared_entities_are_put_in_and_bounded() {
        check(
            "<!DOCTYPE a [<!ENTITY k \"AKIA\"><!ENTITY l \"XX\">]><a>&k;&l;</a>",
            &[" = DOCTYPE a [<!ENTITY k \"AKIA\"><!ENTITY l \"XX\">]", "/a = AKIAXX"],
        );
        let bomb = format!(
            "<!DOCTYPE a [<!ENTITY k \"{}\">]><a>{}</a>",
            "x".repeat(10_000),
            "&k;".repeat(10_000)
        );
        let mut scribe = Scribe::default();
        assert_eq!(xml(&bomb, 16, &mut scribe), Ok(()));
        assert!(scribe.text().len() < 200_000);
        let outside = "<!DOCTYPE a [<!ENTITY k SYSTEM \"file:///etc/passwd\">]><a>&k;</a>";
        assert!(xml(outside, 16, &mut Scribe::default()).is_err());
    }

    #[test]
    fn depth_is_bounded_and_open_markup_malformed() {
        assert_eq!(xml(&"<a>".repeat(17), 16, &mut Scribe::default()), Err(Halt::TooDeep));
        for text in ["<a", "<a b='", "<!-- x", "</a", "<!DOCTYPE"] {
            assert!(
                matches!(xml(text, 16, &mut Scribe::default()), Err(Halt::Malformed(_))),
                "{text}"
            );
        }
    }
}
