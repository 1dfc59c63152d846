//! Configuration: layers, origins, and faults that say key and place.

use crate::run::{backstop, command};

fn value(list: &serde_json::Value, key: &str) -> (String, String) {
    let row = list.as_array().unwrap().iter().find(|row| row["key"] == key).unwrap();
    (row["value"].as_str().unwrap().to_owned(), row["origin"].as_str().unwrap().to_owned())
}

#[test]
fn defaults_file_environment_and_flag_win_in_this_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backstop.yaml");
    std::fs::write(
        &file,
        "proxy:\n  listen: [127.0.0.1:1, 127.0.0.1:2]\n  idle: 1m\nledger: { durability: disk }\n",
    )
    .unwrap();
    let output = command()
        .args([
            "--format",
            "json",
            "--config",
            file.to_str().unwrap(),
            "--set",
            "drain=5s",
            "config",
            "show",
        ])
        .env("BACKSTOP_PROXY_IDLE", "2m")
        .env("BACKSTOP_NETWORK_UPSTREAM_PROXY", "http://user:hunter2@proxy.example:3128")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("hunter2"), "a secret is shown only as set");
    let list = serde_json::from_str(&text).unwrap();
    let place = file.display();
    assert_eq!(
        value(&list, "proxy.listen"),
        ("127.0.0.1:1, 127.0.0.1:2".into(), format!("{place}:2"))
    );
    assert_eq!(value(&list, "proxy.idle"), ("2m".into(), "$BACKSTOP_PROXY_IDLE".into()));
    assert_eq!(value(&list, "ledger.durability"), ("disk".into(), format!("{place}:4")));
    assert_eq!(value(&list, "drain"), ("5s".into(), "flag".into()));
    assert_eq!(value(&list, "ledger.retention.age"), ("30d".into(), "default".into()));
    assert_eq!(value(&list, "network.upstream_proxy").0, "[set]");
}

#[test]
fn a_bad_configuration_says_where_and_exits_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backstop.yaml");
    for (text, said) in [
        ("proxy: { lisen: 1 }", "`proxy.lisen` is no configuration key"),
        ("drain: soon", "`drain`: `soon` does not do"),
        ("drain: 5s\ndrain: 6s", "duplicated key"),
        ("proxy: 5", "`proxy` is a group of keys"),
        ("api: { listen: 0.0.0.0:1 }", "loopback only"),
        ("ledger: { durability: maybe }", "write `os` or `disk`"),
        ("network: { nat64: [10.0.0.0/8] }", "network.nat64"),
        ("network: { upstream_proxy: 'http://user:hunter2@' }", "network.upstream_proxy"),
        ("a: [", "backstop.yaml:"),
    ] {
        std::fs::write(&file, text).unwrap();
        let state = folder.path().join("state").display().to_string();
        let policy = folder.path().display().to_string();
        let ran = backstop(&[
            "--config",
            file.to_str().unwrap(),
            "--state",
            &state,
            "--set",
            "proxy.listen=127.0.0.1:0",
            "--policy",
            &policy,
            "serve",
        ]);
        assert_ne!(ran.code, 0, "{text}");
        assert!(ran.err.contains(said), "{text}\n{}", ran.err);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    }
}

#[test]
fn unknown_flags_and_keys_exit_2() {
    assert_eq!(backstop(&["--set", "nonsense=1", "config", "show"]).code, 2);
    assert_eq!(backstop(&["--nonsense"]).code, 2);
    assert_eq!(backstop(&["explain"]).code, 2);
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = backstop(&["completions", shell]);
        assert!(ran.code == 0 && ran.out.contains("quarantine"), "{shell}");
    }
}
