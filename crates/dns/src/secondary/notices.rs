//! Primaries that say that a zone has changed (RFC 1996). What they say of it is not used: it only
//! makes us ask, and whoever forges it gains a question to the primary, once a while. Next: `server`.

use crate::body::HEADER;
use crate::server::{Aside, Parts};
use crate::wire::Rcode;
use crate::wire::tsig::{self, Key};
use backstop_gate::Clock;
use backstop_model::name::{CLASS_IN, QueryName, QueryType};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::sync::Notify;

/// A zone of which notices are heard.
#[derive(Debug, Clone)]
pub struct Awaited {
    /// Its name.
    pub origin: QueryName,
    /// From whom.
    pub primaries: Vec<IpAddr>,
    /// And signed by this.
    pub key: Option<Key>,
    /// Who is woken: several notices before it looks are one.
    pub wake: Arc<Notify>,
}

/// Hears notices; stands before whoever takes signed messages of all kinds.
pub struct Notices {
    zones: Vec<Awaited>,
    keys: Vec<Key>,
    clock: Arc<dyn Clock>,
}

impl Notices {
    /// Of these zones.
    #[must_use]
    pub fn new(zones: Vec<Awaited>, clock: Arc<dyn Clock>) -> Self {
        let keys = zones.iter().filter_map(|zone| zone.key.clone()).collect();
        Self { zones, keys, clock }
    }

    /// `None` for what is no notice, or of somebody who is no primary: the listener then says what it
    /// says to any message that it does not serve, and nothing more is done.
    fn answer(&self, message: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
        let (header, rest) = message.split_first_chunk::<HEADER>()?;
        // A query of opcode NOTIFY.
        if header[2] & 0xF8 != 0x20 {
            return None;
        }
        let source = source.ip().to_canonical();
        let from = |zone: &&Awaited| zone.primaries.contains(&source);
        if !self.zones.iter().any(|zone| from(&zone)) {
            return None;
        }
        let now = self.clock.now().unix_seconds().cast_unsigned();
        let signed = match tsig::verify(message, &self.keys, now) {
            Ok(signed) => signed,
            Err(denied) => {
                let mut answer = reply(message, denied.rcode());
                denied.seal(&mut answer, now);
                return Some(answer);
            }
        };
        let rcode = match asked(header, rest) {
            None => Rcode::FormErr.number(),
            Some((zone, qtype, class)) => {
                let known = self.zones.iter().filter(from).find(|known| known.origin == zone);
                match known.filter(|_| class == CLASS_IN) {
                    None => NOT_AUTH,
                    Some(_) if qtype != QueryType::SOA => Rcode::NotImp.number(),
                    Some(known) => {
                        let key = signed.as_ref().map(|signed| signed.key.name());
                        if key == known.key.as_ref().map(Key::name) {
                            known.wake.notify_one();
                            Rcode::NoError.number()
                        } else {
                            Rcode::Refused.number()
                        }
                    }
                }
            }
        };
        Some(match signed {
            None => reply(message, rcode),
            Some(mut signed) => {
                let mut answer = reply(&signed.message, rcode);
                signed.signer.sign(&mut answer, now);
                answer
            }
        })
    }
}

impl Aside for Notices {
    fn datagram(&self, message: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
        self.answer(message, source)
    }

    fn stream(&self, message: &[u8], source: SocketAddr) -> Option<Parts> {
        let answer = self.answer(message, source)?;
        Some(Box::new(std::iter::once(answer)))
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.zones).finish()
    }
}

fn asked(header: &[u8; HEADER], rest: &[u8]) -> Option<(QueryName, QueryType, u16)> {
    let [_, _, _, _, q0, q1, ..] = *header;
    if [q0, q1] != [0, 1] {
        return None;
    }
    let (zone, length) = QueryName::read(rest)?;
    let [t0, t1, c0, c1] = *rest.get(length..)?.first_chunk::<4>()?;
    Some((zone, QueryType(u16::from_be_bytes([t0, t1])), u16::from_be_bytes([c0, c1])))
}

/// Header and question, as far as they can be read (RFC 1996 §4.7): never longer than what came.
fn reply(message: &[u8], rcode: u8) -> Vec<u8> {
    let question = message
        .get(HEADER..)
        .and_then(|rest| QueryName::read(rest).and_then(|(_, length)| rest.get(..length + 4)));
    let [i0, i1] = message.first_chunk::<2>().copied().unwrap_or_default();
    // An answer of opcode NOTIFY, of the authority.
    let flags = [0xA4, rcode & 0xF, 0, u8::from(question.is_some())];
    let mut out = [&[i0, i1][..], &flags, &[0; 6]].concat();
    out.extend_from_slice(question.unwrap_or_default());
    out
}

/// Response code "not authoritative" (RFC 2136 §2.2).
const NOT_AUTH: u8 = 9;
