//! What is inspected, and how thoroughly. Next: `media`.

use crate::decode::inflate::Codec;
use crate::options::ScanOptions;

/// Bytes that would leave, with what their sender says of them.
#[derive(Debug, Clone)]
pub struct Payload<'a> {
    /// The bytes as they would be sent.
    pub bytes: &'a [u8],
    /// What they are said to be.
    pub media: Media,
    /// How they are compressed.
    pub coding: Coding,
    /// Where they stand in the attempt: a prefix of every pointer ("", "/query", …).
    pub at: &'a str,
}

/// What a payload is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Media {
    /// One JSON value.
    Json,
    /// A JSON value per line.
    Ndjson,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/*`.
    Multipart {
        /// The boundary of the content type.
        boundary: String,
    },
    /// YAML.
    Yaml,
    /// XML and HTML.
    Xml,
    /// Comma-separated values.
    Csv,
    /// Any other text.
    Text,
    /// Bytes of no known structure.
    Opaque,
    /// Nobody said: looked at to find out.
    Sniff,
}

/// How a payload is compressed, outermost last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// By these, in the order in which they were applied.
    Stack(Vec<Codec>),
}

/// Which fields of a payload hold what people or models wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentFields {
    /// Every field (proxied bodies).
    All,
    /// Fields of these names, or below these pointers (`/input/*/text`), and all that stands below
    /// them. All other strings are still searched for credentials, encodings and marks.
    Named(Vec<String>),
}

/// How thoroughly a payload is looked at.
#[derive(Debug, Clone)]
pub struct Looks {
    /// Where PII is looked for.
    pub content: ContentFields,
    /// How much work at most.
    pub limits: Limits,
    /// An encoded run longer than this is a finding whatever it holds.
    pub encoded_floor: usize,
    /// What is asked of each scan.
    pub scan: ScanOptions,
    /// Who asks: the model of names is shared fairly between sessions.
    pub session: u64,
    /// Bytes of content that the report keeps for another detector, at most; `None`: it keeps none.
    pub passages: Option<usize>,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            content: ContentFields::All,
            limits: Limits::default(),
            encoded_floor: 100,
            scan: ScanOptions::default(),
            session: 0,
            passages: None,
        }
    }
}

/// The most that an inspection may do. Past any of them the answer is a refusal, not a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the payload.
    pub bytes: usize,
    /// Nesting of JSON and its like.
    pub depth: usize,
    /// Decodings of decodings.
    pub chain: usize,
    /// Decoded bytes in all.
    pub decoded: usize,
    /// Fields.
    pub fields: usize,
    /// Scanned bytes in all.
    pub work: usize,
    /// Bytes that the model of names may look at (passages in doubt that it does not remember).
    pub names: usize,
    /// Findings of one kind of PII or mark that are kept; the rest is counted. No limit that
    /// refuses: what is said of a kind holds for all of it.
    pub alike: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 1 << 20,
            depth: 128,
            chain: 6,
            decoded: 8 << 20,
            fields: 100_000,
            work: 32 << 20,
            names: 128 << 10,
            alike: 256,
        }
    }
}
