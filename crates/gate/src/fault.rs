//! The one place where an inner fault becomes a refusal. A fault is never a pass.
//! Next: `record`.

use crate::clock::RandomFault;
use crate::exit::{DialFault, TrustFault};
use backstop_ledger::LedgerFault;
use backstop_model::control::Control;

/// Why the gate could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum GateFault {
    /// The trusted roots cannot be read.
    #[error("the trusted roots cannot be read")]
    Trust(#[from] TrustFault),
    /// A DNS client's standing session cannot be opened.
    #[error("no session for this DNS client: {0}")]
    Names(String),
    /// There is no randomness for ids and tokens.
    #[error("no random bytes")]
    Random(#[from] RandomFault),
}

/// A fault in the words of a refusal: which control, and why, for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Faulted {
    pub(crate) control: Control,
    pub(crate) reason: String,
}

impl Faulted {
    /// A limit of this process is reached.
    pub(crate) const fn limit(reason: String) -> Self {
        Self { control: Control::Limit, reason }
    }
    /// The caller broke the rules of the gate.
    pub(crate) fn misuse(reason: &str) -> Self {
        Self { control: Control::Fault, reason: reason.to_owned() }
    }
}

impl From<LedgerFault> for Faulted {
    fn from(fault: LedgerFault) -> Self {
        let control = match fault {
            LedgerFault::QueueFull => Control::Limit,
            LedgerFault::Locked { .. }
            | LedgerFault::Full { .. }
            | LedgerFault::Unusable { .. }
            | LedgerFault::TooNew { .. }
            | LedgerFault::Broken { .. }
            | LedgerFault::Twice(_)
            | LedgerFault::Missing(_)
            | LedgerFault::Closed => Control::Fault,
        };
        Self { control, reason: format!("it cannot be recorded: {fault}") }
    }
}

impl From<RandomFault> for Faulted {
    fn from(fault: RandomFault) -> Self {
        Self { control: Control::Fault, reason: fault.to_string() }
    }
}

impl From<DialFault> for Faulted {
    fn from(fault: DialFault) -> Self {
        Self { control: fault.control, reason: fault.reason }
    }
}
