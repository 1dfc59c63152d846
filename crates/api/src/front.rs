//! The front of the house: what is judged of a request before anyone asks what it wants.
//! Host and Origin (DNS rebinding, cross-site requests), media type, body size and
//! pace, and the credential. Must not know routes' meanings. Next: `dispatch`.

use crate::config::Config;
use crate::json;
use crate::problem::{Challenge, Kind, Problem};
use crate::schema::{Record, Shape};
use backstop_model::redacted::Redacted;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Version, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};
use serde_json::Value;
use std::net::SocketAddr;
use tokio::time::timeout;

/// The names by which a `Host` header may call this listener.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    exact: Vec<String>,
    any_port: Vec<String>,
}

impl Names {
    pub(crate) fn new(listen: SocketAddr, config: &Config) -> Self {
        let port = listen.port();
        // A loopback listener is called by its own address, by `localhost`, and by the two
        // usual loopback addresses (a forwarded port may differ in family).
        let mut exact = vec![
            listen.to_string(),
            SocketAddr::new(listen.ip().to_canonical(), port).to_string(),
            format!("localhost:{port}"),
            format!("127.0.0.1:{port}"),
            format!("[::1]:{port}"),
        ];
        if port == 80 {
            let bare: Vec<String> =
                exact.iter().filter_map(|n| n.strip_suffix(":80").map(str::to_owned)).collect();
            exact.extend(bare);
        }
        Self { exact, any_port: config.names.iter().map(|n| n.to_ascii_lowercase()).collect() }
    }

    fn knows(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let bare = match host.rsplit_once(':') {
            Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
                name
            }
            Some(_) | None => host.as_str(),
        };
        self.exact.contains(&host) || self.any_port.iter().any(|n| n == bare)
    }
}

/// Judges everything but credential and body.
pub(crate) fn judge(parts: &Parts, names: &Names) -> Result<(), Problem> {
    if parts.version != Version::HTTP_11 {
        return Err(Problem::new(Kind::Malformed, "speak HTTP/1.1"));
    }
    // RFC 9112 §3.2.2: the absolute form is for proxies, and this is none.
    if parts.uri.scheme().is_some() || parts.uri.authority().is_some() {
        return Err(Problem::new(Kind::Malformed, "send a path, not a URL: this is not the proxy"));
    }
    let host = only(&parts.headers, header::HOST.as_str())?
        .ok_or_else(|| Problem::new(Kind::Malformed, "the Host header is missing"))?;
    if !names.knows(host) {
        return Err(Problem::new(
            Kind::WrongHost,
            "the Host header is none of this listener's names (`api.names` adds to them)",
        ));
    }
    if let Some(origin) = only(&parts.headers, header::ORIGIN.as_str())?
        && !origin.eq_ignore_ascii_case(&format!("http://{host}"))
    {
        return Err(Problem::new(
            Kind::ForeignOrigin,
            "the request was made by a page of another origin",
        ));
    }
    // Fetch Metadata (W3C): a browser says so even where it leaves Origin out.
    if let Some(site) = only(&parts.headers, "sec-fetch-site")?
        && !matches!(site, "same-origin" | "none")
    {
        return Err(Problem::new(
            Kind::ForeignOrigin,
            "the request was made by a page of another site",
        ));
    }
    Ok(())
}

/// The bearer token (RFC 6750 §2.1), taken out of the request so that nothing later can print it.
pub(crate) fn token(parts: &mut Parts) -> Result<Redacted<String>, Problem> {
    let absent =
        || Problem::unauthenticated("send `Authorization: Bearer TOKEN`", Challenge::Absent);
    only(&parts.headers, header::AUTHORIZATION.as_str())?;
    let value = parts.headers.remove(header::AUTHORIZATION).ok_or_else(absent)?;
    let text = value.to_str().map_err(|_| absent())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(absent)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(absent());
    }
    Ok(Redacted::new("bearer token", token.trim_start_matches(' ').to_owned()))
}

/// Reads and checks the body that a route wants; a route without one takes none.
pub(crate) async fn body(
    parts: &Parts,
    body: Incoming,
    wanted: Option<&'static Record>,
    config: &Config,
) -> Result<Value, Problem> {
    let Some(record) = wanted else {
        return if body.is_end_stream() {
            Ok(Value::Null)
        } else {
            Err(Problem::new(Kind::Malformed, "this operation takes no body"))
        };
    };
    let value = read(parts, body, config).await?;
    let faults = Shape::Record(record).faults(&value);
    if faults.is_empty() { Ok(value) } else { Err(Problem::invalid(faults)) }
}

