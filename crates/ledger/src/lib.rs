//! The ledger: events in, never changed; sessions, alerts and standing as folds over them; proofs
//! out.
//!
//! ```text
//!  commit, note ─▶ queue ─▶ writer ─▶ store (SQLite) ─▶ reader ─▶ verify · proof · export
//!                  lanes     │ group    rows in a chain,
//!                            │ commit   signed checkpoints ─▶ witness
//!                            ├─▶ views  what stands, folded before a commit answers
//!                            └─▶ tail   committed events in order
//! ```
//! It knows no policy and never judges. Reading order: `config` and `fault` (the border),
//! [`record`] (an event's JSON), `chain`, `key` and `checkpoint` (why it can be believed), `store`,
//! `queue`, `writer`, `sweeper` (how it gets there), [`views`] (what stands), `ledger` and `reader` (the doors),
//! [`verify`] and [`proof`].
//!
//! # What an answer promises
//! `commit` answers once the row is committed. With [`Durability::Os`] it survives the death of the
//! process at any moment; a loss of power may take the last rows, never break the chain. With
//! [`Durability::Disk`] it survives that too, for one `fsync` a group commit. A permit whose commit
//! fails was not recorded and must not take effect.
//!
//! # What the chain promises, and what it does not
//! Each row's hash covers the row before it, and the key in the ledger's directory signs the newest
//! hash every [`Config::checkpoint_every`] rows and every [`Config::checkpoint_within`]. Whoever can
//! write the database but has not the key cannot change, move, add or remove a signed row unseen.
//!
//! **Whoever holds both disk and key can rewrite history unless checkpoints are kept elsewhere**:
//! they can chain and sign another past, or put an older copy back. [`Witness`] sends every
//! checkpoint off the machine; `verify` holds the ledger against what was kept there. Keep
//! `ledger.pub` there too. Rows after the newest checkpoint are chained but not signed yet.
//!
//! What stands is kept in a table as of some row so that opening is quick and retention may remove
//! the events that made it. The key seals that table, so that a quarantine deleted from it is found
//! at the next start and by `verify`.

mod chain;
mod checkpoint;
mod config;
mod fault;
mod key;
mod ledger;
pub mod proof;
mod queue;
mod reader;
pub mod record;
mod store;
mod sweeper;
pub mod verify;
pub mod views;
mod witness;
mod writer;

pub use checkpoint::{Checkpoint, CheckpointFault};
pub use config::{Config, Durability, Retention, Witness};
pub use fault::LedgerFault;
pub use key::PublicKey;
pub use ledger::{Health, Ledger, NowFn, Receipt, Recorded};
pub use proof::Proof;
pub use reader::{Filter, Reader};
pub use verify::{Breakage, Broken, Verified, VerifyOptions};
pub use views::Views;
