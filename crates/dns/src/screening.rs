//! What response policy zones make of a permitted question: before anything is sent, and of what came
//! back. Must not know sockets. Next: `service`.
//!
//! INVARIANT: policy permitted the question before this is asked, and nothing here permits more: a rule
//! refuses, replaces, or says nothing. What a rule sends a client to is asked only if policy permits it
//! to that client, and what it gives out is judged as any upstream's answer.

use crate::body::Head;
use crate::refusal::{self, Scope};
use crate::rpz::{Chosen, Declared, Effect, Filter, Hit, Look, Seen};
use crate::server::{Reply, Why};
use crate::wire::query::{By, Query};
use backstop_gate::names::NamePermit;
use backstop_model::name::QueryName;
use backstop_model::refusal::Refusal;
use std::net::IpAddr;

/// What comes of a question.
pub(crate) enum Screened {
    /// Nothing more is looked at.
    Pass,
    /// No rule stands for it so far: its answer is looked at too.
    Look,
    /// It is answered.
    Reply(Reply),
    /// It is answered as another name is, if policy permits that one. Nothing is on record yet.
    Alias { target: Box<QueryName>, evidence: String },
}

/// Whose question is looked at.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) permit: &'a NamePermit<'a>,
    pub(crate) query: &'a Query,
    pub(crate) source: IpAddr,
    /// Whether it is looked at again: it, and its answer.
    pub(crate) looks: (Look, Look),
}

/// What the rules say of a question.
pub(crate) fn question(filter: &Filter, asked: Asked<'_>, out: &mut Vec<u8>) -> Screened {
    let Asked { permit, query, source, looks: (look, _) } = asked;
    let declared = Declared::of(permit);
    if filter.is_idle(declared) {
        return Screened::Pass;
    }
    let mut would = |hit: &Hit<'_>| note(permit, hit);
    filter
        .question((Some(source), look), &query.name, declared, &mut would, |hit| {
            apply(&hit, asked, out)
        })
        .unwrap_or(Screened::Look)
}

/// What they say of its answer; `None`: it is told as it is.
pub(crate) fn answer(
    filter: &Filter,
    asked: Asked<'_>,
    seen: Seen<'_>,
    out: &mut Vec<u8>,
) -> Option<Screened> {
    let mut would = |hit: &Hit<'_>| note(asked.permit, hit);
    let about = (&asked.query.name, Declared::of(asked.permit), asked.looks.1);
    let screened = filter.answer(about, seen, &mut would, |hit| apply(&hit, asked, out))?;
    match screened {
        Screened::Pass | Screened::Look => None,
        Screened::Reply(_) | Screened::Alias { .. } => Some(screened),
    }
}

fn note(permit: &NamePermit<'_>, hit: &Hit<'_>) {
    match hit.effect {
        // What would have passed has passed.
        Effect::Passthru | Effect::TcpOnly => {}
        Effect::Nxdomain | Effect::Nodata | Effect::Drop | Effect::Local(_) | Effect::Alias(_) => {
            permit.would_be_filtered(format!("{} (the zone is disabled)", hit.evidence()))
        }
    }
}

fn apply(hit: &Hit<'_>, asked: Asked<'_>, out: &mut Vec<u8>) -> Screened {
    let Asked { permit, query, .. } = asked;
    let refused = || permit.filtered(hit.evidence());
    match &hit.effect {
        Effect::Passthru => Screened::Pass,
        Effect::TcpOnly => match query.by {
            By::Stream | By::Sealed | By::Web => Screened::Pass,
            By::Datagram => {
                let head = Head { rcode: 0, answers: 0, authorities: 0 };
                Screened::Reply(Reply { head, why: Why::CutShort })
            }
        },
        Effect::Nxdomain => refused().map_or_else(
            |refusal| Screened::Reply(refuse(refusal, Scope::Name, query, out)),
            |()| Screened::Pass,
        ),
        Effect::Nodata => refused().map_or_else(
            |refusal| Screened::Reply(refuse(refusal, Scope::Type, query, out)),
            |()| Screened::Pass,
        ),
        Effect::Drop => match refused() {
            Ok(()) => Screened::Pass,
            Err(_) => {
                let head = Head { rcode: 0, answers: 0, authorities: 0 };
                Screened::Reply(Reply { head, why: Why::Silence })
            }
        },
        Effect::Alias(target) => {
            Screened::Alias { target: target.clone(), evidence: hit.evidence() }
        }
        Effect::Local(local) => {
            let chosen = Chosen::of(local, query.qtype);
            let foreign: Vec<IpAddr> = chosen
                .addresses
                .iter()
                .copied()
                .filter(|address| !hit.zone.is_sinkhole(*address))
                .collect();
            // A feed is a stranger too: what it gives out is judged as any answer.
            if let Err(refusal) = permit.judge(&foreign) {
                return Screened::Reply(refuse(refusal, Scope::Name, query, out));
            }
            match refused() {
                Ok(()) => Screened::Pass,
                Err(refusal) if chosen.is_empty() => {
                    Screened::Reply(refuse(refusal, Scope::Type, query, out))
                }
                Err(refusal) => {
                    let head = chosen.write(out);
                    Screened::Reply(Reply { head, why: Why::Refused(refusal) })
                }
            }
        }
    }
}

/// A refusal's answer.
pub(crate) fn refuse(refused: Refusal, scope: Scope, query: &Query, out: &mut Vec<u8>) -> Reply {
    let head = refusal::records(out, &query.manner, &refused, scope);
    Reply { head, why: Why::Refused(refused) }
}
