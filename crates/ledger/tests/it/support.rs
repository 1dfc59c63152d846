//! Ledgers in temporary directories, a clock that is set by hand, and events to put in.

use backstop_ledger::{Config, Ledger, NowFn};
use backstop_model::attempt::{Inspection, Plane};
use backstop_model::control::Control;
use backstop_model::event::{Asked, Event, Fact};
use backstop_model::id::{Digest, ReceiptId, SessionId, TenantName};
use backstop_model::standing::Subject;
use backstop_model::time::Timestamp;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// 2026-11-22T00:00:00Z
pub(crate) const START: i64 = 1_795_305_600_000_000;

/// A clock that stands until it is moved.
#[derive(Clone)]
pub(crate) struct Hand(Arc<AtomicI64>);

impl Hand {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(START)))
    }
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.0.load(Ordering::SeqCst))
    }
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
    pub(crate) fn as_fn(&self) -> NowFn {
        let hand = self.clone();
        Arc::new(move || hand.now())
    }
}

/// Small and quick: no reserve, a checkpoint every eight rows.
pub(crate) fn config(directory: &Path) -> Config {
    Config {
        directory: directory.to_owned(),
        checkpoint_every: 8,
        reserve: backstop_model::id::ByteCount(1 << 16),
        ..Config::default()
    }
}

pub(crate) fn open(directory: &Path) -> Ledger {
    Ledger::open(config(directory), Hand::new().as_fn()).unwrap()
}

/// Ten bytes that no other call of this process gives.
pub(crate) fn unique() -> [u8; 10] {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut out = [0; 10];
    out[..2].copy_from_slice(&std::process::id().to_be_bytes()[2..]);
    out[2..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    out
}

pub(crate) fn session(number: u8) -> SessionId {
    SessionId::draw(Timestamp::from_unix_micros(START), [number; 10])
}

pub(crate) fn subject(number: u8) -> Subject {
    Subject {
        session: Some(session(number)),
        tenant: TenantName::parse("research").unwrap(),
        role: None,
        skill: None,
        ceiling: None,
    }
}

pub(crate) fn event(subject: Option<Subject>, at: Timestamp, fact: Fact) -> Event {
    Event { receipt: ReceiptId::draw(at, unique()), at, policy: Digest::ZERO, subject, fact }
}

pub(crate) fn asked() -> Asked {
    Asked {
        plane: Plane::Proxy,
        host: "api.weather.example".into(),
        port: 443,
        act: "connect".into(),
        path: String::new(),
    }
}

pub(crate) fn permit(number: u8, at: Timestamp) -> Event {
    let fact = Fact::AttemptPermitted {
        asked: asked(),
        reasons: Vec::new(),
        duties: Vec::new(),
        inspected: Inspection::Sni,
        refines: None,
        grant: None,
        delegated: false,
        findings: Vec::new(),
    };
    event(Some(subject(number)), at, fact)
}

pub(crate) fn refusal(number: u8, at: Timestamp) -> Event {
    let fact = Fact::AttemptRefused {
        asked: asked(),
        control: Control::EgressSkill,
        reason: "not declared".into(),
        hold: None,
        refines: None,
        findings: Vec::new(),
    };
    event(Some(subject(number)), at, fact)
}

/// Runs a future to its end.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A closed ledger of `rows` permits in `directory`.
pub(crate) fn filled(directory: &Path, rows: usize) -> Vec<ReceiptId> {
    wait(async {
        let ledger = open(directory);
        let at = Timestamp::from_unix_micros(START);
        let mut out = Vec::new();
        for _ in 0..rows {
            out.push(ledger.commit(permit(1, at)).await.unwrap().id);
        }
        ledger.close().await;
        out
    })
}
