//! A full disk refuses traffic, keeps the refusals, and recovers by itself.

use crate::house::*;
use backstop_gate::Answer;
use backstop_model::control::Control;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

const NONE: Option<&str> = None;

/// On a thread with a tmpfs that only it sees. Needs root or a mapped user namespace; without them
/// it says so loudly and tests nothing.
fn on_a_small_disk(test: impl FnOnce(&Path) + Send + 'static) {
    let thread = std::thread::spawn(move || {
        let dir = tempfile::tempdir().unwrap();
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        let disk = Some("tmpfs");
        let mounted = unshare(CloneFlags::CLONE_NEWNS)
            .and_then(|()| mount(NONE, "/", NONE, private, NONE))
            .and_then(|()| mount(disk, dir.path(), disk, MsFlags::empty(), Some("size=40m")));
        match mounted {
            Ok(()) => {
                test(dir.path());
                umount2(dir.path(), MntFlags::MNT_DETACH).unwrap();
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
fn a_full_disk_refuses_and_says_why() {
    on_a_small_disk(|disk| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let house = House::open(disk, Default::default()).await;
            let session = house.session().await;
            drop(house.permit(&session, "api.weather.example:443").await);
            fill(&disk.join("filler"));
            let refusal = loop {
                let answer = house.gate.ask(&session, connect("api.weather.example:443")).await;
                if let Answer::Refusal(refusal) = answer {
                    break refusal;
                }
            };
            is_refused_by(&refusal, Control::Fault);
            assert!(refusal.reason.contains("is full"), "{}", refusal.reason);
            assert_eq!(house.names.asked(), 0);
            house.events_noted().await;
            assert!(
                house.ledger.find(&refusal.receipt).unwrap().is_some(),
                "on record all the same"
            );
            std::fs::remove_file(disk.join("filler")).unwrap();
            drop(house.permit(&session, "api.weather.example:443").await);
            house.stop().await;
        });
    });
}
