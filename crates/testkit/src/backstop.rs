//! Runs the real binary in a world: start, wait until it is ready, open sessions, stop, kill.
//! Knows the command line and the HTTP API of Backstop, and nothing of its code.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base64::Engine as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::client;
use crate::message::Message;
use crate::world::World;

/// How long the binary may take to be ready or to stop.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// What to start.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The binary: `env!("CARGO_BIN_EXE_backstop")` in its own tests.
    pub binary: PathBuf,
    /// Holds `config.yaml`, `policy/` and `state/`; a second start with the same directory is a restart.
    pub directory: PathBuf,
    /// The configuration file's content (JSON is YAML); `null` starts without a file.
    pub config: Value,
    /// Policy files by name; written anew at each start.
    pub policies: Vec<(String, String)>,
    /// Further arguments after `serve …`.
    pub arguments: Vec<String>,
    /// Further environment.
    pub environment: Vec<(String, String)>,
}

impl Setup {
    /// That binary with a directory of its own in the world, and this policy.
    pub fn new(world: &World, binary: impl Into<PathBuf>, policy: &str) -> Self {
        Self {
            binary: binary.into(),
            directory: world.path().join("backstop"),
            config: Value::Null,
            policies: vec![("policy.yaml".into(), policy.into())],
            arguments: vec![],
            environment: vec![],
        }
    }

    /// The same with that configuration.
    pub fn config(mut self, config: Value) -> Self {
        self.config = config;
        self
    }
}

/// The running binary; dropping it kills it.
#[derive(Debug)]
pub struct Backstop {
    setup: Setup,
    pid: u32,
    ended: Receiver<ExitStatus>,
    exit: Option<ExitStatus>,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
    api: SocketAddr,
    proxy: Option<SocketAddr>,
    token: String,
    ready: Value,
}

/// What is left of a process.
#[derive(Debug)]
pub struct Exit {
    /// How it ended.
    pub status: ExitStatus,
    /// All it printed.
    pub stdout: String,
    /// All it complained about.
    pub stderr: String,
}

/// An open session.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// Skill `name` or `name@version` as the API names it, with its token, in the order asked for.
    pub tokens: Vec<(String, String)>,
}

impl Session {
    /// The token of its first skill.
    #[track_caller]
    pub fn token(&self) -> &str {
        &self.tokens.first().expect("a session with a skill has a token").1
    }

    /// `http://session:token@proxy`, for the proxy variables.
    pub fn proxy_url(&self, proxy: SocketAddr) -> String {
        format!("http://{}:{}@{proxy}", self.id, self.token())
    }

    /// The value of `Proxy-Authorization`.
    pub fn authorization(&self) -> String {
        basic(&self.id, self.token())
    }
}

/// `Basic …` of those two (RFC 7617).
pub fn basic(user: &str, password: &str) -> String {
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"))
    )
}

impl Backstop {
    /// Starts `backstop serve` in the world and waits until it is ready.
    #[track_caller]
    pub fn start(world: &World, setup: Setup) -> Self {
        match Self::try_start(world, setup) {
            Ok(backstop) => backstop,
            Err(exit) => panic!(
                "backstop ended before it was ready: {}\n{}{}",
                exit.status, exit.stdout, exit.stderr
            ),
        }
    }

