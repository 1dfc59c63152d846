//! Master files (RFC 1035 §5), entry by entry: what belongs to one record is gathered, and read by
//! `domain::zonefile`. Directives are read here, so that nothing is ever included.
//! Must not know what a record means. Next: `zone`.
//!
//! One entry at a time, for three reasons: a fault spoils one entry, so all faults of a file are found
//! at once; a file of any size takes the memory of its longest entry; and no file can nest.

use backstop_model::name::{QueryName, QueryType};
use bytes::Bytes;
use domain::base::iana::Class;
use domain::base::name::{Label, Name, ToName};
use domain::base::rdata::ComposeRecordData as _;
use domain::zonefile::inplace::{Entry as Scanned, ScannedRecord, Zonefile};
use std::io::{self, BufRead};

/// A record of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) owner: QueryName,
    pub(crate) rtype: QueryType,
    pub(crate) ttl: u32,
    /// Without compression, names in lower case.
    pub(crate) data: Box<[u8]>,
}

/// What stands in a file, in order.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and mostly a record")]
pub(crate) enum Item {
    Record(Record),
    Fault(String),
}

/// Reads a file.
pub(crate) struct Entries<R> {
    source: R,
    /// The line that is read next.
    line: u64,
    read: u64,
    most: u64,
    scanner: Zonefile,
    origin: QueryName,
    ttl: Option<u32>,
    /// Whether an owner that was given is known to the scanner.
    has_owner: bool,
    /// Whether the owner that stood last was in a faulty entry: what leans on it is passed over.
    lost_owner: bool,
    raw: Vec<u8>,
    ended: bool,
}

impl<R: BufRead> Entries<R> {
    /// Names that are not absolute stand below `origin`.
    pub(crate) fn new(source: R, origin: &QueryName, most: u64) -> Self {
        let scanner = scanner(origin);
        Self {
            source,
            line: 1,
            read: 0,
            most,
            scanner,
            origin: origin.clone(),
            ttl: None,
            has_owner: false,
            lost_owner: false,
            raw: Vec::new(),
            ended: false,
        }
    }

    /// The next record or fault, and the line on which its entry begins.
    ///
    /// # Errors
    /// The source's; a file that is larger than it may be is one.
    pub(crate) fn next(&mut self) -> io::Result<Option<(u64, Item)>> {
        loop {
            let line = self.line;
            let gathered = match self.gather()? {
                None => return Ok(None),
                Some(gathered) => gathered,
            };
            let item = match gathered {
                Err(fault) => {
                    self.forget_owner();
                    Some(Item::Fault(fault))
                }
                Ok(entry) if entry.iter().all(u8::is_ascii_whitespace) => None,
                Ok(entry) if entry.first() == Some(&b'$') => {
                    self.directive(&entry).err().map(Item::Fault)
                }
                Ok(entry) => self.record(entry),
            };
            if let Some(item) = item {
                return Ok(Some((line, item)));
            }
        }
    }

    /// One entry without comments, parentheses and line ends; `None` at the end.
    fn gather(&mut self) -> io::Result<Option<Result<Vec<u8>, String>>> {
        let mut entry = Vec::new();
        let mut open = 0u32;
        let mut fault = None;
        loop {
            self.raw.clear();
            if self.ended || !self.read_line()? {
                self.ended = true;
                if open > 0 {
                    fault.get_or_insert("a parenthesis is not closed".to_owned());
                }
                let nothing = entry.is_empty() && fault.is_none();
                return Ok(if nothing { None } else { Some(fault.map_or(Ok(entry), Err)) });
            }
            self.line += 1;
            let mut rest = self.raw.iter().copied().peekable();
            let mut quoted = false;
            while let Some(octet) = rest.next() {
                match octet {
                    b'\\' => {
                        entry.push(octet);
                        entry.extend(rest.next_if(|next| *next != b'\n'));
                    }
                    b'\n' => break,
                    b'\r' if rest.peek() == Some(&b'\n') => {}
                    b'"' => {
                        quoted = !quoted;
                        entry.push(octet);
                    }
                    _ if quoted => entry.push(octet),
                    b';' => break,
                    b'(' if open == 0 => {
                        open = 1;
                        entry.push(b' ');
                    }
                    b'(' => {
                        fault.get_or_insert("a parenthesis stands within another".to_owned());
                    }
                    b')' if open > 0 => {
                        open = 0;
                        entry.push(b' ');
                    }
                    b')' => {
                        fault.get_or_insert("a parenthesis closes none".to_owned());
                    }
                    0..=8 | 11..=31 | 127 => {
                        fault.get_or_insert("a control character stands outside quotes".to_owned());
                    }
                    _ => entry.push(octet),
                }
            }
            if quoted {
                fault.get_or_insert("a quote is not closed in its line".to_owned());
            }
            if entry.len() > LONGEST {
                fault.get_or_insert(format!("the entry is longer than {LONGEST} octets"));
                entry.truncate(LONGEST);
            }
            if open == 0 {
                return Ok(Some(fault.map_or(Ok(entry), Err)));
            }
            entry.push(b' ');
        }
    }

