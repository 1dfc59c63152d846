//! How fast it is. Figures are printed; only what must hold on any machine is asserted.

use crate::support::{Hand, START, config, open, permit, refusal, wait};
use backstop_ledger::{Config, Durability, Ledger, LedgerFault};
use backstop_model::time::Timestamp;
use std::time::{Duration, Instant};

fn quantiles(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

#[test]
fn latency_and_throughput_are_printed() {
    for durability in [Durability::Os, Durability::Disk] {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { durability, ..config(dir.path()) };
        let config = Config { checkpoint_every: 512, ..config };
        let ledger = Ledger::open(config, Hand::new().as_fn()).unwrap();
        let at = Timestamp::from_unix_micros(START);
        wait(async {
            let mut times = Vec::new();
            for _ in 0..500 {
                let event = permit(1, at);
                let started = Instant::now();
                ledger.commit(event).await.unwrap();
                times.push(started.elapsed());
            }
            let (p50, p99) = quantiles(times);
            let started = Instant::now();
            let mut tasks = tokio::task::JoinSet::new();
            for number in 0..64 {
                let ledger = ledger.clone();
                tasks.spawn(async move {
                    for _ in 0..50 {
                        ledger.commit(permit(number, at)).await.unwrap();
                    }
                });
            }
            while tasks.join_next().await.is_some() {}
            let rate = 3_200.0 / started.elapsed().as_secs_f64();
            println!(
                "{durability:?}: idle p50 {p50:?} p99 {p99:?}; 64 sessions {rate:.0} commits/s"
            );
        });
    }
}

/// One session notes as fast as it can; another's commits take their turn.
#[test]
fn a_flood_in_one_lane_does_not_hold_up_another() {
    let dir = tempfile::tempdir().unwrap();
    let ledger =
        Ledger::open(Config { checkpoint_every: 512, ..config(dir.path()) }, Hand::new().as_fn())
            .unwrap();
    let at = Timestamp::from_unix_micros(START);
    let measure = |ledger: &Ledger| {
        wait(async {
            let mut times = Vec::new();
            for _ in 0..200 {
                let event = permit(2, at);
                let started = Instant::now();
                ledger.commit(event).await.unwrap();
                times.push(started.elapsed());
            }
            quantiles(times)
        })
    };
    let quiet = measure(&ledger);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (flooded, noted, refused) = std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let (mut noted, mut refused) = (0u64, 0u64);
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                match ledger.note(refusal(1, at)) {
                    Ok(()) => noted += 1,
                    Err(fault) => {
                        assert_eq!(fault, LedgerFault::QueueFull);
                        refused += 1;
                        std::thread::yield_now();
                    }
                }
            }
            (noted, refused)
        });
        while ledger.health().queued < 1_000 {
            std::thread::yield_now();
        }
        let flooded = measure(&ledger);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let (noted, refused) = flood.join().unwrap();
        (flooded, noted, refused)
    });
    println!("quiet {quiet:?}, flooded {flooded:?}: {noted} noted, {refused} turned away");
    // Were it one queue, each commit would wait for over a thousand rows: it waits for two
    // batches of 64 at most. The bound is wide, for machines that do much else.
    let (p50, _) = flooded;
    assert!(p50 < Duration::from_millis(100), "{p50:?}");
}

#[test]
fn opening_does_not_replay_the_past() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let at = Timestamp::from_unix_micros(START);
    for _ in 0..20_000 {
        while ledger.note(permit(1, at)).is_err() {
            std::thread::yield_now();
        }
    }
    wait(ledger.commit(permit(1, at))).unwrap();
    // As a kill would leave it, at the worst moment: up to 8,192 rows since the last flush. A kill
    // leaves all files as they are at one moment, so none may change while they are copied.
    let copy = tempfile::tempdir().unwrap();
    let files = || {
        let entries = std::fs::read_dir(dir.path()).unwrap().map(Result::unwrap);
        let mut files: Vec<_> = entries
            .map(|entry| (entry.path(), entry.metadata().unwrap().modified().unwrap()))
            .collect();
        files.sort();
        files
    };
    loop {
        let before = files();
        for (path, _) in &before {
            std::fs::copy(path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
        if files() == before {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(ledger);
    let time = |path| {
        let started = Instant::now();
        let ledger = open(path);
        let opened = started.elapsed();
        assert_eq!(ledger.health().last, 20_001);
        opened
    };
    println!("opened after close {:?}, after a kill {:?}", time(dir.path()), time(copy.path()));
}
