//! The resolver's settings and wiring: listeners, clients, upstreams, and look-ups for the proxy.
//! Next: `run`.

use crate::transfers::Transfer;
use anyhow::{Context, Result, bail};
use backstop_dns::answer::{Answers, Limits};
use backstop_dns::cache;
use backstop_dns::forward::{Config as Forwarding, Forwarder, Upstream, Zone};
use backstop_dns::resolve::{PinConfig, Resolver};
use backstop_dns::rpz::Filter;
use backstop_dns::server::{self, Aside, Server};
use backstop_dns::service::{Names, Row};
use backstop_dns::tap::{Tap, Target};
use backstop_gate::names::{NameIdentity, NameSkill, Told};
use backstop_gate::{
    BoxFuture, Gate, OsRandom, OwnPlace, OwnSockets, Resolve, ResolveFault, SystemClock, Trust,
};
use backstop_model::addr::Cidr;
use backstop_model::host::HostName;
use backstop_model::id::{ByteCount, RoleName, SkillName, SkillVersion, TenantName};
use backstop_model::name::QueryName;
use backstop_model::standing::Subject;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// What the configuration says of the resolver.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where it listens.
    pub(crate) listen: Vec<SocketAddr>,
    /// Whom it asks, as texts that parse.
    pub(crate) upstreams: Vec<String>,
    /// Who asks.
    pub(crate) clients: Vec<Client>,
    /// DNS over TLS.
    pub(crate) tls: Option<server::Tls>,
    /// DNS over HTTPS.
    pub(crate) https: Option<server::Https>,
    /// Who reads questions and answers by dnstap.
    pub(crate) dnstap: Option<Target>,
    /// Who may say for whom it asks.
    pub(crate) trusted_peers: Vec<Cidr>,
    /// Zones with an upstream of their own.
    pub(crate) zones: Vec<(HostName, String)>,
    /// Response policy zones, in order.
    pub(crate) rpz: Vec<crate::rpz::Feed>,
    /// What becomes of public resolvers over HTTPS.
    pub(crate) doh_endpoints: crate::rpz::DohEndpoints,
    /// Zones that are given to secondaries.
    pub(crate) transfers: Vec<Transfer>,
    /// Octets of distinct names that are flagged.
    pub(crate) flag: ByteCount,
    /// Octets that close a wildcard row.
    pub(crate) block: ByteCount,
    /// Octets that close all of them.
    pub(crate) block_all: ByteCount,
    /// Octets of all clients of an entry together that close a wildcard row to them.
    pub(crate) block_shared: ByteCount,
    /// Octets of distinct answers that are flagged.
    pub(crate) flag_answers: ByteCount,
    /// Octets of distinct answers that close a wildcard row.
    pub(crate) block_answers: ByteCount,
    /// Questions repeated upstream, an octet each, that are flagged.
    pub(crate) flag_repeats: ByteCount,
    /// Questions repeated upstream that close a wildcard row.
    pub(crate) block_repeats: ByteCount,
}

/// Where the resolver listens once it does, and by which zones it filters.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// By UDP and TCP.
    pub(crate) plain: Vec<SocketAddr>,
    /// By TLS.
    pub(crate) tls: Vec<SocketAddr>,
    /// By HTTPS.
    pub(crate) https: Vec<SocketAddr>,
    /// Response policy zones, where anybody is asked.
    pub(crate) filter: Option<Arc<Filter>>,
}

impl Settings {
    /// Whether anybody can ask here.
    pub(crate) fn listens(&self) -> bool {
        !self.listen.is_empty() || self.tls.is_some() || self.https.is_some()
    }
}

