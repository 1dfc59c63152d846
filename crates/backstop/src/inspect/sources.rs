//! Where texts come from: files, folders, standard input; what is passed over, and why.
//! Next: `look`.

use anyhow::{Context, Result, bail};
use backstop_detect::Media;
use backstop_detect::open::{Container, container, is_packed};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A file to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    /// Its path; `None` for standard input.
    pub(crate) path: Option<PathBuf>,
    /// Its name, as it is shown.
    pub(crate) name: String,
    /// Whether the caller named it, and did not just name a folder around it.
    pub(crate) named: bool,
}

/// A text that can be looked at.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    /// The text, without byte order mark.
    pub(crate) text: String,
    /// What it is made of.
    pub(crate) media: Media,
    /// Whether it stands in the file like this.
    pub(crate) origin: Origin,
    /// The file itself, where it has to be taken apart; there is no text then.
    pub(crate) packed: Option<Vec<u8>>,
}

/// Whether a text stands in its file as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Places in the text are places in the file.
    Itself,
    /// It is taken out of an archive, an office file or a PDF.
    Extracted,
}

/// Why a file was not, or not wholly, looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Passed {
    /// It holds no text.
    Binary {
        /// Whether the caller named it.
        named: bool,
    },
    /// It is no file (a socket, a device).
    NoFile,
    /// It is larger than allowed.
    TooLarge {
        /// The most that was allowed, in bytes.
        most: usize,
    },
    /// It could not be read.
    Unreadable(String),
    /// It was looked at in part: a limit of this name was reached.
    Limit(&'static str),
    /// It was looked at in part: something in it cannot be undone.
    Hidden(String),
}

impl Passed {
    /// Whether it leaves a gap in what the caller asked for.
    pub(crate) const fn is_gap(&self) -> bool {
        match self {
            Self::Binary { named } => *named,
            Self::NoFile => false,
            Self::TooLarge { .. } | Self::Unreadable(_) | Self::Limit(_) | Self::Hidden(_) => true,
        }
    }
    /// Its stable word.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Binary { .. } => "binary",
            Self::NoFile => "no_file",
            Self::TooLarge { .. } => "too_large",
            Self::Unreadable(_) => "unreadable",
            Self::Limit(_) => "limit",
            Self::Hidden(_) => "hidden",
        }
    }
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Binary { .. } => f.write_str("not looked at: it is binary"),
            Self::NoFile => f.write_str("not looked at: it is no regular file"),
            Self::TooLarge { most } => {
                write!(f, "not looked at: larger than {most} bytes (`--max-size` allows more)")
            }
            Self::Unreadable(why) => write!(f, "not looked at: {why}"),
            Self::Limit(name) => write!(f, "looked at in part: the limit on {name} was reached"),
            Self::Hidden(why) => write!(f, "looked at in part: {why}"),
        }
    }
}

/// Folders that hold other people's bookkeeping.
const SKIPPED_FOLDERS: [&str; 4] = [".git", ".hg", ".svn", ".jj"];
/// Bytes that tell text from binary.
const TELLING: usize = 8 << 10;

/// The files behind these paths; folders with all below them, links within them not followed.
///
/// # Errors
/// A path that is not there.
pub(crate) fn inputs(paths: &[PathBuf]) -> Result<Vec<Input>> {
    let mut found = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            found.push(Input { path: None, name: STDIN.to_owned(), named: true });
            continue;
        }
        let data =
            std::fs::metadata(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        if data.is_dir() {
            folder(path, &mut found)?;
        } else {
            found.push(Input { path: Some(path.clone()), name: shown(path), named: true });
        }
    }
    Ok(found)
}

/// What standard input is called.
const STDIN: &str = "<stdin>";

