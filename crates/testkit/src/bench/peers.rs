//! How each proxy is started: forward proxy, no access log, no cache, one worker.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use serde_json::json;

use super::{PLAIN, PROXY, Plan, TUNNEL};
use crate::backstop::{Backstop, Setup};
use crate::client;
use crate::world::World;

/// A running proxy; dropping it ends it.
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) address: SocketAddr,
    pub(super) authorization: Option<String>,
    pub(super) pid: u32,
    _running: Running,
}

enum Running {
    Child(Child),
    /// Kept for its drop.
    Backstop(#[expect(dead_code, reason = "ends the process when dropped")] Box<Backstop>),
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Self::Child(child) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts all that the plan names.
pub(super) fn start(world: &World, plan: &Plan) -> anyhow::Result<Vec<Peer>> {
    let mut peers = Vec::new();
    let wanted = |name: &str| plan.only.is_empty() || plan.only.iter().any(|only| only == name);
    if wanted("backstop") {
        peers.push(backstop(world, plan)?);
    }
    if wanted("tinyproxy") {
        peers.push(tinyproxy(world)?);
    }
    if wanted("squid") {
        peers.push(squid(world)?);
    }
    if wanted("envoy") {
        peers.push(envoy(world, plan)?);
    }
    Ok(peers)
}

/// One plain row and one for tunnels; no role, so volume alerts and does not stop the benchmark.
fn policy() -> String {
    format!(
        "apiVersion: backstop.dev/v1alpha1\nkind: Tenant\nmetadata: {{ name: bench }}\nspec:\n\
         \x20 skills: [{{ name: load, version: 1.0.0 }}]\n  egress:\n\
         \x20 - {{ host: {PLAIN}, ports: [80], protocol: HTTP, owner: bench, reason: bench }}\n\
         \x20 - {{ host: {TUNNEL}, owner: bench, reason: bench }}\n---\n\
         apiVersion: backstop.dev/v1alpha1\nkind: Skill\nmetadata: {{ name: load-1.0.0 }}\nspec:\n  name: load\n  version: 1.0.0\n\
         \x20 egressRequirements:\n  - {{ host: {PLAIN}, ports: [80], protocol: HTTP }}\n  - {TUNNEL}\n"
    )
}

fn backstop(world: &World, plan: &Plan) -> anyhow::Result<Peer> {
    let version = world.output(world.command(&plan.backstop).arg("--version"));
    let binary = on_one_processor(world, &plan.backstop)?;
    let running = Backstop::start(world, Setup::new(world, binary, &policy()));
    let session = running.session("bench", &["load@1.0.0"]);
    Ok(Peer {
        name: "backstop".into(),
        version: version.split_whitespace().last().unwrap_or_default().to_owned(),
        address: running.proxy(),
        authorization: Some(session.authorization()),
        pid: running.pid(),
        _running: Running::Backstop(Box::new(running)),
    })
}

/// Started where it will run, so that it makes as many threads as it has processors: one, as
/// Envoy is told by its `--concurrency 1`.
fn on_one_processor(world: &World, binary: &Path) -> anyhow::Result<PathBuf> {
    let script = world.path().join("backstop-on-one-processor");
    let text =
        format!("#!/bin/sh\nexec taskset --cpu-list {PROXY} '{}' \"$@\"\n", binary.display());
    fs::write(&script, text)?;
    executable(&script)?;
    Ok(script)
}

fn tinyproxy(world: &World) -> anyhow::Result<Peer> {
    let config = world.path().join("tinyproxy.conf");
    // It logs nothing at this level, but wants a regular file.
    let log = world.path().join("tinyproxy.log");
    fs::write(
        &config,
        format!(
            "Port 3201\nListen 127.0.0.1\nTimeout 600\nMaxClients 10000\nLogLevel Critical\nLogFile \"{}\"\nConnectPort 443\nDisableViaHeader Yes\n",
            log.display()
        ),
    )?;
    let version = world.output(world.command("tinyproxy").arg("-v"));
    let mut command = world.command("tinyproxy");
    command.arg("-d").arg("-c").arg(&config);
    child(command, "tinyproxy", &version, 3201)
}

fn squid(world: &World) -> anyhow::Result<Peer> {
    let config = world.path().join("squid.conf");
    fs::write(
        &config,
        "http_port 127.0.0.1:3202\nhttp_access allow all\ncache deny all\naccess_log none\ncache_log /dev/null\n\
         cache_store_log none\npid_filename none\nnetdb_filename none\nvia off\nforwarded_for delete\nclient_persistent_connections on\n\
         server_persistent_connections on\npinger_enable off\nvisible_hostname bench\ncoredump_dir /\nmax_filedescriptors 20000\nshutdown_lifetime 0 seconds\n",
    )?;
    // squid gives up root before it reads its files.
    executable(world.path())?;
    let version = world.output(world.command("squid").arg("-v"));
    let mut command = world.command("squid");
    command.arg("-N").arg("-f").arg(&config);
    child(command, "squid", &version, 3202)
}

fn executable(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn envoy(world: &World, plan: &Plan) -> anyhow::Result<Peer> {
    let find =
        "import envoy, os; print(os.path.join(os.path.dirname(envoy.__file__), '_bin', 'envoy'))";
    let binary = world.output(world.command(plan.tools.join("venv/bin/python")).args(["-c", find]));
    let binary = binary.trim();
    let config = world.path().join("envoy.json");
    fs::write(&config, serde_json::to_string_pretty(&envoy_config())?)?;
    let version = world.output(world.command(binary).arg("--version"));
    let mut command = world.command(binary);
    command
        .args(["--concurrency", "1", "--log-level", "off", "--use-dynamic-base-id", "-c"])
        .arg(&config);
    child(command, "envoy", &version, 3203)
}

fn envoy_config() -> serde_json::Value {
    let filter = |name: &str, kind: &str, more: serde_json::Value| {
        let mut typed = json!({ "@type": format!("type.googleapis.com/envoy.extensions.{kind}") });
        if let (Some(typed), Some(more)) = (typed.as_object_mut(), more.as_object()) {
            typed.extend(more.clone());
        }
        json!({ "name": name, "typed_config": typed })
    };
    // The libc resolver reads the world's /etc/hosts as the others do.
    let resolver = filter(
        "envoy.network.dns_resolver.getaddrinfo",
        "network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig",
        json!({}),
    );
    let cache = json!({ "name": "dfp", "dns_lookup_family": "V4_ONLY", "typed_dns_resolver_config": resolver });
    let manager = filter(
        "envoy.filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        json!({
            "stat_prefix": "egress",
            "generate_request_id": false,
            "upgrade_configs": [{ "upgrade_type": "CONNECT" }],
            "http_filters": [
                filter("envoy.filters.http.dynamic_forward_proxy", "filters.http.dynamic_forward_proxy.v3.FilterConfig", json!({ "dns_cache_config": cache })),
                filter("envoy.filters.http.router", "filters.http.router.v3.Router", json!({})),
            ],
            "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [
                { "match": { "connect_matcher": {} }, "route": { "cluster": "dfp", "upgrade_configs": [{ "upgrade_type": "CONNECT", "connect_config": {} }] } },
                { "match": { "prefix": "/" }, "route": { "cluster": "dfp" } },
            ] }] },
        }),
    );
    json!({ "static_resources": {
        "listeners": [{ "name": "egress", "address": { "socket_address": { "address": "127.0.0.1", "port_value": 3203 } }, "filter_chains": [{ "filters": [manager] }] }],
        "clusters": [{
            "name": "dfp", "lb_policy": "CLUSTER_PROVIDED", "connect_timeout": "5s",
            "circuit_breakers": { "thresholds": [{ "max_connections": 20000, "max_pending_requests": 20000, "max_requests": 20000 }] },
            "cluster_type": filter("envoy.clusters.dynamic_forward_proxy", "clusters.dynamic_forward_proxy.v3.ClusterConfig", json!({ "dns_cache_config": cache })),
        }],
    } })
}

/// Starts a program and waits until it lets a client in.
fn child(mut command: Command, name: &str, version: &str, port: u16) -> anyhow::Result<Peer> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.spawn().with_context(|| format!("start {name}"))?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    client::eventually(name, || {
        if let Ok(Some(status)) = child.try_wait() {
            panic!("{name} ended before it was ready: {status}");
        }
        std::net::TcpStream::connect(address).ok()
    });
    let version = version
        .split(|c: char| c.is_whitespace() || c == '/')
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'));
    Ok(Peer {
        name: name.to_owned(),
        version: version.unwrap_or_default().to_owned(),
        address,
        authorization: None,
        pid: child.id(),
        _running: Running::Child(child),
    })
}
