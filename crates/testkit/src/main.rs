//! `testkit`: the servers and loads of `backstop_testkit` in a process of their own. Servers print
//! one line of JSON with their address, and one more with their counters for every line on stdin;
//! they end with stdin. Loads print one line of JSON. Never shipped.
#![allow(clippy::disallowed_methods, reason = "a test tool")]

use std::io::BufRead as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use backstop_testkit::hello::Hello;
use backstop_testkit::load::{self, Inside, Proxy, bulk, connect, flood, get, slow, tunnels};
use backstop_testkit::upstream::Recording;
use backstop_testkit::{Attacker, Upstream, bench, train};
use clap::{Args, Parser, Subcommand};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;

#[derive(Parser)]
#[command(about = "Servers and loads for tests of Backstop")]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// An HTTP/1.1 server with built-in answers (`/bytes/N`, `/slow`, …)
    Upstream {
        /// Where to listen; port 0 takes a free one
        #[arg(long)]
        listen: SocketAddr,
        /// Serve TLS with this certificate chain (PEM)
        #[arg(long, requires = "key")]
        certificate: Option<PathBuf>,
        /// … and its key (PEM)
        #[arg(long)]
        key: Option<PathBuf>,
    },
    /// Sends every byte back
    Mirror {
        /// Where to listen
        #[arg(long)]
        listen: SocketAddr,
    },
    /// Counts whatever arrives, TCP and UDP
    Attacker {
        /// The address
        #[arg(long)]
        ip: std::net::IpAddr,
        /// The ports
        #[arg(long, value_delimiter = ',')]
        ports: Vec<u16>,
    },
    /// Compares Backstop's proxy with others (`cargo xtask bench proxy`)
    Bench {
        /// The release binary of Backstop
        #[arg(long)]
        backstop: PathBuf,
        /// target/tools, for Envoy
        #[arg(long)]
        tools: PathBuf,
        /// Where to write the results
        #[arg(long)]
        out: PathBuf,
        /// How often to go through all
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Requests of the closed loop; the other loads follow
        #[arg(long, default_value_t = 20_000)]
        requests: usize,
        /// Only these: backstop, tinyproxy, squid, envoy
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
    },
    /// A day's work for the binary's profile (`cargo xtask dist`)
    Train {
        /// The binary that counts
        #[arg(long)]
        backstop: PathBuf,
    },
    /// Sends load, to this machine only
    Load {
        #[command(subcommand)]
        load: Load,
    },
}

#[derive(Args, Clone)]
struct Way {
    /// The proxy
    #[arg(long)]
    proxy: SocketAddr,
    /// The value of Proxy-Authorization
    #[arg(long)]
    authorization: Option<String>,
    /// The CONNECT target, host:port
    #[arg(long)]
    authority: String,
    /// Speak real TLS, trusting this CA (PEM); without it a hand-made ClientHello
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Speak neither: raw bytes
    #[arg(long, conflicts_with = "ca")]
    raw: bool,
}

