//! HTTP/1.1 framing: nothing panics, never more is let through than came, and how the bytes are cut
//! makes no difference to what passes.
#![no_main]

use backstop_proxy::strict::Framing;
use libfuzzer_sys::fuzz_target;

/// Everything that passes when the stream arrives in these pieces.
fn passed(pieces: &[&[u8]]) -> (Vec<u8>, bool) {
    let (mut framing, mut held, mut out) = (Framing::new(), Vec::new(), Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        loop {
            match framing.admit(&held) {
                Ok(0) => break,
                Ok(count) => {
                    assert!(count <= held.len());
                    out.extend(held.drain(..count));
                }
                Err(_) => return (out, true),
            }
        }
    }
    (out, false)
}

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, bytes) = input;
    let (front, back) = bytes.split_at(usize::from(cut).min(bytes.len()));
    let (whole, parts) = (passed(&[bytes]), passed(&[front, back]));
    assert!(bytes.starts_with(&whole.0));
    assert_eq!(whole.1, parts.1);
    // A body passes as it comes, so that pieces may let more of a bad message's body through
    // before its fault shows; without a fault the same bytes pass.
    if !whole.1 {
        assert_eq!(whole.0, parts.0);
    }
});
