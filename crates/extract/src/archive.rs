//! The entries of a ZIP archive (APPNOTE 6.3): stored, deflated or in Zstandard, on one disk.
//! Decompression goes through `detect`'s one door, with a cap.
//!
//! INVARIANT: an archive has one reading. Where its directory and the headers before its entries
//! contradict each other, where entries overlap, or where it has two ends, some readers would see
//! other files than we do: it is refused. What stands in no entry is told as a gap.
//! Next: `office`.

use crate::ExtractFault;
use crate::bytes::{long, longer, short};
use backstop_detect::decode::inflate::{Codec, InflateFault, inflate};
use std::ops::Range;

/// An archive.
#[derive(Debug)]
pub(crate) struct Archive<'b> {
    bytes: &'b [u8],
    entries: Vec<Entry<'b>>,
    gaps: Vec<Range<usize>>,
    comment: &'b [u8],
}

/// A file in an archive.
#[derive(Debug)]
pub(crate) struct Entry<'b> {
    pub(crate) name: &'b [u8],
    pub(crate) comment: &'b [u8],
    /// What the directory and the header say besides.
    pub(crate) extra: [&'b [u8]; 2],
    method: u16,
    flags: u16,
    /// Its bytes as they are packed.
    packed: Range<usize>,
    size: usize,
    /// From its header to its end.
    whole: Range<usize>,
}

/// Why an entry was not unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryFault {
    Encrypted,
    Method,
    Broken,
    TooLarge,
}

/// LIMIT: entries of an archive.
const MOST_ENTRIES: usize = 20_000;
const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";
/// Flags: encrypted; sizes follow the entry; the directory is encrypted.
const ENCRYPTED: u16 = 1;
const DESCRIPTOR: u16 = 1 << 3;
const MASKED: u16 = 1 << 13;
/// In place of a number that stands in the extra field.
const ELSEWHERE: usize = 0xffff_ffff;
/// The longest data descriptor.
const LONGEST_DESCRIPTOR: usize = 24;
/// The shortest gap that is told.
const SHORTEST_GAP: usize = 8;

const BROKEN: ExtractFault = ExtractFault::Broken("the archive is damaged");
const TWO_READINGS: ExtractFault =
    ExtractFault::Broken("the archive's directory contradicts its entries");

/// Where the directory stands.
struct Directory {
    count: usize,
    start: usize,
    end: usize,
    /// Bytes before the archive, which its offsets may or may not count.
    shift: usize,
}

impl<'b> Archive<'b> {
    /// Reads the directory and holds the entries to it.
    pub(crate) fn read(bytes: &'b [u8]) -> Result<Self, ExtractFault> {
        // The end record is 22 bytes and a comment of up to 64 KiB; bytes may follow.
        let end = memchr::memmem::rfind(bytes, &END).ok_or(BROKEN)?;
        let directory = directory(bytes, end)?;
        let length = usize::from(short(bytes, end + 20)?);
        let comment = bytes.get(end + 22..end + 22 + length).ok_or(BROKEN)?;
        if directory.count > MOST_ENTRIES {
            return Err(ExtractFault::Broken("the archive has too many entries"));
        }
        // Another end behind the entries: a reader that stops at the first would see other files.
        let between = bytes.get(directory.start..end).unwrap_or_default();
        if memchr::memmem::find(between, &END).is_some() {
            return Err(TWO_READINGS);
        }
        let mut at = directory.start;
        let mut entries = Vec::with_capacity(directory.count.min(1024));
        for _ in 0..directory.count {
            let (entry, next) = Entry::read(bytes, at, &directory)?;
            entries.push(entry);
            at = next;
        }
        if at != directory.end {
            return Err(TWO_READINGS);
        }
        let mut archive = Self { bytes, entries, gaps: Vec::new(), comment };
        archive.gaps(&directory, end + 22 + length)?;
        Ok(archive)
    }

