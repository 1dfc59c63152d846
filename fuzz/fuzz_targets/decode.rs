//! Decoders: nothing panics, no inspection spends more than it may, a decompressor keeps to its
//! cap, and no report prints what it found.
#![no_main]

use backstop_detect::decode::inflate::inflate;
use backstop_detect::{
    Codec, Coding, Detectors, Inspector, Limits, Looks, Media, Outcome, Payload, Scratch,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let cap = 1 << 16;
    for codec in [Codec::Gzip, Codec::Zlib, Codec::Deflate, Codec::Brotli, Codec::Zstd] {
        if let Ok(plain) = inflate(codec, bytes, cap) {
            assert!(plain.len() <= cap);
        }
    }
    let inspector = Inspector::new(Detectors::builtin());
    let limits = Limits { decoded: 1 << 20, work: 4 << 20, ..Limits::default() };
    let looks = Looks { limits, ..Looks::default() };
    for media in [Media::Text, Media::Opaque] {
        let payload = Payload { bytes, media, coding: Coding::Identity, at: "" };
        let report = inspector.inspect(payload, &looks, &mut Scratch::default());
        // The scan that goes over the limit is counted, not made.
        let over = report.outcome == Outcome::OverLimit("work");
        assert!(report.scanned <= looks.limits.work || over);
        for found in &report.found {
            let printed = format!("{found:?}");
            if let Ok(value) = std::str::from_utf8(found.digest_input.expose())
                && value.len() >= 16
            {
                assert!(!printed.contains(value), "a finding prints its value");
            }
        }
    }
});
