//! How texts become places: the public face of `host`, `addr` and `destination`, against tables,
//! generated spellings, properties and the WHATWG data. Next: `spellings`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests"
)]

mod addresses;
mod destinations;
mod disguises;
mod hosts;
mod properties;
mod spellings;
mod whatwg;
