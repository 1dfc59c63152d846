//! Which destinations go past the upstream proxy, in the words of `NO_PROXY`.
//! Must not look anything up: a name is compared as a name, an address as an address.

use backstop_model::addr::Cidr;
use backstop_model::destination::Destination;
use backstop_model::host::{Host, HostName};
use std::net::IpAddr;

/// Rules of `no_proxy`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoProxy(Vec<(Places, Option<u16>)>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Places {
    All,
    /// The name itself and everything below it.
    Under(HostName),
    Network(Cidr),
    One(IpAddr),
}

/// A rule that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rule of `no_proxy`: write `name`, `.name`, an address, a CIDR or `*`")]
pub struct NoProxyFault(String);

impl NoProxy {
    /// Reads rules: `*`, `name` and `.name` (with all below it), address, CIDR, each with or
    /// without `:port`.
    ///
    /// # Errors
    /// [`NoProxyFault`] with the first rule that is none: one that is not understood would send
    /// traffic another way than was meant.
    pub fn parse<'a>(rules: impl IntoIterator<Item = &'a str>) -> Result<Self, NoProxyFault> {
        let read = |rule: &str| row(rule).ok_or_else(|| NoProxyFault(rule.to_owned()));
        rules.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a destination goes past the proxy.
    pub(super) fn covers(&self, destination: &Destination) -> bool {
        self.0.iter().any(|(places, port)| {
            port.is_none_or(|port| port == destination.port) && places.hold(&destination.host)
        })
    }
}

impl Places {
    fn hold(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::All, _) => true,
            (Self::Under(zone), Host::Name(name)) => name.is_under(zone),
            (Self::Network(network), Host::Address(address)) => network.contains(*address),
            (Self::One(one), Host::Address(address)) => one == address,
            (Self::Under(_), Host::Address(_))
            | (Self::Network(_) | Self::One(_), Host::Name(_)) => false,
        }
    }
}

fn row(rule: &str) -> Option<(Places, Option<u16>)> {
    let rule = rule.trim();
    if let Some(places) = places(rule) {
        return Some((places, None));
    }
    let (rule, port) = rule.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let rule = rule.strip_prefix('[').and_then(|rule| rule.strip_suffix(']')).unwrap_or(rule);
    Some((places(rule)?, Some(port)))
}

fn places(rule: &str) -> Option<Places> {
    if rule == "*" {
        return Some(Places::All);
    }
    if let Ok(address) = rule.parse() {
        return Some(Places::One(address));
    }
    if rule.contains('/') {
        return Cidr::parse(rule).ok().map(Places::Network);
    }
    let name = rule.strip_prefix("*.").or_else(|| rule.strip_prefix('.')).unwrap_or(rule);
    if name.contains(':') {
        return None;
    }
    HostName::parse(name).ok().map(Places::Under)
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstop_model::destination::Protocol;

    #[test]
    fn rules_are_those_that_curl_and_go_know() {
        let check = |rules: &[&str], host: &str, port| {
            let destination =
                Destination { protocol: Protocol::Https, host: Host::parse(host).unwrap(), port };
            NoProxy::parse(rules.iter().copied()).unwrap().covers(&destination)
        };
        assert!(check(&["*"], "any.example", 443));
        assert!(check(&["example.com"], "example.com", 443));
        assert!(check(&["example.com"], "a.b.example.com", 443));
        assert!(check(&[".example.com"], "a.example.com", 443));
        assert!(check(&["*.example.com"], "a.example.com", 443));
        assert!(!check(&["example.com"], "notexample.com", 443));
        assert!(!check(&["example.com"], "example.com.evil.example", 443));
        assert!(check(&["example.com:8443"], "example.com", 8443));
        assert!(!check(&["example.com:8443"], "example.com", 443));
        assert!(check(&["93.184.0.0/16"], "93.184.0.7", 443));
        assert!(!check(&["93.184.0.0/16"], "93.185.0.7", 443));
        assert!(!check(&["0.0.0.0/0"], "name.example", 443), "names are not looked up");
        assert!(check(&["2606:2800::7"], "[2606:2800::7]", 443));
        assert!(check(&["[2606:2800::7]:443"], "[2606:2800::7]", 443));
        assert!(check(&["x.example", "93.184.0.7"], "93.184.0.7", 443));
        assert!(!check(&[], "any.example", 443));
    }

    #[test]
    fn a_rule_that_is_not_understood_is_a_fault() {
        for bad in ["", "a b", "10.0.0.0/33", "10.0.0.1/8", "x.example:0", "x.example:no", "a:b:c"]
        {
            assert!(NoProxy::parse([bad]).is_err(), "{bad:?}");
        }
    }
}
