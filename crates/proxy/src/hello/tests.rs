//! The reader against real clients, against forged messages, and torn at every place.

use super::*;
use proptest::prelude::*;
use std::sync::Arc;

const OPENSSL: &[u8] = include_bytes!("captured/openssl.bin");
const OPENSSL_12_WITHOUT_NAME: &[u8] = include_bytes!("captured/openssl12.bin");
const CURL: &[u8] = include_bytes!("captured/curl.bin");
const PYTHON: &[u8] = include_bytes!("captured/python.bin");

/// The first flight of a real rustls client.
fn rustls_hello(name: &str, alpn: &[&str]) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
    let name = rustls::pki_types::ServerName::try_from(name.to_owned()).unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut out = Vec::new();
    client.write_tls(&mut out).unwrap();
    out
}

fn read(bytes: &[u8]) -> Progress {
    HelloReader::new().push(bytes)
}

fn hello(sni: Option<&str>, alpn: &[&str]) -> Progress {
    Progress::Hello(ClientHello {
        sni: sni.map(|name| HostName::parse(name).unwrap()),
        ech: false,
        early_data: false,
        alpn: alpn.iter().map(|p| p.as_bytes().to_vec()).collect(),
    })
}

/// An extension: type, length, data.
fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &u16::try_from(data.len()).unwrap().to_be_bytes(), data].concat()
}

/// A `server_name` extension with these (type, name) entries.
fn names(entries: &[(u8, &[u8])]) -> Vec<u8> {
    let list: Vec<u8> = entries
        .iter()
        .flat_map(|(kind, name)| {
            [&[*kind][..], &u16::try_from(name.len()).unwrap().to_be_bytes(), name].concat()
        })
        .collect();
    extension(0, &[&u16::try_from(list.len()).unwrap().to_be_bytes()[..], &list].concat())
}

/// The handshake message with these extensions.
fn message(extensions: &[Vec<u8>]) -> Vec<u8> {
    let extensions = extensions.concat();
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[1][..], &length[1..], &body].concat()
}

/// The message in records of at most `size` bytes.
fn records(message: &[u8], size: usize) -> Vec<u8> {
    message
        .chunks(size)
        .flat_map(|part| {
            [&[22, 3, 1][..], &u16::try_from(part.len()).unwrap().to_be_bytes(), part].concat()
        })
        .collect()
}

fn malformed(bytes: &[u8]) -> &'static str {
    match read(bytes) {
        Progress::Malformed { why } => why,
        other @ (Progress::NeedMore | Progress::Hello(_) | Progress::NotTls) => {
            panic!("{other:?}")
        }
    }
}

#[test]
fn real_clients_are_read() {
    assert_eq!(read(OPENSSL), hello(Some("api.weather.example"), &["h2", "http/1.1"]));
    assert_eq!(read(OPENSSL_12_WITHOUT_NAME), hello(None, &[]));
    assert_eq!(read(CURL), hello(Some("api.weather.example"), &["h2", "http/1.1"]));
    assert_eq!(read(PYTHON), hello(Some("api.weather.example"), &[]));
    let rustls = rustls_hello("api.weather.example", &["http/1.1"]);
    assert_eq!(read(&rustls), hello(Some("api.weather.example"), &["http/1.1"]));
    assert!(rustls.len() > 1_200, "a post-quantum key share makes it span segments");
}

#[test]
fn a_hello_in_records_of_one_byte_is_put_together() {
    let message = message(&[names(&[(0, b"A.Example")])]);
    assert_eq!(read(&records(&message, 1)), hello(Some("a.example"), &[]));
}

#[test]
fn an_address_is_no_server_name() {
    for literal in ["127.0.0.1", "0x7f.1", "2130706433", "[::1]", "::1", "169.254.169.254"] {
        let bytes = records(&message(&[names(&[(0, literal.as_bytes())])]), 16_384);
        assert!(
            matches!(read(&bytes), Progress::Hello(ClientHello { sni: None, .. })),
            "{literal}"
        );
    }
}

#[test]
fn encrypted_client_hello_is_seen() {
    let bytes = records(
        &message(&[names(&[(0, b"public.example")]), extension(0xfe0d, &[0, 1, 2])]),
        16_384,
    );
    assert!(matches!(read(&bytes), Progress::Hello(ClientHello { ech: true, .. })));
}

#[test]
fn forged_hellos_are_malformed() {
    let one = names(&[(0, b"a.example")]);
    let whole = |extensions: &[Vec<u8>]| records(&message(extensions), 16_384);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (whole(&[one.clone(), one.clone()]), "an extension stands twice"),
        (
            whole(&[names(&[(0, b"a.example"), (0, b"b.example")])]),
            "there is more than one server name",
        ),
        (whole(&[names(&[(1, b"a.example")])]), "the server name is not of type host_name"),
        (whole(&[names(&[(0, b"")])]), "the server name is empty"),
        (
            whole(&[names(&[(0, b"a.example\0.evil")])]),
            "the server name holds characters that no host name has",
        ),
        (
            whole(&[names(&[(0, b"a%2eexample")])]),
            "the server name holds characters that no host name has",
        ),
        (whole(&[names(&[])]), "a length points past the end"),
        (whole(&[extension(0, &[0, 9, 0, 0, 1, b'a'])]), "a length points past the end"),
        (whole(&[extension(16, &[0, 1, 0])]), "a protocol name is empty"),
        (
            records(&[message(std::slice::from_ref(&one)), vec![1]].concat(), 16_384),
            "something follows the ClientHello in its record",
        ),
        (vec![22, 3, 9], "the record's version is not 3.0 to 3.4"),
        (vec![22, 3, 1, 0, 0], "a handshake record is empty"),
        (vec![22, 3, 1, 0x40, 1], "a record is longer than 16 KiB"),
        (vec![22, 3, 1, 0, 4, 2], "the first handshake message is not a ClientHello"),
        (vec![22, 3, 1, 0, 4, 1, 1, 0, 0], "the ClientHello does not end within 64 KiB"),
        (vec![22, 3, 1, 0, 6, 1, 0, 0, 2, 9, 9], "the ClientHello's version is not 3.0 to 3.4"),
    ];
    for (bytes, why) in cases {
        assert_eq!(malformed(&bytes), why);
    }
}

