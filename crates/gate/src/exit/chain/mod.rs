//! By way of an upstream HTTP proxy: CONNECT (RFC 9110 §9.3.6), plain HTTP requests included,
//! so that one kind of head is parsed and the proxy never rewrites a request.
//! Must not know the agent's bytes. Next: `tls`.
//!
//! The proxy resolves the name; what was refused at parse stays refused, what only a look-up
//! could show is the proxy's to refuse, and the receipt says so (`address: delegated`).

mod head;
mod no_proxy;

pub use no_proxy::{NoProxy, NoProxyFault};

use super::tls::UpstreamTls;
use super::{DialFault, ExitStream};
use crate::own::{OwnDestination, OwnDialer};
use backstop_model::control::Control;
use backstop_model::destination::Destination;
use backstop_model::redacted::Redacted;
use base64::Engine as _;
use std::fmt;
use tokio::io::AsyncWriteExt as _;

/// An HTTP proxy of the configuration.
#[derive(Debug, Clone)]
pub struct UpstreamProxy {
    scheme: Scheme,
    place: OwnDestination,
    /// The value of `Proxy-Authorization`.
    credential: Option<Redacted<String>>,
    no_proxy: NoProxy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

/// Why an upstream proxy's configuration is not one. The URL is not repeated: it may hold a
/// password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an upstream proxy: {0}")]
pub struct ProxyFault(&'static str);

impl UpstreamProxy {
    /// Parses `http[s]://[user:password@]host:port`; user and password percent-encoded.
    ///
    /// # Errors
    /// [`ProxyFault`] with the rule that the URL breaks.
    pub fn parse(url: &str, no_proxy: NoProxy) -> Result<Self, ProxyFault> {
        let (scheme, rest) = url.split_once("://").ok_or(ProxyFault("it has no scheme"))?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(ProxyFault("its scheme is neither `http` nor `https`")),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '\\']) || rest.contains(char::is_whitespace) {
            return Err(ProxyFault("nothing may follow its port"));
        }
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        let place = OwnDestination::parse(place)
            .ok_or(ProxyFault("write its place as `host:port`, an IPv6 address in brackets"))?;
        let credential = user.map(basic).transpose()?;
        Ok(Self { scheme, place, credential, no_proxy })
    }

    /// Whether `destination` is dialled without the proxy.
    pub(super) fn is_bypassed(&self, destination: &Destination) -> bool {
        self.no_proxy.covers(destination)
    }

    /// Has the proxy connect to `destination`.
    pub(super) async fn connect(
        &self,
        own: &OwnDialer,
        tls: &UpstreamTls,
        destination: &Destination,
    ) -> Result<ExitStream, DialFault> {
        let dialled = own.dial(&self.place).await;
        let mut stream = ExitStream::Tcp(dialled.map_err(|fault| self.fault(&fault.reason))?);
        if self.scheme == Scheme::Https {
            stream = tls.verify(stream, self.place.host()).await.map_err(|fault| {
                DialFault::new(fault.control, format!("the upstream proxy: {}", fault.reason))
            })?;
        }
        let broke = |fault: std::io::Error| self.fault(&fault.kind().to_string());
        stream.write_all(self.request(destination).as_bytes()).await.map_err(broke)?;
        stream.flush().await.map_err(broke)?;
        match head::read(&mut stream).await {
            Ok(200..=299) => Ok(stream),
            Ok(407) if self.credential.is_some() => {
                Err(self.fault("it refuses our credentials (407)"))
            }
            Ok(407) => Err(self.fault("it asks for credentials (407)")),
            Ok(status) => Err(self.fault(&format!("it answered {status}"))),
            Err(fault) => Err(self.fault(&fault.to_string())),
        }
    }

    fn request(&self, destination: &Destination) -> String {
        let mut head = format!("CONNECT {destination} HTTP/1.1\r\nHost: {destination}\r\n");
        if let Some(credential) = &self.credential {
            head.push_str("Proxy-Authorization: ");
            head.push_str(credential.expose());
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        head
    }

    fn fault(&self, why: &str) -> DialFault {
        DialFault::new(Control::UpstreamReach, format!("the upstream proxy `{self}`: {why}"))
    }
}

impl fmt::Display for UpstreamProxy {
    /// The URL without its credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}", self.place)
    }
}

/// `Basic` credentials (RFC 7617) of `user:password`.
fn basic(user: &str) -> Result<Redacted<String>, ProxyFault> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let name = percent_decoded(name)?;
    if name.contains(&b':') {
        return Err(ProxyFault("a user name must not hold a colon (RFC 7617 §2)"));
    }
    let mut pair = name;
    pair.push(b':');
    pair.extend(percent_decoded(password)?);
    let encoded = base64::engine::general_purpose::STANDARD.encode(&pair);
    Ok(Redacted::new("proxy credential", format!("Basic {encoded}")))
}

fn percent_decoded(text: &str) -> Result<Vec<u8>, ProxyFault> {
    let broken = ProxyFault("its credentials hold a broken percent-encoding");
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16)).ok_or(broken);
        let value = digit()? * 16 + digit()?;
        out.push(u8::try_from(value).map_err(|_| broken)?);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_read_strictly_and_shown_without_its_password() {
        let parse = |url| UpstreamProxy::parse(url, NoProxy::default());
        let proxy = parse("http://alice:p%40ss%3a@10.0.0.9:3128/").unwrap();
        let credential = proxy.credential.as_ref().unwrap().expose();
        assert_eq!(credential, "Basic YWxpY2U6cEBzczo=");
        assert_eq!(proxy.to_string(), "http://10.0.0.9:3128");
        assert!(!format!("{proxy:?}").contains("YWxp"), "{proxy:?}");
        assert!(parse("https://[fd00::9]:3129").is_ok());
        assert!(parse("http://proxy.corp.example:8080").is_ok());
        for bad in [
            "proxy:3128",
            "socks5://proxy.example:1080",
            "http://proxy.example",
            "http://proxy.example:0",
            "http://proxy.example:99999",
            "http://proxy.example:+1",
            "http://proxy.example:3128/path",
            "http://a%zz@proxy.example:3128",
            "http://a%3ab:c@proxy.example:3128",
            "http://fd00::9:3128",
            "http://:3128",
            "http://proxy.example:3128?x",
            "http://proxy.example :3128",
        ] {
            let fault = parse(bad).unwrap_err().to_string();
            assert!(!fault.contains("example"), "{fault}");
        }
    }
}
