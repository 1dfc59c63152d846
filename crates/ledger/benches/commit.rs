//! What a commit costs: alone, and with 64 others at the same time. `cargo bench -p backstop-ledger`.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench stops at the first fault")]

use backstop_ledger::{Config, Durability, Ledger};
use backstop_model::attempt::{Inspection, Plane};
use backstop_model::event::{Asked, Event, Fact};
use backstop_model::id::{Digest, ReceiptId, SessionId, TenantName};
use backstop_model::standing::Subject;
use backstop_model::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn main() {
    divan::main();
}

fn permit(session: u8) -> Event {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let at = Timestamp::from_unix_micros(1_795_305_600_000_000);
    let mut random = [session; 10];
    random.iter_mut().zip(NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes()).for_each(|(r, b)| {
        *r = b;
    });
    let subject = Subject {
        session: Some(SessionId::draw(at, [session; 10])),
        tenant: TenantName::parse("research").unwrap(),
        role: None,
        skill: None,
        ceiling: None,
    };
    let asked = Asked {
        plane: Plane::Proxy,
        host: "api.weather.example".into(),
        port: 443,
        act: "connect".into(),
        path: String::new(),
    };
    let fact = Fact::AttemptPermitted {
        asked,
        reasons: Vec::new(),
        duties: Vec::new(),
        inspected: Inspection::Sni,
        refines: None,
        grant: None,
        delegated: false,
        findings: Vec::new(),
    };
    let receipt = ReceiptId::draw(at, random);
    Event { receipt, at, policy: Digest::ZERO, subject: Some(subject), fact }
}

fn bench(bencher: divan::Bencher<'_, '_>, durability: Durability, together: u8) {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { directory: dir.path().into(), durability, ..Config::default() };
    let now = Arc::new(|| Timestamp::from_unix_micros(1_795_305_600_000_000));
    let ledger = Ledger::open(config, now).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    bencher.counter(divan::counter::ItemsCount::new(together)).bench_local(|| {
        runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for session in 0..together {
                let ledger = ledger.clone();
                tasks.spawn(async move { ledger.commit(permit(session)).await.unwrap() });
            }
            while tasks.join_next().await.is_some() {}
        });
    });
}

#[divan::bench(args = [1, 64])]
fn os(bencher: divan::Bencher<'_, '_>, together: u8) {
    bench(bencher, Durability::Os, together);
}

#[divan::bench(args = [1, 64], sample_count = 20, sample_size = 1)]
fn disk(bencher: divan::Bencher<'_, '_>, together: u8) {
    bench(bencher, Durability::Disk, together);
}
