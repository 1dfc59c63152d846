//! ClientHellos: nothing panics, no byte is lost, and how the bytes are cut makes no difference.
#![no_main]

use backstop_proxy::hello::{HelloReader, Progress};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, bytes) = input;
    let mut whole = HelloReader::new();
    let at_once = whole.push(bytes);
    assert_eq!(whole.into_bytes(), bytes);
    let (front, back) = bytes.split_at(usize::from(cut).min(bytes.len()));
    let mut parts = HelloReader::new();
    let mut progress = parts.push(front);
    if progress == Progress::NeedMore {
        progress = parts.push(back);
        assert_eq!(progress, at_once);
    } else if let Progress::Hello(hello) = &progress {
        assert_eq!(Progress::Hello(hello.clone()), at_once);
    }
});
