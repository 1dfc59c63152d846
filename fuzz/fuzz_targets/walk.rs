//! Walkers: nothing panics whatever a body is said to be, and JSON that a strict parser takes is
//! taken, with the same outcome each time.
#![no_main]

use backstop_detect::{Coding, Detectors, Inspector, Looks, Media, Outcome, Payload, Scratch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    let media = match kind % 9 {
        0 => Media::Json,
        1 => Media::Ndjson,
        2 => Media::Form,
        3 => Media::Yaml,
        4 => Media::Xml,
        5 => Media::Csv,
        6 => Media::Text,
        7 => Media::Sniff,
        _ => Media::Multipart { boundary: "B".to_owned() },
    };
    let inspector = Inspector::new(Detectors::builtin());
    let looks = Looks::default();
    let payload = Payload { bytes, media: media.clone(), coding: Coding::Identity, at: "" };
    let report = inspector.inspect(payload.clone(), &looks, &mut Scratch::default());
    let again = inspector.inspect(payload, &looks, &mut Scratch::default());
    assert_eq!(report.outcome, again.outcome);
    assert_eq!(report.found.len(), again.found.len());
    let parsed = serde_json::from_slice::<serde_json::Value>(bytes).is_ok();
    if media == Media::Json && parsed {
        assert!(
            !matches!(report.outcome, Outcome::Unreadable(_)) || holds_streams(&report.outcome)
        );
    }
});

/// A bomb within a string is unreadable however well its JSON is formed.
fn holds_streams(outcome: &Outcome) -> bool {
    *outcome == Outcome::Unreadable(backstop_detect::Unreadable::Bomb)
}
