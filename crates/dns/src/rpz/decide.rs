//! Which rule counts: the precedence of the draft over all zones.
//! Must not know messages. Next: `builtin`.
//!
//! draft-vixie-dnsop-dns-rpz-00 §5: an earlier name of the alias chain before a later one; then an
//! earlier zone before a later; then the kind of trigger: client-IP, QNAME, IP, NSDNAME, NSIP; then the
//! exact name before a wildcard and the longest prefix; of names equally near the first in order, of
//! addresses the lowest.
//!
//! Departures, each towards refusing:
//! - What the question alone decides is answered before anything is asked, though an earlier zone may
//!   hold rules for answers (as BIND does with `qname-wait-recurse no`): a name that is refused is not
//!   asked of anybody.
//! - A refusal cannot be hidden by names below a wildcard (see `table`).

use super::action::{Action, Local, Override};
use super::filter::Figure;
use super::table::{Names, Reach};
use super::tally::Tally;
use super::trigger::Kind;
use super::zone::Zone;
use backstop_model::addr::Cidr;
use backstop_model::name::{QueryName, QueryType};
use std::net::IpAddr;
use std::sync::Arc;

/// The zones, in order.
#[derive(Debug, Default)]
pub struct Rules {
    zones: Vec<Arc<Zone>>,
    /// One for each zone.
    tallies: Vec<Arc<Tally>>,
    looks_at_answers: bool,
}

/// A rule that counts.
#[derive(Debug, Clone)]
pub struct Hit<'r> {
    /// Whose it is.
    pub zone: &'r Zone,
    /// The kind of its trigger.
    pub kind: Kind,
    /// What it does.
    pub effect: Effect<'r>,
    what: What<'r>,
    pub(super) tally: &'r Tally,
}

/// What a rule does once the operator's override is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect<'r> {
    /// No such name.
    Nxdomain,
    /// No such records.
    Nodata,
    /// Nothing, and no later zone does anything either.
    Passthru,
    /// No answer.
    Drop,
    /// An answer by TCP alone.
    TcpOnly,
    /// These records.
    Local(&'r Local),
    /// An alias.
    Alias(Box<QueryName>),
}

impl Effect<'_> {
    /// The draft's word for it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Nxdomain => "NXDOMAIN",
            Self::Nodata => "NODATA",
            Self::Passthru => "PASSTHRU",
            Self::Drop => "DROP",
            Self::TcpOnly => "TCP-Only",
            Self::Local(_) => "Local Data",
            Self::Alias(_) => "CNAME",
        }
    }
}

#[derive(Debug, Clone)]
enum What<'r> {
    Name(Reach, &'r [u8]),
    Prefix(IpAddr, u8),
}

impl Hit<'_> {
    /// Zone, trigger and action in one line, for the record.
    pub fn evidence(&self) -> String {
        let what = match &self.what {
            What::Name(reach, base) => {
                let base = QueryName::parse(base).unwrap_or(QueryName::ROOT);
                match reach {
                    Reach::Exact => base.to_string(),
                    Reach::Below if base == QueryName::ROOT => "*".to_owned(),
                    Reach::Below => format!("*.{base}"),
                }
            }
            What::Prefix(address, bits) => format!("{address}/{bits}"),
        };
        let mut what = what;
        if what.len() > SHOWN {
            what = what.chars().take(SHOWN).collect();
            what.push('…');
        }
        format!(
            "zone `{}` (serial {}), {} `{what}`: {}",
            self.zone.name(),
            self.zone.serial(),
            self.kind,
            self.effect.as_str()
        )
    }
}

/// What an upstream answered, as far as rules look at it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen<'a> {
    /// The names that the question's name leads to, in order.
    pub chain: &'a [QueryName],
    /// The addresses that are answered.
    pub addresses: &'a [IpAddr],
    /// The name servers that the answer names: wire octets, one name behind the other.
    pub servers: &'a [u8],
    /// And their addresses, where it gives them.
    pub server_addresses: &'a [IpAddr],
}

