//! The text of a PDF, by `lopdf`: fonts without a map to Unicode give nothing, which is a fault
//! where a document has nothing else. Next: `rows`.

use crate::ExtractFault;
use lopdf::Document;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The text, at most `most` bytes.
pub(crate) fn text(bytes: &[u8], most: usize) -> Result<String, ExtractFault> {
    // A library that reads so old and wide a format may stop at what it did not expect.
    let read = catch_unwind(AssertUnwindSafe(|| pages(bytes, most)));
    read.unwrap_or(Err(ExtractFault::Broken("the PDF is not as its standard says")))
}

fn pages(bytes: &[u8], most: usize) -> Result<String, ExtractFault> {
    let document =
        Document::load_mem(bytes).map_err(|_| ExtractFault::Broken("the PDF is damaged"))?;
    if document.is_encrypted() {
        return Err(ExtractFault::Broken("the PDF is encrypted"));
    }
    let mut out = String::new();
    for number in document.get_pages().keys() {
        // A page of pictures alone has no text.
        if let Ok(page) = document.extract_text(&[*number]) {
            out.push_str(&page);
            out.push('\n');
        }
        if out.len() > most {
            return Err(ExtractFault::TooLarge(most));
        }
    }
    if out.trim().is_empty() {
        return Err(ExtractFault::Broken(
            "the PDF holds no text that can be read (scanned pages?)",
        ));
    }
    Ok(out)
}
