//! The network's numbers to labels of whole words.
//!
//! The network judges pieces; a word's label is the one whose probability, summed over the word's
//! pieces, is greatest, so that no half of a word is a name and the other half is not.

use std::ops::Range;

use backstop_detect::{NameSpan, Score, name::Label};

use crate::wordpiece::Pieces;

/// How many labels the network tells apart: "none", then a first and a following one for each kind.
pub(crate) const COUNT: usize = 35;

/// Spans below are not given.
const FLOOR: f32 = 0.3;

/// The network's kinds, in its order (`id2label` of its `config.json`). What patterns find better
/// (e-mail addresses, numbers with a checksum) is `None`.
const KINDS: [Option<Label>; 17] = [
    Some(Label::Given),
    Some(Label::Surname),
    None, // e-mail
    None, // phone
    None, // URL
    None, // tax number
    None, // bank account
    None, // routing number
    None, // government number
    None, // passport
    None, // driver's licence
    Some(Label::Building),
    Some(Label::Street),
    Some(Label::Unit),
    Some(Label::City),
    Some(Label::Region),
    Some(Label::Postcode),
];

/// The labelled words; `logits` holds one row of `COUNT` for each piece.
pub(crate) fn spans(
    pieces: &Pieces,
    words: Range<usize>,
    first_piece: usize,
    logits: &[f32],
    into: &mut Vec<NameSpan>,
) {
    let mut rows = logits.chunks_exact(COUNT);
    let mut at = first_piece;
    for word in words {
        let mut kinds = [0.0_f32; 17];
        let mut count = 0.0_f32;
        while pieces.words.get(at) == Some(&word) {
            let Some(row) = rows.next() else { return };
            softmax(row, &mut kinds);
            count += 1.0;
            at += 1;
        }
        let best = kinds.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        let (Some((kind, sum)), Some(span)) = (best, pieces.spans.get(word)) else { continue };
        let score = sum / count.max(1.0);
        // "None" needs no room of its own: a kind of 0.3 is given, and the reader's floor is higher.
        if let (Some(Some(label)), true) = (KINDS.get(kind), score >= FLOOR) {
            into.push(NameSpan { label: *label, span: span.clone(), score: Score::new(score) });
        }
    }
}

/// Adds each kind's probability (first and following label together) to `kinds`.
fn softmax(row: &[f32], kinds: &mut [f32; 17]) {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f32 = row.iter().map(|logit| (logit - most).exp()).sum();
    let labels = row.get(1..).unwrap_or_default();
    for (kind, pair) in kinds.iter_mut().zip(labels.chunks_exact(2)) {
        *kind += pair.iter().map(|logit| (logit - most).exp()).sum::<f32>() / total;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: usize, strength: f32) -> Vec<f32> {
        (0..COUNT).map(|at| if at == label { strength } else { 0.0 }).collect()
    }

    #[test]
    fn a_word_has_one_label() {
        let pieces = Pieces { ids: vec![1, 2, 3], words: vec![0, 0, 1], spans: vec![0..4, 5..8] };
        let logits = [row(1, 9.0), row(4, 6.0), row(0, 9.0)].concat();
        let mut found = Vec::new();
        spans(&pieces, 0..2, 0, &logits, &mut found);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].label, found[0].span.clone()), (Label::Given, 0..4));
    }

    #[test]
    fn what_patterns_find_better_is_left_to_them() {
        let pieces =
            Pieces { ids: vec![1], words: vec![0], spans: std::iter::once(0..4).collect() };
        let mut found = Vec::new();
        spans(&pieces, 0..1, 0, &row(5, 9.0), &mut found);
        assert!(found.is_empty());
        spans(&pieces, 0..1, 0, &row(29, 9.0), &mut found);
        assert_eq!(found[0].label, Label::City);
    }
}
