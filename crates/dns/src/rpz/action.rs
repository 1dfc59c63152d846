//! What a rule answers, and what an operator makes of a whole zone's answers.
//! Must not know triggers. Next: `table`.
//!
//! Source: draft-vixie-dnsop-dns-rpz-00 §3 (actions), §6.1 (overrides are the consumer's).

use backstop_model::name::{QueryName, QueryType};
use std::fmt;

/// What a rule answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// `CNAME .`: no such name.
    Nxdomain,
    /// `CNAME *.`: no such records.
    Nodata,
    /// `CNAME rpz-passthru.`: no zone may say more.
    Passthru,
    /// `CNAME rpz-drop.`: no answer.
    Drop,
    /// `CNAME rpz-tcp-only.`: over UDP an answer that is cut short.
    TcpOnly,
    /// Records of its own; the number says which of the zone's.
    Local(u32),
}

impl Action {
    /// The draft's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nxdomain => "NXDOMAIN",
            Self::Nodata => "NODATA",
            Self::Passthru => "PASSTHRU",
            Self::Drop => "DROP",
            Self::TcpOnly => "TCP-Only",
            Self::Local(_) => "Local Data",
        }
    }

    /// The action that a CNAME to this name is, where it is one; `Err` for a special form that
    /// nobody here knows.
    ///
    /// # Errors
    /// Why it is no form that is known.
    pub fn of_alias(target: &QueryName) -> Result<Option<Self>, String> {
        let mut labels = target.labels();
        let (first, second) = (labels.next(), labels.next());
        match (first, second) {
            (None, _) => Ok(Some(Self::Nxdomain)),
            (Some(b"*"), None) => Ok(Some(Self::Nodata)),
            (Some(b"rpz-passthru"), None) => Ok(Some(Self::Passthru)),
            (Some(b"rpz-drop"), None) => Ok(Some(Self::Drop)),
            (Some(b"rpz-tcp-only"), None) => Ok(Some(Self::TcpOnly)),
            _ => match target.labels().next_back() {
                // No such top-level domain can be: it is a form of a later draft, or a slip.
                Some(top) if top.starts_with(b"rpz-") => {
                    Err(format!("`{target}.` is no action that is known"))
                }
                _ => Ok(None),
            },
        }
    }
}

/// The records that a rule answers with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Local {
    /// Type, seconds, data without compression.
    pub records: Vec<(QueryType, u32, Box<[u8]>)>,
}

impl Local {
    /// Where it sends who asked for `name`: a CNAME's target, with `*` in front of it expanded to
    /// the name. `None` if it is no alias, or the expansion is longer than a name can be.
    pub fn alias(&self, name: &QueryName) -> Option<QueryName> {
        let (_, _, data) = self.records.iter().find(|(rtype, ..)| *rtype == QueryType::CNAME)?;
        expanded(&QueryName::parse(data)?, name)
    }
    /// Whether it is an alias at all.
    pub fn is_alias(&self) -> bool {
        self.records.iter().any(|(rtype, ..)| *rtype == QueryType::CNAME)
    }
}

/// `*.garden.example` for `bad.example` is `bad.example.garden.example` (§3.6 of the draft).
fn expanded(target: &QueryName, name: &QueryName) -> Option<QueryName> {
    let mut labels = target.labels();
    if labels.next() != Some(b"*".as_slice()) {
        return Some(target.clone());
    }
    QueryName::of_labels(name.labels().chain(labels))
}

/// What the operator makes of a zone's answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Override {
    /// They count as they stand in the zone.
    #[default]
    Given,
    /// None counts; what would have happened is told.
    Disabled,
    /// Each is this action.
    To(Action),
    /// Each is an alias of this name; one with `*` in front is expanded.
    Alias(Box<QueryName>),
}

impl Override {
    /// Reads `given`, `disabled`, `passthru`, `drop`, `nxdomain`, `nodata`, `tcp-only` or
    /// `cname:NAME`.
    ///
    /// # Errors
    /// What may stand there.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "given" => Ok(Self::Given),
            "disabled" => Ok(Self::Disabled),
            "passthru" => Ok(Self::To(Action::Passthru)),
            "drop" => Ok(Self::To(Action::Drop)),
            "nxdomain" => Ok(Self::To(Action::Nxdomain)),
            "nodata" => Ok(Self::To(Action::Nodata)),
            "tcp-only" => Ok(Self::To(Action::TcpOnly)),
            other => other
                .strip_prefix("cname:")
                .and_then(QueryName::from_text)
                .filter(|name| *name != QueryName::ROOT)
                .map(|name| Self::Alias(Box::new(name)))
                .ok_or_else(|| {
                    format!(
                        "`{other}` is none of `given`, `disabled`, `passthru`, `drop`, `nxdomain`, `nodata`, `tcp-only`, `cname:NAME`"
                    )
                }),
        }
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given => f.write_str("given"),
            Self::Disabled => f.write_str("disabled"),
            Self::To(action) => f.write_str(&action.as_str().to_ascii_lowercase()),
            Self::Alias(name) => write!(f, "cname:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> QueryName {
        QueryName::from_text(text).unwrap()
    }

    #[test]
    fn a_wildcard_alias_takes_the_name_in_front() {
        let check = |target: &str, asked: &str, expected: Option<&str>| {
            let records = vec![(QueryType::CNAME, 5, name(target).as_wire().into())];
            assert_eq!(Local { records }.alias(&name(asked)), expected.map(name));
        };
        check("*.garden.example", "bad.example", Some("bad.example.garden.example"));
        check("garden.example", "bad.example", Some("garden.example"));
        let long = [["a"; 63].concat().as_str(); 3].join(".");
        check(&format!("*.{long}"), &format!("{}.{long}", "b".repeat(60)), None);
    }

    #[test]
    fn overrides_read_as_they_are_written() {
        for text in
            ["given", "disabled", "passthru", "drop", "nxdomain", "tcp-only", "cname:a.example"]
        {
            assert_eq!(Override::parse(text).unwrap().to_string(), text);
        }
        assert!(Override::parse("cname:.").is_err() && Override::parse("allow").is_err());
    }
}
