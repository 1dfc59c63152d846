//! The fields that end at a proxy (RFC 9110 §7.6) and those that it sets.
//! Must not know bodies or policy. Next: `forward`.

use http::header::{
    CONNECTION, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
    VIA,
};
use http::{Method, Version};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// What the client asked of this hop alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hop {
    /// It takes trailers (RFC 9110 §10.1.4).
    pub(crate) trailers: bool,
    /// It wants to speak WebSocket (RFC 6455 §4.1).
    pub(crate) websocket: bool,
}

/// What the client asks of this hop.
pub(crate) fn hop(method: &Method, version: Version, headers: &HeaderMap) -> Hop {
    let websocket = method == Method::GET
        && version == Version::HTTP_11
        && lists(headers, &CONNECTION, "upgrade")
        && headers.get_all(UPGRADE).iter().count() == 1
        && headers.get(UPGRADE).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"websocket"));
    Hop { trailers: lists(headers, &TE, "trailers"), websocket }
}

/// Takes off what belongs to one hop only: the named fields, those that `Connection` names
/// (RFC 9110 §7.6.1), and everything that begins with `Proxy-`.
pub(crate) fn strip(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
        headers.remove(CONNECTION);
    }
    for name in [KEEP_ALIVE, TE, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    let proxy: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with("proxy-")).cloned().collect();
    for name in proxy {
        headers.remove(name);
    }
}

/// Makes a client's fields those of the request that goes upstream.
pub(crate) fn to_upstream(headers: &mut HeaderMap, hop: Hop, host: HeaderValue, from: Version) {
    strip(headers);
    // hyper answers 100 by itself once the body is asked for (RFC 9110 §10.1.1).
    headers.remove(EXPECT);
    headers.insert(HOST, host);
    via(headers, from);
    if hop.websocket {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    } else if hop.trailers {
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// RFC 9110 §7.6.3, under a pseudonym.
pub(crate) fn via(headers: &mut HeaderMap, received: Version) {
    let entry = if received == Version::HTTP_10 { "1.0 backstop" } else { "1.1 backstop" };
    headers.append(VIA, HeaderValue::from_static(entry));
}

/// Whether a comma-separated field lists `word`.
fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(lines: &[(&str, &str)], expected: &Expect) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let hop = hop(&Method::GET, Version::HTTP_11, &headers);
        to_upstream(&mut headers, hop, HeaderValue::from_static("a.example"), Version::HTTP_11);
        let mut out: Vec<String> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
            .collect();
        out.sort();
        expected.assert_eq(&out.concat());
    }

    #[test]
    fn fields_of_one_hop_end_here() {
        check(
            &[
                ("host", "other.example"),
                ("connection", "close, X-Secret-Hop"),
                ("x-secret-hop", "1"),
                ("keep-alive", "timeout=5"),
                ("proxy-connection", "keep-alive"),
                ("proxy-authorization", "Basic x"),
                ("proxy-anything", "x"),
                ("te", "gzip"),
                ("upgrade", "h2c"),
                ("expect", "100-continue"),
                ("accept", "*/*"),
                ("via", "1.0 other"),
            ],
            &expect![[r#"
                accept: */*
                host: a.example
                via: 1.0 other
                via: 1.1 backstop
            "#]],
        );
    }

    #[test]
    fn trailers_and_websockets_are_asked_for_anew() {
        check(
            &[("te", "trailers, deflate;q=0.5"), ("connection", "te")],
            &expect![[r#"
                connection: te
                host: a.example
                te: trailers
                via: 1.1 backstop
            "#]],
        );
        check(
            &[
                ("connection", "keep-alive, Upgrade"),
                ("upgrade", "WebSocket"),
                ("sec-websocket-version", "13"),
            ],
            &expect![[r#"
                connection: upgrade
                host: a.example
                sec-websocket-version: 13
                upgrade: websocket
                via: 1.1 backstop
            "#]],
        );
    }
}
