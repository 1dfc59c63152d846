//! One query to an upstream, and whether a message is the answer to it.
//! Must not know sockets. Next: `upstream`.
//!
//! What an off-path attacker must guess: the id (16 bits), the source port (drawn by the kernel,
//! see `gate`'s own sockets) and the case of each letter of the name (draft-vixie-dnsext-dns0x20).
//! The query carries RD=1 and EDNS(0) with DO=0, CD=0 whatever the client sent: no client's flag
//! reaches an upstream, and no client subnet (RFC 7871) ever does.

use super::Key;
use backstop_gate::{Random, RandomFault};
use domain::base::Message;

/// The UDP payload size that upstreams are told (the value of DNS flag day 2020: no fragments).
pub(crate) const UDP_SIZE: u16 = 1232;

/// A query ready to be sent, and what its answer must repeat.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    wire: Vec<u8>,
    /// The name in the case that was sent.
    spelling: Vec<u8>,
    key: Key,
}

/// With or without an OPT record; old servers answer FORMERR to one (RFC 6891 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edns {
    /// With one.
    With,
    /// With one that makes all queries alike in length, for TLS (RFC 7830, RFC 8467 §4.1).
    Padded,
    /// Without.
    Without,
}

/// What a message is to a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match {
    /// Its answer, complete.
    Answer,
    /// Its answer, cut short (TC).
    Truncated,
    /// Its answer but for the case of letters: an upstream that folds, or a guess.
    OtherCase,
    /// Not its answer.
    Foreign,
}

impl Query {
    /// A query with a fresh id and a fresh spelling.
    ///
    /// # Errors
    /// [`RandomFault`]: without randomness nothing is asked.
    pub(crate) fn new(key: &Key, edns: Edns, random: &dyn Random) -> Result<Self, RandomFault> {
        let mut drawn = [0u8; 2 + 32];
        random.fill(&mut drawn)?;
        let [high, low, cases @ ..] = drawn;
        let spelling = spelled(key.name.as_wire(), &cases);
        let mut wire = Vec::with_capacity(12 + spelling.len() + 4 + 11);
        wire.extend([high, low, RECURSION_DESIRED, 0, 0, 1, 0, 0, 0, 0, 0]);
        wire.push(match edns {
            Edns::With | Edns::Padded => 1,
            Edns::Without => 0,
        });
        wire.extend(&spelling);
        wire.extend(key.qtype.0.to_be_bytes());
        wire.extend(key.class.to_be_bytes());
        if edns != Edns::Without {
            // RFC 6891 §6.1.2: root, type OPT, payload size, no extended code, version 0, no flags.
            wire.extend([0, 0, 41]);
            wire.extend(UDP_SIZE.to_be_bytes());
            wire.extend([0; 4]);
        }
        match edns {
            Edns::Without => {}
            Edns::With => wire.extend([0, 0]),
            Edns::Padded => {
                let bare = wire.len() + 2 + 4;
                let padding = u8::try_from(bare.next_multiple_of(BLOCK) - bare).unwrap_or(0);
                wire.extend([0, 4 + padding, 0, PADDING, 0, padding]);
                wire.resize(wire.len() + usize::from(padding), 0);
            }
        }
        Ok(Self { wire, spelling, key: key.clone() })
    }

    /// The message.
    pub(crate) fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// What `message` is to this query: id, kind, and the one question in the spelling that was
    /// sent, by octets.
    pub(crate) fn matches(&self, message: &[u8]) -> Match {
        let (Some(sent), Some(got)) = (self.wire.get(..2), message.get(..2)) else {
            return Match::Foreign;
        };
        let Ok(read) = Message::from_slice(message) else { return Match::Foreign };
        let header = read.header();
        let plain = header.qr() && header.opcode().to_int() == 0;
        if sent != got || !plain || read.header_counts().qdcount() != 1 {
            return Match::Foreign;
        }
        // The question is compared where it stands: no answer needs a compressed one.
        let end = 12 + self.spelling.len();
        let (Some(name), Some(rest)) = (message.get(12..end), message.get(end..end + 4)) else {
            return Match::Foreign;
        };
        let [t0, t1] = self.key.qtype.0.to_be_bytes();
        let [c0, c1] = self.key.class.to_be_bytes();
        if rest != [t0, t1, c0, c1] || !name.eq_ignore_ascii_case(&self.spelling) {
            Match::Foreign
        } else if name != self.spelling.as_slice() {
            Match::OtherCase
        } else if header.tc() {
            Match::Truncated
        } else {
            Match::Answer
        }
    }
}

