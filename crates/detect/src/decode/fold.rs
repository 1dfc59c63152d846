//! Text as a person reads it: without invisible characters and marks, compatibility forms and
//! look-alikes as ASCII, every script's digits as 0 to 9. UAX #15 (NFKC), UTS #39.
//!
//! Accented letters stay what they are. Next: `spread`.

use super::confusables::{CONFUSABLES, ZEROS, invisible, mark, settled};
use super::rewrite::Rewrite;
use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::OnceLock;

/// Folds a text; `None` when it reads as it is written.
pub(crate) fn fold(text: &str) -> Option<Rewrite> {
    let mut out: Option<Rewrite> = None;
    let mut kept = 0;
    let mut at = 0;
    let bytes = text.as_bytes();
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let ascii = rest.iter().take_while(|b| b.is_ascii()).count();
        at += ascii;
        let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) else { break };
        let read = reading(c);
        let width = c.len_utf8();
        if let Reading::Same = read {
            at += width;
            continue;
        }
        let out = out.get_or_insert_with(|| Rewrite::with_capacity(text.len()));
        out.keep(text.get(kept..at).unwrap_or_default());
        match read {
            Reading::Same => {}
            Reading::Nothing => out.put(""),
            Reading::As(c) => out.put_char(c),
            Reading::Text(text) => out.put(&text),
        }
        at += width;
        kept = at;
    }
    let mut out = out?;
    out.keep(text.get(kept..).unwrap_or_default());
    Some(out)
}

/// How a character reads.
enum Reading {
    Same,
    Nothing,
    As(char),
    Text(String),
}

fn reading(c: char) -> Reading {
    if invisible(c) || mark(c) {
        return Reading::Nothing;
    }
    let code = u32::from(c);
    // Tags: ASCII that no font shows.
    if let Some(plain) = code.checked_sub(0xe_0000).filter(|plain| (0x20..0x7f).contains(plain)) {
        return char::from_u32(plain).map_or(Reading::Nothing, Reading::As);
    }
    if let Some(plain) = plain(c) {
        return Reading::As(plain);
    }
    if settled(c) {
        return Reading::Same;
    }
    let mut buffer = [0; 4];
    let one: &str = c.encode_utf8(&mut buffer);
    let normal = nfkc().normalize(one);
    if *normal == *one {
        return Reading::Same;
    }
    let folded = normal.chars().filter(|c| !invisible(*c) && !mark(*c));
    Reading::Text(folded.map(|c| plain(c).unwrap_or(c)).collect())
}

/// The ASCII character that this one is or looks like.
fn plain(c: char) -> Option<char> {
    static TABLE: OnceLock<HashMap<char, char, BuildHasherDefault<Point>>> = OnceLock::new();
    if c.is_ascii() {
        return None;
    }
    let table = TABLE.get_or_init(|| {
        let digits = ZEROS.iter().flat_map(|zero| {
            (0..10).filter_map(|n| {
                Some((char::from_u32(u32::from(*zero) + n)?, char::from_digit(n, 10)?))
            })
        });
        // A digit is a digit even where it looks like a letter.
        CONFUSABLES.iter().copied().chain(digits).collect()
    });
    table.get(&c).copied()
}

/// Spreads code points. The table is fixed, so that no text can fill a bucket of it.
#[derive(Default)]
struct Point(u64);

impl Hasher for Point {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }
    fn write_u32(&mut self, code: u32) {
        self.0 = (self.0 ^ u64::from(code)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(26);
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

fn nfkc() -> ComposingNormalizerBorrowed<'static> {
    ComposingNormalizer::new_nfkc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(fold(text).as_ref().map(Rewrite::whole), Some(expected), "{text}");
    }

    #[test]
    fn text_reads_as_people_read_it() {
        check("AK\u{200b}IA\u{200d}\u{2060}X", "AKIAX");
        check("\u{202e}4111\u{202c}", "4111");
        check("4\u{336}1\u{336}1\u{20dd}", "411");
        check("ＡＫＩＡ４１１１", "AKIA4111");
        check("𝟒𝟏𝟏𝟏 𝖆𝖇", "4111 ab");
        check("\u{410}KI\u{410}", "AKIA");
        check("٤١١١ ४१११", "4111 4111");
        check("①②③ ❹➄", "123 45");
        check("536\u{2011}90\u{2013}4399", "536-90-4399");
        check("4111\u{a0}1111\u{2009}1111", "4111 1111 1111");
        check("\u{e0041}\u{e004b}\u{e0049}\u{e0041}", "AKIA");
        check("ﬁ", "fi");
    }

    #[test]
    fn ordinary_text_stays() {
        for text in
            ["plain", "Grüße aus Köln, ça va?", "日本語のテキスト", "“quoted” ’s", "한국어 😀"]
        {
            assert!(fold(text).is_none(), "{text}");
        }
    }
}
