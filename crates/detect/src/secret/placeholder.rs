//! What people write where a secret would stand: `your-api-key`, `xxxxxxxx`, `${TOKEN}`,
//! `<password>`, `changeme`, `0123456789abcdef`. Blocking those would cost trust and win nothing.
//! Next: `random`.

/// Parts that no random value holds by chance, in lower case.
const PARTS: &[&str] = &[
    "example",
    "placeholder",
    "changeme",
    "change_me",
    "change-me",
    "replace",
    "redacted",
    "xxxx",
    "insert",
    "dummy",
    "sample",
    "yourtoken",
    "yourkey",
    "yoursecret",
    "yourpassword",
    "your_",
    "your-",
    "your.",
    "todo",
    "fixme",
    "goeshere",
    "goes_here",
    "goes-here",
    "_here",
    "-here",
    "****",
    "....",
    "____",
    "----",
    "…",
    "•••",
    "foobar",
    "notreal",
    "not_real",
    "not-real",
    "fake_",
    "fake-",
    "-fake",
    "_fake",
    "testtest",
    "secretsecret",
    "deadbeef",
    "cafebabe",
    "lorem",
    "undefined",
    "00112233",
    "01020304",
    "a1b2c3d4",
];

/// Values that stand for one, in lower case.
const WHOLE: &[&str] = &[
    "none",
    "null",
    "nil",
    "true",
    "false",
    "string",
    "token",
    "secret",
    "password",
    "passwd",
    "pass",
    "pwd",
    "key",
    "apikey",
    "value",
    "empty",
    "test",
    "testing",
    "unknown",
    "optional",
    "required",
    "hidden",
    "masked",
    "removed",
    "omitted",
    "data+omitted",
    "default",
    "admin",
    "root",
    "user",
    "username",
    "guest",
    "public",
    "private",
    "changeit",
    "letmein",
    "welcome",
];

/// Tokens that the standards themselves print: RFC 5849, RFC 6749, RFC 6750, RFC 7617.
const PRINTED: &[&str] = &[
    "2YotnFZFEjr1zCsicMWpAA",
    "tGzv3JOkF0XG5Qx2TlKWIA",
    "7Fjfp0ZBr1KtDRbnfVdmIw",
    "gX1fBat3bV",
    "SplxlOBeZQQYbYS6WxSbIA",
    "mF_9.B5f-4.1JqM",
    "nnch734d00sl2jdk",
    "pfkkdhi9sl3r4s00",
    "ad180jjd733klru7",
    "kkk9d7dh3k39sjv7",
    "hh5s93j4hdidpola",
    "hdhd0244k9j7ao03",
    "j49sk3j29djd",
    "dh893hdasih9",
    "QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
    "czZCaGRSa3F0MzpnWDFmQmF0M2JW",
    "czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3",
];

/// Whether a value is written in place of a secret.
pub(crate) fn is_placeholder(value: &str) -> bool {
    if PRINTED.contains(&value) {
        return true;
    }
    let lower = value.to_ascii_lowercase();
    WHOLE.contains(&lower.as_str())
        || PARTS.iter().any(|part| lower.contains(part))
        || is_template(value)
        || is_counted(lower.as_bytes())
        || is_periodic(lower.as_bytes())
}

/// Whether a value stands for another that is filled in later.
pub(crate) fn is_template(value: &str) -> bool {
    let wrapped = |open: &str, close: &str| {
        value
            .find(open)
            .is_some_and(|at| value.get(at + open.len()..).is_some_and(|rest| rest.contains(close)))
    };
    wrapped("${", "}")
        || wrapped("{{", "}}")
        || wrapped("$(", ")")
        || wrapped("#{", "}")
        || wrapped("<%", "%>")
        || wrapped("%(", ")")
        || wrapped("@@", "@@")
        || (value.starts_with('<') && value.ends_with('>'))
        || (value.starts_with('{') && value.ends_with('}'))
        || (value.starts_with('[') && value.ends_with(']'))
        || (value.len() > 2 && value.starts_with('%') && value.ends_with('%'))
        || value.strip_prefix('$').is_some_and(is_name)
        || matches!(value, "%s" | "%d" | "%v" | "{}" | "?")
}

/// A shell variable's name.
fn is_name(text: &str) -> bool {
    let braced = text.trim_start_matches("env:");
    !braced.is_empty()
        && braced.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && braced.bytes().next().is_some_and(|b| !b.is_ascii_digit())
}

/// Whether half of a text counts up or down or stands still: `abcdefgh`, `0123456789`, `zzzzzz`.
fn is_counted(bytes: &[u8]) -> bool {
    let mut counted = 0;
    let (mut run, mut step) = (1, 0_i16);
    let mut before: Option<u8> = None;
    for byte in bytes {
        let now = before.map_or(0, |before| i16::from(*byte) - i16::from(before));
        // 9 is followed by 0, as f is in hexadecimal counting.
        let now = if now == -9 || before == Some(b'f') && *byte == b'0' { 1 } else { now };
        if before.is_some() && now == step && (-1..=1).contains(&now) {
            run += 1;
        } else {
            counted += if run >= 4 { run } else { 0 };
            run = 1;
            if before.is_some() && (-1..=1).contains(&now) {
                run = 2;
            }
        }
        step = now;
        before = Some(*byte);
    }
    counted += if run >= 4 { run } else { 0 };
    bytes.len() >= 8 && counted * 2 >= bytes.len()
}

/// Whether a text of at least eight bytes repeats itself with a period of up to four.
fn is_periodic(bytes: &[u8]) -> bool {
    bytes.len() >= 8
        && (1..=4).any(|period| {
            let shifted = bytes.iter().skip(period);
            let same = bytes.iter().zip(shifted).filter(|(a, b)| a == b).count();
            same * 10 >= (bytes.len() - period) * 9
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_known() {
        for value in [
            "your-api-key",
            "YOUR_TOKEN",
            "xxxxxxxxxxxxxxxx",
            "${DB_PASSWORD}",
            "{{ password }}",
            "<password>",
            "$TOKEN",
            "$env:TOKEN",
            "%PASSWORD%",
            "changeme",
            "AKIAIOSFODNN7EXAMPLE",
            "********",
            "0123456789abcdef",
            "abababababab",
            "abcdefghijklmnop",
            "sk-1234567890abcdef1234567890abcdef",
            "9876543210",
            "null",
        ] {
            assert!(is_placeholder(value), "{value}");
        }
        for value in [
            "hV7kq2Zt9LmW4xRc",
            "pa$$w0rd9Kq",
            "b7e23ec29af22b0b4e41da31e868d572",
            "",
            "210987654321-hV7kq2Zt9LmW4xRcB8nTqY3s",
        ] {
            assert!(!is_placeholder(value), "{value}");
        }
    }
}
