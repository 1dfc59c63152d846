//! What `cargo xtask bench dns` runs beside other resolvers: the floor (a loop that receives a batch
//! and sends it back), our listeners with a service that answers at once, and an authority for
//! everybody to ask.
//!
//! `measure bare|front|authority ADDRESS THREADS`
//! `measure resolver ADDRESS THREADS NAMES UPSTREAM STATE`: the whole of it, gate, ledger and cache,
//! for the names of a file. `measure core ADDRESS 1 NAMES UPSTREAM STATE`: the same without a socket,
//! nanoseconds for each question that is permitted and cached, and for each refusal.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a tool for benchmarks"
)]

use backstop_dns::answer::{Answers, Limits};
use backstop_dns::body::Head;
use backstop_dns::cache;
use backstop_dns::forward::{self, Forwarder, Upstream};
use backstop_dns::server::{Config, Known, Now, Reply, Service, Source, Why, start};
use backstop_dns::service::{Names, Row};
use backstop_dns::wire::answer::{self, Finish, Limit};
use backstop_dns::wire::query::{self, Query};
use backstop_gate::names::{NameIdentity, NameSkill};
use backstop_gate::{
    Clock as _, Gate, OsRandom, OwnListeners, OwnSockets, Parts, SystemClock, SystemResolver,
    TcpWire,
};
use backstop_ledger::Ledger;
use backstop_model::addr::Cidr;
use backstop_model::id::{SkillName, SkillVersion, TenantName};
use backstop_model::name::QueryName;
use backstop_policy::{Level, Library, LoadContext};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};
use socket2::{Domain, Socket, Type};
use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::watch;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let address: SocketAddr = arguments[2].parse().unwrap();
    let threads: usize = arguments[3].parse().unwrap();
    match arguments[1].as_str() {
        "bare" => in_threads(address, threads, bare),
        "authority" => in_threads(address, threads, authority),
        "front" => front(address, threads, Constant),
        "resolver" => resolver(&arguments[4..], async |names| {
            serve(address, threads, names).await;
        }),
        "core" => resolver(&arguments[4..], async |names| core(&names, &arguments[4]).await),
        other => panic!("no mode `{other}`"),
    }
}

fn in_threads(address: SocketAddr, threads: usize, work: fn(&UdpSocket)) {
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None).unwrap();
            socket.set_reuse_port(true).unwrap();
            let _best_effort = socket.set_recv_buffer_size(4 << 20);
            socket.bind(&address.into()).unwrap();
            scope.spawn(move || work(&UdpSocket::from(socket)));
        }
    });
}

