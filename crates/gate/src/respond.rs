//! Alerts: one of a kind within a window, with a count, however many refusals there are.
//!
//! Must not know who reads them. Next: `run`.

use crate::live::lock;
use crate::record::Refused;
use backstop_model::control::{Control, Severity};
use backstop_model::event::Fact;
use backstop_model::id::{AlertId, ReceiptId, SessionId};
use backstop_model::standing::Subject;
use backstop_model::time::Timestamp;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

/// LIMIT: kinds of one session that are told apart within a window; the rest is one kind a control.
const KINDS: usize = 16;
/// LIMIT: sessions that are told apart within a window; the rest is one.
const SESSIONS: usize = 4_096;
const OTHERS: &str = "other hosts";

/// The open windows.
#[derive(Debug)]
pub(crate) struct Alerts {
    window: Duration,
    open: Mutex<HashMap<Option<SessionId>, Kinds>>,
}

/// The open windows of one session, by control and kind of host. They are few.
type Kinds = Vec<((Control, String), Window)>;

#[derive(Debug)]
struct Window {
    id: AlertId,
    subject: Option<Subject>,
    outcome: Outcome,
    since: Timestamp,
    cause: ReceiptId,
    count: u64,
    told: u64,
}

/// What came of what an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was refused.
    Refused,
    /// It passed: the role still learns, or the tenant is in its dated observe state.
    Passed,
}

impl Alerts {
    pub(crate) fn new(window: Duration) -> Self {
        Self { window, open: Mutex::default() }
    }

    /// Sees a refusal, or what would have been one; the first of its kind is an alert at once.
    /// That the network or a peer failed is nobody's attack and raises none.
    pub(crate) fn see(
        &self,
        refused: &Refused,
        outcome: Outcome,
        cause: &ReceiptId,
        now: Timestamp,
        random: impl FnOnce() -> [u8; 10],
    ) -> Option<Fact> {
        if refused.control.severity() == Severity::Info {
            return None;
        }
        let mut open = lock(&self.open);
        let mut session = refused.subject.as_ref().and_then(|s| s.session.clone());
        if open.len() >= SESSIONS && !open.contains_key(&session) {
            session = None;
        }
        let kinds = open.entry(session).or_default();
        let mut group = group(&refused.asked.host);
        let find = |kinds: &Kinds, group: &str| {
            kinds.iter().position(|(kind, _)| kind.0 == refused.control && kind.1 == group)
        };
        let mut known = find(kinds, group);
        if known.is_none() && kinds.len() >= KINDS {
            group = OTHERS;
            known = find(kinds, group);
        }
        if let Some((_, window)) = known.and_then(|at| kinds.get_mut(at)) {
            window.count = window.count.saturating_add(1);
            return None;
        }
        let kind = (refused.control, group.to_owned());
        let window = Window {
            id: AlertId::draw(now, random()),
            subject: refused.subject.clone(),
            outcome,
            since: now,
            cause: cause.clone(),
            count: 1,
            told: 1,
        };
        let fact = window.fact(&kind);
        kinds.push((kind, window));
        Some(fact)
    }

    /// Closes windows that are older than `age`, at most the configured one. Those that counted
    /// more than they told are told again, under the same id.
    pub(crate) fn due(&self, now: Timestamp, age: Duration) -> Vec<(Option<Subject>, Fact)> {
        let age = age.min(self.window);
        let mut due = Vec::new();
        let mut open = lock(&self.open);
        for kinds in open.values_mut() {
            kinds.retain(|(kind, window)| {
                if now.since(window.since) < age {
                    return true;
                }
                if window.count > window.told {
                    due.push((window.subject.clone(), window.fact(kind)));
                }
                false
            });
        }
        open.retain(|_, kinds| !kinds.is_empty());
        due
    }
}

impl Window {
    fn fact(&self, (control, group): &(Control, String)) -> Fact {
        let whom = self.subject.as_ref().map_or_else(
            || "a peer without a valid credential".to_owned(),
            |subject| match &subject.skill {
                Some(skill) => format!("{skill} of {}", subject.tenant),
                None => format!("a session of {}", subject.tenant),
            },
        );
        let came = match self.outcome {
            Outcome::Refused => "was refused",
            Outcome::Passed => "was let through",
        };
        let place = if group.is_empty() { String::new() } else { format!(" for {group}") };
        Fact::AlertRaised {
            id: self.id.clone(),
            control: *control,
            severity: control.severity(),
            summary: format!("{}{whom} {came}{place}: {}", prefix(*control), control.rule()),
            cause: Some(self.cause.clone()),
            count: self.count,
        }
    }
}

/// The name by which others know an alert.
fn prefix(control: Control) -> &'static str {
    if control == Control::DnsUndeclared { "agent-dns-undeclared: " } else { "" }
}

/// Hosts of one kind: for names their registered domain, so that a name which carries data in its labels does not raise an alert for each.
fn group(host: &str) -> &str {
    if host.parse::<IpAddr>().is_ok() || host.ends_with(']') {
        return host;
    }
    backstop_detect::hostname::registered_text(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstop_model::attempt::Plane;
    use backstop_model::event::Asked;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_micros(1_700_000_000_000_000 + seconds * 1_000_000)
    }

    fn refused(host: &str) -> Refused {
        let asked = Asked {
            plane: Plane::Proxy,
            host: host.to_owned(),
            port: 443,
            act: "connect".to_owned(),
            path: String::new(),
        };
        Refused::new(None, asked, Control::EgressTenant, String::new())
    }

    fn see(alerts: &Alerts, host: &str, now: Timestamp) -> bool {
        let cause = ReceiptId::draw(now, [0; 10]);
        alerts.see(&refused(host), Outcome::Refused, &cause, now, || [1; 10]).is_some()
    }

    #[test]
    fn one_alert_a_window_and_the_rest_is_its_count() {
        let alerts = Alerts::new(Duration::from_secs(60));
        let raised = (0..1_000).filter(|n| see(&alerts, &format!("x{n}.evil.example"), at(0)));
        assert_eq!(raised.count(), 1);
        assert!(alerts.due(at(59), Duration::MAX).is_empty());
        let due = alerts.due(at(60), Duration::MAX);
        assert!(matches!(due.as_slice(), [(None, Fact::AlertRaised { count: 1_000, .. })]));
        assert!(see(&alerts, "evil.example", at(61)), "a new window, a new alert");
    }

    #[test]
    fn kinds_are_bounded() {
        let alerts = Alerts::new(Duration::from_secs(60));
        let raised = (0..1_000).filter(|n| see(&alerts, &format!("evil{n}.example"), at(0)));
        assert_eq!(raised.count(), KINDS + 1);
    }

    #[test]
    fn groups_are_hosts_of_one_kind() {
        for (host, expected) in [
            ("a.b.evil.example", "evil.example"),
            ("a.shop.co.uk", "shop.co.uk"),
            ("localhost", "localhost"),
            ("10.0.0.1", "10.0.0.1"),
            ("[::1]", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(group(host), expected);
        }
    }
}
