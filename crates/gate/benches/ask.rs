//! What an answer costs: a permit with its commit (durability `os`), of one session and of 32 at
//! the same time, and a refusal. `cargo bench -p backstop-gate`.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a bench stops at a fault")]

use backstop_gate::{
    Answer, Clock as _, Config, Credential, Gate, MappedWire, OsRandom, Parts, Session,
    SessionRequest, StaticResolver, SystemClock, bootstrap_operator,
};
use backstop_ledger::Ledger;
use backstop_model::attempt::{Act, Attempt, Inspection, Plane};
use backstop_model::destination::{Protocol, parse_authority};
use backstop_model::id::{SkillName, SkillVersion, TenantName};
use backstop_model::redacted::Redacted;
use backstop_policy::{Library, LoadContext, Policy, Source};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::watch;

const POLICY: &str = r#"
apiVersion: backstop.dev/v1alpha1
kind: Tenant
metadata: { name: research }
spec:
  skills: [{ name: weather, version: 1.2.0 }]
  egress:
  - { host: api.weather.example, owner: t, reason: r, reviewBy: "2099-02-01" }
---
apiVersion: backstop.dev/v1alpha1
kind: Skill
metadata: { name: weather-1.2.0 }
spec:
  name: weather
  version: 1.2.0
  egressRequirements: [api.weather.example]
"#;

fn main() {
    divan::main();
}

/// A gate with open sessions, its task running as in a real process.
struct Bench {
    runtime: Runtime,
    gate: Gate,
    sessions: Vec<Session>,
    _folder: TempDir,
    _stop: watch::Sender<bool>,
    _policy: watch::Sender<Arc<Policy>>,
}

impl Bench {
    fn new(sessions: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("ledger");
        let config = backstop_ledger::Config { directory, ..Default::default() };
        let ledger = Ledger::open(config, Arc::new(|| SystemClock.now())).unwrap();
        let source = Source { name: "bench.yaml".to_owned(), text: POLICY.to_owned() };
        let applied = Library::default().apply(&[source], &LoadContext::at(SystemClock.now()));
        let (policy, watched) = watch::channel(applied.policy);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let gate = Gate::new(Parts {
            config: Config::default(),
            ledger: ledger.clone(),
            policy: watched,
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            resolver: Arc::new(StaticResolver::new(Default::default())),
            wire: Arc::new(MappedWire::new(Default::default())),
        })
        .unwrap();
        let path = folder.path().join("operator.token");
        let sessions = runtime.block_on(async {
            bootstrap_operator(&path, &ledger, &SystemClock, &OsRandom).await.unwrap();
            let token = std::fs::read_to_string(&path).unwrap().trim().to_owned();
            let operator = gate.authenticate(&Redacted::new("bearer token", token)).unwrap();
            let mut signed_in = Vec::new();
            for _ in 0..sessions {
                let request = SessionRequest {
                    tenant: TenantName::parse("research").unwrap(),
                    role: None,
                    skills: vec![(
                        SkillName::parse("weather").unwrap(),
                        SkillVersion::parse("1.2.0").unwrap(),
                    )],
                    ceiling: None,
                    lives: None,
                };
                let opened = gate.control().open_session(&operator, request).await.unwrap();
                let (_, token) = opened.tokens.into_iter().next().unwrap();
                let credential = Credential { session: None, token };
                signed_in.push(gate.sign_in(Plane::Proxy, &credential).unwrap());
            }
            signed_in
        });
        let (stop, stopped) = watch::channel(false);
        let running = gate.clone();
        runtime.spawn(async move { running.run(stopped).await });
        Self { runtime, gate, sessions, _folder: folder, _stop: stop, _policy: policy }
    }
}

fn connect(place: &str) -> Attempt {
    Attempt {
        plane: Plane::Proxy,
        destination: parse_authority(place, Protocol::Https).unwrap(),
        act: Act::Connect,
        sight: Inspection::Sni,
    }
}

/// All sessions ask once, at the same time, each in a task of its own as connections are.
#[divan::bench(args = [1, 32])]
fn permit(bencher: divan::Bencher<'_, '_>, sessions: usize) {
    let bench = Bench::new(sessions);
    let attempt = connect("api.weather.example:443");
    bencher.counter(divan::counter::ItemsCount::new(sessions)).bench_local(|| {
        bench.runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for session in &bench.sessions {
                let (gate, session, attempt) =
                    (bench.gate.clone(), session.clone(), attempt.clone());
                tasks.spawn(async move {
                    match gate.ask(&session, attempt).await {
                        Answer::Permit(permit) => drop(permit),
                        refused @ (Answer::Hold(_) | Answer::Refusal(_)) => panic!("{refused:?}"),
                    }
                });
            }
            while tasks.join_next().await.is_some() {}
        });
    });
}

#[divan::bench]
fn refusal(bencher: divan::Bencher<'_, '_>) {
    let bench = Bench::new(1);
    let attempt = connect("evil.example:443");
    let session = bench.sessions.first().unwrap();
    bencher.bench_local(|| {
        let answer = bench.runtime.block_on(bench.gate.ask(session, attempt.clone()));
        assert!(matches!(answer, Answer::Refusal(_)));
    });
}