/// Listeners under TLS as the configuration has them: addresses, certificate and key.
///
/// # Errors
/// Addresses without a certificate, a path that is none.
pub(crate) fn secured(
    tls: (Vec<SocketAddr>, Option<PathBuf>, Option<PathBuf>),
    https: (Vec<SocketAddr>, Option<PathBuf>, Option<PathBuf>),
    path: String,
) -> Result<(Option<server::Tls>, Option<server::Https>)> {
    let files = |key: &str, certificate: &Option<PathBuf>, secret: &Option<PathBuf>| match (
        certificate.clone(),
        secret.clone(),
    ) {
        (Some(certificate), Some(key)) => Ok(server::Files { certificate, key }),
        (_, _) => bail!(
            "`dns.{key}.listen` is set: `dns.{key}.certificate` and `dns.{key}.key` are needed too"
        ),
    };
    if !path.starts_with('/') || path.contains(['?', '#', '%', ' ']) {
        bail!("`dns.https.path` is `{path}`: write a plain path, as `/dns-query`");
    }
    let (of_tls, of_https) = ((tls.1, tls.2), (https.1, https.2));
    let tls_listens = (!tls.0.is_empty()).then_some(tls.0);
    let https_listens = (!https.0.is_empty()).then_some(https.0);
    let own = of_https.0.is_some() || of_https.1.is_some();
    let of_https = if own { of_https } else { of_tls.clone() };
    let tls = tls_listens
        .map(|listen| {
            anyhow::Ok(server::Tls { listen, files: files("tls", &of_tls.0, &of_tls.1)? })
        })
        .transpose()?;
    let https = https_listens
        .map(|listen| {
            let files = files("https", &of_https.0, &of_https.1)?;
            anyhow::Ok(server::Https { listen, files, path })
        })
        .transpose()?;
    Ok((tls, https))
}

/// Who reads dnstap: a file, or a socket of either kind.
///
/// # Errors
/// Both at once; a place that is none.
pub(crate) fn dnstap(file: Option<PathBuf>, socket: Option<String>) -> Result<Option<Target>> {
    match (file, socket) {
        (None, None) => Ok(None),
        (Some(file), None) => Ok(Some(Target::File(file))),
        (None, Some(path)) if path.starts_with('/') => Ok(Some(Target::Unix(path.into()))),
        (None, Some(place)) => {
            OwnPlace::parse(&place, 6_000).map(|place| Some(Target::Tcp(place))).with_context(
                || format!("`dns.dnstap.socket` is `{place}`: write a path or `ADDR:PORT`"),
            )
        }
        (Some(_), Some(_)) => {
            bail!("`dns.dnstap.file` and `dns.dnstap.socket` are both set: one reader is enough")
        }
    }
}

/// A client: a listener or a range, and whose names it may ask.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    listen: Option<SocketAddr>,
    from: Option<Cidr>,
    /// The text by which a trusted peer names it, and then nothing else does.
    named: Option<String>,
    who: NameIdentity,
}

/// A text that names an upstream.
pub(crate) fn upstream(text: &str) -> Result<String, String> {
    Upstream::parse(text).map_err(|fault| fault.to_string())?;
    Ok(text.to_owned())
}

/// `ZONE=UPSTREAM`.
pub(crate) fn zone(text: &str) -> Result<(HostName, String), String> {
    let (zone, rest) =
        text.split_once('=').ok_or("write `ZONE=ADDR`, as `cluster.local=10.96.0.10`")?;
    let zone = HostName::parse(zone).map_err(|fault| fault.to_string())?;
    Ok((zone, upstream(rest)?))
}

/// `FROM=TENANT/SKILL@VERSION[:ROLE]`.
pub(crate) fn client(text: &str) -> Result<Client, String> {
    let form = || {
        "write `FROM=TENANT/SKILL@VERSION`, as `10.1.0.0/16=research/weather@1.2.0`, or `*` for the skill".to_owned()
    };
    let (place, rest) = text.split_once('=').ok_or_else(form)?;
    let named = (place == OPTION).then(|| rest.to_owned());
    let (tenant, rest) = rest.split_once('/').ok_or_else(form)?;
    let (skill, role) = match rest.split_once(':') {
        Some((skill, role)) => {
            (skill, Some(RoleName::parse(role).map_err(|fault| fault.to_string())?))
        }
        None => (rest, None),
    };
    let skill = match skill.split_once('@') {
        None if skill == "*" => NameSkill::Any,
        None => return Err(form()),
        Some((name, version)) => NameSkill::One(
            SkillName::parse(name).map_err(|fault| fault.to_string())?,
            SkillVersion::parse(version).map_err(|fault| fault.to_string())?,
        ),
    };
    let (listen, from) = match (place.parse::<SocketAddr>(), place.parse::<IpAddr>()) {
        (Ok(listen), _) => (Some(listen), None),
        (Err(_), Err(_)) if named.is_some() => (None, None),
        (Err(_), Ok(address)) => {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            let one = Cidr::parse(&format!("{address}/{bits}")).map_err(|f| f.to_string())?;
            (None, Some(one))
        }
        (Err(_), Err(_)) => (None, Some(Cidr::parse(place).map_err(|fault| fault.to_string())?)),
    };
    let tenant = TenantName::parse(tenant).map_err(|fault| fault.to_string())?;
    Ok(Client {
        listen,
        from,
        named,
        who: NameIdentity { place: place.to_owned(), tenant, skill, role },
    })
}

