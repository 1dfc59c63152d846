//! A refusal: a value, not an error. Each plane has one file that turns it into its wire.
//! Next: `standing`.

use crate::control::Control;
use crate::id::{HoldId, ReceiptId};

/// The answer to whom something is refused.
///
/// The agent is shown control, host and receipt, and never how to get permission; `reason`
/// is for the operator (`backstop explain RECEIPT`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The id under which it is recorded.
    pub receipt: ReceiptId,
    /// The control that refused.
    pub control: Control,
    /// The host concerned, normalised, if it could be read at all.
    pub host: Option<String>,
    /// Why, for the operator.
    pub reason: String,
    /// A person may still approve it: the hold's id.
    pub hold: Option<HoldId>,
}
