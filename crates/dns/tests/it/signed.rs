//! dig signs and checks: what it sends is believed here, and what is signed here it takes, over UDP
//! and for a transfer of several messages.

use backstop_dns::wire::tsig::{Key, verify};
use backstop_model::name::QueryName;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::process::Command;

const SECRET: &str = "c2VjcmV0LW9mLWEtdGVzdC1vZi0zMi1vY3RldHMhISE=";

fn now() -> u64 {
    #[allow(clippy::disallowed_methods, reason = "a test's clock is dig's")]
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn dig(port: u16, key: &str, rest: &[&str]) -> String {
    let port = port.to_string();
    #[allow(clippy::disallowed_methods, reason = "a test's client")]
    let output = Command::new("dig")
        .args(["@127.0.0.1", "-p", &port, "-y", key, "+tries=1", "+time=5"])
        .args(rest)
        .output()
        .unwrap_or_else(|fault| panic!("dig: {fault}: run `cargo xtask setup`"));
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

/// `zone. SOA` under the question, with one more record if `host` is given.
fn answer(query: &[u8], zone: &QueryName, soa: bool, host: Option<u8>) -> Vec<u8> {
    let question = zone.as_wire().len() + 4;
    let mut out = query[..12 + question].to_vec();
    out[2] = 0x84;
    out[3] = 0;
    out[6..12].copy_from_slice(&[0, 0, 0, 0, 0, 0]);
    let mut count = 0;
    if soa {
        out.extend_from_slice(&[0xC0, 12, 0, 6, 0, 1, 0, 0, 0, 60, 0, 22, 0, 0]);
        out.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]);
        count += 1;
    }
    if let Some(host) = host {
        out.extend_from_slice(&[0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, host]);
        count += 1;
    }
    out[7] = count;
    out
}

#[test]
fn dig_and_we_believe_each_other() {
    let zone = QueryName::from_text("rpz.backstop").unwrap();
    for algorithm in ["hmac-sha256", "hmac-sha512"] {
        let text = format!("{algorithm}:transfer.key:{SECRET}");
        let key = Key::parse(&text).unwrap();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let (zone, theirs) = (zone.clone(), text.clone());
        let server = std::thread::spawn(move || {
            for mangle in [false, true] {
                let mut room = [0; 1_232];
                let (length, client) = socket.recv_from(&mut room).unwrap();
                let mut signed =
                    verify(&room[..length], std::slice::from_ref(&key), now()).unwrap().unwrap();
                let mut told = answer(&signed.message, &zone, true, None);
                signed.signer.sign(&mut told, now());
                if mangle {
                    told[40] ^= 1;
                }
                #[allow(clippy::disallowed_methods, reason = "a test's server")]
                socket.send_to(&told, client).unwrap();
            }
        });
        let good = dig(port, &theirs, &["rpz.backstop", "SOA"]);
        assert!(good.contains("TSIG PSEUDOSECTION") && !good.contains("verify"), "{good}");
        let bad = dig(port, &theirs, &["rpz.backstop", "SOA"]);
        assert!(bad.contains("Couldn't verify signature"), "the test can fail: {bad}");
        server.join().unwrap();
    }
}

#[test]
fn dig_takes_a_transfer_of_several_signed_messages() {
    let zone = QueryName::from_text("rpz.backstop").unwrap();
    let text = format!("hmac-sha256:transfer.key:{SECRET}");
    let key = Key::parse(&text).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        for swapped in [false, true] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut query).unwrap();
            let mut signed = verify(&query, std::slice::from_ref(&key), now()).unwrap().unwrap();
            let parts = [(true, None), (false, Some(1)), (false, Some(2)), (true, None)];
            let mut messages = parts.map(|(soa, host)| {
                let mut told = answer(&signed.message, &zone, soa, host);
                signed.signer.sign(&mut told, now());
                told
            });
            if swapped {
                messages.swap(1, 2);
            }
            for told in messages {
                let length = u16::try_from(told.len()).unwrap().to_be_bytes();
                // dig hangs up at the message that it does not believe.
                let _sent = stream.write_all(&length).and_then(|()| stream.write_all(&told));
            }
        }
    });
    let good = dig(port, &text, &["rpz.backstop", "AXFR"]);
    assert!(good.contains("192.0.2.2") && !good.contains("verify"), "{good}");
    let bad = dig(port, &text, &["rpz.backstop", "AXFR"]);
    assert!(bad.contains("Couldn't verify signature") || bad.contains("failed"), "{bad}");
    server.join().unwrap();
}