/// The floor: 64 datagrams in, the same 64 out with QR set, nothing read.
fn bare(socket: &UdpSocket) {
    const BATCH: usize = 64;
    let mut octets = Box::new([[0u8; 1_232]; BATCH]);
    let mut arrivals = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
    let mut departures = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
    let fd = socket.as_raw_fd();
    loop {
        let mut to = [None; BATCH];
        let mut lengths = [0; BATCH];
        let mut count = 0;
        {
            let mut slices = octets.each_mut().map(|octets| [IoSliceMut::new(octets)]);
            let flags = MsgFlags::MSG_WAITFORONE;
            let Ok(got) = recvmmsg(fd, &mut arrivals, slices.iter_mut(), flags, None) else {
                continue;
            };
            for message in got {
                (to[count], lengths[count]) = (message.address, message.bytes);
                count += 1;
            }
        }
        for octets in octets.iter_mut().take(count) {
            octets[2] |= 0x80;
        }
        let slices: [[IoSlice<'_>; 1]; BATCH] =
            std::array::from_fn(|number| [IoSlice::new(&octets[number][..lengths[number]])]);
        let _sent = sendmmsg(
            fd,
            &mut departures,
            &slices[..count],
            &to[..count],
            [],
            MsgFlags::MSG_DONTWAIT,
        );
    }
}

/// One address for every name, to be kept for an hour.
fn authority(socket: &UdpSocket) {
    let mut octets = [0; 4_096];
    let mut out = Vec::new();
    loop {
        let Ok((length, source)) = socket.recv_from(&mut octets) else { continue };
        let message = &octets[..length];
        let Ok(Query { manner, .. }) = query::read(message) else { continue };
        answer::begin(&mut out, &manner, message);
        let head = address(&mut out);
        answer::finish(
            &mut out,
            &manner,
            &Finish { head, error: None, cookie: None, limit: Limit::Known, keepalive: None },
        );
        let _sent = socket.send_to(&out, source);
    }
}

fn address(out: &mut Vec<u8>) -> Head {
    out.extend_from_slice(&[0xC0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4, 93, 184, 215, 14]);
    Head { rcode: 0, answers: 1, authorities: 0 }
}

/// The listeners as they are, before a service that costs nothing.
fn front(address: SocketAddr, threads: usize, service: impl Service) {
    runtime().block_on(serve(address, threads, service));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn serve(address: SocketAddr, threads: usize, service: impl Service) {
    let config = Config { listen: vec![address], threads, ..Config::default() };
    let server = start(config, service, &SystemClock, &OsRandom).unwrap();
    let (_stop, stopped) = watch::channel(false);
    server.run(stopped).await.unwrap();
}

/// Names of one tenant: a policy file has 1 MiB at most. `cargo xtask bench dns` divides them alike.
const PART: usize = 8_000;

/// A tenant that names each of the hosts.
fn policy(part: usize, names: &[&str]) -> String {
    let mut rows = String::new();
    let mut needs = String::new();
    for name in names {
        rows.push_str(&format!(
            "  - {{ host: {name}, owner: o, reason: r, reviewBy: \"2030-01-01\" }}\n"
        ));
        needs.push_str(&format!("  - {name}\n"));
    }
    format!(
        "apiVersion: backstop.dev/v1alpha1\nkind: Tenant\nmetadata: {{ name: bench{part} }}\nspec:\n  skills:\n  \
         - {{ name: asks{part}, version: 1.0.0 }}\n  egress:\n{rows}---\n\
         apiVersion: backstop.dev/v1alpha1\nkind: Skill\nmetadata: {{ name: asks{part}-1.0.0 }}\nspec:\n  name: asks{part}\n  \
         version: 1.0.0\n  egressRequirements:\n{needs}"
    )
}

fn resolver(rest: &[String], work: impl AsyncFnOnce(Names)) {
    let names = std::fs::read_to_string(&rest[0]).unwrap();
    let names: Vec<&str> = names.lines().collect();
    let sources: Vec<_> = names
        .chunks(PART)
        .enumerate()
        .map(|(part, names)| backstop_policy::Source {
            name: format!("bench{part}.yaml"),
            text: policy(part, names),
        })
        .collect();
    let parts = sources.len();
    let applied = Library::default().apply(&sources, &LoadContext::at(SystemClock.now()));
    for diagnostic in applied.diagnostics.iter().filter(|d| matches!(d.level, Level::Error)).take(5)
    {
        println!("{diagnostic:?}");
    }
    runtime().block_on(async {
        let directory = std::path::Path::new(&rest[2]).join("ledger");
        let config = backstop_ledger::Config { directory, ..Default::default() };
        let ledger = Ledger::open(config, Arc::new(|| SystemClock.now())).unwrap();
        let (_policy, watched) = watch::channel(applied.policy);
        let gate = Gate::new(Parts {
            config: backstop_gate::Config::default(),
            ledger,
            policy: watched,
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            resolver: Arc::new(SystemResolver::new(std::time::Duration::from_secs(2))),
            wire: Arc::new(TcpWire::default()),
        })
        .unwrap();
        let (_stop, stopped) = watch::channel(false);
        let running = gate.clone();
        tokio::spawn(async move { running.run(stopped).await });
        let upstreams = vec![Upstream::parse(&rest[1]).unwrap()];
        let forwarding = forward::Config { upstreams, ..forward::Config::default() };
        let sockets = OwnSockets::new(OwnListeners::default());
        let forwarder = Forwarder::new(forwarding, sockets, Arc::new(OsRandom));
        let times = cache::Config::default();
        let answers = Answers::new(forwarder, times, Limits::default(), Handle::current());
        let mut rows = Vec::new();
        for part in 0..parts {
            let place = format!("127.0.0.{}/32", part + 1);
            let from = Some(Cidr::parse(&place).unwrap());
            let who = NameIdentity {
                place,
                tenant: TenantName::parse(&format!("bench{part}")).unwrap(),
                skill: NameSkill::One(
                    SkillName::parse(&format!("asks{part}")).unwrap(),
                    SkillVersion::parse("1.0.0").unwrap(),
                ),
                role: None,
            };
            let session = gate.name_session(who).await.unwrap();
            rows.push(Row { listen: None, from, session });
        }
        work(Names::new(gate, answers, rows)).await;
    });
}

/// Questions in turn, each as it would come by the wire, to the service alone.
async fn core(names: &Names, file: &str) {
    const ROUNDS: usize = 200;
    let file = std::fs::read_to_string(file).unwrap();
    let listener = SocketAddr::from(([127, 0, 0, 1], 53));
    let client = names.client(listener, IpAddr::from([127, 0, 0, 1])).unwrap().client;
    let queries = |prefix: &str| -> Vec<Query> {
        let wire = |(number, name): (usize, &str)| {
            let name = format!("{}{name}", prefix.replace('#', &number.to_string()));
            let name = QueryName::from_text(&name).unwrap();
            [b"\0\0\x01\0\0\x01\0\0\0\0\0\0", name.as_wire(), b"\0\x01\0\x01"].concat()
        };
        file.lines().enumerate().map(wire).map(|wire| query::read(&wire).unwrap()).collect()
    };
    for (what, prefix) in [("permitted", ""), ("refused", "x#.")] {
        let queries = queries(prefix);
        let (mut best, mut desk) = (f64::INFINITY, names.desk());
        for round in 0..ROUNDS {
            let (mut out, start) = (Vec::with_capacity(4_096), Instant::now());
            let mut late = Vec::new();
            for query in &queries {
                out.clear();
                if let Now::Later(waiting) = names.now(&mut desk, &client, query, start, &mut out) {
                    late.push((query, waiting));
                }
            }
            if late.is_empty() {
                best = best.min(start.elapsed().as_nanos() as f64 / queries.len() as f64);
            }
            for (query, waiting) in late {
                names.later(client.clone(), waiting, query.clone(), Vec::new()).await;
            }
            if round % 50 == 0 {
                tokio::task::yield_now().await;
            }
        }
        println!("{what}: {best:.0} ns");
    }
}

struct Constant;

impl Service for Constant {
    type Client = ();
    type Waiting = ();
    type Desk = ();

    fn named(&self, _: IpAddr, _: &str) -> Option<Known<()>> {
        None
    }

    fn client(&self, _: SocketAddr, _: IpAddr) -> Option<Known<()>> {
        Some(Known { client: (), source: Source::Named })
    }

    fn now(&self, (): &mut (), (): &(), _: &Query, _: Instant, out: &mut Vec<u8>) -> Now<()> {
        Now::Reply(Reply { head: address(out), why: Why::Answered })
    }

    async fn later(&self, (): (), (): (), _: Query, mut out: Vec<u8>) -> (Reply, Vec<u8>) {
        (Reply { head: address(&mut out), why: Why::Answered }, out)
    }
}
