//! The text of Word, Excel, PowerPoint (ECMA-376) and OpenDocument files. Next: `pdf`.

use crate::ExtractFault;
use crate::archive::Archive;
use crate::markup::{Piece, attribute, pieces, undone};
use crate::wire::{Stop, Teller};
use backstop_detect::open;

/// The text of an office file, at most `most` bytes.
pub(crate) fn text(bytes: &[u8], most: usize) -> Result<String, ExtractFault> {
    let archive = Archive::read(bytes)?;
    let mut parts: Vec<&str> = archive.names().filter(|name| holds_text(name)).collect();
    parts.sort_unstable_by_key(|name| (name.len(), *name));
    if parts.is_empty() {
        return Err(ExtractFault::Unknown);
    }
    let mut out = String::new();
    let mut shared = Vec::new();
    let mut left = most;
    if archive.names().any(|name| name == SHARED) {
        let part = part(&archive, SHARED, &mut left)?;
        shared = shared_strings(&part);
    }
    for name in parts {
        let part = part(&archive, name, &mut left)?;
        if name.starts_with("xl/") {
            sheet_within(&part, &shared, most, &mut out)
        } else {
            prose(&part, &mut out)
        }
        if out.len() > most {
            return Err(ExtractFault::TooLarge(most));
        }
    }
    Ok(out)
}

/// The strings of a workbook, which its cells refer to.
const SHARED: &str = "xl/sharedStrings.xml";

/// One part as text.
fn part(archive: &Archive<'_>, name: &str, left: &mut usize) -> Result<String, ExtractFault> {
    let bytes = archive.entry(name, *left)?;
    *left -= bytes.len();
    String::from_utf8(bytes).map_err(|_| ExtractFault::Broken("a part of it is not UTF-8"))
}

fn holds_text(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".xml") else { return false };
    let word = ["document", "header", "footer", "footnotes", "endnotes", "comments"];
    stem == "content"
        || stem.strip_prefix("word/").is_some_and(|part| word.iter().any(|w| part.starts_with(w)))
        || stem.starts_with("xl/worksheets/sheet")
        || stem.starts_with("ppt/slides/slide")
        || stem.starts_with("ppt/notesSlides/notesSlide")
}

/// Paragraphs: a word may stand in several runs, so only paragraphs, breaks and cells part it.
fn prose(part: &str, out: &mut String) {
    let mut deleted = 0_usize;
    pieces(part, |piece| match piece {
        Piece::Open { name: "tab" | "br" | "cr" | "s" | "line-break", .. } => out.push(' '),
        Piece::Open { name: "delText" | "instrText", alone: false, .. } => deleted += 1,
        Piece::Close("delText" | "instrText") => deleted = deleted.saturating_sub(1),
        Piece::Close("p" | "h") => out.push('\n'),
        Piece::Text(text) if deleted == 0 => undone(text, out),
        Piece::Open { .. } | Piece::Close(_) | Piece::Text(_) | Piece::Hidden(_) => {}
    });
    out.push('\n');
}

fn shared_strings(part: &str) -> Vec<String> {
    let mut strings = Vec::new();
    let (mut inside, mut phonetic) = (false, 0_usize);
    pieces(part, |piece| match piece {
        Piece::Open { name: "si", alone, .. } => {
            strings.push(String::new());
            inside = !alone;
        }
        Piece::Close("si") => inside = false,
        Piece::Open { name: "rPh", alone: false, .. } => phonetic += 1,
        Piece::Close("rPh") => phonetic = phonetic.saturating_sub(1),
        Piece::Text(text) if inside && phonetic == 0 => {
            if let Some(last) = strings.last_mut() {
                undone(text, last);
            }
        }
        Piece::Open { .. } | Piece::Close(_) | Piece::Text(_) | Piece::Hidden(_) => {}
    });
    strings
}

