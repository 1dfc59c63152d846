//! A response policy zone: built of records, whole or not at all. Must not know files or transfers.
//! Next: `decide`.
//!
//! Whoever builds one adds records in any order and is told of every fault; [`Builder::finish`] gives a
//! zone only if there was none. A rule that is passed over in silence would be a hole.

use super::action::{Action, Local, Override};
use super::entries::{Entries, Item, Record};
use super::prefixes::Prefixes;
use super::table::{Names, Reach};
use super::trap;
use super::trigger::{Kind, Trigger};
use backstop_model::addr::Cidr;
use backstop_model::name::{QueryName, QueryType};
use std::collections::HashMap;
use std::io::{self, BufRead};
use std::net::IpAddr;

/// How a zone is to be used.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// What becomes of its answers.
    pub policy: Override,
    /// Addresses that its local data may name though agents may not reach such: the operator's own.
    pub sinkholes: Vec<Cidr>,
}

/// Something that is wrong in a file, or noteworthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The line on which the entry begins; 0 for the zone as a whole.
    pub line: u64,
    /// What it is.
    pub text: String,
}

/// A zone whose rules count.
#[derive(Debug)]
pub struct Zone {
    pub(super) name: QueryName,
    pub(super) serial: u32,
    pub(super) qnames: Names,
    pub(super) nsdnames: Names,
    pub(super) clients: Prefixes,
    pub(super) addresses: Prefixes,
    pub(super) nsips: Prefixes,
    local: Vec<Local>,
    pub(super) terms: Terms,
    warnings: Vec<Diagnostic>,
}

impl Zone {
    /// Reads a master file of at most `most` octets.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(
        source: impl BufRead,
        name: &QueryName,
        terms: Terms,
        most: u64,
        keys: (u64, u64),
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut builder = Builder::new(name, keys);
        let mut entries = Entries::new(source, name, most);
        loop {
            match entries.next() {
                Ok(None) => return builder.finish(terms),
                Ok(Some((line, Item::Record(record)))) => builder.add(line, record),
                Ok(Some((line, Item::Fault(text)))) => builder.fault(line, text),
                Err(fault) => {
                    builder.fault(0, read_fault(&fault));
                    return builder.finish(terms);
                }
            }
        }
    }

    /// Its name.
    pub fn name(&self) -> &QueryName {
        &self.name
    }
    /// The serial of its SOA record.
    pub fn serial(&self) -> u32 {
        self.serial
    }
    /// How many rules it has.
    pub fn len(&self) -> usize {
        self.qnames.len()
            + self.nsdnames.len()
            + self.clients.len()
            + self.addresses.len()
            + self.nsips.len()
    }
    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// What its rules take of memory.
    pub fn octets(&self) -> usize {
        let tables = self.qnames.octets() + self.nsdnames.octets();
        let prefixes = self.clients.octets() + self.addresses.octets() + self.nsips.octets();
        let local = self.local.iter().map(|local| {
            let data: usize = local.records.iter().map(|(.., data)| data.len()).sum();
            size_of::<Local>() + local.records.capacity() * RECORD + data
        });
        tables + prefixes + local.sum::<usize>()
    }
    /// What should be looked at, though the zone counts.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }
    /// How it is used.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }
    /// The records of a rule; `None` for records that are lost.
    pub(super) fn local(&self, number: u32) -> Option<&Local> {
        self.local.get(usize::try_from(number).ok()?)
    }
    /// Whether an answer must be looked at too.
    pub(super) fn looks_at_answers(&self) -> bool {
        !(self.addresses.is_empty() && self.nsdnames.is_empty() && self.nsips.is_empty())
    }
}

fn read_fault(fault: &io::Error) -> String {
    format!("it cannot be read: {fault}")
}

/// A zone that is being read.
pub(crate) struct Builder {
    name: QueryName,
    serial: Option<u32>,
    qnames: Names,
    nsdnames: Names,
    prefixes: HashMap<(Kind, IpAddr, u8), Action>,
    local: Vec<Local>,
    faults: Vec<Diagnostic>,
    more: u64,
    warnings: Vec<Diagnostic>,
}

impl Builder {
    pub(crate) fn new(name: &QueryName, keys: (u64, u64)) -> Self {
        Self {
            name: name.clone(),
            serial: None,
            qnames: Names::new(keys),
            nsdnames: Names::new(keys),
            prefixes: HashMap::new(),
            local: Vec::new(),
            faults: Vec::new(),
            more: 0,
            warnings: Vec::new(),
        }
    }

    /// Notes a fault; past [`FAULTS`] they are counted alone.
    pub(crate) fn fault(&mut self, line: u64, text: String) {
        if self.faults.len() < FAULTS {
            self.faults.push(Diagnostic { line, text });
        } else {
            self.more += 1;
        }
    }

