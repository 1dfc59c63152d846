//! User and password in one: URLs, `Authorization: Basic`, docker and npm auths, passwords on
//! their own. Judged by what people write as a specimen (`user:pass@host`).
//! Next: `assign`.

use super::placeholder::{is_placeholder, is_template};
use super::random::looks_random;
use crate::decode::base64;
use crate::validate::Verdict;

/// `user:password@host` of a URL: a password that somebody chose, on a host that could exist.
pub(crate) fn url_password(text: &str) -> Verdict {
    let Some((userinfo, host)) = text.rsplit_once('@') else { return Verdict::Invalid };
    let Some((user, password)) = userinfo.split_once(':') else { return Verdict::Invalid };
    let host = host.split([':', '/']).next().unwrap_or_default().to_ascii_lowercase();
    let specimen_host =
        matches!(host.as_str(), "host" | "hostname" | "server" | "domain" | "example")
            || [
                "example.com",
                "example.org",
                "example.net",
                ".example",
                ".invalid",
                "domain.com",
                "company.com",
            ]
            .iter()
            .any(|known| host.ends_with(known));
    let local = matches!(host.as_str(), "localhost" | "127.0.0.1" | "db" | "::1");
    let password = unescaped(password);
    let weak = weak_password(user, &password);
    Verdict::possible(!weak && !((specimen_host || local) && !strong_password(&password)))
}

/// Each percent escape as one sign: what it stands for matters less than that it is one.
fn unescaped(password: &str) -> String {
    let mut plain = String::new();
    let mut rest = password;
    while let Some((head, tail)) = rest.split_once('%') {
        plain.push_str(head);
        let hex = tail.get(..2).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        plain.push('%');
        rest = hex.and_then(|_| tail.get(2..)).unwrap_or(tail);
    }
    plain.push_str(rest);
    plain
}

/// base64 of `user:password`.
pub(crate) fn basic_auth(text: &str) -> Verdict {
    let Some(bytes) = base64::decode(text.as_bytes()) else { return Verdict::Invalid };
    let Ok(pair) = String::from_utf8(bytes) else { return Verdict::Invalid };
    let Some((user, password)) = pair.split_once(':') else { return Verdict::Invalid };
    let printable = pair.chars().all(|c| !c.is_control());
    Verdict::of(printable && !weak_password(user, password))
}

/// A password by itself.
pub(crate) fn chosen_password(text: &str) -> Verdict {
    Verdict::possible(!weak_password("", text))
}

/// A password that must be beyond what manuals show: after a command line's flag.
pub(crate) fn strong_password_only(text: &str) -> Verdict {
    Verdict::possible(!weak_password("", text) && strong_password(text))
}

/// `user:password` of a command line.
pub(crate) fn user_password(text: &str) -> Verdict {
    let (user, password) = text.split_once(':').unwrap_or(("", text));
    Verdict::possible(!is_template(text) && !weak_password(user, password))
}

/// A Discord bot's token: its first part is the bot's number in base64.
pub(crate) fn discord_token(text: &str) -> Verdict {
    let number =
        text.split('.').next().and_then(|part| base64::decode(part.as_bytes())).unwrap_or_default();
    let tail = text.rsplit('.').next().unwrap_or_default();
    let numbered = (17..=20).contains(&number.len()) && number.iter().all(u8::is_ascii_digit);
    Verdict::of(numbered && !is_placeholder(tail))
}

/// Whether this is no password anybody relies on: a specimen, a template, the user's own name.
pub(crate) fn weak_password(user: &str, password: &str) -> bool {
    password.chars().count() < 4
        || is_template(password)
        || is_placeholder(password)
        || password.eq_ignore_ascii_case(user)
        || is_specimen(password)
        || password.contains("://")
        || password.chars().all(|c| matches!(c, '*' | 'x' | 'X' | '.' | '-' | '_' | '?'))
}

/// Words that stand for a password, however they are dressed up (`p@ssw0rd`, `S3cret123`).
fn is_specimen(password: &str) -> bool {
    const WORDS: &[&str] = &[
        "password",
        "passwd",
        "pass",
        "passphrase",
        "secret",
        "mypassword",
        "mysecret",
        "testpass",
        "testpassword",
        "yourpassword",
        "userpassword",
        "dbpassword",
        "admin",
        "root",
        "postgres",
        "mysql",
        "redis",
        "mongo",
        "user",
        "username",
        "test",
        "demo",
        "guest",
        "hunter",
        "foo",
        "bar",
        "baz",
        "token",
        "hello",
        "helloworld",
        "pw",
        "pwd",
        "letmein",
        "superman",
        "string",
        "dbpass",
        "mypass",
        "somepassword",
        "newpassword",
        "oldpassword",
        "thepassword",
        "pencil",
        "rabbitmq",
        "minio",
        "minioadmin",
        "sa",
        "default",
        "opensesame",
        "correcthorse",
    ];
    let plain: String = password
        .to_ascii_lowercase()
        .chars()
        .map(|c| match c {
            '@' | '4' => 'a',
            '0' => 'o',
            '3' => 'e',
            '$' | '5' => 's',
            '1' => 'i',
            other => other,
        })
        .collect();
    let undressed: String = plain.chars().filter(char::is_ascii_alphabetic).collect();
    // Digits at the end are dressing too: `password123`, `secret1`.
    let lower = password.to_ascii_lowercase();
    let stem: String = lower.trim_end_matches(|c: char| c.is_ascii_digit()).chars().collect();
    WORDS.contains(&stem.as_str())
        || (WORDS.contains(&undressed.as_str()) && password.chars().count() <= undressed.len() + 1)
}

/// Whether a password is beyond what examples show: long and mixed, or drawn by chance.
pub(crate) fn strong_password(password: &str) -> bool {
    classes(password) >= 3 && password.chars().count() >= 8
        || password.len() >= 12 && looks_random(password)
}

/// How many of small letters, capitals, digits and signs a text has.
pub(crate) fn classes(text: &str) -> usize {
    [
        text.chars().any(|c| c.is_lowercase()),
        text.chars().any(|c| c.is_uppercase()),
        text.chars().any(|c| c.is_ascii_digit()),
        text.chars().any(|c| !c.is_alphanumeric() && !c.is_whitespace()),
    ]
    .into_iter()
    .filter(|has| *has)
    .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_urls() {
        for text in [
            "app:Kd93jsQ1@db.internal",
            "app:Kd93jsQ1@db.internal:5432/x",
            ":s9Kq2Lm8@cache.acme.io",
        ] {
            assert_eq!(url_password(text), Verdict::Unknown, "{text}");
        }
        for text in [
            "user:pass@db.acme.io",
            "user:password@host",
            "postgres:postgres@localhost",
            "user:hunter2@example.com",
            "app:${DB_PASSWORD}@db.internal",
            "user:<password>@db.acme.io",
            "user:xxxx@db.acme.io",
            "user@db.acme.io",
            "root:p@ssw0rd@localhost",
        ] {
            assert_eq!(url_password(text), Verdict::Invalid, "{text}");
        }
    }

    #[test]
    fn basic_auth_is_decoded() {
        // acme:Zk39!qwNm2pd8 and RFC 7617's Aladdin:open sesame.
        assert_eq!(basic_auth("YWNtZTpaazM5IXF3Tm0ycGQ4"), Verdict::Valid);
        assert_eq!(basic_auth("dXNlcjpwYXNzd29yZA=="), Verdict::Invalid);
        assert_eq!(basic_auth("bm9jb2xvbg=="), Verdict::Invalid);
    }
}
