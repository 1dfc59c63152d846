//! Tells a secondary that a zone has changed (RFC 1996), until it says that it has heard. A lost
//! one costs nothing but time: secondaries ask by themselves too. Next: `server`.

use super::messages::soa;
use crate::wire::tsig::Key;
use backstop_gate::{Clock, OwnPlace, OwnSockets, Random, RandomFault};
use backstop_model::name::{QueryName, QueryType};
use std::io;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Why a secondary was not told.
#[derive(Debug, thiserror::Error)]
pub enum NotifyFault {
    /// It did not say that it heard.
    #[error("it did not answer")]
    Silence,
    /// No socket, or nobody there.
    #[error("cannot send: {0}")]
    Socket(#[from] io::Error),
    /// No id that nobody can guess.
    #[error(transparent)]
    Random(#[from] RandomFault),
}

/// Tells it, five times at most, each time waiting twice as long.
///
/// # Errors
/// [`NotifyFault`], when all of them went unheard.
pub async fn notify(
    sockets: &OwnSockets,
    place: &OwnPlace,
    key: &Key,
    (origin, serial): (&QueryName, u32),
    (clock, random): (&dyn Clock, &dyn Random),
) -> Result<(), NotifyFault> {
    let mut wait = FIRST;
    let mut fault = NotifyFault::Silence;
    for _ in 0..TRIES {
        let until = Instant::now() + wait;
        match once(sockets, place, key, (origin, serial), (clock, random), until).await {
            Ok(()) => return Ok(()),
            Err(other) => fault = other,
        }
        tokio::time::sleep_until(until).await;
        wait *= 2;
    }
    Err(fault)
}

async fn once(
    sockets: &OwnSockets,
    place: &OwnPlace,
    key: &Key,
    (origin, serial): (&QueryName, u32),
    (clock, random): (&dyn Clock, &dyn Random),
    until: Instant,
) -> Result<(), NotifyFault> {
    let mut id = [0; 2];
    random.fill(&mut id)?;
    let [i0, i1] = id;
    // Opcode 4, AA; the SOA in the answer section is a hint (RFC 1996 §3.7).
    let mut message = vec![i0, i1, 0x24, 0, 0, 1, 0, 1, 0, 0, 0, 0];
    message.extend_from_slice(origin.as_wire());
    let [t0, t1] = QueryType::SOA.0.to_be_bytes();
    message.extend_from_slice(&[t0, t1, 0, 1]);
    soa(&mut message, serial);
    let seconds = || clock.now().unix_seconds().cast_unsigned();
    let checker = key.sign(&mut message, seconds());
    let socket = sockets.datagrams(place)?;
    socket.send(&message).await?;
    let mut room = [0; 1_232];
    loop {
        let received = timeout_at(until, socket.receive(&mut room));
        let length = received.await.map_err(|_| NotifyFault::Silence)??;
        let answer = room.get(..length).unwrap_or_default();
        let heard = answer.starts_with(&id) && answer.get(2).is_some_and(|b| b & 0xF8 == 0xA0);
        // What is not signed is anybody's: it does not end the telling. Each is checked against
        // the query alone, so that a forged one spoils nothing.
        if heard && checker.clone().check(answer, seconds()).is_ok() {
            return Ok(());
        }
    }
}

const TRIES: u32 = 5;
const FIRST: Duration = Duration::from_secs(2);
