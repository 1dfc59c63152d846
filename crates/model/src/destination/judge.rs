//! Which hosts are refused before any look-up, and how a refusal is put into words.
//! Must not know how texts are split. Next: `path`.

use super::ParseRefusal;
use super::authority::{Fault, lenient_host, standard_host};
use crate::addr::{AddressClass, classify, disguise, special};
use crate::control::Control;
use crate::host::{Host, HostFault, Shape};

/// Refuses addresses of any class but public, and names that are addresses in disguise.
pub(super) fn admit(host: &Host) -> Result<(), Fault> {
    match danger(host) {
        Some(sentence) => Err(Fault::Refused(host.clone(), sentence)),
        None => Ok(()),
    }
}

fn danger(host: &Host) -> Option<String> {
    match host {
        Host::Address(address) => {
            let class = classify(*address);
            let row = special(*address).filter(|row| row.class == class);
            let row = match row {
                Some(row) => format!(": {} ({})", row.name, row.source),
                None if class == AddressClass::Embedding => ": ISATAP (RFC 5214)".to_owned(),
                None => String::new(),
            };
            (class != AddressClass::Public)
                .then(|| format!("`{host}` is {}{row}", class.describe()))
        }
        Host::Name(name) => {
            let found = disguise(name)?;
            let spelled = found
                .address
                .map(|address| format!(": `{address}`, {}", found.class.describe()))
                .unwrap_or_default();
            Some(format!("`{name}` is {}{spelled}", found.why))
        }
    }
}

/// Puts a fault into a refusal.
pub(super) fn refuse(text: &str, fault: Fault) -> ParseRefusal {
    let (control, reason, host) = match fault {
        Fault::Scheme(reason) => (Control::SsrfScheme, reason, shown(text, standard_host(text))),
        Fault::Refused(host, reason) => (Control::SsrfAddress, reason, Some(host.to_string())),
        Fault::Host(fault) if may_be_userinfo(text) => {
            (control_of(&fault), format!("its host is not valid: {}", fault.why), None)
        }
        Fault::Host(fault) => (control_of(&fault), fault.to_string(), Some(fault.text)),
        Fault::Form(why) => return refuse_form(text, why),
    };
    ParseRefusal { control, reason, host }
}

/// A refused address says more than a refused form, so a text whose form is at fault is read once
/// more as the most lenient client would read it.
fn refuse_form(text: &str, why: &'static str) -> ParseRefusal {
    let lenient = lenient_host(text);
    let (control, sentence) = match &lenient {
        Some(Ok(host)) => match danger(host) {
            Some(sentence) => (Control::SsrfAddress, Some(sentence)),
            None => (Control::WireAuthority, None),
        },
        Some(Err(fault)) if fault.shape == Shape::Address => {
            (Control::SsrfAddress, Some(fault.to_string()))
        }
        Some(Err(_)) | None => (Control::WireAuthority, None),
    };
    let hidden = may_be_userinfo(text);
    let reason = match sentence {
        Some(_) if hidden => format!("it leads to an address that is refused; and {why}"),
        Some(sentence) => format!("{sentence}; and {why}"),
        None => why.to_owned(),
    };
    ParseRefusal { control, reason, host: shown(text, lenient.and_then(Result::ok)) }
}

const fn control_of(fault: &HostFault) -> Control {
    match fault.shape {
        Shape::Address => Control::SsrfAddress,
        Shape::Name => Control::WireAuthority,
    }
}

fn shown(text: &str, host: Option<Host>) -> Option<String> {
    host.filter(|_| !may_be_userinfo(text)).map(|host| host.to_string())
}

/// Whether what reads as the host could be half of somebody's credentials: an `@` stands behind the
/// authority, as in `http://name:pass/word@host/`.
fn may_be_userinfo(text: &str) -> bool {
    let rest = text.split_once("//").map_or(text, |(_, rest)| rest);
    rest.split_once(['/', '\\', '?', '#']).is_some_and(|(_, tail)| tail.contains('@'))
}
