//! The chain: each row's hash covers its body, its number and the row before.
//!
//! ```text
//! hash(n) = SHA-256( "backstop.ledger.row.v1\0" ‖ hash(n-1) ‖ n as 8 bytes, big-endian ‖ SHA-256(body(n)) )
//! hash(0) = 32 zero bytes
//! ```
//! `body` is the record's bytes exactly as kept. The prefix keeps these hashes apart from every
//! other use of SHA-256; all parts have a fixed length, so that no two inputs read the same.
//! The body enters as a digest, so that a proof can show a row's place without showing its
//! neighbours. Next: `key`.

use backstop_model::id::Digest;
use sha2::Digest as _;

const DOMAIN: &[u8] = b"backstop.ledger.row.v1\0";

/// The hash of row `seq`, whose body has the digest `body`, after a row with the hash `previous`.
pub(crate) fn link(previous: &Digest, seq: u64, body: &Digest) -> Digest {
    let mut hash = sha2::Sha256::new();
    hash.update(DOMAIN);
    hash.update(previous.0);
    hash.update(seq.to_be_bytes());
    hash.update(body.0);
    Digest(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts() {
        let body = Digest::of(b"body");
        let hash = link(&Digest::ZERO, 1, &body);
        assert_ne!(hash, link(&Digest::ZERO, 2, &body));
        assert_ne!(hash, link(&Digest::of(b""), 1, &body));
        assert_ne!(hash, link(&Digest::ZERO, 1, &Digest::of(b"bodz")));
        // The form is fixed for ever: this is what `printf … | sha256sum` gives.
        let mut bytes = DOMAIN.to_vec();
        bytes.extend([0; 32]);
        bytes.extend([0, 0, 0, 0, 0, 0, 0, 1]);
        bytes.extend(body.0);
        assert_eq!(hash, Digest::of(&bytes));
    }
}
