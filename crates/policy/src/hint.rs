//! How to allow what was refused, for the operator alone: a YAML diff and a command.
//! The agent never sees it. Next: `reference`.

use crate::policy::{Policy, TenantRules};
use backstop_model::attempt::Attempt;
use backstop_model::control::Control;
use backstop_model::destination::{Destination, Protocol};
use backstop_model::host::Host;
use backstop_model::standing::Subject;
use backstop_model::verdict::{Decision, Ruling};
use std::fmt::Write as _;

impl Policy {
    /// How to allow what was refused: the YAML that would permit it and, where a person may,
    /// the command that permits it for a while. For the operator only.
    pub fn hint(
        &self,
        subject: &Subject,
        decision: &Decision,
        attempt: &Attempt,
    ) -> Option<String> {
        let refused = |control| {
            decision.reasons.iter().any(|reason| {
                reason.control == control
                    && match reason.ruling {
                        Ruling::Deny | Ruling::Hold | Ruling::WouldDeny => true,
                        Ruling::Pass | Ruling::Skipped => false,
                    }
            })
        };
        // A row cannot help where something else refuses for good.
        if refused(Control::SsrfAddress) || refused(Control::SsrfScheme) {
            return None;
        }
        if refused(Control::Quarantine) {
            let reason = decision.reasons.iter().find(|r| r.control == Control::Quarantine)?;
            return Some(format!(
                "{}; a named person may end it: `backstop quarantine release ID --reason TEXT`",
                reason.text
            ));
        }
        let Some(tenant) = self.tenant(&subject.tenant) else {
            return Some(format!("Add a document of `kind: Tenant` called `{}`.", subject.tenant));
        };
        let mut out = String::new();
        if refused(Control::EgressTenant) || refused(Control::SsrfLiteral) {
            self.row(tenant, &attempt.destination, &mut out);
        }
        let mut grantable = refused(Control::EgressTenant);
        if refused(Control::EgressSkill) {
            grantable = self.requirement(tenant, subject, &attempt.destination, &mut out);
        }
        if refused(Control::EgressUninspected) {
            out.push_str(
                "This path cannot show what the row's or the requirement's rules ask for. Send a \
                 request whose head is visible, or take `methods`, `paths` or `recipient` out.\n",
            );
        }
        if refused(Control::WireEch) {
            let _ = writeln!(
                out,
                "Switch Encrypted ClientHello off in the client, or add `ech: allow` to the row of \
                 `{}`: the real server name can then no longer be seen.",
                attempt.destination.host
            );
        }
        let host = &attempt.destination.host;
        for (control, way) in [
            (Control::DlpPii, "list the kind under `recipient: { entities: […] }`"),
            (Control::DlpEncoded, "name the field under `recipient: { encodedFields: […] }`"),
            (Control::DlpClassification, "raise `maxClassificationLevel` of whose it is"),
            (
                Control::DlpCredential,
                "bind the value to its host with `credential: { env: NAME }`; it is then a leak \
                 anywhere else",
            ),
        ] {
            if refused(control) {
                let _ = writeln!(out, "If `{host}` may receive it, in its row: {way}.");
            }
        }
        if grantable {
            grant(subject, &attempt.destination, &mut out);
        }
        (!out.is_empty()).then_some(out)
    }

    fn row(&self, tenant: &TenantRules, destination: &Destination, out: &mut String) {
        let name = &tenant.document.name;
        heading(out, "Tenant", name.as_str(), self.place(&format!("Tenant/{name}")), "spec.egress");
        let _ = writeln!(
            out,
            "+ - {{ {}, owner: your-team, reason: why it is needed }}",
            target(destination)
        );
    }

    /// Answers whether a grant could help.
    fn requirement(
        &self,
        tenant: &TenantRules,
        subject: &Subject,
        destination: &Destination,
        out: &mut String,
    ) -> bool {
        let Some(id) = &subject.skill else {
            out.push_str("Use a token that names a skill: without one nothing may leave.\n");
            return false;
        };
        match self.skill_of(tenant, subject.role.as_ref(), &id.name, &id.version) {
            Err(why) => {
                let _ = writeln!(out, "First mend this: {why}.");
                false
            }
            Ok(rules) if rules.id.digest != id.digest => {
                out.push_str("Open a new session: the skill's manifest has changed since.\n");
                false
            }
            Ok(rules) => {
                let document = &rules.document.document;
                let place = self.place(&format!("Skill/{document}"));
                heading(out, "Skill", document, place, "spec.egressRequirements");
                if is_usual(destination) {
                    let _ = writeln!(out, "+ - {}", host(destination));
                } else {
                    let _ = writeln!(out, "+ - {{ {} }}", target(destination));
                }
                let pinned = tenant.document.skills.iter().any(|listed| {
                    listed.name == id.name
                        && listed.version == id.version
                        && listed.digest.is_some()
                });
                if pinned {
                    out.push_str(
                        "The tenant approves this manifest by its digest: `backstop check` prints \
                         the new one.\n",
                    );
                }
                true
            }
        }
    }
}

fn heading(out: &mut String, kind: &str, name: &str, place: Option<&str>, key: &str) {
    let file = place.map(|file| format!(" ({file})")).unwrap_or_default();
    let _ = writeln!(out, "To allow it for good, in {kind} `{name}`{file}, under `{key}`:");
}

/// For a while, by a person, on record. Grants are for names alone.
fn grant(subject: &Subject, destination: &Destination, out: &mut String) {
    let (Host::Name(host), Some(skill)) = (&destination.host, &subject.skill) else { return };
    let place = match (destination.protocol, destination.port) {
        (Protocol::Https, 443) => host.to_string(),
        (Protocol::Https | Protocol::Http, port) => format!("{host}:{port}"),
    };
    let _ = writeln!(
        out,
        "To allow it for a while, on record and ending by itself:\n  backstop allow {place} \
         --tenant {} --skill {} --for 4h --reason \"why it is needed\"",
        subject.tenant, skill.name
    );
}

fn is_usual(destination: &Destination) -> bool {
    destination.protocol == Protocol::Https && destination.port == 443
}

fn host(destination: &Destination) -> String {
    match &destination.host {
        Host::Name(name) => name.to_string(),
        address @ Host::Address(_) => format!("\"{address}\""),
    }
}

fn target(destination: &Destination) -> String {
    let mut out = format!("host: {}", host(destination));
    if destination.port != destination.protocol.default_port() {
        let _ = write!(out, ", ports: [{}]", destination.port);
    }
    match destination.protocol {
        Protocol::Https => {}
        Protocol::Http => out.push_str(", protocol: HTTP"),
    }
    out
}
