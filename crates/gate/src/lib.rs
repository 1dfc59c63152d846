//! The one door: ask, decide, record, permit, dial, revoke, respond.

pub mod clock;
pub mod exit;
pub mod own;
pub mod resolve;

use std::future::Future;
use std::pin::Pin;

/// A boxed future, for the ports that the binary joins to the gate.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
