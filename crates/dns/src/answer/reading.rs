//! An upstream's message, walked and cut down to what was asked for.
//! Must not know who asked. Next: `chase`.
//!
//! The upstream is believed for one thing alone: the records on the chain of aliases that begins at
//! the question's name. Whatever else it sends (other names, the additional section, name servers,
//! signatures) is dropped, so nothing can be slipped into an answer, let alone into the cache under
//! another name (RFC 5452 §6, RFC 2181 §5.4.1).

use super::image::Writer;
use super::service::{Ech, Service};
use crate::cache::{Content, Rest};
use crate::forward::{Failure, Key};
use backstop_model::name::{CLASS_IN, QueryName, QueryType};
use domain::base::iana::Rtype;
use domain::base::name::{Label, ParsedName, ToName};
use domain::base::rdata::ComposeRecordData;
use domain::base::{Message, ParsedRecord};
use domain::rdata::{AllRecordData, Cname, Dname, Https, Ns, Soa, Svcb};
use std::net::IpAddr;
use std::time::Duration;

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// What is told of it.
    pub(crate) content: Content,
    /// How long the upstream says that it holds; `None` for a negative answer without SOA, which
    /// nobody should keep (RFC 2308 §5).
    pub(crate) ttl: Option<Duration>,
    /// Whether there is what was asked for.
    pub(crate) found: Found,
}

/// Whether there is what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Records.
    Records,
    /// No such name, or no such records.
    Nothing,
}

/// How far a message led.
pub(crate) enum Step<'k> {
    /// To the end.
    Whole(Reading),
    /// To an alias of whose target it says nothing: that target is to be asked for.
    Open(Walk<'k>),
}

/// Reads the answer to `key`, as far as this one message goes.
///
/// # Errors
/// As [`step`].
pub(crate) fn read(message: &[u8], key: &Key) -> Result<Reading, Failure> {
    match step(Walk::new(key), message)? {
        Step::Whole(reading) => Ok(reading),
        Step::Open(walk) => Ok(walk.left_open()),
    }
}

/// Reads the answer to a question for the name where the walk stands.
///
/// # Errors
/// [`Failure::Rcode`] for what the upstream could not do, [`Failure::Unacceptable`] for a message
/// that is malformed, endless or beyond all measure: none of it is used.
pub(crate) fn step<'k>(mut walk: Walk<'k>, message: &[u8]) -> Result<Step<'k>, Failure> {
    let message = Message::from_slice(message).map_err(|_| Failure::Unacceptable)?;
    let rcode = message.header().rcode().to_int();
    if !matches!(rcode, NOERROR | NXDOMAIN) {
        return Err(Failure::Rcode(rcode));
    }
    let records = Record::collect(message)?;
    let before = walk.chain.len();
    walk.follow(&records)?;
    let mut found = walk.take(&records)?;
    if rcode == NXDOMAIN {
        // RFC 6604 §3: with an alias the code is about its end. With records it is nonsense.
        if found == Found::Records {
            return Err(Failure::Unacceptable);
        }
        found = Found::Nothing;
    }
    let authority = match found {
        Found::Records => Authority::None,
        Found::Nothing => walk.authority(message)?,
    };
    walk.note_servers(message);
    // Whoever says nothing of an alias's end, not even that there is nothing, has not looked.
    let open = rcode == NOERROR && matches!((found, &authority), (Found::Nothing, Authority::None));
    if open && walk.chain.len() > before {
        return Ok(Step::Open(walk));
    }
    Ok(Step::Whole(walk.finish(rcode, found, authority)))
}

/// A record of the class Internet.
struct Record<'m> {
    owner: QueryName,
    parsed: ParsedRecord<'m, [u8]>,
}

