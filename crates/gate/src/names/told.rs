//! What the resolver told a client, for the connections that the same client opens afterwards: the
//! address that it was given is the one that is dialled, so that between its question and its
//! connection there is no second look-up that could say something else. Next: `filtered`.
//!
//! The same client is who acts as the same tenant and skill (a token says so) from the same source
//! address (the socket says so). Who shares an address with others of its skill shares what they
//! were told: answers of the upstream for a name that policy gives to all of them, which the dialer
//! judges again by the rules of that moment. Nobody can put an address there.

use super::client;
use super::identity::Standing;
use crate::gate::Inner;
use crate::identity::Session;
use crate::live::lock;
use backstop_model::host::Host;
use backstop_model::name::{NameScope, QueryName};
use backstop_model::standing::Subject;
use backstop_model::time::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;

/// What one client was told for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The addresses, the newest first.
    pub addresses: Vec<IpAddr>,
    /// Whether they hold.
    pub hold: Hold,
}

/// How long ago somebody was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// The client may still use them: TTL, within a floor and a ceiling.
    Stands,
    /// Their time is over; they stand in while no upstream answers.
    Grace,
}

impl Inner {
    /// What the client behind a session was told for a host.
    pub(crate) fn told_to(&self, session: &Session, host: &Host, now: Timestamp) -> Option<Told> {
        let (Some(source), Host::Name(name)) = (session.source, host) else { return None };
        let (source, name) = (client::host(source), QueryName::of_host(name));
        let alike: Vec<Arc<Standing>> = {
            let standings = lock(&self.names.standings);
            let alike = standings.values().filter(|standing| standing.acts_as(&session.subject));
            alike.cloned().collect()
        };
        let grace = self.config.names.pin_grace;
        alike
            .iter()
            .filter_map(|standing| standing.clients.known(source)?.told(&name, now, grace))
            // One entry may have been asked at one listener, another at another.
            .min_by_key(|told| told.hold == Hold::Grace)
    }
}

impl Standing {
    /// Whether its questions are those of this subject.
    fn acts_as(&self, subject: &Subject) -> bool {
        let session = self.session.load();
        session.subject.tenant == subject.tenant
            && match self.scope {
                NameScope::Tenant => true,
                NameScope::Skill => session.subject.skill == subject.skill,
            }
    }
}
