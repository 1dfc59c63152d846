//! Response policy zones from master files: whatever a feed writes, reading it ends, and what is
//! read can be asked.
#![no_main]

use backstop_dns::rpz::{Terms, Zone};
use backstop_model::name::QueryName;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let Some(origin) = QueryName::from_text("rpz.fuzz") else { return };
    match Zone::read(text, &origin, Terms::default(), 1 << 20, (1, 2)) {
        Ok(zone) => {
            let rules = zone.len();
            // A rule takes an owner and a type at least.
            assert!(rules <= text.len());
            let _warned = zone.warnings().len();
        }
        Err(faults) => assert!(!faults.is_empty()),
    }
});
