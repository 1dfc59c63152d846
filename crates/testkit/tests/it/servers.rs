//! The recording upstream gives each scripted answer and keeps each byte.

use std::io::{Read as _, Write as _};

use backstop_testkit::client::{connect, exchange, request};
use backstop_testkit::{Answer, Upstream, World};

#[test]
fn every_byte_is_kept_as_it_came() {
    World::run(|world| {
        let upstream = Upstream::http(world);
        let odd = b"POST /x HTTP/1.1\r\nHost: a\r\nHOST: b\r\nX:  y \r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: 1\r\n\r\n";
        assert_eq!(exchange(upstream.address(), odd).status(), 200);
        let received = &upstream.received()[0];
        assert_eq!(received.message.raw, odd);
        assert_eq!(received.message.body, b"abc");
        assert_eq!(upstream.bytes(), odd.len() as u64);
        assert_eq!(received.sni, None);
    });
}

#[test]
fn built_in_answers() {
    World::run(|world| {
        let upstream = Upstream::http(world);
        let get = |path: &str| request(upstream.address(), "GET", path, &[], b"");
        assert_eq!(get("/").text(), "hello\n");
        assert_eq!(
            get("/redirect?http://169.254.169.254/").header("location"),
            Some("http://169.254.169.254/")
        );
        assert_eq!(get("/status/418").status(), 418);
        assert_eq!(get("/bytes/100000").body.len(), 100_000);
        assert_eq!(get("/chunked").text(), "hello\n");
        assert_eq!(get("/slow").text(), "hello\n");
        assert!(get("/echo").text().starts_with("GET /echo HTTP/1.1\r\n"));
        assert_eq!(
            request(upstream.address(), "HEAD", "/", &[], b"").header("content-length"),
            Some("6")
        );
        upstream.answer("/scripted", Answer::Raw(b"HTTP/1.1 299 Odd\r\n\r\nbody".to_vec()));
        let odd = get("/scripted");
        assert_eq!((odd.status(), odd.text().as_str()), (299, "body"));
        assert_eq!(upstream.connections(), 9);
    });
}

#[test]
fn endless_and_silent_answers_last_until_the_client_leaves() {
    World::run(|world| {
        let upstream = Upstream::http(world);
        let mut stream = connect(upstream.address());
        stream.write_all(b"GET /endless HTTP/1.1\r\n\r\n").unwrap();
        let mut some = vec![0; 1 << 20];
        stream.read_exact(&mut some).unwrap();
        drop(stream);
        let mut stream = connect(upstream.address());
        stream.write_all(b"GET /silence HTTP/1.1\r\n\r\n").unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_millis(50))).unwrap();
        assert!(stream.read(&mut some).is_err());
        let mut stream = connect(upstream.address());
        stream.write_all(b"GET /mirror HTTP/1.1\r\n\r\n").unwrap();
        stream.write_all(b"again").unwrap();
        let mut back = Vec::new();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        stream.read_to_end(&mut back).unwrap();
        assert!(back.ends_with(b"\r\n\r\nagain"), "{:?}", String::from_utf8_lossy(&back));
    });
}

#[test]
fn one_connection_carries_many_requests() {
    World::run(|world| {
        let upstream = Upstream::http(world);
        let mut stream = connect(upstream.address());
        stream.write_all(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n").unwrap();
        let mut both =
            vec![0; 2 * b"HTTP/1.1 200 Scripted\r\ncontent-length: 6\r\n\r\nhello\n".len()];
        stream.read_exact(&mut both).unwrap();
        let targets: Vec<String> =
            upstream.received().iter().map(|r| r.message.target().to_owned()).collect();
        assert_eq!(targets, ["/1", "/2"]);
        assert_eq!(upstream.received()[1].connection, 0);
    });
}