    /// Starts `backstop serve`; gives what is left if it ends before it is ready.
    ///
    /// # Errors
    /// The process ended by itself.
    #[track_caller]
    pub fn try_start(world: &World, setup: Setup) -> Result<Self, Exit> {
        let (policy, state) = (setup.directory.join("policy"), setup.directory.join("state"));
        fs::create_dir_all(&policy).expect("make the policy directory");
        fs::create_dir_all(&state).expect("make the state directory");
        for (name, text) in &setup.policies {
            fs::write(policy.join(name), text).expect("write a policy");
        }
        let mut command = world.command(&setup.binary);
        command.arg("serve").arg("--format").arg("json");
        if !setup.config.is_null() {
            let path = setup.directory.join("config.yaml");
            fs::write(&path, serde_json::to_string_pretty(&setup.config).expect("JSON"))
                .expect("write the configuration");
            command.arg("--config").arg(path);
        }
        command.arg("--state").arg(&state).arg("--policy").arg(&policy);
        command.args(["--proxy", "127.0.0.1:0", "--api", "127.0.0.1:0"]).args(&setup.arguments);
        command.envs(setup.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("start {}: {error}", setup.binary.display()));

        let (lines, first_lines) = channel();
        let stdout = Arc::new(Mutex::new(String::new()));
        let stderr = Arc::new(Mutex::new(String::new()));
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let mut err = child.stderr.take().expect("piped");
        let readers = vec![
            std::thread::spawn({
                let stdout = Arc::clone(&stdout);
                move || {
                    for line in out.lines().map_while(Result::ok) {
                        stdout.lock().unwrap().push_str(&format!("{line}\n"));
                        // Nobody listens once it is ready.
                        let _ = lines.send(line);
                    }
                }
            }),
            std::thread::spawn({
                let stderr = Arc::clone(&stderr);
                move || {
                    let mut part = [0; 4096];
                    while let Ok(read) = err.read(&mut part)
                        && read > 0
                    {
                        stderr.lock().unwrap().push_str(&String::from_utf8_lossy(&part[..read]));
                    }
                }
            }),
        ];
        let pid = child.id();
        let (tell, ended) = channel();
        std::thread::spawn(move || {
            let _ = tell.send(child.wait().expect("wait for backstop"));
        });
        let mut backstop = Self {
            setup,
            pid,
            ended,
            exit: None,
            stdout,
            stderr,
            readers,
            api: SocketAddr::from(([127, 0, 0, 1], 0)),
            proxy: None,
            token: String::new(),
            ready: Value::Null,
        };
        match backstop.await_ready(&first_lines) {
            Some(ready) => backstop.ready = ready,
            None => return Err(backstop.wait()),
        }
        let place = |name: &str| {
            backstop.ready[name].as_str().and_then(|text| text.parse::<SocketAddr>().ok())
        };
        backstop.api =
            place("api").unwrap_or_else(|| panic!("no api address in {}", backstop.ready));
        backstop.proxy = place("proxy");
        let token_file = backstop.ready["token_file"]
            .as_str()
            .unwrap_or_else(|| panic!("no token_file in {}", backstop.ready));
        backstop.token =
            fs::read_to_string(token_file).expect("read the operator's token").trim().to_owned();
        client::eventually("readyz", || {
            (client::request(backstop.api, "GET", "/readyz", &[("connection", "close")], b"")
                .status()
                == 200)
                .then_some(())
        });
        Ok(backstop)
    }

