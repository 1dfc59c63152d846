//! How this process's gate runs: limits, rates and spans. What agents may do is policy.
//! Next: `identity`.

use crate::exit;
use crate::inspect::InspectConfig;
use crate::names::NamesConfig;
use std::time::Duration;

/// How the gate runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// How connections to the outside are made.
    pub network: exit::Config,
    /// How questions for names are judged.
    pub names: NamesConfig,
    /// How payloads are looked at.
    pub inspect: InspectConfig,
    /// LIMIT: live flows and permits in all.
    pub flows: usize,
    /// LIMIT: live flows and permits of one session.
    pub flows_per_session: usize,
    /// Refusals of one session that are recorded singly.
    pub session_records: Rate,
    /// Refusals of all sessions together that are recorded singly.
    pub all_records: Rate,
    /// Refusals of peers without a valid credential that are recorded singly.
    pub stranger_records: Rate,
    /// At least this often counted refusals are written down.
    pub flush_every: Duration,
    /// At least this often every live flow is asked again, whatever happens.
    pub sweep_every: Duration,
    /// After so long an undecided hold is denied.
    pub hold_span: Duration,
    /// LIMIT: undecided holds of one session.
    pub holds_per_session: usize,
    /// How long an approval holds unless the approver says otherwise.
    pub approval_span: Duration,
    /// LIMIT: the longest approval or grant.
    pub longest_exception: Duration,
    /// One alert of a kind within this span; the rest is counted.
    pub alert_window: Duration,
    /// How long a session lives unless its opener says otherwise.
    pub session_span: Duration,
    /// LIMIT: the longest session.
    pub longest_session: Duration,
}

/// A token bucket: so many at once, and so many a second after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// At once.
    pub burst: u32,
    /// Regained each second.
    pub per_second: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            network: exit::Config::default(),
            names: NamesConfig::default(),
            inspect: InspectConfig::default(),
            // The hard limit of open files is often 20,000: two for each flow.
            flows: 9_000,
            flows_per_session: 4_000,
            // At some 1,000 bytes a row, 100,000 refusals of one session take under 1 MB unless
            // they are so slow (250 a second) that they trouble nobody.
            session_records: Rate { burst: 100, per_second: 2 },
            all_records: Rate { burst: 1_000, per_second: 100 },
            stranger_records: Rate { burst: 50, per_second: 1 },
            flush_every: Duration::from_secs(5),
            sweep_every: Duration::from_millis(400),
            hold_span: Duration::from_secs(15 * 60),
            holds_per_session: 32,
            approval_span: Duration::from_secs(60 * 60),
            longest_exception: Duration::from_secs(30 * 24 * 3_600),
            alert_window: Duration::from_secs(60),
            session_span: Duration::from_secs(24 * 3_600),
            longest_session: Duration::from_secs(30 * 24 * 3_600),
        }
    }
}
