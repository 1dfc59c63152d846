//! What a cut leaves behind stays behind: not even what TLS had taken already is sent on.

use crate::house::*;
use backstop_gate::{Answer, Config, NetworkConfig, Trust};
use backstop_model::standing::Quarantined;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A TLS server that shakes hands, reads nothing until it is told to, and then reads all there is.
/// It answers how many bytes of content that was.
async fn reluctant(names: &[&str]) -> (SocketAddr, String, oneshot::Sender<()>, JoinHandle<usize>) {
    let (acceptor, root) = tls_server(names);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (read, told) = oneshot::channel();
    let reading = tokio::spawn(async move {
        let mut stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        told.await.unwrap();
        let (mut all, mut buffer) = (0, vec![0; 64 * 1024]);
        // However it ends: a cut connection has no proper end.
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            all += read;
        }
        all
    });
    (address, root, read, reading)
}

#[tokio::test]
async fn a_cut_wakes_a_shutdown_and_leaves_what_tls_had_buffered_behind() {
    let (address, pem, read, reading) = reluctant(&["api.weather.example"]).await;
    let roots = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(roots.path(), pem).unwrap();
    let trust = Trust::Only(vec![roots.path().to_owned()]);
    let config = Config {
        network: NetworkConfig { trust, ..Default::default() },
        // Only what an act of the control causes cuts here.
        sweep_every: Duration::from_secs(3_600),
        ..Default::default()
    };
    let house = House::with_server(config, address).await;
    house.names.set("api.weather.example", &[OTHER]);
    let session = house.session().await;
    let answer = house.gate.ask(&session, get("https://api.weather.example/")).await;
    let Answer::Permit(permit) = answer else { panic!("{answer:?}") };
    let mut flow = permit.dial().await.unwrap();
    let handle = flow.handle();
    // Until socket and TLS take no more.
    let block = vec![0; 16 * 1024];
    let mut taken = 0;
    let idle = Duration::from_millis(100);
    while let Ok(written) = tokio::time::timeout(idle, flow.write(&block)).await {
        taken += written.unwrap();
    }
    let mut ending = tokio::spawn(async move {
        let ended = flow.shutdown().await;
        (flow, ended)
    });
    tokio::task::yield_now().await;
    assert!(!ending.is_finished(), "it waits for the server to read");
    let target = Quarantined::Session(session.id().clone());
    let control = house.gate.control();
    control.quarantine(&house.operator, target, "it sent data").await.unwrap();
    assert!(!handle.is_live());
    let woken = tokio::time::timeout(Duration::from_secs(1), &mut ending).await;
    let (mut flow, ended) = woken.expect("the cut wakes the shutdown").unwrap();
    ended.unwrap();
    read.send(()).unwrap();
    // The same again, as a plane may do after any fault.
    let _ = std::future::poll_fn(|cx| match std::pin::Pin::new(&mut flow).poll_shutdown(cx) {
        Poll::Ready(ended) => Poll::Ready(ended),
        Poll::Pending => panic!("a cut flow ends at once"),
    })
    .await;
    let arrived = reading.await.unwrap();
    assert!(arrived < taken, "{arrived} of {taken} bytes were in the socket before the cut");
    house.stop().await;
}
