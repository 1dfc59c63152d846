//! By way of an upstream proxy: a small real one, and some that are broken.

use super::stage::{Authority, Out, Stage, echoes, subject};
use super::tls::tls_echo;
use crate::exit::{NoProxy, TlsMode, UpstreamProxy};
use backstop_model::control::Control;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::TlsAcceptor;

/// Reads one head, tells it, and answers; joins to `server` what it lets through.
async fn serve_connect(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    server: SocketAddr,
    tell: UnboundedSender<String>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    // `user:pa:ss`
    let known = head.contains("\r\nProxy-Authorization: Basic dXNlcjpwYTpzcw==\r\n");
    tell.send(head).unwrap();
    let answer = match known {
        true => "HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n",
        false => "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
    };
    client.write_all(answer.as_bytes()).await.unwrap();
    client.flush().await.unwrap();
    if known {
        #[expect(clippy::disallowed_methods, reason = "the test's own proxy")]
        let mut server = TcpStream::connect(server).await.unwrap();
        drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
    }
}

/// A CONNECT proxy that asks for credentials and leads everything to `server`.
async fn proxy(stage: &mut Stage, server: SocketAddr) -> (SocketAddr, UnboundedReceiver<String>) {
    let (tell, heads) = unbounded_channel();
    let place = stage.serve(move |client| serve_connect(client, server, tell.clone())).await;
    stage.map(&place.to_string(), place);
    (place, heads)
}

fn use_proxy(stage: &mut Stage, url: &str, no_proxy: &[&str]) -> Out {
    let no_proxy = NoProxy::parse(no_proxy.iter().copied()).unwrap();
    stage.config.upstream_proxy = Some(UpstreamProxy::parse(url, no_proxy).unwrap());
    stage.open()
}

#[tokio::test]
async fn a_name_goes_to_the_proxy_without_a_look_up() {
    let mut stage = Stage::new();
    let server = stage.echo().await;
    let (place, mut heads) = proxy(&mut stage, server).await;
    let out = use_proxy(&mut stage, &format!("http://user:pa%3Ass@{place}"), &[]);
    let mut dialled = out.dial("api.example:443").await.unwrap();
    echoes(&mut dialled).await;
    assert!(dialled.delegated && dialled.address.is_none());
    assert_eq!(
        heads.recv().await.unwrap(),
        "CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\n\
         Proxy-Authorization: Basic dXNlcjpwYTpzcw==\r\n\r\n"
    );
    echoes(&mut out.dial("[2606:2800::7]:80").await.unwrap()).await;
    assert!(heads.recv().await.unwrap().starts_with("CONNECT [2606:2800::7]:80 HTTP/1.1\r\n"));
    assert_eq!(stage.script.asked(), 0);
}

#[tokio::test]
async fn a_refused_literal_never_reaches_the_proxy() {
    let mut stage = Stage::new();
    let server = stage.echo().await;
    let (place, _heads) = proxy(&mut stage, server).await;
    let out = use_proxy(&mut stage, &format!("http://user:pa%3Ass@{place}"), &[]);
    for literal in ["169.254.169.254:80", "10.0.0.1:443", "[::1]:443", "[64:ff9b::1.1.1.1]:443"] {
        let fault = out.dial(literal).await.unwrap_err();
        assert_eq!(fault.control, Control::SsrfAddress, "{literal}");
    }
    assert_eq!(out.dialled(), Vec::<String>::new());
}

#[tokio::test]
async fn wrong_credentials_are_told_and_never_shown() {
    let mut stage = Stage::new();
    let server = stage.echo().await;
    let (place, _heads) = proxy(&mut stage, server).await;
    for (user, expect) in [("user:hunter2@", "refuses our credentials"), ("", "asks for")] {
        let out = use_proxy(&mut stage, &format!("http://{user}{place}"), &[]);
        let fault = out.dial("api.example:443").await.unwrap_err();
        assert_eq!(fault.control, Control::UpstreamReach);
        assert!(fault.reason.contains(expect) && fault.reason.contains("407"), "{fault}");
        assert!(!fault.reason.contains("hunter2") && !fault.reason.contains("user"), "{fault}");
    }
}

#[tokio::test]
async fn a_proxy_that_answers_no_http_is_refused() {
    let long = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "a".repeat(20_000));
    for (answer, expect) in [
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "it answered 403"),
        ("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n\r\n", "it answered 302"),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "beyond"),
        ("HTTP/1.1 101 Switching\r\n\r\n", "it answered 101"),
        ("SSH-2.0-OpenSSH\r\n\r\n", "not HTTP/1.1"),
        ("\x16\x03\x01\x02\x00\r\n\r\n", "not HTTP/1.1"),
        ("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "beyond"),
        ("HTTP/1.1 200 OK\r\n", "before its answer was whole"),
        ("", "before its answer was whole"),
        (&long, "longer"),
    ] {
        let mut stage = Stage::new();
        let answer = answer.to_owned();
        let place = stage.serve(move |mut client| {
            let answer = answer.clone();
            async move {
                // All of the request is read first, or closing would reset the connection.
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.unwrap());
                }
                drop(client.write_all(answer.as_bytes()).await);
            }
        });
        let place = place.await;
        stage.map(&place.to_string(), place);
        let fault = use_proxy(&mut stage, &format!("http://{place}"), &[])
            .dial("api.example:443")
            .await
            .unwrap_err();
        assert_eq!(fault.control, Control::UpstreamReach, "{fault}");
        assert!(fault.reason.contains(expect), "{fault}: {expect}");
    }
}

