//! A zone as a master file (RFC 1035 §5), its serial, and whether a file has drifted from it.
//! Next: `serial`.

use super::closed::{Action, Zone};
use backstop_model::name::QueryName;
use std::fmt::Write as _;

/// What stands above the rows, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Whose names these are.
    pub about: String,
    /// The policy's digest.
    pub digest: String,
    /// What the zone cannot say, a line each.
    pub warnings: Vec<String>,
}

/// The zone's text. Equal rules give equal texts but for header and serial.
#[must_use]
pub fn render(zone: &Zone, serial: u32, header: &Header) -> String {
    let mut out = String::with_capacity(zone.records().len() * 48);
    let mut comment = |text: &str| {
        for line in text.lines() {
            let _infallible = writeln!(out, "; {line}");
        }
    };
    comment(&format!("{}. Written by `backstop render rpz`: do not edit.", header.about));
    comment(&format!("Policy {}.", header.digest));
    for warning in &header.warnings {
        comment(&format!("WARNING: {warning}"));
    }
    let _infallible = write!(out, "{}", head(zone, serial));
    out.push_str(&rows(zone));
    out
}

fn head(zone: &Zone, serial: u32) -> String {
    format!(
        "$ORIGIN {}\n$TTL {TTL}\n{SOA}{serial} {}\n@ NS localhost.\n",
        absolute(zone.origin()),
        TIMES.map(|time| time.to_string()).join(" "),
    )
}

fn rows(zone: &Zone) -> String {
    let mut out = String::with_capacity(zone.records().len() * 48);
    for record in zone.records() {
        let target = match record.action {
            Action::Passthru => "rpz-passthru.",
            Action::NxDomain => ".",
        };
        let _infallible = writeln!(out, "{} CNAME {target}", record.owner);
    }
    out
}

/// The second zone, which stands behind the first in BIND and unbound: whatever met no row there is
/// refused to every client. It never changes. A passthru row of the zone before it is stronger, as
/// the order of zones comes before the kind of trigger; resolvers that look at clients first
/// (PowerDNS) must not load it, and need it for nothing.
#[must_use]
pub fn rest(origin: &QueryName) -> String {
    let mut out = format!(
        "; Whatever no row of the zone before this one names. Written by `backstop render rpz --rest`.\n\
         $ORIGIN {}\n$TTL {TTL}\n{SOA}1 {}\n@ NS localhost.\n",
        absolute(&rest_origin(origin)),
        TIMES.map(|time| time.to_string()).join(" "),
    );
    // Both halves of all addresses of both families: a prefix has one bit at least.
    for half in ["1.0.0.0.0", "1.0.0.0.128", "1.zz", "1.zz.8000"] {
        let _infallible = writeln!(out, "{half}.rpz-client-ip CNAME .");
    }
    out
}

/// The second zone's name.
#[must_use]
pub fn rest_origin(origin: &QueryName) -> QueryName {
    let labels = std::iter::once(b"rest".as_slice()).chain(origin.labels());
    QueryName::of_labels(labels).unwrap_or(QueryName::ROOT)
}

/// A name with its last dot.
pub(super) fn absolute(name: &QueryName) -> String {
    if name.depth() == 0 { ".".to_owned() } else { format!("{name}.") }
}

/// How a file stands to a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// It says the same, comments and serial apart.
    None,
    /// It says something else, from this line on (counted from 1).
    Line(usize),
}

/// Compares a file with a zone. Comments and the serial are not compared; anything else is, to the
/// letter: what we did not write is drift.
#[must_use]
pub fn drift(zone: &Zone, file: &str) -> Drift {
    let serial = serial_of(file).unwrap_or(0);
    let wanted = head(zone, serial) + &rows(zone);
    let mut wanted = wanted.lines();
    let mut number = 0;
    for line in file.lines() {
        number += 1;
        if line.starts_with(';') {
            continue;
        }
        if wanted.next() != Some(line) {
            return Drift::Line(number);
        }
    }
    if wanted.next().is_some() { Drift::Line(number + 1) } else { Drift::None }
}

/// The serial of a file that we wrote.
#[must_use]
pub fn serial_of(file: &str) -> Option<u32> {
    let soa = file.lines().find_map(|line| line.strip_prefix(SOA))?;
    soa.split(' ').next()?.parse().ok()
}

/// Seconds for which a row may be kept.
pub(crate) const TTL: u32 = 60;
const SOA: &str = "@ SOA localhost. hostmaster.localhost. ";
/// Refresh, retry, expire and minimum (RFC 1035 §3.3.13). A secondary that forgets an expired zone
/// lets everything through, so it expires as late as can be said.
pub(crate) const TIMES: [u32; 4] = [60, 15, 2_147_483_647, 60];

#[cfg(test)]
mod tests;
