//! A gate, a ledger and an API listener, with the first operator's token.

use crate::wire::{Answer, exchange};
use backstop_api::{Api, Client, Config, Counted, Counts, Measure};
use backstop_detect::{Detectors, Inspector, Names};
use backstop_gate::{
    Clock, Gate, NetworkConfig, OsRandom, Parts, StaticResolver, SystemClock, TcpConfig, TcpWire,
    bootstrap_operator,
};
use backstop_ledger::Ledger;
use backstop_model::control::{Control, Severity};
use backstop_model::event::{Event, Fact};
use backstop_model::id::{AlertId, Digest, ReceiptId};
use backstop_model::redacted::Redacted;
use backstop_model::standing::Subject;
use backstop_policy::{Library, LoadContext, Source};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) const POLICY: &str = r#"
apiVersion: backstop.dev/v1alpha1
kind: Classification
metadata: { name: corporate }
spec:
  levels: [public, internal, confidential, restricted]
  default: internal
---
apiVersion: backstop.dev/v1alpha1
kind: Tenant
metadata: { name: research }
spec:
  classification: corporate
  maxClassificationLevel: confidential
  skills:
  - { name: weather, version: 1.2.0 }
  egress:
  - { host: api.weather.example, owner: team-weather, reason: forecasts, reviewBy: "2099-02-01" }
---
apiVersion: backstop.dev/v1alpha1
kind: Tenant
metadata: { name: finance }
spec:
  classification: corporate
  maxClassificationLevel: confidential
  skills:
  - { name: weather, version: 1.2.0 }
  egress:
  - { host: api.weather.example, owner: team-money, reason: forecasts, reviewBy: "2099-02-01" }
---
apiVersion: backstop.dev/v1alpha1
kind: Skill
metadata: { name: weather-1.2.0 }
spec:
  name: weather
  version: 1.2.0
  egressRequirements:
  - api.weather.example
---
apiVersion: backstop.dev/v1alpha1
kind: Role
metadata: { name: researcher }
spec: { skills: [weather] }
"#;

pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) operator: String,
    pub(crate) ledger: Ledger,
    pub(crate) gate: Gate,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) served: JoinHandle<()>,
    pub(crate) api: Api,
    _policy: watch::Sender<Arc<backstop_policy::Policy>>,
    _directory: TempDir,
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(
            backstop_ledger::Config {
                directory: directory.path().join("ledger"),
                reserve: backstop_model::id::ByteCount(1 << 16),
                ..backstop_ledger::Config::default()
            },
            Arc::new(|| SystemClock.now()),
        )
        .unwrap();
        let file = directory.path().join("operator.token");
        bootstrap_operator(&file, &ledger, &SystemClock, &OsRandom).await.unwrap();
        let operator = std::fs::read_to_string(&file).unwrap().trim().to_owned();
        let source = Source { name: "policy.yaml".to_owned(), text: POLICY.to_owned() };
        let applied = Library::default().apply(&[source], &LoadContext::at(SystemClock.now()));
        assert!(
            applied.diagnostics.iter().all(|d| d.level < backstop_policy::Level::Error),
            "{:?}",
            applied.diagnostics
        );
        let (sender, policy) = watch::channel(applied.policy);
        let gate = Gate::new(Parts {
            config: backstop_gate::Config {
                network: NetworkConfig::default(),
                ..backstop_gate::Config::default()
            },
            ledger: ledger.clone(),
            policy: policy.clone(),
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            resolver: Arc::new(StaticResolver::new(BTreeMap::new())),
            wire: Arc::new(TcpWire::new(TcpConfig::default())),
        })
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let api = Api {
            gate: gate.clone(),
            ledger: ledger.clone(),
            policy,
            analyzer: Inspector::new(Detectors::builtin()).with_names(Names::GateOnly),
            version: "1.2.3",
            config: Arc::new(config),
            counts: vec![Arc::new(Elsewhere)],
        };
        let own = api.clone();
        let served = tokio::spawn(async move {
            backstop_api::serve(listener, own, stopped).await.unwrap();
        });
        Self {
            address,
            operator,
            ledger,
            gate,
            stop,
            served,
            api,
            _policy: sender,
            _directory: directory,
        }
    }

    pub(crate) fn client(&self, token: &str) -> Client {
        Client::new(self.address, Some(Redacted::new("bearer token", token.to_owned()))).unwrap()
    }

    pub(crate) fn operator(&self) -> Client {
        self.client(&self.operator)
    }

    /// A runtime token bound to `research`.
    pub(crate) async fn runtime(&self) -> String {
        let body = json!({ "kind": "runtime", "principal": "kube/research", "tenant": "research" });
        let made = self.operator().post("/v1/tokens", &body).await.unwrap();
        made["token"].as_str().unwrap().to_owned()
    }

    /// A session of `tenant` with its one agent token.
    pub(crate) async fn session(&self, tenant: &str) -> (String, String) {
        let opened = self.operator().post("/v1/sessions", &session_request(tenant)).await.unwrap();
        (
            opened["id"].as_str().unwrap().to_owned(),
            opened["tokens"][0]["token"].as_str().unwrap().to_owned(),
        )
    }

    /// Sends one request with these header lines (none is added but `Connection: close`).
    pub(crate) async fn raw(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut text = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.push_str(body);
        exchange(self.address, text.as_bytes()).await
    }

    /// A well-formed request.
    pub(crate) async fn send(
        &self,
        line: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Answer {
        let host = self.address.to_string();
        let bearer = token.map(|t| format!("Bearer {t}"));
        let text = body.map(ToString::to_string).unwrap_or_default();
        let length = text.len().to_string();
        let mut headers = vec![("Host", host.as_str())];
        if let Some(bearer) = &bearer {
            headers.push(("Authorization", bearer));
        }
        if body.is_some() {
            headers.push(("Content-Type", "application/json"));
            headers.push(("Content-Length", &length));
        }
        self.raw(line, &headers, &text).await
    }

    /// Commits an alert whose summary is `text`; answers its row.
    pub(crate) async fn alert(&self, subject: Option<Subject>, text: &str) -> u64 {
        self.ledger.commit(event(subject, text)).await.unwrap().seq
    }
}

pub(crate) fn session_request(tenant: &str) -> Value {
    json!({ "tenant": tenant, "role": "researcher", "skills": [{ "name": "weather", "version": "1.2.0" }] })
}

/// An event that differs from every other.
pub(crate) fn event(subject: Option<Subject>, text: &str) -> Event {
    static DRAWN: AtomicU64 = AtomicU64::new(1);
    let mut bytes = [0u8; 10];
    bytes[2..].copy_from_slice(&DRAWN.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    let at = SystemClock.now();
    Event {
        receipt: ReceiptId::draw(at, bytes),
        at,
        policy: Digest::ZERO,
        subject,
        fact: Fact::AlertRaised {
            id: AlertId::draw(at, bytes),
            control: Control::EgressSkill,
            severity: Severity::High,
            summary: text.to_owned(),
            cause: None,
            count: 1,
        },
    }
}

/// Nothing in a test takes so long, unless it hangs.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("it hangs")
}

/// Somebody who counts.
#[derive(Debug)]
struct Elsewhere;

impl Counts for Elsewhere {
    fn counted(&self) -> Vec<Counted> {
        let sample = |zone: &str, count| (vec![("zone", zone.to_owned())], count);
        vec![Counted {
            name: "backstop_elsewhere_total",
            measure: Measure::Total,
            help: "What others count.",
            samples: vec![sample("a.example", 3), sample("b.example", 0)],
        }]
    }
}
