//! The model itself, where it is installed (`cargo xtask setup` puts it in `target/models`).

use super::*;
use backstop_detect::{NameBudget, NameModel as _, name::Label};
use std::path::Path;
use std::sync::Arc;

/// Where `cargo xtask setup` unpacks it. `None`, said aloud, where that was not run.
fn model() -> Option<Arc<Model>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/models/rampart-1.4.0");
    if !folder.exists() {
        eprintln!(
            "SKIPPED: the model is not in {} (cargo xtask setup puts it there)",
            folder.display()
        );
        return None;
    }
    Some(Arc::new(Model::load(&folder).unwrap()))
}

#[test]
fn pieces_are_those_of_the_original_tokenizer() {
    let Some(model) = model() else { return };
    // Answers of Hugging Face's `tokenizers` 0.23 with the package's own `tokenizer.json`.
    let known = include_str!("../tests/pieces.json");
    let cases: Vec<(String, Vec<i32>)> = serde_json::from_str(known).unwrap();
    assert!(cases.len() > 30);
    for (text, ids) in cases {
        assert_eq!(model.vocabulary().pieces(&text).ids, ids, "{text:?}");
    }
}

#[test]
fn names_and_addresses_are_labelled() {
    let Some(model) = model() else { return };
    let pool = Pool::start(model, PoolConfig::default()).unwrap();
    let mut budget = NameBudget { session: 1, bytes: 1 << 20 };
    let text = "Please send it to Tzigane Lantos, 28 Hauptstrasse, Budapest 1052.";
    let spans = pool.spans(&[text], &mut budget).unwrap().remove(0);
    let label = |word: &str| {
        let at = text.find(word).unwrap();
        spans.iter().find(|span| span.span.start == at).map(|span| span.label)
    };
    assert_eq!(label("Tzigane"), Some(Label::Given));
    assert_eq!(label("Lantos"), Some(Label::Surname));
    assert_eq!(label("28"), Some(Label::Building));
    assert_eq!(label("Hauptstrasse"), Some(Label::Street));
    assert_eq!(label("Budapest"), Some(Label::City));
    assert_eq!(label("Please"), None);
}

#[test]
fn a_long_text_is_read_to_its_end() {
    let Some(model) = model() else { return };
    let pool = Pool::start(model, PoolConfig::default()).unwrap();
    let text =
        format!("{} My name is Tzigane Lantos.", "The weather was fine that day. ".repeat(120));
    let spans =
        pool.spans(&[&text], &mut NameBudget { session: 1, bytes: 1 << 20 }).unwrap().remove(0);
    let at = text.find("Lantos").unwrap();
    assert!(spans.iter().any(|span| span.span == (at..at + 6)), "{spans:?}");
}

#[test]
fn a_changed_file_does_not_load() {
    let folder = std::env::temp_dir().join(format!("backstop-ner-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("vocab.txt"), "[UNK]\n[CLS]\n[SEP]\n").unwrap();
    let fault = Model::load(&folder).unwrap_err();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(fault, LoadFault::Digest("vocab.txt")), "{fault}");
}