/// Rows as lines, cells parted by tabs; formulas are left out, their values are not. Past `most` bytes cells say nothing more, so that one long string in a million cells
/// is no bomb.
fn sheet_within(part: &str, shared: &[String], most: usize, out: &mut String) {
    let (mut is_shared, mut formula, mut cell) = (false, false, false);
    pieces(part, |piece| match piece {
        Piece::Open { name: "c", rest, alone } => {
            is_shared = attribute(rest, "t") == Some("s");
            cell = !alone;
        }
        Piece::Open { name: "f", alone: false, .. } => formula = true,
        Piece::Close("f") => formula = false,
        Piece::Close("c") => {
            cell = false;
            out.push('\t');
        }
        Piece::Close("row") => out.push('\n'),
        Piece::Text(text) if cell && !formula => {
            let number = text.trim().parse::<usize>().ok().filter(|_| is_shared);
            match number.and_then(|number| shared.get(number)) {
                Some(string) if out.len().saturating_add(string.len()) <= most => {
                    out.push_str(string);
                }
                Some(_) => out.push('\u{fffd}'),
                None => undone(text, out),
            }
        }
        Piece::Open { .. } | Piece::Close(_) | Piece::Text(_) | Piece::Hidden(_) => {}
    });
}

/// Whether an archive is an office file.
pub(crate) fn is_office(archive: &Archive<'_>) -> bool {
    archive.names().any(|name| matches!(name, "[Content_Types].xml" | "content.xml"))
}

/// Whether a part of an office file is markup.
pub(crate) fn is_markup(name: &[u8], plain: &[u8]) -> bool {
    [b".xml".as_slice(), b".rels", b".vml"].iter().any(|end| name.ends_with(end))
        || plain.trim_ascii_start().starts_with(b"<?xml")
}

/// Tells a part on the wire: everything that anybody wrote in it, deleted or hidden, then the
/// markup as it stands.
pub(crate) fn open_part(
    name: &[u8],
    plain: &[u8],
    teller: &mut Teller<'_, '_>,
) -> Result<(), Stop> {
    let Ok(part) = crate::decoded(plain) else {
        return teller.tell(open::Piece::Bytes(plain));
    };
    // In prose a word may stand in several runs; elsewhere each element is a value.
    let prose = [b"word/".as_slice(), b"ppt/", b"content.xml", b"xl/sharedStrings", b"styles.xml"];
    let joins = prose.iter().any(|start| name.starts_with(start));
    let mut text = String::new();
    pieces(&part, |piece| match piece {
        Piece::Open { name, rest, .. } => {
            opening(name, rest, &mut text);
        }
        Piece::Close("p" | "h" | "row" | "si" | "table-row") => text.push('\n'),
        Piece::Close("tc" | "c" | "table-cell") => text.push('\t'),
        Piece::Close(_) if !joins => text.push('\n'),
        Piece::Close(_) => {}
        Piece::Text(piece) => undone(piece, &mut text),
        Piece::Hidden(piece) => {
            text.push('\n');
            text.push_str(piece);
            text.push('\n');
        }
    });
    teller.tell(open::Piece::Text(&text))?;
    teller.tell(open::Piece::Aside(&part))
}

/// Attributes in which people write, or that lead somewhere.
const WRITTEN: [&str; 9] = [
    "Target",
    "author",
    "creator",
    "descr",
    "title",
    "tooltip",
    "href",
    "prompt",
    "lastModifiedBy",
];

fn opening(name: &str, rest: &str, text: &mut String) {
    match name {
        "tab" | "br" | "cr" | "s" | "line-break" => text.push(' '),
        // A property is named by an attribute: sensitivity labels are properties.
        "property" | "user-defined" => {
            text.push('\n');
            undone(attribute(rest, "name").unwrap_or_default(), text);
            text.push_str(": ");
        }
        _ => {}
    }
    for wanted in WRITTEN {
        if let Some(value) = attribute(rest, wanted) {
            text.push('\n');
            undone(value, text);
            text.push('\n');
        }
    }
}

/// Tells the rows of a workbook with the strings that its cells refer to.
pub(crate) fn open_sheets(archive: &Archive<'_>, teller: &mut Teller<'_, '_>) -> Result<(), Stop> {
    let read = |name: &str, teller: &Teller<'_, '_>| {
        let bytes = archive.entry(name, teller.left()).unwrap_or_default();
        // What could not be read was said when the part was told for itself.
        crate::decoded(&bytes).unwrap_or_default().into_owned()
    };
    if !archive.names().any(|name| name == SHARED) {
        return Ok(());
    }
    let shared = shared_strings(&read(SHARED, teller));
    for name in archive.names().filter(|name| name.starts_with("xl/worksheets/sheet")) {
        let part = read(name, teller);
        let mut rows = String::new();
        sheet_within(&part, &shared, teller.left(), &mut rows);
        teller.tell(open::Piece::Text(&rows))?;
    }
    Ok(())
}
