//! The walk: a payload is uncompressed, taken for what it is, and each of its fields looked at.
//! Next: `look`.

use super::containers::Rest;
use super::documents::Role;
use super::inspection::{Inspection, Site, Taste};
use super::media::sniffed;
use super::payload::{Coding, Media, Payload};
use super::report::{Outcome, Report, Unreadable};
use crate::decode::inflate::{Codec, InflateFault, inflate};
use crate::decode::nature::{reads_as_text, said, utf16};
use crate::walk::{self, Field, Halt, Kind, Part, Path, Visitor, Walked};
use std::borrow::Cow;
use std::ops::ControlFlow;

/// LIMIT: multipart bodies within multipart bodies.
const MAX_PARTS_DEEP: usize = 4;
/// The shortest value that is scanned. Below, only the key could say anything.
const MIN_VALUE: usize = 5;

impl Inspection<'_> {
    /// Looks through a payload.
    pub(super) fn run(mut self, payload: &Payload<'_>) -> Report {
        if payload.bytes.len() > self.looks.limits.bytes {
            self.fault(Outcome::OverLimit("bytes"));
            return self.report();
        }
        match self.uncompressed(payload) {
            Ok(bytes) => self.media(&bytes, &payload.media, 0),
            Err(fault) => self.fault(fault),
        }
        self.end_of_documents();
        self.report()
    }

    fn uncompressed<'b>(&mut self, payload: &Payload<'b>) -> Result<Cow<'b, [u8]>, Outcome> {
        let mut bytes = Cow::Borrowed(payload.bytes);
        let Coding::Stack(stack) = &payload.coding else { return Ok(bytes) };
        for codec in stack.iter().rev() {
            let cap = self.decoded_left();
            let plain = match (inflate(*codec, &bytes, cap), codec) {
                // What many senders call deflate.
                (Err(InflateFault::Broken), Codec::Zlib) => inflate(Codec::Deflate, &bytes, cap),
                (result, _) => result,
            };
            bytes = Cow::Owned(plain.map_err(|fault| {
                Outcome::Unreadable(match fault {
                    InflateFault::Broken => Unreadable::Malformed("a broken compressed stream"),
                    InflateFault::Trailing => Unreadable::Trailing,
                    InflateFault::TooLarge => Unreadable::Bomb,
                })
            })?);
            self.charge_decoded(bytes.len());
        }
        Ok(bytes)
    }

    /// Looks at bytes of a known or unknown kind.
    fn media(&mut self, bytes: &[u8], media: &Media, deep: usize) {
        if let Media::Multipart { boundary } = media {
            self.parts(bytes, boundary, deep);
            return;
        }
        let path = Path::default();
        let whole = Site { path: &path, field: 0, content: true, key: None };
        // What a text says of itself is no reason not to open it.
        let opened = self.opened(bytes, &whole);
        if opened != Rest::Itself {
            self.look_at_rest(opened, bytes, &whole);
            return;
        }
        let Some(text) = self.text(bytes, media) else {
            let field = self.next_field();
            self.look_into(bytes, &Site { field, ..whole });
            return;
        };
        if said(bytes).is_some() {
            // A stored block leaves a stream as readable as a text: it is both.
            let field = self.next_field();
            self.look_into(bytes, &Site { field, ..whole });
        }
        let depth = self.looks.limits.depth.min(MAX_DEPTH);
        let unsaid = matches!(media, Media::Sniff | Media::Opaque);
        let kind = if unsaid { sniffed(&text) } else { media.clone() };
        let mut fields = Fields { inspection: self, deep };
        let walked = match &kind {
            Media::Json => walk::json(&text, depth, &mut fields),
            Media::Ndjson => walk::ndjson(&text, depth, &mut fields),
            Media::Form => walk::form(&text, &mut fields),
            Media::Yaml => walk::yaml(&text, depth, &mut fields),
            Media::Xml => walk::xml(&text, depth, &mut fields),
            Media::Csv => walk::csv(&text, &mut fields),
            Media::Multipart { boundary } => {
                walk::multipart(text.as_bytes(), boundary, &mut fields)
            }
            Media::Text | Media::Opaque | Media::Sniff => {
                self.as_text(&text);
                Ok(())
            }
        };
        self.end_of_fields();
        self.halted(walked, kind == *media, &text);
    }

    /// What to do about a walk that did not reach the end.
    fn halted(&mut self, walked: Walked, was_said: bool, text: &str) {
        match walked {
            Ok(()) | Err(Halt::Stopped) => {}
            Err(Halt::TooDeep) => {
                self.fault(Outcome::OverLimit("depth"));
            }
            Err(Halt::Malformed(why)) => {
                // The receiver may make something of it; so all of it is looked at as text. Where
                // it was said to be what it is not, it is refused besides.
                self.as_text(text);
                if was_said {
                    self.unreadable(Unreadable::Malformed(why));
                }
            }
        }
    }

    fn as_text(&mut self, text: &str) {
        let path = Path::default();
        let field = self.next_field();
        let site = Site { path: &path, field, content: self.holds_content(&path), key: None };
        self.look(text, &site);
    }

    fn parts(&mut self, bytes: &[u8], boundary: &str, deep: usize) {
        if deep >= MAX_PARTS_DEEP {
            self.fault(Outcome::OverLimit("parts"));
            return;
        }
        let walked = walk::multipart(bytes, boundary, &mut Fields { inspection: self, deep });
        self.end_of_fields();
        if let Err(Halt::Malformed(why)) = walked {
            self.unreadable(Unreadable::Malformed(why));
            let path = Path::default();
            let field = self.next_field();
            self.look_at_bytes(bytes, &Site { path: &path, field, content: true, key: None });
        }
    }

    /// The text of bytes; `None` when they are none.
    fn text<'b>(&mut self, bytes: &'b [u8], media: &Media) -> Option<Cow<'b, str>> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if let Some(text) = utf16(bytes) {
            return Some(Cow::Owned(text));
        }
        if let Ok(text) = std::str::from_utf8(bytes) {
            // Valid as UTF-8 and still no text: told by control characters.
            let binary = matches!(media, Media::Opaque | Media::Sniff) && !reads_as_text(bytes);
            return (!binary || bytes.is_empty()).then_some(Cow::Borrowed(text));
        }
        match media {
            Media::Json | Media::Ndjson | Media::Form | Media::Yaml | Media::Xml => {
                self.unreadable(Unreadable::Malformed("not UTF-8"));
                Some(String::from_utf8_lossy(bytes))
            }
            Media::Text | Media::Csv | Media::Opaque | Media::Sniff | Media::Multipart { .. } => {
                reads_as_text(bytes).then(|| String::from_utf8_lossy(bytes))
            }
        }
    }
}

