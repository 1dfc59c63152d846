//! The one table of configuration keys: name, default, meaning. `config show`, the reference page
//! and the parser all read it.

/// One configuration key.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The dotted key; in the file it is nested, in the environment `BACKSTOP_` and upper case.
    pub(crate) key: &'static str,
    /// The default, as text. Empty means not set.
    pub(crate) default: &'static str,
    /// What it is for, with its unit.
    pub(crate) meaning: &'static str,
    /// Whether it takes several values (a YAML sequence, or a comma-separated text).
    pub(crate) many: bool,
    /// Whether its value is secret: `config show` prints `[set]`.
    pub(crate) secret: bool,
}

const fn one(key: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { key, default, meaning, many: false, secret: false }
}

const fn many(key: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { key, default, meaning, many: true, secret: false }
}

const fn secret(key: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting { key, default, meaning, many: false, secret: true }
}

/// Every key there is.
pub(crate) const SETTINGS: &[Setting] = &[
    one(
        "state",
        "",
        "folder of ledger and tokens; without it `$XDG_STATE_HOME/backstop`, `~/.local/state/backstop` or, for root, `/var/lib/backstop`",
    ),
    many("policy", "policy", "policy files and folders (`*.yaml`, `*.yml`)"),
    one(
        "policy_poll",
        "500ms",
        "how often policy files are looked at for changes (SIGHUP does it at once)",
    ),
    one("drain", "30m", "how long live tunnels may go on after SIGTERM"),
    many("proxy.listen", "127.0.0.1:3128", "addresses of the forward proxy; `none` for no proxy"),
    many(
        "proxy.bound",
        "",
        "listeners that stand for one session without a credential: `ADDR:PORT=ses_…/skill@version`",
    ),
    one("proxy.max_connections", "10000", "client connections in all"),
    one(
        "proxy.max_connections_per_session",
        "4000",
        "client connections, and live flows, of one session",
    ),
    one(
        "proxy.idle",
        "15m",
        "a tunnel without traffic is closed after this long, unless its row says otherwise",
    ),
    one("proxy.head_timeout", "10s", "how long a client may take for a request head"),
    one("proxy.hello_timeout", "10s", "how long a client may take for its ClientHello"),
    one("proxy.upload_timeout", "5m", "how long a client may take for a request body"),
    one(
        "inspect.body_cap",
        "1MiB",
        "the largest body that is held and looked at; a larger one is refused (413), or, where its row has `overCap: window`, judged in windows",
    ),
    one("inspect.budget", "64MiB", "bodies that are held at one time; past it 503"),
    one("inspect.session_share", "16MiB", "the share of one session in that"),
    many(
        "detect.packs",
        "",
        "files of further detectors, as those in `crates/detect/packs` (YAML)",
    ),
    many("detect.recognizers", "", "files of further recognizers, as Presidio writes them (YAML)"),
    one(
        "detect.analyzer.url",
        "",
        "an external analyzer that is asked about each text of a body or query besides, as Presidio's `/analyze`: `https://host[:port][/path]`, or `http` on this machine; if it fails, what it was asked about is refused",
    ),
    one(
        "detect.analyzer.deadline",
        "5s",
        "how long all its answers for one payload may take; past it the payload is refused",
    ),
    many("detect.analyzer.languages", "en", "the languages that each text is asked in"),
    one("detect.analyzer.threshold", "0.5", "the score below which its findings do not count"),
    many(
        "secrets.rules",
        "",
        "files of further credential formats, as gitleaks writes them (TOML)",
    ),
    many(
        "secrets.canaries",
        "",
        "files of values that must never leave, `NAME=VALUE` in each line, readable by nobody else",
    ),
    many(
        "dns.listen",
        "",
        "addresses of the filtering resolver, UDP and TCP (usually `127.0.0.1:1053`); without one there is none",
    ),
    many(
        "dns.upstreams",
        "",
        "resolvers that permitted names are asked of: `ADDR`, `ADDR:PORT`, `tcp://ADDR`, `tls://ADDR#NAME` (DNS over TLS) or `https://ADDR/dns-query#NAME` (DNS over HTTPS; the certificate must be of NAME); the proxy's look-ups go there too",
    ),
    many(
        "dns.clients",
        "",
        "who asks: `FROM=TENANT/SKILL@VERSION` or `FROM=TENANT/SKILL@VERSION:ROLE`; `FROM` is an address, a CIDR, or the `ADDR:PORT` of a listener; `*` as skill stands for the tenant's rows alone; `option` as `FROM` is a client that a trusted peer names (docs/dns.md). Nobody else is answered",
    ),
    many(
        "dns.tls.listen",
        "",
        "addresses of DNS over TLS (usually port 853); without one there is none",
    ),
    one("dns.tls.certificate", "", "PEM file of its certificate chain, read again when it changes"),
    one("dns.tls.key", "", "PEM file of the key"),
    many(
        "dns.https.listen",
        "",
        "addresses of DNS over HTTPS, by HTTP/2 and HTTP/1.1 (usually port 443); without one there is none",
    ),
    one(
        "dns.https.certificate",
        "",
        "PEM file of its certificate chain; without it those of `dns.tls`",
    ),
    one("dns.https.key", "", "PEM file of the key"),
    one("dns.https.path", "/dns-query", "path at which questions are answered"),
    one(
        "dns.dnstap.file",
        "",
        "file to which questions and answers are written as dnstap; begun anew at a start and at 256 MiB, the one before is kept as `.old`",
    ),
    one(
        "dns.dnstap.socket",
        "",
        "path of a unix socket, or `ADDR:PORT`, at which a reader of dnstap (Frame Streams) listens",
    ),
    many(
        "dns.trusted_peers",
        "",
        "CIDRs of load balancers in front: what they say by PROXY protocol (version 2) or by the EDNS option 65413 of whom they ask for is believed; nobody else is",
    ),
    many(
        "dns.zones",
        "",
        "zones with upstreams of their own (the cluster's DNS): `cluster.local=10.96.0.10`; several of one zone add up",
    ),
    many(
        "dns.rpz",
        "",
        "response policy zones, in order: `NAME=FILE`, or `NAME primary=ADDR:PORT` for one that comes by AXFR and IXFR (several primaries are asked in order; `key=FILE` is a TSIG key in a file of mode 0600), behind it `policy=` (`given`, `disabled`, `passthru`, `drop`, `nxdomain`, `nodata`, `tcp-only`, `cname:NAME`) and `sinkhole=CIDR` for addresses of your own that its local data may name; read again when the file changes and on SIGHUP",
    ),
    one(
        "dns.doh_endpoints",
        "block",
        "names of public resolvers over HTTPS, and canaries such as `use-application-dns.net`: `block` refuses them unless a row declares them letter by letter, `allow` leaves them to policy",
    ),
    many(
        "dns.transfers",
        "",
        "zones of the policy's names for resolvers of others, by AXFR and IXFR: `ORIGIN=TENANT/SKILL@VERSION key=FILE from=CIDR notify=ADDR:PORT` (`*` as skill: the tenant's rows); `key` is a TSIG key in a file of mode 0600, `from` who may ask, `notify` who is told of changes; the last two may be repeated (docs/rpz.md)",
    ),
    one(
        "dns.payload.flag",
        "512B",
        "octets of distinct names that one client may ask under one wildcard row in a day before they are flagged",
    ),
    one("dns.payload.block", "4096B", "and before that row is closed to it for the day"),
    one(
        "dns.payload.block_all",
        "16KiB",
        "octets over all wildcard rows before all of them are closed to it for the day",
    ),
    one(
        "dns.payload.block_shared",
        "256KiB",
        "octets of distinct names that all clients of one entry of `dns.clients` together may ask under one wildcard row in a day before it is closed to those that brought `dns.payload.flag` themselves; a quarter more, and it is closed to all",
    ),
    one(
        "dns.payload.flag_answers",
        "16KiB",
        "octets of distinct record data that one client may be told under one wildcard row in a day before it is flagged",
    ),
    one("dns.payload.block_answers", "64KiB", "and before that row is closed to it for the day"),
    one(
        "dns.payload.flag_repeats",
        "16KiB",
        "octets, one for each question repeated upstream, that one client may cause under one wildcard row in a day before it is flagged",
    ),
    one("dns.payload.block_repeats", "64KiB", "and before that row is closed to it for the day"),
    one("api.listen", "127.0.0.1:8480", "address of API and metrics (loopback only)"),
    one(
        "api.analyzer",
        "open",
        "who may ask `/analyze`, `/anonymize` and their like: `open` (everyone on this machine, as Presidio's clients send no token), `token` (operator and runtime tokens) or `off`",
    ),
    one(
        "ledger.durability",
        "os",
        "`os`: a permit survives the death of the process; `disk`: it survives the power cut too (fsync)",
    ),
    one("ledger.retention.age", "30d", "how long events are kept"),
    one("ledger.retention.size", "10GiB", "how large the ledger may grow"),
    one("ledger.checkpoint_every", "1000", "rows between two signed checkpoints"),
    one(
        "ledger.witness",
        "none",
        "where checkpoints are also written: `none`, `stdout` or `file:PATH` (keep it off this machine)",
    ),
    one("network.resolve_timeout", "5s", "deadline of one name look-up"),
    one("network.connect_timeout", "10s", "deadline of one connection"),
    many(
        "network.nat64",
        "",
        "NAT64 prefixes of an IPv6-only network, beside 64:ff9b::/96 (RFC 6052)",
    ),
    many("network.extra_roots", "", "PEM files with trust roots beside the platform's"),
    secret(
        "network.upstream_proxy",
        "",
        "HTTP proxy that all egress goes through: `http[s]://[user:password@]host:port`",
    ),
    many("network.no_proxy", "", "hosts, suffixes and CIDRs that do not go through it"),
    one("log.level", "info", "`error`, `warn`, `info`, `debug`, `trace`, or a filter by module"),
    one("log.format", "text", "`text` or `json`, on standard error"),
];

/// The setting of that key.
pub(crate) fn find(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// The environment variable of a key: `proxy.listen` is `BACKSTOP_PROXY_LISTEN`.
pub(crate) fn variable(key: &str) -> String {
    format!("BACKSTOP_{}", key.replace('.', "_").to_ascii_uppercase())
}
