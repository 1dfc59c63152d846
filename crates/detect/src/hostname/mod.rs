//! Names that carry data: signs of one name, and counts over the names of one client.
//!
//! ```text
//!  shape   one name: longest label, entropy, strange octets, how it could be decoded
//!  coding  hex, base32, base36, base64url, word lists
//!  rate    unique names of one registered domain within a minute
//!  volume  octets of distinct names, in bounded memory
//! ```
//! Pure: time and keyed hashes are passed in. Must not know which names are allowed, nor what
//! follows from a sign. Next: `shape`.

mod coding;
mod rate;
mod shape;
#[cfg(test)]
mod tests;
mod volume;

pub use coding::Coding;
pub use rate::{RATE_NAMES, RATE_SPAN, UniqueRate};
pub use shape::{ENTROPY_BITS, LABEL_LENGTH, Shape};
pub use volume::DistinctVolume;

use backstop_model::name::QueryName;

/// The registered domain of a name (Public Suffix List, its private section included): the suffix
/// and one label more. A name that is itself a suffix, or unknown, is its own.
pub fn registered_domain(name: &QueryName) -> QueryName {
    let mut text = Vec::with_capacity(256);
    for label in name.labels() {
        if !text.is_empty() {
            text.push(b'.');
        }
        // A dot inside a label is none between labels.
        text.extend(label.iter().map(|octet| if *octet == b'.' { b'_' } else { *octet }));
    }
    let keep = match psl::domain(&text) {
        Some(domain) => domain.as_bytes().split(|octet| *octet == b'.').count(),
        None => return name.clone(),
    };
    let skip = name.labels().len().saturating_sub(keep);
    QueryName::of_labels(name.labels().skip(skip)).unwrap_or_else(|| name.clone())
}

/// The registered domain of a host's text; the text itself where there is none.
pub fn registered_text(host: &str) -> &str {
    psl::domain_str(host).unwrap_or(host)
}
