//! Configuration: how this process runs. Policies (what agents may do) are something else.
//!
//! ```text
//! defaults < file < environment < flag   ─▶ Settings (text, origin) ─▶ Config (typed)
//! ```
//! `settings` is the one table of keys, `resolve` joins the layers, `typed` parses once.
//! The environment is read in `resolve` alone.

pub(crate) mod own;
pub(crate) mod resolve;
pub(crate) mod settings;
pub(crate) mod typed;

pub(crate) use resolve::{Resolved, resolve};
pub(crate) use typed::Config;
