//! The listener: accepts, limits, sweeps, stops. Must not know HTTP. Next: `connection`.

use crate::config::Config;
use crate::connection::{self, House};
use crate::places::Places;
use crate::pool::Pool;
use crate::refusal;
use backstop_gate::Gate;
use backstop_model::attempt::Plane;
use backstop_model::control::Control;
use backstop_model::event::Asked;
use http::StatusCode;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// Serves proxy clients until `stop` is true, then lets live tunnels and requests finish within
/// `config.drain` and cuts what is left.
///
/// # Errors
/// Only where the listener has no address: a failing `accept` is waited out.
pub async fn serve(
    listener: TcpListener,
    gate: Gate,
    config: Arc<Config>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    gate.listeners().add(listener.local_addr()?);
    let ready = gate.readiness().announce("proxy");
    let pool = Arc::new(Pool::new(
        config.idle_per_destination,
        config.idle_in_all,
        config.upstream_keep_alive,
    ));
    let room = Arc::new(Semaphore::new(config.max_connections));
    let partings = Arc::new(Semaphore::new(PARTINGS));
    let places = Arc::new(Places::new(config.max_connections_per_session));
    let house = Arc::new(House { gate, config, pool, places });
    let mut connections = JoinSet::new();
    let mut tick = interval(SWEEP);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut patience = FIRST_PAUSE;
    ready.ready();
    loop {
        let client = tokio::select! {
            () = stopped(&mut stop) => break,
            _ = tick.tick() => {
                house.pool.sweep();
                continue;
            }
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => client,
                Err(fault) => {
                    // Out of files or memory: the backlog keeps the client while others end.
                    // A client that has gone already costs nothing.
                    if !is_of_the_client(&fault) {
                        tracing::warn!(%fault, "cannot accept, waiting");
                        sleep(patience).await;
                        patience = (patience * 2).min(LAST_PAUSE);
                    }
                    continue;
                }
            },
        };
        patience = FIRST_PAUSE;
        let _best_effort = client.set_nodelay(true);
        match Arc::clone(&room).try_acquire_owned() {
            Ok(place) => {
                let (house, stop) = (Arc::clone(&house), stop.clone());
                connections.spawn(async move {
                    connection::serve(&house, client, stop).await;
                    drop(place);
                });
            }
            Err(_) => {
                let answer = full(&house);
                let _best_effort = client.try_write(&answer);
                if let Ok(place) = Arc::clone(&partings).try_acquire_owned() {
                    connections.spawn(part(client, place));
                }
            }
        }
    }
    drop(listener);
    ready.wait();
    house.pool.clear();
    let rest = async { while connections.join_next().await.is_some() {} };
    if timeout(house.config.drain, rest).await.is_err() {
        tracing::warn!(left = connections.len(), "cutting what has not ended in time");
    }
    connections.shutdown().await;
    house.pool.clear();
    Ok(())
}

/// Waits until the process stops (or nobody is left who could say so).
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _guard = stop.wait_for(|stop| *stop).await;
}

/// The answer where no place is left.
fn full(house: &House) -> Vec<u8> {
    let asked = Asked {
        plane: Plane::Proxy,
        host: String::new(),
        port: 0,
        act: "accept".to_owned(),
        path: String::new(),
    };
    let why = format!("all {} client connections are in use", house.config.max_connections);
    let refusal = house.gate.refuse(None, asked, Control::Limit, why);
    refusal::bare_answer(&refusal, StatusCode::SERVICE_UNAVAILABLE)
}

/// Reads on for a moment, so that the close does not turn into a reset that eats the answer.
async fn part(mut client: TcpStream, place: OwnedSemaphorePermit) {
    let parting = async {
        tokio::io::AsyncWriteExt::shutdown(&mut client).await?;
        let mut scratch = [0u8; 1_024];
        while client.read(&mut scratch).await? > 0 {}
        io::Result::Ok(())
    };
    let _best_effort = timeout(PARTING, parting).await;
    drop(place);
}

fn is_of_the_client(fault: &io::Error) -> bool {
    matches!(
        fault.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

/// How often idle upstream connections are looked through.
const SWEEP: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_secs(1);
/// LIMIT: refused clients that are still being told so.
const PARTINGS: usize = 64;
const PARTING: Duration = Duration::from_millis(500);
