//! The members of a tape archive (POSIX.1 pax, GNU tar): names, contents, and whatever stands in no
//! member. Next: `compound`.

use crate::wire::{Stop, Teller};
use backstop_detect::open::{Piece, Unopened};

/// LIMIT: members of an archive.
const MOST_MEMBERS: usize = 50_000;
const BLOCK: usize = 512;

/// Tells every member.
pub(crate) fn open(bytes: &[u8], teller: &mut Teller<'_, '_>) -> Result<(), Stop> {
    let (mut at, mut members) = (0, 0);
    let mut names = String::new();
    while let Some(head) = bytes.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>()) {
        if head.iter().all(|b| *b == 0) {
            break;
        }
        members += 1;
        if members > MOST_MEMBERS {
            teller.failed(Unopened::Broken("the archive has too many members"));
            break;
        }
        // Names, links, owners: all that is text in a header.
        for (from, to) in [(345, 500), (0, 100), (157, 257), (265, 297), (297, 329)] {
            let field = head.get(from..to).unwrap_or_default();
            let text = field.split(|b| *b == 0).next().unwrap_or_default();
            names.push_str(&String::from_utf8_lossy(text));
            names.push('\n');
        }
        let Some(size) = size(head) else {
            teller.failed(Unopened::Broken("a member of the archive has no size"));
            break;
        };
        // Links, devices and folders hold nothing, whatever is said of their size; readers differ.
        let holds_nothing = matches!(head.get(156), Some(b'1'..=b'6'));
        if holds_nothing && size > 0 {
            teller.failed(Unopened::Broken("a member of the archive has two readings"));
        }
        let start = at + BLOCK;
        let end = start.saturating_add(size);
        let Some(content) = bytes.get(start..end) else {
            teller.failed(Unopened::Broken("the archive is cut short"));
            break;
        };
        let next = end.next_multiple_of(BLOCK).min(bytes.len());
        teller.tell(Piece::Bytes(content))?;
        // What fills the last block is seen by nobody who unpacks.
        let padding = bytes.get(end..next).unwrap_or_default();
        if padding.iter().any(|b| *b != 0) {
            teller.tell(Piece::Bytes(padding))?;
        }
        at = next;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let first = rest.iter().position(|b| *b != 0);
    if let Some(first) = first {
        teller.tell(Piece::Bytes(rest.get(first..).unwrap_or_default()))?;
    }
    teller.tell(Piece::Text(&names))
}

/// A size in octal digits, or in binary where the first bit says so (GNU).
fn size(head: &[u8; BLOCK]) -> Option<usize> {
    let field = head.get(124..136)?;
    if let [first, rest @ ..] = field
        && first & 0x80 != 0
    {
        let high = usize::from(first & 0x7f);
        return rest
            .iter()
            .try_fold(high, |sum, b| sum.checked_mul(256)?.checked_add(usize::from(*b)));
    }
    let digits = field.trim_ascii_start();
    let end = digits.iter().position(|b| !(b'0'..=b'7').contains(b)).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    if !rest.iter().all(|b| matches!(b, 0 | b' ')) {
        return None;
    }
    let digits = std::str::from_utf8(digits).ok()?;
    if digits.is_empty() { Some(0) } else { usize::from_str_radix(digits, 8).ok() }
}
