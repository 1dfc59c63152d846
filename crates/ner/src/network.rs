//! The network itself: loaded once, run by whoever holds it, one thread a run.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use backstop_detect::NameSpan;
use rten::{ModelOptions, NodeId, RunOptions, ThreadPool};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, NdTensorView};

use crate::files::{MODEL, Pinned, VOCABULARY};
use crate::labels;
use crate::wheel::sha256;
use crate::wordpiece::{Pieces, Vocabulary};

/// LIMIT: pieces in one window, besides the marks of beginning and end (the network has 512 places).
const WINDOW: usize = 510;
/// Pieces that neighbouring windows share.
const OVERLAP: usize = 64;

/// The loaded model. Share it by `Arc`.
pub struct Model {
    network: rten::Model,
    inputs: [NodeId; 3],
    output: NodeId,
    vocabulary: Vocabulary,
}

/// Why the model does not load.
#[derive(Debug, thiserror::Error)]
pub enum LoadFault {
    /// A file cannot be read.
    #[error("cannot read `{file}`")]
    Read {
        /// Which.
        file: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is another than was pinned.
    #[error("`{0}` does not have the SHA-256 it must have")]
    Digest(&'static str),
    /// The network is not what this crate knows.
    #[error("the network cannot be used: {0}")]
    Network(String),
}

/// The network failed on a text. Says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the network failed")]
pub struct RunFault;

impl Model {
    /// Loads the model from the folder it was installed to, and checks both files' digests.
    ///
    /// # Errors
    /// When a file is missing, another than was pinned, or not understood.
    pub fn load(folder: &Path) -> Result<Self, LoadFault> {
        let text = String::from_utf8(read(folder, VOCABULARY)?)
            .map_err(|_| LoadFault::Network("its vocabulary is no text".to_owned()))?;
        let vocabulary = Vocabulary::parse(&text)
            .ok_or_else(|| LoadFault::Network("its vocabulary lacks a mark".to_owned()))?;
        let bytes = read(folder, MODEL)?;
        let unusable = |fault: &dyn std::fmt::Display| LoadFault::Network(fault.to_string());
        let network = ModelOptions::with_all_ops().load(bytes).map_err(|fault| unusable(&fault))?;
        let input = |name: &str| network.node_id(name).map_err(|fault| unusable(&fault));
        let inputs = [input("input_ids")?, input("attention_mask")?, input("token_type_ids")?];
        let output = *network
            .output_ids()
            .first()
            .ok_or_else(|| LoadFault::Network("it has no output".to_owned()))?;
        Ok(Self { network, inputs, output, vocabulary })
    }

    /// The labelled words of a text of any length, on the given threads.
    ///
    /// # Errors
    /// When the network fails.
    pub fn spans(&self, text: &str, threads: &Arc<ThreadPool>) -> Result<Vec<NameSpan>, RunFault> {
        let pieces = self.vocabulary.pieces(text);
        let mut spans: Vec<NameSpan> = Vec::new();
        for window in windows(&pieces) {
            let first = pieces.words.partition_point(|word| *word < window.start);
            let end = pieces.words.partition_point(|word| *word < window.end);
            let ids = pieces.ids.get(first..end.min(first + WINDOW)).ok_or(RunFault)?;
            let logits = self.run(ids, threads)?;
            let mut found = Vec::new();
            // The first row is the mark of the beginning.
            let rows = logits.get(labels::COUNT..).ok_or(RunFault)?;
            labels::spans(&pieces, window, first, rows, &mut found);
            for span in found {
                // A word in two windows is given once, by the surer of them.
                match spans.iter_mut().rev().find(|known| known.span == span.span) {
                    Some(known) if known.score < span.score => *known = span,
                    Some(_) => {}
                    None => spans.push(span),
                }
            }
        }
        Ok(spans)
    }

    /// One run: a row of `labels::COUNT` numbers for the beginning, each piece and the end.
    fn run(&self, ids: &[i32], threads: &Arc<ThreadPool>) -> Result<Vec<f32>, RunFault> {
        let mut row = Vec::with_capacity(ids.len() + 2);
        row.push(self.vocabulary.first);
        row.extend_from_slice(ids);
        row.push(self.vocabulary.last);
        let shape = [1, row.len()];
        let tokens = NdTensorView::from_data(shape, row.as_slice());
        let mask = NdTensor::<i32, 2>::full(shape, 1);
        let types = NdTensor::<i32, 2>::zeros(shape);
        let [tokens_id, mask_id, types_id] = self.inputs;
        let inputs = vec![
            (tokens_id, tokens.into()),
            (mask_id, mask.view().into()),
            (types_id, types.view().into()),
        ];
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(threads)));
        let mut outputs =
            self.network.run(inputs, &[self.output], Some(options)).map_err(|_| RunFault)?;
        let logits: NdTensor<f32, 3> =
            outputs.pop().ok_or(RunFault)?.try_into().map_err(|_| RunFault)?;
        if logits.shape() != [1, row.len(), labels::COUNT] {
            return Err(RunFault);
        }
        Ok(logits.to_vec())
    }

    #[cfg(test)]
    pub(crate) const fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Model(rampart 1.4.0)")
    }
}

/// Runs of words that fit a window each; together they cover all.
fn windows(pieces: &Pieces) -> Vec<Range<usize>> {
    let word_at = |piece: usize| pieces.words.get(piece).copied();
    let mut windows = Vec::new();
    let mut start = 0;
    while let Some(first) = word_at(start) {
        let Some(after) = word_at(start + WINDOW) else {
            windows.push(first..pieces.spans.len());
            break;
        };
        // The word that is cut goes to the next window, unless it fills this one alone.
        let end = if after > first { after } else { first + 1 };
        windows.push(first..end);
        let back = (start + WINDOW).saturating_sub(OVERLAP);
        let next = word_at(back).unwrap_or(end).clamp(first + 1, end);
        start = pieces.words.partition_point(|word| *word < next);
    }
    windows
}

fn read(folder: &Path, file: Pinned) -> Result<Vec<u8>, LoadFault> {
    let bytes = std::fs::read(folder.join(file.name))
        .map_err(|source| LoadFault::Read { file: file.name, source })?;
    if sha256(&bytes) != file.sha256 {
        return Err(LoadFault::Digest(file.name));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: usize, pieces_each: usize) -> Pieces {
        let numbers: Vec<usize> = (0..words * pieces_each).map(|at| at / pieces_each).collect();
        Pieces { ids: vec![1; numbers.len()], words: numbers, spans: vec![0..1; words] }
    }

    #[test]
    fn windows_cover_every_word_and_overlap() {
        assert!(windows(&of(0, 1)).is_empty());
        assert_eq!(windows(&of(510, 1)), vec![0..510]);
        assert_eq!(windows(&of(600, 1)), [0..510, 446..600]);
        for (words, each) in [(5000, 1), (900, 7), (3, 600), (40, 509)] {
            let all = windows(&of(words, each));
            assert_eq!(all.last().map(|last| last.end), Some(words));
            assert!(
                all.windows(2)
                    .all(|pair| pair[1].start <= pair[0].end && pair[1].start > pair[0].start)
            );
        }
    }
}
