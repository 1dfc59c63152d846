//! Names to addresses: the port `Resolve`, and what stands behind it until the DNS room comes.
//! Must not know which names are allowed, nor which addresses are. Next: `exit`.

mod hosts;
mod system;

pub use hosts::StaticResolver;
pub use system::SystemResolver;

use crate::BoxFuture;
use crate::names::{Hold, Told};
use backstop_model::host::HostName;
use backstop_model::standing::Subject;
use std::net::IpAddr;

/// Why a name did not resolve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveFault {
    /// The name does not exist or has no address.
    #[error("`{0}` has no address")]
    NoAddress(HostName),
    /// No answer came in time.
    #[error("no answer for `{0}` in time")]
    TimedOut(HostName),
    /// The resolver refused or failed.
    #[error("`{0}` could not be resolved: {1}")]
    Failed(HostName, String),
    /// A response policy zone refuses it, or replaces its answer; the evidence says which.
    #[error("`{0}`: {1}")]
    Filtered(HostName, String),
}

/// Turns a permitted name into addresses.
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of `name`, asked for on behalf of `who`.
    fn resolve<'a>(
        &'a self,
        name: &'a HostName,
        who: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveFault>>;

    /// The same for somebody whom this house's resolver has told addresses of `name` already: he
    /// gets those, without another look-up that could say something else.
    fn resolve_told<'a>(
        &'a self,
        name: &'a HostName,
        who: &'a Subject,
        told: Told,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveFault>> {
        Box::pin(async move {
            match told.hold {
                Hold::Stands => Ok(told.addresses),
                Hold::Grace => match self.resolve(name, who).await {
                    Err(ResolveFault::TimedOut(_) | ResolveFault::Failed(..)) => Ok(told.addresses),
                    other => other,
                },
            }
        })
    }
}