    /// Finds what stands in no entry, and entries that overlap.
    fn gaps(&mut self, directory: &Directory, end: usize) -> Result<(), ExtractFault> {
        let mut places: Vec<(Range<usize>, u16)> =
            self.entries.iter().map(|entry| (entry.whole.clone(), entry.flags)).collect();
        places.sort_unstable_by_key(|(place, _)| place.start);
        places.push((directory.start..end, 0));
        let (mut at, mut described) = (0, false);
        for (place, flags) in places {
            if place.start < at {
                return Err(TWO_READINGS);
            }
            let gap = at..place.start;
            let descriptor = described && gap.len() <= LONGEST_DESCRIPTOR;
            if gap.len() >= SHORTEST_GAP && !descriptor {
                self.gaps.push(gap);
            }
            described = flags & DESCRIPTOR != 0;
            at = place.end;
        }
        if self.bytes.len() > at {
            self.gaps.push(at..self.bytes.len());
        }
        Ok(())
    }

    /// The names of all entries that are text.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'b str> {
        self.entries.iter().filter_map(|entry| std::str::from_utf8(entry.name).ok())
    }
    /// All entries.
    pub(crate) fn entries(&self) -> &[Entry<'b>] {
        &self.entries
    }
    /// What stands in no entry.
    pub(crate) fn outside(&self) -> impl Iterator<Item = &'b [u8]> {
        self.gaps.iter().filter_map(|gap| self.bytes.get(gap.clone()))
    }
    /// The comment at its end.
    pub(crate) const fn comment(&self) -> &'b [u8] {
        self.comment
    }

    /// One entry unpacked, at most `most` bytes.
    pub(crate) fn entry(&self, name: &str, most: usize) -> Result<Vec<u8>, ExtractFault> {
        let found = self.entries.iter().find(|entry| entry.name == name.as_bytes());
        self.unpack(found.ok_or(BROKEN)?, most).map_err(|fault| match fault {
            EntryFault::Encrypted => ExtractFault::Broken("it is encrypted"),
            EntryFault::Method => ExtractFault::Broken("it is packed in an unusual way"),
            EntryFault::Broken => BROKEN,
            EntryFault::TooLarge => ExtractFault::TooLarge(most),
        })
    }

    /// One entry unpacked, at most `most` bytes.
    pub(crate) fn unpack(&self, entry: &Entry<'_>, most: usize) -> Result<Vec<u8>, EntryFault> {
        // Method 99 is how WinZip says AES.
        if entry.flags & (ENCRYPTED | MASKED) != 0 || entry.method == 99 {
            return Err(EntryFault::Encrypted);
        }
        let packed = self.bytes.get(entry.packed.clone()).ok_or(EntryFault::Broken)?;
        let plain = match entry.method {
            0 if packed.len() <= most => packed.to_vec(),
            0 => return Err(EntryFault::TooLarge),
            8 => inflate(Codec::Deflate, packed, most).map_err(EntryFault::from)?,
            93 => inflate(Codec::Zstd, packed, most).map_err(EntryFault::from)?,
            _ => return Err(EntryFault::Method),
        };
        if plain.len() == entry.size { Ok(plain) } else { Err(EntryFault::Broken) }
    }
}

impl From<InflateFault> for EntryFault {
    fn from(fault: InflateFault) -> Self {
        match fault {
            InflateFault::TooLarge => Self::TooLarge,
            InflateFault::Broken | InflateFault::Trailing => Self::Broken,
        }
    }
}

