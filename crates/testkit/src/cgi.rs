//! A program that answers for an upstream, by the Common Gateway Interface (RFC 3875): how `git
//! http-backend` is served. Knows nothing of connections. Next: `upstream`.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::message::Message;

/// A program and what it always finds in its environment.
#[derive(Debug, Clone)]
pub struct Cgi {
    /// What runs, with its arguments.
    pub program: Vec<String>,
    /// Beside what RFC 3875 §4.1 asks for.
    pub environment: Vec<(String, String)>,
}

impl Cgi {
    /// `git http-backend` over the repositories in that folder.
    pub fn git(repositories: PathBuf) -> Self {
        Self {
            program: vec!["git".into(), "http-backend".into()],
            environment: vec![
                ("GIT_PROJECT_ROOT".into(), repositories.display().to_string()),
                ("GIT_HTTP_EXPORT_ALL".into(), "1".into()),
            ],
        }
    }

    /// Runs the program on a request; the whole reply as it goes to the client.
    pub(crate) fn answer(&self, request: &Message) -> io::Result<Vec<u8>> {
        let (path, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
        let mut command = Command::new(&self.program[0]);
        command
            .args(&self.program[1..])
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("GATEWAY_INTERFACE", "CGI/1.1")
            .env("REQUEST_METHOD", request.method())
            .env("PATH_INFO", path)
            .env("QUERY_STRING", query)
            .env("CONTENT_LENGTH", request.body.len().to_string())
            .env("CONTENT_TYPE", request.header("content-type").unwrap_or_default())
            .env("HTTP_CONTENT_ENCODING", request.header("content-encoding").unwrap_or_default())
            .env("GIT_PROTOCOL", request.header("git-protocol").unwrap_or_default());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut input = child.stdin.take().expect("piped");
        let body = request.body.clone();
        // On a thread of its own: a program may answer before it has read everything.
        let feeder = std::thread::spawn(move || input.write_all(&body));
        let output = child.wait_with_output()?;
        let _ = feeder.join().expect("feed the program");
        Ok(reply(&output.stdout))
    }
}

/// From the program's answer to a reply: `Status` becomes the status line, the length is added.
fn reply(answer: &[u8]) -> Vec<u8> {
    let split = |mark: &[u8]| {
        answer.windows(mark.len()).position(|window| window == mark).map(|at| (at, mark.len()))
    };
    let (end, mark) = split(b"\r\n\r\n").or_else(|| split(b"\n\n")).unwrap_or((answer.len(), 0));
    let body = &answer[end + mark..];
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut status = "200 OK".to_owned();
    let mut fields = String::new();
    for line in head.lines() {
        match line.split_once(": ") {
            Some(("Status", value)) => status = value.to_owned(),
            _ => fields.push_str(&format!("{line}\r\n")),
        }
    }
    let mut out =
        format!("HTTP/1.1 {status}\r\n{fields}content-length: {}\r\n\r\n", body.len()).into_bytes();
    out.extend_from_slice(body);
    out
}
