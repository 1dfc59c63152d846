//! Credentials that no pattern can tell: seed phrases by their checksums, JSON Web Tokens by their
//! contents, private keys by their armour. Finders and validators for the `secret-*` packs.
//! Next: `validate`, `engine/finder.rs`.

pub(crate) mod canary;
