//! Wiring: ledger, policies, gate, proxy and API joined into one running gateway.
//! `serve` and `demo` both come through here, so that the demo shows the real thing.

use crate::commands::remote::token_file;
use crate::config::Config;
use crate::config::typed::Bound;
use crate::detection::Detection;
use crate::dns::{self, LateResolver};
use crate::feeds::{Follower, notices};
use crate::figures::Figures;
use crate::policies::{Keeper, record};
use crate::rpz;
use crate::tasks::Tasks;
use crate::transfers::Publisher;
use anyhow::{Context, Result, bail};
use backstop_api::Api;
use backstop_detect::Inspector;
use backstop_dns::tap::Tap;
use backstop_gate::{
    Clock, Gate, InspectConfig, NetworkConfig, OsRandom, OwnSockets, Parts, Random, Ready, Resolve,
    SystemClock, Trust, Wire, bootstrap_operator,
};
use backstop_ledger::Ledger;
use backstop_model::event::Fact;
use backstop_policy::{Diagnostic, Policy, Source};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::time::sleep;

/// The two ports through which the outside world comes in.
pub(crate) struct Surroundings {
    /// How names become addresses.
    pub(crate) resolver: Arc<dyn Resolve>,
    /// Who looks up for the proxy where DNS upstreams are configured.
    pub(crate) look_ups: LookUps,
    /// How addresses become connections.
    pub(crate) wire: Arc<dyn Wire>,
}

/// Who looks up for the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LookUps {
    /// The configured DNS upstreams, if there are any.
    Upstreams,
    /// The given resolver, always: the demo's world is its own.
    Given,
}

/// A running gateway.
pub(crate) struct Running {
    gate: Gate,
    ledger: Ledger,
    keeper: Option<Keeper>,
    zones: Option<rpz::Keeper>,
    /// The proxies: they stop first, and may take as long as `drain`.
    doors: Tasks,
    /// What governs the proxies' live tunnels until the last of them has ended.
    rooms: Tasks,
    proxies: Vec<SocketAddr>,
    resolvers: dns::Places,
    figures: Option<Arc<Figures>>,
    api: SocketAddr,
    diagnostics: Vec<Diagnostic>,
    /// Rooms stay ready as long as these live.
    _ready: Vec<Ready>,
}

impl Running {
    /// Starts everything that `config` asks for with these policies in force, and returns when it
    /// is ready. Policy files are not watched: see [`Running::watch_policies`].
    ///
    /// # Errors
    /// A state folder that cannot be used, a port that is taken, roots that cannot be read.
    pub(crate) async fn start(
        config: &Config,
        around: Surroundings,
        sources: Vec<Source>,
    ) -> Result<Self> {
        private_folder(&config.state)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let random: Arc<dyn Random> = Arc::new(OsRandom);
        let now = Arc::clone(&clock);
        let ledger = Ledger::open(ledger_config(config), Arc::new(move || now.now()))
            .context("the ledger does not open")?;
        // The policy is not loaded yet.
        let started = Fact::ProcessStarted { version: env!("CARGO_PKG_VERSION").to_owned() };
        record(&ledger, &*clock, &*random, started, Policy::empty().digest())
            .await
            .context("the start cannot be recorded")?;
        bootstrap_operator(&token_file(&config.state), &ledger, &*clock, &*random).await?;
        let detection = Arc::new(Detection::read(config)?);
        let mut keeper = Keeper::new(
            &crate::commands::ledger::directory(config),
            ledger.clone(),
            Arc::clone(&clock),
            Arc::clone(&random),
            Arc::clone(&detection),
        )?;
        let policy = keeper.watch();
        let diagnostics = keeper.apply(sources).await?;
        let now = Arc::clone(&*policy.borrow());
        let inspector =
            detection.changed(&now)?.context("detection was in use before its start")?;
        let resolver = Arc::new(LateResolver::new(around.resolver));
        let gate = Gate::new(Parts {
            config: gate_config(config, inspector),
            ledger: ledger.clone(),
            policy: policy.clone(),
            clock,
            random,
            resolver: Arc::clone(&resolver) as _,
            wire: around.wire,
        })?;
        keeper.equips(&gate);
        let (doors, mut rooms) = (Tasks::new(), Tasks::new());
        let (runner, stop) = (gate.clone(), rooms.stop());
        rooms.start("gate", async move {
            runner.run(stop).await;
            Ok(())
        });
        let (room, writable, stop) =
            (gate.readiness().announce("ledger"), ledger.writable(), rooms.stop());
        rooms.start("ledger-health", keep_ready(room, writable, stop));
        let mut running = Self {
            _ready: Vec::new(),
            api: config.api_listen,
            gate,
            ledger,
            keeper: Some(keeper),
            zones: None,
            doors,
            rooms,
            proxies: Vec::new(),
            resolvers: dns::Places::default(),
            figures: None,
            diagnostics,
        };
        running.start_dns(config, around.look_ups, &resolver, policy.clone()).await?;
        running.start_proxies(config)?;
        running.start_api(config, policy, detection.analyzer()?)?;
        Ok(running)
    }

