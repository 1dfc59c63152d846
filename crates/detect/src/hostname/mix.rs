//! What the symbols of many names look like together. Eight random symbols read as anything; thirty
//! names of eight do not: people put digits behind letters, codes put them anywhere. Next: `rate`.

/// What was counted over names of one client under one row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mix {
    names: u64,
    symbols: u64,
    letters: u64,
    vowels: u64,
    /// Letters behind a digit.
    turns: u64,
}

/// LIMIT: fewer names, or symbols in them, tell nothing: an honest client meets some such hosts.
const NAMES: u64 = 12;
const SYMBOLS: u64 = 96;

impl Mix {
    /// Adds the labels of one more name.
    pub fn add<'l>(&mut self, labels: impl Iterator<Item = &'l [u8]>) {
        self.names += 1;
        for label in labels {
            let mut digit = false;
            for octet in label.iter().map(u8::to_ascii_lowercase) {
                self.symbols += 1;
                self.letters += u64::from(octet.is_ascii_lowercase());
                self.vowels += u64::from(matches!(octet, b'a' | b'e' | b'i' | b'o' | b'u'));
                self.turns += u64::from(digit && octet.is_ascii_lowercase());
                digit = octet.is_ascii_digit();
            }
        }
    }
    /// Whether they read as letters and digits without an order. In random base36, base32 and
    /// hexadecimal a letter stands behind a digit at 12 to 23 of 100 symbols, in the names of hosts
    /// at 8 at most (but for the hosts of some video networks).
    pub fn is_random(&self) -> bool {
        self.names >= NAMES
            && self.symbols >= SYMBOLS
            && self.turns * 100 >= self.symbols * 10
            && self.vowels * 100 <= self.letters * 45
    }
}
