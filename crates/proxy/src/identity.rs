//! Who asks: `Proxy-Authorization` (RFC 9110 §11.7), or a listener that is bound to one session.
//!
//! The field is taken off the request before anything else sees it and its content is never
//! printed. Must not know how a token is checked. Next: `connect`, `forward`.

use backstop_gate::Credential;
use backstop_model::id::SessionId;
use backstop_model::redacted::Redacted;
use base64::Engine as _;
use http::header::{HeaderMap, PROXY_AUTHORIZATION};

/// What the request presented.
pub(crate) enum Presented {
    /// Nothing: the client does not know yet that it must.
    Nothing,
    /// Something that is no credential of ours.
    Unreadable,
    /// A credential, not yet checked.
    Credential(Credential),
}

/// Takes the credential off the request.
pub(crate) fn take(headers: &mut HeaderMap) -> Presented {
    match headers.remove(PROXY_AUTHORIZATION) {
        None => Presented::Nothing,
        Some(value) => parse(value.as_bytes()).map_or(Presented::Unreadable, Presented::Credential),
    }
}

/// `Basic base64(session:token)` (RFC 7617) or `Bearer token` (RFC 6750 §2.1).
fn parse(value: &[u8]) -> Option<Credential> {
    let (scheme, rest) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    let rest = rest.trim_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Credential { session: None, token: token(rest)? });
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = base64::engine::general_purpose::STANDARD.decode(rest).ok()?;
    let (user, password) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
    let session = if user.is_empty() { None } else { Some(SessionId::parse(user).ok()?) };
    Some(Credential { session, token: token(password)? })
}

fn token(text: &str) -> Option<Redacted<String>> {
    let plain = !text.is_empty() && text.len() <= 256 && text.bytes().all(|b| b.is_ascii_graphic());
    plain.then(|| Redacted::new("bearer token", text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn read(value: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(PROXY_AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        let read = match take(&mut headers) {
            Presented::Nothing => "nothing".to_owned(),
            Presented::Unreadable => "unreadable".to_owned(),
            Presented::Credential(c) => {
                format!("{:?} {}", c.session.map(|s| s.to_string()), c.token.expose())
            }
        };
        assert!(headers.is_empty());
        read
    }

    #[test]
    fn credentials_are_read_and_taken_off() {
        let basic = |text: &str| {
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
        };
        let session = "ses_00000000000000000000000000";
        assert_eq!(
            read(&basic(&format!("{session}:bst_a_x"))),
            format!("Some(\"{session}\") bst_a_x")
        );
        assert_eq!(read(&basic(":bst_a_x")), "None bst_a_x");
        assert_eq!(read("bearer bst_a_x"), "None bst_a_x");
        for bad in ["Basic", "Basic !", "Digest x", "Bearer ", &basic("me:bst_a_x"), &basic("x")] {
            assert_eq!(read(bad), "unreadable", "{bad}");
        }
    }
}