    async fn start_dns(
        &mut self,
        config: &Config,
        look_ups: LookUps,
        resolver: &LateResolver,
        policy: watch::Receiver<Arc<Policy>>,
    ) -> Result<()> {
        let (tap, outlet) = match &config.dns.dnstap {
            Some(target) => {
                let (tap, outlet) = Tap::new(&SystemClock);
                (Some(tap), Some((outlet, target.clone())))
            }
            None => (None, None),
        };
        let answers = dns::answers(&config.dns, &self.gate, &trust(config), tap.as_ref())?;
        let Some(answers) = answers else { return Ok(()) };
        if let Some((outlet, target)) = outlet {
            let (sockets, stop) =
                (OwnSockets::new(self.gate.listeners().clone()), self.doors.stop());
            self.doors.start("dnstap", async move {
                outlet.run(target, sockets, stop).await;
                Ok(())
            });
        }
        let (keys, sockets) =
            (rpz::keys(&OsRandom)?, OwnSockets::new(self.gate.listeners().clone()));
        let feeds = &config.dns.rpz;
        let followers = rpz::followers(feeds, &config.state, sockets, keys).await?;
        let zones = tokio::task::block_in_place(|| {
            rpz::Keeper::open(feeds, config.dns.doh_endpoints, &config.state, keys, followers)
        })?;
        let filter = zones.filter();
        let notices = notices(zones.followers());
        self.resolvers.filter = Some(Arc::clone(&filter));
        let mut figures = Figures {
            filter: Some(Arc::clone(&filter)),
            followed: zones.followers().iter().map(Follower::state).collect(),
            stats: None,
            tap: tap.clone(),
        };
        self.zones = Some(zones);
        if look_ups == LookUps::Upstreams {
            resolver.settle(dns::resolver(&answers, &filter));
        }
        if !config.dns.listens() {
            self.figures = Some(Arc::new(figures));
            return Ok(());
        }
        let now = Arc::clone(&policy.borrow());
        let publisher = Publisher::new(&config.dns.transfers, &config.state, &self.gate, &now)?;
        // Notices before transfers, which answer whatever is signed.
        let asides = notices.into_iter().chain(publisher.iter().map(Publisher::aside)).collect();
        let server = dns::server(&config.dns, &self.gate, answers, filter, asides, tap).await?;
        figures.stats = Some(server.stats());
        self.figures = Some(Arc::new(figures));
        self.resolvers.plain = server.addresses().to_vec();
        self.resolvers.tls = server.tls_addresses().to_vec();
        self.resolvers.https = server.https_addresses().to_vec();
        let places = &self.resolvers;
        for address in places.plain.iter().chain(&places.tls).chain(&places.https) {
            self.gate.listeners().add(*address);
        }
        let stop = self.doors.stop();
        self.doors.start("dns", async move { server.run(stop).await.context("DNS stopped") });
        if let Some(publisher) = publisher {
            self.rooms.start("transfers", publisher.run(policy, self.rooms.stop()));
        }
        Ok(())
    }

    fn start_proxies(&mut self, config: &Config) -> Result<()> {
        let plain = config.proxy_listen.iter().map(|address| (*address, None));
        let bound = config.proxy_bound.iter().map(|bound| (bound.address, Some(bound)));
        for (address, bound) in plain.chain(bound) {
            let listener = listen(address)
                .with_context(|| format!("the proxy cannot listen on `{address}`"))?;
            self.proxies.push(listener.local_addr()?);
            let proxy = Arc::new(proxy_config(config, bound));
            let (gate, stop) = (self.gate.clone(), self.doors.stop());
            self.doors.start("proxy", async move {
                backstop_proxy::serve(listener, gate, proxy, stop)
                    .await
                    .context("the proxy stopped")
            });
        }
        Ok(())
    }

