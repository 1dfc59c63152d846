//! What a peer in front may say, and signed messages: PROXY headers (version 2), TSIG.
#![no_main]

use backstop_dns::wire::front::{Proxied, proxied};
use backstop_dns::wire::tsig;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    if let Proxied::Header { length, .. } = proxied(octets) {
        assert!(length <= octets.len());
        // What stands behind a header changes nothing of it.
        assert_eq!(proxied(octets), proxied(&octets[..length]));
    }
    let key = tsig::Key::parse("hmac-sha256:fuzz.example:AAECAwQFBgcICQoLDA0ODw==");
    let key = key.expect("the key reads");
    let keys = [key.clone()];
    // Nobody signs by chance.
    assert!(!matches!(tsig::verify(octets, &keys, NOW), Ok(Some(_))));
    if octets.len() < 12 || octets.len() > 40_000 || tsig::is_signed(octets) {
        return;
    }
    let mut query = octets.to_vec();
    let _checker = key.sign(&mut query, NOW);
    if let Ok(Some(signed)) = tsig::verify(&query, &keys, NOW) {
        assert_eq!(signed.message, octets);
        // The id is not signed where it stands: the signature carries it (RFC 8945, 4.2).
        let place = 2 + usize::from(octets[2]) % (octets.len() - 2);
        if let Some(octet) = query.get_mut(place) {
            *octet ^= 1;
        }
        assert!(!matches!(tsig::verify(&query, &keys, NOW), Ok(Some(_))));
    }
});

/// Seconds since 1970.
const NOW: u64 = 1_700_000_000;