impl Rules {
    /// These zones, in order.
    pub fn new(zones: Vec<Arc<Zone>>) -> Self {
        let looks_at_answers = zones.iter().any(|zone| zone.looks_at_answers());
        let tallies = zones.iter().map(|_| Arc::default()).collect();
        Self { zones, tallies, looks_at_answers }
    }
    /// The same; a zone that had that name before goes on with its figures.
    pub(super) fn counting_on(mut self, before: &Self) -> Self {
        for (zone, tally) in self.zones.iter().zip(&mut self.tallies) {
            let mut known = before.zones.iter().zip(&before.tallies);
            if let Some((_, old)) = known.find(|(known, _)| known.name() == zone.name()) {
                *tally = Arc::clone(old);
            }
        }
        self
    }
    /// How often each zone spoke.
    pub(super) fn figures(&self) -> impl Iterator<Item = Figure> + '_ {
        self.zones.iter().zip(&self.tallies).flat_map(|(zone, tally)| {
            tally.read().map(|(action, counts, count)| Figure {
                zone: zone.name().clone(),
                action,
                counts,
                count,
            })
        })
    }
    /// The zones, in order.
    pub fn zones(&self) -> &[Arc<Zone>] {
        &self.zones
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.zones.is_empty()
    }

    /// What counts of a question. `source` is who asks, if that is known. Rules of zones that are
    /// `disabled` are told to `would` alone.
    pub fn of_question<'r>(
        &'r self,
        source: Option<IpAddr>,
        name: &QueryName,
        would: &mut dyn FnMut(Hit<'r>),
    ) -> Option<Hit<'r>> {
        self.first(name, would, |zone| {
            let client = source.and_then(|source| zone.clients.find(source).map(|f| (source, f)));
            client
                .map(|(source, (bits, action))| {
                    (Kind::ClientIp, action, What::Prefix(source, bits))
                })
                .or_else(|| by_name(&zone.qnames, Kind::Qname, name))
        })
    }

    /// What counts of the answer to a question that no rule stopped.
    pub fn of_answer<'r>(
        &'r self,
        name: &QueryName,
        seen: Seen<'_>,
        would: &mut dyn FnMut(Hit<'r>),
    ) -> Option<Hit<'r>> {
        let last = seen.chain.last().unwrap_or(name);
        for (at, alias) in seen.chain.iter().enumerate() {
            if at + 1 == seen.chain.len() && self.looks_at_answers {
                break;
            }
            let hit = self.first(alias, would, |zone| by_name(&zone.qnames, Kind::Qname, alias));
            if hit.is_some() {
                return hit;
            }
        }
        if !self.looks_at_answers {
            return None;
        }
        let aliased = !seen.chain.is_empty();
        self.first(last, would, |zone| {
            let of_alias = if aliased { by_name(&zone.qnames, Kind::Qname, last) } else { None };
            of_alias
                .or_else(|| by_address(&zone.addresses, Kind::Ip, seen.addresses))
                .or_else(|| {
                    let mut rest = seen.servers;
                    let servers = std::iter::from_fn(|| {
                        let (name, used) = QueryName::read(rest)?;
                        rest = rest.get(used..)?;
                        Some(name)
                    });
                    let found =
                        servers.filter_map(|name| by_name(&zone.nsdnames, Kind::Nsdname, &name));
                    // §5.5: the exact one, then the longest, then the first in order.
                    found.max_by_key(|(_, _, what)| match what {
                        What::Name(Reach::Exact, base) => (1, base.len(), std::cmp::Reverse(*base)),
                        What::Name(Reach::Below, base) => (0, base.len(), std::cmp::Reverse(*base)),
                        What::Prefix(..) => (0, 0, std::cmp::Reverse(&[][..])),
                    })
                })
                .or_else(|| by_address(&zone.nsips, Kind::Nsip, seen.server_addresses))
        })
    }

    /// What counts of the names that a question's name leads to, before more of them is asked for.
    pub fn of_way<'r>(&'r self, chain: &[QueryName]) -> Option<Hit<'r>> {
        chain.iter().find_map(|alias| {
            self.first(alias, &mut |_| {}, |zone| by_name(&zone.qnames, Kind::Qname, alias))
        })
    }

    /// The first zone's that has one, unless the zone is `disabled`.
    fn first<'r>(
        &'r self,
        name: &QueryName,
        would: &mut dyn FnMut(Hit<'r>),
        find: impl Fn(&'r Zone) -> Option<(Kind, Action, What<'r>)>,
    ) -> Option<Hit<'r>> {
        for (zone, tally) in self.zones.iter().zip(&self.tallies) {
            let Some((kind, action, what)) = find(zone) else { continue };
            let given = || effect(zone, action, name);
            let (effect, counts) = match &zone.terms.policy {
                Override::Given => (given(), true),
                Override::Disabled => (given(), false),
                Override::To(to) => (self::effect(zone, *to, name), true),
                Override::Alias(target) => (alias(target, name), true),
            };
            let hit = Hit { zone, kind, effect, what, tally };
            if counts {
                return Some(hit);
            }
            would(hit);
        }
        None
    }
}

fn effect<'r>(zone: &'r Zone, action: Action, name: &QueryName) -> Effect<'r> {
    match action {
        Action::Nxdomain => Effect::Nxdomain,
        Action::Nodata => Effect::Nodata,
        Action::Passthru => Effect::Passthru,
        Action::Drop => Effect::Drop,
        Action::TcpOnly => Effect::TcpOnly,
        Action::Local(number) => match zone.local(number) {
            Some(local) if local.is_alias() => match local.alias(name) {
                Some(target) => Effect::Alias(Box::new(target)),
                // An expansion that is no name leads nowhere.
                None => Effect::Nxdomain,
            },
            Some(local) => Effect::Local(local),
            None => Effect::Nxdomain,
        },
    }
}

fn alias<'r>(target: &QueryName, name: &QueryName) -> Effect<'r> {
    let local = Local { records: vec![(QueryType::CNAME, 0, target.as_wire().into())] };
    local.alias(name).map_or(Effect::Nxdomain, |target| Effect::Alias(Box::new(target)))
}

fn by_name<'r>(table: &'r Names, kind: Kind, name: &QueryName) -> Option<(Kind, Action, What<'r>)> {
    let found = table.find(name)?;
    Some((kind, found.action, What::Name(found.reach, found.base)))
}

fn by_address<'r>(
    table: &'r super::prefixes::Prefixes,
    kind: Kind,
    addresses: &[IpAddr],
) -> Option<(Kind, Action, What<'r>)> {
    if table.is_empty() {
        return None;
    }
    let found = addresses.iter().filter_map(|ip| table.find(*ip).map(|found| (*ip, found)));
    // The longest prefix; of equal ones the lowest address (§5.6), so that the order of an answer,
    // which rotates, decides nothing.
    let (ip, (bits, action)) = found.min_by_key(|(ip, (bits, _))| (u8::MAX - *bits, *ip))?;
    Some((kind, action, What::Prefix(ip, bits)))
}

impl Zone {
    /// Whether an address in its local data is one that the operator put there.
    pub fn is_sinkhole(&self, address: IpAddr) -> bool {
        self.terms.sinkholes.iter().any(|cidr: &Cidr| cidr.contains(address))
    }
}

/// LIMIT: characters of a rule's name in a record.
const SHOWN: usize = 120;

#[cfg(test)]
mod tests;
