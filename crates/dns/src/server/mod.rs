//! Listeners: UDP on threads of their own, TCP on the runtime; both ask one [`Service`].
//!
//! ```text
//!  udp      SO_REUSEPORT, recvmmsg ─▶ read ─▶ Service::now ─▶ sendmmsg; never waits
//!  later    what must wait: bounded, fair between sources, on the runtime
//!  local    at which address of ours a datagram came in
//!  accept   connections: bounded per source, idle ones go first
//!  tcp      RFC 7766: pipelined, answered out of order; the same under TLS (RFC 7858)
//!  hurry    handshakes of one source, bounded in rate
//!  tls      certificates, read again when their files change
//!  https    RFC 8484, by HTTP/2 and HTTP/1.1
//!  proven   sources that showed that they read what is sent to them
//!  config   what may be set
//! ```
//! Must not know policy: who is served and what is answered is the service's business.
//! Next: `service`.

mod accept;
mod config;
mod https;
mod hurry;
mod later;
mod listen;
mod local;
mod proven;
mod stats;
mod tcp;
mod tls;
mod turn;
mod udp;

pub use config::{Config, Https, Tls};
pub use hurry::Handshakes;

pub use listen::{Server, ServerFault, start};
pub use stats::{Counter, Stats};
pub use tls::{Files, TlsFault};

use crate::body::Head;
use crate::wire::query::Query;
use backstop_model::refusal::Refusal;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// What answers questions.
pub trait Service: Send + Sync + 'static {
    /// Who asks. A cheap handle; the server keeps it for some seconds.
    type Client: Clone + Send + Sync + 'static;
    /// What [`Service::now`] has found out already when it cannot answer without waiting.
    type Waiting: Send + 'static;
    /// What a thread that receives has at hand for the next questions; the default keeps nothing.
    type Desk: Default + Send + 'static;

    /// What such a thread begins with.
    fn desk(&self) -> Self::Desk {
        Self::Desk::default()
    }

    /// Looks at the questions of a batch before they are asked one by one: what they will need of the
    /// memory can be read for all of them at once.
    fn ahead<'q>(
        &self,
        _desk: &mut Self::Desk,
        _questions: impl Iterator<Item = (&'q Self::Client, &'q Query)>,
    ) {
    }

    /// Who asks from this address at this listener; `None`: nobody who is served.
    fn client(&self, listener: SocketAddr, source: IpAddr) -> Option<Known<Self::Client>>;

    /// Who asks by this identity from this address, as a trusted peer says; `None`: nobody who is
    /// served. What a peer that is not trusted says never comes here.
    fn named(&self, source: IpAddr, identity: &str) -> Option<Known<Self::Client>>;

    /// Answers without waiting: appends records to `out`. Called on the threads that receive, so
    /// it may not block, and should not allocate.
    fn now(
        &self,
        desk: &mut Self::Desk,
        client: &Self::Client,
        query: &Query,
        at: Instant,
        out: &mut Vec<u8>,
    ) -> Now<Self::Waiting>;

    /// Answers what had to wait.
    fn later(
        &self,
        client: Self::Client,
        waiting: Self::Waiting,
        query: Query,
        out: Vec<u8>,
    ) -> impl Future<Output = (Reply, Vec<u8>)> + Send;
}

/// Answers what is no question of a client: signed requests of secondaries, and their notices.
/// Asked only about messages that [`crate::wire::query::read`] does not take, so that it costs
/// others nothing.
pub trait Aside: fmt::Debug + Send + Sync + 'static {
    /// The answer to a datagram; `None` if it is not for it.
    fn datagram(&self, message: &[u8], source: SocketAddr) -> Option<Vec<u8>>;

    /// The answers to a message over TCP, made one by one as they are sent; `None` if it is not
    /// for it.
    fn stream(&self, message: &[u8], source: SocketAddr) -> Option<Parts>;
}

/// Messages that are sent one behind the other.
pub type Parts = Box<dyn Iterator<Item = Vec<u8>> + Send + Sync>;

/// A client, and what its address is worth.
#[derive(Debug, Clone)]
pub struct Known<C> {
    /// Who asks.
    pub client: C,
    /// What its source address says.
    pub source: Source,
}

/// What a source address over UDP says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The configuration names it: packets of that address come from where the operator says.
    Named,
    /// Anyone may have written it into the packet.
    Anyone,
}

/// What came of a question.
#[derive(Debug)]
pub struct Reply {
    /// What was appended.
    pub head: Head,
    /// What a client that speaks EDNS is told of it.
    pub why: Why,
}

/// Why an answer is as it is.
#[derive(Debug)]
pub enum Why {
    /// It was found.
    Answered,
    /// It is refused.
    Refused(Refusal),
    /// An Extended DNS Error (RFC 8914) of this code says it.
    Noted(u16),
    /// It is given by TCP alone: the header says that it is cut short.
    CutShort,
    /// There is none: nothing is sent. The refusal is on record all the same.
    Silence,
}

/// What came of a question without waiting.
#[derive(Debug)]
pub enum Now<W> {
    /// It is answered.
    Reply(Reply),
    /// It must wait; nothing was appended.
    Later(W),
}