fn folder(start: &Path, found: &mut Vec<Input>) -> Result<()> {
    let mut folders = vec![start.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read folder `{}`", folder.display()))?;
        let mut entries = entries
            .collect::<io::Result<Vec<_>>>()
            .with_context(|| format!("cannot read folder `{}`", folder.display()))?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        let mut below = Vec::new();
        for entry in entries {
            let kind = entry.file_type()?;
            let skipped = SKIPPED_FOLDERS.iter().any(|name| entry.file_name() == *name);
            if kind.is_dir() && !skipped {
                below.push(entry.path());
            } else if kind.is_file() {
                let path = entry.path();
                found.push(Input { name: shown(&path), path: Some(path), named: false });
            }
        }
        // Depth first, by name.
        folders.extend(below.into_iter().rev());
    }
    Ok(())
}

/// A path as it is shown: nothing in it moves a terminal's cursor.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.chars().map(|c| if crate::printer::misleads(c) { '\u{fffd}' } else { c }).collect()
}

/// Reads a file, at most `most` bytes of it.
pub(crate) fn read(input: &Input, media: Option<&Media>, most: usize) -> Result<Text, Passed> {
    let unreadable = |fault: io::Error| Passed::Unreadable(fault.to_string());
    let Some(path) = &input.path else {
        return read_stdin(media, most);
    };
    let file = File::open(path).map_err(unreadable)?;
    let kind = file.metadata().map_err(unreadable)?.file_type();
    if kind.is_dir() || (!kind.is_file() && !input.named) {
        return Err(Passed::NoFile);
    }
    let bytes = take(file, most)?;
    if is_packed(&bytes) {
        return packed(&input.name, bytes, most, input.named);
    }
    let media = media.cloned().or_else(|| by_extension(path)).unwrap_or(Media::Text);
    decode(&bytes, media, input.named)
}

/// Reads standard input.
fn read_stdin(media: Option<&Media>, most: usize) -> Result<Text, Passed> {
    let bytes = take(io::stdin().lock(), most)?;
    if is_packed(&bytes) {
        return packed(STDIN, bytes, most, true);
    }
    let text = decode(&bytes, Media::Text, true)?;
    let media = media.cloned().unwrap_or_else(|| guessed(&text.text));
    Ok(Text { media, ..text })
}

/// An archive, an office file or a PDF: taken apart where it is looked at.
fn packed(name: &str, bytes: Vec<u8>, most: usize, named: bool) -> Result<Text, Passed> {
    match container(&bytes) {
        Some(Container::Sealed(_)) => return Err(Passed::Binary { named }),
        // A PDF of pictures alone has nothing that could be looked at.
        Some(Container::Pdf) => {
            backstop_extract::text(name, &bytes, most.saturating_mul(4))
                .map_err(|fault| Passed::Unreadable(fault.to_string()))?;
        }
        Some(
            Container::Zip
            | Container::ZipWithin
            | Container::ZipBeside
            | Container::Tar
            | Container::Compound,
        )
        | None => {}
    }
    let text = String::new();
    Ok(Text { text, media: Media::Sniff, origin: Origin::Extracted, packed: Some(bytes) })
}

fn take(from: impl Read, most: usize) -> Result<Vec<u8>, Passed> {
    let mut bytes = Vec::new();
    let one_more = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    from.take(one_more)
        .read_to_end(&mut bytes)
        .map_err(|fault| Passed::Unreadable(fault.to_string()))?;
    if bytes.len() > most { Err(Passed::TooLarge { most }) } else { Ok(bytes) }
}

/// Bytes as text: UTF-8, UTF-16 with a mark, or anything that reads as text in most places.
fn decode(bytes: &[u8], media: Media, named: bool) -> Result<Text, Passed> {
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => {
            let head = rest.get(..TELLING).unwrap_or(rest);
            if head.contains(&0) {
                return Err(Passed::Binary { named });
            }
            let text = String::from_utf8_lossy(rest).into_owned();
            let strange = text.chars().take(TELLING).filter(|c| *c == '\u{fffd}').count();
            if strange * 10 > head.len() {
                return Err(Passed::Binary { named });
            }
            text
        }
    };
    Ok(Text { text, media, origin: Origin::Itself, packed: None })
}

