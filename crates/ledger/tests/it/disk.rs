//! Full and read-only disks, on a small tmpfs of the test's own.

use crate::support::{Hand, START, config, permit, refusal, wait};
use backstop_ledger::{Config, Ledger, LedgerFault, Reader, VerifyOptions};
use backstop_model::id::ByteCount;
use backstop_model::time::Timestamp;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::task::Poll;
use std::time::{Duration, Instant};

const NONE: Option<&str> = None;

/// Runs `test` on a thread with a tmpfs of `size` mounted on a directory that only it sees.
/// Needs root or a mapped user namespace; without them it says so loudly and tests nothing.
fn on_a_small_disk(size: &str, test: impl FnOnce(&Path) + Send + 'static) {
    let options = format!("size={size}");
    let thread = std::thread::spawn(move || {
        let dir = tempfile::tempdir().unwrap();
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        let mounted = unshare(CloneFlags::CLONE_NEWNS)
            .and_then(|()| mount(NONE, "/", NONE, private, NONE))
            .and_then(|()| {
                mount(Some("tmpfs"), dir.path(), Some("tmpfs"), MsFlags::empty(), Some(&*options))
            });
        match mounted {
            Ok(()) => {
                test(dir.path());
                nix::mount::umount2(dir.path(), nix::mount::MntFlags::MNT_DETACH).unwrap();
            }
            Err(error) => eprintln!("NOT TESTED: no tmpfs may be mounted here ({error})"),
        }
    });
    thread.join().unwrap();
}

fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    let mut block = vec![1u8; 65_536];
    while !block.is_empty() {
        if file.write_all(&block).is_err() {
            block.truncate(block.len() / 2);
        }
    }
}

#[test]
fn a_full_disk_refuses_permits_keeps_refusals_and_recovers() {
    on_a_small_disk("16m", |disk| {
        let path = disk.join("ledger");
        let config = Config { reserve: ByteCount(4 << 20), ..config(&path) };
        let ledger = Ledger::open(config, Hand::new().as_fn()).unwrap();
        let at = Timestamp::from_unix_micros(START);
        wait(async {
            ledger.commit(permit(1, at)).await.unwrap();
            assert!(ledger.health().writable);
            fill(&disk.join("filler"));
            let fault = loop {
                match ledger.commit(permit(1, at)).await {
                    Ok(_) => {}
                    Err(fault) => break fault,
                }
            };
            assert!(matches!(fault, LedgerFault::Full { .. }), "{fault}");
            assert!(fault.to_string().contains(path.to_str().unwrap()), "{fault}");
            assert!(fault.to_string().contains("free space there"), "{fault}");
            let health = ledger.health();
            assert!(!health.writable);
            assert_eq!(health.last_error, Some(fault.to_string()));
            // Refusals still go on record, permits still do not.
            let mut refused = Vec::new();
            for _ in 0..200 {
                refused.push(ledger.commit(refusal(1, at)).await.unwrap().id);
            }
            ledger.commit(permit(1, at)).await.unwrap_err();
            assert_eq!(ledger.health().lost, 0);
            // Once there is space again the next permit is recorded.
            std::fs::remove_file(disk.join("filler")).unwrap();
            ledger.commit(permit(1, at)).await.unwrap();
            let health = ledger.health();
            assert_eq!((health.writable, health.last_error), (true, None));
            for receipt in &refused {
                assert!(ledger.find(receipt).unwrap().is_some());
            }
            ledger.close().await;
        });
        let verified = Reader::open(&path).unwrap().verify(&VerifyOptions::default()).unwrap();
        assert_eq!(verified.signed, verified.last);
    });
}

#[test]
fn a_disk_without_space_for_the_reserve_opens_closed() {
    on_a_small_disk("4m", |disk| {
        let config = Config { reserve: ByteCount(16 << 20), ..config(&disk.join("ledger")) };
        let ledger = Ledger::open(config, Hand::new().as_fn()).unwrap();
        let at = Timestamp::from_unix_micros(START);
        wait(async {
            assert!(!ledger.health().writable);
            let fault = ledger.commit(permit(1, at)).await.unwrap_err();
            assert!(fault.to_string().contains("no space for the reserve of 16777216 bytes"));
            ledger.commit(refusal(1, at)).await.unwrap();
        });
    });
}

#[test]
fn a_disk_that_is_full_to_the_last_byte_fails_clearly() {
    on_a_small_disk("16m", |disk| {
        let path = disk.join("ledger");
        let config = Config { reserve: ByteCount(0), ..config(&path) };
        let ledger = Ledger::open(config, Hand::new().as_fn()).unwrap();
        let at = Timestamp::from_unix_micros(START);
        wait(async {
            ledger.commit(permit(1, at)).await.unwrap();
            fill(&disk.join("filler"));
            // Without a reserve refusals fail too: the log has no room for one more page.
            let mut faults = 0;
            while faults < 3 {
                if let Err(fault) = ledger.commit(refusal(1, at)).await {
                    assert!(matches!(fault, LedgerFault::Full { .. }), "{fault}");
                    faults += 1;
                }
            }
            assert!(!ledger.health().writable);
            std::fs::remove_file(disk.join("filler")).unwrap();
            ledger.commit(permit(1, at)).await.unwrap();
            assert!(ledger.health().writable);
        });
    });
}

#[test]
fn a_read_only_directory_is_a_clear_fault() {
    on_a_small_disk("16m", |disk| {
        let path = disk.join("ledger");
        drop(Ledger::open(config(&path), Hand::new().as_fn()).unwrap());
        let read_only = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mount(NONE, disk, NONE, read_only, NONE).unwrap();
        let fault = Ledger::open(config(&path), Hand::new().as_fn()).err().unwrap();
        assert!(matches!(fault, LedgerFault::Unusable { .. }), "{fault:?}");
        assert!(fault.to_string().contains(path.to_str().unwrap()), "{fault}");
        assert!(fault.to_string().contains("mounted read-write"), "{fault}");
        // Reading needs no more than reading.
        Reader::open(&path).unwrap().verify(&VerifyOptions::default()).unwrap();
    });
}

/// The database's lock belongs to any process of the same user. Who asks then waits for the
/// writer's thread, and its own thread goes on with other work.
#[test]
fn a_database_that_another_process_holds_locked_holds_up_no_thread_that_asks() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(config(dir.path()), Hand::new().as_fn()).unwrap();
    let at = Timestamp::from_unix_micros(START);
    wait(async {
        ledger.commit(permit(1, at)).await.unwrap();
        // A while of quiet: then whoever asks commits by itself.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let other = rusqlite::Connection::open(dir.path().join("ledger.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let began = Instant::now();
        let mut asked = std::pin::pin!(ledger.commit(permit(1, at)));
        let polled = std::future::poll_fn(|cx| Poll::Ready(asked.as_mut().poll(cx))).await;
        assert!(polled.is_pending(), "nothing can be written yet");
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        drop(other);
        asked.await.unwrap();
    });
    assert_eq!(ledger.health().lost, 0);
}
