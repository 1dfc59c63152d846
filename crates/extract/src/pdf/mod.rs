//! The text of a PDF, by `lopdf`: fonts without a map to Unicode give nothing, which is a fault
//! where a document has nothing else.
//!
//! LIMIT: `lopdf` uncompresses the streams of objects and cross-references by itself, and LZW. All
//! streams of a file were uncompressed through `detect`'s one door before it sees any, so that what
//! they come to in all is known; each is bounded besides. Next: `content`, then `rows`.

mod content;
mod streams;

use crate::ExtractFault;
use crate::wire::{Stop, Teller};
use backstop_detect::open::{Piece, Unopened};
use lopdf::{Document, LoadOptions, Object};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// LIMIT: pages of which the text is read.
const MOST_PAGES: usize = 10_000;

/// The text, at most `most` bytes.
pub(crate) fn text(bytes: &[u8], most: usize) -> Result<String, ExtractFault> {
    streams::measure(bytes, most).ok_or(ExtractFault::TooLarge(most))?;
    let (document, out) = guarded(|| {
        let document = load(bytes, most)?;
        let out = pages(&document, most)?;
        Ok((document, out))
    })?;
    drop(document);
    if out.trim().is_empty() {
        return Err(ExtractFault::Broken(
            "the PDF holds no text that can be read (scanned pages?)",
        ));
    }
    Ok(out)
}

/// A library that reads so old and wide a format may stop at what it did not expect.
fn guarded<T>(read: impl FnOnce() -> Result<T, ExtractFault>) -> Result<T, ExtractFault> {
    let read = catch_unwind(AssertUnwindSafe(read));
    read.unwrap_or(Err(ExtractFault::Broken("the PDF is not as its standard says")))
}

fn load(bytes: &[u8], most: usize) -> Result<Document, ExtractFault> {
    let options = LoadOptions::with_max_decompressed_size(most);
    let mut document = Document::load_mem_with_options(bytes, options)
        .map_err(|_| ExtractFault::Broken("the PDF is damaged"))?;
    if document.is_encrypted() || document.trailer.has(b"Encrypt") {
        return Err(ExtractFault::Broken(ENCRYPTED));
    }
    // From here on nothing but LZW is uncompressed by anyone else.
    let mut left = most;
    for object in document.objects.values_mut() {
        if let Object::Stream(stream) = object
            && stream.filters().is_ok_and(|filters| filters == [b"FlateDecode".as_slice()])
            && !stream.dict.has(b"DecodeParms")
        {
            let plain =
                streams::inflated(&stream.content, left).ok_or(ExtractFault::TooLarge(most))?;
            left -= plain.len();
            stream.set_plain_content(plain);
        }
    }
    Ok(document)
}

const ENCRYPTED: &str = "the PDF is encrypted";

/// The text of all pages.
fn pages(document: &Document, most: usize) -> Result<String, ExtractFault> {
    let (mut out, mut work) = (String::new(), most);
    for (count, (number, page)) in document.get_pages().into_iter().enumerate() {
        // One stream may be the content of any number of pages.
        let content = document.get_page_content_with_limit(page, work);
        let content = content.map_err(|_| ExtractFault::TooLarge(most))?;
        work = work.saturating_sub(content.len().max(64));
        if count >= MOST_PAGES || work == 0 {
            return Err(ExtractFault::TooLarge(most));
        }
        // A page of pictures alone has no text.
        if let Ok(page) = document.extract_text_with_limit(&[number], most) {
            out.push_str(&page);
            out.push('\n');
        }
        if out.len() > most {
            return Err(ExtractFault::TooLarge(most));
        }
    }
    Ok(out)
}

