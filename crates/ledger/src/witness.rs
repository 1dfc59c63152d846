//! The witness: checkpoints kept where whoever can change the ledger cannot reach them.
//! Next: `verify`.

use crate::checkpoint::Checkpoint;
use crate::store::{Store, rows};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// How much of the witness's end is read at a start.
const END: u64 = 64 << 10;

/// Appends a line; the file is made with mode 0600.
pub(crate) fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = plain(OpenOptions::new().append(true).create(true).mode(0o600), path)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_data()
}

/// Opens it as a plain file. A pipe put in its place would hold up the one writer, and with it every
/// permit, until somebody reads it.
fn plain(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits()).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "the witness is not a plain file"))
    }
}

/// Whether the ledger still has what the witness's last line about it says.
///
/// It is told and does not keep the ledger closed: with durability `os` a loss of power may take
/// rows that the witness has seen signed.
pub(crate) fn agrees(store: &Store, path: &Path) -> Result<(), String> {
    let Some(last) = last(store.id(), path) else { return Ok(()) };
    if last.seq > store.head().seq {
        return Err(format!(
            "the witness `{}` has a checkpoint at row {}, the ledger ends at row {}: its end was lost, cut off, or an older copy put back",
            path.display(),
            last.seq,
            store.head().seq
        ));
    }
    match rows::place(store.conn(), last.seq) {
        Ok(Some(place)) if place.hash != last.hash => Err(format!(
            "row {} is not the one that the witness `{}` has seen signed: history was rewritten",
            last.seq,
            path.display()
        )),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn last(ledger: &str, path: &Path) -> Option<Checkpoint> {
    let mut file = plain(OpenOptions::new().read(true), path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(END))).ok()?;
    let mut end = Vec::new();
    file.take(END).read_to_end(&mut end).ok()?;
    let end = String::from_utf8_lossy(&end);
    end.lines().rev().filter_map(|line| Checkpoint::parse(line).ok()).find(|c| c.ledger == ledger)
}
