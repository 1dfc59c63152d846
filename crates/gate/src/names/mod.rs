//! The one door for names: whether a client may ask a name, on record before anything is sent.
//!
//! ```text
//!  identity  who asks: the standing session of a configured client
//!  client    one source address: what it was told, what it has asked
//!  ask       question ─▶ decide ─▶ (session, name, minute) on record ─▶ permit
//!  permit    what an answer must pass: addresses judged, chain noted, pins kept
//! ```
//! Must not know DNS messages. Next: `identity`.

mod answer;
mod client;
mod identity;

pub use answer::{NameAnswer, NamePermit, Route};
pub use client::NameClient;
pub use identity::{NameIdentity, NameSkill};

use crate::fault::GateFault;
use crate::gate::Gate;
use crate::identity::Session;
use crate::record::Refused;
use backstop_model::attempt::Plane;
use backstop_model::control::Control;
use backstop_model::event::Asked;
use backstop_model::name::{QueryName, QueryType};
use std::net::IpAddr;

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

impl Gate {
    /// The standing session of a configured DNS client: opened on record, renewed by itself.
    ///
    /// # Errors
    /// [`GateFault::Names`] where policy admits no such session or it cannot be recorded.
    pub async fn name_session(&self, who: NameIdentity) -> Result<Session, GateFault> {
        let _ = who;
        Err(GateFault::Names("names are not answered yet".to_owned()))
    }

    /// The state of one source address (pins, budgets, rates): bounded, the least recently used
    /// goes. Keep the handle for as long as the client's questions come.
    pub fn name_client(&self, session: &Session, source: IpAddr) -> NameClient {
        NameClient::new(session.clone(), source)
    }

    /// Answers without waiting and without allocating where this (session, name, minute) is on
    /// record already, or where the answer is a refusal. `None`: use [`Gate::ask_name`].
    pub fn ask_name_now(&self, client: &NameClient, question: &Question<'_>) -> Option<NameAnswer> {
        Some(self.not_yet(client, question))
    }

    /// The same, waiting for the record: its counter row (session, name, minute) is committed
    /// before this answers with a permit.
    pub async fn ask_name(&self, client: &NameClient, question: &Question<'_>) -> NameAnswer {
        self.not_yet(client, question)
    }

    fn not_yet(&self, client: &NameClient, question: &Question<'_>) -> NameAnswer {
        let asked = Asked {
            plane: Plane::Dns,
            host: question.name.to_string(),
            port: 0,
            act: question.qtype.to_string(),
            path: String::new(),
        };
        let reason = "names are not answered yet".to_owned();
        let subject = Some(client.session().subject());
        NameAnswer::Refusal(self.inner.refuse(Refused::new(subject, asked, Control::Fault, reason)))
    }
}
