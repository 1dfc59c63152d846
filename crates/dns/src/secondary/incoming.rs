//! What a primary answers, message by message, sans-IO: header, question and the order of records are
//! checked, and nothing is given out before the end. Must not know sockets, keys or what a record means
//! as a rule. Next: `changes`.

use super::changes::{Changes, Op};
use super::image::{Image, Soa, push};
use super::{compare, is_newer};
use crate::body::HEADER;
use crate::rpz::name_of;
use crate::wire::tsig;
use backstop_gate::RandomFault;
use backstop_model::name::{CLASS_IN, QueryName, QueryType};
use domain::base::Message;
use domain::base::name::ParsedName;
use domain::base::rdata::ComposeRecordData as _;
use domain::rdata::AllRecordData;
use std::cmp::Ordering;
use std::time::Duration;

/// How much a primary may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a zone's records, and of those of changes.
    pub octets: u64,
    /// Records.
    pub records: u64,
    /// Messages of one transfer.
    pub messages: u64,
    /// From connecting to the last octet.
    pub time: Duration,
    /// For a connection, and for each message.
    pub silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // As of a zone's file.
            octets: 256 << 20,
            records: 8_000_000,
            // Some primaries send each record alone.
            messages: 8_000_000,
            time: Duration::from_secs(600),
            silence: Duration::from_secs(20),
        }
    }
}

