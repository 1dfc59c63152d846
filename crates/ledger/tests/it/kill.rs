//! `kill -9` in the middle of load: what was answered is on record.

use crate::support::{Hand, START, config, open, permit, wait};
use backstop_ledger::{Ledger, Reader, VerifyOptions};
use backstop_model::id::ReceiptId;
use backstop_model::time::Timestamp;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

const DIRECTORY: &str = "BACKSTOP_TEST_LEDGER";

/// Not a test by itself: the process that is killed. Commits until then, eight at a time, and
/// prints each receipt once it is answered.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let ledger = Ledger::open(config(directory.as_ref()), Hand::new().as_fn()).unwrap();
    wait(async {
        let load = |number: u8| {
            let ledger = ledger.clone();
            async move {
                loop {
                    let at = Timestamp::from_unix_micros(START);
                    let receipt = ledger.commit(permit(number, at)).await.unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "\n{}", receipt.id).unwrap();
                    out.flush().unwrap();
                }
            }
        };
        tokio::join!(load(1), load(2), load(3), load(4), load(5), load(6), load(7), load(8));
    });
}

#[test]
fn what_was_answered_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut answered = Vec::new();
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["kill::child", "--exact", "--nocapture", "--test-threads=1"])
            .env(DIRECTORY, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let receipts = |line: std::io::Result<String>| ReceiptId::parse(line.unwrap().trim()).ok();
        let before = answered.len();
        while answered.len() < before + 400 {
            answered.extend(receipts(lines.next().expect("the child ended early")));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What the pipe still holds was answered too; a line cut off was not printed whole.
        answered.extend(lines.filter_map(receipts));
    }
    assert!(answered.len() >= 1_200);
    let ledger = open(dir.path());
    for receipt in &answered {
        assert!(ledger.find(receipt).unwrap().is_some(), "{receipt}");
    }
    let calls: u64 = ledger.views().sessions().iter().map(|s| s.calls).sum();
    assert_eq!(calls, 0, "no session was opened, none is counted");
    wait(ledger.close());
    let verified = Reader::open(dir.path()).unwrap().verify(&VerifyOptions::default()).unwrap();
    assert!(verified.rows >= answered.len() as u64);
    assert_eq!(verified.signed, verified.last);
}
