//! Containers on the wire: every piece told to whoever judges it, within an allowance. Next: `tar`.
//!
//! Unlike `text`, which reads a document as its author would, this tells everything that anybody
//! could take out of it: deleted text, comments, names of files, attributes, what stands between
//! the entries. A piece that cannot be had is noted, the others are told, and the fault is the
//! answer.

use crate::archive::{Archive, EntryFault};
use crate::{ExtractFault, compound, office, pdf, tar};
use backstop_detect::open::{Container, Open, Piece, Tell, Unopened};

/// Takes archives, office files and PDF apart.
#[derive(Debug, Clone, Copy, Default)]
pub struct Opener;

impl Open for Opener {
    fn open(
        &self,
        what: Container,
        bytes: &[u8],
        most: usize,
        tell: &mut Tell<'_>,
    ) -> Result<(), Unopened> {
        let mut teller = Teller { tell, left: most, fault: None };
        let done = match what {
            Container::Zip | Container::ZipWithin => archive(bytes, Around::Told, &mut teller),
            Container::ZipBeside => archive(bytes, Around::Elsewhere, &mut teller),
            Container::Tar => tar::open(bytes, &mut teller),
            Container::Pdf => pdf::open(bytes, &mut teller),
            Container::Compound => compound::open(bytes, &mut teller),
            Container::Sealed(_) => {
                teller.failed(Unopened::Sealed("an archive of a kind that is not opened here"));
                Ok(())
            }
        };
        match (done, teller.fault) {
            (Err(Stop), fault) => Err(fault.unwrap_or(Unopened::Stopped)),
            (Ok(()), Some(fault)) => Err(fault),
            (Ok(()), None) => Ok(()),
        }
    }
}

/// Whoever is told had enough, or the allowance is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop;

/// Tells pieces and keeps account.
pub(crate) struct Teller<'t, 'f> {
    tell: &'t mut Tell<'f>,
    left: usize,
    fault: Option<Unopened>,
}

impl Teller<'_, '_> {
    /// How many bytes the next piece may unfold to.
    pub(crate) const fn left(&self) -> usize {
        self.left
    }
    /// Tells a piece.
    pub(crate) fn tell(&mut self, piece: Piece<'_>) -> Result<(), Stop> {
        let length = match piece {
            Piece::Text(text) | Piece::Aside(text) => text.len(),
            Piece::Bytes(bytes) => bytes.len(),
        };
        if length == 0 {
            return Ok(());
        }
        if length > self.left {
            return Err(self.spent());
        }
        self.left -= length;
        let left = (self.tell)(piece).ok_or(Stop)?;
        self.left = self.left.min(left);
        Ok(())
    }
    /// Notes what was not told. That something is too large stands above all else.
    pub(crate) fn failed(&mut self, fault: Unopened) {
        if self.fault.is_none() || fault == Unopened::TooLarge {
            self.fault = Some(fault);
        }
    }
    /// The end of the allowance.
    pub(crate) fn spent(&mut self) -> Stop {
        self.failed(Unopened::TooLarge);
        Stop
    }
}

/// What becomes of the bytes around an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    Told,
    /// Whoever asks looks at them.
    Elsewhere,
}

/// A ZIP archive: what its directory says, then every entry, then what is in none.
fn archive(bytes: &[u8], around: Around, teller: &mut Teller<'_, '_>) -> Result<(), Stop> {
    let archive = match Archive::read(bytes) {
        Ok(archive) => archive,
        Err(ExtractFault::Broken(why)) => {
            teller.failed(Unopened::Broken(why));
            return Ok(());
        }
        Err(ExtractFault::TooLarge(_)) => return Err(teller.spent()),
        Err(ExtractFault::Unknown | ExtractFault::NoColumn(_)) => {
            teller.failed(Unopened::Broken("the archive is damaged"));
            return Ok(());
        }
    };
    let (mut names, mut extras) = (String::new(), Vec::new());
    for entry in archive.entries() {
        for text in [entry.name, entry.comment] {
            names.push_str(&String::from_utf8_lossy(text));
            names.push('\n');
        }
        for extra in entry.extra {
            extras.extend_from_slice(extra);
        }
    }
    names.push_str(&String::from_utf8_lossy(archive.comment()));
    teller.tell(Piece::Text(&names))?;
    teller.tell(Piece::Bytes(&extras))?;
    let office = office::is_office(&archive);
    for entry in archive.entries() {
        let plain = match archive.unpack(entry, teller.left()) {
            Ok(plain) => plain,
            Err(EntryFault::TooLarge) => return Err(teller.spent()),
            Err(EntryFault::Encrypted) => {
                teller.failed(Unopened::Sealed("a file in the archive is encrypted"));
                continue;
            }
            Err(EntryFault::Method) => {
                let why = "a file in the archive is packed in a way that is not read";
                teller.failed(Unopened::Sealed(why));
                continue;
            }
            Err(EntryFault::Broken) => {
                teller.failed(Unopened::Broken("a file in the archive is damaged"));
                continue;
            }
        };
        if office && office::is_markup(entry.name, &plain) {
            office::open_part(entry.name, &plain, teller)?;
        } else {
            teller.tell(Piece::Bytes(&plain))?;
        }
    }
    if office {
        office::open_sheets(&archive, teller)?;
    }
    if around == Around::Told {
        for gap in archive.outside() {
            teller.tell(Piece::Bytes(gap))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
