//! Bodies that are too large to be held, where a row lets them leave in windows: each window is
//! judged before it goes on, and overlaps the one before, so that nothing hides at a border.
//!
//! ```text
//!  ├──────── WINDOW ────────┤
//!                     ├─ WINDOW_OVERLAP ─┼──────── …       only what is not overlap is new
//! ```
//! Weaker than a look at the whole: what came before a finding has left, fields are not walked but
//! read as text, and what is compressed or binary is refused, for it cannot be read from its middle.
//! INVARIANT: once a window is refused its flow is cut, so that the request never ends.
//! Must not know any wire. Next: `crate::judge`.

use super::message::{Content, Extent};
use crate::fault::Faulted;
use crate::gate::Inner;
use crate::judge::Seen;
use crate::live::Entry;
use crate::record::Refused;
use crate::settle::{asked, kept};
use backstop_model::attempt::Attempt;
use backstop_model::control::Control;
use backstop_model::finding::{Evidence, Look};
use backstop_model::id::ReceiptId;
use backstop_model::refusal::Refusal;
use backstop_model::verdict::Verdict;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;

/// The bytes that are looked at together.
pub const WINDOW: usize = 512 * 1024;
/// How much of the window before is looked at again: more than the longest thing that a detector
/// finds, and than the longest encoded run that is no finding by itself.
pub const WINDOW_OVERLAP: usize = 64 * 1024;
/// LIMIT: findings of one body that may go where it goes.
const FINDINGS: usize = 4_096;

/// Judges a body window by window, under one permit.
pub struct Windows {
    inner: Arc<Inner>,
    entry: Arc<Entry>,
    permit: ReceiptId,
    attempt: Attempt,
}

impl Windows {
    pub(crate) fn new(
        inner: Arc<Inner>,
        entry: Arc<Entry>,
        permit: ReceiptId,
        attempt: Attempt,
    ) -> Self {
        Self { inner, entry, permit, attempt }
    }

    /// Judges the next window, and the trailers behind the last. `left` bytes of the body were let
    /// go before.
    ///
    /// # Errors
    /// The refusal, recorded as one of the permit; the flow is cut.
    pub async fn judge(
        &self,
        window: Bytes,
        trailers: Vec<(String, String)>,
        left: u64,
    ) -> Result<(), Refusal> {
        let began = Instant::now();
        let content = Content {
            body: window,
            fields: trailers,
            extent: Extent::Window,
            ..Content::default()
        };
        let looked = self.inner.look(&self.entry.session, &self.attempt, content).await;
        self.inner.counters.inspected(began.elapsed());
        match looked {
            Ok(evidence) => self.decide(evidence, left),
            Err(fault) => Err(self.stop(fault, left)),
        }
    }

    /// Stops the body for a reason of the plane's own: it broke off, or took too long.
    pub fn give_up(&self, control: Control, reason: String, left: u64) -> Refusal {
        self.stop(Faulted { control, reason }, left)
    }

    fn decide(&self, mut evidence: Evidence, left: u64) -> Result<(), Refusal> {
        if self.entry.evidence().findings.len() + evidence.findings.len() > FINDINGS {
            evidence.look = Look::OverLimit(format!("more than {FINDINGS} findings"));
        }
        self.entry.learn(evidence);
        if let Some((control, reason)) = self.entry.cord.why() {
            return Err(self.stop(Faulted { control, reason }, left));
        }
        let judged = self.inner.judge(&self.entry, &self.attempt, Seen::Counted);
        match judged.decision.verdict {
            Verdict::Allow => Ok(()),
            Verdict::Hold | Verdict::Deny => {
                let (control, reason) = judged.deciding();
                Err(self.stop(Faulted { control, reason }, left))
            }
        }
    }

    fn stop(&self, fault: Faulted, left: u64) -> Refusal {
        let Faulted { control, reason } = fault;
        self.entry.cord.cut(control, reason.clone());
        let reason = format!(
            "{reason} (the body left in windows, as its row allows: {left} bytes had left, the rest did not)"
        );
        let subject = Some(&self.entry.session.subject);
        let mut refused = Refused::new(subject, asked(&self.attempt), control, reason);
        refused.refines = Some(self.permit.clone());
        refused.findings = kept(&self.entry.evidence());
        self.inner.refuse(refused)
    }
}

impl std::fmt::Debug for Windows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Windows").field("permit", &self.permit).finish_non_exhaustive()
    }
}

/// Whether all of a window is text in UTF-8, but for a character that a border cut at either end.
pub(super) fn is_text(window: &[u8]) -> bool {
    let cut = window.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
    let body = window.get(cut..).unwrap_or_default();
    let valid = match std::str::from_utf8(body) {
        Ok(_) => true,
        // Only the end may be missing, not wrong.
        Err(fault) => fault.error_len().is_none(),
    };
    valid && !body.iter().any(|byte| byte.is_ascii_control() && !b"\t\n\r\x0c\x1b".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_text_or_nothing() {
        assert!(is_text("größe\n".as_bytes()) && is_text(b""));
        let euro = "€".as_bytes();
        assert!(is_text(&[&euro[1..], b"a", &euro[..2]].concat()));
        for bad in [&b"\x1f\x8b\x08rest"[..], b"a\0b\0", b"a\xffb", &[euro, &[0x80]].concat()] {
            assert!(!is_text(bad), "{bad:?}");
        }
    }
}
