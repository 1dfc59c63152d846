//! Multipart bodies (RFC 2046 §5.1, RFC 7578): each part by its own type and transfer encoding,
//! with whatever stands before, between and after. Next: `yaml`.

use super::{Field, Halt, Kind, Part, Path, Step, Visitor, Walked, go};
use crate::decode::base64;
use crate::decode::escape::quoted_printable;
use memchr::memmem;
use std::borrow::Cow;

/// LIMIT: parts of one body.
const MAX_PARTS: usize = 1024;

/// Walks the parts of a body.
pub(crate) fn multipart(body: &[u8], boundary: &str, visitor: &mut impl Visitor) -> Walked {
    if boundary.is_empty() || boundary.len() > 200 {
        return Err(Halt::Malformed("a multipart body without a boundary"));
    }
    let mut rest = body;
    let mut index = 0;
    let (before, mut found) = cut(rest, boundary);
    aside(before, "preamble", visitor)?;
    while let Some(after) = found {
        // `--boundary--` ends the body.
        if let [b'-', b'-', epilogue @ ..] = after {
            return aside(epilogue, "epilogue", visitor);
        }
        if index >= MAX_PARTS {
            return Err(Halt::Malformed("a multipart body of too many parts"));
        }
        rest = after;
        let (part, next) = cut(rest, boundary);
        one(part, index, visitor)?;
        found = next;
        index += 1;
    }
    Err(Halt::Malformed("a multipart body that does not end"))
}

/// What stands before the next boundary line, and what after it.
fn cut<'b>(body: &'b [u8], boundary: &str) -> (&'b [u8], Option<&'b [u8]>) {
    for at in memmem::find_iter(body, boundary.as_bytes()) {
        let Some((before, after)) = body.split_at_checked(at) else { continue };
        let (Some(before), Some(after)) = (before.strip_suffix(b"--"), after.get(boundary.len()..))
        else {
            continue;
        };
        // A boundary begins a line.
        if before.is_empty() || before.ends_with(b"\n") {
            let before = before.strip_suffix(b"\n").unwrap_or(before);
            return (before.strip_suffix(b"\r").unwrap_or(before), Some(after));
        }
    }
    (body, None)
}

fn aside(bytes: &[u8], name: &'static str, visitor: &mut impl Visitor) -> Walked {
    if bytes.trim_ascii().is_empty() {
        return Ok(());
    }
    let mut path = Path::default();
    path.push(Step::Key(Cow::Borrowed(name)));
    go(visitor.part(Part { bytes, content_type: None, path: &path }))
}

fn one(part: &[u8], index: usize, visitor: &mut impl Visitor) -> Walked {
    // The rest of the boundary line.
    let line = part.iter().position(|b| *b == b'\n').map_or(part.len(), |at| at + 1);
    let part = part.get(line..).unwrap_or_default();
    let (head, body) = head(part);
    let head = String::from_utf8_lossy(head);
    let head = head.replace("\r\n ", " ").replace("\n ", " ").replace("\n\t", " ");
    let header = |wanted: &str| {
        head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    };
    let disposition = header("content-disposition").unwrap_or_default();
    let name = parameter(disposition, "name");
    let mut path = Path::default();
    path.push(name.map_or(Step::Index(index), |name| Step::Key(Cow::Borrowed(name))));
    // Every header may carry something: names, file names, the unknown ones.
    let mut at_head = path.clone();
    at_head.push(Step::Key(Cow::Borrowed("header")));
    go(visitor.field(Field { kind: Kind::Text, text: &head, path: &at_head }))?;
    let encoding = header("content-transfer-encoding").unwrap_or_default();
    let bytes = transferred(encoding, body)?;
    go(visitor.part(Part { bytes: &bytes, content_type: header("content-type"), path: &path }))
}

/// Undoes a transfer encoding (RFC 2045 §6).
fn transferred<'b>(encoding: &str, body: &'b [u8]) -> Result<Cow<'b, [u8]>, Halt> {
    match encoding.to_ascii_lowercase().as_str() {
        "base64" => base64::decode(body)
            .map(Cow::Owned)
            .ok_or(Halt::Malformed("a part that is not the base64 it claims to be")),
        "quoted-printable" => Ok(match std::str::from_utf8(body).ok().and_then(quoted_printable) {
            Some(rewrite) => Cow::Owned(rewrite.into_text().into_bytes()),
            None => Cow::Borrowed(body),
        }),
        "" | "7bit" | "8bit" | "binary" => Ok(Cow::Borrowed(body)),
        _ => Err(Halt::Malformed("an unknown content-transfer-encoding")),
    }
}

/// Headers and body of a part.
fn head(part: &[u8]) -> (&[u8], &[u8]) {
    for blank in [b"\r\n".as_slice(), b"\n"] {
        if let Some(body) = part.strip_prefix(blank) {
            return (&[], body);
        }
    }
    let ends = [b"\r\n\r\n".as_slice(), b"\n\n"];
    let end = ends
        .iter()
        .filter_map(|blank| Some((memmem::find(part, blank)?, blank.len())))
        .min_by_key(|(at, _)| *at);
    let Some((at, length)) = end else { return (part, &[]) };
    (part.get(..at).unwrap_or_default(), part.get(at + length..).unwrap_or_default())
}

/// A parameter of a header (`name="x"`).
pub(crate) fn parameter<'h>(header: &'h str, wanted: &str) -> Option<&'h str> {
    let mut rest = header.split_once(';')?.1;
    loop {
        let (name, value) = rest.split_once('=')?;
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => value.split_once(';').unwrap_or((value, "")),
        };
        if name.trim_matches([' ', ';', '\t']).eq_ignore_ascii_case(wanted) {
            return Some(value.trim());
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Scribe;
    use super::*;

    #[test]
    fn parts_are_told_with_their_types() {
        let body = b"hello\r\n--B\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nmy text\r\n\
            --B\r\nContent-Disposition: form-data; filename=x.json; name=file\r\n\
            Content-Type: application/json\r\nContent-Transfer-Encoding: base64\r\n\r\neyJhIjox\r\nfQ==\r\n\
            --B--\r\nbye";
        let mut scribe = Scribe::default();
        assert_eq!(multipart(body, "B", &mut scribe), Ok(()));
        let parts: Vec<&str> = scribe
            .lines
            .iter()
            .map(String::as_str)
            .filter(|line| line.contains(" part "))
            .collect();
        assert_eq!(
            parts,
            [
                "/preamble part - hello",
                "/note part - my text",
                "/file part application/json {\"a\":1}",
                "/epilogue part - \r\nbye"
            ]
        );
    }

    #[test]
    fn framing_that_does_not_hold_is_malformed() {
        for body in ["", "--B\r\n\r\nx", "--C\r\n\r\nx\r\n--C--"] {
            let walked = multipart(body.as_bytes(), "B", &mut Scribe::default());
            assert!(matches!(walked, Err(Halt::Malformed(_))), "{body}");
        }
        let body = b"--B\nContent-Transfer-Encoding: base64\n\n!!\n--B--";
        assert!(multipart(body, "B", &mut Scribe::default()).is_err());
    }

    #[test]
    fn parameters_are_read() {
        assert_eq!(parameter("multipart/mixed; boundary=\"a b\"; x=1", "boundary"), Some("a b"));
        assert_eq!(parameter("form-data; filename=\"n;ame=x\"; name=y", "name"), Some("y"));
        assert_eq!(parameter("text/plain", "charset"), None);
    }
}