/// The name with the case of each letter drawn from `cases`, bit by bit. Lengths of labels are 63 at
/// most and so no letters.
fn spelled(name: &[u8], cases: &[u8; 32]) -> Vec<u8> {
    let bits = cases.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1));
    name.iter()
        .zip(bits)
        .map(|(octet, bit)| match (octet, bit) {
            (b'a'..=b'z', 1) => octet.to_ascii_uppercase(),
            _ => *octet,
        })
        .collect()
}

const RECURSION_DESIRED: u8 = 1;
const PADDING: u8 = 12;
const BLOCK: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use backstop_gate::OsRandom;
    use backstop_model::name::{CLASS_IN, QueryName, QueryType};

    fn key(name: &str) -> Key {
        Key { name: QueryName::from_text(name).unwrap(), qtype: QueryType::A, class: CLASS_IN }
    }
    fn query(name: &str) -> Query {
        Query::new(&key(name), Edns::With, &OsRandom).unwrap()
    }
    fn answer(query: &Query) -> Vec<u8> {
        let mut message = query.wire().to_vec();
        message[2] |= 0x80;
        message
    }

    #[test]
    fn each_query_has_its_own_id_and_spelling() {
        let queries: Vec<Query> = (0..64).map(|_| query("a-long-name.example.com")).collect();
        let distinct = |of: fn(&Query) -> &[u8]| {
            queries.iter().map(of).collect::<std::collections::HashSet<_>>().len()
        };
        assert!(distinct(|query| &query.wire()[..2]) > 60, "ids");
        assert!(distinct(|query| &query.spelling) > 60, "spellings");
        for query in &queries {
            assert_eq!(QueryName::parse(&query.spelling).unwrap(), query.key.name);
        }
    }

    #[test]
    fn padded_queries_are_alike_in_length() {
        for length in 1..60 {
            let key = key(&format!("{}.example", "a".repeat(length)));
            let query = Query::new(&key, Edns::Padded, &OsRandom).unwrap();
            assert_eq!(query.wire().len(), 128, "{length}");
            let read = Message::from_slice(query.wire()).unwrap();
            let opt = read.opt().unwrap();
            assert_eq!(opt.udp_payload_size(), UDP_SIZE);
            let padding = opt.opt().first::<domain::base::opt::Padding<_>>();
            assert!(padding.is_some(), "{length}");
        }
    }

    #[test]
    fn only_the_answer_matches() {
        let query = query("name.example");
        let good = answer(&query);
        assert_eq!(query.matches(&good), Match::Answer);
        let with = |at: usize, change: fn(u8) -> u8| {
            let mut message = good.clone();
            message[at] = change(message[at]);
            query.matches(&message)
        };
        assert_eq!(with(0, |b| b ^ 1), Match::Foreign, "id");
        assert_eq!(with(1, |b| b ^ 0x80), Match::Foreign, "id");
        assert_eq!(with(2, |b| b & 0x7f), Match::Foreign, "a query");
        assert_eq!(with(2, |b| b | 0x10), Match::Foreign, "another opcode");
        assert_eq!(with(2, |b| b | 0x02), Match::Truncated);
        assert_eq!(with(5, |_| 0), Match::Foreign, "no question");
        assert_eq!(with(5, |_| 2), Match::Foreign, "two questions");
        assert_eq!(with(13, |b| b ^ 0x20), Match::OtherCase);
        assert_eq!(with(13, |_| b'x'), Match::Foreign, "another name");
        assert_eq!(with(12 + 14 + 1, |_| 28), Match::Foreign, "another type");
        assert_eq!(with(12 + 14 + 3, |_| 3), Match::Foreign, "another class");
        for cut in 0..12 + 14 + 4 {
            assert_eq!(query.matches(&good[..cut]), Match::Foreign, "cut at {cut}");
        }
    }
}
