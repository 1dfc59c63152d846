//! Phrases of every scheme and language, in every dress, and what must not be taken for one.

use super::*;

/// trezor/python-mnemonic, vectors.json.
const LEGAL: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";
/// tevador/polyseed, tests.c.
const POLYSEED: &str = "raven tail swear infant grief assist regular lamp duck valid someone little harsh puppy airport language";
/// Computed with the Python package `monero`.
const MONERO: &str = "elope dating yawning wonders nibs loudly also comb noodles towel gigantic enmity amaze ecstatic echo unmask asleep because tutor stunning impel raking sanity calamity nibs";

fn found(text: &str) -> Vec<&str> {
    let mut candidates = Vec::new();
    seed_phrases(text, &crate::mask::drawn(text.as_bytes()), &mut candidates);
    candidates.into_iter().filter_map(|c| text.get(c.span)).collect()
}

#[test]
fn a_phrase_is_found_in_any_dress() {
    for phrase in [LEGAL, POLYSEED, MONERO] {
        let words: Vec<&str> = phrase.split(' ').collect();
        assert_eq!(found(phrase), [phrase]);
        assert_eq!(found(&format!("it is a {phrase} to me.")), [phrase]);
        for separator in [", ", "\n", " - ", "\",\"", "\t", "\u{3000}", "; ", "_"] {
            let text = words.join(separator);
            assert_eq!(found(&text), [&*text], "{separator:?}");
        }
        let numbered: Vec<String> =
            words.iter().zip(1..).map(|(word, n)| format!("{n}. {word}\n")).collect();
        assert_eq!(found(&numbered.concat()).len(), 1);
        assert_eq!(found(&phrase.to_uppercase()).len(), 1);
        let titled: Vec<String> = words
            .iter()
            .map(|word| {
                let (head, tail) = word.split_at(1);
                head.to_uppercase() + tail
            })
            .collect();
        assert_eq!(found(&titled.join(" ")).len(), 1);
        // Among other words of the list.
        assert!(!found(&format!("zoo wolf {phrase} hope zebra")).is_empty());
    }
}

#[test]
fn a_vector_of_one_word_is_found_among_few_others() {
    let vector = format!("{}about", "abandon ".repeat(11));
    for (before, behind) in [("", ""), ("zoo zoo ", " zoo zoo zoo zoo"), ("", " zoo wolf zoo wolf")]
    {
        assert_eq!(found(&format!("{before}{vector}{behind}")), [&*vector], "{before}{behind}");
    }
    assert_eq!(found(&"key=".repeat(500)), Vec::<&str>::new());
}

#[test]
fn one_wrong_word_breaks_the_checksum() {
    for (phrase, last, other) in
        [(LEGAL, "yellow", "yard"), (POLYSEED, "language", "lamp"), (MONERO, "nibs", "abbey")]
    {
        let (head, _) = phrase.rsplit_once(last).unwrap();
        assert_eq!(found(&format!("{head}{other}")), Vec::<&str>::new());
        assert_eq!(found(head.trim_end()), Vec::<&str>::new());
    }
}

#[test]
fn word_lists_and_prose_are_no_phrases() {
    let list = include_str!("../../../packs/words/bip39-english.txt");
    assert_eq!(found(list), Vec::<&str>::new());
    for text in [
        "The quick brown fox jumps over the lazy dog while every other animal sleeps under",
        "these words that follow each other have more than three letters and still mean something",
        "",
        "\u{e2}\u{3000}",
        "true, true, true, false, true, true, false, true, true, true, true, true, false, true",
        "{ \"type\": \"install\", \"section\": \"core\", \"hidden\": false }, { \"type\": \"update\", \"section\": \"core\" }",
    ] {
        assert_eq!(found(text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn electrum_has_versions_instead() {
    // electrum/tests/test_mnemonic.py
    let segwit =
        "wild father tree among universe such mobile favorite target dynamic credit identify";
    assert_eq!(found(segwit), [segwit]);
}
