//! The text of Word, Excel, PowerPoint (ECMA-376) and OpenDocument files. Next: `pdf`.

use crate::ExtractFault;
use crate::archive::Archive;
use crate::markup::{Piece, attribute, pieces, undone};

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
            sheet(&part, &shared, &mut out)
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
        Piece::Open { .. } | Piece::Close(_) | Piece::Text(_) => {}
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
        Piece::Open { .. } | Piece::Close(_) | Piece::Text(_) => {}
    });
    strings
}

/// Rows as lines, cells parted by tabs; formulas are left out, their values are not.
fn sheet(part: &str, shared: &[String], out: &mut String) {
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
                Some(string) => out.push_str(string),
                None => undone(text, out),
            }
        }
        Piece::Open { .. } | Piece::Close(_) | Piece::Text(_) => {}
    });
}
