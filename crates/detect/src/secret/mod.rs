//! Credentials that no pattern can tell: seed phrases by their checksums, JSON Web Tokens by their
//! contents, private keys by their armour. Finders and validators for the `secret-*` packs.
//!
//! ```text
//!  checksum ─▶ coin                 tails and versions of tokens and keys
//!  placeholder ─▶ random ─▶ assign  what is no secret, what looks like one, `key = value`
//!  armour · jwt · userinfo · phrase
//! ```
//! Next: `validate`, `engine/finder.rs`, `packs/`.

pub(crate) mod armour;
pub(crate) mod assign;
pub(crate) mod canary;
pub(crate) mod checksum;
pub(crate) mod coin;
pub(crate) mod jwt;
pub(crate) mod key;
pub(crate) mod phrase;
pub(crate) mod placeholder;
pub(crate) mod random;
pub(crate) mod userinfo;

#[cfg(test)]
mod attacks;
