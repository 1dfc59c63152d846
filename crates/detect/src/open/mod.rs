//! Containers: archives, office files, PDF. What they are is told here by their first bytes; how
//! they are taken apart is somebody else's ([`Open`], which the crate `extract` implements).
//!
//! ```text
//!  bytes ─ container ─▶ Container ─▶ dyn Open ─▶ Piece ─▶ looked at in its turn (`inspect`)
//! ```
//! INVARIANT: a container that is not taken apart wholly is never taken for a clean one: the answer
//! is [`Unopened`], and `inspect` makes a finding of it. Reading order: here, `kind`.

mod kind;

pub(crate) use kind::{begins, holds_zip};
pub use kind::{container, is_packed};

use std::fmt::Debug;

/// What bytes are that hold other things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Container {
    /// A ZIP archive, office files among them.
    Zip,
    /// A ZIP archive somewhere in other bytes: behind a picture, within a program.
    ZipWithin,
    /// A ZIP archive within a document that is opened for itself: what stands around it is none of
    /// its pieces.
    ZipBeside,
    /// A tape archive.
    Tar,
    /// A PDF.
    Pdf,
    /// A compound file: office files before 2007, and encrypted ones since.
    Compound,
    /// An archive of a kind that nobody here can open, by name.
    Sealed(&'static str),
}

/// A part of a container.
#[derive(Debug, Clone, Copy)]
pub enum Piece<'p> {
    /// Text that people wrote or read.
    Text(&'p str),
    /// Text that software wrote for itself: looked through for credentials and marks alone.
    Aside(&'p str),
    /// A file or other bytes, to be looked at as whatever they are.
    Bytes(&'p [u8]),
}

/// Why a container was not opened wholly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    /// It is encrypted, or packed in a way that is not known.
    #[error("{0}")]
    Sealed(&'static str),
    /// It is damaged, or contradicts itself, so that two readers could see two things.
    #[error("{0}")]
    Broken(&'static str),
    /// It unfolds to more than it may.
    #[error("it unfolds to more than it may")]
    TooLarge,
    /// Whoever was told had enough.
    #[error("nothing more is looked at")]
    Stopped,
}

/// Who is told of each piece. The answer is how many bytes the next may unfold to; `None`: no more.
pub type Tell<'t> = dyn FnMut(Piece<'_>) -> Option<usize> + 't;

/// Takes containers apart.
pub trait Open: Send + Sync + Debug {
    /// Tells every piece of a container. No piece, and nothing needed on the way to it, unfolds to
    /// more than `most` bytes, later to more than `tell` answered.
    ///
    /// # Errors
    /// Whatever of it was not told. What could be told is told all the same.
    fn open(
        &self,
        what: Container,
        bytes: &[u8],
        most: usize,
        tell: &mut Tell<'_>,
    ) -> Result<(), Unopened>;
}