    fn start_api(
        &mut self,
        config: &Config,
        policy: watch::Receiver<Arc<Policy>>,
        analyzer: Inspector,
    ) -> Result<()> {
        let ready = self.gate.readiness().announce("api");
        let api = backstop_api::Config {
            analyzer: config.api_analyzer,
            ..backstop_api::Config::default()
        };
        api.check(config.api_listen)?;
        let listener = listen(config.api_listen)
            .with_context(|| format!("the API cannot listen on `{}`", config.api_listen))?;
        self.api = listener.local_addr()?;
        self.gate.listeners().add(self.api);
        let api = Api {
            gate: self.gate.clone(),
            ledger: self.ledger.clone(),
            policy,
            analyzer,
            version: env!("CARGO_PKG_VERSION"),
            config: Arc::new(api),
            counts: self.figures.iter().map(|figures| Arc::clone(figures) as _).collect(),
        };
        let stop = self.rooms.stop();
        self.rooms.start("api", async move {
            backstop_api::serve(listener, api, stop).await.context("the API stopped")
        });
        ready.ready();
        self._ready.push(ready);
        Ok(())
    }

    /// Watches the policy files, and the response policy zones, from now on.
    pub(crate) fn watch_policies(&mut self, config: &Config) {
        if let Some(keeper) = self.keeper.take() {
            let stop = self.rooms.stop();
            self.rooms
                .start("policies", keeper.run(config.policy.clone(), config.policy_poll, stop));
        }
        if let Some(zones) = self.zones.take() {
            let around = rpz::Around {
                gate: self.gate.clone(),
                ledger: self.ledger.clone(),
                clock: Arc::new(SystemClock),
                random: Arc::new(OsRandom),
            };
            let stop = self.rooms.stop();
            self.rooms.start("rpz", zones.run(around, config.policy_poll, stop));
        }
    }

    /// The gate.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }
    /// The ledger.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }
    /// Where the proxy listens.
    pub(crate) fn proxies(&self) -> &[SocketAddr] {
        &self.proxies
    }
    /// Where the resolver listens, and by which zones it filters.
    pub(crate) fn resolvers(&self) -> &dns::Places {
        &self.resolvers
    }
    /// Where the API listens.
    pub(crate) fn api(&self) -> SocketAddr {
        self.api
    }
    /// What was wrong with the policies at the start.
    pub(crate) fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }
    /// Waits until a task ends that should not have.
    pub(crate) async fn first_end(&mut self) -> anyhow::Error {
        tokio::select! {
            fault = self.doors.first_end() => fault,
            fault = self.rooms.first_end() => fault,
        }
    }

    /// Stops: readiness off, live tunnels may end until `drain` or `now`, the ledger last.
    ///
    /// Until the last tunnel has ended it stays governed: the gate obeys quarantines, the policy
    /// files are watched and the API answers.
    ///
    /// # Errors
    /// The first fault with which a task ended.
    pub(crate) async fn stop(self, drain: Duration, now: impl Future<Output = ()>) -> Result<()> {
        self.gate.readiness().drain();
        let patience = async {
            tokio::select! {
                () = sleep(drain) => tracing::warn!(?drain, "cutting what has not ended in time"),
                () = now => {}
            }
            // The gate cuts, and not the proxy: so each tunnel's record says how it ended.
            self.gate.drain(Duration::ZERO).await;
            sleep(GRACE).await;
        };
        let doors = self.doors.stop_all(patience).await;
        self.gate.drain(GRACE).await;
        let rooms = self.rooms.stop_all(sleep(ROOM_GRACE)).await;
        let policy = self.gate.policy().digest();
        let stopped = Fact::ProcessStopped;
        if let Err(fault) = record(&self.ledger, &SystemClock, &OsRandom, stopped, policy).await {
            tracing::error!("the end cannot be recorded: {fault:#}");
        }
        self.ledger.close().await;
        doors.and(rooms)
    }
}

/// A gateway that can record no permit is not ready: it refuses everything, and others should not
/// send it more.
async fn keep_ready(
    room: Ready,
    mut writable: watch::Receiver<bool>,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    loop {
        if *writable.borrow_and_update() {
            room.ready()
        } else {
            room.wait()
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
            changed = writable.changed() => changed.context("the ledger is gone")?,
        }
    }
}

/// Listens with a queue that a burst of clients fits into.
fn listen(address: SocketAddr) -> Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket.listen(4_096)?)
}

