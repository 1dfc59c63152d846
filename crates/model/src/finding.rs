//! A finding: something in a payload that should not leave. Never the matched bytes.
//! Next: `control`.

use crate::control::{Control, Severity};

/// Something found in what would leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The control that it belongs to.
    pub control: Control,
    /// How grave it is.
    pub severity: Severity,
    /// Where: an RFC 6901 JSON Pointer, or the name of a header.
    pub field: String,
    /// What kind ("US_SSN", "aws-access-key", …).
    pub kind: String,
    /// Where in the field it starts, in bytes.
    pub start: usize,
    /// Where it ends, in bytes.
    pub end: usize,
}

/// What is known of an attempt beside its own words when it is decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// What detectors found.
    pub findings: Vec<Finding>,
}
