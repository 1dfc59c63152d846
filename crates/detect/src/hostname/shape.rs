//! The shape of one name: what can be told from it alone. Next: `coding`.

use super::coding::{self, Coding};
use std::sync::LazyLock;

/// A label longer than this many characters is a sign (`dns.label_length`).
pub const LABEL_LENGTH: usize = 40;
/// A label with more bits than this a character is a sign (`dns.entropy`). Hexadecimal cannot
/// exceed it, nor can a label under 17 characters.
pub const ENTROPY_BITS: f64 = 4.0;
/// Sums of logarithms are off by so much at most.
const ROUNDING: f64 = 1e-9;

/// What is seen in the labels of one name that could carry data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Their octets on the wire, a length octet for each label.
    pub octets: usize,
    /// The longest label.
    pub longest: usize,
    /// The highest entropy of a label, in bits a character.
    pub entropy: f64,
    /// Octets that are no letter, digit, hyphen or underscore.
    pub strange: usize,
    /// How they read.
    pub coding: Coding,
}

impl Shape {
    /// The shape of these labels: those below a wildcard's base or a registered domain.
    pub fn of<'l>(labels: impl Iterator<Item = &'l [u8]> + Clone) -> Self {
        let mut shape = Self {
            octets: 0,
            longest: 0,
            entropy: 0.0,
            strange: 0,
            coding: coding::of(labels.clone()),
        };
        for label in labels {
            shape.octets += 1 + label.len();
            shape.longest = shape.longest.max(label.len());
            shape.entropy = shape.entropy.max(entropy(label));
            let plain =
                |octet: &&u8| !(octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'));
            shape.strange += label.iter().filter(plain).count();
        }
        shape
    }
    /// Whether a label is longer than 40 characters.
    pub fn is_long(&self) -> bool {
        self.longest > LABEL_LENGTH
    }
    /// Whether a label has more than 4.0 bits of entropy a character.
    pub fn is_dense(&self) -> bool {
        self.entropy > ENTROPY_BITS + ROUNDING
    }
    /// Whether any of this would make a person look twice.
    pub fn carries(&self) -> bool {
        self.is_long() || self.is_dense() || self.strange > 0 || self.coding != Coding::None
    }
}

/// Shannon's entropy of a label, in bits a character.
fn entropy(label: &[u8]) -> f64 {
    let mut counts = [0u8; 256];
    let mut summed = 0.0;
    for octet in label {
        if let Some(count) = counts.get_mut(usize::from(*octet)) {
            let (before, after) = (weight(*count), weight(count.saturating_add(1)));
            summed += after - before;
            *count = count.saturating_add(1);
        }
    }
    // Σ (c/n)·log2(n/c) = log2 n - (Σ c·log2 c)/n
    let total = u8::try_from(label.len()).unwrap_or(u8::MAX);
    if total == 0 { 0.0 } else { (weight(total) - summed) / f64::from(total) }
}

/// `c·log2 c`, from a table as long as a label can be.
fn weight(count: u8) -> f64 {
    static WEIGHTS: LazyLock<[f64; 64]> = LazyLock::new(|| {
        let mut weights = [0.0; 64];
        for (count, weight) in weights.iter_mut().enumerate().skip(1) {
            let count = count as f64;
            *weight = count * count.log2();
        }
        weights
    });
    let one = f64::from(count);
    WEIGHTS.get(usize::from(count)).copied().unwrap_or_else(|| one * one.log2())
}