impl<'b> Entry<'b> {
    /// The entry that the directory tells of at `at`, and where the next begins.
    fn read(
        bytes: &'b [u8],
        at: usize,
        directory: &Directory,
    ) -> Result<(Self, usize), ExtractFault> {
        let piece = |from: usize, length: usize| bytes.get(from..from + length).ok_or(BROKEN);
        if piece(at, 4)? != CENTRAL {
            return Err(BROKEN);
        }
        let (flags, method) = (short(bytes, at + 8)?, short(bytes, at + 10)?);
        let lengths = [short(bytes, at + 28)?, short(bytes, at + 30)?, short(bytes, at + 32)?]
            .map(usize::from);
        let [name_length, extra_length, comment_length] = lengths;
        let name = piece(at + 46, name_length)?;
        let extra = piece(at + 46 + name_length, extra_length)?;
        let comment = piece(at + 46 + name_length + extra_length, comment_length)?;
        let mut numbers = [long(bytes, at + 24)?, long(bytes, at + 20)?, long(bytes, at + 42)?];
        large(extra, &mut numbers)?;
        let [size, packed, offset] = numbers;
        let header = offset.checked_add(directory.shift).ok_or(BROKEN)?;
        // The header before the entry must say the same: some readers believe it alone.
        if piece(header, 4)? != LOCAL || short(bytes, header + 8)? != method {
            return Err(TWO_READINGS);
        }
        let own_flags = short(bytes, header + 6)?;
        if (own_flags ^ flags) & (ENCRYPTED | DESCRIPTOR | MASKED) != 0 {
            return Err(TWO_READINGS);
        }
        let own_name = usize::from(short(bytes, header + 26)?);
        let own_extra_length = usize::from(short(bytes, header + 28)?);
        if piece(header + 30, own_name)? != name {
            return Err(TWO_READINGS);
        }
        let own_extra = piece(header + 30 + own_name, own_extra_length)?;
        let start = header + 30 + own_name + own_extra_length;
        let mut own = [long(bytes, header + 22)?, long(bytes, header + 18)?, 0];
        large(own_extra, &mut own)?;
        let unsaid = flags & DESCRIPTOR != 0 && own.iter().all(|number| *number == 0);
        if !unsaid && [own[0], own[1]] != [size, packed] {
            return Err(TWO_READINGS);
        }
        let end = start.checked_add(packed).filter(|end| *end <= directory.start).ok_or(BROKEN)?;
        let entry = Self {
            name,
            comment,
            extra: [extra, own_extra],
            method,
            flags,
            packed: start..end,
            size,
            whole: header..end,
        };
        Ok((entry, at + 46 + name_length + extra_length + comment_length))
    }
}

/// Where the directory of an archive with this end stands (APPNOTE 4.3.14 to 4.3.16).
fn directory(bytes: &[u8], end: usize) -> Result<Directory, ExtractFault> {
    let said =
        [usize::from(short(bytes, end + 10)?), long(bytes, end + 12)?, long(bytes, end + 16)?];
    let mut behind = end;
    let mut numbers = said;
    let locator = end.checked_sub(20).filter(|at| bytes.get(*at..*at + 4) == Some(&LOCATOR_64));
    if let Some(locator) = locator {
        // It stands right before its locator, whatever that says of bytes before the archive.
        let record = locator.checked_sub(56).ok_or(BROKEN)?;
        if bytes.get(record..record + 4) != Some(&END_64) {
            return Err(BROKEN);
        }
        numbers =
            [longer(bytes, record + 32)?, longer(bytes, record + 40)?, longer(bytes, record + 48)?];
        let limits = [0xffff, ELSEWHERE, ELSEWHERE];
        let differs = said
            .iter()
            .zip(&numbers)
            .zip(&limits)
            .any(|((said, is), limit)| said != limit && said != is);
        if differs {
            return Err(TWO_READINGS);
        }
        behind = record;
    } else if short(bytes, end + 4)? != 0 || short(bytes, end + 8)? != short(bytes, end + 10)? {
        return Err(ExtractFault::Broken("the archive is one of several disks"));
    }
    let [count, size, offset] = numbers;
    let start = behind.checked_sub(size).ok_or(BROKEN)?;
    let shift = start.checked_sub(offset).ok_or(BROKEN)?;
    Ok(Directory { count, start, end: behind, shift })
}

/// Numbers that are too large for their places stand in the extra field (APPNOTE 4.5.3).
fn large(extra: &[u8], numbers: &mut [usize; 3]) -> Result<(), ExtractFault> {
    if numbers.iter().all(|number| *number != ELSEWHERE) {
        return Ok(());
    }
    let mut at = 0;
    while at + 4 <= extra.len() {
        let (id, length) = (short(extra, at)?, usize::from(short(extra, at + 2)?));
        if id == 1 {
            let field = extra.get(at + 4..at + 4 + length).ok_or(BROKEN)?;
            let wanted = numbers.iter_mut().filter(|number| **number == ELSEWHERE);
            for (place, number) in wanted.enumerate() {
                *number = longer(field, place * 8)?;
            }
            return Ok(());
        }
        at += 4 + length;
    }
    Err(BROKEN)
}
