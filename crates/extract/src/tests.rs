//! Documents made here byte by byte, and what is read of them.

use super::*;

const MOST: usize = 1 << 20;

/// A ZIP archive of stored entries (checksums are not looked at).
fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in entries {
        let at = u32::try_from(out.len()).unwrap();
        let size = u32::try_from(text.len()).unwrap().to_le_bytes();
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        out.extend_from_slice(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
        for part in [&size[..], &size, &length, &[0, 0], name.as_bytes(), text.as_bytes()] {
            out.extend_from_slice(part);
        }
        directory.extend_from_slice(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
        for part in [&size[..], &size, &length, &[0; 12], &at.to_le_bytes(), name.as_bytes()] {
            directory.extend_from_slice(part);
        }
    }
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    let at = u32::try_from(out.len()).unwrap().to_le_bytes();
    let size = u32::try_from(directory.len()).unwrap().to_le_bytes();
    out.extend_from_slice(&directory);
    for part in [&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &size, &at, &[0, 0]] {
        out.extend_from_slice(part);
    }
    out
}

#[test]
fn word_files_give_their_paragraphs() {
    let document = "<?xml version=\"1.0\"?><w:document xmlns:w=\"x\"><w:body>\
        <w:p><w:r><w:t>The qua</w:t></w:r><w:r><w:t xml:space=\"preserve\">rterly plan &amp; more</w:t></w:r></w:p>\
        <w:p><w:r><w:delText>gone</w:delText><w:t>second</w:t><w:tab/><w:t>line</w:t></w:r></w:p></w:body></w:document>";
    let bytes = archive(&[("word/document.xml", document), ("word/styles.xml", "<x>no</x>")]);
    assert!(backstop_detect::open::is_packed(&bytes));
    let text = text("plan.docx", &bytes, MOST).unwrap();
    assert_eq!(text.trim(), "The quarterly plan & more\nsecond line");
}

#[test]
fn workbooks_give_their_cells() {
    let bytes = archive(&[
        (
            "xl/sharedStrings.xml",
            "<sst><si><t>Ada</t></si><si><r><t>Love</t></r><r><t>lace</t></r></si></sst>",
        ),
        (
            "xl/worksheets/sheet1.xml",
            "<worksheet><sheetData><row><c t=\"s\"><v>1</v></c><c r=\"B1\" t=\"s\"><v>0</v></c></row>\
             <row><c><f>A1*2</f><v>4711</v></c><c t=\"inlineStr\"><is><t>in &lt;line&gt;</t></is></c></row></sheetData></worksheet>",
        ),
    ]);
    assert_eq!(text("x.xlsx", &bytes, MOST).unwrap(), "Lovelace\tAda\t\n4711\tin <line>\t\n");
}

#[test]
fn slides_and_open_documents_give_their_text() {
    let slide = archive(&[(
        "ppt/slides/slide1.xml",
        "<p:sld><a:p><a:r><a:t>Roadmap</a:t></a:r></a:p></p:sld>",
    )]);
    assert_eq!(text("x.pptx", &slide, MOST).unwrap().trim(), "Roadmap");
    let open =
        archive(&[("content.xml", "<o><text:h>Head</text:h><text:p>one<text:s/>two</text:p></o>")]);
    assert_eq!(text("x.odt", &open, MOST).unwrap().trim(), "Head\none two");
}

#[test]
fn pages_give_their_text_and_no_scripts() {
    let page = "<html><style>p{}</style><script>var a = '<p>';</script><p>Caf&eacute; <b>x</b>y&#33;</p><!-- no --><div>z</div></html>";
    let text = text("a.html", page.as_bytes(), MOST).unwrap();
    assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["Café", "xy!", "z"]);
}

#[test]
fn json_gives_its_strings_and_numbers() {
    let text = text("a.json", br#"{"k": ["a b", 7, null, {"x": "c"}]}"#, MOST).unwrap();
    assert_eq!(text, "a b\n7\nc\n");
}

#[test]
fn pdfs_give_their_text() {
    let page = "BT /F1 12 Tf 72 720 Td (The quarterly plan) Tj ET";
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{page}\nendstream", page.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
    ];
    let mut out = String::from("%PDF-1.4\n");
    let mut places = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        places.push(out.len());
        out.push_str(&format!("{} 0 obj\n{object}\nendobj\n", number + 1));
    }
    let start = out.len();
    out.push_str("xref\n0 6\n0000000000 65535 f \n");
    for place in places {
        out.push_str(&format!("{place:010} 00000 n \n"));
    }
    out.push_str(&format!("trailer << /Size 6 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"));
    let text = text("plan.pdf", out.as_bytes(), MOST).unwrap();
    assert_eq!(text.trim(), "The quarterly plan");
}

#[test]
fn what_cannot_be_read_is_a_fault_and_no_empty_text() {
    let word = archive(&[("word/document.xml", &"<w:t>aaaa</w:t>".repeat(100))]);
    assert_eq!(text("a.docx", &word, 100), Err(ExtractFault::TooLarge(100)));
    assert!(matches!(text("a.docx", &word[..word.len() - 40], MOST), Err(ExtractFault::Broken(_))));
    assert_eq!(text("a.zip", &archive(&[("a.txt", "x")]), MOST), Err(ExtractFault::Unknown));
    assert!(matches!(text("a.pdf", b"%PDF-1.4\nnonsense", MOST), Err(ExtractFault::Broken(_))));
    assert_eq!(text("a.bin", &[0, 1, 2], MOST), Err(ExtractFault::Unknown));
    for cut in 0..word.len().min(400) {
        let _ = text("a.docx", &word[..cut], MOST);
    }
}

#[test]
fn rows_are_read_by_column() {
    let table = "name,ssn,note\r\n\"Doe, \"\"J\"\"\",536-90-4399,\"a\nb\"\r\n\r\nAda,1\n";
    let wanted = ["SSN".to_owned(), "name".to_owned()];
    let rows = rows(table, &wanted).unwrap();
    assert_eq!(rows.columns, ["ssn", "name"]);
    assert_eq!(rows.rows, [vec!["536-90-4399", "Doe, \"J\""], vec!["1", "Ada"]]);
    assert_eq!(super::rows("a;b\n1;2", &[]).unwrap().rows, [vec!["1", "2"]]);
    assert_eq!(
        super::rows("a,b\n1,2", &["c".to_owned()]),
        Err(ExtractFault::NoColumn("c".to_owned()))
    );
}
