//! How an address is reached: races, loops and deadlines.

use super::stage::{Stage, echoes};
use crate::BoxFuture;
use crate::exit::race::{interleave, race};
use crate::exit::wire::{self, TcpConfig, TcpWire};
use crate::exit::{DialFault, OwnListeners, Wire};
use backstop_model::control::Control;
use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

#[test]
fn families_take_turns_and_six_goes_first() {
    let places = |texts: &[&str]| -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    };
    let check = |given: &[&str], expect: &[&str]| {
        assert_eq!(Vec::from(interleave(places(given))), places(expect));
    };
    check(
        &["1.0.0.1:1", "1.0.0.2:1", "[1::1]:1", "[1::2]:1", "[1::3]:1"],
        &["[1::1]:1", "1.0.0.1:1", "[1::2]:1", "1.0.0.2:1", "[1::3]:1"],
    );
    check(&["1.0.0.2:1", "1.0.0.1:1"], &["1.0.0.2:1", "1.0.0.1:1"]);
    check(&[], &[]);
}

#[tokio::test]
async fn a_race_starts_the_next_on_failure_and_lets_none_linger() {
    let started = RefCell::new(Vec::new());
    let places = interleave((1..=5).map(|n| SocketAddr::from(([1, 0, 0, n], 1))).collect());
    // An hour between starts: only failures can start the next one in time.
    let won = race(places.clone(), Duration::from_secs(3_600), |place| {
        started.borrow_mut().push(place);
        async move {
            match place.ip() == Ipv4Addr::new(1, 0, 0, 3) {
                true => Ok("won"),
                false => Err(DialFault::new(Control::UpstreamReach, "refused")),
            }
        }
    })
    .await;
    assert_eq!(won.unwrap(), (places[2], "won"));
    assert_eq!(started.borrow().len(), 3);

    let lost = race(places, Duration::from_secs(3_600), |_| async {
        Err::<(), _>(DialFault::new(Control::UpstreamReach, "refused"))
    });
    let fault = lost.await.unwrap_err();
    assert_eq!(fault.control, Control::UpstreamReach);
    assert!(fault.reason.contains("1.0.0.3") && fault.reason.ends_with("and 2 more)"), "{fault}");
}

#[tokio::test]
async fn an_address_that_hangs_does_not_hold_up_the_others() {
    let mut stage = Stage::new();
    let server = stage.echo().await;
    stage.map("93.184.0.7:443", server);
    stage.hangs = vec!["2606:2800::7".parse().unwrap(), "2606:2800::8".parse().unwrap()];
    stage.script.answer("slow.example", &["2606:2800::7", "2606:2800::8", "93.184.0.7"]);
    let out = stage.open();
    let mut dialled = out.dial("slow.example:443").await.unwrap();
    echoes(&mut dialled).await;
    assert_eq!(out.dialled(), ["2606:2800::7", "93.184.0.7"], "the families took turns");
}

#[tokio::test]
async fn everything_has_one_deadline() {
    let mut stage = Stage::new();
    stage.config.deadline = Duration::from_millis(50);
    stage.hangs = vec!["93.184.0.7".parse().unwrap()];
    stage.script.answer("hang.example", &["93.184.0.7"]);
    let out = stage.open();
    let fault = out.dial("hang.example:443").await.unwrap_err();
    assert_eq!(fault.control, Control::UpstreamReach);
}

#[tokio::test]
async fn a_closed_port_is_told_as_such() {
    let mut stage = Stage::new();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    stage.map("93.184.0.7:443", socket.local_addr().unwrap());
    stage.script.answer("closed.example", &["93.184.0.7", "93.184.0.8"]);
    let fault = stage.open().dial("closed.example:443").await.unwrap_err();
    assert_eq!(fault.control, Control::UpstreamReach);
    assert!(fault.reason.contains("refused") && fault.reason.contains("no place"), "{fault}");
}

#[tokio::test]
async fn no_way_out_leads_to_a_listener_of_our_own() {
    let mut stage = Stage::new();
    stage.listeners = OwnListeners::new(vec!["93.184.0.7:3128".parse().unwrap()]);
    stage.script.answer("self.example", &["93.184.0.8", "93.184.0.7"]);
    let out = stage.open();
    for place in ["self.example:3128", "93.184.0.7:3128"] {
        let fault = out.dial(place).await.unwrap_err();
        assert_eq!(fault.control, Control::SsrfAddress, "{fault}");
    }
    assert_eq!(out.dialled(), Vec::<String>::new());
    assert_eq!(out.dial("self.example:443").await.unwrap_err().control, Control::UpstreamReach);
}

/// A wire that leads somewhere else, or into itself.
struct Crooked(Box<dyn Fn(SocketAddr) -> BoxFuture<'static, io::Result<TcpStream>> + Send + Sync>);

impl Wire for Crooked {
    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        (self.0)(address)
    }
}

#[tokio::test]
async fn a_connection_to_another_address_is_dropped() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let real = listener.local_addr().unwrap();
    let wire =
        Crooked(Box::new(move |_| Box::pin(async move { TcpWire::default().connect(real).await })));
    let other = SocketAddr::from(([127, 0, 0, 2], real.port()));
    let fault = wire::connect(&wire, other).await.unwrap_err();
    assert_eq!(fault.control, Control::SsrfRebind, "{fault}");
    assert!(wire::connect(&wire, real).await.is_ok());
}

#[tokio::test]
async fn a_connection_to_itself_is_dropped() {
    // Simultaneous open: a socket bound to a port dials that very port.
    let wire = Crooked(Box::new(|address| {
        Box::pin(async move {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            #[expect(clippy::disallowed_methods, reason = "a wire of the test's own")]
            let connecting = socket.connect(address);
            connecting.await
        })
    }));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let fault = wire::connect(&wire, free).await.unwrap_err();
    assert_eq!(fault.control, Control::SsrfAddress, "{fault}");
    assert!(fault.reason.ends_with("leads to itself"), "{fault}");
}

#[tokio::test]
async fn a_race_ends_with_the_first_breach() {
    let places = interleave((1..=5).map(|n| SocketAddr::from(([1, 0, 0, n], 1))).collect());
    let breach = race(places, Duration::from_secs(3_600), |_| async {
        Err::<(), _>(DialFault::new(Control::SsrfRebind, "elsewhere"))
    });
    assert_eq!(breach.await.unwrap_err().control, Control::SsrfRebind);
}

#[tokio::test]
async fn tcp_has_its_options_and_its_source() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    let source = "127.0.0.9".parse().unwrap();
    let wire = TcpWire::new(TcpConfig { sources: vec![source], ..TcpConfig::default() });
    let stream = wire.connect(place).await.unwrap();
    assert_eq!(stream.local_addr().unwrap().ip(), source);
    assert!(stream.nodelay().unwrap());
    let socket = socket2::SockRef::from(&stream);
    assert!(socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(60));
}
