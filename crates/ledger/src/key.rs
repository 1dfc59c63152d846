//! The Ed25519 key that signs checkpoints (RFC 8032), and its public half.
//!
//! `ledger.key` is PKCS #8 v2 in DER (RFC 5958), mode 0600; `ledger.pub` is one line,
//! `ed25519:` and 64 hexadecimal digits. Next: `checkpoint`.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use backstop_model::id::Digest;
use std::fmt;

/// The public half: all that a proof needs to be checked.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(pub(crate) [u8; 32]);

impl PublicKey {
    /// Parses `ed25519:` and 64 hexadecimal digits; white space around it is ignored.
    pub fn parse(text: &str) -> Option<Self> {
        unhex(text.trim().strip_prefix("ed25519:")?)?.try_into().ok().map(Self)
    }
    /// SHA-256 of the 32 bytes: the name of the key in checkpoints.
    pub fn id(&self) -> Digest {
        Digest::of(&self.0)
    }
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", hex(&self.0))
    }
}
impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The secret half.
pub(crate) struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl SigningKey {
    /// A new key and its PKCS #8 form.
    pub(crate) fn draw() -> Option<(Self, Vec<u8>)> {
        let pair = Ed25519KeyPair::generate().ok()?;
        let document = pair.to_pkcs8().ok()?.as_ref().to_vec();
        Some((Self::of(pair)?, document))
    }
    /// The key in a PKCS #8 document.
    pub(crate) fn read(document: &[u8]) -> Option<Self> {
        Self::of(Ed25519KeyPair::from_pkcs8(document).ok()?)
    }
    fn of(pair: Ed25519KeyPair) -> Option<Self> {
        let public = PublicKey(pair.public_key().as_ref().try_into().ok()?);
        Some(Self { pair, public })
    }
    pub(crate) fn public(&self) -> PublicKey {
        self.public
    }
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |c: &u8| char::from(*c).to_digit(16).and_then(|d| u8::try_from(d).ok());
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| Some(digit(pair.first()?)? * 16 + digit(pair.last()?)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_file_and_signs_the_same() {
        let (key, document) = SigningKey::draw().unwrap();
        let again = SigningKey::read(&document).unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(again.sign(b"x"), key.sign(b"x"));
        assert_eq!(PublicKey::parse(&format!("{}\n", key.public())), Some(key.public()));
        assert!(key.public().verifies(b"x", &key.sign(b"x")));
        assert!(!key.public().verifies(b"y", &key.sign(b"x")));
    }

    #[test]
    fn debug_never_shows_the_secret() {
        let (key, _) = SigningKey::draw().unwrap();
        assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.public()));
    }
}
