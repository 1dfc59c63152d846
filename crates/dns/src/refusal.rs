//! From a [`Refusal`] to this plane's wire: NXDOMAIN + SOA + Extended DNS Error 15 ("Blocked",
//! RFC 8914 §4.16) with control and receipt as extra text. The one file that does so. Next: `body`.
//!
//! INVARIANT: what the agent is shown is control and receipt (it knows the name); never the reason
//! for the operator, and never how to get permission.
//!
//! NXDOMAIN, because it is the one refusal that resolvers take as final: REFUSED, SERVFAIL and
//! NODATA make musl give up on names that stand later in its search list, and glibc ask every
//! server in turn. A fault or a limit is no statement about the name, so it is SERVFAIL, which the
//! client may try again.

use crate::body::Head;
use crate::wire::Rcode;
use crate::wire::answer::{self, Extended};
use crate::wire::query::Manner;
use backstop_model::control::Control;
use backstop_model::refusal::Refusal;

/// What is refused: the name, or this type of a name that may be asked otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The name: NXDOMAIN.
    Name,
    /// The type: NODATA. NXDOMAIN would stand for the name's addresses too in every cache below.
    Type,
}

/// Appends the records of a refusal and says what they are.
#[must_use]
pub fn records(out: &mut Vec<u8>, manner: &Manner, refusal: &Refusal, scope: Scope) -> Head {
    let rcode = match (told(refusal.control), scope) {
        ((Rcode::NxDomain, _), Scope::Type) => Rcode::NoError,
        ((rcode, _), Scope::Name | Scope::Type) => rcode,
    };
    let negative = matches!(rcode, Rcode::NxDomain | Rcode::NoError);
    if negative {
        answer::soa(out, manner, KEPT);
    }
    Head { rcode: rcode.number(), answers: 0, authorities: u16::from(negative) }
}

/// What a client that speaks EDNS is told of it.
#[must_use]
pub fn error(refusal: &Refusal) -> Extended<'_> {
    let (_, code) = told(refusal.control);
    Extended { code, words: [refusal.control.as_str(), refusal.receipt.as_str()] }
}

/// Response code and Extended DNS Error of a refusal by this control.
fn told(control: Control) -> (Rcode, u16) {
    match control {
        Control::Fault | Control::Limit => (Rcode::ServFail, OTHER),
        Control::UpstreamReach | Control::UpstreamTls => (Rcode::ServFail, NO_REACHABLE_AUTHORITY),
        Control::Identity => (Rcode::Refused, PROHIBITED),
        Control::Quarantine
        | Control::WireFraming
        | Control::WireAuthority
        | Control::WireEch
        | Control::WireProtocol
        | Control::SsrfScheme
        | Control::SsrfAddress
        | Control::SsrfLiteral
        | Control::SsrfRedirect
        | Control::SsrfRebind
        | Control::EgressTenant
        | Control::EgressSkill
        | Control::EgressUninspected
        | Control::DnsUndeclared
        | Control::DnsLabelLength
        | Control::DnsUniqueRate
        | Control::DnsEntropy
        | Control::DnsPayload
        | Control::DnsRpz
        | Control::DlpPii
        | Control::DlpCredential
        | Control::DlpClassification
        | Control::DlpEncoded
        | Control::VolumeReceived
        | Control::VolumeCalls
        | Control::SandboxUndeclared => (Rcode::NxDomain, BLOCKED),
    }
}

/// Seconds for which a client may keep a refusal: short, so that a grant takes effect soon.
pub const KEPT: u32 = 5;

// Extended DNS Errors (RFC 8914 §5.2).
const OTHER: u16 = 0;
const BLOCKED: u16 = 15;
const PROHIBITED: u16 = 18;
const NO_REACHABLE_AUTHORITY: u16 = 22;

#[cfg(test)]
mod tests {
    use super::*;
    use backstop_model::id::ReceiptId;
    use backstop_model::time::Timestamp;
    use expect_test::{Expect, expect};

    fn check(control: Control, scope: Scope, expected: Expect) {
        let refusal = Refusal {
            receipt: ReceiptId::draw(Timestamp::from_unix_micros(0), [0; 10]),
            control,
            host: Some("evil.example".to_owned()),
            reason: "secret for the operator: add a row".to_owned(),
            hold: None,
        };
        let manner = Manner { question: 18, ..Manner::default() };
        let mut out = Vec::new();
        answer::begin(&mut out, &manner, b"............\x04evil\x07example\0\0\x01\0\x01");
        let head = records(&mut out, &manner, &refusal, scope);
        let Extended { code, words } = error(&refusal);
        expected.assert_eq(&format!(
            "rcode {} authorities {} octets {} ede {code} {}",
            head.rcode,
            head.authorities,
            out.len(),
            words.join(" ")
        ));
    }

    #[test]
    fn a_refusal_shows_control_and_receipt_and_no_way_round() {
        check(
            Control::DnsUndeclared,
            Scope::Name,
            expect![[
                r#"rcode 3 authorities 1 octets 64 ede 15 dns.undeclared rcp_00000000000000000000000000"#
            ]],
        );
        check(
            Control::DnsUndeclared,
            Scope::Type,
            expect![[
                r#"rcode 0 authorities 1 octets 64 ede 15 dns.undeclared rcp_00000000000000000000000000"#
            ]],
        );
        check(
            Control::SsrfAddress,
            Scope::Name,
            expect![[
                r#"rcode 3 authorities 1 octets 64 ede 15 ssrf.address rcp_00000000000000000000000000"#
            ]],
        );
        check(
            Control::Fault,
            Scope::Type,
            expect![[
                r#"rcode 2 authorities 0 octets 30 ede 0 fault rcp_00000000000000000000000000"#
            ]],
        );
        check(
            Control::Identity,
            Scope::Name,
            expect![[
                r#"rcode 5 authorities 0 octets 30 ede 18 identity rcp_00000000000000000000000000"#
            ]],
        );
    }

    #[test]
    fn no_control_is_answered_as_if_it_had_been_allowed() {
        let manner = Manner { question: 5, ..Manner::default() };
        for control in Control::ALL {
            let refusal = Refusal {
                receipt: ReceiptId::draw(Timestamp::from_unix_micros(0), [0; 10]),
                control: *control,
                host: None,
                reason: String::new(),
                hold: None,
            };
            let head = records(&mut Vec::new(), &manner, &refusal, Scope::Name);
            assert_ne!(head.rcode, Rcode::NoError.number(), "{control}");
            assert_eq!(head.answers, 0);
        }
    }
}
