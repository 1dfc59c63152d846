//! The entries of a ZIP archive (APPNOTE 6.3), as office files have them: stored or deflated, one
//! disk, not encrypted. Decompression goes through `detect`'s one door, with a cap. Next: `office`.

use crate::ExtractFault;
use backstop_detect::decode::inflate::{Codec, InflateFault, inflate};

/// An archive.
#[derive(Debug)]
pub(crate) struct Archive<'b> {
    bytes: &'b [u8],
    entries: Vec<Entry<'b>>,
}

#[derive(Debug)]
struct Entry<'b> {
    name: &'b [u8],
    method: u16,
    is_encrypted: bool,
    packed: usize,
    at: usize,
}

/// LIMIT: entries of an archive.
const MOST_ENTRIES: usize = 20_000;
const END: [u8; 4] = *b"PK\x05\x06";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";

const BROKEN: ExtractFault = ExtractFault::Broken("the archive is damaged");

impl<'b> Archive<'b> {
    /// Reads the directory.
    pub(crate) fn read(bytes: &'b [u8]) -> Result<Self, ExtractFault> {
        // The end record is 22 bytes and a comment of up to 64 KiB.
        let tail = bytes.len().saturating_sub(22 + 0xffff);
        let window = bytes.get(tail..).unwrap_or_default();
        let end = window.windows(4).rposition(|four| four == END).ok_or(BROKEN)? + tail;
        let count = usize::from(short(bytes, end + 10)?);
        let mut at = long(bytes, end + 16)?;
        if count > MOST_ENTRIES {
            return Err(ExtractFault::Broken("the archive has too many entries"));
        }
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            if bytes.get(at..at + 4) != Some(&CENTRAL) {
                return Err(BROKEN);
            }
            let name = usize::from(short(bytes, at + 28)?);
            let more = usize::from(short(bytes, at + 30)?) + usize::from(short(bytes, at + 32)?);
            entries.push(Entry {
                name: bytes.get(at + 46..at + 46 + name).ok_or(BROKEN)?,
                method: short(bytes, at + 10)?,
                is_encrypted: short(bytes, at + 8)? & 1 != 0,
                packed: long(bytes, at + 20)?,
                at: long(bytes, at + 42)?,
            });
            at += 46 + name + more;
        }
        Ok(Self { bytes, entries })
    }

    /// The names of all entries that are text.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'b str> {
        self.entries.iter().filter_map(|entry| std::str::from_utf8(entry.name).ok())
    }

    /// One entry unpacked, at most `most` bytes.
    pub(crate) fn entry(&self, name: &str, most: usize) -> Result<Vec<u8>, ExtractFault> {
        let entry =
            self.entries.iter().find(|entry| entry.name == name.as_bytes()).ok_or(BROKEN)?;
        if entry.is_encrypted {
            return Err(ExtractFault::Broken("it is encrypted"));
        }
        if self.bytes.get(entry.at..entry.at + 4) != Some(&LOCAL) {
            return Err(BROKEN);
        }
        // Names and extra fields of the local header may differ from those of the directory.
        let skip = usize::from(short(self.bytes, entry.at + 26)?)
            + usize::from(short(self.bytes, entry.at + 28)?);
        let start = entry.at + 30 + skip;
        let packed = self.bytes.get(start..start.saturating_add(entry.packed)).ok_or(BROKEN)?;
        match entry.method {
            0 if packed.len() <= most => Ok(packed.to_vec()),
            0 => Err(ExtractFault::TooLarge(most)),
            8 => inflate(Codec::Deflate, packed, most).map_err(|fault| match fault {
                InflateFault::TooLarge => ExtractFault::TooLarge(most),
                InflateFault::Broken | InflateFault::Trailing => BROKEN,
            }),
            _ => Err(ExtractFault::Broken("it is packed in an unusual way")),
        }
    }
}

fn short(bytes: &[u8], at: usize) -> Result<u16, ExtractFault> {
    let rest = bytes.get(at..).ok_or(BROKEN)?;
    rest.first_chunk::<2>().map(|two| u16::from_le_bytes(*two)).ok_or(BROKEN)
}

fn long(bytes: &[u8], at: usize) -> Result<usize, ExtractFault> {
    let rest = bytes.get(at..).ok_or(BROKEN)?;
    let four = rest.first_chunk::<4>().ok_or(BROKEN)?;
    usize::try_from(u32::from_le_bytes(*four)).map_err(|_| BROKEN)
}
