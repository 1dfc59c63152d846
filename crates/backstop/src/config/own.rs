//! Which variables of the gateway's own environment are secrets: whoever sends one of these out
//! has read them where he should not.
//!
//! The environment itself is read in `resolve`. Next: `crate::detection`.

use super::resolve::environment_all;
use super::settings::{SETTINGS, variable};
use backstop_model::redacted::Redacted;
use std::collections::BTreeMap;

/// Every variable that is set.
pub(crate) fn variables() -> Vec<(String, Redacted<Vec<u8>>)> {
    let wrap = |(name, value): (String, Vec<u8>)| (name, Redacted::new("variable", value));
    environment_all().into_iter().map(wrap).collect()
}

/// The shortest value that is taken for a secret.
const SHORTEST: usize = 16;

/// Words in the name of a variable that holds a secret.
const TELLING: [&str; 11] = [
    "KEY", "TOKEN", "SECRET", "PASS", "PWD", "CRED", "AUTH", "PRIVATE", "DSN", "WEBHOOK", "COOKIE",
];

/// Whether a variable holds a secret: at least 16 characters without order, more readily where its
/// name says so.
pub(crate) fn is_secret(name: &str, value: &Redacted<Vec<u8>>) -> bool {
    let Ok(value) = std::str::from_utf8(value.expose()) else { return false };
    let plain = SETTINGS.iter().any(|s| !s.secret && variable(s.key) == name);
    if plain || value.len() < SHORTEST {
        return false;
    }
    if password(value).is_some() || value.contains("-----BEGIN ") {
        return true;
    }
    let ordered = value.contains(char::is_whitespace)
        || ["/", "./", "~", "unix:", "file:", "http:", "https:"]
            .iter()
            .any(|p| value.starts_with(p));
    if ordered {
        return false;
    }
    let upper = name.to_ascii_uppercase();
    if TELLING.iter().any(|word| upper.contains(word)) {
        return entropy(value) >= 3.0;
    }
    // Without a name that tells: one long piece of letters and digits, as no word or version is.
    let mixed = |piece: &str| {
        piece.len() >= SHORTEST
            && piece.bytes().any(|b| b.is_ascii_digit())
            && piece.bytes().any(|b| b.is_ascii_alphabetic())
            && entropy(piece) >= 3.5
    };
    value.split(|c: char| !c.is_ascii_alphanumeric() && !"+_".contains(c)).any(mixed)
}

/// What of a variable's value is looked for: all of it, and a password within it.
pub(crate) fn values(name: &str, value: &Redacted<Vec<u8>>) -> Vec<(String, Redacted<Vec<u8>>)> {
    let mut out = vec![(name.to_owned(), value.clone())];
    let Ok(text) = std::str::from_utf8(value.expose()) else { return out };
    let part = password(text).or_else(|| {
        // Of a key in armour the longest line stands for all: line ends change on the way.
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
        lines.max_by_key(|line| line.len()).filter(|line| line.len() >= 32 && *line != text)
    });
    if let Some(part) = part {
        out.push((name.to_owned(), Redacted::new("variable", part.as_bytes().to_vec())));
    }
    out
}

/// The password of `scheme://user:password@host`.
fn password(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let (authority, _) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, _) = authority.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    (password.len() >= 8).then_some(password)
}

/// Shannon's entropy in bits for each byte.
fn entropy(text: &str) -> f64 {
    let mut counts: BTreeMap<u8, u32> = BTreeMap::new();
    for byte in text.bytes() {
        *counts.entry(byte).or_default() += 1;
    }
    let all = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX));
    let share = |count: &u32| {
        let share = f64::from(*count) / all;
        -share * share.log2()
    };
    counts.values().map(share).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str, value: &str) -> bool {
        is_secret(name, &Redacted::new("variable", value.as_bytes().to_vec()))
    }

    #[test]
    fn secrets_are_told_from_the_rest_of_an_environment() {
        for (name, value) in [
            ("OPENAI_API_KEY", "sk-proj-8fG2kLm9QpXz7Yt4Wv3B"),
            ("DB_PASSWORD", "kestrel-drum-lamp-91x"),
            ("DATABASE_URL", "postgres://app:h8Kp2mQz@db.internal/app"),
            ("X", "Zk38vQm1Pw0xLr7TnB5c"),
            ("SIGNING", "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END"),
        ] {
            assert!(secret(name, value), "{name}");
        }
        for (name, value) in [
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"),
            ("SSH_AUTH_SOCK", "/tmp/ssh-XXXXabcd1234/agent.4242"),
            ("HOSTNAME", "web-7d9f8b6c5d-abcde"),
            ("LANG", "en_US.UTF-8"),
            ("KUBERNETES_PORT", "tcp://10.96.0.1:443"),
            ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/1000/bus"),
            ("TOKEN_TTL", "3600"),
            ("GREETING_KEY", "aaaaaaaaaaaaaaaaaaaa"),
            ("NOTE", "a sentence with several words"),
            ("BACKSTOP_PROXY_LISTEN", "127.0.0.1:3128,Zk38vQm1Pw0xLr7TnB5c"),
            ("TERM_PROGRAM_VERSION", "20240203-110809-5046fc22"),
        ] {
            assert!(!secret(name, value), "{name}");
        }
    }

    #[test]
    fn a_password_within_a_url_is_looked_for_by_itself() {
        let url = Redacted::new("variable", b"postgres://app:h8Kp2mQz@db/app".to_vec());
        let found = values("DATABASE_URL", &url);
        let texts: Vec<_> = found.iter().map(|(_, v)| v.expose().as_slice()).collect();
        assert_eq!(texts, [b"postgres://app:h8Kp2mQz@db/app".as_slice(), b"h8Kp2mQz"]);
    }
}
