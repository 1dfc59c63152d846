//! Many keywords in one pass, faster and smaller than an automaton over all of them.
//!
//! Of each keyword the rarest four bytes in a row are taken. At every byte of the text the first
//! three of them are looked up in a small table of bits, which mostly says no, then all four in
//! another; only then is the keyword compared. Neighbouring look-ups do not wait for each other, as
//! the steps of an automaton do, and the tables fit into the nearest cache. Keywords of two and
//! three bytes have a second table of their own; one of a single byte is sought by itself. ASCII
//! letters are equal in any case.
//! Next: `keywords`.

/// Bits of the table, as a power of two.
const BITS: u32 = 16;
const WORDS: usize = 1 << (BITS - 6);
/// Places of the hash table, as a power of two.
const SLOTS: u32 = 13;

/// How many places are asked before any of them is looked at.
const STRIDE: usize = 8;

/// Keywords, ready to be sought.
#[derive(Debug)]
pub(super) struct Sieve {
    /// Three bytes of any keyword; four of one that is longer; three of one that is not.
    bits: Box<Bits>,
    long: Box<Bits>,
    short: Box<Bits>,
    /// First entry of each slot in `entries`, and one past the last.
    slots: Box<[u32]>,
    entries: Box<[Entry]>,
    keywords: Vec<Box<[u8]>>,
    /// Keywords of two bytes, folded, and their numbers.
    pairs: Vec<(u32, usize)>,
    /// One bit for each pair, by its hash.
    paired: u64,
    /// Keywords of one byte, and their numbers.
    single: Vec<(u8, usize)>,
}

/// A set of numbers by their hashes.
#[derive(Debug)]
struct Bits([u64; WORDS]);

impl Bits {
    fn set(&mut self, number: u32, spread: u32) {
        let bit = hash_by(number, BITS, spread);
        if let Some(word) = self.0.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }
    #[inline]
    fn may_have(&self, number: u32, spread: u32) -> bool {
        let bit = hash_by(number, BITS, spread);
        self.0.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }
}

/// A keyword by four of its bytes, or by all three.
#[derive(Debug, Clone, Copy)]
struct Entry {
    bytes: u32,
    /// Which bits of `bytes` count.
    mask: u32,
    keyword: u32,
    /// Where these bytes stand in the keyword.
    offset: u32,
}

impl Sieve {
    /// Takes keywords, numbered in their order; only those that are wanted are sought.
    pub(super) fn of(words: &[String], wanted: impl Fn(usize) -> bool) -> Self {
        let keywords: Vec<Box<[u8]>> =
            words.iter().map(|word| word.to_ascii_lowercase().into_bytes().into()).collect();
        let empty = || Box::new(Bits([0; WORDS]));
        let (mut bits, mut long, mut short) = (empty(), empty(), empty());
        let (mut entries, mut pairs, mut single) = (Vec::new(), Vec::new(), Vec::new());
        let mut paired = 0_u64;
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        for (number, keyword) in keywords.iter().enumerate().filter(|(number, _)| wanted(*number)) {
            match &**keyword {
                [] => {}
                [byte] => single.push((*byte, number)),
                [one, two] => {
                    let pair = fold(u32::from_le_bytes([*one, *two, 0, 0])) & PAIR;
                    paired |= 1 << hash(pair, 6);
                    pairs.push((pair, number));
                    for three in 0..=u8::MAX {
                        let three = fold(u32::from_le_bytes([*one, *two, three, 0])) & TRIPLE;
                        bits.set(three, FIRST);
                        short.set(three, OTHER);
                    }
                }
                [one, two, three] => {
                    let bytes = fold(u32::from_le_bytes([*one, *two, *three, 0])) & TRIPLE;
                    bits.set(bytes, FIRST);
                    short.set(bytes, OTHER);
                    let keyword = narrow(number);
                    entries.push(Entry { bytes, mask: TRIPLE, keyword, offset: 0 });
                }
                // `in 4`: `in ` stands in every text, ` 4` behind a letter does not.
                &[_, two, b' ', digit @ b'0'..=b'9'] => {
                    let bytes = fold(u32::from_le_bytes([two, b' ', digit, 0])) & TRIPLE;
                    bits.set(bytes, FIRST);
                    short.set(bytes, OTHER);
                    let keyword = narrow(number);
                    entries.push(Entry { bytes, mask: TRIPLE, keyword, offset: 1 });
                }
                longer => {
                    let Some((offset, bytes)) = rarest(longer) else { continue };
                    bits.set(bytes & TRIPLE, FIRST);
                    long.set(bytes, OTHER);
                    let (keyword, offset) = (narrow(number), narrow(offset));
                    entries.push(Entry { bytes, mask: u32::MAX, keyword, offset });
                }
            }
        }
        entries.sort_unstable_by_key(|entry: &Entry| hash(entry.bytes & TRIPLE, SLOTS));
        let mut slots = vec![0_u32; (1 << SLOTS) + 1].into_boxed_slice();
        for entry in &entries {
            if let Some(count) = slots.get_mut(hash(entry.bytes & TRIPLE, SLOTS) + 1) {
                *count += 1;
            }
        }
        let mut total = 0;
        for slot in &mut slots {
            total += *slot;
            *slot = total;
        }
        Self { bits, long, short, slots, entries: entries.into(), keywords, pairs, paired, single }
    }

