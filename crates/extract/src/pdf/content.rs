//! The strings that a page shows, straight from its content: what no font maps is read as Latin-1.
//! Next: `rows`.

/// Adds the strings of a content stream in the order in which they stand; nothing, if it is none.
pub(super) fn text(content: &[u8], out: &mut String) {
    let shows = [b"Tj".as_slice(), b"TJ", b"BT"];
    if !shows.iter().any(|operator| memchr::memmem::find(content, operator).is_some()) {
        // Streams of objects, forms, metadata: text of another kind.
        if reads(content) {
            out.push_str(&String::from_utf8_lossy(content));
            out.push('\n');
        }
        return;
    }
    let mut rest = content;
    while let [first, more @ ..] = rest {
        rest = match first {
            b'(' => literal(more, out),
            b'<' if more.first() != Some(&b'<') => hex(more, out),
            b'%' => line(more, out),
            // Far to the left between two strings of a line: a space.
            b'-' => kern(more, out),
            b'T' if matches!(more.first(), Some(b'd' | b'D' | b'*' | b'm')) => {
                part(out);
                more
            }
            b'\'' | b'"' => {
                part(out);
                more
            }
            b'E' if more.starts_with(b"T") => {
                part(out);
                more
            }
            _ => more,
        };
    }
    part(out);
}

fn part(out: &mut String) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
}

/// A comment is shown by nobody and leaves all the same.
fn line<'c>(content: &'c [u8], out: &mut String) -> &'c [u8] {
    let end = content.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(content.len());
    let (comment, rest) = content.split_at(end);
    part(out);
    out.push_str(&String::from_utf8_lossy(comment));
    out.push('\n');
    rest
}

/// `(…)` with its escapes and inner parentheses (ISO 32000-1 §7.3.4.2).
fn literal<'c>(content: &'c [u8], out: &mut String) -> &'c [u8] {
    let (mut deep, mut rest) = (1_usize, content);
    while let [first, more @ ..] = rest {
        rest = more;
        match first {
            b'\\' => rest = escaped(more, out),
            b'(' => {
                deep += 1;
                out.push('(');
            }
            b')' => {
                deep -= 1;
                if deep == 0 {
                    break;
                }
                out.push(')');
            }
            // Two bytes a character, the first of them zero.
            0 => {}
            byte => out.push(char::from(*byte)),
        }
    }
    rest
}

fn escaped<'c>(content: &'c [u8], out: &mut String) -> &'c [u8] {
    match content {
        [b'\r', b'\n', rest @ ..] | [b'\r' | b'\n', rest @ ..] => rest,
        [b'n' | b'r' | b't' | b'b' | b'f', rest @ ..] => {
            out.push(' ');
            rest
        }
        [b'0'..=b'7', ..] => {
            let count = content.iter().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
            let (digits, rest) = content.split_at(count);
            let code = digits.iter().fold(0_u32, |sum, b| sum * 8 + u32::from(b - b'0')) & 0xff;
            if code != 0 {
                out.extend(char::from_u32(code));
            }
            rest
        }
        [byte, rest @ ..] => {
            out.push(char::from(*byte));
            rest
        }
        [] => content,
    }
}

/// `<48656c6c6f>`.
fn hex<'c>(content: &'c [u8], out: &mut String) -> &'c [u8] {
    let end = content.iter().position(|b| *b == b'>').unwrap_or(content.len());
    let (digits, rest) = content.split_at(end);
    let digit = |b: &u8| char::from(*b).to_digit(16);
    let values: Vec<u32> = digits.iter().filter_map(digit).collect();
    for pair in values.chunks(2) {
        let code = pair.first().unwrap_or(&0) * 16 + pair.get(1).unwrap_or(&0);
        if code != 0 {
            out.extend(char::from_u32(code));
        }
    }
    rest
}

/// The narrowest step that is a space, in thousandths of the font's size.
const SPACE: u32 = 180;

fn kern<'c>(content: &'c [u8], out: &mut String) -> &'c [u8] {
    let count = content.iter().take(6).take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = content.split_at(count);
    let width = digits.iter().fold(0_u32, |sum, b| sum * 10 + u32::from(b - b'0'));
    if width >= SPACE && !out.ends_with([' ', '\n']) {
        out.push(' ');
    }
    rest
}

/// Whether bytes read as text: hardly a control character among the first.
fn reads(bytes: &[u8]) -> bool {
    let head = bytes.get(..1024).unwrap_or(bytes);
    let odd = head.iter().filter(|b| b.is_ascii_control() && !b.is_ascii_whitespace()).count();
    odd * 16 <= head.len()
        && std::str::from_utf8(head).map_or_else(|fault| fault.error_len().is_none(), |_| true)
}
