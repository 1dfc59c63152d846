//! TLS towards the upstream: who is believed.

use super::stage::{Authority, Stage, echoes, self_signed, subject};
use crate::exit::{DialFault, Dialled, TlsMode, Trust, TrustFault};
use backstop_model::control::Control;
use rcgen::{ExtendedKeyUsagePurpose, SanType, date_time_ymd};
use rustls::ServerConfig;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_rustls::TlsAcceptor;

/// What a server saw of a handshake.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    sni: Option<String>,
    alpn: Option<Vec<u8>>,
    group: Option<String>,
}

/// A TLS server that gives back what it gets.
pub(super) async fn tls_echo(
    stage: &mut Stage,
    config: ServerConfig,
) -> (SocketAddr, UnboundedReceiver<Seen>) {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (tell, seen) = unbounded_channel();
    let server = stage.serve(move |stream| {
        let (acceptor, tell) = (acceptor.clone(), tell.clone());
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let session = stream.get_ref().1;
            let group = session.negotiated_key_exchange_group();
            let _ = tell.send(Seen {
                sni: session.server_name().map(ToOwned::to_owned),
                alpn: session.alpn_protocol().map(ToOwned::to_owned),
                group: group.map(|group| format!("{:?}", group.name())),
            });
            let (mut read, mut write) = tokio::io::split(stream);
            drop(tokio::io::copy(&mut read, &mut write).await);
        }
    });
    (server.await, seen)
}

/// Dials `api.example` where a server with this configuration stands.
async fn dial_to(authority: &Authority, config: ServerConfig) -> Result<Dialled, DialFault> {
    let mut stage = Stage::new();
    let (server, _seen) = tls_echo(&mut stage, config).await;
    stage.map("93.184.0.7:443", server);
    stage.script.answer("api.example", &["93.184.0.7"]);
    stage.trust(authority);
    let out = stage.open();
    let mut dialled = out.dial_as("api.example:443", TlsMode::Verified, &subject(1)).await?;
    echoes(&mut dialled).await;
    Ok(dialled)
}

#[tokio::test]
async fn a_good_certificate_is_believed_and_the_handshake_is_modern() {
    let authority = Authority::new();
    let mut stage = Stage::new();
    let config = authority.server(&["api.example"], |_| ());
    let (server, mut seen) = tls_echo(&mut stage, config).await;
    stage.map("93.184.0.7:443", server);
    stage.script.answer("api.example", &["93.184.0.7"]);
    stage.trust(&authority);
    let out = stage.open();
    let mut dialled = out.dial_as("api.example:443", TlsMode::Verified, &subject(1)).await.unwrap();
    echoes(&mut dialled).await;
    let seen = seen.recv().await.unwrap();
    assert_eq!(seen.sni.as_deref(), Some("api.example"));
    assert_eq!(seen.alpn.as_deref(), Some(&b"http/1.1"[..]));
    assert_eq!(seen.group.as_deref(), Some("X25519MLKEM768"));
    assert!(dialled.stream.as_tcp().is_none());
}

#[tokio::test]
async fn a_bad_certificate_is_refused_with_the_reason() {
    let (ours, theirs) = (Authority::named("ours"), Authority::named("theirs"));
    let forger = Authority::named("ours");
    let check = async |config: ServerConfig, expect: &str| {
        let fault = dial_to(&ours, config).await.unwrap_err();
        assert_eq!(fault.control, Control::UpstreamTls, "{fault}");
        let expect = format!("`api.example` is not verified: {expect}");
        assert_eq!(fault.reason, expect);
    };
    let name = &["api.example"];
    check(self_signed(name), "its certificate is from no trusted issuer").await;
    check(theirs.server(name, |_| ()), "its certificate is from no trusted issuer").await;
    check(forger.server(name, |_| ()), "its certificate's signature is wrong").await;
    check(
        ours.server(&["other.example", "*.api.example"], |_| ()),
        "its certificate is for another name",
    )
    .await;
    check(
        ours.server(name, |leaf| leaf.not_after = date_time_ymd(2020, 1, 1)),
        "its certificate has expired",
    )
    .await;
    check(
        ours.server(name, |leaf| leaf.not_before = date_time_ymd(2999, 1, 1)),
        "its certificate is not valid yet",
    )
    .await;
    let for_clients = vec![ExtendedKeyUsagePurpose::ClientAuth];
    check(
        ours.server(name, |leaf| leaf.extended_key_usages = for_clients),
        "its certificate is not for servers",
    )
    .await;
    assert!(dial_to(&ours, ours.server(name, |_| ())).await.is_ok());
}

#[tokio::test]
async fn an_address_is_verified_as_an_address() {
    let authority = Authority::new();
    let mut stage = Stage::new();
    let good = authority.server(&[], |leaf| {
        leaf.subject_alt_names = vec![SanType::IpAddress("93.184.0.7".parse().unwrap())];
    });
    let (server, mut seen) = tls_echo(&mut stage, good).await;
    stage.map("93.184.0.7:443", server);
    stage.map("93.184.0.8:443", server);
    stage.trust(&authority);
    let out = stage.open();
    out.dial_as("93.184.0.7:443", TlsMode::Verified, &subject(1)).await.unwrap();
    assert_eq!(seen.recv().await.unwrap().sni, None);
    let fault = out.dial_as("93.184.0.8:443", TlsMode::Verified, &subject(1)).await.unwrap_err();
    assert_eq!(fault.control, Control::UpstreamTls);
}

#[tokio::test]
async fn what_is_no_tls_is_told_apart() {
    let authority = Authority::new();
    let dial_at = async |server: SocketAddr, mut stage: Stage| {
        stage.map("93.184.0.7:443", server);
        stage.script.answer("api.example", &["93.184.0.7"]);
        stage.trust(&authority);
        let out = stage.open();
        out.dial_as("api.example:443", TlsMode::Verified, &subject(1)).await.unwrap_err().control
    };
    let mut stage = Stage::new();
    let plain = stage.echo().await;
    assert_eq!(dial_at(plain, stage).await, Control::UpstreamTls);
    let mut stage = Stage::new();
    let closes = stage.serve(|stream| async { drop(stream) }).await;
    assert_eq!(dial_at(closes, stage).await, Control::UpstreamReach);
}

#[tokio::test]
async fn an_old_or_foreign_protocol_is_refused() {
    let authority = Authority::new();
    let mut config = authority.server(&["api.example"], |_| ());
    config.alpn_protocols = vec![b"h2".to_vec()];
    let fault = dial_to(&authority, config).await.unwrap_err();
    assert_eq!(fault.control, Control::UpstreamTls, "{fault}");
}

#[test]
fn roots_that_cannot_be_read_stop_the_start() {
    let load = |trust| crate::exit::tls::UpstreamTls::new(&trust).map(|_| ());
    let file = |text: &str| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    };
    let only = |file: &tempfile::NamedTempFile| Trust::Only(vec![file.path().to_owned()]);
    assert!(matches!(load(only(&file(""))), Err(TrustFault::Empty(_))));
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(load(only(&file(garbage))), Err(TrustFault::File { .. })));
    assert!(matches!(load(Trust::Only(vec!["/nonexistent".into()])), Err(TrustFault::File { .. })));
    assert!(load(only(&file(&Authority::new().pem))).is_ok());
    let and = file(&Authority::new().pem);
    assert!(load(Trust::PlatformAnd(vec![and.path().to_owned()])).is_ok());
}
