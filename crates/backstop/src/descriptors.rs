//! Open files: as many as the system gives, and no more connections than they carry.
//!
//! A gateway that runs out of descriptors in the middle of a tunnel fails who is in; one that
//! knows its number refuses who comes next. Must not know what the connections are for.
//! Next: `run`.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What one client connection takes: its own and the one to the upstream.
const EACH: u64 = 2;
/// For the ledger, policies, the API, look-ups, idle connections to upstreams and refused clients
/// that are being told so.
const OWN: u64 = 512;

/// Raises the limit of open files as far as the system allows, and says how many of the `wanted`
/// client connections fit.
pub(crate) fn fit(wanted: usize) -> usize {
    let limit = match raised() {
        Ok(limit) => limit,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files cannot be read");
            return wanted;
        }
    };
    let fits = within(limit);
    if wanted > fits {
        tracing::warn!(
            wanted,
            fits,
            limit,
            "`proxy.max_connections` is lowered to what the limit of open files allows; raise it \
             with `ulimit -Hn` or `LimitNOFILE=`"
        );
    }
    wanted.min(fits)
}

/// The soft limit, raised to the hard one.
fn raised() -> nix::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => Ok(hard),
        Err(_) => Ok(soft),
    }
}

fn within(limit: u64) -> usize {
    // A quarter of a small limit is kept back, so that it still carries somebody.
    let own = OWN.min(limit / 4);
    usize::try_from(limit.saturating_sub(own) / EACH).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_fit_into_the_limit() {
        assert_eq!(within(20_000), 9_744);
        assert_eq!(within(1_024), 384);
        assert_eq!(within(1), 1);
        assert!(within(u64::MAX) > 1_000_000);
    }
}
