//! When a primary is asked again, and when a zone counts as old. The zone says (RFC 1035 §3.3.13),
//! within bounds of ours: a hostile or careless SOA makes nobody ask without end, or never.
//! Next: `notices`.

use super::image::Soa;
use std::time::Duration;

/// What came of the last attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// A primary answered.
    Heard,
    /// None did.
    Failed,
}

/// How long to wait now; `chance` spreads those who would ask at once.
pub fn next(soa: &Soa, last: Last, chance: u8) -> Duration {
    let (asked, [least, most]) = match last {
        Last::Heard => (soa.refresh(), REFRESH),
        Last::Failed => (soa.retry(), RETRY),
    };
    // Who fails does not ask less often than who does not.
    let most = if last == Last::Failed { most.min(soa.refresh().max(least)) } else { most };
    let whole = Duration::from_secs(asked.clamp(least, most).into());
    // Up to a tenth less.
    whole - whole / 10 * u32::from(chance) / 255
}

/// Whether a zone that was confirmed that long ago has expired.
pub fn expired(soa: &Soa, age: Duration) -> bool {
    let [least, most] = EXPIRE;
    age >= Duration::from_secs(soa.expire().clamp(least, most).into())
}

/// LIMIT: seconds, least and most: a minute to a day.
const REFRESH: [u32; 2] = [60, 86_400];
/// LIMIT: ten seconds to an hour.
const RETRY: [u32; 2] = [10, 3_600];
/// LIMIT: an hour to sixty days.
const EXPIRE: [u32; 2] = [3_600, 5_184_000];
