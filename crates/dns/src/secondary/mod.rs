//! Response policy zones that come from a primary: SOA, IXFR (RFC 1995) and AXFR (RFC 5936) over TCP,
//! signed where a key is agreed (RFC 8945), and the primary's word that something changed (RFC 1996).
//!
//! ```text
//!  notices ─▶ (wake) ┐
//!  pace    ─▶ (due)  ┴▶ fetch ─▶ incoming: message by message ─▶ Arrived
//!                                                                  ├▶ Whole(image)
//!                         image (the copy) ─▶ changes: applied ◀───┘ or Changes
//!                                                └▶ image ─▶ rpz::Zone
//! ```
//! INVARIANT: nothing of a transfer is used before its last message is there and, with a key, signed.
//! Reading order: `image`, `incoming`, `changes`, `fetch`, `pace`, `notices`. Must not know files, nor
//! when a zone is put in force. Next: `image`.

mod image;

mod incoming;

mod changes;

mod fetch;

mod pace;

mod notices;

pub use changes::Changes;
pub use fetch::{Arrived, Means, Primary, Way, fetch, read};
pub use image::{Image, ImageFault, Soa};
pub use incoming::{Fault, Limits};
pub use notices::{Awaited, Notices};
pub use pace::{Last, expired, next};

use std::cmp::Ordering;

/// How a serial stands to another (RFC 1982 §3.2); `None` where they are just half the circle apart.
fn compare(one: u32, other: u32) -> Option<Ordering> {
    if one == other {
        return Some(Ordering::Equal);
    }
    match one.wrapping_sub(other) {
        HALF => None,
        ahead if ahead < HALF => Some(Ordering::Greater),
        _ => Some(Ordering::Less),
    }
}

/// Whether a serial is newer than another.
fn is_newer(one: u32, other: u32) -> bool {
    compare(one, other) == Some(Ordering::Greater)
}

const HALF: u32 = 1 << 31;

#[cfg(test)]
mod tests;
