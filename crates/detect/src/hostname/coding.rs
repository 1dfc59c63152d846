//! How the labels of a name could be decoded. A guess about one name; what counts is how many
//! names of one client read so. Next: `mix`.
//!
//! Case is folded before: Base64 loses two bits of six in a name anyway, and upstream questions
//! are sent in random case.

/// How labels read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// As no code that is known here.
    None,
    /// Hexadecimal.
    Hex,
    /// RFC 4648 §6, without padding.
    Base32,
    /// Digits and letters without an order.
    Base36,
    /// As before, with hyphens or underscores within.
    Base64Url,
    /// Words of a list.
    Words,
}

impl Coding {
    /// The word for it, for a sentence.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "plain",
            Self::Hex => "hexadecimal",
            Self::Base32 => "base32",
            Self::Base36 => "base36",
            Self::Base64Url => "base64url",
            Self::Words => "words of a list",
        }
    }
}

/// LIMIT: shorter text reads as anything.
const SHORTEST: usize = 16;
/// So many words in one name are no name.
const WORDS: usize = 4;

/// What was counted over all labels.
#[derive(Default)]
struct Tally {
    octets: usize,
    letters: usize,
    digits: usize,
    joints: usize,
    beyond_hex: usize,
    beyond_base32: usize,
    strange: usize,
    vowels: usize,
    /// Changes between letters and digits within a label.
    turns: usize,
}

pub(super) fn of<'l>(labels: impl Iterator<Item = &'l [u8]> + Clone) -> Coding {
    let mut tally = Tally::default();
    for label in labels.clone() {
        let mut before: Option<bool> = None;
        for octet in label {
            tally.see(*octet);
            let digit = octet.is_ascii_digit();
            if octet.is_ascii_alphanumeric() {
                tally.turns += usize::from(before.is_some_and(|before| before != digit));
                before = Some(digit);
            }
        }
    }
    tally.judge().unwrap_or_else(|| if words(labels) { Coding::Words } else { Coding::None })
}

impl Tally {
    fn see(&mut self, octet: u8) {
        self.octets += 1;
        let octet = octet.to_ascii_lowercase();
        match octet {
            b'a'..=b'z' => {
                self.letters += 1;
                self.beyond_hex += usize::from(octet > b'f');
                self.vowels += usize::from(matches!(octet, b'a' | b'e' | b'i' | b'o' | b'u'));
            }
            b'0'..=b'9' => {
                self.digits += 1;
                self.beyond_base32 += usize::from(!(b'2'..=b'7').contains(&octet));
            }
            b'-' | b'_' => self.joints += 1,
            _ => self.strange += 1,
        }
    }

    /// A code of random octets has its symbols evenly: so many digits, so few vowels, and digits
    /// among letters rather than at their end.
    fn judge(&self) -> Option<Coding> {
        if self.octets < SHORTEST || self.strange > 0 {
            return None;
        }
        let joined = self.joints == 0;
        if joined && self.beyond_hex == 0 && self.digits >= 3 && self.letters >= 2 {
            return Some(Coding::Hex);
        }
        // One turn in six symbols at least: `server12.region4` has fewer, random text more.
        let mixed = self.turns * 6 >= self.octets;
        if !mixed || self.digits == 0 || self.letters == 0 {
            return None;
        }
        if joined && self.beyond_base32 == 0 && self.vowels * 3 <= self.letters {
            return Some(Coding::Base32);
        }
        if joined && self.vowels * 3 <= self.letters {
            return Some(Coding::Base36);
        }
        (self.joints * 8 <= self.octets && self.vowels * 3 <= self.letters)
            .then_some(Coding::Base64Url)
    }
}

/// Whether the labels are nothing but words, and too many of them.
fn words<'l>(labels: impl Iterator<Item = &'l [u8]>) -> bool {
    let mut count = 0;
    for label in labels {
        for word in label.split(|octet| matches!(octet, b'-' | b'_')) {
            let plain = word.iter().all(u8::is_ascii_alphabetic);
            if !plain || !(3..=12).contains(&word.len()) {
                return false;
            }
            count += 1;
        }
    }
    count >= WORDS
}
