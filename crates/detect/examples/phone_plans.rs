//! Makes `packs/phones.tsv` from libphonenumber's `PhoneNumberMetadata.xml`.
//!
//! ```sh
//! cargo run -p backstop-detect --example phone_plans -- VERSION PhoneNumberMetadata.xml > crates/detect/packs/phones.tsv
//! ```
//! The XML stands in libphonenumber's `resources`, and in the assets of the crate `phonenumber`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a tool at hand: it may stop on a bad file"
)]

const KINDS: [&str; 10] = [
    "fixedLine",
    "mobile",
    "pager",
    "tollFree",
    "premiumRate",
    "sharedCost",
    "personalNumber",
    "voip",
    "uan",
    "voicemail",
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (version, path) = arguments.next().zip(arguments.next()).expect("VERSION FILE");
    let xml = without_comments(&std::fs::read_to_string(path).expect("the metadata"));
    println!(
        "# libphonenumber {version}, Apache-2.0, (C) The Libphonenumber Authors; made by examples/phone_plans.rs."
    );
    println!(
        "# calling code, region, main region of its code, trunk prefix, leading digits, fixed, mobile, other"
    );
    let mut lines: Vec<(u32, bool, String)> = Vec::new();
    for territory in xml.split("<territory ").skip(1) {
        let (head, body) = territory.split_once('>').expect("a tag");
        let body = body.split("</territory>").next().unwrap_or_default();
        let code = attribute(head, "countryCode").expect("a calling code");
        let main = head.contains("mainCountryForCode=\"true\"");
        let patterns: Vec<String> = KINDS.iter().map(|kind| pattern(body, kind)).collect();
        let [fixed, mobile, other @ ..] = patterns.as_slice() else { continue };
        let other: Vec<&str> =
            other.iter().map(String::as_str).filter(|pattern| !pattern.is_empty()).collect();
        let line = [
            code,
            attribute(head, "id").expect("an id"),
            if main { "main" } else { "" },
            attribute(head, "nationalPrefix").unwrap_or_default(),
            attribute(head, "leadingDigits").unwrap_or_default(),
            fixed,
            mobile,
            &other.join("|"),
        ]
        .join("\t");
        lines.push((code.parse().unwrap(), !main, line));
    }
    lines.sort();
    for (_, _, line) in lines {
        println!("{line}");
    }
}

fn without_comments(xml: &str) -> String {
    let mut kept = String::new();
    for (place, part) in xml.split("<!--").enumerate() {
        kept.push_str(if place == 0 {
            part
        } else {
            part.split_once("-->").map_or("", |(_, rest)| rest)
        });
    }
    kept
}

fn attribute<'x>(head: &'x str, name: &str) -> Option<&'x str> {
    let spaced =
        head.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix("=\""));
    spaced.and_then(|value| value.split('"').next())
}

fn pattern(body: &str, kind: &str) -> String {
    let inside = body
        .split_once(&format!("<{kind}>"))
        .and_then(|(_, rest)| rest.split("</").next().map(|_| rest));
    let pattern = inside
        .and_then(|rest| rest.split(&format!("</{kind}>")).next())
        .and_then(|rest| rest.split_once("<nationalNumberPattern>"))
        .and_then(|(_, rest)| rest.split("</nationalNumberPattern>").next());
    pattern.unwrap_or_default().split_whitespace().collect()
}