impl<'m> Record<'m> {
    fn collect(message: &'m Message<[u8]>) -> Result<Vec<Self>, Failure> {
        let section = message.answer().map_err(|_| Failure::Unacceptable)?;
        let mut records = Vec::new();
        for parsed in section {
            let parsed = parsed.map_err(|_| Failure::Unacceptable)?;
            if records.len() >= RECORDS {
                return Err(Failure::Unacceptable);
            }
            if parsed.class().to_int() == CLASS_IN {
                records.push(Self { owner: name_of(&parsed.owner())?, parsed });
            }
        }
        Ok(records)
    }
    fn rtype(&self) -> QueryType {
        QueryType(self.parsed.rtype().to_int())
    }
    fn data<D: domain::base::rdata::ParseRecordData<'m, [u8]>>(&self) -> Result<D, Failure> {
        let record = self.parsed.to_record::<D>().map_err(|_| Failure::Unacceptable)?;
        Ok(record.ok_or(Failure::Unacceptable)?.into_data())
    }
    /// Priority, target and parameters of an SVCB or HTTPS record.
    fn service(&self) -> Result<(u16, QueryName, Vec<u8>), Failure> {
        type Octets<'m> = &'m [u8];
        if self.rtype() == QueryType::HTTPS {
            let data = self.data::<Https<Octets<'m>, ParsedName<Octets<'m>>>>()?;
            Ok((data.priority(), name_of(data.target())?, data.params().as_slice().to_vec()))
        } else {
            let data = self.data::<Svcb<Octets<'m>, ParsedName<Octets<'m>>>>()?;
            Ok((data.priority(), name_of(data.target())?, data.params().as_slice().to_vec()))
        }
    }
}

fn name_of(name: &impl ToName) -> Result<QueryName, Failure> {
    let labels = name.iter_labels().filter(|label| !label.is_root());
    let labels: Vec<&Label> = labels.collect();
    if labels.is_empty() {
        return Ok(QueryName::ROOT);
    }
    QueryName::of_labels(labels.into_iter().map(Label::as_slice)).ok_or(Failure::Unacceptable)
}

/// The name servers that a message tells of.
#[derive(Default, Clone)]
struct Servers {
    known: Vec<QueryName>,
    names: Vec<u8>,
    addresses: Vec<IpAddr>,
}

/// The SOA of a negative answer.
enum Authority {
    None,
    Soa { ttl: u32 },
}

/// The walk from the question's name along its aliases.
#[derive(Clone)]
pub(crate) struct Walk<'k> {
    key: &'k Key,
    plain: Writer,
    with_ech: Option<Writer>,
    chain: Vec<QueryName>,
    addresses: Vec<IpAddr>,
    servers: Servers,
    ttl: u32,
}

impl<'k> Walk<'k> {
    /// At the question's name.
    pub(crate) fn new(key: &'k Key) -> Self {
        Self {
            key,
            plain: Writer::new(&key.name),
            with_ech: None,
            chain: Vec::new(),
            addresses: Vec::new(),
            servers: Servers::default(),
            ttl: u32::MAX,
        }
    }
    /// The name where the walk stands.
    pub(crate) fn here(&self) -> &QueryName {
        self.chain.last().unwrap_or(&self.key.name)
    }
    /// The names that the question's name leads to so far, in order.
    pub(crate) fn chain(&self) -> &[QueryName] {
        &self.chain
    }
    fn asks_for(&self, rtype: QueryType) -> bool {
        rtype == self.key.qtype
            || (self.key.qtype == QueryType::ANY
                && !matches!(rtype, QueryType::RRSIG | QueryType::OPT))
    }
    fn note_ttl(&mut self, record: &Record<'_>) {
        self.ttl = self.ttl.min(read_ttl(record.parsed.ttl().as_secs()));
    }

