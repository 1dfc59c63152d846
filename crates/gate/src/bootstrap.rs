//! The first operator token: made on the first start, written to a file that only its owner reads.
//! Must not know HTTP. Next: `admin`.

use crate::clock::{Clock, Random, RandomFault};
use crate::token;
use backstop_ledger::{Ledger, LedgerFault};
use backstop_model::event::{Event, Fact, TokenKind, TokenRecord};
use backstop_model::id::{Digest, Principal, ReceiptId, TokenId};
use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Why there is no operator token.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapFault {
    /// Others can read or write the file.
    #[error("`{}` has mode {mode:o}: others can read it; `chmod 600` it, and revoke the token if anybody may have seen it", path.display())]
    Loose {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file is not a plain file, or holds something else.
    #[error("`{}` does not hold an operator token of this ledger; move it away and start again for a new one", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("`{}` cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The token could not be recorded.
    #[error("the token could not be recorded")]
    Ledger(#[from] LedgerFault),
    /// There is no randomness.
    #[error("no random bytes")]
    Random(#[from] RandomFault),
    /// The name of the first operator cannot be used.
    #[error("the first operator has no usable name")]
    Name(#[from] backstop_model::id::IdFault),
}

/// Makes sure that `path` holds a live operator token, and makes one if there is no such file.
///
/// The token is on record before the file appears under its name, so that a file never holds a
/// token that does not work. An existing file must be a plain one of mode 0600 or tighter.
///
/// # Errors
/// [`BootstrapFault`].
pub async fn bootstrap_operator(
    path: &Path,
    ledger: &Ledger,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<TokenId, BootstrapFault> {
    let fault = |source| BootstrapFault::File { path: path.to_owned(), source };
    let now = clock.now();
    if let Some(text) = existing(path)? {
        let foreign = || BootstrapFault::Foreign { path: path.to_owned() };
        let (kind, hash) = token::read(text.trim()).ok_or_else(foreign)?;
        let view = ledger.views().token(&hash).ok_or_else(foreign)?;
        let works = kind == TokenKind::Operator && view.kind == kind && view.is_live(now);
        return if works { Ok(view.id) } else { Err(foreign()) };
    }
    let (secret, hash) = token::draw(TokenKind::Operator, random)?;
    let mut ten = [0u8; 10];
    random.fill(&mut ten)?;
    let id = TokenId::draw(now, ten);
    let record = TokenRecord {
        id: id.clone(),
        kind: TokenKind::Operator,
        hash,
        principal: Some(Principal::parse("first-start")?),
        bound: None,
        expires: None,
    };
    random.fill(&mut ten)?;
    let receipt = ReceiptId::draw(now, ten);
    // The policy is not loaded yet when a process starts for the first time.
    let event = Event {
        receipt,
        at: now,
        policy: Digest::ZERO,
        subject: None,
        fact: Fact::TokenIssued(record),
    };
    // A file beside it first: it shows under its name only when it is whole, and never replaces one.
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", id.as_str()));
    let beside = PathBuf::from(beside);
    let written = write(&beside, secret.expose());
    if let Err(source) = written {
        return Err(BootstrapFault::File { path: beside, source });
    }
    let recorded = ledger.commit(event).await;
    let linked = match recorded {
        Ok(_) => std::fs::hard_link(&beside, path).map_err(fault),
        Err(fault) => Err(fault.into()),
    };
    std::fs::remove_file(&beside).map_err(fault)?;
    linked.map(|()| id)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

/// The text of an existing file, `None` if there is none.
fn existing(path: &Path) -> Result<Option<String>, BootstrapFault> {
    let fault = |source| BootstrapFault::File { path: path.to_owned(), source };
    // The mode is read from the open file, so that it cannot be exchanged in between; a pipe in its
    // place is not waited for.
    let nonblock = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let file = match OpenOptions::new().read(true).custom_flags(nonblock).open(path) {
        Ok(file) => file,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(fault(source)),
    };
    let meta = file.metadata().map_err(fault)?;
    if !meta.is_file() {
        return Err(BootstrapFault::Foreign { path: path.to_owned() });
    }
    if meta.mode() & 0o077 != 0 {
        return Err(BootstrapFault::Loose { path: path.to_owned(), mode: meta.mode() & 0o7777 });
    }
    let mut text = String::new();
    // LIMIT: a token has 49 bytes.
    file.take(256).read_to_string(&mut text).map_err(fault)?;
    Ok(Some(text))
}
