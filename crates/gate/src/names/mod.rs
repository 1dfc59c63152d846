//! The one door for names: whether a client may ask a name, on record before anything is sent.
//!
//! ```text
//!  identity  who asks: the standing session of a configured client
//!  table     what is on record: one row for each session, name and minute
//!  client    one host that asks         book   what it was told, what it has asked
//!  signs     names that carry data        payload  budgets of a day
//!  told      what a client was told, where it dials
//!  filtered  what response policy zones say of a permitted name
//!  kept      a row that somebody keeps at hand
//!  ahead     names in steady use: their next minute, on record before this one is over
//!  ask       question ─▶ decide ─▶ on record ─▶ answer (permit: addresses, chain, pins)
//! ```
//! INVARIANT: a permit exists only after its counter row is committed, and policy is asked for
//! each question, whatever a cache holds.
//! Must not know DNS messages. Next: `identity`.

mod ahead;
mod answer;
mod ask;
mod book;
mod by_hash;
mod client;
mod filtered;
mod identity;
mod kept;
mod payload;
mod signs;
mod table;
mod told;

pub use answer::{NameAnswer, NamePermit, Route};
pub use by_hash::{AsItIs, ByHash};
pub use client::NameClient;
pub use identity::{NameIdentity, NameSkill};
pub use kept::KeptRow;
pub use signs::NamesConfig;
pub use told::{Hold, Told};

use crate::fault::GateFault;
use crate::gate::Gate;
use crate::identity::Session;
use crate::live::lock;
use ahead::Soon;
use backstop_model::id::SessionId;
use backstop_model::name::{QueryName, QueryType};
use backstop_policy::NameTerms;
use identity::Standing;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// What somebody asks a resolver.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The name.
    pub name: &'a QueryName,
    /// The type.
    pub qtype: QueryType,
    /// The class; whatever is not [`CLASS_IN`](backstop_model::name::CLASS_IN) is refused.
    pub class: u16,
}

/// LIMIT: sessions that ask names.
const STANDINGS: usize = 4_096;

/// Who asks names here.
#[derive(Default)]
pub(crate) struct Names {
    /// By each session that they have had.
    standings: Mutex<HashMap<SessionId, Arc<Standing>>>,
    /// Keyed anew by each process: nobody can choose names whose hashes meet.
    hasher: RandomState,
    /// What is to be written down soon, and by nobody who waits for it.
    soon: Soon,
    /// The terms of the name that was last recorded: the next one's are nearly always the same.
    terms: Mutex<Arc<NameTerms>>,
}

impl Names {
    fn know(&self, id: SessionId, standing: &Arc<Standing>) {
        lock(&self.standings).insert(id, Arc::clone(standing));
    }
    fn of(&self, session: &Session) -> Arc<Standing> {
        let mut standings = lock(&self.standings);
        if let Some(known) = standings.get(&session.id) {
            return Arc::clone(known);
        }
        let new = Standing::new(None, session.clone());
        if standings.len() < STANDINGS {
            standings.insert(session.id.clone(), Arc::clone(&new));
        }
        new
    }
    fn terms(&self, terms: NameTerms) -> Arc<NameTerms> {
        let mut last = lock(&self.terms);
        if **last != terms {
            *last = Arc::new(terms);
        }
        Arc::clone(&last)
    }
    fn hash(&self, name: &QueryName) -> u64 {
        self.hash_octets(name.as_wire())
    }
    fn hash_octets(&self, octets: &[u8]) -> u64 {
        self.hasher.hash_one(octets)
    }
    fn standings(&self) -> Vec<Arc<Standing>> {
        let mut all: Vec<Arc<Standing>> = lock(&self.standings).values().cloned().collect();
        all.sort_by_key(|standing| Arc::as_ptr(standing).addr());
        all.dedup_by(|one, other| Arc::ptr_eq(one, other));
        all
    }
}

impl Gate {
    /// The standing session of a configured DNS client: opened on record, renewed by itself.
    ///
    /// # Errors
    /// [`GateFault::Names`] where policy admits no such session or it cannot be recorded.
    pub async fn name_session(&self, who: NameIdentity) -> Result<Session, GateFault> {
        let session = self.inner.standing_session(&who).await.map_err(GateFault::Names)?;
        let standing = Standing::new(Some(who), session.clone());
        self.inner.names.know(session.id.clone(), &standing);
        Ok(session)
    }

    /// The state of the host behind a source address (pins, budgets, rates), bounded. Loopback is
    /// one host, and so is an IPv6 /64. Keep the handle for as long as the client's questions come.
    pub fn name_client(&self, session: &Session, source: IpAddr) -> NameClient {
        let standing = self.inner.names.of(session);
        let most = self.inner.config.names.clients;
        let source = (client::host(source), &self.inner.names.hasher);
        standing.clients.client(&standing, source, self.now(), most)
    }

    /// Answers without waiting, and a permit without allocating or counting a handle, where this (session, name,
    /// minute) is on record already or the answer is a refusal. `None`: use [`Gate::ask_name`].
    pub fn ask_name_now<'a>(
        &'a self,
        client: &'a NameClient,
        question: &Question<'_>,
    ) -> Option<NameAnswer<'a>> {
        self.inner.name_now(client, question)
    }

    /// The same for whom an earlier permit of this client gave the row that is on record
    /// ([`NamePermit::row`]). `None`: use [`Gate::ask_name_now`].
    pub fn ask_name_again<'a>(
        &'a self,
        client: &'a NameClient,
        row: &'a KeptRow,
        question: &Question<'_>,
    ) -> Option<NameAnswer<'a>> {
        self.inner.name_again(client, row, question)
    }

    /// The same, waiting for the record: its counter row (session, name, minute) is committed
    /// before this answers with a permit.
    pub async fn ask_name<'a>(
        &'a self,
        client: &'a NameClient,
        question: &Question<'_>,
    ) -> NameAnswer<'a> {
        match self.inner.name_now(client, question) {
            Some(answer) => answer,
            None => self.inner.name_recorded(client, question).await,
        }
    }

    /// The same, for whom [`Gate::ask_name_now`] told a moment ago that the record is to be waited
    /// for.
    pub async fn wait_for_name<'a>(
        &'a self,
        client: &'a NameClient,
        question: &Question<'_>,
    ) -> NameAnswer<'a> {
        self.inner.name_recorded(client, question).await
    }
}
