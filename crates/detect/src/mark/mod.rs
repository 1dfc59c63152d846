//! Classification marks: banner lines and labels by which a document says its own level.
//!
//! The grammars of governments, alliances and companies are packs (`packs/mark-*.yaml`), found by
//! the engine like any other detector, in family [`Family::Mark`](crate::Family::Mark). Next:
//! `corpus`.
