//! What the gazetteer knows of a word: given name, surname, city, cue and so on.
//!
//! The table is made by `build.rs` out of `names/*.txt`; this file alone reads its bit field.
//! It knows nothing of text: words come folded.

use super::table::{bucket, hash, mark};

static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/names.table"));

/// Everything the gazetteer says of one folded word; `Sense::default()` is "never heard of".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sense(u32);

/// A word that tells what stands beside it. The order is that of `CUES` in `build.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Cue {
    /// `Mr`, `Frau`: a person follows.
    Honorific,
    /// `President`, `Coach`: often a person follows.
    Title,
    /// `name`, `contact`, `Dear`: a person most likely follows.
    Name,
    /// `partner`, `friend`: a person may follow.
    Kin,
    /// `says`: a person stands before or after.
    Speech,
    /// `flew`, `lives`: a person may stand before.
    Act,
    /// `by`, `with`: a person may follow.
    By,
    /// `in`, `to`: a place may follow.
    Place,
    /// `lives`, `flight`: with a preposition, a place follows.
    Motion,
    /// `Southern`: a place follows.
    Area,
    /// `GmbH`: a company stands before.
    Company,
    /// `University`: part of an organisation's name.
    Body,
    /// `Street`: the words before are no person.
    Street,
    /// `theorem`, `Hotel`: the words before are no person.
    Thing,
    /// `Docker`, `Gauss`: a name known in technical text.
    Product,
    /// `van`, `de`: joins two parts of a name.
    Particle,
    /// `Regards`: a person signs on the next line.
    Sign,
}

impl Sense {
    /// Looks a folded word or phrase up.
    pub(crate) fn of(folded: &str) -> Sense {
        Sense(look_up(folded.as_bytes()).unwrap_or(0))
    }

    /// A hyphened word: a given name as its first part is one, a surname as its last.
    pub(crate) fn of_pair(first: Sense, last: Sense) -> Sense {
        const GIVEN: u32 = 0b11;
        const SURNAME: u32 = 0b1100;
        if last.given() > 0 {
            Sense(first.0 & last.0 & (GIVEN | SURNAME) | first.0 & GIVEN)
        } else {
            Sense((first.0 | last.0) & SURNAME)
        }
    }

    fn grade(self, shift: u32) -> u8 {
        ((self.0 >> shift) & 3) as u8
    }

    /// How common as a given name, 0 (not one) to 3.
    pub(crate) fn given(self) -> u8 {
        self.grade(0)
    }

    /// How common as a surname, 0 to 3.
    pub(crate) fn surname(self) -> u8 {
        self.grade(2)
    }

    /// How large a city: 1 from 5,000 people, 2 from 100,000, 3 from 800,000 or a capital.
    pub(crate) fn city(self) -> u8 {
        self.grade(4)
    }

    /// A country or continent: 3 in English, 2 in another language.
    pub(crate) fn country(self) -> u8 {
        self.grade(6)
    }

    /// A state or province.
    pub(crate) fn region(self) -> u8 {
        self.grade(8)
    }

    /// A nationality, people, religion or party: 3 in English.
    pub(crate) fn nationality(self) -> u8 {
        self.grade(10)
    }

    /// How common as an ordinary word, 0 to 3.
    pub(crate) fn word(self) -> u8 {
        self.grade(12)
    }

    /// Whether a longer key begins with this word.
    pub(crate) fn begins_phrase(self) -> bool {
        self.0 & (1 << 14) != 0
    }

    /// Whether the word is this cue.
    pub(crate) fn cues(self, cue: Cue) -> bool {
        self.0 & (1 << (15 + cue as u32)) != 0
    }

    /// Whether the word is any of these cues.
    pub(crate) fn cues_any(self, cues: &[Cue]) -> bool {
        cues.iter().any(|cue| self.cues(*cue))
    }

    /// Whether the gazetteer has never heard of it.
    pub(crate) fn unknown(self) -> bool {
        self.0 & !(1 << 14) == 0
    }

    /// Whether it is a country, region or city of any size.
    pub(crate) fn place(self) -> bool {
        self.country() > 0 || self.region() > 0 || self.city() > 0
    }
}

fn look_up(key: &[u8]) -> Option<u32> {
    let (buckets, keys) = (word(0)?, word(4)? as usize);
    let starts = 12;
    let marks = starts + 4 * (buckets as usize + 1);
    let which = marks + 4 * keys;
    let values = which + 2 * keys;
    let hash = hash(key);
    let at = starts + 4 * bucket(hash, buckets) as usize;
    let (first, last) = (word(at)? as usize, word(at + 4)? as usize);
    let found = (first..last).find(|entry| word(marks + 4 * entry) == Some(mark(hash)))?;
    let index = PACKED.get(which + 2 * found..)?.first_chunk().copied().map(u16::from_le_bytes)?;
    word(values + 4 * usize::from(index))
}

fn word(at: usize) -> Option<u32> {
    PACKED.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packed_list_loads_and_answers() {
        assert_eq!(Sense::of("anna").given(), 3);
        assert_eq!(Sense::of("smith").surname(), 3);
        assert_eq!(Sense::of("paris").city(), 3);
        assert_eq!(Sense::of("norway").country(), 3);
        assert_eq!(Sense::of("united kingdom").country(), 3);
        assert!(Sense::of("united").begins_phrase());
        assert_eq!(Sense::of("norwegian").nationality(), 3);
        assert_eq!(Sense::of("will").word(), 3);
        assert!(Sense::of("mr").cues(Cue::Honorific));
        assert!(Sense::of("regards").cues(Cue::Sign));
        assert!(Sense::of("qwrtzpl").unknown());
    }

    #[test]
    fn the_packed_list_stays_small() {
        assert!(PACKED.len() < 2_200_000, "{} bytes", PACKED.len());
    }
}
