//! No way out leads back into this process.
//! Must not know what listens there. Next: `chain`.
//!
//! An agent that makes the gateway dial itself would speak to the API or to the proxy from an
//! address that they may trust, or tie a loop that eats every connection.
//!
//! LIMIT: a way back over a load balancer or a hairpin NAT has addresses that this machine does
//! not know; such an address belongs in no policy row.

use super::DialFault;
use backstop_model::control::Control;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, PoisonError, RwLock};

/// The addresses on which this process listens; clones share them.
#[derive(Debug, Clone, Default)]
pub struct OwnListeners(Arc<RwLock<Vec<SocketAddr>>>);

impl OwnListeners {
    /// These listeners.
    pub fn new(listeners: Vec<SocketAddr>) -> Self {
        Self(Arc::new(RwLock::new(listeners)))
    }
    /// One more, as soon as its port is known and before it accepts.
    pub fn add(&self, listener: SocketAddr) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(listener);
    }
    /// Whether `place` is one of them, on any address of this machine.
    pub fn contains(&self, place: SocketAddr) -> bool {
        let listeners = self.0.read().unwrap_or_else(PoisonError::into_inner);
        listeners.iter().filter(|own| own.port() == place.port()).any(|own| {
            own.ip() == place.ip() || (own.ip().is_unspecified() && is_local(place.ip()))
        })
    }
    /// Refuses a place that is one of them.
    pub(crate) fn refuse(&self, place: SocketAddr) -> Result<(), DialFault> {
        if self.contains(place) {
            let reason = format!("`{place}` is a listener of this very process");
            return Err(DialFault::new(Control::SsrfAddress, reason));
        }
        Ok(())
    }
}

/// Whether this machine has the address: only such an address can be bound. Where
/// `ip_nonlocal_bind` is set every address counts as local, which refuses too much, not too little.
fn is_local(address: IpAddr) -> bool {
    address.is_unspecified() || address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_known_on_each_address_of_the_machine() {
        let check = |own: &str, place: &str| {
            OwnListeners::new(vec![own.parse().unwrap()]).contains(place.parse().unwrap())
        };
        assert!(check("192.0.2.1:3128", "192.0.2.1:3128"));
        assert!(check("0.0.0.0:3128", "127.0.0.1:3128"));
        assert!(check("0.0.0.0:3128", "127.9.9.9:3128"));
        assert!(check("[::]:3128", "127.0.0.1:3128"), "dual stack");
        assert!(check("0.0.0.0:3128", "0.0.0.0:3128"));
        assert!(!check("0.0.0.0:3128", "93.184.0.7:3128"), "somebody else's port 3128");
        assert!(!check("0.0.0.0:3128", "127.0.0.1:3129"));
        assert!(!check("192.0.2.1:3128", "192.0.2.2:3128"));
    }

    #[test]
    fn a_listener_may_be_added_later() {
        let listeners = OwnListeners::default();
        let shared = listeners.clone();
        let place = SocketAddr::from(([127, 0, 0, 1], 8480));
        assert!(listeners.refuse(place).is_ok());
        shared.add(place);
        assert_eq!(listeners.refuse(place).unwrap_err().control, Control::SsrfAddress);
    }
}
