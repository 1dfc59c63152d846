//! Every transform that hides a value, undone in one place: base64, hex, percent, compression,
//! confusables and the rest. The one door for decompression, which is bounded.
//! Must not know what is looked for. Next: `walk`.