#[derive(Subcommand)]
enum Load {
    /// GET requests over keep-alive connections
    Get {
        /// Where to connect: proxy or upstream
        #[arg(long)]
        to: SocketAddr,
        /// The request's target
        #[arg(long)]
        target: String,
        /// The value of Host
        #[arg(long)]
        host: String,
        /// The value of Proxy-Authorization
        #[arg(long)]
        authorization: Option<String>,
        /// Connections at once
        #[arg(long, default_value_t = 1)]
        connections: usize,
        /// Requests in all
        #[arg(long, default_value_t = 1)]
        requests: usize,
        /// Requests a second; without it as fast as they go
        #[arg(long)]
        rate: Option<f64>,
        /// The status to expect
        #[arg(long, default_value_t = 200)]
        expect: u16,
    },
    /// One large body
    Bulk {
        /// Where to connect: proxy or upstream
        #[arg(long)]
        to: SocketAddr,
        /// The request's target
        #[arg(long)]
        target: String,
        /// The value of Host
        #[arg(long)]
        host: String,
        /// The value of Proxy-Authorization
        #[arg(long)]
        authorization: Option<String>,
    },
    /// Tunnels one after another, from dial to first byte
    Connect {
        #[command(flatten)]
        way: Way,
        /// At once
        #[arg(long, default_value_t = 1)]
        connections: usize,
        /// In all
        #[arg(long, default_value_t = 1)]
        count: usize,
    },
    /// The same without a proxy, for comparison: dial to first mirrored byte
    Dial {
        /// The mirror
        #[arg(long)]
        to: SocketAddr,
        /// At once
        #[arg(long, default_value_t = 1)]
        connections: usize,
        /// In all
        #[arg(long, default_value_t = 1)]
        count: usize,
    },
    /// New tunnels at a rate, whatever becomes of them: each carries a byte and ends
    Flood {
        #[command(flatten)]
        way: Way,
        /// Tunnels a second
        #[arg(long, default_value_t = 4000)]
        rate: u64,
        /// Seconds until the end
        #[arg(long, default_value_t = 5)]
        seconds: u64,
    },
    /// Many tunnels at once; says `held`, then at every line on stdin proves them alive; ends with stdin
    Tunnels {
        #[command(flatten)]
        way: Way,
        /// How many
        #[arg(long)]
        count: usize,
        /// In the making at once
        #[arg(long, default_value_t = 64)]
        parallel: usize,
    },
    /// Clients that send one byte per interval
    Slow {
        /// The proxy
        #[arg(long)]
        to: SocketAddr,
        /// How many
        #[arg(long)]
        clients: usize,
        /// Milliseconds between two bytes
        #[arg(long, default_value_t = 1000)]
        interval: u64,
        /// Seconds until the end
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Sent at once before
        #[arg(long, default_value = "")]
        opening: String,
        /// Dribble a ClientHello for that name instead of the text
        #[arg(long)]
        hello: Option<String>,
        /// What they send
        #[arg(long, default_value = "GET http://slow.example/ HTTP/1.1\r\nhost: slow.example\r\n")]
        text: String,
    },
}

fn main() -> anyhow::Result<()> {
    load::raise_descriptors()?;
    match Cli::parse().what {
        What::Upstream { listen, certificate, key } => {
            let tls = match (certificate, key) {
                (Some(certificate), Some(key)) => {
                    let chain: Vec<_> =
                        CertificateDer::pem_file_iter(certificate)?.collect::<Result<_, _>>()?;
                    Some(backstop_testkit::ca::server_config(
                        chain,
                        PrivateKeyDer::from_pem_file(key)?,
                    ))
                }
                _ => None,
            };
            let upstream = Upstream::start(listen, tls, Recording::Counts);
            report(
                upstream.address(),
                || json!({ "requests": upstream.requests(), "bytes": upstream.bytes(), "connections": upstream.connections() }),
            )
        }
        What::Mirror { listen } => {
            let mirror = Upstream::mirror(listen);
            report(
                mirror.address(),
                || json!({ "bytes": mirror.bytes(), "connections": mirror.connections() }),
            )
        }
        What::Attacker { ip, ports } => {
            let ports = if ports.is_empty() { backstop_testkit::attacker::PORTS } else { &ports };
            let attacker = Attacker::listen(ip, ports);
            report(
                SocketAddr::new(ip, 0),
                || json!({ "bytes": attacker.bytes(), "connections": attacker.connections() }),
            )
        }
        What::Bench { backstop, tools, out, rounds, requests, only } => {
            bench::run(&bench::Plan { backstop, tools, out, rounds, requests, only })
        }
        What::Train { backstop } => train::run(&backstop),
        What::Load { load } => run(load),
    }
}

/// Prints the address, then the counters for every line on stdin, until stdin ends.
fn report(address: SocketAddr, counters: impl Fn() -> serde_json::Value) -> anyhow::Result<()> {
    println!("{}", json!({ "event": "listening", "address": address }));
    for line in std::io::stdin().lock().lines() {
        line?;
        println!("{}", counters());
    }
    Ok(())
}

