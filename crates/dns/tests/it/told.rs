//! NOTIFY to a secondary that is slow, silent, or spoken for by somebody else.

use backstop_dns::transfer::notify;
use backstop_dns::wire::tsig::{Algorithm, Key, verify};
use backstop_gate::{Clock as _, OsRandom, OwnListeners, OwnPlace, OwnSockets, SystemClock};
use backstop_model::name::QueryName;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn answer(message: &[u8]) -> Vec<u8> {
    let mut out = message.to_vec();
    out[2] = 0xA4;
    out[6..12].copy_from_slice(&[0; 6]);
    out.truncate(12 + b"\x03rpz\x08backstop\0".len() + 4);
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_answer_does_not_end_the_telling() {
    let name = QueryName::from_text("transfer.key").unwrap();
    let key = Key::new(name.clone(), Algorithm::Sha256, &[7; 32]).unwrap();
    let stranger = Key::new(name, Algorithm::Sha256, &[8; 32]).unwrap();
    let secondary = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let place = OwnPlace::parse(&secondary.local_addr().unwrap().to_string(), 53).unwrap();
    let heard = Arc::new(AtomicBool::new(false));
    let (known, said) = (key.clone(), Arc::clone(&heard));
    let now = || SystemClock.now().unix_seconds().cast_unsigned();
    let server = std::thread::spawn(move || {
        let mut room = [0; 1_232];
        // The first is lost on the way.
        let _lost = secondary.recv_from(&mut room).unwrap();
        let (length, client) = secondary.recv_from(&mut room).unwrap();
        let mut signed = verify(&room[..length], &[known], now()).unwrap().unwrap();
        assert_eq!(signed.message[2] & 0xF8, 0x20, "opcode NOTIFY");
        let plain = answer(&signed.message);
        let mut forged = plain.clone();
        let mut other = signed.message.clone();
        let _checker = stranger.sign(&mut other, now());
        stranger.sign(&mut forged, now());
        let mut late = plain.clone();
        late[0] ^= 1;
        signed.signer.clone().sign(&mut late, now());
        #[allow(clippy::disallowed_methods, reason = "a test's server")]
        for message in [&plain, &forged, &late] {
            secondary.send_to(message, client).unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
        let mut whole = plain;
        signed.signer.sign(&mut whole, now());
        said.store(true, Ordering::SeqCst);
        #[allow(clippy::disallowed_methods, reason = "a test's server")]
        secondary.send_to(&whole, client).unwrap();
    });
    let sockets = OwnSockets::new(OwnListeners::default());
    let zone = QueryName::from_text("rpz.backstop").unwrap();
    notify(&sockets, &place, &key, (&zone, 7), (&SystemClock, &OsRandom)).await.unwrap();
    assert!(heard.load(Ordering::SeqCst), "before anything that counts was said");
    server.join().unwrap();
}
