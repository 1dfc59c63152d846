//! From texts to types, once: what is wrong is said with the key and where its value came from.

use super::resolve::Resolved;
use anyhow::{Result, anyhow};
use backstop_gate::analyzer::{AnalyzerConfig, AnalyzerPlace};
use backstop_gate::{Nat64Prefix, NoProxy, UpstreamProxy};
use backstop_model::addr::Cidr;
use backstop_model::id::{ByteCount, SessionId, SkillName, SkillVersion};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A listener that stands for one session.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The session it stands for.
    pub(crate) session: SessionId,
    /// The acting skill.
    pub(crate) skill: (SkillName, SkillVersion),
}

/// The configuration of this process, typed.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Folder of ledger and tokens.
    pub(crate) state: PathBuf,
    /// Policy files and folders.
    pub(crate) policy: Vec<PathBuf>,
    /// How often they are looked at.
    pub(crate) policy_poll: Duration,
    /// How long live tunnels may go on after SIGTERM.
    pub(crate) drain: Duration,
    /// Proxy listeners.
    pub(crate) proxy_listen: Vec<SocketAddr>,
    /// Proxy listeners bound to a session.
    pub(crate) proxy_bound: Vec<Bound>,
    /// Client connections in all.
    pub(crate) max_connections: usize,
    /// Live flows of one session.
    pub(crate) max_connections_per_session: usize,
    /// Idle limit of tunnels.
    pub(crate) idle: Duration,
    /// Deadline of a request head.
    pub(crate) head_timeout: Duration,
    /// Deadline of a ClientHello.
    pub(crate) hello_timeout: Duration,
    /// Deadline of a request body.
    pub(crate) upload_timeout: Duration,
    /// The largest body that is looked at.
    pub(crate) body_cap: ByteCount,
    /// Bodies that are held at one time.
    pub(crate) inspect_budget: ByteCount,
    /// The share of one session in that.
    pub(crate) session_share: ByteCount,
    /// Files of further detectors.
    pub(crate) packs: Vec<PathBuf>,
    /// Files of further recognizers.
    pub(crate) recognizers: Vec<PathBuf>,
    /// An external analyzer.
    pub(crate) analyzer: Option<AnalyzerConfig>,
    /// Files of further credential formats.
    pub(crate) secret_rules: Vec<PathBuf>,
    /// Files of values that must never leave.
    pub(crate) canaries: Vec<PathBuf>,
    /// The filtering resolver.
    pub(crate) dns: crate::dns::Settings,
    /// The API's listener.
    pub(crate) api_listen: SocketAddr,
    /// Who may ask the analyzer.
    pub(crate) api_analyzer: backstop_api::AnalyzerAccess,
    /// How a commit is made durable.
    pub(crate) durability: backstop_ledger::Durability,
    /// How long events are kept.
    pub(crate) retention_age: Duration,
    /// How large the ledger may grow.
    pub(crate) retention_size: ByteCount,
    /// Rows between two checkpoints.
    pub(crate) checkpoint_every: u64,
    /// Where checkpoints are also written.
    pub(crate) witness: backstop_ledger::Witness,
    /// Deadline of a look-up.
    pub(crate) resolve_timeout: Duration,
    /// Deadline of a connection.
    pub(crate) connect_timeout: Duration,
    /// NAT64 prefixes.
    pub(crate) nat64: Vec<Nat64Prefix>,
    /// Extra trust roots.
    pub(crate) extra_roots: Vec<PathBuf>,
    /// The HTTP proxy that all egress goes through.
    pub(crate) upstream_proxy: Option<UpstreamProxy>,
}

