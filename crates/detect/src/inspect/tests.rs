//! Whole inspections: every disguise that a key, a card and a social security number may wear, and
//! what clean and hostile payloads cost. Costs are counted in bytes of work, not in time.

use super::*;
use crate::decode::inflate::tests::deflated;
use crate::detectors::Builder;
use ::base64::Engine;
use ::base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use std::sync::LazyLock;

const PACK: &str = r"
pack: test
detectors:
- id: test-key
  entity: TEST_KEY
  family: credential
  keywords: [AKIA]
  patterns: [{ name: key, regex: 'AKIA[0-9A-Z]{16}', score: 0.9, guard: word }]
  examples: ['AKIAQW3ER5TYU7IOPAS2']
  counter_examples: ['AKIA', 'xAKIAQW3ER5TYU7IOPAS2']
- id: test-live
  entity: TEST_LIVE
  family: credential
  keywords: [sk_live_]
  patterns: [{ name: key, regex: 'sk_live_[0-9A-Za-z]{16}', score: 0.9, guard: word }]
  examples: ['sk_live_Q1w2E3r4T5y6U7i8']
  counter_examples: ['sk_live_', 'sk_test_Q1w2E3r4T5y6U7i8']
- id: test-ssn
  entity: US_SSN
  family: pii
  trigger: digits(9)
  patterns:
  - { name: hyphenated, regex: '[0-9]{3}-[0-9]{2}-[0-9]{4}', score: 0.5, guard: digit }
  - { name: plain, regex: '[0-9]{9}', score: 0.2, guard: digit }
  context: { en: [ssn, social security] }
  examples: ['536-90-4399']
  counter_examples: ['536904399', '1536-90-4399']
- id: test-card
  entity: CREDIT_CARD
  family: pii
  trigger: digits(12)
  patterns: [{ name: card, regex: '[0-9]{4}[- ]?[0-9]{4}[- ]?[0-9]{4}[- ]?[0-9]{4}', score: 0.3, guard: digit }]
  validator: luhn
  normalise: '- '
  examples: ['4111 1111 1111 1111']
  counter_examples: ['4111 1111 1111 1112', '14111111111111111']
";

const KEY: &str = "AKIAQW3ER5TYU7IOPAS2";

fn inspector() -> &'static Inspector {
    static INSPECTOR: LazyLock<Inspector> = LazyLock::new(|| {
        let detectors = Builder::empty().pack("test", PACK).unwrap().build().unwrap();
        assert!(detectors.self_test().is_empty(), "{:?}", detectors.self_test());
        Inspector::new(Arc::new(detectors))
    });
    &INSPECTOR
}

fn inspect(media: Media, body: &[u8]) -> Report {
    inspect_with(media, body, &Looks::default())
}

fn inspect_with(media: Media, body: &[u8], looks: &Looks) -> Report {
    inspect_by(inspector(), media, body, looks)
}

/// Looks at a body as it is.
pub(super) fn inspect_by(
    inspector: &Inspector,
    media: Media,
    body: &[u8],
    looks: &Looks,
) -> Report {
    let payload = Payload { bytes: body, media, coding: Coding::Identity, at: "" };
    inspector.inspect(payload, looks, &mut Scratch::default())
}

/// Entities and fields of a report, sorted.
fn lines(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> = report
        .found
        .iter()
        .map(|found| format!("{} {}", found.hit.entity, found.field()))
        .collect();
    lines.sort();
    lines
}

#[track_caller]
fn finds(media: Media, body: &str, entity: &str) {
    let report = inspect(media, body.as_bytes());
    assert!(
        report.found.iter().any(|found| &*found.hit.entity == entity),
        "{entity} in {body}: {:?} {:?}",
        lines(&report),
        report.outcome
    );
    assert_eq!(report.outcome, Outcome::Complete, "{body}");
}

#[track_caller]
fn clean(media: Media, body: &str) {
    let report = inspect(media, body.as_bytes());
    assert_eq!((lines(&report), report.outcome), (Vec::new(), Outcome::Complete), "{body}");
}