    /// Reads a line of bounded length; what is longer is cut by the bound of an entry.
    fn read_line(&mut self) -> io::Result<bool> {
        let most = u64::try_from(LONGEST + 2).unwrap_or(u64::MAX);
        let mut got = io::Read::take(&mut self.source, most).read_until(b'\n', &mut self.raw)?;
        // The rest of a line that is far too long is read past.
        while got > LONGEST && self.raw.last() != Some(&b'\n') {
            self.read = self.read.saturating_add(u64::try_from(got).unwrap_or(u64::MAX));
            self.within()?;
            let kept = self.raw.len();
            got = io::Read::take(&mut self.source, most).read_until(b'\n', &mut self.raw)?;
            let ends = self.raw.last() == Some(&b'\n');
            self.raw.truncate(kept);
            if ends {
                self.raw.push(b'\n');
            }
        }
        self.read = self.read.saturating_add(u64::try_from(got).unwrap_or(u64::MAX));
        self.within()?;
        Ok(!self.raw.is_empty())
    }

    fn within(&self) -> io::Result<()> {
        if self.read > self.most {
            let text = format!("it is larger than {} octets", self.most);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        Ok(())
    }

    fn directive(&mut self, entry: &[u8]) -> Result<(), String> {
        let text = String::from_utf8_lossy(entry);
        let mut words = text.split_ascii_whitespace();
        let (word, value) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match word.to_ascii_uppercase().as_str() {
            "$ORIGIN" => {
                self.origin = self
                    .name(value)
                    .ok_or_else(|| format!("`{}` is no name", value.escape_debug()))?;
                self.scanner.set_origin(wire_name(&self.origin));
            }
            "$TTL" => {
                let seconds = seconds(value)
                    .ok_or_else(|| format!("`{}` is no time to live", value.escape_debug()))?;
                self.ttl = Some(seconds);
                self.scanner.extend_from_slice(format!("$TTL {seconds}\n").as_bytes());
            }
            "$INCLUDE" => {
                return Err("`$INCLUDE` is not followed: a zone is one file".to_owned());
            }
            "$GENERATE" => {
                return Err("`$GENERATE` is not followed: write the records out".to_owned());
            }
            other => return Err(format!("`{}` is no directive", other.escape_debug())),
        }
        match words.next() {
            Some(more) => Err(format!("`{}` stands behind the directive", more.escape_debug())),
            None => Ok(()),
        }
    }

    fn name(&self, text: &str) -> Option<QueryName> {
        if text == "@" {
            return Some(self.origin.clone());
        }
        let absolute = text.ends_with('.') && !text.ends_with("\\.");
        let name = QueryName::from_text(text)?;
        if absolute {
            return Some(name);
        }
        let labels: Vec<&[u8]> = name.labels().chain(self.origin.labels()).collect();
        QueryName::of_labels(labels)
    }

    fn record(&mut self, mut entry: Vec<u8>) -> Option<Item> {
        let leans = entry.first().is_some_and(u8::is_ascii_whitespace);
        if leans && self.lost_owner {
            return None;
        }
        in_seconds(&mut entry, leans);
        entry.push(b'\n');
        let fault = if leans && !self.has_owner {
            "it has no owner, and none stands before it".to_owned()
        } else {
            self.scanner.extend_from_slice(&entry);
            match self.scanner.next_entry() {
                Ok(Some(Scanned::Record(record))) => {
                    (self.has_owner, self.lost_owner) = (true, false);
                    match self.settled(&record) {
                        Ok(record) => return Some(Item::Record(record)),
                        Err(fault) => return Some(Item::Fault(fault)),
                    }
                }
                Ok(Some(Scanned::Include { .. }) | None) => "it is no record".to_owned(),
                Err(fault) => {
                    // Its own line and column count within the entry.
                    let text = fault.to_string();
                    text.splitn(3, ": ").last().unwrap_or_default().to_owned()
                }
            }
        };
        self.forget_owner();
        Some(Item::Fault(fault))
    }

    fn settled(&self, record: &ScannedRecord) -> Result<Record, String> {
        if record.class() != Class::IN {
            return Err(format!("its class is {}, not IN", record.class()));
        }
        let owner = name_of(record.owner()).ok_or("its owner is no name")?;
        let mut data = Vec::new();
        // Names in it are written out in lower case.
        record.data().compose_canonical_rdata(&mut data).map_err(|_| "its data is too long")?;
        let rtype = QueryType(record.rtype().to_int());
        Ok(Record { owner, rtype, ttl: record.ttl().as_secs(), data: data.into() })
    }

    /// The scanner is in no state that one may use after a fault.
    fn forget_owner(&mut self) {
        self.scanner = scanner(&self.origin);
        if let Some(seconds) = self.ttl {
            self.scanner.extend_from_slice(format!("$TTL {seconds}\n").as_bytes());
        }
        (self.has_owner, self.lost_owner) = (false, true);
    }
}

fn scanner(origin: &QueryName) -> Zonefile {
    // A buffer of that size is refilled in place of a new one for each entry.
    let mut scanner = Zonefile::with_capacity(BUFFER).allow_invalid();
    scanner.set_origin(wire_name(origin));
    scanner.set_default_class(Class::IN);
    scanner
}

fn wire_name(name: &QueryName) -> Name<Bytes> {
    Name::from_octets(Bytes::copy_from_slice(name.as_wire())).unwrap_or_else(|_| Name::root_bytes())
}

/// A name of `domain`'s as one of ours.
pub(crate) fn name_of(name: &impl ToName) -> Option<QueryName> {
    let labels: Vec<&Label> = name.iter_labels().filter(|label| !label.is_root()).collect();
    if labels.is_empty() {
        return Some(QueryName::ROOT);
    }
    QueryName::of_labels(labels.into_iter().map(Label::as_slice))
}

/// Writes times with units (`1h`, `2w3d`) in seconds, where a time may stand: before the type, and in
/// the last five fields of an SOA record. BIND writes them so; RFC 1035 does not.
fn in_seconds(entry: &mut Vec<u8>, leans: bool) {
    let words: Vec<(usize, usize)> = words(entry);
    let first = usize::from(!leans);
    let is = |at: &(usize, usize), word: &[u8]| {
        entry.get(at.0..at.1).is_some_and(|text| text.eq_ignore_ascii_case(word))
    };
    // Owner, TTL, class, type: the type is at most the fourth word.
    let soa = words.iter().skip(first).take(3).position(|word| is(word, b"SOA"));
    let mut times: Vec<(usize, usize)> = words.iter().skip(first).take(2).copied().collect();
    if soa.is_some() {
        times.extend(words.iter().rev().take(5));
    }
    times.sort_unstable();
    times.dedup();
    for (from, to) in times.into_iter().rev() {
        let text = entry.get(from..to).and_then(|word| std::str::from_utf8(word).ok());
        let unit = text.filter(|text| {
            text.starts_with(|c: char| c.is_ascii_digit())
                && !text.ends_with(|c: char| c.is_ascii_digit())
        });
        if let Some(seconds) = unit.and_then(seconds) {
            entry.splice(from..to, seconds.to_string().into_bytes());
        }
    }
}

/// Where the words stand, up to the number that matters.
fn words(entry: &[u8]) -> Vec<(usize, usize)> {
    let mut words = Vec::new();
    let mut begin = None;
    let mut escaped = false;
    for (at, octet) in entry.iter().enumerate() {
        match (octet.is_ascii_whitespace() && !escaped, begin) {
            (false, None) => begin = Some(at),
            (true, Some(from)) => {
                words.push((from, at));
                begin = None;
            }
            _ => {}
        }
        escaped = *octet == b'\\' && !escaped;
    }
    words.extend(begin.map(|from| (from, entry.len())));
    words
}

/// `3600`, `1h`, `1w2d`.
fn seconds(text: &str) -> Option<u32> {
    let (mut total, mut number, mut digits) = (0u64, 0u64, false);
    for octet in text.bytes() {
        let unit = match octet.to_ascii_lowercase() {
            b'0'..=b'9' => {
                number = number.checked_mul(10)?.checked_add(u64::from(octet - b'0'))?;
                digits = true;
                continue;
            }
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        if !std::mem::take(&mut digits) {
            return None;
        }
        total = total.checked_add(number.checked_mul(unit)?)?;
        number = 0;
    }
    u32::try_from(total.checked_add(number)?).ok().filter(|_| !text.is_empty())
}

/// LIMIT: octets of one entry; the longest data of a record is 65,535 octets, and no rule has such.
const LONGEST: usize = 64 * 1024;
/// Octets that the scanner's buffer is refilled by.
const BUFFER: usize = 64 * 1024;

#[cfg(test)]
mod tests;
