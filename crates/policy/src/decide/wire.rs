//! `wire.*`: whether what is in a tunnel is what the tunnel was opened for.
//! Next: `volume`.

use super::Reasons;
use crate::document::{Ech, Row};
use backstop_model::attempt::{Act, Attempt};
use backstop_model::control::Control;
use backstop_model::destination::Protocol;
use backstop_model::host::{Host, HostName};

pub(super) fn judge(attempt: &Attempt, row: Option<&Row>, reasons: &mut Reasons) {
    match (&attempt.act, attempt.destination.protocol) {
        (Act::Connect | Act::Request { .. }, Protocol::Https | Protocol::Http) => {}
        (Act::Hello { sni, ech }, Protocol::Https) => {
            authority(&attempt.destination.host, sni.as_ref(), reasons);
            hidden(*ech, row, reasons);
            reasons.pass(Control::WireProtocol, String::new());
        }
        (Act::Opaque, Protocol::Https) => {
            let text = "the tunnel is for HTTPS, and its first bytes are not TLS".to_owned();
            reasons.deny(Control::WireProtocol, text);
        }
        (Act::Hello { .. } | Act::Opaque, Protocol::Http) => {
            let text = "plain HTTP goes as a request, not through a tunnel".to_owned();
            reasons.deny(Control::WireProtocol, text);
        }
    }
}

/// A name must be there and be the host; an address has none (RFC 6066 §3).
fn authority(host: &Host, sni: Option<&HostName>, reasons: &mut Reasons) {
    let control = Control::WireAuthority;
    match (host, sni) {
        (Host::Name(host), Some(sni)) if host == sni => reasons.pass(control, String::new()),
        (Host::Address(_), None) => reasons.pass(control, String::new()),
        (Host::Name(_) | Host::Address(_), Some(sni)) => {
            reasons.deny(
                control,
                format!("the ClientHello names `{sni}`, the tunnel is for `{host}`"),
            );
        }
        (Host::Name(_), None) => {
            reasons.deny(
                control,
                format!("the ClientHello names no server, the tunnel is for `{host}`"),
            );
        }
    }
}

fn hidden(ech: bool, row: Option<&Row>, reasons: &mut Reasons) {
    let control = Control::WireEch;
    match (ech, row.map(|row| row.ech)) {
        (false, _) => reasons.pass(control, String::new()),
        (true, Some(Ech::Allow)) => {
            reasons.pass(control, "the row has `ech: allow`".to_owned());
        }
        (true, Some(Ech::Refuse) | None) => {
            let text = "the ClientHello is encrypted, so its real server name cannot be seen";
            reasons.deny(control, text.to_owned());
        }
    }
}
