//! Upstreams over TLS (RFC 7858): verified or not used at all.

use super::{Stage, ask, told};
use crate::forward::Failure;
use backstop_gate::Trust;
use backstop_model::name::QueryType;
use backstop_testkit::nameserver::{Asked, address};
use backstop_testkit::{Ca, NameServer};
use tempfile::TempDir;

fn good(asked: &Asked) -> Vec<Vec<u8>> {
    told(asked, &[address(&asked.name, 300, "93.184.0.7")])
}

fn stage(server: &NameServer, name: &str, trusted: &Ca, directory: &TempDir) -> Stage {
    let roots = directory.path().join("ca.pem");
    std::fs::write(&roots, trusted.pem()).unwrap();
    let mut stage = Stage::new(&[]);
    stage.texts = vec![format!("tls://{}#{name}", server.place())];
    stage.trust = Some(Trust::Only(vec![roots]));
    stage
}

#[tokio::test]
async fn an_upstream_over_tls_is_verified_and_its_connection_kept() {
    let (ca, directory) = (Ca::new(), TempDir::new().unwrap());
    let server = NameServer::secured(ca.name_server(&["dns.example"]), good);
    let answers = stage(&server, "dns.example", &ca, &directory).answers();
    for n in 0..20 {
        let name = format!("n{n}.example");
        assert!(ask(&answers, &name, QueryType::A).await.unwrap().ends_with("93.184.0.7"));
    }
    assert!(server.asked().iter().all(|asked| asked.by_tcp));
    assert_eq!((server.asked().len(), server.connections()), (20, 1));
}

#[tokio::test]
async fn an_upstream_that_cannot_prove_its_name_is_told_nothing() {
    let (ca, other, directory) = (Ca::new(), Ca::new(), TempDir::new().unwrap());
    for (named, trusted) in [("evil.example", &ca), ("dns.example", &other)] {
        let server = NameServer::secured(ca.name_server(&[named]), good);
        let answers = stage(&server, "dns.example", trusted, &directory).answers();
        let told = ask(&answers, "name.example", QueryType::A).await;
        assert_eq!(told, Err(Failure::Unreachable), "{named}");
        assert_eq!(server.asked().len(), 0, "no question was sent, by datagram neither");
    }
}
