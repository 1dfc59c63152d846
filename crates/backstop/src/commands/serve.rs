//! `backstop serve`: the gateway, until SIGTERM or SIGINT.

use super::remote::{Whereabouts, token_file};
use crate::cli::Format;
use crate::config::Config;
use crate::descriptors;
use crate::policies;
use crate::run::{LookUps, Running, Surroundings};
use anyhow::{Context, Result};
use backstop_gate::{SystemResolver, TcpConfig, TcpWire};
use backstop_policy::Level;
use serde_json::json;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Runs until told to stop; a limb that fails stops it too.
pub(crate) async fn run(mut config: Config, format: Format) -> Result<ExitCode> {
    config.max_connections = descriptors::fit(config.max_connections);
    // Signals first: one that comes while starting must not be lost.
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let sources = policies::read(&config.policy).map_err(super::usage)?;
    let around = Surroundings {
        resolver: Arc::new(SystemResolver::new(config.resolve_timeout)),
        look_ups: LookUps::Upstreams,
        wire: Arc::new(TcpWire::new(TcpConfig {
            connect: config.connect_timeout,
            ..TcpConfig::default()
        })),
    };
    let mut running = Running::start(&config, around, sources).await?;
    running.watch_policies(&config);
    let file = Whereabouts::file(&config.state);
    announce(&running, &config, &file, format)?;
    let ended = tokio::select! {
        _ = terminate.recv() => Ok("SIGTERM"),
        _ = interrupt.recv() => Ok("SIGINT"),
        fault = running.first_end() => Err(fault),
    };
    let stopped = match ended {
        Ok(signal) => {
            tracing::info!(signal, drain = ?config.drain, "draining: live tunnels may end by themselves");
            // A second signal means now.
            let now = async {
                tokio::select! {
                    _ = terminate.recv() => tracing::warn!("a second SIGTERM: cut"),
                    _ = interrupt.recv() => tracing::warn!("a second SIGINT: cut"),
                }
            };
            running.stop(config.drain, now).await
        }
        Err(fault) => {
            let stopped = running.stop(std::time::Duration::from_secs(5), std::future::pending());
            if let Err(other) = stopped.await {
                tracing::error!("{other:#}");
            }
            Err(fault)
        }
    };
    // Commands find the gateway until its API is gone: live tunnels are governed to the end.
    let _gone = std::fs::remove_file(&file);
    stopped.map(|()| ExitCode::SUCCESS)
}

/// Says that it is ready: a line on standard output, and a file for commands.
fn announce(running: &Running, config: &Config, file: &Path, format: Format) -> Result<()> {
    let at = Whereabouts {
        api: running.api(),
        proxy: running.proxies().to_vec(),
        pid: std::process::id(),
    };
    let temporary = file.with_extension("new");
    std::fs::write(&temporary, serde_json::to_vec(&at)?)
        .and_then(|()| std::fs::rename(&temporary, file))
        .with_context(|| format!("cannot write `{}`", file.display()))?;
    let mut out = std::io::stdout().lock();
    let resolvers = running.resolvers();
    let texts =
        |places: &[SocketAddr]| -> Vec<String> { places.iter().map(ToString::to_string).collect() };
    let path = config.dns.https.as_ref().map_or("", |https| https.path.as_str());
    let https: Vec<String> =
        resolvers.https.iter().map(|at| format!("https://{at}{path}")).collect();
    let dnstap = config.dns.dnstap.as_ref().filter(|_| resolvers.filter.is_some());
    let dnstap = dnstap.map(ToString::to_string);
    let rules = resolvers.filter.as_ref().map(|filter| Arc::clone(&filter.rules()));
    let zones = rules.as_ref().map_or(&[][..], |rules| rules.zones());
    let faults = running.diagnostics().iter().filter(|d| d.level == Level::Error).count();
    match format {
        Format::Json => writeln!(
            out,
            "{}",
            json!({
                "event": "ready", "api": at.api.to_string(),
                "proxy": at.proxy.first().map(ToString::to_string),
                "proxies": at.proxy.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "dns": texts(&resolvers.plain),
                "dns_tls": texts(&resolvers.tls),
                "dns_https": https,
                "dnstap": dnstap,
                "rpz": zones.iter().map(|zone| zone.name().to_string()).collect::<Vec<_>>(),
                "pid": at.pid, "policy_faults": faults,
                "token_file": token_file(&config.state).display().to_string(),
            })
        )?,
        Format::Text => {
            for proxy in &at.proxy {
                writeln!(out, "proxy   http://{proxy}")?;
            }
            for resolver in &resolvers.plain {
                writeln!(out, "dns     {resolver}")?;
            }
            for resolver in &resolvers.tls {
                writeln!(out, "dns     tls://{resolver}")?;
            }
            for resolver in &https {
                writeln!(out, "dns     {resolver}")?;
            }
            if let Some(target) = &dnstap {
                writeln!(out, "dnstap  {target}")?;
            }
            for zone in zones {
                let (name, serial, rules) = (zone.name(), zone.serial(), zone.len());
                writeln!(out, "rpz     {name} (serial {serial}, {rules} rules)")?;
            }
            writeln!(out, "api     http://{}", at.api)?;
            writeln!(out, "token   {}", token_file(&config.state).display())?;
            writeln!(out, "policy  {}", running.gate().policy().digest())?;
            if faults > 0 {
                writeln!(out, "policy faults: {faults} (see the log, or `backstop check`)")?;
            }
            writeln!(out, "ready")?;
        }
    }
    out.flush()?;
    Ok(())
}
