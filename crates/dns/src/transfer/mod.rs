//! Our zones given to secondaries: SOA, AXFR (RFC 5936) and IXFR (RFC 1995) to those that sign
//! (RFC 8945), and NOTIFY (RFC 1996) when a zone has changed.
//!
//! ```text
//!  policy ─▶ export::Zone ─▶ publish ─▶ journal   versions and what changed between them
//!                                         │
//!  signed query ─▶ aside: who may ─▶ reply│─▶ messages, each signed ─▶ secondary
//!                                         └─▶ notify, until it is heard
//! ```
//! A message that is not signed never comes here: it is a client's question and goes to the gate,
//! which refuses transfers to everybody. Must not know policy. Next: `journal`.

mod journal;

mod asked;

mod messages;

mod notify;

pub use journal::Versions;
pub use messages::Messages;
pub use notify::{NotifyFault, notify};

use crate::body::HEADER;
use crate::export::{Zone, serial};
use crate::server::{Aside, Parts};
use crate::wire::Rcode;
use crate::wire::tsig::{self, Key, Signed};
use asked::{Asked, What};
use backstop_gate::Clock;
use backstop_model::addr::Cidr;
use backstop_model::name::{CLASS_IN, QueryName};
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::Semaphore;

/// A zone that is given away, and to whom.
#[derive(Debug, Clone)]
pub struct Served {
    /// Its name.
    pub origin: QueryName,
    /// Who asks must sign with this.
    pub key: Key,
    /// And must ask from here.
    pub from: Vec<Cidr>,
}

/// Gives zones to secondaries.
pub struct Transfers {
    entries: Vec<Entry>,
    keys: Vec<Key>,
    clock: Arc<dyn Clock>,
    seen: Mutex<Seen>,
    places: Arc<Semaphore>,
}

struct Entry {
    served: Served,
    versions: RwLock<Option<Arc<Versions>>>,
}

impl Transfers {
    /// These zones, none of which has contents yet.
    #[must_use]
    pub fn new(served: Vec<Served>, clock: Arc<dyn Clock>) -> Self {
        let keys = served.iter().map(|served| served.key.clone()).collect();
        let entries = served
            .into_iter()
            .map(|served| Entry { served, versions: RwLock::default() })
            .collect();
        let places = Arc::new(Semaphore::new(AT_ONCE));
        Self { entries, keys, clock, seen: Mutex::default(), places }
    }

    /// The contents of a zone from now on; whether they differ from those before.
    pub fn publish(&self, zone: &Zone, serial: u32) -> bool {
        let Some(entry) = self.entries.iter().find(|entry| entry.served.origin == *zone.origin())
        else {
            return false;
        };
        let mut versions = entry.versions.write().unwrap_or_else(PoisonError::into_inner);
        let next = match versions.as_deref() {
            None => Some(Versions::first(serial, zone.records().to_vec())),
            Some(now) => now.next(serial, zone.records().to_vec()),
        };
        let changed = next.is_some();
        if let Some(next) = next {
            *versions = Some(Arc::new(next));
        }
        changed
    }

    fn seconds(&self) -> u64 {
        self.clock.now().unix_seconds().cast_unsigned()
    }

    /// Who signed and may ask, or the refusal.
    fn admit(
        &self,
        message: &[u8],
        source: SocketAddr,
    ) -> Result<(Signed, Arc<Versions>, Asked), Vec<u8>> {
        let now = self.seconds();
        let outside =
            |entry: &Entry| !entry.served.from.iter().any(|from| from.contains(source.ip()));
        // Who may not ask at all is not told whether a key is known here.
        if self.entries.iter().all(outside) {
            return Err(refusal(message, Rcode::Refused.number()));
        }
        let signed = match tsig::verify(message, &self.keys, now) {
            Ok(Some(signed)) => signed,
            Ok(None) => return Err(refusal(message, Rcode::Refused.number())),
            Err(denied) => {
                tracing::warn!(%source, "a transfer is refused: {}", denied.fault());
                let mut answer = refusal(message, denied.rcode());
                denied.seal(&mut answer, now);
                return Err(answer);
            }
        };
        let sealed = |mut signed: Signed, rcode| {
            let mut answer = refusal(&signed.message, rcode);
            signed.signer.sign(&mut answer, now);
            Err(answer)
        };
        let Some(asked) = Asked::read(&signed.message) else {
            return sealed(signed, Rcode::FormErr.number());
        };
        let entry = self.entries.iter().find(|entry| entry.served.origin == asked.zone);
        let Some(entry) = entry.filter(|_| asked.class == CLASS_IN) else {
            return sealed(signed, NOT_AUTH);
        };
        if entry.served.key.name() != signed.key.name() || outside(entry) {
            return sealed(signed, Rcode::Refused.number());
        }
        let versions = entry.versions.read().unwrap_or_else(PoisonError::into_inner).clone();
        match versions {
            Some(versions) => Ok((signed, versions, asked)),
            None => sealed(signed, Rcode::ServFail.number()),
        }
    }
}

