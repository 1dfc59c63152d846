//! The running gateway as commands see it: found by its state folder, asked through its API.

use crate::config::Config;
use anyhow::{Context, Result, anyhow};
use backstop_api::Client;
use backstop_ledger::Reader;
use backstop_model::redacted::Redacted;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Where a running gateway can be found: written when it is ready, removed when it stops.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Whereabouts {
    /// The API's address.
    pub(crate) api: SocketAddr,
    /// The proxy's addresses.
    pub(crate) proxy: Vec<SocketAddr>,
    /// The process.
    pub(crate) pid: u32,
}

impl Whereabouts {
    /// The file within a state folder.
    pub(crate) fn file(state: &Path) -> PathBuf {
        state.join("gateway.json")
    }
}

/// The operator's token within a state folder.
pub(crate) fn token_file(state: &Path) -> PathBuf {
    state.join("operator.token")
}

/// Connects to the gateway of this state folder, as its operator.
///
/// # Errors
/// Where none runs, or its token cannot be read.
pub(crate) fn client(config: &Config) -> Result<Client> {
    let at = whereabouts(config)?;
    let token = token_file(&config.state);
    let secret = std::fs::read_to_string(&token)
        .with_context(|| format!("cannot read `{}`", token.display()))?;
    Ok(Client::new(at.api, Some(Redacted::new("operator token", secret.trim().to_owned())))?)
}

/// Where the gateway of this state folder is.
///
/// # Errors
/// Where none runs.
pub(crate) fn whereabouts(config: &Config) -> Result<Whereabouts> {
    let file = Whereabouts::file(&config.state);
    let none = || {
        anyhow!(
            "no gateway runs with the state folder `{}`: start one with `backstop serve`, or name its folder with `--state`",
            config.state.display()
        )
    };
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Err(none()),
        Err(fault) => {
            return Err(fault).with_context(|| format!("cannot read `{}`", file.display()));
        }
    };
    // A gateway that was killed leaves its file behind, and its port is anybody's: the operator's
    // token goes to a process that holds the ledger, or nowhere.
    if !Reader::has_writer(&super::ledger::directory(config))? {
        return Err(none());
    }
    serde_json::from_str(&text).with_context(|| format!("`{}` is malformed", file.display()))
}

/// A text member of a JSON object, or a dash.
pub(crate) fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or("–")
}

/// The items of a list answer: its one array member (`{"sessions": […]}`).
pub(crate) fn items(list: &Value) -> &[Value] {
    let array = list.as_object().and_then(|object| object.values().find_map(Value::as_array));
    array.map_or(&[], Vec::as_slice)
}
