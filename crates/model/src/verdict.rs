//! Verdicts and what leads to them. More findings never loosen a verdict: they combine by maximum.
//! Next: `refusal`.

use crate::control::Control;
use crate::id::{ByteCount, GrantId};
use std::fmt;

/// The answer to an attempt. `Allow < Hold < Deny`; verdicts combine by maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// It may go on.
    Allow,
    /// A person must decide first; until then it is refused.
    Hold,
    /// It is refused.
    Deny,
}

impl Verdict {
    /// The lower-case word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Hold => "hold",
            Self::Deny => "deny",
        }
    }
    /// The verdict of that word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Allow, Self::Hold, Self::Deny].into_iter().find(|v| v.as_str() == text)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one control says of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ruling {
    /// It has no objection.
    Pass,
    /// It was not asked: an earlier control refused, or it has no bearing here.
    Skipped,
    /// It would refuse, but the tenant is in its dated observe state.
    WouldDeny,
    /// A person must decide.
    Hold,
    /// It refuses.
    Deny,
}

impl Ruling {
    /// The word used in records and by `explain`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Skipped => "skipped",
            Self::WouldDeny => "would_deny",
            Self::Hold => "hold",
            Self::Deny => "deny",
        }
    }
    /// The verdict it leads to.
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Pass | Self::Skipped | Self::WouldDeny => Verdict::Allow,
            Self::Hold => Verdict::Hold,
            Self::Deny => Verdict::Deny,
        }
    }
}

/// One control's answer, with the reason in a sentence for the operator (never for the agent).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Which control.
    pub control: Control,
    /// What it says.
    pub ruling: Ruling,
    /// Why.
    pub text: String,
}

/// What a permit obliges its holder to do. Closed, so that no plane can overlook one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Obligation {
    /// Judge the whole body (at most `cap` bytes are held) before it leaves.
    InspectBody {
        /// The most that is held.
        cap: ByteCount,
    },
    /// The ClientHello's SNI must equal the host that was asked for.
    MatchServerName,
    /// Dial only the addresses that were judged, for the life of the tunnel or call.
    PinAddresses,
    /// Count the bytes of both directions.
    CountBytes,
    /// Do not follow a redirect.
    RefuseRedirect,
}

impl Obligation {
    /// The word used in records and by `explain`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InspectBody { .. } => "inspect_body",
            Self::MatchServerName => "match_server_name",
            Self::PinAddresses => "pin_addresses",
            Self::CountBytes => "count_bytes",
            Self::RefuseRedirect => "refuse_redirect",
        }
    }
}

/// An obligation and whether the path at hand can discharge it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Duty {
    /// What is owed.
    pub obligation: Obligation,
    /// Whether this path pays it. `explain` lists those that it does not.
    pub discharged: bool,
}

/// The whole answer of `policy::decide`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The maximum over all reasons.
    pub verdict: Verdict,
    /// Each control's answer, in the order in which they were asked.
    pub reasons: Vec<Reason>,
    /// What a permit would oblige to, sorted.
    pub duties: Vec<Duty>,
    /// The grant that this decision leans on, if any.
    pub grant: Option<GrantId>,
}

impl Decision {
    /// The first control that has the decision's verdict, for a refusal; `None` when allowed.
    pub fn deciding(&self) -> Option<&Reason> {
        match self.verdict {
            Verdict::Allow => None,
            Verdict::Hold | Verdict::Deny => {
                self.reasons.iter().find(|r| r.ruling.verdict() == self.verdict)
            }
        }
    }
    /// The first control that would refuse were the tenant not in its observe state.
    pub fn would_deny(&self) -> Option<&Reason> {
        self.reasons.iter().find(|r| r.ruling == Ruling::WouldDeny)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_combine_by_maximum() {
        assert!(Verdict::Allow < Verdict::Hold && Verdict::Hold < Verdict::Deny);
    }
}
