//! Policy first, for each question: the gate is asked, then the cache, then the forwarder. And who
//! asks: by listener and source address alone, never by what a message says of itself (client
//! subnet and the like). Next: `cache`.

use crate::answer::{Answers, Screen, Screened as Seen, Told};
use crate::body::Head;
use crate::cache::Entry;
use crate::desk::{Desk, Kept};
use crate::refusal::{self, Scope};
use crate::rpz::{self, Filter, Look};
use crate::screening::{self, Asked, Screened};
use crate::server::{Known, Now, Reply, Service, Source, Why};
use crate::wire::Rcode;
use crate::wire::answer;
use crate::wire::query::Query;
use backstop_gate::names::{NameAnswer, NameClient, NamePermit, Question};
use backstop_gate::{Gate, Session};
use backstop_model::addr::Cidr;
use backstop_model::name::{QueryName, QueryType};
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
    filter: Option<Arc<Filter>>,
}

/// One host that asks: its state, and the very address that it asks from.
#[derive(Clone)]
pub struct Client {
    names: NameClient,
    source: IpAddr,
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
        Self { gate, answers, rows, named: Vec::new(), filter: None }
    }

    /// The same, with those whom a trusted peer may name by these texts.
    #[must_use]
    pub fn with_named(self, named: Vec<(String, Session)>) -> Self {
        Self { named, ..self }
    }

    /// With response policy zones behind policy.
    #[must_use]
    pub fn filtered(self, filter: Option<Arc<Filter>>) -> Self {
        Self { filter, ..self }
    }

    fn permitted(
        &self,
        client: &Client,
        permit: NamePermit<'_>,
        (query, entry): (&Query, Option<&Arc<Entry>>),
        at: Instant,
        out: &mut Vec<u8>,
    ) -> Now<Waiting> {
        let filter = match &self.filter {
            None => None,
            Some(filter) => {
                let looks = (Look::First, Look::First);
                let asked = Asked { permit: &permit, query, source: client.source, looks };
                match screening::question(filter, asked, out) {
                    Screened::Reply(reply) => return Now::Reply(reply),
                    // Looked at again there: rules may change meanwhile, and nothing is on record.
                    Screened::Alias { .. } => {
                        return Now::Later(Waiting::Permitted(permit.kept(), Look::First));
                    }
                    Screened::Pass => None,
                    Screened::Look => Some(filter),
                }
            }
        };
        let Some(filter) = filter else {
            return match self.answers.tell_now(&permit, &question(query), at, entry, None) {
                Some(told) => Now::Reply(reply(told, query, out)),
                None => Now::Later(Waiting::Permitted(permit.kept(), Look::First)),
            };
        };
        let mut instead = None;
        let looks = (Look::Again, Look::First);
        let asked = Asked { permit: &permit, query, source: client.source, looks };
        let mut look = |seen: rpz::Seen<'_>| {
            instead = screening::answer(filter, asked, seen, out);
            if instead.is_some() { Seen::Withheld } else { Seen::Told }
        };
        let screen = Screen { filter, look: &mut look };
        let told = self.answers.tell_now(&permit, &question(query), at, entry, Some(screen));
        match (told, instead) {
            (_, Some(Screened::Reply(reply))) => Now::Reply(reply),
            (_, Some(Screened::Alias { .. })) => {
                Now::Later(Waiting::Permitted(permit.kept(), Look::Again))
            }
            (None, _) => Now::Later(Waiting::Permitted(permit.kept(), Look::First)),
            (Some(told), _) => Now::Reply(reply(told, query, out)),
        }
    }

    /// The same, waited for.
    async fn waited(
        &self,
        client: &Client,
        (permit, looks): (&NamePermit<'_>, (Look, Look)),
        query: &Query,
        out: &mut Vec<u8>,
    ) -> Reply {
        let question = question(query);
        let asked = Asked { permit, query, source: client.source, looks };
        let source = client.names.source();
        let mut looks = None;
        if let Some(filter) = &self.filter {
            match screening::question(filter, asked, out) {
                Screened::Reply(reply) => return reply,
                Screened::Alias { target, evidence } => {
                    return self.aliased(client, asked, (&target, evidence), out).await;
                }
                Screened::Pass => {}
                Screened::Look => looks = Some(filter),
            }
        }
        let Some(filter) = looks else {
            let told = self.answers.tell(permit, &question, source, None).await;
            return reply(told, query, out);
        };
        let mut instead = None;
        let mut look = |seen: rpz::Seen<'_>| {
            instead = screening::answer(filter, asked, seen, out);
            if instead.is_some() { Seen::Withheld } else { Seen::Told }
        };
        let screen = Screen { filter, look: &mut look };
        let told = self.answers.tell(permit, &question, source, Some(screen)).await;
        match instead {
            Some(Screened::Reply(reply)) => reply,
            Some(Screened::Alias { target, evidence }) => {
                self.aliased(client, asked, (&target, evidence), out).await
            }
            Some(Screened::Pass | Screened::Look) | None => reply(told, query, out),
        }
    }

    /// A rule says that the name is another's alias. Whoever asks is told so if policy permits the
    /// other name too; otherwise it is refused, as the rule refused it: no feed opens a name.
    async fn aliased(
        &self,
        client: &Client,
        asked: Asked<'_>,
        (target, evidence): (&QueryName, String),
        out: &mut Vec<u8>,
    ) -> Reply {
        let Asked { permit, query, .. } = asked;
        let Err(refused) = permit.filtered(evidence) else {
            let question = question(query);
            let source = client.names.source();
            let told = self.answers.tell(permit, &question, source, None).await;
            return reply(told, query, out);
        };
        let other = Question { name: target, ..question(query) };
        if target == &query.name || !self.gate.would_permit_name(&client.names, &other) {
            return screening::refuse(refused, Scope::Name, query, out);
        }
        let NameAnswer::Permit(other_permit) = self.gate.ask_name(&client.names, &other).await
        else {
            return screening::refuse(refused, Scope::Name, query, out);
        };
        let begin = out.len();
        let mut head = rpz::alias(out, target);
        if query.qtype == QueryType::CNAME {
            return Reply { head, why: Why::Refused(refused) };
        }
        let source = client.names.source();
        let told = self.answers.tell(&other_permit, &other, source, None).await;
        let Told::Body(body) = told else {
            out.truncate(begin);
            return reply(told, query, out);
        };
        let mut octets = vec![0; body.len()];
        let written = body
            .write(&mut octets)
            .and_then(|_| rpz::behind(out, target, (query.qtype, body.head()), &octets));
        match written {
            Some(count) => {
                head.answers += count;
                head.rcode = body.head().rcode;
                Reply { head, why: Why::Refused(refused) }
            }
            None => {
                out.truncate(begin);
                screening::refuse(refused, Scope::Name, query, out)
            }
        }
    }
}

