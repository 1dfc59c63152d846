//! What people and runtimes may do: each act is an event, committed before it is answered.
//!
//! ```text
//!  acts      the words              sessions   open, close
//!  tokens    issue, revoke          standing   quarantine, release, approve, deny, grant
//! ```
//! INVARIANT: an act whose event is not committed was not done. Must not know HTTP. Next: `acts`.

mod acts;
mod sessions;
mod standing;
mod tokens;

pub use acts::{
    ControlFault, GrantRequest, IssuedToken, OpenedSession, SessionRequest, TokenRequest,
};

use crate::gate::{Inner, clean};
use crate::identity::Actor;
use crate::live::lock;
use backstop_model::event::Fact;
use backstop_model::id::Principal;
use backstop_model::standing::Subject;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// The acts of people and runtimes.
#[derive(Clone)]
pub struct Control {
    pub(crate) inner: Arc<Inner>,
}

/// What is being decided right now, so that two people do not decide the same thing twice.
#[derive(Debug, Default)]
pub(crate) struct Claims(Mutex<HashSet<String>>);

/// One thing that is being decided; dropping it lets others decide again.
pub(crate) struct Claim<'a> {
    claims: &'a Claims,
    id: String,
}

impl Claims {
    fn claim(&self, id: &str) -> Result<Claim<'_>, ControlFault> {
        if lock(&self.0).insert(id.to_owned()) {
            Ok(Claim { claims: self, id: id.to_owned() })
        } else {
            Err(ControlFault::Conflict(format!("somebody decides about `{id}` right now")))
        }
    }
    /// Whether somebody decides about it right now.
    pub(crate) fn is_claimed(&self, id: &str) -> bool {
        lock(&self.0).contains(id)
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        lock(&self.claims.0).remove(&self.id);
    }
}

impl Control {
    /// Records the fact, then it is done.
    async fn act(&self, subject: Option<Subject>, fact: Fact) -> Result<(), ControlFault> {
        let event = self.inner.event(self.inner.policy().digest(), subject, fact);
        self.inner.ledger.commit(event).await?;
        Ok(())
    }

    fn ten(&self) -> Result<[u8; 10], ControlFault> {
        let mut bytes = [0u8; 10];
        self.inner.random.fill(&mut bytes)?;
        Ok(bytes)
    }
}

fn operator(by: &Actor) -> Result<&Principal, ControlFault> {
    match by {
        Actor::Operator { principal } => Ok(principal),
        Actor::Runtime { .. } | Actor::Agent(_) => {
            Err(ControlFault::Forbidden("this takes an operator".to_owned()))
        }
    }
}

/// A reason that says something, in at most 1,000 bytes.
fn reason(text: &str) -> Result<String, ControlFault> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ControlFault::Invalid("a reason is needed".to_owned()));
    }
    Ok(clean(text, 1_000))
}