/// Tells what a PDF holds on the wire: its pages, every string and stream of every object, and the
/// streams that no table leads to.
pub(crate) fn open(bytes: &[u8], teller: &mut Teller<'_, '_>) -> Result<(), Stop> {
    let most = teller.left();
    if streams::measure(bytes, most).is_none() {
        return Err(teller.spent());
    }
    let read = guarded(|| {
        let document = load(bytes, most)?;
        let text = pages(&document, most)?;
        Ok((document, text))
    });
    match read {
        Ok((document, text)) => {
            teller.tell(Piece::Text(&text))?;
            objects(&document, teller)?;
        }
        Err(ExtractFault::TooLarge(_)) => return Err(teller.spent()),
        Err(ExtractFault::Broken(why)) if why == ENCRYPTED => {
            teller.failed(Unopened::Sealed(why));
        }
        Err(ExtractFault::Broken(why)) => teller.failed(Unopened::Broken(why)),
        Err(ExtractFault::Unknown | ExtractFault::NoColumn(_)) => {
            teller.failed(Unopened::Broken("the PDF is damaged"));
        }
    }
    // Older revisions, and whatever else a reader could be led to.
    let mut texts = String::new();
    streams::each(bytes, most, |plain| content::text(plain, &mut texts));
    teller.tell(Piece::Text(&texts))
}

/// Strings and streams of all objects that were loaded.
fn objects(document: &Document, teller: &mut Teller<'_, '_>) -> Result<(), Stop> {
    let mut strings = String::new();
    let trailer = Object::Dictionary(document.trailer.clone());
    for object in std::iter::once(&trailer).chain(document.objects.values()) {
        collect(object, 0, &mut strings);
    }
    teller.tell(Piece::Text(&strings))?;
    for object in document.objects.values() {
        let Object::Stream(stream) = object else { continue };
        if is_picture(&stream.dict) {
            continue;
        }
        let Ok(plain) = stream.get_plain_content_with_limit(teller.left()) else {
            // A filter that is not known: perhaps another reader knows it.
            teller.tell(Piece::Bytes(&stream.content))?;
            continue;
        };
        if stream.dict.has_type(b"EmbeddedFile") || stream.dict.has_type(b"Metadata") {
            teller.tell(Piece::Bytes(&plain))?;
            continue;
        }
        let mut text = String::new();
        content::text(&plain, &mut text);
        if text.is_empty() {
            teller.tell(Piece::Bytes(&plain))?;
        } else {
            teller.tell(Piece::Text(&text))?;
        }
    }
    Ok(())
}

/// A picture says nothing here, as one that is sent by itself says nothing.
fn is_picture(dict: &lopdf::Dictionary) -> bool {
    dict.get(b"Subtype").and_then(Object::as_name).is_ok_and(|name| name == b"Image")
        && dict.get(b"Width").is_ok()
}

/// LIMIT: objects within objects.
const DEEPEST: usize = 32;

fn collect(object: &Object, deep: usize, out: &mut String) {
    if deep > DEEPEST {
        return;
    }
    match object {
        Object::String(bytes, _) => {
            string(bytes, out);
            out.push('\n');
        }
        Object::Array(items) => items.iter().for_each(|item| collect(item, deep + 1, out)),
        Object::Dictionary(dict) => entries(dict, deep, out),
        Object::Stream(stream) => entries(&stream.dict, deep, out),
        Object::Null
        | Object::Boolean(_)
        | Object::Integer(_)
        | Object::Real(_)
        | Object::Name(_)
        | Object::Reference(_) => {}
    }
}

fn entries(dict: &lopdf::Dictionary, deep: usize, out: &mut String) {
    for (key, value) in dict {
        // `/MSIP_Label_…_Name (Confidential)`: the key says what the value is.
        if matches!(value, Object::String(..)) {
            out.push_str(&String::from_utf8_lossy(key));
            out.push_str(": ");
        }
        collect(value, deep + 1, out);
    }
}

/// A text string (ISO 32000-1 §7.9.2): UTF-16 or UTF-8 with a mark, else one byte a character.
fn string(bytes: &[u8], out: &mut String) {
    match bytes {
        [0xfe, 0xff, rest @ ..] => {
            let units: Vec<u16> =
                rest.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            out.push_str(&String::from_utf16_lossy(&units));
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => out.push_str(&String::from_utf8_lossy(rest)),
        _ => out.extend(bytes.iter().map(|b| char::from(*b))),
    }
}
