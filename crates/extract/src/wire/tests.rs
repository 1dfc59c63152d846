//! Archives and documents made here byte by byte, looked at as the gateway looks at a body.

use super::Opener;
use backstop_detect::{
    Coding, Detectors, Inspector, Looks, Media, Outcome, Payload, Report, Scratch, Unreadable,
};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use std::io::Write as _;
use std::sync::{Arc, OnceLock};

const SSN: &str = "her ssn is 536-90-4399";

fn inspect(media: Media, bytes: &[u8]) -> Report {
    static INSPECTOR: OnceLock<Inspector> = OnceLock::new();
    let inspector = INSPECTOR
        .get_or_init(|| Inspector::new(Detectors::builtin()).with_opener(Arc::new(Opener)));
    let payload = Payload { bytes, media, coding: Coding::Identity, at: "" };
    inspector.inspect(payload, &Looks::default(), &mut Scratch::default())
}

/// What is found, by entity and chain.
fn found(bytes: &[u8]) -> Vec<String> {
    let report = inspect(Media::Sniff, bytes);
    assert_eq!(report.outcome, Outcome::Complete);
    let mut lines: Vec<String> =
        report.found.iter().map(|found| format!("{}{}", found.hit.entity, found.field())).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// The social security number is found, and whatever else.
#[track_caller]
fn finds(bytes: &[u8]) {
    let found = found(bytes);
    assert!(found.iter().any(|line| line.starts_with("US_SSN")), "{found:?}");
}

/// It cannot be opened, and that is a finding.
#[track_caller]
fn sealed(bytes: &[u8]) {
    let found = found(bytes);
    assert!(found.iter().any(|line| line.starts_with("SEALED_CONTENT")), "{found:?}");
}

fn deflated(plain: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// A file of an archive in the making; whatever is not said is as it should be.
#[derive(Clone)]
struct File {
    name: &'static str,
    method: u16,
    flags: u16,
    packed: Vec<u8>,
    size: usize,
    local_name: &'static str,
    local_method: u16,
    wide: bool,
}

fn stored(name: &'static str, plain: &[u8]) -> File {
    let packed = plain.to_vec();
    File { method: 0, local_method: 0, packed, ..packed_file(name, plain) }
}

fn packed_file(name: &'static str, plain: &[u8]) -> File {
    File {
        name,
        method: 8,
        flags: 0,
        packed: deflated(plain),
        size: plain.len(),
        local_name: name,
        local_method: 8,
        wide: false,
    }
}

/// A ZIP archive of these files behind other bytes.
fn zip_behind(before: &[u8], files: &[File], comment: &[u8]) -> Vec<u8> {
    let mut out = before.to_vec();
    let mut directory = Vec::new();
    let four = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let two = |number: usize| u16::try_from(number).unwrap().to_le_bytes();
    for file in files {
        let at = out.len() - before.len();
        let streamed = file.flags & 8 != 0;
        let sizes = if streamed { (0, 0) } else { (file.packed.len(), file.size) };
        out.extend_from_slice(b"PK\x03\x04\x14\0");
        for part in [&file.flags.to_le_bytes()[..], &file.local_method.to_le_bytes(), &[0; 8]] {
            out.extend_from_slice(part);
        }
        out.extend_from_slice(&four(sizes.0));
        out.extend_from_slice(&four(sizes.1));
        out.extend_from_slice(&two(file.local_name.len()));
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(file.local_name.as_bytes());
        out.extend_from_slice(&file.packed);
        if streamed {
            out.extend_from_slice(b"PK\x07\x08\0\0\0\0");
            out.extend_from_slice(&four(file.packed.len()));
            out.extend_from_slice(&four(file.size));
        }
        let extra = if file.wide {
            let mut extra = vec![1, 0, 16, 0];
            extra.extend_from_slice(&(file.size as u64).to_le_bytes());
            extra.extend_from_slice(&(file.packed.len() as u64).to_le_bytes());
            extra
        } else {
            Vec::new()
        };
        let said =
            if file.wide { [[0xff; 4]; 2] } else { [four(file.packed.len()), four(file.size)] };
        directory.extend_from_slice(b"PK\x01\x02\x14\0\x14\0");
        for part in [
            &file.flags.to_le_bytes()[..],
            &file.method.to_le_bytes(),
            &[0; 8],
            &said[0],
            &said[1],
            &two(file.name.len()),
            &two(extra.len()),
            &[0; 10],
            &four(at),
            file.name.as_bytes(),
            &extra,
        ] {
            directory.extend_from_slice(part);
        }
    }
    let at = out.len() - before.len();
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&two(files.len()));
    out.extend_from_slice(&two(files.len()));
    out.extend_from_slice(&four(directory.len()));
    out.extend_from_slice(&four(at));
    out.extend_from_slice(&two(comment.len()));
    out.extend_from_slice(comment);
    out
}

fn zip(files: &[File]) -> Vec<u8> {
    zip_behind(b"", files, b"")
}

/// A tape archive of one file.
fn tar(name: &str, plain: &[u8]) -> Vec<u8> {
    let mut head = vec![0_u8; 512];
    head[..name.len()].copy_from_slice(name.as_bytes());
    head[124..135].copy_from_slice(format!("{:011o}", plain.len()).as_bytes());
    head[156] = b'0';
    head[148..156].copy_from_slice(b"        ");
    let sum: u32 = head.iter().map(|b| u32::from(*b)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    head.extend_from_slice(plain);
    head.resize(head.len().next_multiple_of(512) + 1024, 0);
    head
}

#[test]
fn archives_are_opened_and_what_they_hold_is_found() {
    let secret = SSN.as_bytes();
    let clean = stored("a.txt", b"nothing here");
    for files in [
        vec![packed_file("notes.txt", secret)],
        vec![clean.clone(), stored("notes.txt", secret)],
        vec![File { flags: 8, ..packed_file("streamed", secret) }, clean.clone()],
        vec![File { wide: true, ..packed_file("zip64", secret) }],
        // The same name twice: some readers take the first, some the last.
        vec![stored("a.txt", secret), clean.clone()],
        vec![clean.clone(), stored("a.txt", secret)],
        // Within another archive, and that within a third.
        vec![packed_file(
            "inner.zip",
            &zip(&[packed_file("x", &zip(&[packed_file("y", secret)]))]),
        )],
        vec![packed_file("x.tar.gz", &gzip(&tar("deep", secret)))],
        // The name is what gives it away.
        vec![stored("ssn 536-90-4399.txt", b"x")],
    ] {
        finds(&zip(&files));
    }
    finds(&tar("notes.txt", secret));
    finds(&gzip(&tar("notes.txt", &zip(&[packed_file("y", secret)]))));
    finds(&zip_behind(b"", std::slice::from_ref(&clean), secret));
    assert!(
        found(&zip(&[clean.clone(), packed_file("b.txt", b"nor here, for that matter")]))
            .is_empty()
    );
    assert!(found(&tar("a.txt", b"nothing here")).is_empty());
    let chain = found(&gzip(&tar("n", &zip(&[packed_file("y", secret)]))));
    assert_eq!(chain, ["US_SSN → gzip → tar → zip"]);
}

#[test]
fn an_archive_hides_behind_nothing() {
    let files = [packed_file("notes.txt", SSN.as_bytes())];
    let picture = [b"\x89PNG\r\n\x1a\n".as_slice(), &[0x91, 0, 0xfe, 7].repeat(100)].concat();
    // Behind a picture, with offsets that count it or do not, and before other bytes.
    finds(&zip_behind(&picture, &files, b""));
    finds(&[picture.clone(), zip(&files)].concat());
    finds(&[zip_behind(&picture, &files, b""), vec![0xfe; 300]].concat());
    // Two archives, one after the other: each of them has its readers.
    let harmless = zip(&[packed_file("a.txt", b"nothing here")]);
    finds(&[zip(&files), harmless.clone()].concat());
    finds(&[harmless, zip(&files)].concat());
    // Between the entries, where only a header-by-header reader looks.
    let hidden = stored("a.txt", b"nothing here");
    let gap = [b"....", SSN.as_bytes(), b"...."].concat();
    finds(&zip_behind(b"", &[hidden], &gap));
    finds(&zip_behind(&gap, &[stored("a.txt", b"nothing here")], b""));
    // As base64 in a field, as a part of a form, under a content type that says otherwise.
    let bytes = zip(&files);
    let json = format!("{{\"file\": \"{}\"}}", base64(&bytes));
    let report = inspect(Media::Json, json.as_bytes());
    let lines: Vec<String> = report.found.iter().map(backstop_detect::Found::field).collect();
    assert!(lines.contains(&"/file → base64 → zip".to_owned()), "{lines:?}");
    let json = format!("{{\"file\": \"{}\"}}", base64(&tar("a", SSN.as_bytes())));
    let report = inspect(Media::Json, json.as_bytes());
    assert!(report.found.iter().any(|found| found.field() == "/file → base64 → tar"));
    let mut form = b"--B\r\ncontent-disposition: form-data; name=\"f\"; filename=\"x.png\"\r\n\
        content-type: image/png\r\n\r\n"
        .to_vec();
    form.extend_from_slice(&bytes);
    form.extend_from_slice(b"\r\n--B--\r\n");
    let report = inspect(Media::Multipart { boundary: "B".to_owned() }, &form);
    assert!(report.found.iter().any(|found| found.field() == "/f → zip"), "{report:?}");
    for media in [Media::Text, Media::Opaque, Media::Xml, Media::Csv] {
        let report = inspect(media.clone(), &bytes);
        assert!(report.found.iter().any(|found| &*found.hit.entity == "US_SSN"), "{media:?}");
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let mut value = 0_u32;
        for at in 0..3 {
            value = value << 8 | u32::from(three.get(at).copied().unwrap_or(0));
        }
        for at in 0..4 {
            let digit = DIGITS[(value >> (18 - 6 * at) & 63) as usize];
            out.push(if at <= three.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[test]
fn archives_with_two_readings_are_refused() {
    let harmless = packed_file("a.txt", b"nothing here");
    // The directory says one thing and the header before the entry another.
    sealed(&zip(&[File { local_name: "b.txt", ..harmless.clone() }]));
    sealed(&zip(&[File { local_method: 0, ..harmless.clone() }]));
    sealed(&zip(&[File { size: 7, ..harmless.clone() }]));
    let mut flags = zip(std::slice::from_ref(&harmless));
    flags[6] |= 1;
    sealed(&flags);
    // An entry that only its header tells of, another reader's whole archive.
    let mut orphan = zip(&[stored("a", b"x")]);
    let end = orphan.len() - 22;
    orphan.truncate(end);
    sealed(&orphan);
    // Entries that lie upon each other, and an end within the directory.
    let whole = zip(&[stored("a.txt", b"nothing here")]);
    let mut two = zip(&[stored("a.txt", b"nothing here"), stored("a.txt", b"nothing here")]);
    let second = two.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
    two[second + 42..second + 46].copy_from_slice(&[0; 4]);
    sealed(&two);
    sealed(&[&whole[..whole.len() - 2], &[22, 0], &whole[whole.len() - 22..]].concat());
    // A file that is a tape archive and a ZIP archive.
    let mut both = tar("PK\x03\x04\x14", b"x");
    both.extend(zip(&[packed_file("x", SSN.as_bytes())]));
    finds(&both);
    // Cut anywhere, it is never clean and nothing panics.
    let good = zip(&[packed_file("a.txt", SSN.as_bytes()), harmless]);
    for cut in 60..good.len() - 1 {
        let report = inspect(Media::Sniff, &good[..cut]);
        assert!(!report.found.is_empty() || report.outcome != Outcome::Complete, "cut at {cut}");
    }
    for at in (0..good.len()).step_by(3) {
        let mut bad = good.clone();
        bad[at] ^= 0x41;
        let _ = inspect(Media::Sniff, &bad);
    }
}

#[test]
fn what_is_encrypted_or_packed_in_unknown_ways_is_a_finding() {
    let file = stored("a.txt", &[0x9d; 40]);
    sealed(&zip(&[File { flags: 1, ..file.clone() }]));
    for method in [1, 9, 12, 14, 95, 98, 99] {
        sealed(&zip(&[File { method, local_method: method, ..file.clone() }]));
    }
    for first in [
        b"7z\xbc\xaf\x27\x1c".as_slice(),
        b"Rar!\x1a\x07\x01\0",
        b"\xfd7zXZ\0",
        b"BZh91AY&SY",
        b"Salted__",
    ] {
        let bytes = [first, &[0x9d, 0x03, 0xfe].repeat(60)].concat();
        sealed(&bytes);
        sealed(&zip(&[packed_file("x", &bytes)]));
        let json = format!("{{\"file\": \"{}\"}}", base64(&bytes));
        let report = inspect(Media::Json, json.as_bytes());
        assert!(report.found.iter().any(|found| &*found.hit.entity == "SEALED_CONTENT"));
    }
    // An encrypted office file is a compound file with this stream.
    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    sealed(
        &[b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".as_slice(), &[0; 100], &name, &[0xfe; 100]].concat(),
    );
    // What else stands beside it is found all the same.
    let found = found(&zip(&[File { flags: 1, ..file }, packed_file("b", SSN.as_bytes())]));
    assert_eq!(found, ["SEALED_CONTENT", "US_SSN → zip"]);
}

#[test]
fn bombs_cost_their_limit_and_are_refused() {
    let zeros = vec![0; 64 << 20];
    let bomb = File { size: zeros.len(), ..packed_file("zeros", &zeros) };
    let layer = zip(&[packed_file("inner", &zip(std::slice::from_ref(&bomb)))]);
    for bytes in [zip(std::slice::from_ref(&bomb)), layer, gzip(&zip(&[bomb]))] {
        let report = inspect(Media::Sniff, &bytes);
        assert_eq!(report.outcome, Outcome::Unreadable(Unreadable::Bomb));
    }
    // Archives within archives without end.
    let mut deep = zip(&[packed_file("x", SSN.as_bytes())]);
    for _ in 0..12 {
        deep = zip(&[stored("x", &deep)]);
    }
    assert_eq!(inspect(Media::Sniff, &deep).outcome, Outcome::OverLimit("chain"));
    // Many entries that say the same million bytes.
    let many: Vec<File> = (0..2_000).map(|_| packed_file("x", &[b'x'; 20_000])).collect();
    assert_ne!(inspect(Media::Sniff, &zip(&many)).outcome, Outcome::Complete);
}

#[test]
fn office_files_are_opened_with_their_labels_and_what_nobody_sees() {
    let kind = stored("[Content_Types].xml", b"<?xml version=\"1.0\"?><Types/>");
    let word = |body: &str| {
        let part =
            format!("<?xml version=\"1.0\"?><w:document><w:body>{body}</w:body></w:document>");
        zip(&[kind.clone(), packed_file("word/document.xml", part.as_bytes())])
    };
    for body in [
        "<w:p><w:r><w:t>her ssn is 536-</w:t></w:r><w:r><w:t>90-4399</w:t></w:r></w:p>",
        "<w:p><w:del><w:r><w:delText>her ssn is 536-90-4399</w:delText></w:r></w:del></w:p>",
        "<!-- her ssn is 536-90-4399 -->",
        "<w:p><w:hyperlink w:tooltip=\"her ssn is 536-90-4399\"/></w:p>",
    ] {
        finds(&word(body));
    }
    assert!(found(&word("<w:p><w:r><w:t>The plan for spring</w:t></w:r></w:p>")).is_empty());
    let label = |name: &str| {
        let custom = format!(
            "<?xml version=\"1.0\"?><Properties><property fmtid=\"{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}\" pid=\"2\" \
             name=\"MSIP_Label_2096f6a2-d2f7-48be-b329-b73aaa526e5d_Name\"><vt:lpwstr>{name}</vt:lpwstr></property></Properties>"
        );
        let report = inspect(
            Media::Sniff,
            &zip(&[kind.clone(), packed_file("docProps/custom.xml", custom.as_bytes())]),
        );
        let marks = report.found.iter().filter(|found| &*found.hit.entity == "MSIP_LABEL");
        marks.filter_map(|found| found.hit.level.as_deref().map(str::to_owned)).next()
    };
    assert_eq!(label("Highly Confidential").as_deref(), Some("restricted"));
    assert_eq!(label("Confidential").as_deref(), Some("confidential"));
    assert_eq!(label("General").as_deref(), Some("internal"));
    assert_eq!(label("Public"), None);
    let book = zip(&[
        kind.clone(),
        packed_file("xl/sharedStrings.xml", b"<sst><si><t>ssn</t></si><si><t>536-90-4399</t></si></sst>"),
        packed_file(
            "xl/worksheets/sheet1.xml",
            b"<worksheet><sheetData><row><c t=\"s\"><v>0</v></c><c t=\"s\"><v>1</v></c></row></sheetData></worksheet>",
        ),
    ]);
    finds(&book);
    // A picture's bytes, an embedded workbook, a file in a slide.
    finds(&zip(&[kind, packed_file("word/embeddings/book.xlsx", &book)]));
}

/// A PDF of these objects; the first is its catalog.
fn pdf(objects: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        places.push(out.len());
        out.extend_from_slice(format!("{} 0 obj\n", number + 1).as_bytes());
        out.extend_from_slice(object);
        out.extend_from_slice(b"\nendobj\n");
    }
    let start = out.len();
    out.extend_from_slice(
        format!("xref\n0 {}\n0000000000 65535 f \n", places.len() + 1).as_bytes(),
    );
    for place in &places {
        out.extend_from_slice(format!("{place:010} 00000 n \n").as_bytes());
    }
    let size = places.len() + 1;
    out.extend_from_slice(
        format!("trailer << /Size {size} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n")
            .as_bytes(),
    );
    out
}

fn stream(dict: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!("<< {dict} /Length {} >>\nstream\n", bytes.len());
    [head.as_bytes(), bytes, b"\nendstream"].concat()
}

/// One page with this content, and more objects.
fn page(content: &[u8], more: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_vec(),
        stream("/Filter /FlateDecode", &zlib(content)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
    ];
    objects.extend_from_slice(more);
    pdf(&objects, trailer)
}

#[test]
fn pdfs_are_opened_with_their_labels_files_and_older_revisions() {
    let empty = b"BT /F1 12 Tf (a plan) Tj ET";
    finds(&page(b"BT /F1 12 Tf 72 720 Td [(her ssn is 536-) 20 (90-4399)] TJ ET", &[], ""));
    // A font that no page knows, a form, an annotation, the document's own properties.
    finds(&page(b"BT /F9 12 Tf 72 720 Td (her ssn is 536-90-4399) Tj ET", &[], ""));
    finds(&page(
        empty,
        &[stream(
            "/Subtype /Form /Filter /FlateDecode",
            &zlib(b"BT (her ssn is 536-90-4399) Tj ET"),
        )],
        "",
    ));
    finds(&page(empty, &[b"<< /Type /Annot /Contents (her ssn is 536-90-4399) >>".to_vec()], ""));
    finds(&page(empty, &[], "/Info << /Subject (her ssn is 536-90-4399) >>"));
    let attached = zip(&[packed_file("a", SSN.as_bytes())]);
    finds(&page(
        empty,
        &[stream("/Type /EmbeddedFile /Filter /FlateDecode", &zlib(&attached))],
        "",
    ));
    // An object that no table leads to any more.
    let old = [
        b"9 0 obj\n".as_slice(),
        &stream("/Filter /FlateDecode", &zlib(b"BT (her ssn is 536-90-4399) Tj ET")),
        b"\nendobj\n",
    ]
    .concat();
    finds(&[page(empty, &[], ""), old].concat());
    // An archive behind it.
    finds(&[page(empty, &[], ""), zip(&[packed_file("a", SSN.as_bytes())])].concat());
    assert!(found(&page(empty, &[], "")).is_empty());
    for label in [
        page(empty, &[], "/Info << /MSIP_Label_2096f6a2-d2f7-48be-b329-b73aaa526e5d_Name (Confidential) >>"),
        page(empty, &[stream("/Type /Metadata /Subtype /XML", b"<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><pdfx:MSIP_Label_2096f6a2-d2f7-48be-b329-b73aaa526e5d_Name>Confidential</pdfx:MSIP_Label_2096f6a2-d2f7-48be-b329-b73aaa526e5d_Name></x:xmpmeta>")], ""),
    ] {
        let found = found(&label);
        assert!(found.iter().any(|line| line.starts_with("MSIP_LABEL")), "{found:?}");
    }
}

#[test]
fn hostile_pdfs_cost_little_and_are_never_clean() {
    sealed(&page(b"BT ET", &[], "/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O (x) /U (y) >>"));
    sealed(b"%PDF-1.4\n1 0 obj\nnonsense");
    let zeros = zlib(&vec![b' '; 64 << 20]);
    let bomb = stream("/Filter /FlateDecode", &zeros);
    let report = inspect(Media::Sniff, &page(b"BT ET", std::slice::from_ref(&bomb), ""));
    assert_eq!(report.outcome, Outcome::Unreadable(Unreadable::Bomb));
    // Bombs that only a reader of objects and tables unfolds.
    for dict in [
        "/Type /ObjStm /N 1 /First 5 /Filter /FlateDecode",
        "/Type /XRef /W [1 2 1] /Size 9 /Filter /FlateDecode",
    ] {
        let report = inspect(Media::Sniff, &page(b"BT ET", &[stream(dict, &zeros)], ""));
        assert_eq!(report.outcome, Outcome::Unreadable(Unreadable::Bomb), "{dict}");
    }
    // One content for hundreds of pages.
    let kids: String = (0..400).map(|number| format!("{} 0 R ", number + 4)).collect();
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!("<< /Type /Pages /Kids [{kids}] /Count 400 >>").into_bytes(),
        stream("", &b"q Q ".repeat(10_000)),
    ];
    let page_of = b"<< /Type /Page /Parent 2 0 R /Contents 3 0 R >>".to_vec();
    objects.extend(std::iter::repeat_n(page_of, 400));
    let report = inspect(Media::Sniff, &pdf(&objects, ""));
    assert_eq!(report.outcome, Outcome::Unreadable(Unreadable::Bomb));
    // Words that begin streams and do not end.
    for unit in ["stream\nx\x01", "stream\nxendstream ", "1 0 obj ", "<<", "[", "("] {
        let bytes =
            [b"%PDF-1.4 1 0 obj ".as_slice(), &unit.repeat((1 << 16) / unit.len()).into_bytes()]
                .concat();
        let _ = inspect(Media::Sniff, &bytes);
    }
    let good = page(b"BT /F1 12 Tf (a plan) Tj ET", &[], "");
    for at in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 0x15;
        let _ = inspect(Media::Sniff, &bad);
    }
}
