//! The answer to a question, and the permit that each answer from upstream must pass.
//!
//! Nobody but the gate makes a permit, and it cannot be copied:
//! ```compile_fail,E0277
//! fn copied<T: Clone>() {}
//! copied::<backstop_gate::names::NamePermit<'static>>();
//! ```
//! ```compile_fail,E0451
//! fn forge(
//!     real: backstop_gate::names::NamePermit<'static>,
//! ) -> backstop_gate::names::NamePermit<'static> {
//!     backstop_gate::names::NamePermit { qtype: todo!(), ..real }
//! }
//! ```
//! Next: the parent.

use super::Question;
use super::client::{Client, NameClient};
use super::kept::KeptRow;
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
use backstop_model::time::Timestamp;
use backstop_policy::NameRow;
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// The answer to a question. Never a `Result`: a refusal is a value, not an error.
#[derive(Debug)]
#[must_use]
pub enum NameAnswer<'a> {
    /// It may be asked upstream, and what comes back may be passed on as the permit judges.
    Permit(NamePermit<'a>),
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
///
/// It borrows gate and client from who asked; [`NamePermit::kept`] makes it last longer.
#[must_use]
pub struct NamePermit<'a> {
    pub(super) gate: Cow<'a, Arc<Inner>>,
    pub(super) client: Cow<'a, NameClient>,
    pub(super) entry: Cow<'a, Arc<Entry>>,
    qtype: QueryType,
    /// When it was given or last judged, in microseconds.
    at: AtomicI64,
}

impl<'a> NamePermit<'a> {
    pub(super) fn new(
        gate: &'a Arc<Inner>,
        client: &'a NameClient,
        entry: Cow<'a, Arc<Entry>>,
        qtype: QueryType,
        now: Timestamp,
    ) -> Self {
        let at = AtomicI64::new(now.unix_micros());
        Self { gate: Cow::Borrowed(gate), client: Cow::Borrowed(client), entry, qtype, at }
    }
    /// The same permit, with handles of its own.
    pub fn kept(self) -> NamePermit<'static> {
        let Self { gate, client, entry, qtype, at } = self;
        let (gate, client) = (Cow::Owned(gate.into_owned()), Cow::Owned(client.into_owned()));
        NamePermit { gate, client, entry: Cow::Owned(entry.into_owned()), qtype, at }
    }
    /// The row under which it is recorded, to be kept at hand for the same question again.
    pub fn row(&self) -> KeptRow {
        KeptRow::new(Arc::clone(&self.entry), NameClient::clone(&self.client))
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
        self.at.store(now.unix_micros(), Ordering::Relaxed);
        // RACE: policy or standing may have changed since the permit was given.
        let (gate, client, entry) = (&*self.gate, &*self.client, &self.entry);
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
            let was_good = lock(&self.client.inner.book).was_told(self.entry.hash);
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
        let hash =
            |chained, name: &QueryName| self.gate.names.hash(name) ^ u64::rotate_left(chained, 1);
        if !chain.is_empty() && self.entry.is_new_chain(chain.iter().fold(1, hash)) {
            self.entry.pass_through(chain.iter().take(CHAIN_KEPT).map(shown));
        }
    }
    /// Remembers what the client is told, for as long as it may use it: the TTL within a floor and
    /// a ceiling, and some grace (see [`Told`](super::Told)). Call it after [`NamePermit::judge`].
    pub fn pin(&self, addresses: &[IpAddr], ttl: Duration) {
        // Hints of a service are those of its target and its port, not of whom a proxy is asked for.
        let hints = matches!(self.qtype, QueryType::HTTPS | QueryType::SVCB);
        if addresses.is_empty() || hints {
            return;
        }
        let config = &self.gate.config.names;
        let now = Timestamp::from_unix_micros(self.at.load(Ordering::Relaxed));
        let client = &self.client.inner;
        let forgotten = client.forgotten.load(Ordering::Relaxed);
        let mark = mark(client, forgotten, addresses, ttl, now);
        if self.entry.pinned.load(Ordering::Relaxed) == mark {
            return;
        }
        let life = ttl.clamp(config.pin_floor, config.pin_ceiling.max(config.pin_floor));
        let mut book = lock(&client.book);
        book.pin(self.entry.hash, addresses, now, life + config.pin_grace);
        client.forgotten.store(book.forgotten(), Ordering::Relaxed);
        drop(book);
        if client.forgotten.load(Ordering::Relaxed) == forgotten {
            self.entry.pinned.store(mark, Ordering::Relaxed);
        }
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
        self.entry.name.name()
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

/// Says that these addresses were pinned for this client within this second, and nothing of its
/// book was forgotten since: then to pin them again would move their end by less than a second.
fn mark(
    client: &Arc<Client>,
    forgotten: u64,
    addresses: &[IpAddr],
    ttl: Duration,
    now: Timestamp,
) -> u64 {
    let mix = |mark: u64, part: u64| (mark ^ part).wrapping_mul(MIX).rotate_left(29);
    let place = u64::try_from(Arc::as_ptr(client).addr()).unwrap_or(0);
    let begun = [place, forgotten, ttl.as_secs(), now.unix_seconds().cast_unsigned()];
    let begun = begun.into_iter().fold(1, mix);
    let all = addresses.iter().fold(begun, |mark, address| match address {
        IpAddr::V4(four) => mix(mark, u64::from(four.to_bits())),
        IpAddr::V6(six) => {
            let (high, low) = (six.to_bits() >> 64, six.to_bits() & u128::from(u64::MAX));
            let half = |half: u128| u64::try_from(half).unwrap_or(0);
            mix(mix(mark, half(high) | 1 << 63), half(low))
        }
    });
    all.max(1)
}

/// An odd number without a pattern (of the golden ratio).
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

impl std::fmt::Debug for NamePermit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NamePermit").field("receipt", &self.entry.receipt).finish_non_exhaustive()
    }
}
