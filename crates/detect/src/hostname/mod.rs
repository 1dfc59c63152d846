//! Names that carry data: signs of one name, and counts over the names of one client.
//!
//! ```text
//!  shape   one name: longest label, entropy, strange octets, how it could be decoded
//!  coding  hex, base32, base36, base64url, word lists
//!  mix     symbols of many names together
//!  rate    unique names of one registered domain within a minute
//!  volume  octets of distinct names, in bounded memory
//! ```
//! Pure: time and keyed hashes are passed in. Must not know which names are allowed, nor what
//! follows from a sign. Next: `shape`.

mod coding;
mod mix;
mod rate;
mod shape;
#[cfg(test)]
mod tests;
mod volume;

pub use coding::Coding;
pub use mix::Mix;
pub use rate::{RATE_NAMES, RATE_SPAN, UniqueRate};
pub use shape::{ENTROPY_BITS, LABEL_LENGTH, Shape};
pub use volume::DistinctVolume;

use backstop_model::name::QueryName;
use psl::{Info, Psl as _};

/// The registered domain of a name (Public Suffix List, its private section included): the suffix
/// and one label more. A name that is itself a suffix, or unknown, is its own.
pub fn registered_domain(name: &QueryName) -> QueryName {
    // Label by label: a dot inside a label is none between labels.
    let Info { len: suffix, .. } = psl::List.find(name.labels().rev());
    let mut octets = 0;
    for (number, label) in name.labels().rev().enumerate() {
        if suffix > 0 && octets > suffix {
            let keep = name.labels().len() - number;
            return QueryName::of_labels(name.labels().skip(keep)).unwrap_or_else(|| name.clone());
        }
        octets += label.len() + usize::from(octets > 0);
    }
    name.clone()
}

/// The registered domain of a host's text; the text itself where there is none.
pub fn registered_text(host: &str) -> &str {
    psl::domain_str(host).unwrap_or(host)
}
