//! Secrets by the name they are given: `password = …`, `"api_key": "…"`, `--token …`,
//! `<secret>…</secret>`, `- name: DB_PASSWORD` with its `value:`.
//!
//! The name must say secret (and not `token_url` or `password_hint`), the value must look like one
//! (see `random`, `userinfo`). Each separator is looked at once, with bounded looks to both sides.
//! Next: `key` (names).

use super::key::{Named, name_of};
use super::placeholder::{is_placeholder, is_template};
use super::random::looks_random;
use super::userinfo::{classes, weak_password};
use crate::engine::Candidate;
use crate::score::Score;
use std::ops::Range;

/// LIMIT: the longest value that is judged, in bytes.
const LONGEST: usize = 256;
/// LIMIT: how far back the name of a `value:` is looked for, in bytes.
const NAME_BEFORE: usize = 96;

/// Finder: values that are named a password. Their separators stand behind a keyword.
pub(crate) fn assigned_passwords(text: &str, range: Range<usize>, found: &mut Vec<Candidate>) {
    each(text, range, |named, value, span| {
        if named == Named::Password
            && let Some(score) = password_score(value, &span)
        {
            found.push(Candidate { span: span.range, score });
        }
    });
}

/// Finder: values that are named a token, key or secret.
pub(crate) fn assigned_secrets(text: &str, range: Range<usize>, found: &mut Vec<Candidate>) {
    each(text, range, |named, value, span| {
        let secret = match named {
            Named::Issued => is_secret(value) || is_drawn_uuid(value),
            Named::Secret => is_secret(value),
            Named::Password | Named::Other => false,
        };
        if secret && (span.quoted || !is_expression(value)) {
            found.push(Candidate { span: span.range, score: Score::new(0.75) });
        }
    });
}

/// A value and how it is written.
struct Written {
    range: Range<usize>,
    quoted: bool,
    /// `KEY=value` without blanks, as in environments and query strings.
    tight: bool,
    /// It ends its line, sentence or text.
    last: bool,
}

fn password_score(value: &str, written: &Written) -> Option<Score> {
    let length = value.chars().count();
    let whole = value.chars().all(|c| !c.is_whitespace() && !c.is_control());
    let code = is_code(value) || (!written.quoted && is_expression(value));
    if !whole || !(6..=128).contains(&length) || weak_password("", value) || code {
        return None;
    }
    let classes = classes(value);
    let digits = value.chars().any(|c| c.is_ascii_digit());
    if is_term(value) {
        return None;
    }
    if length >= 8 && (classes >= 3 && digits || looks_random(value)) {
        return Some(Score::new(0.75));
    }
    // `winter2024`: only where it is plainly a value.
    let plain = value.chars().all(|c| c.is_alphanumeric() || matches!(c, '!' | '@' | '#' | '?'));
    let given = written.quoted || written.tight || written.last;
    (given && plain && digits && classes >= 2 && length >= 8).then_some(Score::new(0.6))
}

fn is_secret(value: &str) -> bool {
    (16..=LONGEST).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_graphic())
        && !is_placeholder(value)
        && !is_code(value)
        && !is_uuid(value)
        && !value.contains("://")
        && !value.starts_with(['/', '.', '~'])
        && looks_random(value)
}

/// Calls, members, generics, templates: source code, not a value.
fn is_code(value: &str) -> bool {
    is_template(value)
        || value.contains("()")
        || value.contains("::")
        || value.contains("->")
        || value.contains("=>")
        || value.starts_with(['(', '[', '{', '<', '/', '\\', '~'])
        || value.ends_with(['(', '[', '{', '\\'])
        || value.contains("](")
        || value.contains('(') && value.contains(')')
        || value.get(1..3).is_some_and(|at| at == ":\\" || at == ":/")
}

/// A call, an element, a constant's name: what stands unquoted in source code.
fn is_expression(value: &str) -> bool {
    value.contains(['(', '['])
        || (value.contains(['_', '.'])
            && value.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'.')))
}

