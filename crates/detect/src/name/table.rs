//! The layout of the packed gazetteer, the same for `build.rs`, which writes it, and `sense`.
//!
//! ```text
//!  header: buckets, keys, values          3 × u32, all little-endian
//!  starts: first entry of each bucket     (buckets + 1) × u32
//!  marks:  32 bits of each key's hash     keys × u32
//!  which:  index into `values`            keys × u16
//!  values: the distinct bit fields        values × u32
//! ```
//! Keys themselves are not kept: a word that is none is taken for one in about 1 of 2^30 cases,
//! and the price is one false hint among many.

/// FNV-1a: good enough for words, and the same on every machine.
pub(crate) const fn hash(key: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut rest = key;
    while let [byte, after @ ..] = rest {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0100_0000_01b3);
        rest = after;
    }
    // FNV's upper bits are weak for short words.
    hash ^= hash >> 32;
    hash.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The bucket of a hash: its upper half, scaled.
pub(crate) const fn bucket(hash: u64, buckets: u32) -> u32 {
    (((hash >> 32) * buckets as u64) >> 32) as u32
}

/// What is kept of a hash: its lower half.
pub(crate) const fn mark(hash: u64) -> u32 {
    hash as u32
}
