//! Matched bytes and secrets sit in `Redacted<T>`: they can be used, never printed.
//! Next: `host`.

use std::fmt;

/// A value whose `Debug` and `Display` show kind and length alone.
///
/// The keyed digest that identifies it in records is made by who holds the key (the gate).
#[derive(Clone, PartialEq, Eq)]
pub struct Redacted<T> {
    kind: &'static str,
    value: T,
}

impl<T: AsRef<[u8]>> Redacted<T> {
    /// Wraps a value; `kind` says what it is ("bearer token", "US_SSN", …).
    pub const fn new(kind: &'static str, value: T) -> Self {
        Self { kind, value }
    }
    /// The value itself, for the one place that needs it.
    pub const fn expose(&self) -> &T {
        &self.value
    }
    /// Its length in bytes.
    pub fn byte_len(&self) -> usize {
        self.value.as_ref().len()
    }
}

impl<T: AsRef<[u8]>> fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {} bytes]", self.kind, self.byte_len())
    }
}

impl<T: AsRef<[u8]>> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Redacted::new("bearer token", "hunter2");
        assert_eq!(
            format!("{secret} {secret:?}"),
            "[bearer token, 7 bytes] [bearer token, 7 bytes]"
        );
        assert_eq!(*secret.expose(), "hunter2");
    }
}