fn run(load: Load) -> anyhow::Result<()> {
    let summary = match load {
        Load::Get { to, target, host, authorization, connections, requests, rate, expect } => {
            let gets =
                get::Gets { to, target, host, authorization, connections, requests, rate, expect };
            let (summary, histogram) = load::run(get::run(&gets))?;
            let mut line = summary.to_json();
            if let Some(line) = line.as_object_mut() {
                line.insert("histogram".to_owned(), histogram.to_json());
            }
            println!("{line}");
            return Ok(());
        }
        Load::Bulk { to, target, host, authorization } => {
            let done = load::run(bulk::run(to, &target, &host, authorization.as_deref()))?;
            let seconds = done.elapsed.as_secs_f64();
            let rate = done.bytes as f64 / 1e6 / seconds;
            println!(
                "{}",
                json!({ "bytes": done.bytes, "seconds": seconds, "megabytes_per_second": rate })
            );
            return Ok(());
        }
        Load::Connect { way, connections, count } => {
            let (proxy, inside) = way.parts()?;
            let direct = proxy.address;
            let connects = connect::Connects {
                proxy: Some(proxy),
                direct,
                authority: way.authority,
                inside,
                connections,
                count,
            };
            load::run(connect::run(&connects))?
        }
        Load::Dial { to, connections, count } => {
            let connects = connect::Connects {
                proxy: None,
                direct: to,
                authority: String::new(),
                inside: Inside::Raw,
                connections,
                count,
            };
            load::run(connect::run(&connects))?
        }
        Load::Flood { way, rate, seconds } => {
            let (proxy, inside) = way.parts()?;
            let flood = flood::Flood {
                proxy,
                authority: way.authority,
                inside,
                rate,
                duration: Duration::from_secs(seconds),
            };
            println!("{}", load::run(flood::run(&flood))?);
            return Ok(());
        }
        Load::Tunnels { way, count, parallel } => {
            let (proxy, inside) = way.parts()?;
            return hold(tunnels::Tunnels {
                proxy,
                authority: way.authority,
                inside,
                count,
                parallel,
            });
        }
        Load::Slow { to, clients, interval, seconds, opening, hello, text } => {
            let slow = slow::Slow {
                to,
                opening: opening.into_bytes(),
                bytes: hello.map_or(text.into_bytes(), |name| Hello::for_name(&name).bytes()),
                clients,
                interval: Duration::from_millis(interval),
                duration: Duration::from_secs(seconds),
            };
            println!("{}", load::run(slow::run(&slow))?);
            return Ok(());
        }
    };
    println!("{}", summary.to_json());
    Ok(())
}

fn hold(tunnels: tunnels::Tunnels) -> anyhow::Result<()> {
    load::run(async {
        let local = tokio::task::LocalSet::new();
        local
            .run_until(async {
                let mut held = tunnels::hold(&tunnels).await?;
                println!("{}", held.to_json());
                for line in std::io::stdin().lock().lines() {
                    line?;
                    let (alive, summary) = held.alive().await;
                    println!(
                        "{}",
                        json!({ "event": "alive", "alive": alive, "echo": summary.to_json() })
                    );
                }
                Ok(())
            })
            .await
    })
}

impl Way {
    fn parts(&self) -> anyhow::Result<(Proxy, Inside)> {
        let name =
            self.authority.rsplit_once(':').context("the authority is host:port")?.0.to_owned();
        let inside = match &self.ca {
            _ if self.raw => Inside::Raw,
            None => Inside::Hello(name),
            Some(path) => {
                let mut roots = rustls::RootCertStore::empty();
                roots.add(CertificateDer::from_pem_file(path)?)?;
                Inside::Tls(name, Arc::clone(&backstop_testkit::ca::client_config(roots)))
            }
        };
        Ok((Proxy { address: self.proxy, authorization: self.authorization.clone() }, inside))
    }
}