    fn warn(&mut self, line: u64, text: String) {
        if self.warnings.len() < FAULTS {
            self.warnings.push(Diagnostic { line, text });
        }
    }

    /// Adds a record.
    pub(crate) fn add(&mut self, line: u64, record: Record) {
        if let Err(fault) = self.rule(line, record) {
            self.fault(line, fault);
        }
    }

    fn rule(&mut self, line: u64, record: Record) -> Result<(), String> {
        let Record { owner, rtype, ttl, data } = record;
        let zone = self.name.clone();
        let Some(labels) = owner.below(&zone) else {
            return Err(format!("`{owner}` is not in the zone `{zone}`"));
        };
        let labels: Vec<&[u8]> = labels.collect();
        if labels.is_empty() {
            return self.top(rtype, &data);
        }
        match rtype {
            // A signed zone says nothing more than an unsigned one.
            QueryType::RRSIG
            | QueryType::NSEC
            | QueryType::NSEC3
            | QueryType::NSEC3PARAM
            | QueryType::DNSKEY
            | QueryType::CDS
            | QueryType::CDNSKEY
            | QueryType::DS => return Ok(()),
            QueryType::SOA | QueryType::NS | QueryType::DNAME => {
                return Err(format!("`{owner}`: {rtype} is no action"));
            }
            _ => {}
        }
        let trigger = Trigger::read(&labels).map_err(|fault| format!("`{owner}`: {fault}"))?;
        let fixed = if rtype == QueryType::CNAME {
            let target = QueryName::parse(&data).ok_or("its target is no name")?;
            self.of_alias(line, &trigger, &target).map_err(|fault| format!("`{owner}`: {fault}"))?
        } else {
            None
        };
        self.set(&trigger, rtype, ttl, data, fixed).map_err(|fault| format!("`{owner}`: {fault}"))
    }

    /// The action that an alias is; the form of old zones for PASSTHRU, too.
    fn of_alias(
        &mut self,
        line: u64,
        trigger: &Trigger,
        target: &QueryName,
    ) -> Result<Option<Action>, String> {
        if let Trigger::Name(Kind::Qname, name, Reach::Exact) = trigger
            && name == target
        {
            self.warn(line, format!("`{name}` is an alias of itself: read as PASSTHRU, as old zones write it; write `rpz-passthru.`"));
            return Ok(Some(Action::Passthru));
        }
        if matches!(trigger, Trigger::Address(..))
            && let Some(labels) = target.below(&self.name)
            && let labels = labels.collect::<Vec<_>>()
            && !labels.is_empty()
            && Trigger::read(&labels).as_ref() == Ok(trigger)
        {
            self.warn(line, "an alias of itself is read as PASSTHRU, as old zones write it; write `rpz-passthru.`".to_owned());
            return Ok(Some(Action::Passthru));
        }
        Action::of_alias(target)
    }

    fn top(&mut self, rtype: QueryType, data: &[u8]) -> Result<(), String> {
        match rtype {
            QueryType::SOA => {
                // Serial, refresh, retry, expire, minimum: the last 20 octets.
                let at = data.len().checked_sub(20).and_then(|at| data.get(at..));
                let serial = at.and_then(|rest| rest.first_chunk::<4>()).copied();
                let serial = serial.map(u32::from_be_bytes).ok_or("its SOA record is too short")?;
                match self.serial.replace(serial) {
                    Some(other) if other != serial => Err("it has two SOA records".to_owned()),
                    Some(_) | None => Ok(()),
                }
            }
            QueryType::CNAME | QueryType::DNAME => {
                Err(format!("{rtype} at the top of the zone is no rule"))
            }
            // NS, TXT and the like are the zone's own, no rules.
            _ => Ok(()),
        }
    }

