//! Which hosts are refused before any look-up, and how a refusal is put into words.
//! Must not know how texts are split. Next: `path`.

use super::ParseRefusal;
use super::authority::{Fault, lenient_host};
use crate::addr::{AddressClass, classify, disguise, special};
use crate::control::Control;
use crate::host::{Host, Shape};

/// Refuses addresses of any class but public, and names that are addresses in disguise.
pub(super) fn admit(host: &Host) -> Result<(), Fault> {
    match danger(host) {
        Some(sentence) => Err(Fault::Refused(sentence)),
        None => Ok(()),
    }
}

fn danger(host: &Host) -> Option<String> {
    match host {
        Host::Address(address) => {
            let class = classify(*address);
            let row = special(*address).map(|row| format!(" ({}, {})", row.name, row.source));
            let row = row.unwrap_or_default();
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

/// Puts a fault into a refusal. A refused address says more than a refused form, so a text whose
/// form is at fault is read once more as the most lenient client would read it.
pub(super) fn refuse(text: &str, fault: Fault) -> ParseRefusal {
    let lenient = lenient_host(text);
    let shown = match &lenient {
        Some(Ok(host)) => Some(host.to_string()),
        Some(Err(fault)) => Some(fault.text.clone()),
        None => None,
    };
    let (control, reason) = match fault {
        Fault::Scheme(reason) => (Control::SsrfScheme, reason),
        Fault::Refused(reason) => (Control::SsrfAddress, reason),
        Fault::Host(fault) => {
            let control = match fault.shape {
                Shape::Address => Control::SsrfAddress,
                Shape::Name => Control::WireAuthority,
            };
            (control, fault.to_string())
        }
        Fault::Form(why) => match &lenient {
            Some(Ok(host)) => match danger(host) {
                Some(sentence) => (Control::SsrfAddress, format!("{sentence}; and {why}")),
                None => (Control::WireAuthority, why.to_owned()),
            },
            Some(Err(fault)) if fault.shape == Shape::Address => {
                (Control::SsrfAddress, format!("{fault}; and {why}"))
            }
            Some(Err(_)) | None => (Control::WireAuthority, why.to_owned()),
        },
    };
    ParseRefusal { control, reason, host: shown }
}
