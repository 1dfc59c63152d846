//! What holds of every scan with every built-in detector.

use super::Scratch;
use crate::{Builder, Detectors, Hit, ScanOptions, Score};
use proptest::prelude::*;

fn scan(text: &str, threshold: Score) -> (Vec<Hit>, usize) {
    let mut scratch = Scratch::default();
    let options = ScanOptions { threshold, ..ScanOptions::default() };
    let hits = Detectors::builtin().scan(text, &options, &mut scratch);
    (hits, scratch.work)
}

/// Pieces of texts that wake detectors, so that random texts are not all clean.
const PIECES: &[&str] = &[
    "4111 1111 1111 1111",
    "536-90-4399",
    "ssn",
    "ana@correo.unam.mx",
    "AKIA",
    "-----BEGIN ",
    "GB82 WEST 1234 5698 7654 32",
    "é",
    "番号",
    "\u{200b}",
    " ",
    "\n",
    "\"",
    ":",
    "//",
    "::1",
    "fe80::",
    "192.168.0.1",
    "key=",
    "passport",
    "0x",
    "deadbeef",
    "+1 (415) 555-2671",
    "-",
    ".",
    "@",
    "1",
    "a",
    "eyJhbGciOiJIUzI1NiJ9.",
    "password: ",
    "DE89370400440532013000",
    "1990-01-31",
    "born",
    "\\",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(PIECES).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[0-9A-Za-z+/=_-]{1,24}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn hits_lie_within_the_text_at_borders_of_characters(text in text()) {
        for hit in scan(&text, Score::ZERO).0 {
            prop_assert!(!hit.span.is_empty());
            prop_assert!(text.get(hit.span.clone()).is_some(), "{:?}", hit);
        }
    }

    #[test]
    fn what_follows_hides_no_hit(text in text(), more in text()) {
        // A line and a control character, over which no guard and no value reaches.
        let long = format!("{text}\n\u{1}\n{more}");
        let after = scan(&long, Score::VERDICT).0;
        for hit in scan(&text, Score::VERDICT).0 {
            let stays = after.iter().any(|other| {
                other.span.start < hit.span.end && hit.span.start < other.span.end
            });
            prop_assert!(stays, "{:?} in {:?}", hit, long);
        }
    }

    #[test]
    fn a_lower_threshold_never_hides_a_hit(text in text()) {
        let all = scan(&text, Score::ZERO).0;
        for hit in scan(&text, Score::VERDICT).0 {
            let covered = |other: &Hit| {
                other.span.start <= hit.span.start && hit.span.end <= other.span.end
            };
            prop_assert!(all.iter().any(covered), "{:?}", hit);
        }
    }

    #[test]
    fn scratch_is_only_memory(text in text(), before in text()) {
        let mut scratch = Scratch::default();
        let detectors = Detectors::builtin();
        let options = ScanOptions::default();
        detectors.scan(&before, &options, &mut scratch);
        prop_assert_eq!(detectors.scan(&text, &options, &mut scratch), scan(&text, Score::VERDICT).0);
    }
}

/// Bytes looked at per byte of text, at most: each pattern that runs over the whole text adds one,
/// each place of a shape some twenty.
const MOST_WORK: usize = 400;

#[test]
fn texts_made_to_hurt_cost_no_more_than_their_length() {
    for unit in [
        "(",
        "-",
        "4 ",
        "1,",
        "\\u0061",
        "&amp;",
        "A",
        "sk_",
        "Smith ",
        "1",
        "1 ",
        "1-",
        "1.",
        "a1",
        "A1 ",
        "a@",
        "a.",
        "@",
        "AKIA",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "://",
        "http://a",
        "::",
        "a:",
        "key=",
        "eyJ",
        "eyJ.",
        "é",
        "Aa0+/",
        "sk-",
        "ghp_",
        "password ",
        "ssn 1 ",
        "+",
        "+1(",
        "{\"a\":1},",
        "0x",
        "=",
        "\n",
        "\"",
    ] {
        let text = |bytes: usize| unit.repeat(bytes / unit.len());
        let (small, large) =
            (scan(&text(1 << 13), Score::VERDICT).1, scan(&text(1 << 15), Score::VERDICT).1);
        assert!(large <= small * 5 + (1 << 16), "`{unit}` grows from {small} to {large}");
        assert!(large <= MOST_WORK << 15, "`{unit}` costs {} a byte", large >> 15);
    }
}

/// Past some number keywords are no longer compared and words of context no longer read one by one:
/// whoever floods a text with them must not hide what stands behind.
#[test]
fn a_flood_of_keywords_or_numbers_hides_nothing_behind_it() {
    let value = "\n\u{1}\npassword: kP4gi2RBK7TFGx9 and my ssn is 536-90-4399.\n";
    let spans = |text: &str| -> Vec<String> {
        let offset = text.len() - value.len();
        let hits = scan(text, Score::VERDICT).0;
        let behind = hits.into_iter().filter(|hit| hit.span.start >= offset);
        behind.map(|hit| format!("{} {:?}", hit.entity, text.get(hit.span))).collect()
    };
    let alone = spans(value);
    assert!(alone.len() >= 2, "{alone:?}");
    for unit in ["password ", "ssn ", "sk_", "4 ", "ssn 1 ", "12 ", "A"] {
        let text = unit.repeat(40_000 / unit.len()) + value;
        assert_eq!(spans(&text), alone, "{unit}");
    }
}

#[test]
fn a_pack_says_all_its_faults_with_their_lines() {
    let pack = "pack: p
detectors:
- id: A b
  entity: X
  family: persons
  colour: red
  patterns:
  - { name: n, regex: '(?=a)', score: 2 }
  validator: nobody
- id: b
  entity: Y
  family: pii
";
    let fault = Builder::empty().pack("p.yaml", pack).unwrap_err();
    expect_test::expect![[r#"
        p.yaml:3: `A b`: an id is lower-case words joined by `-`
        p.yaml:3: `family: persons`: one of pii, credential, mark
        p.yaml:3: `validator: nobody` is not known
        p.yaml:6: unknown key `colour`
        p.yaml:8: pattern `n` is not valid: look-around, including look-ahead and look-behind, is not supported
        p.yaml:8: pattern `n` needs a score from 0 to 1
        p.yaml:10: `b` needs either `patterns` or a `finder`"#]].assert_eq(&fault.to_string());
}