impl Config {
    /// Parses every value.
    ///
    /// # Errors
    /// The first value that does not parse, with its key and origin.
    pub(crate) fn parse(from: &Resolved) -> Result<Self> {
        let get = Get(from);
        let file = |key| get.one(key, |text| Ok((!text.is_empty()).then(|| PathBuf::from(text))));
        let (tls, https) = crate::dns::secured(
            (
                get.all("dns.tls.listen", socket)?,
                file("dns.tls.certificate")?,
                file("dns.tls.key")?,
            ),
            (
                get.all("dns.https.listen", socket)?,
                file("dns.https.certificate")?,
                file("dns.https.key")?,
            ),
            get.one("dns.https.path", |text| Ok(text.to_owned()))?,
        )?;
        Ok(Self {
            state: get.one("state", |t| Ok(PathBuf::from(t)))?,
            policy: get.all("policy", |t| Ok(PathBuf::from(t)))?,
            policy_poll: get.one("policy_poll", duration)?,
            drain: get.one("drain", duration)?,
            proxy_listen: if from.all("proxy.listen") == ["none"] {
                Vec::new()
            } else {
                get.all("proxy.listen", socket)?
            },
            proxy_bound: get.all("proxy.bound", bound)?,
            max_connections: get.one("proxy.max_connections", count)?,
            max_connections_per_session: get.one("proxy.max_connections_per_session", count)?,
            idle: get.one("proxy.idle", duration)?,
            head_timeout: get.one("proxy.head_timeout", duration)?,
            hello_timeout: get.one("proxy.hello_timeout", duration)?,
            upload_timeout: get.one("proxy.upload_timeout", duration)?,
            body_cap: get.one("inspect.body_cap", size)?,
            inspect_budget: get.one("inspect.budget", size)?,
            session_share: get.one("inspect.session_share", size)?,
            packs: get.all("detect.packs", |t| Ok(PathBuf::from(t)))?,
            recognizers: get.all("detect.recognizers", |t| Ok(PathBuf::from(t)))?,
            analyzer: analyzer(&get)?,
            secret_rules: get.all("secrets.rules", |t| Ok(PathBuf::from(t)))?,
            canaries: get.all("secrets.canaries", |t| Ok(PathBuf::from(t)))?,
            dns: crate::dns::Settings {
                tls,
                https,
                dnstap: crate::dns::dnstap(
                    file("dns.dnstap.file")?,
                    get.one("dns.dnstap.socket", |text| {
                        Ok((!text.is_empty()).then(|| text.to_owned()))
                    })?,
                )?,
                listen: get.all("dns.listen", socket)?,
                upstreams: get.all("dns.upstreams", crate::dns::upstream)?,
                clients: get.all("dns.clients", crate::dns::client)?,
                trusted_peers: get.all("dns.trusted_peers", |text| {
                    Cidr::parse(text).map_err(|fault| fault.to_string())
                })?,
                zones: get.all("dns.zones", crate::dns::zone)?,
                rpz: get.all("dns.rpz", crate::rpz::feed)?,
                doh_endpoints: get.one("dns.doh_endpoints", crate::rpz::doh)?,
                transfers: get.all("dns.transfers", crate::transfers::transfer)?,
                flag: get.one("dns.payload.flag", size)?,
                block: get.one("dns.payload.block", size)?,
                block_all: get.one("dns.payload.block_all", size)?,
                block_shared: get.one("dns.payload.block_shared", size)?,
                flag_answers: get.one("dns.payload.flag_answers", size)?,
                block_answers: get.one("dns.payload.block_answers", size)?,
                flag_repeats: get.one("dns.payload.flag_repeats", size)?,
                block_repeats: get.one("dns.payload.block_repeats", size)?,
            },
            api_listen: get.one("api.listen", socket)?,
            api_analyzer: get.one("api.analyzer", |t| match t {
                "open" => Ok(backstop_api::AnalyzerAccess::Open),
                "token" => Ok(backstop_api::AnalyzerAccess::Token),
                "off" => Ok(backstop_api::AnalyzerAccess::Off),
                _ => Err("write `open`, `token` or `off`".to_owned()),
            })?,
            durability: get.one("ledger.durability", |t| match t {
                "os" => Ok(backstop_ledger::Durability::Os),
                "disk" => Ok(backstop_ledger::Durability::Disk),
                _ => Err("write `os` or `disk`".to_owned()),
            })?,
            retention_age: get.one("ledger.retention.age", duration)?,
            retention_size: get.one("ledger.retention.size", size)?,
            checkpoint_every: get.one("ledger.checkpoint_every", |t| match t.parse() {
                Ok(rows) if rows > 0 => Ok(rows),
                Ok(_) | Err(_) => Err("write a whole number of at least 1".to_owned()),
            })?,
            witness: get.one("ledger.witness", |t| match t.split_once(':') {
                None if t == "none" => Ok(backstop_ledger::Witness::None),
                None if t == "stdout" => Ok(backstop_ledger::Witness::Stdout),
                Some(("file", path)) if !path.is_empty() => {
                    Ok(backstop_ledger::Witness::File(PathBuf::from(path)))
                }
                None | Some(_) => Err("write `none`, `stdout` or `file:PATH`".to_owned()),
            })?,
            resolve_timeout: get.one("network.resolve_timeout", duration)?,
            connect_timeout: get.one("network.connect_timeout", duration)?,
            nat64: get.all("network.nat64", |t| {
                Nat64Prefix::parse(t).map_err(|fault| fault.to_string())
            })?,
            extra_roots: get.all("network.extra_roots", |t| Ok(PathBuf::from(t)))?,
            upstream_proxy: upstream_proxy(from)?,
        })
    }
}

/// Reads values and names key and origin when one does not parse.
struct Get<'a>(&'a Resolved);

