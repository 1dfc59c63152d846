//! The dialer against real servers on loopback, reached by public-looking addresses.

mod addresses;
mod chain;
mod reach;
mod stage;
mod tls;
