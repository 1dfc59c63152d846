//! The answer to a question, and the permit that each answer from upstream must pass.
//!
//! Nobody but the gate makes a permit, and it cannot be copied:
//! ```compile_fail,E0277
//! fn copied<T: Clone>() {}
//! copied::<backstop_gate::names::NamePermit>();
//! ```
//! ```compile_fail,E0451
//! fn forge(real: backstop_gate::names::NamePermit) -> backstop_gate::names::NamePermit {
//!     backstop_gate::names::NamePermit { qtype: todo!(), ..real }
//! }
//! ```
//! Next: the parent.

use super::Question;
use super::client::NameClient;
use super::signs::shown;
use super::table::Entry;
use crate::fault::Faulted;
use crate::gate::Inner;
use crate::live::lock;
use backstop_model::addr::{AddressRules, judge_resolved};
use backstop_model::control::Control;
use backstop_model::event::CHAIN_KEPT;
use backstop_model::id::ReceiptId;
use backstop_model::name::{CLASS_IN, QueryName, QueryType};
use backstop_model::refusal::Refusal;
use backstop_policy::NameRow;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The answer to a question. Never a `Result`: a refusal is a value, not an error.
#[derive(Debug)]
#[must_use]
pub enum NameAnswer {
    /// It may be asked upstream, and what comes back may be passed on as the permit judges.
    Permit(NamePermit),
    /// An allowed name with one of the client's search suffixes, or the cluster's own noise:
    /// NXDOMAIN, given here. Nothing was refused, so nothing is alerted.
    Suffixed,
    /// The name is allowed, this type of it is not: NODATA with the refusal. NXDOMAIN would say
    /// that the name does not exist, which caches and resolvers (musl) hold against its addresses.
    Empty(Refusal),
    /// The name is refused: NXDOMAIN with the refusal.
    Refusal(Refusal),
}

/// Which upstreams a permitted name goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// The configured ones.
    Usual,
    /// Those of the cluster's own zone.
    Cluster,
}

/// The proof that a name may be asked, and that this is on record.
#[must_use]
pub struct NamePermit {
    pub(super) gate: Arc<Inner>,
    pub(super) client: NameClient,
    pub(super) entry: Arc<Entry>,
    qtype: QueryType,
}

impl NamePermit {
    pub(super) fn new(
        gate: Arc<Inner>,
        client: NameClient,
        entry: Arc<Entry>,
        qtype: QueryType,
    ) -> Self {
        Self { gate, client, entry, qtype }
    }
    /// The id of the counter row under which it is recorded.
    pub fn receipt(&self) -> &ReceiptId {
        &self.entry.receipt
    }
    /// Which upstreams it goes to.
    pub fn route(&self) -> Route {
        match self.entry.row {
            NameRow::Cluster => Route::Cluster,
            NameRow::Exact | NameRow::Wildcard(_) | NameRow::SearchSuffix | NameRow::None => {
                Route::Usual
            }
        }
    }
    /// Whether `ech` is to be taken out of HTTPS and SVCB records.
    pub fn strips_ech(&self) -> bool {
        !self.entry.terms.keeps_ech
    }

