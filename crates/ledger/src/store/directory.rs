//! The ledger's directory: made with mode 0700, its files with 0600, held by one process at a time.
//!
//! | file | what |
//! |---|---|
//! | `ledger.db`, `-wal`, `-shm` | the database |
//! | `ledger.key`, `ledger.pub` | the signing key and its public half |
//! | `ledger.lock` | held with `flock(2)` while a process writes; its pid inside |
//! | `ledger.reserve` | disk space kept back for refusals and alerts |
//!
//! Next: `schema`.

use crate::LedgerFault;
use crate::key::{PublicKey, SigningKey};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

pub(crate) const DATABASE: &str = "ledger.db";
const KEY: &str = "ledger.key";
const PUBLIC: &str = "ledger.pub";
const LOCK: &str = "ledger.lock";
const RESERVE: &str = "ledger.reserve";
/// What must be free beside the reserve before permits are recorded again.
const HEADROOM: u64 = 1 << 20;

/// A directory that this process holds until the value is dropped.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// Holds the lock; the system releases it with the process, however that ends.
    _lock: File,
}

impl Directory {
    /// Makes the directory where it is not there and takes its lock.
    pub(crate) fn hold(path: &Path) -> Result<Self, LedgerFault> {
        let unusable = |what: &io::Error| fault(path, what);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| unusable(&e))?;
        let mut lock = private()
            .create(true)
            .truncate(false)
            .open(path.join(LOCK))
            .map_err(|e| unusable(&e))?;
        match take(&lock) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = lock.take(32).read_to_string(&mut pid);
                let pid = if pid.trim().is_empty() { "unknown".into() } else { pid.trim().into() };
                return Err(LedgerFault::Locked { directory: path.to_owned(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(unusable(&error)),
        }
        // A full disk must not stop a reader of the pid from learning of an older one: the lock
        // itself is what counts, so that a failure to write it down is no fault.
        let _ = lock.set_len(0).and_then(|()| lock.rewind());
        let _ = writeln!(lock, "{}", std::process::id());
        // Made here so that it has mode 0600 from its first byte; SQLite gives `-wal` and `-shm`
        // the same.
        let database = private().create(true).truncate(false).open(path.join(DATABASE));
        database.map_err(|e| unusable(&e))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The signing key, made on first use.
    pub(crate) fn key(&self) -> Result<SigningKey, LedgerFault> {
        let path = self.path.join(KEY);
        let key = match std::fs::read(&path) {
            Ok(document) => SigningKey::read(&document).ok_or_else(|| {
                self.unusable(format!("`{}` is not an Ed25519 key in PKCS #8", path.display()))
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (key, document) = SigningKey::draw()
                    .ok_or_else(|| self.unusable("no signing key could be drawn".into()))?;
                self.write(KEY, &document)?;
                key
            }
            Err(error) => return Err(fault(&self.path, &error)),
        };
        let public = format!("{}\n", key.public());
        if std::fs::read(self.path.join(PUBLIC)).ok().as_deref() != Some(public.as_bytes()) {
            self.write(PUBLIC, public.as_bytes())?;
        }
        Ok(key)
    }

    /// Writes a small file whole: a temporary one, synced, then renamed.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), LedgerFault> {
        let new = self.path.join(format!("{name}.new"));
        let written = private()
            .create(true)
            .truncate(true)
            .open(&new)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| std::fs::rename(&new, self.path.join(name)))
            .and_then(|()| File::open(&self.path)?.sync_all());
        written.map_err(|error| fault(&self.path, &error))
    }

    /// Fills the reserve. `false` where there is no space for it.
    pub(crate) fn keep_reserve(&self, bytes: u64) -> bool {
        let path = self.path.join(RESERVE);
        if std::fs::metadata(&path).is_ok_and(|m| m.len() == bytes) {
            return true;
        }
        // Twice the reserve must be free, or the space just kept back would be all there is and
        // the next write would hit the wall again.
        if self.free() < bytes.saturating_mul(2).saturating_add(HEADROOM) {
            return false;
        }
        let Ok(file) = private().create(true).truncate(true).open(&path) else { return false };
        let kept = i64::try_from(bytes).is_ok_and(|length| {
            length == 0 || nix::fcntl::posix_fallocate(&file, 0, length).is_ok()
        });
        if !kept {
            self.release_reserve();
        }
        kept
    }

    /// Whether hardly anything is left: a fault to write then means that the disk is full, whatever
    /// the system calls it.
    pub(crate) fn is_full(&self) -> bool {
        self.free() < HEADROOM
    }

    /// Bytes that this user may still write.
    fn free(&self) -> u64 {
        nix::sys::statvfs::statvfs(&self.path)
            .map_or(0, |s| s.blocks_available().saturating_mul(s.fragment_size()))
    }

    /// Gives the reserve to the database.
    pub(crate) fn release_reserve(&self) {
        let _ = std::fs::remove_file(self.path.join(RESERVE));
    }

    fn unusable(&self, what: String) -> LedgerFault {
        LedgerFault::Unusable { directory: self.path.clone(), what }
    }
}

/// Takes the lock. Somebody who only asks whether it is held ([`is_held`]) has it for a moment.
fn take(lock: &File) -> Result<(), TryLockError> {
    let mut taken = lock.try_lock();
    for _ in 0..PATIENCE {
        if !matches!(taken, Err(TryLockError::WouldBlock)) {
            break;
        }
        std::thread::sleep(PAUSE);
        taken = lock.try_lock();
    }
    taken
}

const PATIENCE: usize = 10;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(10);

/// Whether a living process writes the ledger of this directory.
pub(crate) fn is_held(path: &Path) -> io::Result<bool> {
    match File::open(path.join(LOCK)) {
        Ok(lock) => match lock.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(fault)) => Err(fault),
        },
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// Reads `ledger.pub`.
pub(crate) fn public_key(path: &Path) -> Result<PublicKey, LedgerFault> {
    let file = path.join(PUBLIC);
    let text = std::fs::read_to_string(&file).map_err(|error| LedgerFault::Unusable {
        directory: path.to_owned(),
        what: format!("`{}`: {error}", file.display()),
    })?;
    PublicKey::parse(&text).ok_or_else(|| LedgerFault::Unusable {
        directory: path.to_owned(),
        what: format!("`{}` is not an Ed25519 public key", file.display()),
    })
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

pub(crate) fn fault(path: &Path, error: &io::Error) -> LedgerFault {
    let (directory, what) = (path.to_owned(), error.to_string());
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        LedgerFault::Full { directory, what }
    } else {
        LedgerFault::Unusable { directory, what }
    }
}
