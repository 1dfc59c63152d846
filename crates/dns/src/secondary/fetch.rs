//! One zone from one primary, over TCP: which version it has, then what changed, then all of it.
//! Each step has a connection of its own. Next: `pace`.

use super::changes::Changes;
use super::image::{Image, Soa};
use super::incoming::{Came, Fault, Incoming, Limits, More, What, query};
use super::{compare, is_newer};
use crate::wire::tsig::{self, Checker, Key};
use backstop_gate::{Clock, OwnPlace, OwnSockets, OwnStream, Random};
use backstop_model::name::QueryName;
use std::cmp::Ordering;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

/// Where a zone comes from.
#[derive(Debug, Clone)]
pub struct Primary {
    /// Who has it.
    pub place: OwnPlace,
    /// The key that all messages are signed with.
    pub key: Option<Key>,
}

/// By what is fetched.
#[derive(Clone)]
pub struct Means {
    /// Ways out.
    pub sockets: OwnSockets,
    /// For signatures.
    pub clock: Arc<dyn Clock>,
    /// For ids.
    pub random: Arc<dyn Random>,
    /// How much is taken.
    pub limits: Limits,
}

/// How a newer version is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// What changed, if the primary knows; else all of it.
    Changes,
    /// All of it.
    Whole,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrived {
    /// What is here is the newest.
    Current,
    /// All of a newer version.
    Whole(Box<Image>),
    /// What changed.
    Changes(Changes),
}

/// Asks which version there is, and fetches it if it is newer than `ours`.
///
/// # Errors
/// [`Fault`].
pub async fn fetch(
    means: &Means,
    primary: &Primary,
    origin: &QueryName,
    ours: Option<&Soa>,
    way: Way,
) -> Result<Arrived, Fault> {
    let time = means.limits.time;
    let all = async {
        let Came::Soa(theirs) = ask(means, primary, origin, What::Soa, ours).await? else {
            return Err(Fault::Order("it does not answer with its SOA"));
        };
        let serial = ours.map(Soa::serial);
        let theirs = theirs.serial();
        if way == Way::Changes && serial.and_then(|s| compare(theirs, s)) == Some(Ordering::Equal) {
            return Ok(Arrived::Current);
        }
        if way == Way::Changes && ours.is_some() {
            match ask(means, primary, origin, What::Changes, ours).await {
                Ok(Came::Changes(changes)) => return Ok(Arrived::Changes(changes)),
                Ok(Came::Whole(image)) => return Ok(Arrived::Whole(image)),
                Ok(Came::Soa(_)) => return Ok(Arrived::Current),
                // Whoever cannot sign that cannot sign more.
                Err(fault @ (Fault::Signature(_) | Fault::Random(_))) => return Err(fault),
                // RFC 1995 §4: no IXFR there, or a single SOA that says "too much"; or a fault of it.
                Err(fault) => tracing::info!(
                    zone = %origin, primary = %primary.place,
                    "no changes are to be had, so all of the zone is fetched: {fault}"
                ),
            }
        }
        match ask(means, primary, origin, What::Whole, ours).await? {
            Came::Whole(image) if !is_newer(theirs, image.soa.serial()) => {
                Ok(Arrived::Whole(image))
            }
            Came::Whole(_) => Err(Fault::Order("it gives an older version than it says it has")),
            Came::Soa(_) | Came::Changes(_) => Err(Fault::Order("it does not give all of it")),
        }
    };
    timeout(time, all).await.unwrap_or(Err(Fault::Time(time)))
}

/// What the messages of one answer come to, without a primary: those of a capture, or of a fuzzer.
/// They have the id 0 and no signature; what stands behind the last one is left alone.
///
/// # Errors
/// [`Fault`], also where messages are missing.
pub fn read<'m>(
    messages: impl IntoIterator<Item = &'m [u8]>,
    origin: &QueryName,
    ours: Option<&Soa>,
    way: Way,
    limits: &Limits,
) -> Result<Arrived, Fault> {
    let what = match way {
        Way::Changes => What::Changes,
        Way::Whole => What::Whole,
    };
    let mut incoming = Incoming::new([0; 2], origin, what, ours.map(Soa::serial), limits);
    for message in messages {
        if incoming.message(message)? == More::Done {
            break;
        }
    }
    Ok(match incoming.finish()? {
        Came::Soa(_) => Arrived::Current,
        Came::Whole(image) => Arrived::Whole(image),
        Came::Changes(changes) => Arrived::Changes(changes),
    })
}

async fn ask(
    means: &Means,
    primary: &Primary,
    origin: &QueryName,
    what: What,
    ours: Option<&Soa>,
) -> Result<Came, Fault> {
    let silence = means.limits.silence;
    let mut id = [0; 2];
    means.random.fill(&mut id)?;
    let mut asked = query(id, origin, what, ours);
    let seconds = || means.clock.now().unix_seconds().cast_unsigned();
    let mut checker = primary.key.as_ref().map(|key| key.sign(&mut asked, seconds()));
    let mut stream = timeout(silence, begin(means, primary, &asked))
        .await
        .map_err(|_| Fault::Silence)?
        .map_err(unreachable)?;
    let mut incoming = Incoming::new(id, origin, what, ours.map(Soa::serial), &means.limits);
    let mut room = Vec::new();
    loop {
        timeout(silence, message(&mut stream, &mut room))
            .await
            .map_err(|_| Fault::Silence)?
            .map_err(unreachable)?;
        // The id is not signed, so it is looked at on both sides of the signature.
        if room.get(..2) != Some(&id) {
            return Err(Fault::Foreign("its id is not that of the query"));
        }
        let more = match checker.as_mut() {
            Some(checker) => incoming.message(&checked(checker, &room, seconds())?)?,
            None => incoming.message(&room)?,
        };
        if more == More::Done {
            break;
        }
    }
    if checker.is_some_and(|checker| !checker.complete()) {
        return Err(tsig::Fault::Unsigned.into());
    }
    incoming.finish()
}

/// The message without its signature. A refusal that is not signed says why, but proves nothing; it is
/// a fault either way.
fn checked(checker: &mut Checker, message: &[u8], now: u64) -> Result<Vec<u8>, Fault> {
    checker.check(message, now).map_err(|fault| match (fault, message.get(3)) {
        (tsig::Fault::Unsigned, Some(flags)) if flags & 0xF != 0 => Fault::Rcode(flags & 0xF),
        (fault, _) => fault.into(),
    })
}

async fn begin(means: &Means, primary: &Primary, asked: &[u8]) -> io::Result<OwnStream> {
    let mut stream = means.sockets.stream(&primary.place).await?;
    let length = u16::try_from(asked.len()).unwrap_or(u16::MAX);
    // One write, so that length and message go in one segment (RFC 7766 §8).
    stream.write_all(&[&length.to_be_bytes(), asked].concat()).await?;
    stream.flush().await?;
    Ok(stream)
}

async fn message(stream: &mut OwnStream, room: &mut Vec<u8>) -> io::Result<()> {
    let length = stream.read_u16().await?;
    room.resize(usize::from(length), 0);
    stream.read_exact(room).await?;
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "the form of `map_err`")]
fn unreachable(fault: io::Error) -> Fault {
    if fault.kind() == io::ErrorKind::UnexpectedEof {
        return Fault::Io("it closes the connection early".to_owned());
    }
    Fault::Io(fault.to_string())
}