impl Aside for Transfers {
    /// One message: the SOA alone. A secondary that wants more comes by TCP (RFC 1995 §2).
    fn datagram(&self, message: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
        if !is_query(message) {
            return None;
        }
        Some(match self.admit(message, source) {
            Err(refusal) => refusal,
            Ok((mut signed, versions, asked)) => match asked.what {
                What::Soa | What::Changes(_) => {
                    let clock = Arc::clone(&self.clock);
                    Messages::head(&signed, &versions, clock).next().unwrap_or_default()
                }
                What::Whole | What::Other => {
                    let mut answer = refusal(&signed.message, Rcode::Refused.number());
                    signed.signer.sign(&mut answer, self.seconds());
                    answer
                }
            },
        })
    }

    fn stream(&self, message: &[u8], source: SocketAddr) -> Option<Parts> {
        if !is_query(message) {
            return None;
        }
        let (mut signed, versions, asked) = match self.admit(message, source) {
            Ok(admitted) => admitted,
            Err(refusal) => return Some(Box::new(std::iter::once(refusal))),
        };
        let clock = Arc::clone(&self.clock);
        let refused = |signed: &mut Signed| {
            let mut answer = refusal(&signed.message, Rcode::Refused.number());
            signed.signer.sign(&mut answer, self.seconds());
            Some(Box::new(std::iter::once(answer)) as Parts)
        };
        let messages = match asked.what {
            What::Soa => return Some(Box::new(Messages::head(&signed, &versions, clock))),
            What::Other => return refused(&mut signed),
            What::Whole => Messages::whole(&signed, &versions, clock),
            // What is not behind ours has nothing to get (RFC 1995 §2), however far ahead it says
            // to be: with the SOA it sees for itself.
            What::Changes(theirs) => {
                if serial::compare(theirs, versions.serial()) == Some(Ordering::Less) {
                    Messages::since(&signed, &versions, theirs, clock)
                } else {
                    return Some(Box::new(Messages::head(&signed, &versions, clock)));
                }
            }
        };
        let now = self.seconds();
        let fresh =
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).first(&signed.mac, now);
        let place = Arc::clone(&self.places).try_acquire_owned();
        let (true, Ok(place)) = (fresh, place) else {
            tracing::warn!(%source, zone = %asked.zone, fresh, "a transfer is refused");
            return refused(&mut signed);
        };
        tracing::info!(%source, zone = %asked.zone, serial = versions.serial(), "a transfer begins");
        Some(Box::new(messages.holding(place)))
    }
}

impl fmt::Debug for Transfers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|entry| &entry.served)).finish()
    }
}

/// A signed message that is no answer: two servers would answer each other for ever.
fn is_query(message: &[u8]) -> bool {
    message.get(2).is_some_and(|flags| flags & 0x80 == 0) && tsig::is_signed(message)
}

/// Requests for transfers whose signature still holds: one that comes twice is a copy.
#[derive(Default)]
struct Seen(VecDeque<(u64, Vec<u8>)>);

impl Seen {
    /// Whether it is the first of its kind; noted if there is room.
    fn first(&mut self, mac: &[u8], now: u64) -> bool {
        while self.0.front().is_some_and(|(at, _)| now.saturating_sub(*at) > HOLDS) {
            self.0.pop_front();
        }
        if self.0.len() >= MOST_SEEN || self.0.iter().any(|(_, seen)| seen == mac) {
            return false;
        }
        self.0.push_back((now, mac.to_vec()));
        true
    }
}

/// Header and question, as far as they can be read.
fn refusal(message: &[u8], rcode: u8) -> Vec<u8> {
    let mut out = vec![0; HEADER];
    if let (Some(id), Some(to)) = (message.first_chunk::<2>(), out.first_chunk_mut::<2>()) {
        *to = *id;
    }
    let question = message
        .get(HEADER..)
        .and_then(|rest| QueryName::read(rest).and_then(|(_, length)| rest.get(..length + 4)));
    let flags = [0x80, rcode & 0xF, 0, u8::from(question.is_some())];
    if let Some(to) = out.get_mut(2..6) {
        to.copy_from_slice(&flags);
    }
    out.extend_from_slice(question.unwrap_or_default());
    out
}

/// Response code "not authoritative" (RFC 2136 §2.2).
const NOT_AUTH: u8 = 9;
/// LIMIT: transfers at once.
const AT_ONCE: usize = 8;
/// LIMIT: requests that are remembered. Only those who sign fill it; past it they wait.
const MOST_SEEN: usize = 4_096;
/// Seconds for which a signature may still be good: clocks may differ both ways.
const HOLDS: u64 = 600;

#[cfg(test)]
mod tests;