    /// Follows CNAME and DNAME records until there are none.
    fn follow(&mut self, records: &[Record<'_>]) -> Result<(), Failure> {
        loop {
            let here = self.here();
            let ours = |record: &&Record<'_>| record.owner == *here;
            if records.iter().filter(ours).any(|record| self.asks_for(record.rtype())) {
                return Ok(());
            }
            let mut aliases =
                records.iter().filter(ours).filter(|record| record.rtype() == QueryType::CNAME);
            let (target, record) = match aliases.next() {
                Some(alias) => {
                    let target = name_of(alias.data::<Cname<ParsedName<&[u8]>>>()?.cname())?;
                    for other in aliases {
                        // RFC 2181 §10.1: one alias, one name.
                        if name_of(other.data::<Cname<ParsedName<&[u8]>>>()?.cname())? != target {
                            return Err(Failure::Unacceptable);
                        }
                    }
                    (target, alias)
                }
                None => match self.redirection(records)? {
                    Some(found) => found,
                    None => return Ok(()),
                },
            };
            if target == self.key.name || self.chain.contains(&target) || self.chain.len() >= CHAIN
            {
                return Err(Failure::Unacceptable);
            }
            self.note_ttl(record);
            self.plain.alias(&target);
            self.chain.push(target);
        }
    }

    /// The alias that a DNAME above this name makes of it (RFC 6672 §2.2).
    fn redirection<'r, 'm>(
        &self,
        records: &'r [Record<'m>],
    ) -> Result<Option<(QueryName, &'r Record<'m>)>, Failure> {
        let here = self.here();
        let above = |record: &&Record<'_>| {
            record.rtype() == QueryType::DNAME
                && record.owner != *here
                && here.below(&record.owner).is_some()
        };
        let Some(record) = records.iter().find(above) else { return Ok(None) };
        let target = name_of(record.data::<Dname<ParsedName<&[u8]>>>()?.dname())?;
        let kept: Vec<&[u8]> =
            here.below(&record.owner).into_iter().flatten().chain(target.labels()).collect();
        let name = QueryName::of_labels(kept).ok_or(Failure::Unacceptable)?;
        Ok(Some((name, record)))
    }

    /// Takes the records that were asked for, at the end of the aliases.
    fn take(&mut self, records: &[Record<'_>]) -> Result<Found, Failure> {
        let here = self.here().clone();
        let mut found = Found::Nothing;
        let mut of_ech = Writer::clone(&self.plain);
        let mut has_ech = false;
        for record in records.iter().filter(|record| record.owner == here) {
            let rtype = record.rtype();
            if !self.asks_for(rtype) {
                continue;
            }
            found = Found::Records;
            self.note_ttl(record);
            if matches!(rtype, QueryType::HTTPS | QueryType::SVCB) {
                let (priority, target, params) = record.service()?;
                let service = Service { priority, target: &target, params: &params };
                let stripped = service.told(Ech::Strip, &mut self.addresses)?;
                let kept = service.told(Ech::Keep, &mut Vec::new())?;
                has_ech |= stripped != kept;
                // A record that needs what was stripped is no record any more (RFC 9460 §8).
                if let Some(data) = stripped {
                    self.plain.record(rtype, &data)?;
                }
                if let Some(data) = kept {
                    of_ech.record(rtype, &data)?;
                }
            } else {
                let data = self.plain_data(record, rtype)?;
                self.plain.record(rtype, &data)?;
                of_ech.record(rtype, &data)?;
            }
        }
        self.with_ech = has_ech.then_some(of_ech);
        Ok(found)
    }

    fn plain_data(&mut self, record: &Record<'_>, rtype: QueryType) -> Result<Vec<u8>, Failure> {
        let mut data = Vec::new();
        match rtype {
            QueryType::A => {
                let address = record.data::<domain::rdata::A>()?.addr();
                self.addresses.push(address.into());
                data.extend(address.octets());
            }
            QueryType::AAAA => {
                let address = record.data::<domain::rdata::Aaaa>()?.addr();
                self.addresses.push(address.into());
                data.extend(address.octets());
            }
            // Names in it are written out, in lower case: they were compressed against another
            // message, whose question had a case of its own.
            _ => compose(record, &mut data)?,
        }
        Ok(data)
    }

    /// The SOA under which nothing was found: of a zone in which the walk's end lies.
    fn authority(&mut self, message: &Message<[u8]>) -> Result<Authority, Failure> {
        let section = message.authority().map_err(|_| Failure::Unacceptable)?;
        for parsed in section.take(RECORDS) {
            let parsed = parsed.map_err(|_| Failure::Unacceptable)?;
            if parsed.rtype() != Rtype::SOA || parsed.class().to_int() != CLASS_IN {
                continue;
            }
            let zone = name_of(&parsed.owner())?;
            if self.here().below(&zone).is_none() {
                continue;
            }
            let record = parsed.to_record::<Soa<ParsedName<&[u8]>>>();
            let soa = record.ok().flatten().ok_or(Failure::Unacceptable)?;
            let mut data = Vec::new();
            soa.data().compose_canonical_rdata(&mut data).map_err(|_| Failure::Unacceptable)?;
            self.plain.authority(&zone, QueryType::SOA, &data)?;
            // RFC 2308 §5: the lesser of the two.
            let ttl = read_ttl(soa.ttl().as_secs()).min(read_ttl(soa.data().minimum().as_secs()));
            return Ok(Authority::Soa { ttl });
        }
        Ok(Authority::None)
    }

    /// The name servers of zones on the way, as far as the message tells: for filters alone, never
    /// told to anybody. What cannot be read of them is passed over, since nothing depends on its
    /// being there.
    fn note_servers(&mut self, message: &Message<[u8]>) {
        let Ok(section) = message.authority() else { return };
        for parsed in section.take(RECORDS).map_while(Result::ok) {
            if parsed.rtype() != Rtype::NS || parsed.class().to_int() != CLASS_IN {
                continue;
            }
            let Ok(zone) = name_of(&parsed.owner()) else { continue };
            let names = std::iter::once(&self.key.name).chain(&self.chain);
            if !names.into_iter().any(|name| name.below(&zone).is_some()) {
                continue;
            }
            let data = parsed.to_record::<Ns<ParsedName<&[u8]>>>().ok().flatten();
            let Some(name) = data.and_then(|record| name_of(record.data().nsdname()).ok()) else {
                continue;
            };
            let servers = &mut self.servers;
            if servers.known.len() < SERVERS && !servers.known.contains(&name) {
                servers.names.extend(name.as_wire());
                servers.known.push(name);
            }
        }
        let servers = &mut self.servers;
        if servers.known.is_empty() {
            return;
        }
        let Ok(section) = message.additional() else { return };
        for parsed in section.take(RECORDS).map_while(Result::ok) {
            let wanted = parsed.class().to_int() == CLASS_IN
                && servers.addresses.len() < SERVERS * 2
                && name_of(&parsed.owner()).is_ok_and(|owner| servers.known.contains(&owner));
            if !wanted {
                continue;
            }
            if let Ok(Some(four)) = parsed.to_record::<domain::rdata::A>() {
                servers.addresses.push(four.data().addr().into());
            } else if let Ok(Some(six)) = parsed.to_record::<domain::rdata::Aaaa>() {
                servers.addresses.push(six.data().addr().into());
            }
        }
    }

    /// The answer of a walk that nobody leads on.
    pub(crate) fn left_open(self) -> Reading {
        self.finish(NOERROR, Found::Nothing, Authority::None)
    }

    /// The same where rules refuse the name at which it stands. Rules for name servers speak of those
    /// of that name, whom nobody was asked for.
    pub(crate) fn cut_off(self) -> Reading {
        let reading = self.left_open();
        Reading { content: reading.content.cut_off(), ..reading }
    }

    fn finish(self, rcode: u8, found: Found, authority: Authority) -> Reading {
        let seconds = |seconds: u32| Some(Duration::from_secs(seconds.into()));
        let (ttl, authorities) = match (found, authority) {
            (Found::Records, _) => (seconds(self.ttl), 0),
            (Found::Nothing, Authority::Soa { ttl }) => (seconds(ttl.min(self.ttl)), 1),
            (Found::Nothing, Authority::None) => (None, 0),
        };
        let rest = Rest {
            with_ech: self.with_ech.map(|writer| writer.finish(rcode, authorities)),
            chain: self.chain.into(),
            servers: self.servers.names.into(),
            server_addresses: self.servers.addresses.into(),
        };
        let content = Content::new(self.plain.finish(rcode, authorities), self.addresses, rest);
        Reading { content, ttl, found }
    }
}

/// RFC 2181 §8: a TTL with the highest bit set is 0.
const fn read_ttl(seconds: u32) -> u32 {
    if seconds > i32::MAX.cast_unsigned() { 0 } else { seconds }
}

fn compose(record: &Record<'_>, into: &mut Vec<u8>) -> Result<(), Failure> {
    type Any<'m> = AllRecordData<&'m [u8], ParsedName<&'m [u8]>>;
    let record = record.parsed.to_any_record::<Any<'_>>().map_err(|_| Failure::Unacceptable)?;
    record.data().compose_canonical_rdata(into).map_err(|_| Failure::Unacceptable)
}

const NOERROR: u8 = 0;
const NXDOMAIN: u8 = 3;
/// LIMIT: aliases from the question to its end.
const CHAIN: usize = 16;
/// LIMIT: records of one section.
const RECORDS: usize = 512;
/// LIMIT: name servers that are kept.
const SERVERS: usize = 16;
