//! Structured text taken apart field by field, each with its RFC 6901 pointer: JSON, YAML, CSV,
//! forms, multipart, XML. Must not know what is looked for. Next: `inspect`.
