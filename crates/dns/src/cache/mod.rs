//! Answers of upstreams by name, type and class, bounded in bytes. Next: `forward`.
