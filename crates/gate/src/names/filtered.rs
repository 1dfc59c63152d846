//! What a filter behind policy says of a permitted name: on record as any refusal, and only noted
//! where the tenant observes. Next: the parent.

use super::Question;
use super::answer::NamePermit;
use super::client::NameClient;
use crate::fault::Faulted;
use crate::gate::Gate;
use backstop_model::control::Control;
use backstop_model::refusal::Refusal;
use backstop_model::verdict::{Reason, Ruling};
use backstop_policy::{NameRow, NameTold};

impl NamePermit<'_> {
    /// Whether the name stands in a row letter by letter, so that somebody meant exactly it.
    pub fn is_declared_by_name(&self) -> bool {
        match self.entry.row {
            NameRow::Exact => true,
            NameRow::Wildcard(_) | NameRow::SearchSuffix | NameRow::Cluster | NameRow::None => {
                false
            }
        }
    }

    /// A response policy zone refuses the name, or replaces its answer: `dns.rpz`.
    ///
    /// # Errors
    /// The refusal, recorded and alerted. `Ok` where the tenant is in its dated observe state: then
    /// it is only noted, and the question goes on as if no rule stood for it.
    pub fn filtered(&self, evidence: String) -> Result<(), Refusal> {
        if self.is_observed() {
            self.would_be_filtered(evidence);
            return Ok(());
        }
        let reason = format!("{evidence} (asked by {})", self.client.source());
        self.refuse(Faulted { control: Control::DnsRpz, reason })
    }

    /// Whether the tenant is in its dated observe state, so that no filter refuses it anything.
    pub fn is_observed(&self) -> bool {
        let tenant = &self.entry.session.subject.tenant;
        let until = self.gate.policy().observes_until(tenant);
        until.is_some_and(|until| self.gate.now() < until)
    }

    /// The same would be, were its zone or tenant not told only to look: an alert of its kind, with
    /// a count, and nothing else.
    pub fn would_be_filtered(&self, evidence: String) {
        let reasons =
            [Reason { control: Control::DnsRpz, ruling: Ruling::WouldDeny, text: evidence }];
        let name = self.name();
        let question = self.question(&name);
        let receipt = &self.entry.receipt;
        self.gate.flag_name(&self.entry.session, &question, &reasons, receipt, self.gate.now());
    }
}

impl Gate {
    /// Whether policy would let this client ask this, told without a record: for a name that the
    /// client did not ask and may be sent to. Whoever sends it there asks [`Gate::ask_name`] first.
    pub fn would_permit_name(&self, client: &NameClient, question: &Question<'_>) -> bool {
        let session = client.standing().session.load();
        let judged = self.inner.judge_name(client, &session, question, &[], self.now());
        judged.decision.told == NameTold::Ask
    }
}