    /// Calls with the number of each keyword and where it starts. `counts` says of each how often
    /// it was seen; one that was seen more often than `most` is not looked for any further.
    pub(super) fn each(
        &self,
        text: &[u8],
        most: u32,
        counts: &mut [u32],
        mut call: impl FnMut(usize, usize),
    ) {
        for (byte, number) in &self.single {
            for at in memchr::memchr2_iter(*byte, byte.to_ascii_uppercase(), text) {
                if count(counts, *number, most) {
                    call(*number, at);
                }
            }
        }
        let mut at = 0;
        while let Some(stretch) = text.get(at..).and_then(|rest| rest.first_chunk()) {
            let mut places = self.places(stretch);
            while places != 0 {
                let place = at + places.trailing_zeros() as usize;
                places &= places - 1;
                self.place(text, place, (most, counts), &mut call);
            }
            at += STRIDE;
        }
        for at in at..text.len().saturating_sub(3) {
            self.place(text, at, (most, counts), &mut call);
        }
        // Behind the last four bytes no long keyword begins, and none has these zeros within.
        for at in text.len().saturating_sub(3)..text.len() {
            let byte = |ahead: usize| text.get(at + ahead).copied().unwrap_or(0);
            let three = fold(u32::from_le_bytes([byte(0), byte(1), byte(2), 0])) & TRIPLE;
            if self.short.may_have(three, OTHER) {
                self.compare((text, at), three, (most, counts), &mut call);
            }
        }
    }

    /// At which of the first places three bytes stand that a keyword has; one bit each.
    #[inline(always)]
    fn places(&self, stretch: &[u8; STRIDE + 3]) -> u32 {
        let mut places = 0;
        for (at, window) in stretch.array_windows::<4>().enumerate() {
            let three = fold(u32::from_le_bytes(*window)) & TRIPLE;
            places |= u32::from(self.bits.may_have(three, FIRST)) << at;
        }
        places
    }

    #[inline(always)]
    fn place(
        &self,
        text: &[u8],
        at: usize,
        (most, counts): (u32, &mut [u32]),
        call: &mut impl FnMut(usize, usize),
    ) {
        let Some(bytes) = text.get(at..).and_then(|rest| rest.first_chunk()) else { return };
        let four = fold(u32::from_le_bytes(*bytes));
        if self.long.may_have(four, OTHER) || self.short.may_have(four & TRIPLE, OTHER) {
            self.compare((text, at), four, (most, counts), call);
        }
    }

    #[inline(never)]
    fn compare(
        &self,
        (text, at): (&[u8], usize),
        bytes: u32,
        (most, counts): (u32, &mut [u32]),
        call: &mut impl FnMut(usize, usize),
    ) {
        let mut found = |number: usize, start: usize| {
            let enough = counts.get(number).is_none_or(|count| *count > most);
            let Some(keyword) = self.keywords.get(number).filter(|_| !enough) else { return };
            let Some(found) = text.get(start..start + keyword.len()) else { return };
            // The first byte tells most of them apart.
            let first = found.first().map(u8::to_ascii_lowercase) == keyword.first().copied();
            if first && found.eq_ignore_ascii_case(keyword) && count(counts, number, most) {
                call(number, start);
            }
        };
        if self.paired >> hash(bytes & PAIR, 6) & 1 == 1 {
            for (_, number) in self.pairs.iter().filter(|(pair, _)| *pair == bytes & PAIR) {
                found(*number, at);
            }
        }
        let slot = hash(bytes & TRIPLE, SLOTS);
        let place = |slot: usize| self.slots.get(slot).map_or(0, |place| *place as usize);
        let entries = self.entries.get(place(slot)..place(slot + 1)).unwrap_or_default();
        for entry in entries.iter().filter(|entry| entry.bytes == bytes & entry.mask) {
            if let Some(start) = at.checked_sub(entry.offset as usize) {
                found(entry.keyword as usize, start);
            }
        }
    }
}

/// Counts one more; whether it is still within what is wanted.
fn count(counts: &mut [u32], keyword: usize, most: u32) -> bool {
    counts.get_mut(keyword).is_some_and(|count| {
        *count = count.saturating_add(1);
        *count <= most
    })
}

const TRIPLE: u32 = 0x00ff_ffff;
const PAIR: u32 = 0x0000_ffff;

/// Letters in small; what else changes is told apart when keywords are compared.
const fn fold(bytes: u32) -> u32 {
    bytes | 0x2020_2020
}

/// The top bits of a product spread what is alike.
const fn hash(bytes: u32, bits: u32) -> usize {
    hash_by(bytes, bits, FIRST)
}

const fn hash_by(bytes: u32, bits: u32, spread: u32) -> usize {
    (bytes.wrapping_mul(spread) >> (32 - bits)) as usize
}

