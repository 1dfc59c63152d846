//! What is kept of one client: the addresses it was told, and how much its names could carry.
//! All of it is bounded. Next: `signs`.

use super::by_hash::ByHash;
use super::told::{Hold, Told};
use backstop_detect::hostname::{DistinctVolume, Mix, UniqueRate};
use backstop_model::time::Timestamp;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

/// LIMIT: names whose addresses are kept for one client.
const NAMES: usize = 1_024;
/// LIMIT: addresses of one name; the largest pools that rotate have some 50.
const ADDRESSES: usize = 64;
/// LIMIT: registered domains whose rate is counted for one client; the rest is one.
const DOMAINS: usize = 256;
/// LIMIT: wildcard rows that are counted apart for one client; the rest is one. Rows come from
/// policy, so that no client makes them more.
const ROWS: usize = 1_024;

/// What is kept of one client.
#[derive(Default)]
pub(super) struct Book {
    /// By the keyed hash of the name: where its addresses stand. Two names of one hash are one in
    /// 2^64; then the younger has the place.
    pins: ByHash<usize>,
    /// As many as names are kept; then the oldest gives way, its room included.
    pinned: Vec<Pinned>,
    oldest: usize,
    /// How many names gave way so far.
    forgotten: u64,
    rates: HashMap<Box<[u8]>, UniqueRate>,
    day: i64,
    rows: HashMap<Box<str>, RowBook>,
    pub(super) total: DistinctVolume,
}

/// What one client was told for one name.
#[derive(Default)]
pub(super) struct Pinned {
    name: u64,
    told: Pins,
}

/// Addresses, the newest first, each with the end of its use. Often it is one, which lies in place.
enum Pins {
    One((IpAddr, Timestamp)),
    Many(VecDeque<(IpAddr, Timestamp)>),
}

impl Default for Pins {
    fn default() -> Self {
        Self::Many(VecDeque::new())
    }
}

impl Pins {
    fn iter(&self) -> impl Iterator<Item = &(IpAddr, Timestamp)> {
        let (first, rest) = match self {
            Self::One(one) => (std::slice::from_ref(one), [].as_slice()),
            Self::Many(many) => many.as_slices(),
        };
        first.iter().chain(rest)
    }
    fn iter_mut(&mut self) -> impl Iterator<Item = &mut (IpAddr, Timestamp)> {
        let (first, rest) = match self {
            Self::One(one) => (std::slice::from_mut(one), [].as_mut_slice()),
            Self::Many(many) => many.as_mut_slices(),
        };
        first.iter_mut().chain(rest)
    }
    fn retain(&mut self, mut stays: impl FnMut(&(IpAddr, Timestamp)) -> bool) {
        match self {
            Self::One(one) if stays(one) => {}
            Self::One(_) => *self = Self::default(),
            Self::Many(many) => many.retain(stays),
        }
    }
    /// Puts these before the others.
    fn put(&mut self, addresses: &[IpAddr], until: Timestamp) {
        let mut many = match std::mem::take(self) {
            Self::One(one) => VecDeque::from([one]),
            Self::Many(many) => many,
        };
        *self = match addresses {
            [one] if many.is_empty() => Self::One((*one, until)),
            _ => {
                for address in addresses.iter().rev() {
                    many.push_front((*address, until));
                }
                many.truncate(ADDRESSES);
                Self::Many(many)
            }
        };
    }
}

impl Pinned {
    /// Told the same again, as mostly: only its end moves. What else is kept ends by itself.
    fn renew(&mut self, addresses: &[IpAddr], until: Timestamp) -> bool {
        let mut known = self.told.iter();
        let same =
            addresses.iter().all(|told| known.next().is_some_and(|(known, _)| known == told));
        drop(known);
        if same {
            for (_, end) in self.told.iter_mut().take(addresses.len()) {
                *end = until;
            }
        }
        same
    }
    /// What of it holds; if nothing does any more, what stands in for so long after.
    pub(super) fn told(&self, now: Timestamp, grace: Duration) -> Told {
        let after = now.plus(grace);
        let stands = self.told.iter().filter(|(_, until)| after < *until);
        let addresses: Vec<IpAddr> = stands.map(|(address, _)| *address).collect();
        if addresses.is_empty() {
            let addresses = self.told.iter().map(|(address, _)| *address).collect();
            return Told { addresses, hold: Hold::Grace };
        }
        Told { addresses, hold: Hold::Stands }
    }
    #[cfg(test)]
    fn addresses(&self) -> Vec<IpAddr> {
        self.told.iter().map(|(address, _)| *address).collect()
    }
}

/// What one client has asked under one wildcard row today.
#[derive(Default)]
pub(super) struct RowBook {
    pub(super) volume: DistinctVolume,
    /// Distinct names, as far as they are told apart.
    pub(super) names: u64,
    /// How many of these read as a code, and their octets.
    pub(super) coded: u64,
    pub(super) coded_octets: u64,
    /// How the last of them read.
    pub(super) coding: &'static str,
    /// What their symbols look like together.
    pub(super) mix: Mix,
    pub(super) queries: u64,
    /// Questions for types that carry text.
    pub(super) wide: u64,
    pub(super) answers: u64,
    pub(super) absent: u64,
    /// What it was told: the data of distinct records.
    pub(super) told: DistinctVolume,
    /// Questions that an upstream was asked.
    pub(super) sent: u64,
}