    /// Judges the addresses of an answer, hints included, and whether the name may still be asked.
    /// Call it for each answer that is passed on, from the cache too.
    ///
    /// # Errors
    /// The refusal (`ssrf.address`, `ssrf.rebind`, or what has changed meanwhile), recorded and
    /// alerted: the whole answer is refused.
    pub fn judge(&self, addresses: &[IpAddr]) -> Result<(), Refusal> {
        let now = self.gate.now();
        // RACE: policy or standing may have changed since the permit was given.
        let (gate, client, entry) = (&self.gate, &self.client, &self.entry);
        let name = || self.name();
        // After a reload that changes nothing for this name there is nothing to refuse either; its
        // next question wants a row under the new policy.
        if !gate.entry_stands(client, entry, (&name, self.qtype), now)
            && !gate.is_permitted_alike(client, entry, (&name, self.qtype), now)
        {
            let reason = "it is permitted no more: policy or standing has changed".to_owned();
            return self.refuse(Faulted { control: Control::DnsUndeclared, reason });
        }
        if addresses.is_empty() {
            return Ok(());
        }
        let rules = AddressRules {
            allow_private: self.entry.terms.allow_private.clone(),
            nat64: Vec::new(),
        };
        for address in addresses {
            let Err(class) = judge_resolved(*address, &rules) else { continue };
            let told = format!(
                "`{}` resolves to `{address}`, which is {}",
                shown(&self.name()),
                class.describe()
            );
            let was_good = lock(&self.client.inner.book).was_told(&self.entry.name);
            return self.refuse(if was_good {
                let reason = format!("{told}; it had good addresses before");
                Faulted { control: Control::SsrfRebind, reason }
            } else {
                Faulted { control: Control::SsrfAddress, reason: told }
            });
        }
        Ok(())
    }
    /// Notes the CNAME chain of an answer, for the record.
    pub fn through(&self, chain: &[QueryName]) {
        if !chain.is_empty() {
            self.entry.pass_through(chain.iter().take(CHAIN_KEPT).map(shown));
        }
    }
    /// Remembers what the client is told, for as long as it may use it: the TTL within a floor and
    /// a ceiling, and some grace (see [`Told`](super::Told)).
    pub fn pin(&self, addresses: &[IpAddr], ttl: Duration) {
        // Hints of a service are those of its target and its port, not of whom a proxy is asked for.
        let hints = matches!(self.qtype, QueryType::HTTPS | QueryType::SVCB);
        if addresses.is_empty() || hints {
            return;
        }
        let config = &self.gate.config.names;
        let life = ttl.clamp(config.pin_floor, config.pin_ceiling.max(config.pin_floor));
        let now = self.gate.now();
        lock(&self.client.inner.book).pin(
            &self.entry.name,
            addresses,
            now,
            life + config.pin_grace,
        );
    }
    /// Counts what was answered: so many octets, and whether the name exists.
    pub fn answered(&self, octets: usize, exists: bool) {
        let octets = u64::try_from(octets).unwrap_or(u64::MAX);
        self.entry.answered.fetch_add(octets, Ordering::Relaxed);
        if let NameRow::Wildcard(base) = &self.entry.row {
            let now = self.gate.now();
            let mut book = lock(&self.client.inner.book);
            let row = book.row(base.as_str(), now);
            row.answers += 1;
            row.absent += u64::from(!exists);
        }
    }
    /// Counts that an upstream is asked now, or again, because of this question: under a wildcard row
    /// a name that is repeated says something by being repeated.
    pub fn sent(&self) {
        if let NameRow::Wildcard(base) = &self.entry.row {
            let now = self.gate.now();
            lock(&self.client.inner.book).row(base.as_str(), now).sent += 1;
        }
    }
    /// Counts the data of each record that is told, under a wildcard row: what was told before adds
    /// nothing.
    pub fn told<'d>(&self, records: impl Iterator<Item = &'d [u8]>) {
        let NameRow::Wildcard(base) = &self.entry.row else { return };
        let now = self.gate.now();
        let mut book = lock(&self.client.inner.book);
        let row = book.row(base.as_str(), now);
        for data in records {
            row.told.add(self.gate.names.hash_octets(data), data.len());
        }
    }

    pub(super) fn name(&self) -> QueryName {
        // It was taken from a name, so it is one.
        QueryName::parse(&self.entry.name).unwrap_or(QueryName::ROOT)
    }
    pub(super) fn question<'n>(&self, name: &'n QueryName) -> Question<'n> {
        Question { name, qtype: self.qtype, class: CLASS_IN }
    }
    pub(super) fn refuse(&self, fault: Faulted) -> Result<(), Refusal> {
        let receipt = Some(self.entry.receipt.clone());
        let name = self.name();
        let question = self.question(&name);
        Err(self.gate.name_refusal(&self.entry.session, &question, fault, receipt))
    }
}

impl std::fmt::Debug for NamePermit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NamePermit").field("receipt", &self.entry.receipt).finish_non_exhaustive()
    }
}
