//! What is kept, for how long, by whom, and in which form.

use crate::support::{Hand, START, config, event, filled, open, permit, refusal, subject, wait};
use backstop_ledger::{Config, Durability, Ledger, LedgerFault, Reader, Retention, VerifyOptions};
use backstop_model::event::Fact;
use backstop_model::id::{ByteCount, QuarantineId};
use backstop_model::standing::Quarantined;
use backstop_model::time::Timestamp;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Waits until `done`, which something on another thread brings about soon.
fn until(done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(20), "it never came about");
        std::thread::yield_now();
    }
}

fn quarantine() -> Fact {
    let id = QuarantineId::draw(Timestamp::from_unix_micros(START), [1; 10]);
    let target = Quarantined::Session(crate::support::session(1));
    Fact::QuarantineImposed { id, target, by: None, reason: "undeclared egress".into() }
}

#[test]
fn only_the_owner_can_read_and_only_one_can_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let ledger = open(&path);
    wait(ledger.commit(permit(1, Timestamp::from_unix_micros(START)))).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    let mut files: Vec<_> = std::fs::read_dir(&path)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
            entry.file_name().into_string().unwrap()
        })
        .collect();
    files.sort();
    assert_eq!(
        files,
        [
            "ledger.db",
            "ledger.db-shm",
            "ledger.db-wal",
            "ledger.key",
            "ledger.lock",
            "ledger.pub",
            "ledger.reserve"
        ]
    );
    let fault = Ledger::open(config(&path), Hand::new().as_fn()).err().unwrap();
    assert_eq!(
        fault,
        LedgerFault::Locked { directory: path.clone(), pid: std::process::id().to_string() }
    );
    drop(ledger);
    drop(open(&path));
}

#[test]
fn a_clone_keeps_it_open_and_close_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let at = Timestamp::from_unix_micros(START);
    let ledger = open(dir.path());
    let clone = ledger.clone();
    drop(ledger);
    wait(async {
        clone.commit(permit(1, at)).await.unwrap();
        clone.note(refusal(1, at)).unwrap();
        clone.close().await;
        assert_eq!(clone.commit(permit(1, at)).await, Err(LedgerFault::Closed));
        assert_eq!(clone.note(refusal(1, at)), Err(LedgerFault::Closed));
        // What waited was written, and another may open it while the handle still reads.
        assert_eq!(clone.events_after(0, 10).unwrap().len(), 2);
        drop(open(dir.path()));
    });
}

#[test]
fn a_receipt_is_recorded_once() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let first = permit(1, Timestamp::from_unix_micros(START));
    wait(async {
        let (one, again, other) = tokio::join!(
            ledger.commit(first.clone()),
            ledger.commit(first.clone()),
            ledger.commit(permit(1, Timestamp::from_unix_micros(START))),
        );
        assert_eq!((one.unwrap().seq, other.unwrap().seq), (1, 2));
        assert_eq!(again, Err(LedgerFault::Twice(first.receipt.to_string())));
        ledger.close().await;
    });
    Reader::open(dir.path()).unwrap().verify(&VerifyOptions::default()).unwrap();
}

#[test]
fn order_is_kept_and_the_tail_shows_it() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let mut tail = ledger.tail();
    let at = Timestamp::from_unix_micros(START);
    wait(async {
        let mut sent = Vec::new();
        for number in 0..300u32 {
            let event = if number % 3 == 0 { permit(1, at) } else { refusal(1, at) };
            sent.push(event.receipt.clone());
            if number % 50 == 0 {
                ledger.commit(event).await.unwrap();
            } else {
                ledger.note(event).unwrap();
            }
        }
        let mut seen = Vec::new();
        while seen.len() < sent.len() {
            seen.push(tail.recv().await.unwrap().event.receipt.clone());
        }
        assert_eq!(seen, sent);
        let stored = ledger.events_after(100, 50).unwrap();
        assert_eq!(stored.first().map(|r| r.seq), Some(101));
        assert!(stored.iter().map(|r| &r.event.receipt).eq(&sent[100..150]));
    });
}

