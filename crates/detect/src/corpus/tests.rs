//! A corpus from outside: what is found and what is not.

use super::*;

/// Prose of its own for each seed: 1,000 common words in a random order.
fn prose(seed: u64, count: usize) -> Vec<String> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..count).map(|_| format!("word{}", draw() % 1_000)).collect()
}

fn document(id: &str) -> Document {
    Document { id: id.into(), level: "restricted".into() }
}

fn corpus() -> Corpus {
    let mut builder = Corpus::builder(99, Terms::default());
    for seed in 1..=20 {
        let text = prose(seed, 2_000).join(" ");
        assert!(builder.document(document(&format!("doc-{seed}")), &text).unwrap() > 300);
    }
    builder.finish()
}

fn ids(hits: &[DocumentHit]) -> Vec<&str> {
    hits.iter().map(|hit| &*hit.document.id).collect()
}

#[test]
fn fifty_words_in_a_row_are_found_wherever_they_stand() {
    let corpus = corpus();
    let source = prose(4, 2_000);
    for start in (0..1_950).step_by(37) {
        let copied = source[start..start + 50].join(" ");
        let text = format!("{} {copied} {}", prose(777, 80).join(" "), prose(778, 80).join(" "));
        assert_eq!(ids(&corpus.scan(&text)), ["doc-4"], "from word {start}");
    }
}

#[test]
fn case_breaks_quotes_and_markup_hide_nothing() {
    let corpus = corpus();
    let copied = prose(7, 2_000)[100..160]
        .chunks(7)
        .map(|line| format!("> **{}**,\r\n", line.join("  ").to_uppercase()))
        .collect::<String>();
    assert_eq!(ids(&corpus.scan(&copied)), ["doc-7"]);
}

#[test]
fn dropped_words_hide_a_page_no_better() {
    let corpus = corpus();
    let mut missed = 0;
    for seed in 1..=20 {
        let copied: Vec<String> = prose(seed, 2_000)[300..500]
            .iter()
            .enumerate()
            .filter(|(at, _)| at % 10 != 3)
            .map(|(_, word)| word.clone())
            .collect();
        missed += usize::from(ids(&corpus.scan(&copied.join(" "))).is_empty());
    }
    assert!(missed <= 1, "{missed} of 20 pages with every tenth word dropped");
}

#[test]
fn short_quotations_and_foreign_prose_pass() {
    let corpus = corpus();
    let source = prose(4, 2_000);
    assert!(corpus.scan(&source[10..35].join(" ")).is_empty());
    let quotes = source.chunks(200).map(|page| page[..20].join(" ")).collect::<Vec<_>>();
    let text = quotes.join(&format!(" {} ", prose(900, 40).join(" ")));
    assert!(corpus.scan(&text).is_empty(), "20 words here and there");
    for seed in 1_000..1_050 {
        assert!(corpus.scan(&prose(seed, 5_000).join(" ")).is_empty());
    }
}

#[test]
fn a_span_lies_around_the_passage() {
    let corpus = corpus();
    let before = prose(500, 30).join(" ");
    let copied = prose(2, 2_000)[0..120].join(" ");
    let text = format!("{before} {copied}");
    let hits = corpus.scan(&text);
    let [hit] = hits.as_slice() else { panic!("{hits:?}") };
    assert!(hit.span.start >= before.len() && hit.span.end <= text.len());
    assert!((100..=125).contains(&hit.shared), "{}", hit.shared);
}

const PEOPLE: [[&str; 4]; 3] = [
    ["Maria Lindqvist", "1979-03-04", "Gothenburg", "maria.l@example.se"],
    ["John Okafor", "1988-11-30", "Gothenburg", "okafor88@example.com"],
    ["Ana de la Cruz", "1990-01-01", "Toledo", ""],
];

fn people(k: usize) -> Corpus {
    let mut builder = Corpus::builder(5, Terms::default());
    let rows = PEOPLE.iter().map(|row| row.to_vec());
    assert_eq!(builder.table(document("customers.csv"), k, rows).unwrap(), 3);
    builder.finish()
}

#[test]
fn k_cells_of_a_row_are_found_and_fewer_are_not() {
    let corpus = people(2);
    let text = "Please write to MARIA  Lindqvist (born 1979-03-04) today";
    assert_eq!(corpus.scan(text)[0].shared, 2);
    assert!(corpus.scan("Maria Lindqvist called").is_empty(), "one cell");
    assert!(corpus.scan("Maria Lindqvist, 1988-11-30").is_empty(), "cells of two rows");
    assert!(people(3).scan(text).is_empty());
    assert_eq!(ids(&people(2).scan("ana de la cruz of Toledo")), ["customers.csv"]);
}

#[test]
fn a_corpus_survives_the_disk_and_damage_is_seen() {
    let mut builder = Corpus::builder(99, Terms { words: 60 });
    builder.document(document("one"), &prose(1, 500).join(" ")).unwrap();
    builder.table(document("people"), 2, PEOPLE.iter().map(|row| row.to_vec())).unwrap();
    let mut bytes = Vec::new();
    builder.finish().write(&mut bytes).unwrap();
    let again = Corpus::read(bytes.as_slice()).unwrap();
    assert_eq!(again.documents().map(|d| &*d.id).collect::<Vec<_>>(), ["one", "people"]);
    assert_eq!(ids(&again.scan(&prose(1, 500)[50..150].join(" "))), ["one"]);
    assert_eq!(ids(&again.scan("okafor88@example.com is John Okafor")), ["people"]);
    for at in (0..bytes.len()).step_by(101) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(Corpus::read(damaged.as_slice()).is_err(), "byte {at}");
        assert!(Corpus::read(&bytes[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn nonsense_of_columns_is_refused() {
    let rows = || PEOPLE.iter().map(|row| row.to_vec());
    let mut builder = Corpus::builder(5, Terms::default());
    assert_eq!(builder.table(document("t"), 0, rows()), Err(CorpusFault::Columns));
    assert_eq!(builder.table(document("t"), 5, rows()), Err(CorpusFault::Columns));
}

#[test]
fn documents_come_and_go_without_the_others() {
    let mut builder = corpus().into_builder();
    assert_eq!((builder.remove("doc-4"), builder.remove("doc-4")), (1, 0));
    builder.document(document("new"), &prose(77, 2_000).join(" ")).unwrap();
    let corpus = builder.finish();
    let found = |seed| {
        let text = prose(seed, 2_000)[100..200].join(" ");
        corpus.scan(&text).iter().map(|hit| hit.document.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(found(4), Vec::<String>::new());
    assert_eq!((found(3), found(5)), (vec!["doc-3".to_owned()], vec!["doc-5".to_owned()]));
    assert_eq!(found(77), ["new"]);
    assert_eq!(corpus.documents().count(), 20);
}