    fn set(
        &mut self,
        trigger: &Trigger,
        rtype: QueryType,
        ttl: u32,
        data: Box<[u8]>,
        fixed: Option<Action>,
    ) -> Result<(), String> {
        let before = match trigger {
            Trigger::Name(Kind::Nsdname, name, reach) => self.nsdnames.get(name, *reach),
            Trigger::Name(_, name, reach) => self.qnames.get(name, *reach),
            Trigger::Address(kind, address, bits) => {
                self.prefixes.get(&(*kind, *address, *bits)).copied()
            }
        };
        let action = match (before, fixed) {
            (None, Some(fixed)) => fixed,
            // Said twice.
            (Some(same), Some(fixed)) if same == fixed => return Ok(()),
            (Some(Action::Local(number)), None) => {
                let number = usize::try_from(number).unwrap_or(usize::MAX);
                let local = self.local.get_mut(number).ok_or("its records are lost")?;
                let alias = rtype == QueryType::CNAME;
                let same = (rtype, ttl, data);
                if local.records.contains(&same) {
                    return Ok(());
                }
                if alias || local.is_alias() {
                    return Err("a CNAME has other records beside it".to_owned());
                }
                if local.records.len() >= RECORDS {
                    return Err(format!("it has more than {RECORDS} records"));
                }
                local.records.push(same);
                return Ok(());
            }
            (Some(other), _) => {
                return Err(format!("it says {} and something else", other.as_str()));
            }
            (None, None) => {
                let number = u32::try_from(self.local.len()).map_err(|_| "the zone is full")?;
                self.local.push(Local { records: vec![(rtype, ttl, data)] });
                Action::Local(number)
            }
        };
        let full = || "the zone is full".to_owned();
        match trigger {
            Trigger::Name(Kind::Nsdname, name, reach) => {
                self.nsdnames.set(name, *reach, action).ok_or_else(full)
            }
            Trigger::Name(_, name, reach) => self.qnames.set(name, *reach, action).ok_or_else(full),
            Trigger::Address(kind, address, bits) => {
                self.prefixes.insert((*kind, *address, *bits), action);
                Ok(())
            }
        }
    }

    /// The zone of the program itself, under a name that is no file's.
    ///
    /// # Errors
    /// Everything that was wrong.
    pub(crate) fn finish_named(
        mut self,
        name: &str,
        terms: Terms,
    ) -> Result<Zone, Vec<Diagnostic>> {
        self.serial = Some(0);
        let mut zone = self.finish(terms)?;
        zone.name = QueryName::from_text(name).unwrap_or(QueryName::ROOT);
        Ok(zone)
    }

    /// The zone, if nothing was wrong.
    ///
    /// # Errors
    /// Everything that was.
    pub(crate) fn finish(mut self, terms: Terms) -> Result<Zone, Vec<Diagnostic>> {
        if self.serial.is_none() && self.faults.is_empty() {
            let text = "it has no SOA record at its top: is it a zone, and whole?".to_owned();
            self.fault(0, text);
        }
        if self.more > 0 {
            let text = format!("and {} faults more", self.more);
            self.faults.push(Diagnostic { line: 0, text });
        }
        if !self.faults.is_empty() {
            return Err(self.faults);
        }
        // Feeds say the same records a hundred thousand times.
        let (mut known, mut local, mut numbers) = (HashMap::new(), Vec::new(), Vec::new());
        for records in self.local {
            let number = *known.entry(records).or_insert_with_key(|records: &Local| {
                local.push(records.clone());
                u32::try_from(local.len() - 1).unwrap_or(u32::MAX)
            });
            numbers.push(number);
        }
        local.shrink_to_fit();
        self.qnames.finish(&numbers);
        self.nsdnames.finish(&numbers);
        let of = |kind: Kind| {
            let numbers = &numbers;
            Prefixes::of(self.prefixes.iter().filter(move |((k, ..), _)| *k == kind).map(
                move |((_, address, bits), action)| {
                    let action = match action {
                        Action::Local(number) => {
                            let at = usize::try_from(*number).ok().and_then(|n| numbers.get(n));
                            Action::Local(at.copied().unwrap_or(u32::MAX))
                        }
                        Action::Nxdomain
                        | Action::Nodata
                        | Action::Passthru
                        | Action::Drop
                        | Action::TcpOnly => *action,
                    };
                    ((*address, *bits), action)
                },
            ))
        };
        let mut zone = Zone {
            name: self.name,
            serial: self.serial.unwrap_or(0),
            clients: of(Kind::ClientIp),
            addresses: of(Kind::Ip),
            nsips: of(Kind::Nsip),
            qnames: self.qnames,
            nsdnames: self.nsdnames,
            local,
            terms,
            warnings: self.warnings,
        };
        if let Some(text) = trap::warning(&zone.qnames) {
            zone.warnings.push(Diagnostic { line: 0, text });
        }
        Ok(zone)
    }
}

const RECORD: usize = size_of::<(QueryType, u32, Box<[u8]>)>();
/// LIMIT: faults of a file that are told.
const FAULTS: usize = 100;
/// LIMIT: records of one rule.
const RECORDS: usize = 64;

/// A name's rule in a zone, for tests of it.
#[cfg(test)]
pub(super) fn found<'z>(zone: &'z Zone, name: &str) -> Option<super::table::Matched<'z>> {
    zone.qnames.find(&QueryName::from_text(name).unwrap())
}

#[cfg(test)]
mod tests;
