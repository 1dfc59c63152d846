//! Controls: every rule has an id, which stands in receipts, alerts, refusals, metrics and docs.
//! Must not know how a rule is checked. Next: `verdict`.

use std::fmt;

/// How grave an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// For the record.
    Info,
    /// Worth a look.
    Warning,
    /// A compromise is likely.
    High,
    /// A compromise is certain.
    Critical,
}

impl Severity {
    /// The upper-case word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
    /// The severity of that word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Info, Self::Warning, Self::High, Self::Critical]
            .into_iter()
            .find(|s| s.as_str() == text)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! controls {
    ($($name:ident $id:literal $severity:ident $rule:literal;)*) => {
        /// The id of one rule. The order is the order in which `explain` lists them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Control {
            $(#[doc = concat!("`", $id, "`: ", $rule)] $name,)*
        }
        impl Control {
            /// All controls, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// The stable id, as it stands in records.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $id,)* } }
            /// How grave its refusal is.
            pub const fn severity(self) -> Severity { match self { $(Self::$name => Severity::$severity,)* } }
            /// The rule in one sentence.
            pub const fn rule(self) -> &'static str { match self { $(Self::$name => $rule,)* } }
        }
    };
}

controls! {
    Fault "fault" High "an inner fault (record, clock, policy, resolver) refuses";
    Limit "limit" Warning "a limit of size, number, depth or time is reached";
    Identity "identity" Warning "the credential is missing, unknown, expired or of the wrong kind";
    Quarantine "quarantine" High "the session or the skill version is in quarantine";
    WireFraming "wire.framing" High "the message is framed so that two parsers could read it differently";
    WireAuthority "wire.authority" High "Host, :authority, SNI and CONNECT host do not name the same place";
    WireEch "wire.ech" Warning "the ClientHello is encrypted in a tunnel that is not inspected";
    WireProtocol "wire.protocol" High "the bytes in the tunnel are not the protocol that its row names";
    SsrfScheme "ssrf.scheme" High "the scheme is not http, https, ws or wss";
    SsrfAddress "ssrf.address" High "the host is, spells, embeds or resolves to an address that an agent may not reach";
    SsrfLiteral "ssrf.literal" High "the host is an IP literal that no row declares";
    SsrfRedirect "ssrf.redirect" High "the upstream redirects a guarded fetch";
    SsrfRebind "ssrf.rebind" High "the address is not one that was given for this name";
    UpstreamReach "upstream.reach" Info "the destination does not resolve, or does not answer";
    UpstreamTls "upstream.tls" Warning "the destination does not prove by its certificate that it is the host";
    EgressTenant "egress.tenant" Warning "host, port and protocol are not on the tenant's list";
    EgressSkill "egress.skill" High "the acting skill does not declare this host";
    EgressUninspected "egress.uninspected" High "the row asks for an inspection that this path cannot give";
    DnsUndeclared "dns.undeclared" Warning "the queried name is not among the client's allowed names";
    DnsLabelLength "dns.label_length" Warning "a label of the queried name is longer than 40 characters";
    DnsUniqueRate "dns.unique_rate" Warning "the 100th unique name of one registered domain within a minute";
    DnsEntropy "dns.entropy" Warning "a label of the queried name has over 4.0 bits of entropy a character";
    DnsPayload "dns.payload" High "the names that a client asks carry data";
    DnsRpz "dns.rpz" Warning "a response policy zone refuses or replaces the answer";
    DlpPii "dlp.pii" High "personal data in an outbound field";
    DlpCredential "dlp.credential" High "a credential in an outbound field";
    DlpClassification "dlp.classification" High "data above the ceiling of session, skill and tenant";
    DlpEncoded "dlp.encoded" High "an encoded run of over 100 characters, or an archive or document that cannot be opened, outside declared fields";
    VolumeReceived "volume.received" High "the session received over 50,000,000 bytes from outside";
    VolumeCalls "volume.calls" Warning "the 500th external call of the session within 60 minutes";
    SandboxUndeclared "sandbox.undeclared" Critical "a sandboxed skill tried an egress that its manifest does not declare";
}

impl Control {
    /// The control with that id.
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|c| c.as_str() == id)
    }
    /// Whether a tenant's dated observe state may turn its refusal into a record (DESIGN §3):
    /// `egress.*`, `dlp.*` and `dns.*` only. Everything else always enforces.
    pub fn observable(self) -> bool {
        ["egress.", "dlp.", "dns."].iter().any(|prefix| self.as_str().starts_with(prefix))
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_parse_again() {
        for control in Control::ALL {
            assert_eq!(Control::parse(control.as_str()), Some(*control));
        }
    }

    #[test]
    fn only_the_dated_families_can_be_observed() {
        assert!(Control::EgressTenant.observable());
        assert!(!Control::SsrfAddress.observable());
        assert!(!Control::Quarantine.observable());
        assert!(!Control::WireAuthority.observable());
    }
}