#[tokio::test]
async fn a_proxy_that_drips_its_head_meets_the_deadline() {
    let mut stage = Stage::new();
    stage.config.deadline = Duration::from_millis(50);
    let place = stage.serve(|mut client| async move {
        // One byte for each that it is sent, and then no more: a head that never ends.
        while let Ok(byte) = client.read_u8().await {
            if client.write_u8(byte).await.is_err() {
                return;
            }
        }
    });
    let place = place.await;
    stage.map(&place.to_string(), place);
    let out = use_proxy(&mut stage, &format!("http://{place}"), &[]);
    // The echo of our own head is a whole head, but no answer.
    let fault = out.dial("api.example:443").await.unwrap_err();
    assert!(fault.reason.contains("not HTTP/1.1"), "{fault}");

    let mut stage = Stage::new();
    stage.config.deadline = Duration::from_millis(50);
    let place = stage.serve(|mut client| async move {
        drop(client.write_all(b"HTTP/1.1 200 OK\r\nA: ").await);
        drop(client.read_to_end(&mut Vec::new()).await);
    });
    let place = place.await;
    stage.map(&place.to_string(), place);
    let out = use_proxy(&mut stage, &format!("http://{place}"), &[]);
    let fault = out.dial("api.example:443").await.unwrap_err();
    assert_eq!(fault.reason, "the upstream proxy did not answer");
}

#[tokio::test]
async fn what_no_proxy_names_goes_direct_and_is_judged() {
    let mut stage = Stage::new();
    let server = stage.echo().await;
    let (place, _heads) = proxy(&mut stage, server).await;
    stage.map("93.184.0.7:443", server);
    stage.script.answer("direct.example", &["93.184.0.7"]);
    stage.script.answer("inward.direct.example", &["10.0.0.1"]);
    let url = format!("http://user:pa%3Ass@{place}");
    let out = use_proxy(&mut stage, &url, &["direct.example", "93.184.0.0/16"]);
    for bypassed in ["direct.example:443", "93.184.0.7:443"] {
        assert!(!out.dial(bypassed).await.unwrap().delegated, "{bypassed}");
    }
    let fault = out.dial("inward.direct.example:443").await.unwrap_err();
    assert_eq!(fault.control, Control::SsrfAddress);
    assert!(out.dial("other.example:443").await.unwrap().delegated);
}

#[tokio::test]
async fn tls_through_an_https_proxy_is_verified_twice() {
    let authority = Authority::new();
    for (proxy_name, good) in [("127.0.0.1", true), ("127.0.0.2", false)] {
        let mut stage = Stage::new();
        let config = authority.server(&["api.example"], |_| ());
        let (server, mut seen) = tls_echo(&mut stage, config).await;
        let (tell, _heads) = unbounded_channel();
        let config = authority.server(&[proxy_name], |_| ());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let place = stage.serve(move |client| {
            let (acceptor, tell) = (acceptor.clone(), tell.clone());
            async move {
                if let Ok(client) = acceptor.accept(client).await {
                    serve_connect(client, server, tell).await;
                }
            }
        });
        let place = place.await;
        stage.map(&place.to_string(), place);
        stage.trust(&authority);
        let out = use_proxy(&mut stage, &format!("https://user:pa%3Ass@{place}"), &[]);
        let dialled = out.dial_as("api.example:443", TlsMode::Verified, &subject(1)).await;
        if good {
            echoes(&mut dialled.unwrap()).await;
            assert!(seen.recv().await.is_some());
        } else {
            let fault = dialled.unwrap_err();
            assert_eq!(fault.control, Control::UpstreamTls);
            assert!(fault.reason.starts_with("the upstream proxy: "), "{fault}");
        }
    }
}

#[tokio::test]
async fn a_proxy_that_is_ourselves_is_refused() {
    let mut stage = Stage::new();
    let server = stage.echo().await;
    let (place, _heads) = proxy(&mut stage, server).await;
    stage.listeners.add(place);
    let out = use_proxy(&mut stage, &format!("http://{place}"), &[]);
    let fault = out.dial("api.example:443").await.unwrap_err();
    assert!(fault.reason.contains("listener of this very process"), "{fault}");
}