/// Names of algorithms and formats with digits in them: `AES-256`, `sha256`, `utf-8`, `x509`.
fn is_term(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    [
        "sha", "aes", "md5", "utf", "base64", "base32", "x509", "x-509", "oauth", "http", "rfc",
        "pbkdf", "bcrypt", "scrypt", "argon", "hmac", "rsa", "ecdsa", "ed25519", "pkcs", "ipv",
        "win32", "iso-", "iso8", "latin1", "plugin", "version", "python", "java", "test", "v1",
        "v2",
    ]
    .iter()
    .any(|term| lower.starts_with(term))
        || is_hyphenated(value)
}

/// Small words and numbers with signs between them: `scram-sha-256`, `my_value_2`.
fn is_hyphenated(value: &str) -> bool {
    let mut parts = value.split(['-', '_', '.']);
    value.contains(['-', '_', '.'])
        && parts.all(|part| {
            part.bytes().all(|b| b.is_ascii_digit()) || part.bytes().all(|b| b.is_ascii_lowercase())
        })
}

fn is_uuid(value: &str) -> bool {
    value.len() == 36
        && value.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// A UUID drawn by chance (version 4), as some services give for a key; none that documents print.
fn is_drawn_uuid(value: &str) -> bool {
    const PRINTED: [&str; 3] = [
        "550e8400-e29b-41d4-a716-446655440000",
        "f47ac10b-58cc-4372-a567-0e02b2c3d479",
        "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d",
    ];
    let lower = value.to_ascii_lowercase();
    is_uuid(&lower)
        && lower.as_bytes().get(14) == Some(&b'4')
        && matches!(lower.as_bytes().get(19), Some(b'8' | b'9' | b'a' | b'b'))
        && !PRINTED.contains(&lower.as_str())
        && !is_placeholder(&lower)
        && looks_random(&lower)
}

/// Calls with each value whose name says secret and whose separator stands in the range.
fn each(text: &str, range: Range<usize>, mut call: impl FnMut(Named, &str, Written)) {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate().take(range.end).skip(range.start) {
        if !matches!(byte, b'=' | b':' | b'>' | b',' | b'(' | b' ') {
            continue;
        }
        let Some((named, value)) = assignment(text, at, *byte) else { continue };
        let Some(content) = text.get(value.range.clone()) else { continue };
        if !content.is_empty() {
            call(named, content, value);
        }
    }
}

/// The name before a separator and the value behind it, if the name says secret.
fn assignment(text: &str, at: usize, separator: u8) -> Option<(Named, Written)> {
    let bytes = text.as_bytes();
    let before = at.checked_sub(1).and_then(|before| bytes.get(before)).copied();
    let after = bytes.get(at + 1).copied();
    // `!=`, `<=`, `->`, `::` assign nothing; `==`, `:=`, `=>` are taken at their last sign.
    match (separator, before, after) {
        (b'=', Some(b'!' | b'<' | b'>' | b'+' | b'~'), _)
        | (b'=', _, Some(b'=' | b'>' | b'~'))
        | (b':', _, Some(b':' | b'=' | b'/'))
        | (b':', Some(b':'), _)
        | (b'>', Some(b'-'), _) => return None,
        _ => {}
    }
    let from = value_start(bytes, at + 1);
    let quote = from.quote;
    let (name, kind) = key_before(text, at, separator)?;
    match separator {
        // Two texts in a row: `set("api_key", "…")`; a call: `password("…")`.
        b',' if !(kind.quoted && quote.is_some()) => return None,
        b'(' if quote.is_none() || kind.quoted => return None,
        b' ' if !(kind.flag || kind.is) => return None,
        b'>' if !kind.element && before != Some(b'=') => return None,
        _ => {}
    }
    let mut named = name_of(name);
    if named == Named::Other && name.eq_ignore_ascii_case("value") {
        named = named_before(text, at);
    }
    if named == Named::Other {
        return None;
    }
    let end = value_end(bytes, from.at, quote, separator == b'>' && kind.element)?;
    let tight = separator == b'=' && from.at == at + 1;
    let last = matches!(
        bytes.get(end..).unwrap_or_default(),
        [] | [b'\n' | b'\r', ..] | [b'.' | b',' | b';', b' ' | b'\n', ..] | [b'.']
    );
    Some((named, Written { range: from.at..end, quoted: quote.is_some(), tight, last }))
}

struct Start {
    at: usize,
    quote: Option<u8>,
}

/// Where a value begins: behind blanks, a string's prefix and its quote.
fn value_start(bytes: &[u8], mut at: usize) -> Start {
    let mut blanks = 0;
    while blanks < 4 && matches!(bytes.get(at), Some(b' ' | b'\t')) {
        at += 1;
        blanks += 1;
    }
    // b"…", r"…", f"…", @"…".
    if matches!(bytes.get(at), Some(b'b' | b'r' | b'f' | b'u' | b'@'))
        && matches!(bytes.get(at + 1), Some(b'"' | b'\''))
    {
        at += 1;
    }
    if bytes.get(at) == Some(&b'\\') && matches!(bytes.get(at + 1), Some(b'"' | b'\'')) {
        at += 1;
    }
    match bytes.get(at) {
        Some(quote @ (b'"' | b'\'' | b'`')) => Start { at: at + 1, quote: Some(*quote) },
        _ => Start { at, quote: None },
    }
}

/// Where a value ends; `None` for what is longer than any secret.
fn value_end(bytes: &[u8], start: usize, quote: Option<u8>, element: bool) -> Option<usize> {
    let rest = bytes.get(start..)?;
    let length = rest.iter().take(LONGEST + 1).enumerate().position(|(at, byte)| match quote {
        Some(quote) => *byte == quote || *byte == b'\n',
        None if element => *byte == b'<' || byte.is_ascii_whitespace(),
        None => match byte {
            b'"' | b'\'' | b'`' | b',' | b';' | b'<' | b'>' | b'}' | b'|' | b'\\' => true,
            b'&' => next_pair(rest.get(at + 1..).unwrap_or_default()),
            // Padding at the end belongs to the value.
            b'=' => !matches!(rest.get(at + 1), None | Some(b'=' | b' ' | b'\n' | b'\r' | b'"')),
            other => other.is_ascii_whitespace(),
        },
    });
    let length = length.unwrap_or(rest.len());
    (length <= LONGEST).then(|| {
        let value = rest.get(..length).unwrap_or_default();
        // An escaped quote ends a value within a string; a full stop ends a sentence.
        let value = value.strip_suffix(b"\\").unwrap_or(value);
        let value = match quote {
            Some(_) => value,
            None => value.strip_suffix(b".").or(value.strip_suffix(b")")).unwrap_or(value),
        };
        start + value.len()
    })
}

/// Whether an `&` is followed by the next pair of a query: `name=`.
fn next_pair(rest: &[u8]) -> bool {
    let name = rest.iter().take(40).take_while(|b| b.is_ascii_alphanumeric() || **b == b'_');
    rest.get(name.count()) == Some(&b'=') || rest.starts_with(b"amp;")
}

/// How a name is written.
#[derive(Debug, Default, Clone, Copy)]
struct Key {
    quoted: bool,
    /// `--name`.
    flag: bool,
    /// `<name`.
    element: bool,
    /// `name is`.
    is: bool,
}

/// The name before a separator.
fn key_before(text: &str, at: usize, separator: u8) -> Option<(&str, Key)> {
    let bytes = text.as_bytes();
    let mut key = Key::default();
    let mut end = at;
    // `:=`, `==`, `=>`, `?=`.
    while end > 0 && at - end < 2 && matches!(bytes.get(end - 1), Some(b':' | b'=' | b'?')) {
        end -= 1;
    }
    if separator == b' '
        && let Some(before) = text.get(..end).and_then(|before| before.strip_suffix(" is"))
    {
        key.is = true;
        end = before.len();
    }
    let mut skipped = 0;
    while end > 0 && skipped < 6 {
        match bytes.get(end - 1) {
            Some(b'"' | b'\'' | b'`') => key.quoted = true,
            Some(b' ' | b'\t') if separator != b' ' && !(separator == b'>' && end == at) => {}
            Some(b']' | b'\\' | b'*') => {}
            _ => break,
        }
        end -= 1;
        skipped += 1;
    }
    let head = text.get(..end)?;
    let name = identifier(head);
    if name.is_empty() {
        return None;
    }
    let start = end - name.len();
    let lead = start.checked_sub(1).and_then(|lead| bytes.get(lead));
    key.element = lead == Some(&b'<');
    key.flag = name.starts_with("--");
    // `"AWS::Config::AggregationAuthorization": "…"`: a type's name says nothing of the value. A setting's
    // (`profile::mysql::root_password`) begins with a small letter.
    if key.quoted
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && text.get(..start).is_some_and(|before| before.ends_with("::"))
    {
        return None;
    }
    // `password: &str = "…"`, `token: string = '…'`: the name stands before the type.
    if separator == b'=' && !key.quoted {
        let typed = text.get(..start).unwrap_or_default().trim_end_matches(['&', ' ', '\'']);
        if let Some(before) = typed.strip_suffix(':')
            && name_of(name) == Named::Other
        {
            let earlier = identifier(before.trim_end());
            return (!earlier.is_empty()).then_some((earlier, key));
        }
    }
    Some((name, key))
}

/// The identifier that a text ends with.
fn identifier(text: &str) -> &str {
    let length = text
        .bytes()
        .rev()
        .take(64)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'$'))
        .count();
    text.get(text.len() - length..).unwrap_or_default()
}