/// How far a question came before it had to wait.
pub enum Waiting {
    /// Its permit is not on record yet.
    Unasked,
    /// It is permitted and was looked at; the answer is not in the cache, or was looked at too.
    Permitted(NamePermit<'static>, Look),
}

impl Service for Names {
    type Client = Client;
    type Waiting = Waiting;
    type Desk = Desk;

    fn client(&self, listener: SocketAddr, source: IpAddr) -> Option<Known<Client>> {
        let row = self.rows.iter().find(|row| {
            row.listen.is_none_or(|listen| listen == listener)
                && row.from.as_ref().is_none_or(|from| from.contains(source))
        })?;
        let client = Client { names: self.gate.name_client(&row.session, source), source };
        let source = if row.from.is_some() { Source::Named } else { Source::Anyone };
        Some(Known { client, source })
    }

    fn named(&self, source: IpAddr, identity: &str) -> Option<Known<Client>> {
        let (_, session) = self.named.iter().find(|(text, _)| text == identity)?;
        let client = Client { names: self.gate.name_client(session, source), source };
        Some(Known { client, source: Source::Named })
    }

    fn desk(&self) -> Desk {
        Desk::open()
    }

    fn ahead<'q>(&self, desk: &mut Desk, questions: impl Iterator<Item = (&'q Client, &'q Query)>) {
        desk.sweep(self.gate.now());
        desk.warm(questions.map(|(client, query)| (&client.names, &query.name, query.qtype)));
    }

    fn now(
        &self,
        desk: &mut Desk,
        client: &Client,
        query: &Query,
        at: Instant,
        out: &mut Vec<u8>,
    ) -> Now<Waiting> {
        let asked = question(query);
        let kept = desk.find(&client.names, (&query.name, query.qtype, query.class));
        if let Some(kept) = kept.filter(|kept| kept.is_fresh(at))
            && let Some(answer) = self.gate.ask_name_again(&client.names, &kept.row, &asked)
        {
            kept.answer.touch();
            return match settle(answer, query, out) {
                Ok(permit) => self.permitted(client, permit, (query, Some(&kept.answer)), at, out),
                Err(reply) => Now::Reply(reply),
            };
        }
        let answer = match self.gate.ask_name_now(&client.names, &asked) {
            None => return Now::Later(Waiting::Unasked),
            Some(answer) => answer,
        };
        match settle(answer, query, out) {
            Ok(permit) => {
                let entry = self.answers.find(&asked);
                if let Some(answer) = &entry {
                    let kept = Kept { row: permit.row(), answer: Arc::clone(answer) };
                    desk.lay(&client.names, &query.name, query.qtype, kept);
                }
                self.permitted(client, permit, (query, entry.as_ref()), at, out)
            }
            Err(reply) => Now::Reply(reply),
        }
    }

    async fn later(
        &self,
        client: Client,
        waiting: Waiting,
        query: Query,
        mut out: Vec<u8>,
    ) -> (Reply, Vec<u8>) {
        let (permit, looks) = match waiting {
            Waiting::Permitted(permit, answer) => (permit, (Look::Again, answer)),
            Waiting::Unasked => {
                let answer = self.gate.wait_for_name(&client.names, &question(&query)).await;
                match settle(answer, &query, &mut out) {
                    Ok(permit) => (permit, (Look::First, Look::First)),
                    Err(reply) => return (reply, out),
                }
            }
        };
        let reply = self.waited(&client, (&permit, looks), &query, &mut out).await;
        (reply, out)
    }
}

fn question(query: &Query) -> Question<'_> {
    Question { name: &query.name, qtype: query.qtype, class: query.class }
}

/// The permit, or what is answered without one.
fn settle<'a>(
    answer: NameAnswer<'a>,
    query: &Query,
    out: &mut Vec<u8>,
) -> Result<NamePermit<'a>, Reply> {
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

fn reply(told: Told<'_>, query: &Query, out: &mut Vec<u8>) -> Reply {
    match told {
        Told::Refused(refused) => {
            let head = refusal::records(out, &query.manner, &refused, Scope::Name);
            Reply { head, why: Why::Refused(refused) }
        }
        // Who withheld it has an answer of its own; without one there is none.
        Told::Withheld => {
            let head = Head { rcode: Rcode::ServFail.number(), answers: 0, authorities: 0 };
            Reply { head, why: Why::Answered }
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
