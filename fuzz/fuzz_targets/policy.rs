//! Policy texts: nothing panics, places lie within the text, and what is in force loads again to
//! the same policy.
#![no_main]

use backstop_model::time::Timestamp;
use backstop_policy::{Library, LoadContext, Source};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let context = LoadContext::at(Timestamp::from_unix_micros(1_800_000_000_000_000));
    let source = Source { name: "p.yaml".to_owned(), text: text.to_owned() };
    let applied = Library::default().apply(&[source], &context);
    for diagnostic in &applied.diagnostics {
        assert!(diagnostic.line >= 1 && diagnostic.column >= 1);
        assert!(diagnostic.offset + diagnostic.length <= text.len() + 1, "{diagnostic}");
    }
    let again = Library::default().apply(&applied.policy.sources(), &context);
    assert_eq!(again.policy.digest(), applied.policy.digest());
});
