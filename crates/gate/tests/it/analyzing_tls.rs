//! An external analyzer over TLS: a real handshake, and nothing is asked of whoever cannot show that
//! it is the analyzer.

use crate::analyzing::{Fake, body, config, flower, kinds, looked};
use crate::house::*;
use backstop_gate::{Config, NetworkConfig, Trust};
use backstop_model::control::Control;
use std::time::Duration;

/// A gate that trusts one root and asks `https://127.0.0.1:5002`, where `fake` is.
async fn house(fake: &Fake, root: &str, deadline: Duration) -> House {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), root).unwrap();
    let trust = Trust::Only(vec![file.path().to_owned()]);
    let network = NetworkConfig { trust, ..Default::default() };
    let config = Config { network, ..config("https://127.0.0.1:5002", deadline) };
    House::with_server(config, fake.at).await
}

#[tokio::test]
async fn an_analyzer_over_tls_is_asked_and_its_word_counts() {
    let (acceptor, root) = tls_server(&["127.0.0.1"]);
    let fake = Fake::listening(Some(acceptor), flower).await;
    let house = house(&fake, &root, Duration::from_secs(20)).await;
    let who = house.session().await;
    let found = looked(&house, &who, body(r#"{"note":"a gloxinia"}"#)).await.unwrap();
    assert_eq!(kinds(found.evidence()), ["/note FLOWER"]);
    let found = looked(&house, &who, body(r#"{"note":"a tulip"}"#)).await.unwrap();
    assert!(kinds(found.evidence()).is_empty(), "{:?}", found.evidence());
    for text in ["a gloxinia", "a tulip"] {
        assert!(fake.texts().iter().any(|asked| asked.ends_with(text)), "{:?}", fake.texts());
    }
    house.stop().await;
}

#[tokio::test]
async fn who_cannot_show_to_be_the_analyzer_is_told_nothing_and_nothing_passes() {
    let (_, root) = tls_server(&["127.0.0.1"]);
    let (stranger, _) = tls_server(&["127.0.0.1"]);
    let (other, other_root) = tls_server(&["127.0.0.2", "analyzer.example"]);
    // From nobody who is trusted, for another place, and without TLS at all.
    for (tls, trusted) in [(Some(stranger), &root), (Some(other), &other_root), (None, &root)] {
        let fake = Fake::listening(tls, flower).await;
        // Who speaks no TLS waits for more of what it takes for a request.
        let house = house(&fake, trusted, Duration::from_secs(2)).await;
        let who = house.session().await;
        let refusal = looked(&house, &who, body(r#"["it will rain"]"#)).await.unwrap_err();
        is_refused_by(&refusal, Control::Fault);
        assert!(refusal.reason.contains("external analyzer"), "{}", refusal.reason);
        assert!(fake.texts().is_empty(), "{:?}", fake.texts());
        house.stop().await;
    }
}