/// Why nothing came of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No connection, or it ended early.
    #[error("{0}")]
    Io(String),
    /// Nothing came for too long.
    #[error("it is silent")]
    Silence,
    /// All of it takes too long.
    #[error("it is not done in {0:?}")]
    Time(Duration),
    /// The message is no answer to what was asked.
    #[error("{0}")]
    Foreign(&'static str),
    /// It does not give it.
    #[error("it answers with the response code {0}")]
    Rcode(u8),
    /// A record that cannot be read, or does not belong there.
    #[error("{0}")]
    Record(String),
    /// Records in an order that no transfer has.
    #[error("{0}")]
    Order(&'static str),
    /// More than is taken.
    #[error("it sends more than {1} {0}")]
    TooMuch(&'static str, u64),
    /// Signatures.
    #[error(transparent)]
    Signature(#[from] tsig::Fault),
    /// An older version than the one here.
    #[error("its serial {theirs} is behind ours, {ours}")]
    Behind {
        /// What it has.
        theirs: u32,
        /// What is here.
        ours: u32,
    },
    /// No id that nobody can guess.
    #[error(transparent)]
    Random(#[from] RandomFault),
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Soa,
    Whole,
    Changes,
}

impl What {
    const fn qtype(self) -> QueryType {
        QueryType(match self {
            Self::Soa => 6,
            Self::Changes => 251,
            Self::Whole => 252,
        })
    }
}

/// The query, as it goes out unsigned. Changes are asked for since `ours`.
pub(super) fn query(id: [u8; 2], origin: &QueryName, what: What, ours: Option<&Soa>) -> Vec<u8> {
    let since = ours.filter(|_| what == What::Changes);
    let [i0, i1] = id;
    let mut out = vec![i0, i1, 0, 0, 0, 1, 0, 0, 0, u8::from(since.is_some()), 0, 0];
    out.extend_from_slice(origin.as_wire());
    out.extend_from_slice(&what.qtype().0.to_be_bytes());
    out.extend_from_slice(&CLASS_IN.to_be_bytes());
    if let Some(soa) = since {
        // RFC 1995 §3: the authority section holds the SOA of the version that is here.
        let [t0, t1] = QueryType::SOA.0.to_be_bytes();
        out.extend_from_slice(&[0xC0, 12, t0, t1, 0, 1]);
        out.extend_from_slice(&soa.ttl.to_be_bytes());
        out.extend_from_slice(&u16::try_from(soa.data.len()).unwrap_or(0).to_be_bytes());
        out.extend_from_slice(&soa.data);
    }
    out
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Came {
    /// The SOA alone: of the answer to a query for it, or nothing newer than ours.
    Soa(Soa),
    Whole(Box<Image>),
    Changes(Changes),
}

/// A transfer that is coming in.
pub(super) struct Incoming<'a> {
    id: [u8; 2],
    origin: &'a QueryName,
    what: What,
    ours: Option<u32>,
    limits: &'a Limits,
    messages: u64,
    records: u64,
    soas: u64,
    state: State,
    /// The SOA that it began with.
    head: Option<Soa>,
    body: Vec<u8>,
    steps: Vec<(Op, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing came.
    Begin,
    /// The first SOA, and nothing behind it.
    Begun,
    /// Records of all of it.
    Whole,
    /// What this version loses.
    Gone(u32),
    /// What this version gains.
    New(u32),
    End,
}

/// Whether more must come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    Needed,
    Done,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(
        id: [u8; 2],
        origin: &'a QueryName,
        what: What,
        ours: Option<u32>,
        limits: &'a Limits,
    ) -> Self {
        let (state, body, steps) = (State::Begin, Vec::new(), Vec::new());
        let (messages, records, soas, head) = (0, 0, 0, None);
        Self { id, origin, what, ours, limits, messages, records, soas, state, head, body, steps }
    }

    /// Takes the next message, without its signature.
    ///
    /// # Errors
    /// [`Fault`]; nothing of the transfer may be used then.
    pub(super) fn message(&mut self, message: &[u8]) -> Result<More, Fault> {
        self.messages += 1;
        if self.messages > self.limits.messages {
            return Err(Fault::TooMuch("messages", self.limits.messages));
        }
        self.head(message)?;
        let parsed = Message::from_slice(message).map_err(|_| Fault::Foreign(SHORT))?;
        let unreadable = |fault: &dyn std::fmt::Display| {
            Fault::Record(format!("a record cannot be read: {fault}"))
        };
        for record in parsed.answer().map_err(|fault| unreadable(&fault))? {
            let record = record.map_err(|fault| unreadable(&fault))?;
            let owner = name_of(&record.owner());
            let owner = owner.ok_or_else(|| Fault::Record("an owner is no name".to_owned()))?;
            if owner.below(self.origin).is_none() {
                return Err(Fault::Record(format!("`{owner}` is not in the zone")));
            }
            if record.class().to_int() != CLASS_IN {
                return Err(Fault::Record(format!("`{owner}` is not of class IN")));
            }
            let (rtype, ttl) = (QueryType(record.rtype().to_int()), record.ttl().as_secs());
            let any = record.to_any_record::<AllRecordData<&[u8], ParsedName<&[u8]>>>();
            let any = any.map_err(|fault| unreadable(&fault))?;
            let mut data = Vec::new();
            // Names in it are written out in lower case, as a file's are.
            let composed = any.data().compose_canonical_rdata(&mut data);
            if composed.is_err() || data.len() > usize::from(u16::MAX) {
                return Err(Fault::Record(format!("the data of `{owner}` is too long")));
            }
            self.record(&owner, rtype, ttl, &data)?;
        }
        Ok(if self.state == State::End { More::Done } else { More::Needed })
    }

    /// What came, once it is done.
    pub(super) fn finish(self) -> Result<Came, Fault> {
        let head = self.head.filter(|_| self.state == State::End);
        let Some(soa) = head else { return Err(Fault::Order("it ends before its last SOA")) };
        let origin = self.origin.clone();
        if !self.steps.is_empty() {
            let from = self.ours.unwrap_or_default();
            return Ok(Came::Changes(Changes {
                from,
                to: soa,
                body: self.body,
                steps: self.steps,
            }));
        }
        let only = self.what == What::Soa
            || (self.what == What::Changes && self.ours == Some(soa.serial()));
        Ok(if only {
            Came::Soa(soa)
        } else {
            let (body, records) = (self.body, self.records);
            Came::Whole(Box::new(Image { origin, soa, body, records }))
        })
    }

    fn head(&self, message: &[u8]) -> Result<(), Fault> {
        let (header, rest) = message.split_first_chunk::<HEADER>().ok_or(Fault::Foreign(SHORT))?;
        let [i0, i1, f0, f1, q0, q1, ..] = *header;
        if [i0, i1] != self.id {
            return Err(Fault::Foreign("its id is not that of the query"));
        }
        // An answer, of opcode QUERY, not cut.
        if f0 & 0xFA != 0x80 {
            return Err(Fault::Foreign("it is no answer to a query"));
        }
        if f1 & 0xF != 0 {
            return Err(Fault::Rcode(f1 & 0xF));
        }
        if self.messages == 1 && f0 & 0x04 == 0 {
            return Err(Fault::Foreign("it does not speak for the zone (no AA)"));
        }
        match u16::from_be_bytes([q0, q1]) {
            // RFC 5936 §2.2.1: from the second message on it may be left out.
            0 if self.messages > 1 => Ok(()),
            1 => {
                let asked = QueryName::read(rest).filter(|(name, _)| name == self.origin);
                let [t0, t1] = self.what.qtype().0.to_be_bytes();
                let [c0, c1] = CLASS_IN.to_be_bytes();
                let tail = asked.and_then(|(_, length)| rest.get(length..length + 4));
                let same = tail == Some(&[t0, t1, c0, c1]);
                if same { Ok(()) } else { Err(Fault::Foreign("it answers another question")) }
            }
            _ => Err(Fault::Foreign("it has no question")),
        }
    }

    fn record(
        &mut self,
        owner: &QueryName,
        rtype: QueryType,
        ttl: u32,
        data: &[u8],
    ) -> Result<(), Fault> {
        let soa = match rtype {
            QueryType::SOA if owner == self.origin => {
                let soa = Soa::read(ttl, data);
                Some(soa.ok_or_else(|| Fault::Record("its SOA cannot be read".to_owned()))?)
            }
            _ => None,
        };
        let same = soa
            .as_ref()
            .is_some_and(|soa| self.head.as_ref().is_some_and(|head| head.data == soa.data));
        let next = match (self.state, soa) {
            (State::End, _) => return Err(Fault::Order("a record stands behind the last one")),
            (State::Begin, None) => return Err(Fault::Order("it does not begin with an SOA")),
            (State::Begin, Some(soa)) => self.begin(soa)?,
            (State::Begun | State::Whole, Some(_)) if same => State::End,
            (State::Begun, Some(soa)) if self.what == What::Changes => {
                if Some(soa.serial()) != self.ours {
                    return Err(Fault::Order("its changes are those of another version"));
                }
                self.steps.push((Op::Gone, self.body.len()));
                State::Gone(soa.serial())
            }
            (State::Begun | State::Whole, Some(_)) => {
                return Err(Fault::Order("its SOA changed on the way"));
            }
            (State::Gone(from), Some(soa)) => {
                if !is_newer(soa.serial(), from) {
                    return Err(Fault::Order("its changes lead back"));
                }
                self.steps.push((Op::New, self.body.len()));
                State::New(soa.serial())
            }
            (State::New(_), Some(_)) if same => State::End,
            (State::New(to), Some(soa)) => {
                if soa.serial() != to || self.head.as_ref().is_none_or(|h| h.serial() == to) {
                    return Err(Fault::Order("its changes do not follow one another"));
                }
                self.steps.push((Op::Gone, self.body.len()));
                State::Gone(to)
            }
            (State::Begun, None) => State::Whole,
            (state @ (State::Whole | State::Gone(_) | State::New(_)), None) => state,
        };
        if rtype == QueryType::SOA && owner == self.origin {
            self.soas += 1;
        } else {
            push(&mut self.body, owner, rtype, ttl, data);
            self.records += 1;
        }
        self.bounded()?;
        // The last SOA of changes must be that of the version they lead to.
        if next == State::End
            && let State::New(to) = self.state
            && self.head.as_ref().is_none_or(|head| head.serial() != to)
        {
            return Err(Fault::Order("its changes end before the version that they lead to"));
        }
        self.state = next;
        Ok(())
    }

    fn begin(&mut self, soa: Soa) -> Result<State, Fault> {
        let (theirs, ours) = (soa.serial(), self.ours);
        self.head = Some(soa);
        let order = ours.map(|ours| (ours, compare(theirs, ours)));
        match order {
            // Half the circle apart is not newer (RFC 1982 §3.2).
            Some((ours, Some(Ordering::Less) | None)) => Err(Fault::Behind { theirs, ours }),
            Some((_, Some(Ordering::Equal))) if self.what == What::Changes => Ok(State::End),
            Some((_, Some(Ordering::Equal | Ordering::Greater))) | None => {
                Ok(if self.what == What::Soa { State::End } else { State::Begun })
            }
        }
    }

    /// SOA records count, though they are not kept: a row of them without end is ended too.
    fn bounded(&self) -> Result<(), Fault> {
        if u64::try_from(self.body.len()).unwrap_or(u64::MAX) > self.limits.octets {
            return Err(Fault::TooMuch("octets", self.limits.octets));
        }
        if self.records + self.soas > self.limits.records {
            return Err(Fault::TooMuch("records", self.limits.records));
        }
        Ok(())
    }
}

const SHORT: &str = "it is too short for a message";
