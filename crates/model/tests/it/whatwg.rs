//! The WHATWG URL standard's own cases (web-platform-tests), read from beside the project.

use backstop_model::addr::{AddressClass, classify};
use backstop_model::destination::{parse_url, path_ambiguity};
use backstop_model::host::Host;
use std::path::Path;

#[derive(Default)]
struct Tally {
    cases: usize,
    accepted: usize,
    refused_by_both: usize,
    refused_here_alone: usize,
}

#[test]
fn what_the_standard_refuses_never_passes_and_hosts_agree() {
    let Some(text) = data("hosts/urltestdata.json") else { return };
    let cases: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut tally = Tally::default();
    for case in cases.as_array().unwrap() {
        let Some(input) = case.get("input").and_then(serde_json::Value::as_str) else { continue };
        tally.cases += 1;
        let fails = case.get("failure").is_some();
        match (parse_url(input), fails) {
            (Ok(read), true) => panic!("the standard refuses {input:?}, here it is {read}"),
            (Err(_), true) => tally.refused_by_both += 1,
            (Err(_), false) => tally.refused_here_alone += 1,
            (Ok(read), false) => {
                tally.accepted += 1;
                let hostname = case["hostname"].as_str().unwrap();
                let theirs = hostname.strip_suffix('.').unwrap_or(hostname);
                assert_eq!(read.destination.host.to_string(), theirs, "{input:?}");
                let port = case["port"].as_str().unwrap();
                let port = port.parse().unwrap_or(read.destination.protocol.default_port());
                assert_eq!(read.destination.port, port, "{input:?}");
                assert!(!forbidden(theirs), "{input:?} passes and is {theirs}");
                if path_ambiguity(&read.path).is_none() {
                    assert_eq!(decoded(&read.path), decoded(case["pathname"].as_str().unwrap()));
                }
            }
        }
    }
    eprintln!(
        "WHATWG: {} cases, {} accepted, {} refused by both, {} refused here alone",
        tally.cases, tally.accepted, tally.refused_by_both, tally.refused_here_alone
    );
    assert!(tally.cases > 800 && tally.accepted > 50);
}

#[test]
fn hosts_that_are_really_queried_pass() {
    let Some(text) = data("hosts/benign_hostnames_dev.txt") else { return };
    let mut passed = 0;
    for name in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match parse_url(&format!("https://{name}/")) {
            Ok(read) => {
                passed += 1;
                assert_eq!(read.destination.host.to_string(), name.to_ascii_lowercase());
            }
            // A cloud's metadata service is among the names that are queried most.
            Err(refusal) => assert_eq!(name, "metadata.tencentyun.com", "{refusal}"),
        }
    }
    assert!(passed > 5_000, "{passed}");
}

/// Independent of `parse_url`: what the standard's own hostname says.
fn forbidden(hostname: &str) -> bool {
    match Host::parse(hostname) {
        Ok(Host::Address(address)) => classify(address) != AddressClass::Public,
        Ok(Host::Name(name)) => name.as_str() == "localhost",
        Err(_) => true,
    }
}

/// Paths are compared decoded: the standard encodes what we keep as sent.
fn decoded(path: &str) -> String {
    let mut shown = String::new();
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let code: Option<String> =
            (byte == b'%').then(|| rest.clone().take(2).map(char::from).collect());
        match code.and_then(|code| u8::from_str_radix(&code, 16).ok()) {
            Some(value) => {
                shown.push(char::from(value));
                rest.nth(1);
            }
            None => shown.push(char::from(byte)),
        }
    }
    shown
}

/// Development data stands beside the project and is not part of it (its README says why).
fn data(name: &str) -> Option<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = ["../../../shared/data", "../../../../shared/data"]
        .iter()
        .find_map(|beside| std::fs::read_to_string(here.join(beside).join(name)).ok());
    if found.is_none() {
        eprintln!("SKIPPED: ../shared/data/{name} is not there, so this test shows nothing");
    }
    found
}
