//! Compound files (MS-CFB): office files before 2007, and what encrypts those since. Their text is
//! read by its readable stretches, in one byte or two a character. Next: `pdf`.

use crate::wire::{Stop, Teller};
use backstop_detect::open::{Piece, Unopened};

/// The shortest stretch that is told.
const STRETCH: usize = 5;

/// Tells what can be read.
pub(crate) fn open(bytes: &[u8], teller: &mut Teller<'_, '_>) -> Result<(), Stop> {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    for stream in ["EncryptedPackage", "EncryptionInfo", "DataSpaces"] {
        if memchr::memmem::find(bytes, &wide(stream)).is_some() {
            teller.failed(Unopened::Sealed("the document is encrypted"));
            break;
        }
    }
    let mut narrow = String::new();
    for stretch in bytes.split(|b| !(b.is_ascii_graphic() || matches!(b, b' ' | b'\t'))) {
        if stretch.len() >= STRETCH {
            narrow.push_str(&String::from_utf8_lossy(stretch));
            narrow.push('\n');
        }
    }
    teller.tell(Piece::Text(&narrow))?;
    // Both ways of pairing: a stretch may begin at an odd place.
    for skip in [0, 1] {
        let text = wide_stretches(bytes.get(skip..).unwrap_or_default());
        teller.tell(Piece::Text(&text))?;
    }
    Ok(())
}

fn wide_stretches(bytes: &[u8]) -> String {
    let (mut out, mut stretch) = (String::new(), String::new());
    let mut end = |stretch: &mut String| {
        if stretch.chars().count() >= STRETCH {
            out.push_str(stretch);
            out.push('\n');
        }
        stretch.clear();
    };
    for pair in bytes.as_chunks::<2>().0 {
        let unit = u16::from_le_bytes(*pair);
        // The scripts of Europe and its neighbours: anything else is noise more often than text.
        let plain = matches!(unit, 9 | 0x20..0x7f | 0xa0..0x600);
        match char::from_u32(u32::from(unit)).filter(|_| plain) {
            Some(c) => stretch.push(c),
            None => end(&mut stretch),
        }
    }
    end(&mut stretch);
    out
}