    /// The line `{"event":"ready",…}`, or none if the process ends before it.
    fn await_ready(&mut self, lines: &Receiver<String>) -> Option<Value> {
        let start = Instant::now();
        while let Some(left) = DEADLINE.checked_sub(start.elapsed()) {
            match lines.recv_timeout(left) {
                Ok(line) => {
                    if let Ok(value) = serde_json::from_str::<Value>(&line)
                        && value["event"] == "ready"
                    {
                        return Some(value);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => break,
            }
        }
        panic!("backstop was not ready within {DEADLINE:?}:\n{}{}", self.stdout(), self.stderr());
    }

    /// The proxy's address.
    #[track_caller]
    pub fn proxy(&self) -> SocketAddr {
        self.proxy.unwrap_or_else(|| panic!("no proxy address in {}", self.ready))
    }

    /// The API's address.
    pub fn api(&self) -> SocketAddr {
        self.api
    }

    /// The operator's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The line that it printed when ready.
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// Where its state lies.
    pub fn state(&self) -> PathBuf {
        self.setup.directory.join("state")
    }

    /// Where its policies lie.
    pub fn policy(&self) -> PathBuf {
        self.setup.directory.join("policy")
    }

    /// What it was started with; starting it again is a restart.
    pub fn setup(&self) -> Setup {
        self.setup.clone()
    }

    /// Asks the API as the operator.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Message {
        let authorization = format!("Bearer {}", self.token);
        let mut headers = vec![("authorization", authorization.as_str()), ("connection", "close")];
        let body = body.map(Value::to_string).unwrap_or_default();
        if !body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        client::request(self.api, method, path, &headers, body.as_bytes())
    }

    /// Opens a session for that tenant with skills given as `name@version`.
    #[track_caller]
    pub fn session(&self, tenant: &str, skills: &[&str]) -> Session {
        let skills: Vec<Value> = skills
            .iter()
            .map(|skill| {
                let (name, version) = skill
                    .split_once('@')
                    .unwrap_or_else(|| panic!("`{skill}` is not name@version"));
                json!({ "name": name, "version": version })
            })
            .collect();
        self.open_session(&json!({ "tenant": tenant, "skills": skills }))
    }

    /// Opens a session with that body.
    #[track_caller]
    pub fn open_session(&self, body: &Value) -> Session {
        let reply = self.ask("POST", "/v1/sessions", Some(body));
        assert!(
            (200..300).contains(&reply.status()),
            "open a session: {} {}",
            reply.first,
            reply.text()
        );
        let value = reply.json();
        let tokens = value["tokens"].as_array().map(Vec::as_slice).unwrap_or_default();
        Session {
            id: value["id"].as_str().unwrap_or_else(|| panic!("no id in {value}")).to_owned(),
            tokens: tokens
                .iter()
                .map(|token| {
                    let skill = &token["skill"];
                    let skill =
                        skill.as_str().or_else(|| skill["name"].as_str()).unwrap_or_default();
                    (skill.to_owned(), token["token"].as_str().unwrap_or_default().to_owned())
                })
                .collect(),
        }
    }

    /// Replaces a policy file, as an editor would, whole.
    pub fn write_policy(&self, name: &str, text: &str) {
        let path = self.policy().join(name);
        let fresh = self.policy().join(format!(".{name}.new"));
        fs::write(&fresh, text).expect("write a policy");
        fs::rename(&fresh, &path).expect("put a policy in place");
    }

    /// What it printed so far.
    pub fn stdout(&self) -> String {
        self.stdout.lock().unwrap().clone()
    }

    /// What it complained about so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> u64 {
        resident(self.pid)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        if self.exit.is_none() {
            kill(pid(self.pid), signal).expect("signal backstop");
        }
    }

    /// SIGTERM, then waits for its end.
    #[track_caller]
    pub fn stop(mut self) -> Exit {
        self.signal(Signal::SIGTERM);
        self.wait()
    }

    /// SIGKILL: nothing is flushed, nothing is said.
    #[track_caller]
    pub fn kill(mut self) -> Exit {
        self.signal(Signal::SIGKILL);
        self.wait()
    }

    /// Waits for an end that somebody else brings about.
    #[track_caller]
    pub fn wait(&mut self) -> Exit {
        if self.exit.is_none() {
            match self.ended.recv_timeout(DEADLINE) {
                Ok(status) => self.exit = Some(status),
                Err(_) => panic!("backstop did not end within {DEADLINE:?}:\n{}", self.stderr()),
            }
        }
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        Exit { status: self.exit.expect("just set"), stdout: self.stdout(), stderr: self.stderr() }
    }
}

impl Drop for Backstop {
    fn drop(&mut self) {
        if self.exit.is_none() && self.ended.try_recv().is_err() {
            let _ = kill(pid(self.pid), Signal::SIGKILL);
        }
        if std::thread::panicking() {
            eprintln!("--- stderr of backstop ---\n{}", self.stderr());
        }
    }
}

fn pid(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).expect("a process id fits"))
}

/// Resident memory of a process in bytes, 0 if it is gone.
pub fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"))
        .unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|text| text.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).unwrap_or(0)
        * 1024
}
