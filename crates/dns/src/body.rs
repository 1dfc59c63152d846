//! What lies between the server and what stands behind it: the records of an answer, ready for the
//! wire. The server writes header, question and OPT; cache and forwarder give only this.
//! Next: `server`.
//!
//! INVARIANT: records are compressed against a message whose question stands at offset 12 (so the
//! owner that was asked for is the pointer `0xC00C`) and whose records begin at
//! [`records_begin`]. A cached answer can so be copied behind any client's own spelling of the
//! name.

/// What a message says of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The response code (RFC 6895 §2.3): 0 NOERROR, 2 SERVFAIL, 3 NXDOMAIN.
    pub rcode: u8,
    /// Records in the answer section.
    pub answers: u16,
    /// Records in the authority section (the SOA of a negative answer).
    pub authorities: u16,
}

/// Where the records of a message begin whose question's name takes `name` octets (root included).
#[must_use]
pub const fn records_begin(name: usize) -> usize {
    HEADER + name + 4
}

/// Octets of a message's header.
pub const HEADER: usize = 12;
