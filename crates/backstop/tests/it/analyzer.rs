//! A real Presidio as one more detector of the real binary.

use crate::run::{Ran, command, ended};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// Presidio's server; it ends with this.
struct Presidio {
    child: Child,
    url: String,
}

impl Presidio {
    /// `None` where `cargo xtask bench dlp` has not installed it.
    fn start() -> Option<Self> {
        let exe = std::env::current_exe().ok()?;
        let target = exe.ancestors().find(|path| path.join("CACHEDIR.TAG").exists())?;
        let python = target.join("tools/presidio/bin/python");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/analyzer/presidio.py");
        let mut command = Command::new(python);
        command.arg(script).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
        match line.trim().parse::<u16>() {
            Ok(port) => Some(Self { child, url: format!("http://127.0.0.1:{port}") }),
            Err(_) => {
                let _ended = child.wait();
                None
            }
        }
    }
}

impl Drop for Presidio {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn inspect(url: &str, text: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("note.json");
    std::fs::write(&file, text).unwrap();
    let mut command = command();
    command
        .env("BACKSTOP_DETECT_ANALYZER_URL", url)
        .env("BACKSTOP_DETECT_ANALYZER_DEADLINE", "60s")
        .args(["inspect", "--notes", "--format", "json"])
        .arg(file);
    ended(&mut command)
}

#[test]
fn a_real_presidio_finds_what_ours_does_not() {
    let Some(presidio) = Presidio::start() else {
        eprintln!(
            "\n*** SKIPPED: no Presidio in target/tools/presidio; `cargo xtask bench dlp` installs it ***\n"
        );
        return;
    };
    // Presidio takes a date for personal data, and says so; ours notes none here.
    let text = r#"{"größe 😀":"😀 we met last summer and her number is 536-90-4399"}"#;
    let ran = inspect(&presidio.url, text);
    let found = ran.json()["findings"].as_array().unwrap().clone();
    let theirs: Vec<_> = found.iter().filter(|one| one["detector"] == "analyzer").collect();
    assert!(theirs.iter().any(|one| one["entity"] == "DATE_TIME"), "{} {}", ran.out, ran.err);
    let ours = found.iter().filter(|one| one["entity"] == "US_SSN").count();
    assert_eq!((ran.code, ours), (1, 1), "{}", ran.out);
    let date = theirs.iter().find(|one| one["entity"] == "DATE_TIME").unwrap();
    // Behind the key and a character of two UTF-16 units: code points, mapped back to bytes.
    let start = text.find("last summer").map(|at| text[..at].chars().count() + 1).unwrap();
    assert_eq!((date["line"].as_u64(), date["column"].as_u64()), (Some(1), Some(start as u64)));
    assert!(!ran.out.contains("summer") && !ran.out.contains("536-90"), "{}", ran.out);
}

#[test]
fn what_the_analyzer_was_not_asked_about_is_not_clean() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let ran = inspect(&url, r#"{"note":"all is well today"}"#);
    assert_eq!(ran.code, 3, "{} {}", ran.out, ran.err);
    assert!(ran.err.contains("the external analyzer is not reached"), "{}", ran.err);
    let ran = inspect("http://10.1.2.3:5002", "{}");
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("detect.analyzer.url"), "{}", ran.err);
}