impl Get<'_> {
    fn one<T>(&self, key: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<T> {
        self.parsed(key, self.0.one(key), parse)
    }
    fn all<T>(&self, key: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>> {
        self.0.all(key).iter().map(|text| self.parsed(key, text, &parse)).collect()
    }
    fn parsed<T>(
        &self,
        key: &str,
        text: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T> {
        parse(text).map_err(|why| {
            anyhow!("`{key}`: `{text}` does not do: {why} (from {})", self.0.origin(key))
        })
    }
}

/// The upstream proxy; its URL may hold a password and is never repeated.
fn upstream_proxy(from: &Resolved) -> Result<Option<UpstreamProxy>> {
    let rules = NoProxy::parse(from.all("network.no_proxy").iter().map(String::as_str)).map_err(
        |fault| anyhow!("`network.no_proxy`: {fault} (from {})", from.origin("network.no_proxy")),
    )?;
    match from.one("network.upstream_proxy") {
        "" => Ok(None),
        url => UpstreamProxy::parse(url, rules).map(Some).map_err(|fault| {
            anyhow!(
                "`network.upstream_proxy`: {fault} (from {})",
                from.origin("network.upstream_proxy")
            )
        }),
    }
}

/// The external analyzer, if its URL is set; what is set beside it must be right in any case.
fn analyzer(get: &Get<'_>) -> Result<Option<AnalyzerConfig>> {
    let deadline = get.one("detect.analyzer.deadline", |text| match duration(text)? {
        Duration::ZERO => Err("nothing is answered in no time".to_owned()),
        deadline => Ok(deadline),
    })?;
    let languages = get.all("detect.analyzer.languages", |text| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        match text.bytes().all(plain) && !text.is_empty() && text.len() <= 16 {
            true => Ok(text.to_owned()),
            false => Err("write a language code, as `en`".to_owned()),
        }
    })?;
    let threshold = get.one("detect.analyzer.threshold", |text| match text.parse() {
        Ok(score) if (0.0..=1.0).contains(&score) => Ok(score),
        Ok(_) | Err(_) => Err("write a number between 0 and 1".to_owned()),
    })?;
    let place = get.one("detect.analyzer.url", |url| match url {
        "" => Ok(None),
        url => AnalyzerPlace::parse(url).map(Some).map_err(|fault| fault.to_string()),
    })?;
    let Some(place) = place else { return Ok(None) };
    if languages.is_empty() {
        return Err(anyhow!("`detect.analyzer.languages`: name at least one language"));
    }
    Ok(Some(AnalyzerConfig { place, deadline, languages, threshold }))
}

fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "write an address and a port, as `127.0.0.1:3128` or `[::1]:3128`".to_owned())
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        Ok(_) | Err(_) => Err("write a whole number of at least 1".to_owned()),
    }
}

fn bound(text: &str) -> Result<Bound, String> {
    let form = || "write `ADDR:PORT=ses_…/skill@version`".to_owned();
    let (address, rest) = text.split_once('=').ok_or_else(form)?;
    let (session, skill) = rest.split_once('/').ok_or_else(form)?;
    let (name, version) = skill.split_once('@').ok_or_else(form)?;
    Ok(Bound {
        address: socket(address)?,
        session: SessionId::parse(session).map_err(|fault| fault.to_string())?,
        skill: (
            SkillName::parse(name).map_err(|fault| fault.to_string())?,
            SkillVersion::parse(version).map_err(|fault| fault.to_string())?,
        ),
    })
}

/// Parses `90s`, `15m`, `4h`, `30d`, `500ms`.
///
/// # Errors
/// A sentence that shows the form.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let form = || "write a number and a unit, as `500ms`, `90s`, `15m`, `4h` or `30d`".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(form)?;
    let number: u64 = number.parse().map_err(|_| form())?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(form()),
    };
    number.checked_mul(millis).map(Duration::from_millis).filter(|d| !d.is_zero()).ok_or_else(form)
}

/// Parses `500MB` (decimal) and `10GiB` (binary).
///
/// # Errors
/// A sentence that shows the form.
pub(crate) fn size(text: &str) -> Result<ByteCount, String> {
    let form = || "write a number and a unit, as `500MB` or `10GiB`".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(form)?;
    let number: u64 = number.parse().map_err(|_| form())?;
    let factor = match unit {
        "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(form()),
    };
    number.checked_mul(factor).filter(|bytes| *bytes > 0).map(ByteCount).ok_or_else(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_are_never_zero() {
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        for bad in ["", "15", "m", "0s", "-1s", "1.5h", "99999999999999999999d", "1é"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_know_both_thousands() {
        assert_eq!(size("10GiB"), Ok(ByteCount(10 << 30)));
        assert_eq!(size("50MB"), Ok(ByteCount(50_000_000)));
        assert!(size("10").is_err() && size("0B").is_err());
    }

    #[test]
    fn a_bound_listener_names_session_and_skill() {
        let good = bound("127.0.0.1:3129=ses_01h455vb4pex5vsknk084sn02q/weather@1.2.0").unwrap();
        assert_eq!(good.skill.0.as_str(), "weather");
        assert!(bound("127.0.0.1:3129=weather@1.2.0").is_err());
    }
}
