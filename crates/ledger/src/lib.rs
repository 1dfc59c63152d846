//! The ledger: events in, never changed; sessions, alerts and standing as folds over them; proofs out.

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
pub mod verify;
pub mod views;
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
