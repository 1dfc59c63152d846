//! `backstop corpus`: registered documents are found again, in part and in another shape.

use crate::run::{Ran, feed};
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Prose that stands nowhere else.
fn prose(from: usize, count: usize) -> String {
    let stems = ["harbour", "ledger", "quartz", "meadow", "signal", "copper", "lantern", "orbit"];
    let word = |n: usize| format!("{}{}", stems[n * 5 % 8], n * 7_919 % 10_007);
    (from..from + count).map(word).collect::<Vec<_>>().join(" ")
}

struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
    fn write(&self, name: &str, text: &str) -> String {
        std::fs::create_dir_all(Path::new(&self.path(name)).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }
    fn run(&self, arguments: &[&str], input: &str) -> Ran {
        let state = self.path("state");
        feed(&[&["--state", &state, "--format", "json"], arguments].concat(), input)
    }
    /// Ids of the documents that `inspect` finds in a text.
    #[track_caller]
    fn found(&self, text: &str) -> Vec<String> {
        let ran = self.run(&["inspect"], text);
        let answer = ran.json();
        let all = answer["findings"].as_array().unwrap().clone();
        let documents = all.iter().filter(|f| f["entity"] == "DOCUMENT");
        documents.map(|f| f["canary"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn a_passage_of_a_registered_document_is_found_in_another_shape() {
    let desk = Desk::new();
    let plan = desk.write("docs/plan.md", &format!("# Plan\n\n{}\n", prose(0, 600)));
    let page = desk.write("docs/page.html", &format!("<html><p>{}</p></html>", prose(5_000, 300)));
    desk.write("docs/short.txt", "too short");
    let ran = desk.run(&["corpus", "add", "--level", "restricted", &desk.path("docs")], "");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("2 documents registered, 1 left out"), "{}", ran.err);
    let mode = std::fs::metadata(desk.path("state/corpus")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let listed = desk.run(&["corpus", "list"], "").json();
    assert_eq!(
        listed,
        json!([{"id": page, "level": "restricted"}, {"id": plan, "level": "restricted"}])
    );
    let shouted = prose(100, 70).to_uppercase().replace(' ', "\n  ");
    assert_eq!(desk.found(&format!("dear all {shouted} bye")), [format!("document:{plan}")]);
    assert_eq!(desk.found(&prose(5_100, 80)), [format!("document:{page}")]);
    assert!(desk.found(&prose(100, 15)).is_empty());
    assert!(desk.found(&prose(9_000, 300)).is_empty());
    // Nothing of the text is kept.
    let kept = std::fs::read(desk.path("state/corpus")).unwrap();
    assert!(!String::from_utf8_lossy(&kept).contains("harbour"));
    let copy = desk.write("copy.txt", &prose(200, 90));
    assert_eq!(desk.run(&["corpus", "check", &copy], "").code, 1);
    assert_eq!(desk.run(&["corpus", "remove", &plan], "").code, 0);
    assert!(desk.found(&prose(100, 70)).is_empty());
    assert_eq!(desk.run(&["corpus", "check", &copy], "").code, 0);
    assert_eq!(desk.found(&prose(5_100, 80)), [format!("document:{page}")]);
}

#[test]
fn rows_of_a_registered_table_are_found_by_k_of_their_cells() {
    let desk = Desk::new();
    let table = desk.write(
        "customers.csv",
        "id,name,street,account\n1,Ada Lovelace,Marylebone 12,A-4711-X\n2,Alan Turing,Wilmslow 8,A-4712-Y\n",
    );
    let ran = desk.run(
        &[
            "corpus",
            "add",
            "--level",
            "confidential",
            "--columns",
            "name,street,account",
            "--match",
            "2",
            &table,
        ],
        "",
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.json()[0]["rows"], 2);
    let id = format!("document:{table}");
    assert_eq!(desk.found("please pay A-4711-X, that is Ada Lovelace"), std::slice::from_ref(&id));
    assert_eq!(desk.found(r#"{"who": "Alan Turing", "acct": "A-4712-Y"}"#), [id]);
    // One cell, or cells of two rows, are no row.
    assert!(desk.found("Ada Lovelace wrote").is_empty());
    assert!(desk.found("Ada Lovelace, Wilmslow 8").is_empty());
    let ran = desk.run(&["corpus", "add", "--level", "x", "--columns", "nope", &table], "");
    assert!(ran.code != 0 && ran.err.contains("no column `nope`"), "{}", ran.err);
}

#[test]
fn a_damaged_corpus_stops_whoever_needs_it() {
    let desk = Desk::new();
    let plan = desk.write("plan.md", &prose(0, 300));
    assert_eq!(desk.run(&["corpus", "add", "--level", "restricted", &plan], "").code, 0);
    let mut bytes = std::fs::read(desk.path("state/corpus")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(desk.path("state/corpus"), bytes).unwrap();
    let ran = desk.run(&["inspect"], "x");
    assert!(ran.code != 0 && ran.err.contains("damaged"), "{}{}", ran.out, ran.err);
}
