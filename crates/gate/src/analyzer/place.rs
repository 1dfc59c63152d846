//! Where the analyzer is: from the configuration's text, and from nothing else. Next: `questions`.

use crate::own::OwnDestination;
use backstop_model::host::Host;
use std::fmt;

/// The URL of an analyzer.
#[derive(Clone, PartialEq, Eq)]
pub struct AnalyzerPlace {
    scheme: Scheme,
    to: OwnDestination,
    path: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

/// Why a URL is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AnalyzerPlaceFault(&'static str);

impl AnalyzerPlace {
    /// Parses `http[s]://host[:port][/path]`; without a path it is `/analyze`.
    ///
    /// Plain HTTP goes no further than this machine: what agents send is in it, and whoever could
    /// change the answer could have everything called clean.
    ///
    /// # Errors
    /// [`AnalyzerPlaceFault`] with the rule that the URL breaks.
    pub fn parse(url: &str) -> Result<Self, AnalyzerPlaceFault> {
        let fault = AnalyzerPlaceFault;
        let (scheme, rest) = url.split_once("://").ok_or(fault("it has no scheme"))?;
        let (scheme, port) = match scheme {
            "http" => (Scheme::Http, 80),
            "https" => (Scheme::Https, 443),
            _ => return Err(fault("its scheme is neither `http` nor `https`")),
        };
        let odd = |c: char| !c.is_ascii_graphic() || "?#\\@\"<>".contains(c);
        if rest.contains(odd) {
            return Err(fault("it may hold no user, query, fragment or blank"));
        }
        let (place, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let with_port = place.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let place = if with_port { place.to_owned() } else { format!("{place}:{port}") };
        let to = OwnDestination::parse(&place).ok_or(fault(
            "write its place as `host` or `host:port`, an IPv6 address in brackets",
        ))?;
        let here = match to.host() {
            Host::Address(address) => address.is_loopback(),
            Host::Name(name) => name.as_str() == "localhost",
        };
        if scheme == Scheme::Http && !here {
            return Err(fault("plain HTTP goes to this machine alone: use `https`"));
        }
        let path = if path.is_empty() || path == "/" { "/analyze" } else { path };
        Ok(Self { scheme, to, path: path.to_owned() })
    }

    pub(super) fn is_tls(&self) -> bool {
        self.scheme == Scheme::Https
    }
    pub(super) fn to(&self) -> &OwnDestination {
        &self.to
    }
    pub(super) fn path(&self) -> &str {
        &self.path
    }
    /// Host and port, as a request names them.
    pub(super) fn authority(&self) -> String {
        match self.to.host() {
            Host::Address(std::net::IpAddr::V6(address)) => {
                format!("[{address}]:{}", self.to.port())
            }
            Host::Address(_) | Host::Name(_) => self.to.to_string(),
        }
    }
}

impl fmt::Debug for AnalyzerPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls() { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}