/// LIMIT: nesting whatever the caller allows, for the walk of JSON uses the stack.
const MAX_DEPTH: usize = 512;

/// Looks at each field of a payload.
struct Fields<'f, 'i> {
    inspection: &'f mut Inspection<'i>,
    deep: usize,
}

impl Visitor for Fields<'_, '_> {
    fn field(&mut self, field: Field<'_>) -> ControlFlow<()> {
        let inspection = &mut *self.inspection;
        let number = inspection.next_field();
        let content = inspection.holds_content(field.path);
        let site = Site { path: field.path, field: number, content, key: field.path.key() };
        match field.kind {
            Kind::Key => inspection.look_at_key(field.text, &Site { key: None, ..site }),
            Kind::Number => inspection.look_at_number(field.text, &site),
            Kind::Text => inspection.look_at_value(field.text, &site),
        }
        if inspection.spent() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn part(&mut self, part: Part<'_>) -> ControlFlow<()> {
        let inspection = &mut *self.inspection;
        let length = inspection.prefix.len();
        let pointer = part.path.pointer();
        inspection.prefix.push_str(&pointer);
        let media = Media::of(part.content_type);
        inspection.media(part.bytes, &media, self.deep + 1);
        inspection.prefix.truncate(length);
        if inspection.spent() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Looks at each field of JSON or a form within a text: all of them stand where the text stands.
pub(super) struct Inner<'f, 'i, 's> {
    pub(super) inspection: &'f mut Inspection<'i>,
    pub(super) site: Site<'s>,
}

impl Visitor for Inner<'_, '_, '_> {
    fn field(&mut self, field: Field<'_>) -> ControlFlow<()> {
        let inspection = &mut *self.inspection;
        inspection.next_field();
        let site = Site { key: field.path.key().or(self.site.key), ..self.site };
        match field.kind {
            Kind::Key => inspection.look_at_key(field.text, &Site { key: None, ..site }),
            Kind::Number => inspection.look_at_number(field.text, &site),
            Kind::Text => inspection.look_at_value(field.text, &site),
        }
        if inspection.spent() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
    fn part(&mut self, part: Part<'_>) -> ControlFlow<()> {
        let site = self.site;
        self.inspection.look_at_bytes(part.bytes, &site);
        if self.inspection.spent() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Inspection<'_> {
    /// A key, for itself: the first time that it stands in the payload.
    fn look_at_key(&mut self, key: &str, site: &Site<'_>) {
        self.gathered.role = Role::Key;
        if key.len() >= MIN_VALUE && self.new_key(key) {
            self.look(key, site);
        } else {
            self.documents(key, site, Taste::Usual);
        }
        self.gathered.role = Role::Value;
    }

    /// A text. One that is too short to be anything by itself may be a word of a document.
    fn look_at_value(&mut self, text: &str, site: &Site<'_>) {
        if text.len() >= MIN_VALUE {
            self.look_once(text, site);
        } else {
            self.documents(text, site, Taste::Usual);
        }
        self.beside(text, site);
    }

    /// A number, also as the whole number that another notation hides.
    fn look_at_number(&mut self, number: &str, site: &Site<'_>) {
        let digits = number.bytes().filter(u8::is_ascii_digit).count();
        let notation = number.contains(['.', 'e', 'E']);
        if digits >= 6 && !number.contains('.') {
            self.scan(number, site, Taste::Usual);
        } else {
            self.documents(number, site, Taste::Usual);
        }
        if notation && let Some(digits) = walk::whole_digits(number) {
            self.scan(&digits, site, Taste::Usual);
        }
        self.beside(number, site);
    }
}
