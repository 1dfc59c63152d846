//! Bodies larger than are held, to a row that lets them leave in windows: what is found is cut off
//! before a byte of it has left, wherever it stands, and the request never ends.

use crate::scene::{self, BINARY, explained, on_record};
use backstop_testkit::client::{self, eventually};
use backstop_testkit::message::Kind;
use backstop_testkit::{Backstop, Session, Setup, World};
use base64::Engine as _;
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const WIDE: &str = "wide.example";
const WHOLE: &str = "whole.example";
const SECRET: &str = "SSN 536-90-4399";
/// As `gate` has them.
const WINDOW: usize = 512 * 1024;
const OVERLAP: usize = 64 * 1024;

/// What one connection brought to the server.
#[derive(Default, Clone)]
struct Brought {
    bytes: usize,
    /// The last that came, enough to find a secret and the end of a request in.
    tail: Vec<u8>,
    /// Whether nothing more will come.
    ended: bool,
    /// Whether the secret was in it, whole or the first half.
    leaked: bool,
}

struct Stage {
    gateway: Backstop,
    session: Session,
    brought: Arc<Mutex<Vec<Brought>>>,
}

impl Stage {
    fn new(world: &World) -> Self {
        let address = world.address();
        let listener = TcpListener::bind(SocketAddr::new(address, 80)).unwrap();
        let brought: Arc<Mutex<Vec<Brought>>> = Arc::default();
        let log = Arc::clone(&brought);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                std::thread::spawn(move || serve(stream, &log));
            }
        });
        for name in [WIDE, WHOLE] {
            world.host(name, address);
        }
        let policy = scene::policy(&[
            "{ host: wide.example, ports: [80], protocol: HTTP, dlp: { overCap: window } }",
            "{ host: whole.example, ports: [80], protocol: HTTP }",
        ]);
        let config =
            json!({ "inspect": { "body_cap": "128KiB" }, "proxy": { "upload_timeout": "8s" } });
        let gateway = Backstop::start(world, Setup::new(world, BINARY, &policy).config(config));
        let session = scene::session(&gateway);
        Self { gateway, session, brought }
    }

    /// Sends a body in these pieces, as chunks; the status and the control of a refusal.
    fn send(
        &self,
        host: &str,
        more: &str,
        pieces: impl IntoIterator<Item = Vec<u8>>,
    ) -> (u16, String) {
        let mut stream = client::connect(self.gateway.proxy());
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let credential = self.session.authorization();
        let head = format!(
            "POST http://{host}/up HTTP/1.1\r\nhost: {host}\r\nproxy-authorization: {credential}\r\n\
             content-type: text/plain\r\ntransfer-encoding: chunked\r\n{more}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        for piece in pieces {
            let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat();
            if stream.write_all(&chunk).is_err() {
                break;
            }
        }
        let _ = stream.write_all(b"0\r\n\r\n");
        let reply = client::read_reply(&mut stream, Kind::Reply).unwrap();
        let control = match reply.status() {
            200 => String::new(),
            _ => reply.json()["control"].as_str().unwrap_or_default().to_owned(),
        };
        (reply.status(), control)
    }

    /// What the last connection brought, once all have ended.
    fn last(&self) -> Option<Brought> {
        eventually("the connections ended", || {
            let brought = self.brought.lock().unwrap();
            brought.iter().all(|seen| seen.ended).then(|| brought.last().cloned())
        })
    }
}

/// Reads a request as it comes and answers when its last chunk has come.
fn serve(mut stream: std::net::TcpStream, log: &Mutex<Vec<Brought>>) {
    let number = {
        let mut log = log.lock().unwrap();
        log.push(Brought::default());
        log.len() - 1
    };
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        let mut log = log.lock().unwrap();
        let seen = &mut log[number];
        seen.bytes += read;
        seen.tail.extend(&buffer[..read]);
        let half = &SECRET.as_bytes()[..9];
        seen.leaked |= seen.tail.windows(half.len()).any(|window| window == half);
        let from = seen.tail.len().saturating_sub(64);
        if seen.tail.ends_with(b"\r\n0\r\n\r\n") {
            let ok = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            let _ = stream.write_all(ok);
            break;
        }
        seen.tail.drain(..from);
    }
    log.lock().unwrap()[number].ended = true;
}