/// The state folder: nobody else reads it, and nobody else may exchange what lies in it.
///
/// It may belong to root, as a mounted volume does; what was made in it must be this user's.
pub(crate) fn private_folder(folder: &Path) -> Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make the state folder `{}`", folder.display()))?;
    let me = nix::unistd::geteuid().as_raw();
    let owner = |path: &Path| std::fs::metadata(path).map(|data| data.uid());
    let of_folder = owner(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    if of_folder != me && of_folder != 0 {
        bail!(
            "the state folder `{}` belongs to user {of_folder}, this process runs as user {me}: whoever owns it could exchange the record; name another with `--state`, or give it to this user",
            folder.display()
        );
    }
    let meta =
        std::fs::metadata(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    // A volume of root's is shared with the group that its pod was given; a folder of one's own
    // is shared with nobody.
    let groups = nix::unistd::getgroups().unwrap_or_default();
    let ours = of_folder == 0 && me != 0 && groups.iter().any(|group| group.as_raw() == meta.gid());
    let foreign = if ours { 0o002 } else { 0o022 };
    if meta.mode() & foreign != 0 {
        bail!(
            "the state folder `{}` has mode {:o}: it can be written by others, who could exchange key, token and record; `chmod go-w` it, and believe nothing in it that you cannot check",
            folder.display(),
            meta.mode() & 0o7777
        );
    }
    for name in ["ledger", "ledger/ledger.db", "ledger/ledger.key", "operator.token"] {
        let path = folder.join(name);
        match owner(&path) {
            Ok(owner) if owner != me => bail!(
                "`{}` belongs to user {owner}, this process runs as user {me}: run it as the user that made it, or give it to this user",
                path.display()
            ),
            // What is not there yet is made; what cannot be read is said by who needs it.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

fn ledger_config(config: &Config) -> backstop_ledger::Config {
    backstop_ledger::Config {
        directory: crate::commands::ledger::directory(config),
        durability: config.durability,
        retention: backstop_ledger::Retention {
            age: config.retention_age,
            size: config.retention_size,
        },
        checkpoint_every: config.checkpoint_every,
        witness: config.witness.clone(),
        ..backstop_ledger::Config::default()
    }
}

fn trust(config: &Config) -> Trust {
    Trust::PlatformAnd(config.extra_roots.clone())
}

fn gate_config(config: &Config, inspector: Inspector) -> backstop_gate::Config {
    backstop_gate::Config {
        inspect: InspectConfig {
            cap: config.body_cap,
            budget: config.inspect_budget,
            share: config.session_share,
            inspector: Some(inspector),
            analyzer: config.analyzer.clone(),
            ..InspectConfig::default()
        },
        network: network_config(config),
        names: backstop_gate::names::NamesConfig {
            flag: config.dns.flag,
            block: config.dns.block,
            block_all: config.dns.block_all,
            block_shared: config.dns.block_shared,
            flag_answers: config.dns.flag_answers,
            block_answers: config.dns.block_answers,
            flag_repeats: config.dns.flag_repeats,
            block_repeats: config.dns.block_repeats,
            ..backstop_gate::names::NamesConfig::default()
        },
        flows: config.max_connections,
        flows_per_session: config.max_connections_per_session,
        ..backstop_gate::Config::default()
    }
}

/// How connections to the outside are made.
pub(crate) fn network_config(config: &Config) -> NetworkConfig {
    NetworkConfig {
        deadline: config.connect_timeout.max(config.resolve_timeout),
        nat64: config.nat64.clone(),
        trust: trust(config),
        upstream_proxy: config.upstream_proxy.clone(),
        ..NetworkConfig::default()
    }
}

fn proxy_config(config: &Config, bound: Option<&Bound>) -> backstop_proxy::Config {
    backstop_proxy::Config {
        bound: bound.map(|bound| backstop_proxy::Bound {
            session: bound.session.clone(),
            skill: Some(bound.skill.clone()),
        }),
        max_connections: config.max_connections,
        max_connections_per_session: config.max_connections_per_session,
        head: config.head_timeout,
        hello: config.hello_timeout,
        upload: config.upload_timeout,
        idle: config.idle,
        // The process cuts at `drain`; this is for what hangs on no tunnel.
        drain: config.drain.saturating_add(GRACE),
        ..backstop_proxy::Config::default()
    }
}

/// How long a proxy may take to end once its tunnels are cut.
const GRACE: Duration = Duration::from_secs(1);
/// How long everything else may take; the API lets requests under way have their answer.
const ROOM_GRACE: Duration = Duration::from_secs(10);
