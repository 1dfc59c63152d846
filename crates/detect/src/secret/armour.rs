//! Private keys in their armour: PEM, OpenSSH, PGP, SSH2, PuTTY. The pattern finds the banner and
//! what follows; here it is judged whether a key follows or a placeholder.
//! Next: `jwt`.

use super::random::looks_random;
use crate::validate::Verdict;

/// The least of a key's body that is worth anything, in base64 digits.
const LEAST: usize = 40;

/// A banner with a body of base64 behind it: whole, truncated, on one line with `\n` written out,
/// quoted line by line, with or without its end.
pub(crate) fn private_key_block(text: &str) -> Verdict {
    let body = text.find("KEY").map_or(text, |at| text.get(at..).unwrap_or_default());
    let mut digits = 0;
    let mut kinds = [false; 128];
    for line in body.split(['\n', '\r', '"', '\'', ',', '+', '>', '|', '#', ' ', '\t']) {
        for part in line.split("\\n").flat_map(|part| part.split("\\r")) {
            // `Proc-Type: 4,ENCRYPTED` and `Version: GnuPG` are headers, `...` is nobody's key.
            let part = part.trim_matches(|c: char| matches!(c, '\\' | '=' | '-' | '.'));
            let base64 = part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'/');
            if base64 && part.len() >= 6 {
                digits += part.len();
                for byte in part.bytes() {
                    if let Some(kind) = kinds.get_mut(usize::from(byte)) {
                        *kind = true;
                    }
                }
            }
        }
    }
    let varied = kinds.iter().filter(|kind| **kind).count() >= 16;
    Verdict::of(digits >= LEAST && varied)
}

/// The base64 of a private key's first bytes without any banner: enough of the key must follow.
pub(crate) fn key_bytes(text: &str) -> Verdict {
    let digits = text.bytes().filter(u8::is_ascii_alphanumeric).count();
    Verdict::possible(digits >= LEAST && text.get(24..).is_some_and(looks_random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_judged() {
        let body = "MIIEowIBAAKCAQEAx3Zk9qNwRr7pLs2VbTyGhJf6Ka1WeUi0Zk39qwNm2pd8Xc";
        let valid = [
            format!("-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"),
            format!("-----BEGIN PRIVATE KEY-----\\n{body}\\n"),
            format!("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{body}"),
            format!("-----BEGIN PRIVATE KEY-----\" +\n \"{body}\\n\" +"),
        ];
        for text in valid {
            assert_eq!(private_key_block(&text), Verdict::Valid, "{text}");
        }
        for text in [
            "-----BEGIN RSA PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "-----BEGIN PRIVATE KEY-----\\n<your key>\\n-----END PRIVATE KEY-----",
        ] {
            assert_eq!(private_key_block(text), Verdict::Invalid, "{text}");
        }
    }
}