#[test]
fn other_protocols_are_not_tls() {
    for bytes in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x80\x2e\x01\x00\x02",
        &[21, 3, 1, 0, 2, 1, 0],
        &[22, 2, 0],
        b"\0",
    ] {
        assert_eq!(read(bytes), Progress::NotTls);
    }
    assert_eq!(read(b""), Progress::NeedMore);
    assert_eq!(read(&OPENSSL[..OPENSSL.len() - 1]), Progress::NeedMore);
}

#[test]
fn endless_records_of_one_byte_stop_at_the_cap() {
    let long = message(&[extension(21, &vec![0; 20_000])]);
    assert_eq!(malformed(&records(&long, 1)), "the ClientHello does not end within 64 KiB");
}

/// What is said to `after`, sent after a hello for `a.example`, however it is torn.
fn follow(early_data: bool, after: &[u8]) -> Result<bool, &'static str> {
    let first = || ClientHello {
        sni: Some(HostName::parse("a.example").unwrap()),
        ech: false,
        early_data,
        alpn: Vec::new(),
    };
    let mut whole = Follow::new(first());
    let said = whole.push(after).map(|()| whole.is_done());
    let mut torn = Follow::new(first());
    let each = after.iter().try_for_each(|byte| torn.push(&[*byte])).map(|()| torn.is_done());
    assert_eq!(said, each);
    said
}

#[test]
fn a_second_hello_must_name_the_same_server() {
    let hello = |name: &[u8], size| records(&message(&[names(&[(0, name)])]), size);
    let ccs = [20, 3, 3, 0, 1, 1];
    let other = Err("a second ClientHello names another server");
    for size in [1, 3, 7, 16_384] {
        assert_eq!(follow(false, &[&ccs[..], &hello(b"a.example", size)].concat()), Ok(true));
        assert_eq!(follow(false, &[&ccs[..], &hello(b"b.example", size)].concat()), other);
        assert_eq!(follow(false, &hello(b"b.example", size)), other);
        let early = [&[23, 3, 3, 0, 2, 9, 9][..], &ccs, &hello(b"b.example", size)].concat();
        assert_eq!(follow(true, &early), other);
        assert_eq!(
            follow(false, &early),
            Ok(true),
            "no early data was offered: the handshake is done"
        );
    }
    let none = records(&message(&[]), 16_384);
    assert_eq!(follow(false, &none), other);
    let twice = names(&[(0, b"a.example"), (0, b"b.example")]);
    let malformed = Err("a second ClientHello is malformed");
    assert_eq!(follow(false, &records(&message(&[twice]), 16_384)), malformed);
    assert_eq!(follow(false, &[22, 3, 3, 0, 0]), malformed);
    assert_eq!(follow(false, &records(&[1, 0, 0], 1)), Ok(false), "more must come");
    // What TLS 1.2 sends next: a key exchange, and a Finished that happens to begin with 1.
    assert_eq!(follow(false, &[22, 3, 3, 0, 6, 16, 0, 0, 2, 9, 9]), Ok(true));
    let finished = [&ccs[..], &[22, 3, 3, 0, 40, 1, 0, 7, 8, 9, 10], &[5; 34]].concat();
    assert_eq!(follow(false, &finished), Ok(true));
}

proptest! {
    #[test]
    fn where_the_bytes_are_torn_does_not_matter(
        cuts in proptest::collection::vec(1usize..400, 1..20),
        record in 1usize..600,
    ) {
        let message = message(&[names(&[(0, b"api.weather.example")]), extension(21, &[0; 900])]);
        for bytes in [OPENSSL.to_vec(), CURL.to_vec(), records(&message, record)] {
            let whole = read(&bytes);
            let mut reader = HelloReader::new();
            let mut rest = &bytes[..];
            let mut last = Progress::NeedMore;
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                prop_assert_eq!(&last, &Progress::NeedMore);
                let (part, tail) = rest.split_at((*cut).min(rest.len()));
                last = reader.push(part);
                rest = tail;
            }
            prop_assert_eq!(last, whole);
            prop_assert_eq!(reader.into_bytes(), bytes);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = read(&bytes);
        let _ = read(&[&[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &bytes].concat());
    }

    #[test]
    fn a_flipped_bit_never_makes_it_panic(at in 0usize..500, bit in 0u8..8) {
        let mut bytes = CURL.to_vec();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        let _ = read(&bytes);
    }
}
