//! URLs and authorities: nothing panics, what passes is a fixed point, and no address of a refused
//! class passes in any spelling.
#![no_main]

use backstop_model::addr::{AddressClass, classify};
use backstop_model::destination::{Protocol, parse_authority, parse_url};
use backstop_model::host::Host;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(url) = parse_url(text) {
        if let Host::Address(address) = &url.destination.host {
            assert_eq!(classify(*address), AddressClass::Public, "{text:?}");
        }
        let again = parse_url(&url.to_string());
        assert_eq!(again.map(|again| again.destination), Ok(url.destination), "{text:?}");
    }
    if let Ok(place) = parse_authority(text, Protocol::Https) {
        assert_eq!(parse_authority(&place.to_string(), Protocol::Https), Ok(place), "{text:?}");
    }
});
