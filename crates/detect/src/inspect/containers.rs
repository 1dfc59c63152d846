//! Archives, office files and PDF within a payload: opened, and each piece looked at in its turn.
//! What cannot be opened is a finding. Next: `neighbours`.

use super::inspection::{Inspection, Site, Taste};
use super::look::{RATIO, SMALL};
use super::report::{Found, Outcome, Unreadable};
use crate::decode::Transform;
use crate::decode::nature::stretches;
use crate::hit::Hit;
use crate::open::{Container, Piece, Unopened, container, holds_zip};
use crate::pack::{Acts, Family};
use crate::score::Score;
use backstop_model::redacted::Redacted;

/// Whether something is left to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Everything in it was told.
    Nothing,
    /// The bytes themselves still are to be looked at.
    Itself,
    /// What people wrote was told: credentials alone are sought in what else can be read.
    Stretches,
}

/// LIMIT: bytes of something sealed that its digest is made of.
const DIGESTED: usize = 4 << 10;

impl Inspection<'_> {
    /// Opens a container.
    pub(super) fn opened(&mut self, bytes: &[u8], site: &Site<'_>) -> Rest {
        let Some(what) = container(bytes) else { return Rest::Itself };
        let rest = self.open(what, bytes, site);
        // An archive may follow anything that ends before it does.
        if matches!(what, Container::Pdf | Container::Compound) && holds_zip(bytes) {
            self.open(Container::ZipBeside, bytes, site);
        }
        rest
    }

    fn open(&mut self, what: Container, bytes: &[u8], site: &Site<'_>) -> Rest {
        if !self.deeper() {
            return Rest::Nothing;
        }
        let (Some(opener), false) = (self.inspector.opener.clone(), is_sealed(what)) else {
            self.sealed("an archive or document that is not opened here", bytes, site);
            return Rest::Itself;
        };
        let most = self.decoded_left().min(SMALL.max(bytes.len().saturating_mul(RATIO)));
        self.chain.push(name(what));
        let result = opener.open(what, bytes, most, &mut |piece| {
            self.piece(piece, site);
            (!self.spent()).then(|| self.decoded_left())
        });
        self.chain.pop();
        match result {
            Ok(()) => {}
            Err(Unopened::Sealed(why) | Unopened::Broken(why)) => self.sealed(why, bytes, site),
            Err(Unopened::TooLarge) => self.unreadable(Unreadable::Bomb),
            Err(Unopened::Stopped) => {}
        }
        match what {
            Container::Zip | Container::ZipWithin | Container::Tar if result.is_ok() => {
                Rest::Nothing
            }
            Container::Pdf | Container::Compound => Rest::Stretches,
            Container::Zip
            | Container::ZipWithin
            | Container::ZipBeside
            | Container::Tar
            | Container::Sealed(_) => Rest::Itself,
        }
    }

    /// What is left of a container once it was opened.
    pub(super) fn look_at_rest(&mut self, rest: Rest, bytes: &[u8], site: &Site<'_>) {
        match rest {
            Rest::Nothing => {}
            Rest::Itself => self.look_into(bytes, site),
            Rest::Stretches => {
                if let Some(text) = stretches(bytes) {
                    self.scan(&text, site, Taste::Credentials);
                }
            }
        }
    }

    fn piece(&mut self, piece: Piece<'_>, site: &Site<'_>) {
        // Each piece is a field of its own: what one holds says nothing of the next.
        let field = self.next_field();
        let site = Site { field, key: None, ..*site };
        match piece {
            Piece::Text(text) => {
                self.charge_decoded(text.len());
                self.look(text, &site);
            }
            Piece::Aside(text) => {
                self.charge_decoded(text.len());
                self.scan(text, &Site { content: false, ..site }, Taste::Strong);
            }
            Piece::Bytes(bytes) => {
                self.charge_decoded(bytes.len());
                self.look_at_bytes(bytes, &site);
            }
        }
    }

    /// Notes something that cannot be opened: a finding that a recipient may declare as it declares
    /// encoded fields, and where nobody asked for such findings, a payload that was not read.
    fn sealed(&mut self, why: &'static str, bytes: &[u8], site: &Site<'_>) {
        if !self.looks.scan.families.contains(Family::Encoded) {
            self.unreadable(Unreadable::Malformed(why));
            return;
        }
        let first = bytes.get(..DIGESTED).unwrap_or(bytes).to_vec();
        let pointer = self.pointer(site);
        self.found.push(Found {
            pointer,
            chain: self.chain.clone(),
            length: bytes.len(),
            digest_input: Redacted::new("sealed bytes", first),
            hit: Hit {
                detector: "sealed".into(),
                entity: "SEALED_CONTENT".into(),
                family: Family::Encoded,
                acts: Acts::Block,
                level: None,
                span: 0..bytes.len(),
                score: Score::CERTAIN,
                canary: None,
                explanation: None,
            },
        });
        if self.found.len() >= super::inspection::MAX_FOUND {
            self.fault(Outcome::OverLimit("findings"));
        }
    }
}

const fn is_sealed(what: Container) -> bool {
    matches!(what, Container::Sealed(_))
}

const fn name(what: Container) -> Transform {
    match what {
        Container::Zip | Container::ZipWithin | Container::ZipBeside => Transform::ZIP,
        Container::Tar => Transform::TAR,
        Container::Pdf => Transform::PDF,
        Container::Compound => Transform::COMPOUND,
        Container::Sealed(name) => Transform(name),
    }
}
