//! A resolver for a test: real gate, ledger, cache and forwarder behind real listeners, before an
//! upstream of the test's own.

use backstop_dns::answer::{Answers, Limits};
use backstop_dns::cache;
use backstop_dns::forward::{self, Forwarder, Upstream};
use backstop_dns::rpz::Filter;
use backstop_dns::server::{Config, Stats, start};
use backstop_dns::service::{Names, Row};
use backstop_gate::names::{NameIdentity, NameSkill};
use backstop_gate::{
    Clock, Gate, OsRandom, OwnListeners, OwnSockets, Parts, SystemClock, SystemResolver, TcpWire,
};
use backstop_ledger::Ledger;
use backstop_model::addr::Cidr;
use backstop_model::id::{SkillName, SkillVersion, TenantName};
use backstop_policy::{Library, LoadContext, Policy, Source};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// How it is to be.
pub(crate) struct Plan {
    /// The policy; its tenant is `research`.
    pub(crate) policy: String,
    /// As which skill its clients ask.
    pub(crate) skill: NameSkill,
    /// Who they are.
    pub(crate) from: &'static str,
    pub(crate) listening: Config,
    pub(crate) times: cache::Config,
    pub(crate) filter: Option<Arc<Filter>>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Plan {
    /// `127.0.0.1` asks as that skill, and nobody else is served.
    pub(crate) fn new(policy: String, skill: NameSkill) -> Self {
        Self {
            policy,
            skill,
            from: "127.0.0.1/32",
            listening: Config::default(),
            times: cache::Config::default(),
            filter: None,
            clock: Arc::new(SystemClock),
        }
    }
}

/// The skill `asks@1.0.0`.
pub(crate) fn asks() -> NameSkill {
    let (name, version) =
        (SkillName::parse("asks").unwrap(), SkillVersion::parse("1.0.0").unwrap());
    NameSkill::One(name, version)
}

pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) ledger: Ledger,
    pub(crate) policy: watch::Sender<Arc<Policy>>,
    /// The same, as a reload gives it.
    pub(crate) again: Arc<Policy>,
    pub(crate) stats: Arc<Stats>,
    stop: watch::Sender<bool>,
    _folder: TempDir,
}

impl House {
    pub(crate) async fn open(plan: Plan, upstream: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let Plan { policy, skill, from, listening, times, filter, clock } = plan;
        let source = Source { name: "policy.yaml".to_owned(), text: policy };
        let load = || {
            let sources = std::slice::from_ref(&source);
            Library::default().apply(sources, &LoadContext::at(clock.now())).policy
        };
        let (first, again) = (load(), load());
        let directory = folder.path().join("ledger");
        let config = backstop_ledger::Config { directory, ..Default::default() };
        let at = Arc::clone(&clock);
        let ledger = Ledger::open(config, Arc::new(move || at.now())).unwrap();
        let (policy, watched) = watch::channel(first);
        let gate = Gate::new(Parts {
            config: backstop_gate::Config::default(),
            ledger: ledger.clone(),
            policy: watched,
            clock,
            random: Arc::new(OsRandom),
            resolver: Arc::new(SystemResolver::new(Duration::from_secs(2))),
            wire: Arc::new(TcpWire::default()),
        })
        .unwrap();
        let (stop, stopped) = watch::channel(false);
        let (running, end) = (gate.clone(), stopped.clone());
        #[allow(clippy::disallowed_methods, reason = "a test has no task room")]
        tokio::spawn(async move { running.run(end).await });
        let upstreams = vec![Upstream::parse(&upstream.to_string()).unwrap()];
        let config = forward::Config { upstreams, ..forward::Config::default() };
        let sockets = OwnSockets::new(OwnListeners::default());
        let forwarder = Forwarder::new(config, sockets, Arc::new(OsRandom));
        let forwarder = match &listening.tap {
            Some(tap) => forwarder.with_tap(Arc::clone(tap)),
            None => forwarder,
        };
        let answers = Answers::new(forwarder, times, Limits::default(), Handle::current());
        let tenant = TenantName::parse("research").unwrap();
        let who = NameIdentity { place: from.to_owned(), tenant, skill, role: None };
        let session = gate.name_session(who).await.unwrap();
        let from = Some(Cidr::parse(from).unwrap());
        let rows = vec![Row { listen: None, from, session }];
        let listen = vec!["127.0.0.1:0".parse().unwrap()];
        let config = Config { listen, threads: 1, ..listening };
        let names = Names::new(gate, answers, rows).filtered(filter);
        let server = start(config, names, &SystemClock, &OsRandom).unwrap();
        let (address, stats) = (server.addresses()[0], server.stats());
        #[allow(clippy::disallowed_methods, reason = "a test has no task room")]
        tokio::spawn(server.run(stopped));
        Self { address, ledger, policy, again, stats, stop, _folder: folder }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}