/// What a future gives when it is asked once: nothing if it had to wait for another thread.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(done) => Some(done),
        std::task::Poll::Pending => None,
    }
}

#[test]
fn in_quiet_hours_whoever_asks_writes_by_himself_and_order_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let at = Timestamp::from_unix_micros(START);
    let mut sent = Vec::new();
    let mut alone = 0;
    for _ in 0..40 {
        std::thread::sleep(Duration::from_millis(4));
        // What was noted before it stands before it, whoever writes.
        for event in [refusal(1, at), refusal(2, at)] {
            sent.push(event.receipt.clone());
            ledger.note(event).unwrap();
        }
        std::thread::sleep(Duration::from_millis(4));
        let event = permit(1, at);
        sent.push(event.receipt.clone());
        match at_once(ledger.commit(event)) {
            Some(receipt) => {
                alone += 1;
                assert_eq!(receipt.unwrap().seq, u64::try_from(sent.len()).unwrap());
                assert!(ledger.find(sent.last().unwrap()).unwrap().is_some());
            }
            None => until(|| ledger.find(sent.last().unwrap()).unwrap().is_some()),
        }
    }
    assert!(alone >= 10, "{alone} of 40 were written by who asked");
    assert_eq!(ledger.events_after(0, 200).unwrap().len(), sent.len());
    wait(ledger.close());
    // The lock is free for the next one though a handle is still held.
    let again = open(dir.path());
    assert_eq!(again.events_after(0, 200).unwrap().len(), sent.len());
}

#[test]
fn both_durabilities_write_the_same() {
    for durability in [Durability::Os, Durability::Disk] {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { durability, ..config(dir.path()) };
        let ledger = Ledger::open(config, Hand::new().as_fn()).unwrap();
        wait(async {
            for _ in 0..20 {
                ledger.commit(permit(1, Timestamp::from_unix_micros(START))).await.unwrap();
            }
            ledger.close().await;
        });
        let verified = Reader::open(dir.path()).unwrap().verify(&VerifyOptions::default()).unwrap();
        assert_eq!(verified.rows, 20);
    }
}

#[test]
fn version_1_is_migrated_and_its_past_stands() {
    let dir = tempfile::tempdir().unwrap();
    let database = rusqlite::Connection::open(dir.path().join("ledger.db")).unwrap();
    database.execute_batch(include_str!("fixtures/v1.sql")).unwrap();
    drop(database);
    let ledger = open(dir.path());
    assert_eq!(ledger.views().quarantines().len(), 1);
    assert_eq!(ledger.views().sessions().len(), 1);
    wait(ledger.commit(permit(1, Timestamp::from_unix_micros(START)))).unwrap();
    wait(ledger.close());
    let verified = Reader::open(dir.path()).unwrap().verify(&VerifyOptions::default()).unwrap();
    assert_eq!((verified.first, verified.last), (1, 4));
    drop(ledger);
    // What the fixture's events say is on disk now: it stands without a replay.
    assert_eq!(open(dir.path()).views().quarantines().len(), 1);
}

fn first_row(ledger: &Ledger) -> u64 {
    ledger.events_after(0, 1).unwrap().first().map_or(u64::MAX, |r| r.seq)
}

