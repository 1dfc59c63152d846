//! The demo's network: names resolve to public-looking addresses, and those lead to the servers
//! on loopback; every other address in the world is the attacker. The gate is the production
//! gate: resolution and connecting are the two ports through which its surroundings come in.

use backstop_gate::{BoxFuture, Resolve, ResolveFault, Wire};
use backstop_model::host::HostName;
use backstop_model::standing::Subject;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use tokio::net::TcpStream;

/// The honest upstream's address.
pub(super) const HONEST: IpAddr = IpAddr::V4(Ipv4Addr::new(93, 184, 215, 14));
/// Where the attacker's names point.
pub(super) const EVIL: IpAddr = IpAddr::V4(Ipv4Addr::new(93, 184, 215, 66));
const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));
const INSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 5));

/// DNS of the demo, which remembers every name that it was asked for.
#[derive(Default)]
pub(super) struct Names {
    asked: Mutex<Vec<String>>,
}

impl Names {
    /// Every name that was looked up, in order.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().map(|names| names.clone()).unwrap_or_default()
    }
    fn note(&self, name: &str) -> usize {
        let Ok(mut asked) = self.asked.lock() else { return 0 };
        let before = asked.iter().filter(|earlier| *earlier == name).count();
        asked.push(name.to_owned());
        before
    }
}

impl Resolve for Names {
    fn resolve<'a>(
        &'a self,
        name: &'a HostName,
        _who: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveFault>> {
        let before = self.note(name.as_str());
        let address = match name.as_str() {
            "api.weather.example" | "plain.weather.example" => HONEST,
            // The attacker's DNS: honest at first, then the metadata service.
            "rebind.example" if before == 0 => HONEST,
            "rebind.example" => METADATA,
            "inside.example" => INSIDE,
            _ => EVIL,
        };
        Box::pin(async move { Ok(vec![address]) })
    }
}

/// Leads addresses to the demo's servers.
pub(super) struct World {
    /// TLS upstream.
    pub(super) https: SocketAddr,
    /// Plain upstream.
    pub(super) http: SocketAddr,
    /// Everything else.
    pub(super) attacker: SocketAddr,
}

impl Wire for World {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the demo's dialer: the gate calls it with a judged address"
    )]
    fn connect(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        let to = match (address.ip(), address.port()) {
            (HONEST, 443) => self.https,
            (HONEST, 80) => self.http,
            _ => self.attacker,
        };
        Box::pin(TcpStream::connect(to))
    }
    fn has_reached(&self, _address: SocketAddr, _stream: &TcpStream) -> io::Result<bool> {
        Ok(true)
    }
}
