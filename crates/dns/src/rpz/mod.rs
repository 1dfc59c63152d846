//! Response policy zones as a filter behind policy: they take away or replace what policy permits,
//! and never open a name.
//!
//! ```text
//!  master file ─▶ entries ─▶ zone (trigger, action) ─▶ table, prefixes     packed, read-only
//!                                └▶ trap: what other resolvers would let through
//!  question, answer ─▶ decide (precedence over all zones) ─▶ filter (what comes of it)
//! ```
//! Reading order: `action`, `table`, `prefixes`, `trigger`, `entries`, `zone`, `trap`, `tally`,
//! `decide`, `builtin`, `filter`, `replace`. Must not know sockets or policy.
//!
//! Source: draft-vixie-dnsop-dns-rpz-00.

mod action;
mod builtin;
mod decide;
mod entries;
mod filter;
mod prefixes;
mod replace;
mod table;
mod tally;
mod trap;
mod trigger;
mod zone;

pub use action::{Action, Local, Override};
pub use builtin::doh_endpoints;
pub use decide::{Effect, Hit, Rules, Seen};
pub use filter::{Declared, Figure, Filter, Look};
pub(crate) use replace::{Chosen, alias, behind};
pub use trigger::Kind;
pub use zone::{Diagnostic, Terms, Zone};
// For zones that come by transfer.
pub(crate) use entries::{Record, name_of};
pub(crate) use zone::Builder;
