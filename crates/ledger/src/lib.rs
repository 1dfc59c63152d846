//! The ledger: events in, never changed; sessions, alerts and standing as folds over them; proofs out.

mod config;
mod fault;
mod ledger;
pub mod record;
pub mod views;

pub use config::{Config, Durability, Retention, Witness};
pub use fault::LedgerFault;
pub use ledger::{Health, Ledger, NowFn, Receipt, Recorded};
pub use views::Views;