fn json_of(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[test]
fn a_key_is_context_for_its_value() {
    let report = inspect(Media::Json, br#"{"user": {"ssn": "536904399", "n": "536904399"}}"#);
    assert_eq!(lines(&report), ["US_SSN /user/ssn"]);
    let found = &report.found[0];
    assert_eq!((found.hit.span.clone(), found.length), (0..9, 9));
    assert_eq!(found.digest_input.expose(), b"536904399");
    finds(Media::Json, r#"{"ssn": 536904399}"#, "US_SSN");
    finds(Media::Json, r#"{"cards": [4111111111111111]}"#, "CREDIT_CARD");
    finds(Media::Json, r#"{"card": 4.111111111111111e15}"#, "CREDIT_CARD");
    finds(Media::Json, &format!("{{\"{KEY}\": 1}}"), "TEST_KEY");
    finds(Media::Csv, "name,ssn\nx,536904399\n", "US_SSN");
    finds(Media::Form, "ssn=536904399&x=1", "US_SSN");
    finds(Media::Yaml, "ssn: '536904399'\n", "US_SSN");
    finds(Media::Xml, "<ssn>536904399</ssn>", "US_SSN");
    finds(Media::Xml, "<p>4111<b>1111</b>11111111</p>", "CREDIT_CARD");
}

#[test]
fn both_of_two_equal_keys_are_judged() {
    let body = format!(r#"{{"a": "{KEY}", "a": "536-90-4399"}}"#);
    assert_eq!(lines(&inspect(Media::Json, body.as_bytes())), ["TEST_KEY /a", "US_SSN /a"]);
}

#[test]
fn only_named_fields_are_searched_for_pii() {
    let named = |names: &[&str]| Looks {
        content: ContentFields::Named(names.iter().map(ToString::to_string).collect()),
        ..Looks::default()
    };
    let body =
        format!(r#"{{"id": "536-90-4399", "a": [{{"note": "536-90-4399"}}], "k": "{KEY}"}}"#);
    for names in [&["note"][..], &["/a/*/note"], &["/a"]] {
        let report = inspect_with(Media::Json, body.as_bytes(), &named(names));
        assert_eq!(lines(&report), ["TEST_KEY /k", "US_SSN /a/0/note"], "{names:?}");
    }
}

#[test]
fn every_disguise_is_seen_through() {
    let key = format!("my key is {KEY}, keep it");
    let hex: String = key.bytes().map(|b| format!("{b:02x}")).collect();
    let spaced: String = key.bytes().map(|b| format!("{b:02X} ")).collect();
    let escaped: String = key.bytes().map(|b| format!("\\x{b:02x}")).collect();
    let listed: Vec<String> = key.bytes().map(|b| format!("0x{b:02x}")).collect();
    let decimal: Vec<String> = key.bytes().map(|b| b.to_string()).collect();
    let percent: String = key.bytes().map(|b| format!("%{b:02X}")).collect();
    let html: String = key.bytes().map(|b| format!("&#{b};")).collect();
    let unicode: String = key.bytes().map(|b| format!("\\u{b:04x}")).collect();
    let quoted: String = key.bytes().map(|b| format!("={b:02X}")).collect();
    let zero_width: String = KEY.chars().flat_map(|c| [c, '\u{200b}']).collect();
    let marked: String = KEY.chars().flat_map(|c| [c, '\u{336}']).collect();
    let wide: String =
        KEY.chars().map(|c| char::from_u32(u32::from(c) + 0xfee0).unwrap()).collect();
    let apart: String = KEY.chars().map(|c| format!("{c} ")).collect();
    let dotted: String = "sk_live_Q1w2E3r4T5y6U7i8".chars().map(|c| format!("{c}.")).collect();
    let gzip = STANDARD.encode(deflated(Codec::Gzip, key.as_bytes()));
    let brotli = STANDARD.encode(deflated(Codec::Brotli, key.repeat(5).as_bytes()));
    let deflate = URL_SAFE_NO_PAD.encode(deflated(Codec::Deflate, key.as_bytes()));
    let zlib = STANDARD.encode(deflated(Codec::Zlib, key.as_bytes()));
    let zstd = STANDARD.encode(deflated(Codec::Zstd, key.repeat(5).as_bytes()));
    let utf16: Vec<u8> = key.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wrapped = STANDARD.encode(format!("{key} and more of it so that there are lines"));
    let wrapped: Vec<&str> =
        wrapped.as_bytes().chunks(40).map(|line| str::from_utf8(line).unwrap()).collect();
    let rot13 = crate::decode::mirror::turned(&key, crate::decode::mirror::Turn::Rot13);
    let reversed: String = key.chars().rev().collect();
    for text in [
        key.clone(),
        STANDARD.encode(&key),
        URL_SAFE_NO_PAD.encode(&key),
        format!("data:text/plain;base64,{}", STANDARD.encode(&key)),
        format!("see '{}' there", STANDARD.encode(&key)),
        wrapped.join("\r\n"),
        hex,
        spaced,
        escaped,
        listed.join(", "),
        format!("[{}]", decimal.join(", ")),
        percent,
        html,
        unicode,
        quoted,
        zero_width,
        marked,
        wide,
        KEY.replace('A', "\u{410}"),
        apart,
        dotted,
        gzip,
        brotli,
        deflate,
        zlib,
        zstd,
        STANDARD.encode(utf16),
        rot13,
        reversed,
        json_of(&json_of(&format!("{{\"k\":{}}}", json_of(&key)))),
    ] {
        let entity =
            if text.contains('.') && text.starts_with("s.k") { "TEST_LIVE" } else { "TEST_KEY" };
        let body = format!("{{\"body\": {}}}", json_of(&text));
        finds(Media::Json, &body, entity);
        finds(Media::Text, &text, entity);
    }
}

#[test]
fn numbers_are_seen_through() {
    for text in [
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "4111_1111_1111_1111",
        "card 4lll IIII 1111 1111",
        "4\u{200d}111 1111 1111 1111",
        "٤١١١١١١١١١١١١١١١",
        "4111\u{a0}1111\u{2009}1111 1111",
    ] {
        finds(Media::Text, text, "CREDIT_CARD");
    }
    finds(Media::Json, r#"{"ssn": "9934-09-635"}"#, "US_SSN");
}

#[test]
fn values_split_over_fields_are_joined() {
    for body in [
        r#"["AKIA", "QW3ER5TY", "U7IOPAS2"]"#,
        r#"{"a": "AKI", "b": "AQW3ER5TYU7", "c": "IOPAS2"}"#,
        r#"["x", "AKIAQW3ER5", "TYU7IOPAS2", "y"]"#,
        r#"[{"p": "AKIAQW3ER5"}, {"p": "TYU7IOPAS2"}]"#,
    ] {
        finds(Media::Json, body, "TEST_KEY");
    }
    finds(Media::Json, r#"{"card": ["4111", "1111", "1111", "1111"]}"#, "CREDIT_CARD");
    finds(Media::Json, r#"{"a": 4111, "b": 1111, "c": 1111, "d": 1111}"#, "CREDIT_CARD");
    finds(Media::Json, r#"[4,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"#, "CREDIT_CARD");
    finds(Media::Json, r#"["536", "90", "4399"]"#, "US_SSN");
    let codes: Vec<String> = KEY.bytes().map(|b| b.to_string()).collect();
    finds(Media::Json, &format!("[{}]", codes.join(",")), "TEST_KEY");
    let encoded = STANDARD.encode(format!("key {KEY}!"));
    let (front, back) = encoded.split_at(14);
    finds(Media::Json, &format!(r#"["{front}", "{back}"]"#), "TEST_KEY");
    let report = inspect(Media::Json, br#"["AKIA", "QW3ER5TYU7IOPAS2"]"#);
    assert!(lines(&report)[0].ends_with("→ joined"), "{:?}", lines(&report));
}

#[test]
fn findings_name_the_chain() {
    let inner = STANDARD.encode(deflated(Codec::Gzip, format!("key {KEY}").as_bytes()));
    let report = inspect(Media::Json, format!("{{\"body\": \"{inner}\"}}").as_bytes());
    assert_eq!(lines(&report), ["TEST_KEY /body → base64 → gzip"]);
}

#[test]
fn ordinary_payloads_are_clean() {
    for body in [
        r#"{"model": "gpt-5", "messages": [{"role": "user", "content": "What is the weather in Bergen on 2026-11-22, and is it over 10 °C?"}], "temperature": 0.2}"#,
        r#"{"id": "123e4567-e89b-42d3-a456-426614174000", "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}"#,
        r#"{"path": "/usr/share/doc/packages/example-of-a-long-path/with/many/segments/README.md", "slug": "how-to-write-a-very-long-slug-that-goes-on-and-on-until-nobody-reads-it-any-more-2024-edition-part-2-of-3"}"#,
        r#"{"rows": [[2019, 2020, 2021, 2022], [1.5, 2.25, 3.125], [10, 20, 30, 40, 50, 60, 70, 80, 90]]}"#,
        r#"{"re": "^\\d{3}-\\w+\\.(js|ts)$", "html": "<p>Tom &amp; Jerry</p>", "q": "a=1&b=2"}"#,
        r#"{"text": "Ünïcödé — “quotes” … 日本語 and Ελληνικά, Русский текст"}"#,
        r#"{"code": "for (let i = 0; i < 10; i++) { sum += a[i] * b[i]; }"}"#,
    ] {
        clean(Media::Json, body);
    }
}

#[test]
fn long_encoded_runs_are_findings_but_in_declared_images_too() {
    let noise: Vec<u8> = (0..200_u32).map(|i| (i * i * 31 + i * 7) as u8).collect();
    let report =
        inspect(Media::Json, format!("{{\"x\": \"{}\"}}", STANDARD.encode(noise)).as_bytes());
    assert_eq!(lines(&report), ["ENCODED_BASE64 /x"]);
    assert_eq!(report.found[0].hit.family, crate::pack::Family::Encoded);
}

#[test]
fn what_is_not_what_it_says_is_scanned_and_refused() {
    let body = format!("{{'k': '{KEY}',}}");
    let report = inspect(Media::Json, body.as_bytes());
    assert!(matches!(report.outcome, Outcome::Unreadable(Unreadable::Malformed(_))));
    assert_eq!(lines(&report), ["TEST_KEY "]);
    // Nobody said that it is JSON.
    let report = inspect(Media::Sniff, body.as_bytes());
    assert_eq!((report.outcome, report.found.len()), (Outcome::Complete, 1));
    let mut wide = vec![0xff, 0xfe];
    wide.extend(format!("{{\"k\": \"{KEY}\"}}").encode_utf16().flat_map(u16::to_le_bytes));
    assert_eq!(lines(&inspect(Media::Json, &wide)), ["TEST_KEY /k"]);
    let report = inspect(Media::Json, b"{\"k\": \"\xff\"}");
    assert_eq!(report.outcome, Outcome::Unreadable(Unreadable::Malformed("not UTF-8")));
}

#[test]
fn compressed_payloads_are_read_or_refused() {
    let looks = Looks::default();
    let of = |bytes: &[u8], coding: &str| {
        let coding = Coding::of(Some(coding)).unwrap();
        let payload = Payload { bytes, media: Media::Json, coding, at: "/body" };
        inspector().inspect(payload, &looks, &mut Scratch::default())
    };
    let body = format!("{{\"k\": \"{KEY}\"}}");
    for (codec, name) in [
        (Codec::Gzip, "gzip"),
        (Codec::Zlib, "deflate"),
        (Codec::Deflate, "deflate"),
        (Codec::Brotli, "br"),
        (Codec::Zstd, "zstd"),
    ] {
        let stream = deflated(codec, body.as_bytes());
        assert_eq!(lines(&of(&stream, name)), ["TEST_KEY /body/k"], "{name}");
        let more = [stream, b"more".to_vec()].concat();
        assert_eq!(of(&more, name).outcome, Outcome::Unreadable(Unreadable::Trailing), "{name}");
    }
    let twice = deflated(Codec::Brotli, &deflated(Codec::Gzip, body.as_bytes()));
    assert_eq!(lines(&of(&twice, "gzip, br")), ["TEST_KEY /body/k"]);
    let bomb = deflated(Codec::Gzip, &vec![0; 64 << 20]);
    assert_eq!(of(&bomb, "gzip").outcome, Outcome::Unreadable(Unreadable::Bomb));
    let inside = format!("\"{}\"", STANDARD.encode(deflated(Codec::Zlib, &vec![0; 64 << 20])));
    let report = inspect(Media::Json, inside.as_bytes());
    assert_eq!(report.outcome, Outcome::Unreadable(Unreadable::Bomb));
}

/// The work that a payload costs, in bytes, for each byte of it.
#[track_caller]
fn costs(body: &str, at_most: usize) {
    for media in [Media::Text, Media::Sniff] {
        let report = inspect(media, body.as_bytes());
        assert!(
            report.scanned <= body.len() * at_most + 4096,
            "{} bytes of work for {} bytes",
            report.scanned,
            body.len()
        );
    }
}

#[test]
fn hostile_payloads_cost_little() {
    let megabyte = 1 << 18;
    for unit in [
        "(", "-", "{", "<", "&", "%", "\\", "=", "a ", "1,", "\\u0061", "%25", "&amp;", "4 ", "A1",
        "\u{200b}",
    ] {
        costs(&unit.repeat(megabyte / unit.len()), 8);
    }
    // 1 MB in the end: base64 of base64 of base64.
    let mut nested = "AKIA".repeat(1000);
    while nested.len() < megabyte * 3 / 4 {
        nested = STANDARD.encode(nested);
    }
    costs(&nested, 8);
    let all = "%41&#65;\\u0041=41\u{ff21}4 ".repeat(megabyte / 28);
    costs(&all, 32);
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(inspect(Media::Json, deep.as_bytes()).outcome, Outcome::OverLimit("depth"));
}

#[test]
fn limits_are_answered_and_never_pass() {
    let with = |change: fn(&mut Limits)| {
        let mut looks = Looks::default();
        change(&mut looks.limits);
        looks
    };
    let body = br#"{"a": "some text here", "b": "some more text"}"#;
    for (looks, name) in [
        (with(|l| l.bytes = 10), "bytes"),
        (with(|l| l.fields = 1), "fields"),
        (with(|l| l.work = 10), "work"),
        (with(|l| l.depth = 0), "depth"),
    ] {
        assert_eq!(inspect_with(Media::Json, body, &looks).outcome, Outcome::OverLimit(name));
    }
    let mut text = format!("key {KEY}");
    for _ in 0..7 {
        text = STANDARD.encode(text);
    }
    let report = inspect(Media::Text, text.as_bytes());
    assert_eq!(report.outcome, Outcome::OverLimit("chain"));
    let looks = with(|l| l.decoded = 100);
    let text = STANDARD.encode("some text that is longer than it may be ".repeat(10));
    assert_eq!(
        inspect_with(Media::Text, text.as_bytes(), &looks).outcome,
        Outcome::OverLimit("decoded")
    );
}

#[test]
fn many_findings_of_one_kind_are_no_reason_to_refuse() {
    let rows: Vec<String> = (0..2000).map(|n| format!("\"536-90-{:04}\"", 1000 + n)).collect();
    let report = inspect(Media::Json, format!("[{}]", rows.join(",")).as_bytes());
    // 256, and the first of each of 64 more fields.
    assert_eq!((report.found.len(), &report.outcome), (320, &Outcome::Complete));
    let [more] = report.more.as_slice() else { panic!("{:?}", report.more) };
    assert_eq!((&*more.entity, more.count), ("US_SSN", 2000 - 320));
}

/// A policy may have a threshold, excuse what stands in a field, or let notes pass: what is worse
/// than many before it must be seen all the same.
#[test]
fn many_findings_hide_none_that_is_worse() {
    let pack = "pack: own\ndetectors:\n\
        - { id: low, entity: OWN, family: pii, level: internal, keywords: [low], patterns: [{ name: p, regex: 'low[0-9]+', score: 0.5, guard: word }], examples: [low1], counter_examples: [lo] }\n\
        - { id: note, entity: OWN, family: pii, acts: note, level: internal, keywords: [note], patterns: [{ name: p, regex: 'note[0-9]+', score: 1.0, guard: word }], examples: [note1], counter_examples: [no] }\n\
        - { id: sure, entity: OWN, family: pii, level: internal, keywords: [sure], patterns: [{ name: p, regex: 'sure[0-9]+', score: 0.9, guard: word }], examples: [sure1], counter_examples: [su] }\n\
        - { id: high, entity: OWN, family: pii, level: restricted, keywords: [high], patterns: [{ name: p, regex: 'high[0-9]+', score: 0.5, guard: word }], examples: [high1], counter_examples: [hi] }\n";
    let detectors = Builder::empty().pack("own", pack).unwrap().build().unwrap();
    let inspector = Inspector::new(detectors.into());
    let many = |word: &str| (0..400).map(|n| format!("{word}{n} ")).collect::<String>();
    for worse in ["sure7", "high7"] {
        let text = format!("{} {} {worse} {}", many("note"), many("low"), many("low"));
        let report = inspect_by(&inspector, Media::Text, text.as_bytes(), &Looks::default());
        let id = worse.trim_end_matches('7');
        assert!(report.found.iter().any(|found| &*found.hit.detector == id), "{worse}");
        assert_eq!(report.more.len(), 2, "{:?}", report.more);
    }
    // The first of a field stays, whatever filled the fields before.
    let text = format!("{{\"a\": \"{}\", \"b\": \"low0 low1\"}}", many("low"));
    let report = inspect_by(&inspector, Media::Json, text.as_bytes(), &Looks::default());
    assert!(report.found.iter().any(|found| found.pointer == "/b"));
}

#[test]
fn reports_never_print_what_was_found() {
    let report = inspect(Media::Json, format!("{{\"k\": \"{KEY} 536-90-4399\"}}").as_bytes());
    let printed = format!("{report:?}");
    assert_eq!(report.found.len(), 2);
    assert!(!printed.contains(KEY) && !printed.contains("4399"), "{printed}");
}

#[test]
fn multipart_parts_are_judged_by_their_own_type() {
    let body = format!(
        "--B\r\nContent-Disposition: form-data; name=\"meta\"\r\nContent-Type: application/json\r\n\r\n\
         {{\"ssn\": \"536904399\"}}\r\n--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\
         Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--B--\r\n",
        STANDARD.encode(deflated(Codec::Gzip, format!("key {KEY}").as_bytes()))
    );
    let media = Media::of(Some("multipart/form-data; boundary=B"));
    let report = inspect(media, body.as_bytes());
    assert_eq!(lines(&report), ["TEST_KEY /f → gzip", "US_SSN /meta/ssn"]);
    assert_eq!(report.outcome, Outcome::Complete);
    finds(Media::Json, &format!("{{\"raw\": {}}}", json_of(&body)), "TEST_KEY");
}

/// Everything that can be put around bytes and undone again.
#[derive(Debug, Clone, Copy)]
enum Wrap {
    Base64,
    Base64Url,
    Hex,
    Base32,
    Base85,
    Percent,
    Html,
    Unicode,
    QuotedPrintable,
    Json,
    Gzip,
    Zlib,
    Zstd,
    Utf16,
}

impl Wrap {
    fn wrap(self, plain: &[u8]) -> Vec<u8> {
        let each = |form: fn(u8) -> String| {
            plain.iter().map(|b| form(*b)).collect::<String>().into_bytes()
        };
        match self {
            Self::Base64 => STANDARD.encode(plain).into_bytes(),
            Self::Base64Url => URL_SAFE_NO_PAD.encode(plain).into_bytes(),
            Self::Hex => each(|b| format!("{b:02x}")),
            Self::Base32 => base32(plain),
            Self::Base85 => base85(plain),
            Self::Percent => each(|b| format!("%{b:02X}")),
            Self::Html => each(|b| format!("&#x{b:x};")),
            Self::Unicode => each(|b| format!("\\u{b:04x}")),
            Self::QuotedPrintable => each(|b| format!("={b:02X}")),
            Self::Json => {
                format!("{{\"v\":{}}}", json_of(str::from_utf8(plain).unwrap())).into_bytes()
            }
            Self::Gzip => STANDARD.encode(deflated(Codec::Gzip, plain)).into_bytes(),
            Self::Zlib => STANDARD.encode(deflated(Codec::Zlib, plain)).into_bytes(),
            Self::Zstd => STANDARD.encode(deflated(Codec::Zstd, plain)).into_bytes(),
            Self::Utf16 => {
                let text = str::from_utf8(plain).unwrap();
                let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
                STANDARD.encode(wide).into_bytes()
            }
        }
    }
}

fn base32(plain: &[u8]) -> Vec<u8> {
    let bits: Vec<u8> = plain.iter().flat_map(|b| (0..8).rev().map(move |i| b >> i & 1)).collect();
    bits.chunks(5)
        .map(|five| {
            let value = (0..5).fold(0, |sum, i| sum << 1 | five.get(i).copied().unwrap_or(0));
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from(value)]
        })
        .collect()
}

fn base85(plain: &[u8]) -> Vec<u8> {
    let mut out = b"<~".to_vec();
    for chunk in plain.chunks(4) {
        let mut four = [0; 4];
        four[..chunk.len()].copy_from_slice(chunk);
        let mut value = u32::from_be_bytes(four);
        let mut five = [0; 5];
        for digit in five.iter_mut().rev() {
            *digit = (value % 85) as u8 + b'!';
            value /= 85;
        }
        out.extend(&five[..chunk.len() + 1]);
    }
    out.extend(b"~>");
    out
}

fn wraps() -> impl Strategy<Value = Vec<Wrap>> {
    let one = prop::sample::select(vec![
        Wrap::Base64,
        Wrap::Base64Url,
        Wrap::Hex,
        Wrap::Base32,
        Wrap::Base85,
        Wrap::Percent,
        Wrap::Html,
        Wrap::Unicode,
        Wrap::QuotedPrintable,
        Wrap::Json,
        Wrap::Gzip,
        Wrap::Zlib,
        Wrap::Zstd,
        Wrap::Utf16,
    ]);
    prop::collection::vec(one, 1..=4)
}

proptest! {
    // Always the same cases: about one random chain in 5,000 is still missed (see docs/threats.md).
    #![proptest_config(ProptestConfig {
        cases: 512,
        rng_seed: proptest::test_runner::RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// A planted key is found through any chain of up to four transforms.
    #[test]
    fn a_key_is_found_through_any_chain(wraps in wraps(), before in "[a-z ]{0,20}", after in "[a-z .]{0,20}") {
        let mut text = format!("{before} {KEY} {after}").into_bytes();
        for wrap in &wraps {
            text = wrap.wrap(&text);
        }
        let mut looks = Looks::default();
        // Four percent escapes in a row make 81 bytes of one.
        // A compression here is two transforms.
        looks.limits = Limits { chain: 8, bytes: 8 << 20, work: 256 << 20, decoded: 64 << 20, ..looks.limits };
        let report = inspect_with(Media::Text, &text, &looks);
        let found = report.found.iter().any(|found| &*found.hit.entity == "TEST_KEY");
        prop_assert!(found, "{wraps:?}: {:?} {:?}", lines(&report), report.outcome);
    }

    /// Whatever comes, an inspection ends within its limits.
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..400), kind in 0..9) {
        let media = match kind {
            0 => Media::Json, 1 => Media::Ndjson, 2 => Media::Form, 3 => Media::Yaml, 4 => Media::Xml,
            5 => Media::Csv, 6 => Media::Text, 7 => Media::Opaque,
            _ => Media::Multipart { boundary: "B".to_owned() },
        };
        let report = inspect(media, &bytes);
        prop_assert!(report.scanned <= Limits::default().work);
    }
}

#[test]
fn names_are_found_in_content_and_never_fail_open() {
    use crate::name::{NameBudget, NameFault, NameModel, NameSpan, Names};

    struct Failing;
    impl NameModel for Failing {
        fn spans(&self, _: &[&str], _: &mut NameBudget) -> Result<Vec<Vec<NameSpan>>, NameFault> {
            Err(NameFault::Busy)
        }
    }
    let body = br#"{"customer": "Grace Johnson", "city": "Paris", "name": "x"}"#;
    let inspect = |names: Names, body: &[u8]| {
        let inspector = Inspector::new(crate::Detectors::builtin()).with_names(names);
        inspect_by(&inspector, Media::Json, body, &Looks::default())
    };
    let report = inspect(Names::GateOnly, body);
    let found: Vec<_> =
        report.found.iter().map(|found| (found.pointer.as_str(), &*found.hit.detector)).collect();
    assert_eq!(found, [("/customer", "name-person"), ("/city", "name-location")]);
    assert!(inspect(Names::Off, body).found.is_empty());
    let doubt = br#"{"note": "so says Tzigane Lantos"}"#;
    assert_eq!(inspect(Names::GateOnly, doubt).outcome, Outcome::Complete);
    let required = inspect(Names::Required(Arc::new(Failing)), doubt);
    assert_eq!(required.outcome, Outcome::OverLimit("names-queue"));
    let clear = inspect(Names::Required(Arc::new(Failing)), br#"{"note": "nothing here"}"#);
    assert_eq!(clear.outcome, Outcome::Complete);
}

#[test]
fn a_registered_document_is_found_over_fields_and_when_encoded() {
    use crate::corpus::{Corpus, Document, Terms};
    let words = |from: usize| -> Vec<String> {
        (from..from + 120).map(|n| format!("w{}", n * 7_919 % 10_007)).collect()
    };
    let mut builder = Corpus::builder(5, Terms::default());
    let document = Document { id: "plan.docx".into(), level: "restricted".into() };
    builder.document(document, &words(0).join(" ")).unwrap();
    let customers = Document { id: "customers.csv".into(), level: "confidential".into() };
    let rows = [vec!["Ada Lovelace", "Marylebone 12", "A-4711"], vec!["Bob", "Elm 1", "A-1"]];
    builder.table(customers, 3, rows.into_iter()).unwrap();
    let inspector =
        Inspector::new(crate::Detectors::builtin()).with_corpus(Some(Arc::new(builder.finish())));
    let found = |body: &str| -> Vec<(String, String, String)> {
        let report = inspect_by(&inspector, Media::Json, body.as_bytes(), &Looks::default());
        let documents = report.found.iter().filter(|found| &*found.hit.entity == "DOCUMENT");
        documents
            .map(|found| {
                let chain = found.chain.iter().map(|step| step.0).collect::<Vec<_>>().join(" ");
                (found.hit.canary.as_deref().unwrap().to_owned(), found.pointer.clone(), chain)
            })
            .collect()
    };
    let expect = |id: &str, pointer: &str, chain: &str| {
        vec![(format!("document:{id}"), pointer.to_owned(), chain.to_owned())]
    };
    // A line a field.
    let lines: Vec<String> =
        words(10).chunks(8).take(8).map(|line| format!("\"{}\"", line.join(" "))).collect();
    let body = format!("{{\"x\": 1, \"lines\": [\"before it\", {}]}}", lines.join(", "));
    assert_eq!(found(&body), expect("plan.docx", "/lines/1", ""));
    // Too little of it, and other words.
    let few = format!("{{\"a\": \"{}\"}}", words(10)[..15].join(" "));
    assert!(found(&few).is_empty());
    assert!(found(&format!("{{\"a\": \"{}\"}}", words(5_000).join(" "))).is_empty());
    // A cell a field.
    let row = r#"{"n": "Ada Lovelace", "street": "Marylebone 12", "no": "A-4711"}"#;
    assert_eq!(found(row), expect("customers.csv", "/n", ""));
    let encoded = words(0)[..80].join(" ").bytes().map(|b| format!("{b:02x}")).collect::<String>();
    let body = format!("{{\"a\": \"{encoded}\"}}");
    assert_eq!(found(&body), expect("plan.docx", "/a", "hex"));
}

/// zlib writes what it cannot make shorter as it stands (RFC 1951 §3.2.4), and that reads as text.
#[test]
fn a_stored_zlib_stream_is_a_stream() {
    let plain = Wrap::Zlib.wrap(&Wrap::Base32.wrap(format!("n {KEY}   c...").as_bytes()));
    let report = inspect(Media::Text, &plain);
    assert!(
        report.found.iter().any(|found| &*found.hit.entity == "TEST_KEY"),
        "{:?}",
        lines(&report)
    );
}

/// Undoing the escapes of a JSON text as a whole spoils its strings.
#[test]
fn json_that_an_escape_hid_is_read_before_the_next_escape_is_undone() {
    for count in 0..60 {
        let before: String =
            (0..count).map(|n| char::from(b'a' + u8::try_from(n * 7 % 26).unwrap())).collect();
        let after: String = before.chars().skip(count / 2).collect();
        let mut text = format!("{before} {KEY} {after}").into_bytes();
        for wrap in [Wrap::Hex, Wrap::Base85, Wrap::Json, Wrap::Html] {
            text = wrap.wrap(&text);
        }
        let report = inspect(Media::Text, &text);
        let found = report.found.iter().any(|found| &*found.hit.entity == "TEST_KEY");
        assert!(found, "{count}: {:?} {:?}", lines(&report), report.outcome);
    }
}

#[test]
fn a_banner_at_the_head_of_a_field_is_one() {
    let inspector = Inspector::new(crate::Detectors::builtin());
    let found = |body: &str| {
        let report = inspect_by(&inspector, Media::Json, body.as_bytes(), &Looks::default());
        report.found.iter().map(|found| found.hit.entity.to_string()).collect::<Vec<_>>()
    };
    let body = |text: &str| format!("{{\"note\": \"{text}\"}}");
    assert_eq!(found(&body("CONFIDENTIAL\\n\\nThe ferry sails.")), ["CONFIDENTIAL_BANNER"]);
    assert_eq!(found(&body("** SECRET **\\r\\nThe ferry sails.")), ["SECRET_BANNER"]);
    for innocent in ["CONFIDENTIAL", "SECRET", "CONFIDENTIAL matters\\nstay here"] {
        assert!(found(&body(innocent)).is_empty(), "{innocent}");
    }
}