/// Prose without an end to it.
fn prose(bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes + 64);
    let mut line = 0_usize;
    while out.len() < bytes {
        out.extend(format!("line {line}: the weather was calm and clear\n").bytes());
        line = (line + 1) % 1_000;
    }
    out.truncate(bytes);
    out
}

/// The secret at that place of a body of prose.
fn hidden(at: usize, what: &str, whole: usize) -> Vec<u8> {
    let mut body = prose(whole);
    body[at - 1] = b'\n';
    body[at..at + what.len()].copy_from_slice(what.as_bytes());
    body[at + what.len()] = b'\n';
    body
}

fn pieces(body: &[u8], size: usize) -> Vec<Vec<u8>> {
    body.chunks(size).map(<[u8]>::to_vec).collect()
}

#[test]
fn a_secret_at_any_border_is_cut_off_before_it_leaves() {
    World::run(|world| {
        let stage = Stage::new(world);
        // Around the places where a window may end, and where it lets go (every byte: in `proxy`).
        let mut places = Vec::new();
        for border in [WINDOW, WINDOW - OVERLAP] {
            places.extend([border - SECRET.len(), border - SECRET.len() / 2, border - 4, border]);
        }
        places.push(620_000);
        for at in places {
            let body = hidden(at, SECRET, 640_000);
            let (status, control) = stage.send(WIDE, "", pieces(&body, 61_357));
            assert_eq!((status, control.as_str()), (403, "dlp.pii"), "at {at}");
            if let Some(seen) = stage.last() {
                assert!(!seen.leaked, "some of it left: at {at}");
                assert!(!seen.tail.ends_with(b"0\r\n\r\n"), "the request ended: at {at}");
                assert!(seen.bytes < at + 2_000 + at / 1_000, "{} bytes left: at {at}", seen.bytes);
            }
        }
        let refused = on_record(world, &stage.gateway, "AttemptRefused", |fact| {
            fact["reason"].as_str().is_some_and(|r| r.contains("bytes had left"))
        });
        assert!(refused["fact"]["refines"].is_string(), "{refused}");
        let receipt = refused["receipt"].as_str().unwrap();
        assert_eq!(explained(world, &stage.gateway, receipt).0, "deny");
        let shown = scene::run(world, &stage.gateway, &["explain", receipt]);
        let shown = String::from_utf8(shown.stdout).unwrap();
        assert!(shown.contains("left in windows, as its row allows"), "{shown}");
        let permit = on_record(world, &stage.gateway, "AttemptPermitted", |fact| {
            fact["inspected"] == "windows"
        });
        let owed = &permit["fact"]["duties"][0];
        assert_eq!(
            (&owed["obligation"], &owed["discharged"]),
            (&json!("inspect_body"), &json!(false))
        );
        let ended = on_record(world, &stage.gateway, "FlowEnded", |fact| {
            fact["permit"] == refused["fact"]["refines"]
        });
        assert_eq!(ended["fact"]["ending"], "revoked", "{ended}");
    });
}

#[test]
fn a_huge_clean_body_passes_at_steady_memory() {
    World::run(|world| {
        let stage = Stage::new(world);
        // Buffers, the allocator's arenas and what is read of the binary's pages come to their size
        // over the first bodies: 11 MB in all, then a body of 60 MB adds 1.
        let piece = prose(100_000);
        for _ in 0..3 {
            let first = stage.send(WIDE, "", std::iter::repeat_n(piece.clone(), 60));
            assert_eq!(first, (200, String::new()));
        }
        let before = stage.gateway.resident();
        let (status, control) = stage.send(WIDE, "", std::iter::repeat_n(piece, 300));
        assert_eq!((status, control.as_str()), (200, ""));
        let after = stage.gateway.resident();
        assert!(after < before + (10 << 20), "from {before} to {after}");
        assert!(stage.last().unwrap().bytes > 30_000_000);
        // To a row that says nothing of windows it is refused.
        let (status, control) = stage.send(WHOLE, "", pieces(&prose(560_000), 65_536));
        assert_eq!((status, control.as_str()), (413, "limit"));
    });
}

