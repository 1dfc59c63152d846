//! Comma-separated values (RFC 4180) and their like with `;`, tab or `|`. The first row names the
//! columns when it looks like it; it is told as a row all the same. Next: `xml`.

use super::{Field, Kind, Path, Step, Visitor, Walked, go};
use std::borrow::Cow;

/// Walks all cells, row by row.
pub(crate) fn csv(text: &str, visitor: &mut impl Visitor) -> Walked {
    let delimiter = delimiter(text);
    let mut names: Vec<Cow<'_, str>> = Vec::new();
    let mut rest = text;
    let mut row = 0;
    while !rest.is_empty() {
        let mut column = 0;
        loop {
            let (cell, end, after) = cell(rest, delimiter);
            if !cell.is_empty() {
                let mut path = Path::default();
                path.push(Step::Index(row));
                path.push(match names.get(column).filter(|name| row > 0 && !name.is_empty()) {
                    Some(name) => Step::Key(name.clone()),
                    None => Step::Index(column),
                });
                go(visitor.field(Field { kind: Kind::Text, text: &cell, path: &path }))?;
            }
            if row == 0 {
                names.push(cell);
            }
            rest = after;
            column += 1;
            if end == End::OfRow {
                break;
            }
        }
        if row == 0 && !names.iter().all(|name| is_name(name)) {
            names.clear();
        }
        row += 1;
    }
    Ok(())
}

#[derive(PartialEq, Eq)]
enum End {
    OfCell,
    OfRow,
}

/// The delimiter that stands most often in the first line.
fn delimiter(text: &str) -> u8 {
    let line = text.lines().next().unwrap_or_default();
    let count = |b: u8| line.bytes().filter(|c| *c == b).count();
    // The last of equals wins, so the most common stands last.
    *[b'|', b'\t', b';', b','].iter().max_by_key(|b| count(**b)).unwrap_or(&b',')
}

/// A cell, how it ended, and what follows.
fn cell(text: &str, delimiter: u8) -> (Cow<'_, str>, End, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let stop = text.bytes().position(|b| b == delimiter || b == b'\n').unwrap_or(text.len());
        let (cell, rest) = text.split_at_checked(stop).unwrap_or((text, ""));
        let (end, after) = ending(rest, delimiter);
        return (Cow::Borrowed(cell.strip_suffix('\r').unwrap_or(cell)), end, after);
    };
    let mut out = String::new();
    let mut rest = quoted;
    while let Some((plain, after)) = rest.split_once('"') {
        out.push_str(plain);
        rest = after;
        match after.strip_prefix('"') {
            Some(more) => {
                out.push('"');
                rest = more;
            }
            None => {
                // Whatever stands between the quote and the delimiter belongs to the cell.
                let (tail, end, after) = unquoted(rest, delimiter);
                out.push_str(tail);
                return (Cow::Owned(out), end, after);
            }
        }
    }
    out.push_str(rest);
    (Cow::Owned(out), End::OfRow, "")
}

fn unquoted(text: &str, delimiter: u8) -> (&str, End, &str) {
    let stop = text.bytes().position(|b| b == delimiter || b == b'\n').unwrap_or(text.len());
    let (tail, rest) = text.split_at_checked(stop).unwrap_or((text, ""));
    let (end, after) = ending(rest, delimiter);
    (tail.strip_suffix('\r').unwrap_or(tail), end, after)
}

fn ending(rest: &str, delimiter: u8) -> (End, &str) {
    match rest.as_bytes().first() {
        Some(b) if *b == delimiter => (End::OfCell, rest.get(1..).unwrap_or_default()),
        Some(_) => (End::OfRow, rest.get(1..).unwrap_or_default()),
        None => (End::OfRow, ""),
    }
}

/// Whether a cell of the first row may be a column's name: short, with a letter, few digits.
fn is_name(cell: &str) -> bool {
    let digits = cell.bytes().filter(u8::is_ascii_digit).count();
    cell.len() <= 64 && !cell.contains('@') && digits * 3 <= cell.len()
}

#[cfg(test)]
mod tests {
    use super::super::tests::Scribe;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let mut scribe = Scribe::default();
        assert_eq!(csv(text, &mut scribe), Ok(()));
        assert_eq!(scribe.lines, expected);
    }

    #[test]
    fn cells_stand_under_their_columns() {
        check(
            "name,ssn\r\n\"Doe, \"\"J\"\"\",536-90-4399\r\nx,\n",
            &[
                "/0/0 = name",
                "/0/1 = ssn",
                "/1/name = Doe, \"J\"",
                "/1/ssn = 536-90-4399",
                "/2/name = x",
            ],
        );
    }

    #[test]
    fn a_first_row_of_data_names_nothing() {
        check("12345;a\n6;b", &["/0/0 = 12345", "/0/1 = a", "/1/0 = 6", "/1/1 = b"]);
    }

    #[test]
    fn broken_quotes_lose_nothing() {
        check("\"a\"b,c\n\"d", &["/0/0 = ab", "/0/1 = c", "/1/ab = d"]);
    }
}
