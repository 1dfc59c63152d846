//! DNS messages, sans-IO: what may be read of a query and how answers are written.
//!
//! ```text
//!  query    one question, one OPT, nothing else; anything more is refused by its response code
//!  tsig     messages signed with a shared secret (RFC 8945): transfers and their notices
//!  front    what a trusted peer says of whom it asks for: PROXY header, our own EDNS option
//!  cookie   DNS cookies (RFC 7873) in the interoperable form (RFC 9018)
//!  answer   header, question, records, OPT; cut down to what the client may get
//! ```
//! Must not know sockets, policy or the gate. Next: `refusal`.

pub mod query;

pub mod front;
pub mod tsig;

pub mod cookie;

pub mod answer;

/// Where the name of the question stands: right behind the header. Owners are pointers to it.
pub const QUESTION: u16 = 0xC00C;

/// What we take and give over UDP without fragments (RFC 9715 §3, DNS flag day 2020).
pub const UDP_PAYLOAD: u16 = 1232;

/// Response codes (RFC 1035 §4.1.1, RFC 6895 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rcode {
    /// No error.
    NoError,
    /// The query could not be read.
    FormErr,
    /// The server could not find out.
    ServFail,
    /// The name does not exist, or is refused.
    NxDomain,
    /// This kind of query is not served.
    NotImp,
    /// Who asks is not served.
    Refused,
    /// An EDNS version that is not spoken (RFC 6891 §6.1.3).
    BadVers,
}

impl Rcode {
    /// The number, of which all but the lower four bits stand in the OPT record.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::NoError => 0,
            Self::FormErr => 1,
            Self::ServFail => 2,
            Self::NxDomain => 3,
            Self::NotImp => 4,
            Self::Refused => 5,
            Self::BadVers => 16,
        }
    }
}