/// What the tables are spread by: two, or what collides in the first would do so in the next.
const FIRST: u32 = 0x9E37_79B1;
const OTHER: u32 = 0x85EB_CA77;

/// The four bytes of a keyword that are least common in prose and JSON, and where they stand.
fn rarest(keyword: &[u8]) -> Option<(usize, u32)> {
    keyword
        .windows(4)
        .enumerate()
        .filter_map(|(at, window)| match window {
            &[one, two, three, four] => {
                // The first three are looked up first.
                let frequent = FREQUENT.contains(&&[one, two, three]);
                let common: u32 = [one, two, three].map(commonness).iter().sum();
                let common = common * 2 + commonness(four) + if frequent { 40 } else { 0 };
                Some((common, at, fold(u32::from_le_bytes([one, two, three, four]))))
            }
            _ => None,
        })
        .min_by_key(|(common, at, _)| (*common, *at))
        .map(|(_, at, folded)| (at, folded))
}

/// Three letters in a row that stand in every English text and in every JSON document.
#[rustfmt::skip]
const FREQUENT: &[&[u8; 3]] = &[
    b"the", b"and", b"ing", b"ion", b"ent", b"ati", b"for", b"her", b"ter", b"hat", b"tha",
    b"ere", b"ate", b"con", b"his", b"res", b"ver", b"all", b"ons", b"nce", b"men", b"ith",
    b"ted", b"ers", b"pro", b"thi", b"wit", b"are", b"ess", b"not", b"ive", b"was", b"ect",
    b"rea", b"com", b"eve", b"per", b"int", b"est", b"sta", b"cti", b"ica", b"ist", b"ear",
    b"ain", b"one", b"our", b"iti", b"rat", b"nte", b"tin", b"ort", b"ans", b"num", b"umb",
    b"mbe", b"ber", b"str", b"tri", b"tex", b"ext", b"val", b"alu", b"lue", b"tit", b"itl",
    b"tle", b"ont", b"nam", b"ame", b"typ", b"ype", b"dat", b"use", b"ser", b"err", b"rro",
    b"ror", b"mes", b"ssa", b"sag", b"age", b"cre", b"upd",
];

/// How common a byte is, roughly as the logarithm of its share.
const fn commonness(byte: u8) -> u32 {
    match byte {
        b'e' | b' ' | b't' | b'a' => 10,
        b'o' | b'i' | b'n' | b's' | b'r' => 9,
        b'h' | b'l' | b'd' | b'c' | b'u' | b'"' => 7,
        b'm' | b'p' | b'g' | b'f' | b'y' | b'w' | b'b' => 5,
        b'v' | b'0'..=b'9' | b',' | b'.' | b':' | b'-' | b'_' => 4,
        b'k' => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(words: &[&str], text: &str) -> Vec<(usize, usize)> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let sieve = Sieve::of(&words, |_| true);
        let mut found = Vec::new();
        let mut counts = vec![0; words.len()];
        sieve.each(text.as_bytes(), 1000, &mut counts, |number, start| found.push((number, start)));
        found.sort_unstable();
        found
    }

    #[test]
    fn keywords_are_found_in_any_case_at_both_ends_and_inside_each_other() {
        let words = ["ssn", "@", "0x", "social security", "é12", "assn", "q~"];
        assert_eq!(found(&words, "SSN"), [(0, 0)]);
        assert_eq!(found(&words, "aSsn@0X"), [(0, 1), (1, 4), (2, 5), (5, 0)]);
        assert_eq!(found(&words, "my Social Security"), [(3, 3)]);
        assert_eq!(found(&words, "é12 É12"), [(4, 0)]);
        assert_eq!(found(&words, "ss"), []);
        assert_eq!(found(&[], "ssn"), []);
        // `[` and `{` differ in the bit that parts capitals from small letters.
        assert_eq!(found(&["a[b"], "a{b A[B"), [(0, 4)]);
    }

    #[test]
    fn what_was_seen_often_enough_is_not_compared_any_more() {
        let sieve = Sieve::of(&["aaaa", "b", "aac"].map(str::to_owned), |_| true);
        let (mut counts, mut called) = ([0; 3], 0);
        let text = "a".repeat(100) + &"b".repeat(100) + "aac";
        sieve.each(text.as_bytes(), 9, &mut counts, |_, _| called += 1);
        // One more than is wanted says that there are more.
        assert_eq!((counts[0], counts[2], called), (10, 1, 19));
    }

    proptest! {
        #[test]
        fn the_sieve_finds_what_plain_search_finds(
            words in prop::collection::hash_set("[a-c@{\\[ -]{1,5}", 1..20),
            text in "[a-cA-C@{\\[ -]{0,60}",
        ) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let lower = text.to_ascii_lowercase();
            let mut plain = Vec::new();
            for (number, word) in words.iter().enumerate() {
                for start in 0..lower.len() {
                    if lower.as_bytes()[start..].starts_with(word.as_bytes()) {
                        plain.push((number, start));
                    }
                }
            }
            plain.sort_unstable();
            prop_assert_eq!(found(&words, &text), plain);
        }
    }
}