/// Cache and forwarder, if there are upstreams.
///
/// # Errors
/// Listeners that have nobody to ask, or nobody to answer; trusted roots that cannot be read.
pub(crate) fn answers(
    settings: &Settings,
    gate: &Gate,
    trust: &Trust,
    tap: Option<&Arc<Tap>>,
) -> Result<Option<Arc<Answers>>> {
    if settings.listens() && settings.clients.is_empty() {
        bail!("`dns.listen` is set and `dns.clients` is not: nobody would be answered");
    }
    if settings.trusted_peers.is_empty() && settings.clients.iter().any(|one| one.named.is_some()) {
        bail!(
            "a client of `dns.clients` is named by option, and `dns.trusted_peers` is not set: nobody may name it"
        );
    }
    if !settings.transfers.is_empty() && !settings.listens() {
        bail!("`dns.transfers` is set and `dns.listen` is not: nobody could ask for a zone");
    }
    if settings.upstreams.is_empty() && settings.zones.is_empty() {
        if !settings.listens() {
            if !settings.rpz.is_empty() {
                bail!("`dns.rpz` is set and `dns.upstreams` is not: no question would meet it");
            }
            return Ok(None);
        }
        bail!("`dns.listen` is set and `dns.upstreams` is not: nobody could be asked");
    }
    let parse = |text: &String| Upstream::parse(text).map_err(anyhow::Error::from);
    let mut zones: BTreeMap<&HostName, Vec<Upstream>> = BTreeMap::new();
    for (zone, text) in &settings.zones {
        zones.entry(zone).or_default().push(parse(text)?);
    }
    let forwarding = Forwarding {
        upstreams: settings.upstreams.iter().map(parse).collect::<Result<_>>()?,
        zones: zones
            .into_iter()
            .map(|(name, upstreams)| Zone { name: QueryName::of_host(name), upstreams })
            .collect(),
        ..Forwarding::default()
    };
    let sockets = OwnSockets::new(gate.listeners().clone()).with_tls(trust)?;
    let forwarder = Forwarder::new(forwarding, sockets, Arc::new(OsRandom));
    let forwarder = match tap {
        Some(tap) => forwarder.with_tap(Arc::clone(tap)),
        None => forwarder,
    };
    let runtime = tokio::runtime::Handle::current();
    Ok(Some(Answers::new(forwarder, cache::Config::default(), Limits::default(), runtime)))
}

/// The look-ups of the other planes, by the same upstreams and cache.
pub(crate) fn resolver(answers: &Arc<Answers>, filter: &Arc<Filter>) -> Arc<dyn Resolve> {
    let resolver = Resolver::new(Arc::clone(answers), PinConfig::default());
    Arc::new(resolver.filtered(Some(Arc::clone(filter))))
}