impl Book {
    /// What was told for a name and has not ended.
    pub(super) fn pinned(&mut self, name: u64, now: Timestamp) -> Option<&Pinned> {
        let pinned = self.pinned.get_mut(*self.pins.get(&name)?)?;
        pinned.told.retain(|(_, until)| now < *until);
        pinned.told.iter().next().is_some().then_some(&*pinned)
    }
    /// Whether this client was ever told an address of a name.
    pub(super) fn was_told(&self, name: u64) -> bool {
        self.pins.contains_key(&name)
    }
    /// How many names gave way to others so far: until that changes, what was pinned still is.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }
    pub(super) fn pin(&mut self, name: u64, addresses: &[IpAddr], now: Timestamp, life: Duration) {
        let until = now.plus(life);
        let known = self.pins.get(&name).copied();
        let place = known.unwrap_or_else(|| self.place(name));
        let Some(pinned) = self.pinned.get_mut(place) else { return };
        if known.is_some() && pinned.renew(addresses, until) {
            return;
        }
        pinned.told.retain(|(known, end)| now < *end && !addresses.contains(known));
        pinned.told.put(addresses, until);
    }

    /// Room for one more name; the oldest gives way if there is none.
    fn place(&mut self, name: u64) -> usize {
        let mut place = self.pinned.len();
        if place < NAMES {
            self.pinned.push(Pinned { name, told: Pins::default() });
        } else {
            place = self.oldest;
            self.oldest = (place + 1) % NAMES;
            self.forgotten += 1;
            if let Some(pinned) = self.pinned.get_mut(place) {
                pinned.told = Pins::default();
                let before = std::mem::replace(&mut pinned.name, name);
                self.pins.remove(&before);
            }
        }
        self.pins.insert(name, place);
        place
    }

    /// How many unique names of a registered domain were asked within the last minute.
    pub(super) fn rate(&mut self, domain: &[u8], name: u64, now: Timestamp) -> usize {
        let known = self.rates.contains_key(domain);
        let key: &[u8] = if known || self.rates.len() < DOMAINS { domain } else { &[] };
        if self.rates.len() >= DOMAINS && !known {
            // Those that rest have nothing to tell.
            self.rates.retain(|_, rate| !rate.rests(now.unix_micros()));
        }
        self.rates.entry(Box::from(key)).or_default().add(name, now.unix_micros())
    }

    /// The book of a wildcard row, begun anew each day (UTC).
    pub(super) fn row(&mut self, base: &str, now: Timestamp) -> &mut RowBook {
        let day = now.date().days();
        if day != self.day {
            self.day = day;
            self.rows.clear();
            self.total = DistinctVolume::default();
        }
        let key = if self.rows.contains_key(base) || self.rows.len() < ROWS { base } else { "" };
        self.rows.entry(Box::from(key)).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_micros(1_700_000_000_000_000 + seconds * 1_000_000)
    }

    fn address(n: u8) -> IpAddr {
        IpAddr::from([93, 184, 216, n])
    }

    #[test]
    fn fifty_rotating_addresses_stay_pinned_and_end_by_themselves() {
        let mut book = Book::default();
        for n in 0..50 {
            book.pin(1, &[address(n)], at(0), Duration::from_secs(60));
        }
        assert_eq!(book.pinned(1, at(59)).unwrap().addresses().len(), 50);
        assert_eq!(book.pinned(1, at(0)).unwrap().addresses()[0], address(49));
        book.pin(1, &[address(3)], at(30), Duration::from_secs(60));
        book.pin(1, &[address(3)], at(30), Duration::from_secs(60));
        assert_eq!(book.pinned(1, at(59)).unwrap().addresses().len(), 50);
        assert_eq!(book.pinned(1, at(60)).unwrap().addresses(), [address(3)]);
        assert!(book.pinned(1, at(90)).is_none());
        assert!(book.was_told(1));
        for n in 0..=255 {
            book.pin(2, &[address(n)], at(0), Duration::from_secs(60));
        }
        assert_eq!(book.pinned(2, at(1)).unwrap().addresses().len(), ADDRESSES);
    }

    #[test]
    fn a_client_that_asks_much_takes_bounded_memory() {
        let mut book = Book::default();
        for n in 0..10_000_u32 {
            let name = n.to_be_bytes();
            book.pin(u64::from(n), &[address(1)], at(0), Duration::from_secs(60));
            book.rate(&name, u64::from(n), at(0));
            book.row(&format!("r{n}"), at(0)).names += 1;
        }
        assert_eq!((book.pins.len(), book.pinned.len()), (NAMES, NAMES));
        assert_eq!(book.forgotten(), 10_000 - NAMES as u64);
        assert!(book.was_told(9_999) && book.was_told(10_000 - NAMES as u64), "the youngest stay");
        assert!(!book.was_told(9_999 - NAMES as u64));
        assert_eq!((book.rates.len(), book.rows.len()), (DOMAINS + 1, ROWS + 1));
        book.rate(b"late", 1, at(120));
        assert!(book.rates.len() < DOMAINS, "what rests is forgotten");
        assert_eq!(book.row("r1", at(86_400)).names, 0, "a new day, a new budget");
    }
}