#[test]
fn what_windows_cannot_read_does_not_leave_by_them() {
    World::run(|world| {
        let stage = Stage::new(world);
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("x {SECRET} y z"));
        let long = base64::engine::general_purpose::STANDARD.encode(prose(60_000));
        let mut run = prose(WINDOW - 20_000);
        run.extend(long.bytes());
        run.extend(prose(60_000));
        let wide: Vec<u8> = prose(300_000).iter().flat_map(|byte| [*byte, 0]).collect();
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        zipped.write_all(&prose(560_000)).unwrap();
        let zipped = zipped.finish().unwrap();
        let mut noise = prose(600_000);
        noise.extend(&zipped);
        let late = hidden(3_000_000, SECRET, 3_100_000);
        for (what, more, body, control) in [
            ("base64 over a border", "", hidden(WINDOW - 9, &encoded, 600_000), "dlp.pii"),
            (
                "base64 at the release",
                "",
                hidden(WINDOW - OVERLAP - 9, &encoded, 600_000),
                "dlp.pii",
            ),
            ("a long run over a border", "", run, "dlp.encoded"),
            ("UTF-16", "", wide, "egress.uninspected"),
            ("gzip", "content-encoding: gzip\r\n", zipped.clone(), "egress.uninspected"),
            ("gzip that does not say so", "", zipped, "egress.uninspected"),
            ("gzip behind text", "", noise, "egress.uninspected"),
            ("after 3 MB", "", late, "dlp.pii"),
            (
                "split by zero-width spaces",
                "",
                hidden(WINDOW - 20, "SSN 536-\u{200b}90-\u{200b}4399", 600_000),
                "dlp.pii",
            ),
        ] {
            let (status, by) = stage.send(WIDE, more, pieces(&body, 65_536));
            assert_eq!((status, by.as_str()), (403, control), "{what}");
            assert!(!stage.last().is_some_and(|seen| seen.leaked), "{what}");
        }
        // The head is judged before anything of the body leaves.
        let before = stage.brought.lock().unwrap().len();
        let more = format!("x-note: {SECRET}\r\n");
        let (status, by) = stage.send(WIDE, &more, pieces(&prose(560_000), 65_536));
        assert_eq!((status, by.as_str()), (403, "dlp.pii"));
        assert_eq!(stage.brought.lock().unwrap().len(), before);
    });
}

#[test]
fn who_drips_a_window_is_given_up() {
    World::run(|world| {
        let stage = Stage::new(world);
        let mut stream = client::connect(stage.gateway.proxy());
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let credential = stage.session.authorization();
        let head = format!(
            "POST http://{WIDE}/up HTTP/1.1\r\nhost: {WIDE}\r\nproxy-authorization: {credential}\r\n\
             content-length: 9000000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&prose(WINDOW + 100_000)).unwrap();
        // Then a byte now and then, which never makes a window.
        let mut other = stream.try_clone().unwrap();
        std::thread::spawn(move || {
            while other.write_all(b"a").is_ok() {
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        let reply = client::read_reply(&mut stream, Kind::Reply).unwrap();
        assert_eq!((reply.status(), reply.json()["control"].as_str()), (429, Some("limit")));
        let refused = on_record(world, &stage.gateway, "AttemptRefused", |fact| {
            fact["reason"].as_str().is_some_and(|r| r.contains("too long"))
        });
        assert!(refused["fact"]["refines"].is_string(), "{refused}");
    });
}
