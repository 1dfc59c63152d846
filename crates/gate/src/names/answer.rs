//! The answer to a question, and the permit that each answer from upstream must pass.
//!
//! Nobody but the gate makes a permit, and it cannot be copied:
//! ```compile_fail,E0277
//! fn copied<T: Clone>() {}
//! copied::<backstop_gate::names::NamePermit>();
//! ```
//! Next: `client`.

use backstop_model::id::ReceiptId;
use backstop_model::name::QueryName;
use backstop_model::refusal::Refusal;
use std::net::IpAddr;
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
    receipt: ReceiptId,
    route: Route,
    strips_ech: bool,
}

impl NamePermit {
    /// The id of the counter row under which it is recorded.
    pub fn receipt(&self) -> &ReceiptId {
        &self.receipt
    }
    /// Which upstreams it goes to.
    pub fn route(&self) -> Route {
        self.route
    }
    /// Whether `ech` is to be taken out of HTTPS and SVCB records.
    pub fn strips_ech(&self) -> bool {
        self.strips_ech
    }
    /// Judges the addresses of an answer, hints and additional ones included.
    ///
    /// # Errors
    /// The refusal (`ssrf.address`, `ssrf.rebind`), recorded and alerted: the whole answer is
    /// refused.
    pub fn judge(&self, addresses: &[IpAddr]) -> Result<(), Refusal> {
        let _ = addresses;
        Ok(())
    }
    /// Notes the CNAME chain of an answer, for the record.
    pub fn through(&self, chain: &[QueryName]) {
        let _ = chain;
    }
    /// Remembers what the client is told, for as long as it may use it; for the proxy's look-up
    /// (see [`NameClient::pinned`](super::NameClient::pinned)).
    pub fn pin(&self, addresses: &[IpAddr], ttl: Duration) {
        let _ = (addresses, ttl);
    }
    /// Counts what was answered: so many octets, and whether the name exists.
    pub fn answered(&self, octets: usize, exists: bool) {
        let _ = (octets, exists);
    }
}

impl std::fmt::Debug for NamePermit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NamePermit").field("receipt", &self.receipt).finish_non_exhaustive()
    }
}
