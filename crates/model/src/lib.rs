//! The words of Backstop: what everyone may know, and nothing that touches the world.
//!
//! ```text
//!  id ─ time ─ redacted            names of things
//!  host ─ name ─ addr ─ destination   where somebody wants to go
//!  attempt ─ finding               what somebody wants to do
//!  control ─ verdict ─ refusal     what we answer
//!  standing ─ event                what is remembered
//! ```
//! This crate knows no files, sockets, clocks, serde or tokio. Reading order: `destination`
//! (how text becomes a place), `addr` (which places nobody may reach), `verdict`, `event`.

pub mod addr;
pub mod attempt;
pub mod control;
pub mod destination;
pub mod event;
pub mod finding;
pub mod host;
pub mod id;
pub mod name;
pub mod redacted;
pub mod refusal;
pub mod standing;
pub mod time;
pub mod verdict;