/// Binds the listeners, with a standing session for each client.
///
/// # Errors
/// A client that policy does not admit, an address that cannot be had.
pub(crate) async fn server(
    settings: &Settings,
    gate: &Gate,
    answers: Arc<Answers>,
    filter: Arc<Filter>,
    asides: Vec<Arc<dyn Aside>>,
    tap: Option<Arc<Tap>>,
) -> Result<Server<Names>> {
    let mut rows = Vec::with_capacity(settings.clients.len());
    let mut all_named = Vec::new();
    for client in &settings.clients {
        let session = gate
            .name_session(client.who.clone())
            .await
            .with_context(|| format!("the DNS client `{}`", client.who.place))?;
        match &client.named {
            Some(named) => all_named.push((named.clone(), session)),
            None => rows.push(Row { listen: client.listen, from: client.from, session }),
        }
    }
    let names =
        Names::new(gate.clone(), answers, rows).with_named(all_named).filtered(Some(filter));
    let config = server::Config {
        listen: settings.listen.clone(),
        tls: settings.tls.clone(),
        https: settings.https.clone(),
        tap,
        trusted: settings.trusted_peers.clone(),
        asides,
        ..server::Config::default()
    };
    Ok(server::start(config, names, &SystemClock, &OsRandom)?)
}

/// The gate needs a resolver before there are sockets for one: until it is settled, the one that
/// came with the surroundings answers.
pub(crate) struct LateResolver {
    first: Arc<dyn Resolve>,
    then: OnceLock<Arc<dyn Resolve>>,
}

impl LateResolver {
    /// Answers by `first` so far.
    pub(crate) fn new(first: Arc<dyn Resolve>) -> Self {
        Self { first, then: OnceLock::new() }
    }
    /// Answers by `then` from now on.
    pub(crate) fn settle(&self, then: Arc<dyn Resolve>) {
        let _once = self.then.set(then);
    }
}

impl Resolve for LateResolver {
    fn resolve<'a>(
        &'a self,
        name: &'a HostName,
        who: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveFault>> {
        self.then.get().unwrap_or(&self.first).resolve(name, who)
    }

    fn resolve_told<'a>(
        &'a self,
        name: &'a HostName,
        who: &'a Subject,
        told: Told,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveFault>> {
        self.then.get().unwrap_or(&self.first).resolve_told(name, who, told)
    }
}

/// What stands in place of an address for a client that a trusted peer names by its EDNS option.
const OPTION: &str = "option";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_ranges_or_listeners_with_a_tenant_and_a_skill() {
        let range = client("10.1.0.0/16=research/weather@1.2.0:researcher").unwrap();
        assert!(range.from.is_some() && range.listen.is_none() && range.who.role.is_some());
        let one = client("10.1.0.7=research/*").unwrap();
        assert!(one.from.is_some() && one.who.skill == NameSkill::Any);
        assert!(client("127.0.0.1:1053=research/*").unwrap().listen.is_some());
        assert!(client("[::1]:1053=research/*").unwrap().listen.is_some());
        let named = client("option=research/weather@1.2.0:researcher").unwrap();
        assert_eq!(named.named.as_deref(), Some("research/weather@1.2.0:researcher"));
        assert!(named.listen.is_none() && named.from.is_none());
        for bad in
            ["", "10.1.0.0/16", "10.1.0.0/16=research", "10.1.0.0/16=research/weather", "x=y/z@1"]
        {
            assert!(client(bad).is_err(), "{bad}");
        }
        let one = || vec!["127.0.0.1:853".parse().unwrap()];
        let file = |name: &str| Some(PathBuf::from(name));
        let path = || "/dns-query".to_owned();
        let (tls, https) =
            secured((one(), file("c"), file("k")), (one(), None, None), path()).unwrap();
        assert_eq!(tls.unwrap().files, https.unwrap().files, "those of `dns.tls` serve both");
        assert!(secured((one(), file("c"), None), (Vec::new(), None, None), path()).is_err());
        assert!(secured((one(), file("c"), file("k")), (one(), file("d"), None), path()).is_err());
        assert!(
            secured((Vec::new(), None, None), (Vec::new(), None, None), "x".to_owned()).is_err()
        );
        let text = |text: &str| Some(text.to_owned());
        assert!(matches!(dnstap(None, text("/run/tap")), Ok(Some(Target::Unix(_)))));
        assert!(matches!(dnstap(None, text("127.0.0.1:6000")), Ok(Some(Target::Tcp(_)))));
        assert!(dnstap(None, text("collector.example:6000")).is_err());
        assert!(dnstap(file("f"), text("/run/tap")).is_err());
        assert!(zone("cluster.local=10.96.0.10").is_ok());
        assert!(zone("cluster.local").is_err() && zone("cluster.local=dns.example").is_err());
    }
}