fn wide(bytes: &[u8], join: impl Fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| join(*pair)).collect();
    String::from_utf16_lossy(&units)
}

/// What a name says a file is made of.
fn by_extension(path: &Path) -> Option<Media> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    Some(match extension.as_str() {
        "json" | "geojson" | "ipynb" | "webmanifest" | "map" | "har" => Media::Json,
        "ndjson" | "jsonl" => Media::Ndjson,
        "yaml" | "yml" => Media::Yaml,
        "csv" | "tsv" => Media::Csv,
        "xml" | "html" | "htm" | "xhtml" | "svg" | "plist" => Media::Xml,
        _ => return None,
    })
}

/// What a text is made of that nobody named.
fn guessed(text: &str) -> Media {
    let trimmed = text.trim();
    let json = trimmed.starts_with(['{', '[']);
    if json && serde_json::from_str::<serde::de::IgnoredAny>(trimmed).is_ok() {
        return Media::Json;
    }
    let line = |line: &str| {
        line.trim().is_empty() || serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok()
    };
    if json && trimmed.lines().all(line) { Media::Ndjson } else { Media::Text }
}

/// What `--media` names: a short word or a content type.
///
/// # Errors
/// A word that is neither.
pub(crate) fn media(name: &str) -> Result<Media> {
    Ok(match name {
        "text" => Media::Text,
        "json" => Media::Json,
        "ndjson" => Media::Ndjson,
        "yaml" => Media::Yaml,
        "csv" => Media::Csv,
        "xml" | "html" => Media::Xml,
        "form" => Media::Form,
        "sniff" => Media::Sniff,
        other if other.contains('/') => Media::of(Some(other)),
        other => bail!(
            "`--media {other}` is none of text, json, ndjson, yaml, csv, xml, form, sniff, and no content type"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_walked_by_name_and_bookkeeping_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        for path in ["b.txt", "a/z.txt", "a/.git/config", "a/b/c.txt", ".env", ".git/HEAD"] {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        std::os::unix::fs::symlink(root.path(), root.path().join("loop")).unwrap();
        let found = inputs(&[root.path().to_owned()]).unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|input| input.path.as_ref().unwrap().strip_prefix(root.path()).unwrap().to_owned())
            .collect();
        assert_eq!(names, [".env", "b.txt", "a/z.txt", "a/b/c.txt"].map(PathBuf::from));
        assert!(inputs(&[root.path().join("nothing")]).is_err());
    }

    #[test]
    fn text_is_told_from_binary() {
        let read = |bytes: &[u8]| decode(bytes, Media::Text, false).map(|text| text.text);
        assert_eq!(read(b"\xef\xbb\xbfplain"), Ok("plain".to_owned()));
        assert_eq!(read(b"\xff\xfeh\0i\0"), Ok("hi".to_owned()));
        assert_eq!(read(b"\xfe\xff\0h\0i"), Ok("hi".to_owned()));
        assert_eq!(read(b"caf\xe9 at the corner"), Ok("caf\u{fffd} at the corner".to_owned()));
        assert_eq!(read(b"\x7fELF\0\0"), Err(Passed::Binary { named: false }));
        assert_eq!(read(&[0x80; 40]), Err(Passed::Binary { named: false }));
        assert_eq!(read(b""), Ok(String::new()));
    }

    #[test]
    fn what_nobody_named_is_guessed() {
        assert_eq!(guessed(" {\"a\": [1]}\n"), Media::Json);
        assert_eq!(guessed("{\"a\":1}\n\n{\"a\":2}\n"), Media::Ndjson);
        assert_eq!(guessed("{not json}"), Media::Text);
        assert_eq!(guessed("plain"), Media::Text);
        assert_eq!(
            media("application/problem+json").unwrap(),
            Media::of(Some("application/problem+json"))
        );
        assert!(media("jsn").is_err());
    }
}