#[test]
fn old_segments_go_and_what_stands_stays() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Hand::new();
    let config = Config {
        retention: Retention { age: Duration::from_secs(3_600), ..Retention::default() },
        ..config(dir.path())
    };
    let ledger = Ledger::open(config.clone(), clock.as_fn()).unwrap();
    let mut kept = None;
    wait(async {
        let opened = Fact::SessionOpened { tokens: Vec::new() };
        ledger.commit(event(Some(subject(1)), clock.now(), opened)).await.unwrap();
        ledger.commit(event(None, clock.now(), quarantine())).await.unwrap();
        for _ in 0..1_000 {
            ledger.commit(permit(1, clock.now())).await.unwrap();
        }
        ledger.close().await;
    });
    drop(ledger);
    clock.advance(Duration::from_secs(7_200));
    let ledger = Ledger::open(config.clone(), clock.as_fn()).unwrap();
    until(|| first_row(&ledger) > 1_002);
    wait(async {
        for _ in 0..20 {
            kept = Some(ledger.commit(permit(1, clock.now())).await.unwrap().id);
        }
        ledger.close().await;
    });
    drop(ledger);
    let reader = Reader::open(dir.path()).unwrap();
    let verified = reader.verify(&VerifyOptions::default()).unwrap();
    assert_eq!((verified.first, verified.rows, verified.last), (1_003, 20, 1_022));
    // A proof of the first row kept starts at the checkpoint before it.
    let first = reader.events_after(0, 1).unwrap().remove(0);
    let proof = reader.prove(&first.event.receipt).unwrap();
    assert_eq!(proof.check(&reader.public_key().unwrap()).unwrap().seq, 1_003);
    // Removing more than retention did is found.
    let database = rusqlite::Connection::open(dir.path().join("ledger.db")).unwrap();
    let ledger = Ledger::open(config, clock.as_fn()).unwrap();
    assert_eq!(ledger.views().quarantines().len(), 1);
    assert_eq!(ledger.views().session(&crate::support::session(1)).unwrap().calls, 1_020);
    let standing = ledger.views().standing(&subject(1), clock.now());
    assert!(standing.quarantine.is_some());
    drop(ledger);
    database.execute("DELETE FROM events WHERE seq = 1003", []).unwrap();
    let broken = reader.verify(&VerifyOptions::default()).unwrap_err();
    assert_eq!(broken.row, Some(1_003));
}

#[test]
fn too_many_bytes_go_oldest_first() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        retention: Retention { size: ByteCount(400_000), ..Retention::default() },
        ..config(dir.path())
    };
    let ledger = Ledger::open(config, Hand::new().as_fn()).unwrap();
    let at = Timestamp::from_unix_micros(START);
    wait(async {
        for _ in 0..2_000 {
            ledger.commit(permit(1, at)).await.unwrap();
        }
        assert!(ledger.health().nearly_full);
    });
    until(|| first_row(&ledger) > 1);
    wait(ledger.close());
    assert!(ledger.health().bytes.0 < 600_000, "{:?}", ledger.health());
    let verified = Reader::open(dir.path()).unwrap().verify(&VerifyOptions::default()).unwrap();
    assert!(verified.first > 1 && verified.last == 2_000, "{verified:?}");
}

#[test]
fn an_export_has_every_row_and_filters() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 5);
    let ledger = open(dir.path());
    let at = Timestamp::from_unix_micros(START);
    wait(ledger.commit(refusal(2, at))).unwrap();
    let export = |filter: &backstop_ledger::Filter| {
        // While the writer runs.
        let mut out = Vec::new();
        Reader::open(dir.path()).unwrap().export(filter, &mut out).unwrap();
        let lines = String::from_utf8(out).unwrap();
        lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect::<Vec<serde_json::Value>>()
    };
    let all = export(&backstop_ledger::Filter::default());
    assert_eq!(all.len(), 6);
    assert_eq!(all[5]["seq"], 6);
    assert_eq!(all[5]["type"], "AttemptRefused");
    let recorded = ledger.events_after(5, 1).unwrap().remove(0);
    assert_eq!(backstop_ledger::record::to_json(&recorded), all[5]);
    let of = |filter: backstop_ledger::Filter| export(&filter).len();
    let none = backstop_ledger::Filter::default();
    let types = vec!["AttemptRefused".to_owned(), "FlowEnded".to_owned()];
    assert_eq!(of(backstop_ledger::Filter { types, ..none.clone() }), 1);
    let session = Some(crate::support::session(1));
    assert_eq!(of(backstop_ledger::Filter { session, ..none.clone() }), 5);
    let last = Reader::open(dir.path()).unwrap().last(&none).unwrap().unwrap();
    assert_eq!(last.seq, 6);
}

#[test]
fn a_directory_without_a_ledger_is_a_clear_fault() {
    let fault = Reader::open(Path::new("/nonexistent/ledger")).err().unwrap();
    assert!(fault.to_string().contains("/nonexistent/ledger"), "{fault}");
}
