//! JSON Web Tokens, decoded and judged (RFC 7519, RFC 7515, RFC 7516). No clock: an expired token
//! still tells names and keys, so structure decides.
//!
//! A token is a credential if its header names an algorithm that signs (or encrypts) and a
//! signature stands there. Unsigned ones and jwt.io's own specimen are notes. Next: `coin`.

use crate::decode::base64;
use crate::validate::Verdict;

/// What a text of three parts turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judged {
    Signed { exact: bool },
    Unsigned,
    NoToken,
}

/// A signed or encrypted token.
pub(crate) fn jwt_signed(text: &str) -> Verdict {
    match judge(text) {
        Judged::Signed { exact: true } => Verdict::Valid,
        Judged::Signed { exact: false } => Verdict::Unknown,
        Judged::Unsigned | Judged::NoToken => Verdict::Invalid,
    }
}

/// A token that anybody could have written: `alg: none`, no signature, or the public specimen.
pub(crate) fn jwt_unsigned(text: &str) -> Verdict {
    Verdict::of(judge(text) == Judged::Unsigned)
}

fn judge(text: &str) -> Judged {
    let parts: Vec<&str> = text.split('.').collect();
    let header = parts.first().and_then(|part| json(part));
    let Some(header) = header else { return Judged::NoToken };
    let Some(algorithm) = member(&header, "alg") else { return Judged::NoToken };
    match parts.as_slice() {
        [_, payload, signature] => {
            let Some(claims) = json(payload) else { return Judged::NoToken };
            let specimen = member(&claims, "sub").as_deref() == Some("1234567890")
                && member(&claims, "name").as_deref() == Some("John Doe");
            if specimen || algorithm.eq_ignore_ascii_case("none") || signature.len() < 16 {
                return Judged::Unsigned;
            }
            match signature_digits(&algorithm) {
                Some(digits) => Judged::Signed { exact: digits.contains(&signature.len()) },
                None => Judged::NoToken,
            }
        }
        [_, key, nonce, text, tag] if member(&header, "enc").is_some() => Judged::Signed {
            exact: tag.len() == 22 && nonce.len() >= 16 && !text.is_empty() && key.len() != 1,
        },
        _ => Judged::NoToken,
    }
}

/// How many base64url digits a signature has (RFC 7518 §3, RFC 8037, RFC 9964).
fn signature_digits(algorithm: &str) -> Option<std::ops::RangeInclusive<usize>> {
    Some(match algorithm {
        "HS256" => 43..=43,
        "HS384" => 64..=64,
        "HS512" => 86..=86,
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => 171..=1366,
        "ES256" | "ES256K" | "EdDSA" | "Ed25519" => 86..=86,
        "ES384" => 128..=128,
        "ES512" => 176..=176,
        "Ed448" => 152..=152,
        "ML-DSA-44" | "ML-DSA-65" | "ML-DSA-87" => 3000..=6200,
        _ => return None,
    })
}

/// The part as the JSON object it should be.
fn json(part: &str) -> Option<String> {
    let bytes = base64::decode(part.as_bytes())?;
    let text = String::from_utf8(bytes).ok()?;
    let trimmed = text.trim();
    (trimmed.starts_with('{') && trimmed.ends_with('}')).then_some(text)
}

/// A member's text, if it is a string. Headers hold no nested objects of that name.
fn member(object: &str, name: &str) -> Option<String> {
    let quoted = format!("\"{name}\"");
    let rest = object.split_once(&quoted)?.1.trim_start().strip_prefix(':')?.trim_start();
    let value = rest.strip_prefix('"')?;
    Some(value.split('"').next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515 appendix A.1.
    const RFC: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    /// jwt.io's specimen.
    const SPECIMEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c";
    /// RFC 7519 §6.1.
    const UNSECURED: &str = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";

    #[test]
    fn tokens_are_judged_by_their_contents() {
        assert_eq!(jwt_signed(RFC), Verdict::Valid);
        assert_eq!(jwt_unsigned(RFC), Verdict::Invalid);
        for text in [SPECIMEN, UNSECURED] {
            assert_eq!(jwt_signed(text), Verdict::Invalid, "{text}");
            assert_eq!(jwt_unsigned(text), Verdict::Valid, "{text}");
        }
        for text in
            ["a.b.c", "eyJ.eyJ.abc", "eyJmb28iOiJiYXIifQ.eyJmb28iOiJiYXIifQ.dBjftJeZ4CVPmB92K27"]
        {
            assert_eq!(jwt_signed(text), Verdict::Invalid, "{text}");
            assert_eq!(jwt_unsigned(text), Verdict::Invalid, "{text}");
        }
    }
}