/// Reads a body of JSON, whatever it says.
pub(crate) async fn read(parts: &Parts, body: Incoming, config: &Config) -> Result<Value, Problem> {
    media(&parts.headers)?;
    let too_large =
        || Problem::new(Kind::TooLarge, format!("the body may have {} bytes", config.body_limit));
    let limit = u64::try_from(config.body_limit).unwrap_or(u64::MAX);
    if body.size_hint().lower() > limit {
        return Err(too_large());
    }
    let read = timeout(config.body, Limited::new(body, config.body_limit).collect()).await;
    let bytes: Bytes = match read {
        Err(_) => return Err(Problem::new(Kind::TooSlow, "the body came too slowly")),
        Ok(Err(fault)) if fault.is::<http_body_util::LengthLimitError>() => {
            return Err(too_large());
        }
        Ok(Err(_)) => return Err(Problem::new(Kind::Malformed, "the body broke off")),
        Ok(Ok(collected)) => collected.to_bytes(),
    };
    json::parse(&bytes)
        .map_err(|fault| Problem::new(Kind::Malformed, fault.detail.clone()).at(fault))
}

fn media(headers: &HeaderMap) -> Result<(), Problem> {
    let wrong = |detail| Problem::new(Kind::WrongMediaType, detail);
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(wrong("send the body without a content encoding"));
    }
    let given = only(headers, header::CONTENT_TYPE.as_str())?
        .ok_or_else(|| wrong("send `Content-Type: application/json`"))?;
    let (media, parameters) = given.split_once(';').unwrap_or((given, ""));
    let parameters = parameters.trim();
    let utf8 = parameters.is_empty()
        || parameters.eq_ignore_ascii_case("charset=utf-8")
        || parameters.eq_ignore_ascii_case("charset=\"utf-8\"");
    if media.trim().eq_ignore_ascii_case("application/json") && utf8 {
        Ok(())
    } else {
        Err(wrong("send `Content-Type: application/json`, in UTF-8"))
    }
}

/// The one value of a header; twice is a fault, since two readers could each take another.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Problem::new(Kind::Malformed, format!("the header `{name}` stands twice")));
    }
    first
        .map(HeaderValue::to_str)
        .transpose()
        .map_err(|_| Problem::new(Kind::Malformed, format!("the header `{name}` is not ASCII")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn judged(host: &str, more: &[(&str, &str)]) -> Result<(), Kind> {
        let config = Config { names: vec!["Gateway.Example".to_owned()], ..Config::default() };
        let names = Names::new("127.0.0.1:8480".parse().unwrap(), &config);
        let mut request = Request::builder().uri("/healthz").header("host", host);
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        judge(&request.body(()).unwrap().into_parts().0, &names).map_err(|p| p.kind)
    }

    #[test]
    fn only_this_listeners_names_are_taken() {
        for good in [
            "127.0.0.1:8480",
            "localhost:8480",
            "LOCALHOST:8480",
            "[::1]:8480",
            "gateway.example",
            "gateway.example:9000",
        ] {
            assert_eq!(judged(good, &[]), Ok(()), "{good}");
        }
        for bad in [
            "evil.example:8480",
            "127.0.0.1",
            "127.0.0.1:80",
            "localhost",
            "localhost.evil.example:8480",
            "127.0.0.1:8480@evil.example",
            "gateway.example.evil",
            "",
        ] {
            assert_eq!(judged(bad, &[]), Err(Kind::WrongHost), "{bad}");
        }
        assert_eq!(judged("localhost:8480", &[("host", "localhost:8480")]), Err(Kind::Malformed));
    }

    #[test]
    fn other_origins_are_refused() {
        let host = "localhost:8480";
        assert_eq!(judged(host, &[("origin", "http://localhost:8480")]), Ok(()));
        assert_eq!(judged(host, &[("sec-fetch-site", "none")]), Ok(()));
        for origin in
            ["http://evil.example", "null", "https://localhost:8480", "http://localhost:8481", ""]
        {
            assert_eq!(judged(host, &[("origin", origin)]), Err(Kind::ForeignOrigin), "{origin}");
        }
        for site in ["cross-site", "same-site", "x"] {
            assert_eq!(judged(host, &[("sec-fetch-site", site)]), Err(Kind::ForeignOrigin));
        }
    }

    #[test]
    fn the_token_is_read_once_and_gone() {
        let read = |values: &[&str]| {
            let mut request = Request::builder();
            for value in values {
                request = request.header("authorization", *value);
            }
            let mut parts = request.body(()).unwrap().into_parts().0;
            let token = token(&mut parts);
            assert!(values.len() > 1 || !parts.headers.contains_key("authorization"));
            token.map(|t| t.expose().clone()).map_err(|p| p.kind)
        };
        assert_eq!(read(&["Bearer bst_o_x"]), Ok("bst_o_x".to_owned()));
        assert_eq!(read(&["bearer  bst_o_x"]), Ok("bst_o_x".to_owned()));
        assert_eq!(read(&[]), Err(Kind::Unauthenticated));
        assert_eq!(read(&["Basic eDp5"]), Err(Kind::Unauthenticated));
        assert_eq!(read(&["Bearer"]), Err(Kind::Unauthenticated));
        assert_eq!(read(&["Bearer a", "Bearer b"]), Err(Kind::Malformed));
    }
}
