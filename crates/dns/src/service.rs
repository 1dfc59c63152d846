//! Policy first, for each question: the gate is asked, then the cache, then the forwarder. And who
//! asks: by listener and source address alone, never by what a message says of itself (client
//! subnet and the like). Next: `cache`.

use crate::answer::{Answers, Told};
use crate::body::Head;
use crate::refusal::{self, Scope};
use crate::server::{Known, Now, Reply, Service, Source, Why};
use crate::wire::Rcode;
use crate::wire::answer;
use crate::wire::query::Query;
use backstop_gate::names::{NameAnswer, NameClient, NamePermit, Question};
use backstop_gate::{Gate, Session};
use backstop_model::addr::Cidr;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

/// Who asks at a listener, from a range of addresses, or both.
#[derive(Debug, Clone)]
pub struct Row {
    /// At this listener; at any if none is given.
    pub listen: Option<SocketAddr>,
    /// From these addresses; from any if none are given.
    pub from: Option<Cidr>,
    /// Their standing session (`Gate::name_session`).
    pub session: Session,
}

/// Answers questions by policy, cache and upstreams.
pub struct Names {
    gate: Gate,
    answers: Arc<Answers>,
    rows: Vec<Row>,
    named: Vec<(String, Session)>,
}

impl Names {
    /// For these clients; an address that no row names is served nothing.
    #[must_use]
    pub fn new(gate: Gate, answers: Arc<Answers>, mut rows: Vec<Row>) -> Self {
        // The narrowest range counts, then the row that names its listener, then the order.
        rows.sort_by_key(|row| {
            let prefix = row.from.as_ref().map_or(-1, |from| i16::from(from.prefix()));
            (std::cmp::Reverse(prefix), row.listen.is_none())
        });
        Self { gate, answers, rows, named: Vec::new() }
    }

    /// The same, with those whom a trusted peer may name by these texts.
    #[must_use]
    pub fn with_named(self, named: Vec<(String, Session)>) -> Self {
        Self { named, ..self }
    }

    fn permitted(
        &self,
        permit: NamePermit,
        query: &Query,
        at: Instant,
        out: &mut Vec<u8>,
    ) -> Now<Waiting> {
        match self.answers.tell_now(&permit, &question(query), at) {
            Some(told) => Now::Reply(reply(told, query, out)),
            None => Now::Later(Waiting::Permitted(permit)),
        }
    }
}

/// How far a question came before it had to wait.
pub enum Waiting {
    /// Its permit is not on record yet.
    Unasked,
    /// It is permitted; the answer is not in the cache.
    Permitted(NamePermit),
}

impl Service for Names {
    type Client = NameClient;
    type Waiting = Waiting;

    fn client(&self, listener: SocketAddr, source: IpAddr) -> Option<Known<NameClient>> {
        let row = self.rows.iter().find(|row| {
            row.listen.is_none_or(|listen| listen == listener)
                && row.from.as_ref().is_none_or(|from| from.contains(source))
        })?;
        let client = self.gate.name_client(&row.session, source);
        let source = if row.from.is_some() { Source::Named } else { Source::Anyone };
        Some(Known { client, source })
    }

    fn named(&self, source: IpAddr, identity: &str) -> Option<Known<NameClient>> {
        let (_, session) = self.named.iter().find(|(text, _)| text == identity)?;
        let client = self.gate.name_client(session, source);
        Some(Known { client, source: Source::Named })
    }

    fn now(
        &self,
        client: &NameClient,
        query: &Query,
        at: Instant,
        out: &mut Vec<u8>,
    ) -> Now<Waiting> {
        match self.gate.ask_name_now(client, &question(query)) {
            None => Now::Later(Waiting::Unasked),
            Some(answer) => match settle(answer, query, out) {
                Ok(permit) => self.permitted(permit, query, at, out),
                Err(reply) => Now::Reply(reply),
            },
        }
    }

    async fn later(
        &self,
        client: NameClient,
        waiting: Waiting,
        query: Query,
        mut out: Vec<u8>,
    ) -> (Reply, Vec<u8>) {
        let question = question(&query);
        let permit = match waiting {
            Waiting::Permitted(permit) => permit,
            Waiting::Unasked => {
                let answer = self.gate.ask_name(&client, &question).await;
                match settle(answer, &query, &mut out) {
                    Ok(permit) => permit,
                    Err(reply) => return (reply, out),
                }
            }
        };
        let told = self.answers.tell(&permit, &question, client.source()).await;
        (reply(told, &query, &mut out), out)
    }
}

fn question(query: &Query) -> Question<'_> {
    Question { name: &query.name, qtype: query.qtype, class: query.class }
}

/// The permit, or what is answered without one.
fn settle(answer: NameAnswer, query: &Query, out: &mut Vec<u8>) -> Result<NamePermit, Reply> {
    let (refused, scope) = match answer {
        NameAnswer::Permit(permit) => return Ok(permit),
        NameAnswer::Refusal(refusal) => (refusal, Scope::Name),
        NameAnswer::Empty(refusal) => (refusal, Scope::Type),
        NameAnswer::Suffixed => {
            answer::soa(out, &query.manner, SUFFIXED);
            let head = Head { rcode: Rcode::NxDomain.number(), answers: 0, authorities: 1 };
            return Err(Reply { head, why: Why::Answered });
        }
    };
    let head = refusal::records(out, &query.manner, &refused, scope);
    Err(Reply { head, why: Why::Refused(refused) })
}

fn reply(told: Told, query: &Query, out: &mut Vec<u8>) -> Reply {
    match told {
        Told::Refused(refused) => {
            let head = refusal::records(out, &query.manner, &refused, Scope::Name);
            Reply { head, why: Why::Refused(refused) }
        }
        Told::Failed(failure) => {
            let head = Head { rcode: Rcode::ServFail.number(), answers: 0, authorities: 0 };
            Reply { head, why: Why::Noted(failure.extended_error()) }
        }
        Told::Body(body) => {
            let begin = out.len();
            out.resize(begin + body.len(), 0);
            if out.get_mut(begin..).and_then(|room| body.write(room)).is_none() {
                out.truncate(begin);
                let rcode = Rcode::ServFail.number();
                let head = Head { rcode, answers: 0, authorities: 0 };
                return Reply { head, why: Why::Answered };
            }
            let why = if body.is_stale() { Why::Noted(STALE) } else { Why::Answered };
            Reply { head: body.head(), why }
        }
    }
}

/// Seconds for which a client may keep that a name with one of its search suffixes is none.
const SUFFIXED: u32 = 60;
/// Extended DNS Error "Stale Answer".
const STALE: u16 = 3;