/// What the `name:` or `key=` shortly before a `value:` says.
fn named_before(text: &str, at: usize) -> Named {
    let from = text.ceil_char_boundary(at.saturating_sub(NAME_BEFORE));
    let before = text.get(from..at).unwrap_or_default();
    let labels = ["name", "key", "Name", "Key"];
    let ends =
        labels.iter().flat_map(|label| before.match_indices(label).map(|(at, l)| at + l.len()));
    let nearest = ends
        .filter_map(|end| {
            // `name: X`, `"name": "X"`, `key="X"`: a sign, then the name.
            let rest = before.get(end..)?.trim_start_matches(['"', '\'', '\\', ' ']);
            let rest = rest.strip_prefix([':', '='])?;
            Some((end, rest.trim_start_matches(['"', '\'', '\\', ' '])))
        })
        .max_by_key(|(end, _)| *end);
    let Some((_, rest)) = nearest else { return Named::Other };
    let length =
        rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    name_of(rest.get(..length.count()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut candidates = Vec::new();
        assigned_passwords(text, 0..text.len(), &mut candidates);
        assigned_secrets(text, 0..text.len(), &mut candidates);
        candidates.into_iter().filter_map(|c| text.get(c.span)).collect()
    }

    #[test]
    fn values_are_found_in_many_writings() {
        let (token, password) = ("hV7kq2Zt9LmW4xRcB8nT", "Kd93jsQ1!x");
        for text in [
            "api_key = \"hV7kq2Zt9LmW4xRcB8nT\"",
            "API_KEY=hV7kq2Zt9LmW4xRcB8nT",
            "{\"apiKey\": \"hV7kq2Zt9LmW4xRcB8nT\"}",
            "{\\\"apiKey\\\":\\\"hV7kq2Zt9LmW4xRcB8nT\\\"}",
            "access-token: hV7kq2Zt9LmW4xRcB8nT",
            "let secret_key: &str = \"hV7kq2Zt9LmW4xRcB8nT\";",
            "const token: string = 'hV7kq2Zt9LmW4xRcB8nT';",
            "'client_secret' => 'hV7kq2Zt9LmW4xRcB8nT',",
            "auth_token := `hV7kq2Zt9LmW4xRcB8nT`",
            "<ApiKey>hV7kq2Zt9LmW4xRcB8nT</ApiKey>",
            "<add key=\"ApiKey\" value=\"hV7kq2Zt9LmW4xRcB8nT\"/>",
            "- name: ACCESS_TOKEN\n  value: hV7kq2Zt9LmW4xRcB8nT",
            "https://api.acme.io/v1?x=1&access_token=hV7kq2Zt9LmW4xRcB8nT&y=2",
            "tool --api-token hV7kq2Zt9LmW4xRcB8nT --verbose",
            "config.set(\"api_key\", \"hV7kq2Zt9LmW4xRcB8nT\")",
            "os.environ['SECRET_KEY'] = 'hV7kq2Zt9LmW4xRcB8nT'",
            "my secret token is hV7kq2Zt9LmW4xRcB8nT.",
        ] {
            assert_eq!(found(text), [token], "{text}");
        }
        for text in [
            "password = 'Kd93jsQ1!x'",
            "DB_PASSWORD=Kd93jsQ1!x",
            "password: Kd93jsQ1!x",
            "\"password\":\"Kd93jsQ1!x\"",
            ".password(\"Kd93jsQ1!x\")",
            "the password is Kd93jsQ1!x",
            "the password is Kd93jsQ1!x. Keep it",
            "Server=db;User=sa;Password=Kd93jsQ1!x;Encrypt=yes",
            "jdbc:mysql://db/x?user=a&password=Kd93jsQ1!x",
        ] {
            assert_eq!(found(text), [password], "{text}");
        }
    }

    #[test]
    fn a_service_may_give_a_uuid_for_a_key() {
        for text in [
            "VAPI_API_KEY=5c7be1d0-93f4-4a6e-b21d-8f06ac3e7d95",
            "export SMITHERY_API_KEY='5c7be1d0-93f4-4a6e-b21d-8f06ac3e7d95'",
            "{\"arkApiKey\": \"5c7be1d0-93f4-4a6e-b21d-8f06ac3e7d95\"}",
            "KEYCLOAK_CLIENT_SECRET: 5c7be1d0-93f4-4a6e-b21d-8f06ac3e7d95",
            "'profile::keycloak::client_secret': '5c7be1d0-93f4-4a6e-b21d-8f06ac3e7d95'",
            "npx server --api-key 5c7be1d0-93f4-4a6e-b21d-8f06ac3e7d95",
        ] {
            assert_eq!(found(text), ["5c7be1d0-93f4-4a6e-b21d-8f06ac3e7d95"], "{text}");
        }
    }

    #[test]
    fn what_is_no_secret_is_left_alone() {
        for text in [
            "password = getpass.getpass()",
            "\"AWS::Config::AggregationAuthorization\": \"af318b77aaceeeaa\",",
            "token = request.headers['Authorization']",
            "api_key = os.environ[\"API_KEY\"]",
            "token_url = \"https://acme.io/oauth2/token\"",
            "password: &str",
            "secret: SomeVeryLongTypeNameForSecrets2",
            "password = \"password123\"",
            "api_key: YOUR_API_KEY_GOES_HERE",
            "max_tokens=4096000000000000",
            "token: 123e4567-e89b-12d3-a456-426614174000",
            "api_key: 123e4567-e89b-12d3-a456-426614174000",
            "api_key: 550e8400-e29b-41d4-a716-446655440000",
            "api_key: f47ac10b-58cc-4372-a567-0e02b2c3d479",
            "request_token=5c7be1d0-93f4-4a6e-b21d-8f06ac3e7d95",
            "api_key_id=5c7be1d0-93f4-4a6e-b21d-8f06ac3e7d95",
            "NEXT_PUBLIC_VAPI_API_KEY=5c7be1d0-93f4-4a6e-b21d-8f06ac3e7d95",
            "API_KEY=00000000-0000-4000-8000-000000000000",
            "password_hash = \"x8FqkL2vZt0pWm5Y\"",
            "public_key = \"x8FqkL2vZt0pWm5Yx8Fq\"",
            "next_page_token=x8FqkL2vZt0pWm5Yx8FqA",
            "secretName: my-application-secret-name-1",
            "password: ${DB_PASSWORD}",
            "Password: ********",
            "key: x8FqkL2vZt0pWm5Yx8Fq",
            "password must be at least 8 characters",
            "if password != \"\" {",
            "PRIVATE_KEY: CRYPTUI_WIZ_FLAGS = 256u32;",
            "key_password=certs[0][2],",
            "token = Token.Name.Builtin.SchemeBuiltin",
            "auth_key = keyctl(KEYCTL_GET_KEYRING_ID,",
            "auth = AES-256-GCM",
            "\"md5\", \"password\", \"scram-sha-256\"",
        ] {
            assert_eq!(found(text), Vec::<&str>::new(), "{text}");
        }
    }
}
