//! Happy Eyeballs, version 2 (RFC 8305 §4 and §5): several addresses are tried, the first that
//! answers wins, the others are dropped. Must not know where the addresses come from. Next: `wire`.

use super::DialFault;
use crate::BoxFuture;
use backstop_model::control::Control;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// IPv6 first, then turn by turn, each family in the order of the answer (RFC 8305 §4, with a
/// First Address Family Count of 1).
pub(crate) fn interleave(places: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let (six, four): (Vec<_>, Vec<_>) = places.into_iter().partition(SocketAddr::is_ipv6);
    let (mut six, mut four) = (six.into_iter(), four.into_iter());
    let mut turns = VecDeque::with_capacity(six.len() + four.len());
    loop {
        let pair = (six.next(), four.next());
        if pair == (None, None) {
            return turns;
        }
        turns.extend(pair.0);
        turns.extend(pair.1);
    }
}

/// Tries `places` in order, the next one after `stagger` or as soon as one has failed.
///
/// # Errors
/// `upstream.reach` when none is left, with what each said; any other fault at once.
pub(crate) async fn race<'a, T, F>(
    mut places: VecDeque<SocketAddr>,
    stagger: Duration,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<(SocketAddr, T), DialFault>
where
    T: Send,
    F: Future<Output = Result<T, DialFault>> + Send + 'a,
{
    let mut tries: Vec<(SocketAddr, BoxFuture<'a, Result<T, DialFault>>)> = Vec::new();
    let mut faults: Vec<String> = Vec::new();
    let mut timer = pin!(sleep(Duration::ZERO));
    let mut start_next = true;
    loop {
        if std::mem::take(&mut start_next)
            && let Some(place) = places.pop_front()
        {
            tries.push((place, Box::pin(connect(place))));
            timer.as_mut().reset(Instant::now() + stagger);
        }
        if tries.is_empty() {
            return Err(DialFault::new(Control::UpstreamReach, told(&faults)));
        }
        tokio::select! {
            biased;
            (place, done) = poll_fn(|context| poll_tries(&mut tries, context)) => match done {
                Ok(stream) => return Ok((place, stream)),
                Err(fault) if fault.control == Control::UpstreamReach => {
                    faults.push(format!("{}: {}", place.ip(), fault.reason));
                    start_next = true;
                }
                Err(fault) => return Err(fault),
            },
            () = &mut timer, if !places.is_empty() => start_next = true,
        }
    }
}

fn poll_tries<T>(
    tries: &mut Vec<(SocketAddr, BoxFuture<'_, Result<T, DialFault>>)>,
    context: &mut Context<'_>,
) -> Poll<(SocketAddr, Result<T, DialFault>)> {
    let done = tries.iter_mut().enumerate().find_map(|(index, (place, attempt))| {
        match attempt.as_mut().poll(context) {
            Poll::Ready(done) => Some((index, *place, done)),
            Poll::Pending => None,
        }
    });
    match done {
        Some((index, place, done)) => {
            drop(tries.remove(index));
            Poll::Ready((place, done))
        }
        None => Poll::Pending,
    }
}

fn told(faults: &[String]) -> String {
    let few = faults.get(..FAULTS_TOLD.min(faults.len())).unwrap_or_default().join("; ");
    match faults.len().saturating_sub(FAULTS_TOLD) {
        0 => format!("no connection ({few})"),
        more => format!("no connection ({few}; and {more} more)"),
    }
}

/// LIMIT: how many addresses' faults stand in a reason.
const FAULTS_TOLD: usize = 3;
