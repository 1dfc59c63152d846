//! What spares work must hide nothing: gates are tried with what they are to let through at every
//! place where they could miss it, and against the same scan without them.

use backstop_detect::{
    Acts, Coding, Detectors, Inspector, Looks, Media, Names, Notes, Payload, ScanOptions, Scratch,
};
use proptest::prelude::*;
use proptest::sample::select;

/// Values that must be found, with the entity that says so.
const SECRETS: &[(&str, &str)] = &[
    ("ssn 536-90-4399", "US_SSN"),
    ("card 4111111111111111", "CREDIT_CARD"),
    ("AKIAQWERTYUIOPASDFGH", "AWS_ACCESS_KEY"),
    ("jane.roe@acme-corp.com", "EMAIL_ADDRESS"),
    ("iban DE89370400440532013000", "IBAN_CODE"),
    ("card 4111_1111_1111_1111", "CREDIT_CARD"),
    ("card 4ll1 IIII l1l1 1111", "CREDIT_CARD"),
    ("c3NuIDUzNi05MC00Mzk5IG9mIEphbmU=", "US_SSN"),
    ("73736e203533362d39302d34333939206f66204a616e65", "US_SSN"),
    ("ssn 536%2D90%2D4399", "US_SSN"),
];

fn entities(body: &str, media: Media, notes: Notes) -> Vec<String> {
    let scan = ScanOptions { notes, ..ScanOptions::default() };
    let looks = Looks { scan, ..Looks::default() };
    let inspector = Inspector::new(Detectors::builtin());
    let payload = Payload { bytes: body.as_bytes(), media, coding: Coding::Identity, at: "" };
    let report = inspector.inspect(payload, &looks, &mut Scratch::default());
    report.found.into_iter().map(|found| found.hit.entity.to_string()).collect()
}

#[track_caller]
fn must_have(body: &str, media: Media, entity: &str) {
    let found = entities(body, media, Notes::none());
    assert!(found.iter().any(|one| one == entity), "{entity} in {body:.200}: {found:?}");
}

#[test]
fn a_secret_is_found_wherever_a_block_of_bytes_ends() {
    for (secret, entity) in SECRETS {
        for before in (0..70).chain([127, 128, 129, 191, 192, 193]) {
            let text = format!("{} {secret}", "x".repeat(before.min(9)) + &" .".repeat(before / 2));
            must_have(&text, Media::Text, entity);
        }
        for (before, behind) in
            [("", " and so on"), ("\u{2192} ", " \u{2190}"), ("é ", ""), ("\n", "\n")]
        {
            must_have(&format!("{before}{secret}{behind}"), Media::Text, entity);
            let value = serde_json::to_string(&format!("{before}{secret}{behind}")).unwrap();
            must_have(&format!("{{\"note\":{value}}}"), Media::Json, entity);
            must_have(&format!("{{{value}:1}}"), Media::Json, entity);
        }
    }
}

#[test]
fn a_secret_is_found_behind_half_a_megabyte_of_anything() {
    for filler in
        ["plain words of no weight, ", "a1 b2 c3. ", "{\"k\": [1, 2]} ", "éü ", "2026-11-23 "]
    {
        let filler = filler.repeat((512 << 10) / filler.len());
        for (secret, entity) in SECRETS.iter().take(4) {
            must_have(&format!("{filler}. {secret}"), Media::Text, entity);
        }
    }
}

#[test]
fn a_note_of_a_value_hides_no_refusal_of_it() {
    // Glued to a letter it is noted; with its escape undone it stands free.
    let text = "\\u0041-536-90-4399\u{200b}";
    let acts = told(text, Media::Text, Notes::All, Names::Off);
    assert!(acts.iter().any(|one| one.contains("US_SSN")), "{acts:?}");
}

/// What texts are mixed from.
const PIECES: &[&str] = &[
    "the report of the day ",
    "536-90-4399",
    " ssn ",
    "4111 1111 1111 1111",
    "AKIAQWERTYUIOPASDFGH",
    "2026-11-23T10:00:00Z",
    "on Monday, 3 May 2021 ",
    "https://api.example.org/v1?x=1&y=2 ",
    "123e4567-e89b-42d3-a456-426614174000",
    "jane.roe@acme-corp.com",
    "Author: <jane.roe@acme-corp.com>",
    "192.168.0.1 ",
    "aa:bb:cc:dd:ee:ff",
    "+1 415 555 2671",
    "\"password\": \"tr0ub4dor&3\"",
    "c3NuIDUzNi05MC00Mzk5IG9mIEphbmU=",
    "%35%33%36",
    "\\u0041",
    "Mr. John Smith ",
    "é",
    "\u{200b}",
    "番号",
    "::1 ",
    "\n",
    ", ",
    "/",
    "K1A 0B1 ",
    "12 High Street, London SW1A 1AA ",
    "021000021",
    "x",
    "9",
    "=",
    "-",
];

/// All that is found, as it is told, of what could refuse.
fn told(body: &str, media: Media, notes: Notes, names: Names) -> Vec<String> {
    let scan = ScanOptions { notes, ..ScanOptions::default() };
    let looks = Looks { scan, ..Looks::default() };
    let inspector = Inspector::new(Detectors::builtin()).with_names(names);
    let payload = Payload { bytes: body.as_bytes(), media, coding: Coding::Identity, at: "" };
    let report = inspector.inspect(payload, &looks, &mut Scratch::default());
    let mut told: Vec<String> = report
        .found
        .iter()
        .filter(|found| found.hit.acts == Acts::Block || &*found.hit.entity == "EMAIL_ADDRESS")
        .map(|found| format!("{} {:?}", found.field(), found.hit))
        .collect();
    told.push(format!("{:?}", report.outcome));
    told
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn what_only_notes_takes_nothing_else_with_it(
        pieces in prop::collection::vec(select(PIECES), 1..40),
        names in select(vec![false, true]),
    ) {
        let text = pieces.concat();
        let json = serde_json::json!({"note": text, "list": pieces}).to_string();
        let names = || if names { Names::GateOnly } else { Names::Off };
        for (body, media) in [(text, Media::Text), (json, Media::Json)] {
            let all = told(&body, media.clone(), Notes::All, names());
            let few = told(&body, media, Notes::none(), names());
            prop_assert_eq!(all, few);
        }
    }
}
