//! Payloads that are held whole until they are judged: within a budget for all, a share for each
//! session and a cap for each payload; wiped when they are let go.
//!
//! Must not know what is in them. Next: `message`.

use crate::live::lock;
use backstop_model::id::SessionId;
use bytes::Bytes;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use zeroize::Zeroize as _;

/// Why no more can be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeldFault {
    /// This payload is larger than any may be.
    #[error("the body is larger than {0} bytes, the most that is inspected")]
    Cap(usize),
    /// This session holds its share already.
    #[error("the bodies that this session sends now are more than its share")]
    Share,
    /// All of the budget is in use.
    #[error("the bodies that are sent now are more than this gateway holds")]
    Budget,
}

/// Bytes that are held now.
#[derive(Debug)]
pub(super) struct Budget {
    most: usize,
    share: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: usize,
    by_session: HashMap<SessionId, usize>,
}

impl Budget {
    pub(super) fn new(most: usize, share: usize) -> Self {
        Self { most, share, state: Mutex::default() }
    }

    fn take(&self, session: &SessionId, bytes: usize) -> Result<(), HeldFault> {
        let mut state = lock(&self.state);
        let own = state.by_session.get(session).copied().unwrap_or(0);
        if own.saturating_add(bytes) > self.share {
            return Err(HeldFault::Share);
        }
        if state.held.saturating_add(bytes) > self.most {
            return Err(HeldFault::Budget);
        }
        state.held += bytes;
        state.by_session.insert(session.clone(), own + bytes);
        Ok(())
    }

    fn give(&self, session: &SessionId, bytes: usize) {
        let mut state = lock(&self.state);
        state.held = state.held.saturating_sub(bytes);
        if let Some(own) = state.by_session.get_mut(session) {
            *own = own.saturating_sub(bytes);
            if *own == 0 {
                state.by_session.remove(session);
            }
        }
    }
}

/// One payload as it comes in. Its memory counts against the budget until it is dropped, and is
/// wiped then.
pub struct Held {
    budget: Arc<Budget>,
    session: SessionId,
    cap: usize,
    /// Taken from the budget; never less than the capacity of `bytes`.
    taken: usize,
    bytes: Vec<u8>,
}

/// The least that is taken from the budget at once.
const STEP: usize = 4 * 1024;

impl Held {
    pub(super) fn new(budget: Arc<Budget>, session: SessionId, cap: usize) -> Self {
        Self { budget, session, cap, taken: 0, bytes: Vec::new() }
    }

    /// Whether so many bytes could be held at all.
    ///
    /// # Errors
    /// [`HeldFault::Cap`].
    pub fn fits(&self, bytes: usize) -> Result<(), HeldFault> {
        if bytes > self.cap { Err(HeldFault::Cap(self.cap)) } else { Ok(()) }
    }

    /// Adds to it.
    ///
    /// # Errors
    /// [`HeldFault`]; what is held so far stays.
    pub fn push(&mut self, more: &[u8]) -> Result<(), HeldFault> {
        let needed = self.bytes.len().saturating_add(more.len());
        if needed > self.cap {
            return Err(HeldFault::Cap(self.cap));
        }
        if needed > self.bytes.capacity() {
            self.grow(needed)?;
        }
        self.bytes.extend_from_slice(more);
        Ok(())
    }

    /// A larger place; the smaller one is wiped, which a vector that grows by itself would not do.
    fn grow(&mut self, needed: usize) -> Result<(), HeldFault> {
        let doubled = self.bytes.capacity().saturating_mul(2).max(STEP).min(self.cap.max(STEP));
        let size = doubled.max(needed);
        // While it moves both places are in use.
        self.budget.take(&self.session, size)?;
        let before = std::mem::replace(&mut self.taken, size);
        let mut larger = Vec::with_capacity(size);
        larger.extend_from_slice(&self.bytes);
        self.bytes.zeroize();
        self.bytes = larger;
        self.budget.give(&self.session, before);
        Ok(())
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
    /// The bytes, to be shared by who looks and who sends: one memory, so that what is sent is
    /// what was looked at.
    pub fn into_bytes(self) -> Bytes {
        if self.bytes.is_empty() { Bytes::new() } else { Bytes::from_owner(self) }
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.bytes.zeroize();
        self.budget.give(&self.session, self.taken);
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({} bytes)", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstop_model::time::Timestamp;

    fn who(number: u8) -> SessionId {
        SessionId::draw(Timestamp::from_unix_micros(0), [number; 10])
    }

    #[test]
    fn cap_share_and_budget_hold_and_come_back() {
        let budget = Arc::new(Budget::new(64 << 10, 32 << 10));
        let fill = |session: u8, bytes: usize| {
            let mut held = Held::new(Arc::clone(&budget), who(session), 16 << 10);
            held.push(&vec![7; bytes]).map(|()| held)
        };
        assert_eq!(fill(1, (16 << 10) + 1).err(), Some(HeldFault::Cap(16 << 10)));
        let one = [fill(1, 16 << 10).unwrap(), fill(1, 16 << 10).unwrap()];
        assert_eq!(fill(1, 1).err(), Some(HeldFault::Share));
        let two = [fill(2, 16 << 10).unwrap(), fill(2, 12 << 10).unwrap()];
        assert!(fill(3, 4 << 10).is_ok());
        assert_eq!(fill(3, 8 << 10).err(), Some(HeldFault::Budget));
        let bytes = one.map(Held::into_bytes);
        let shared = bytes.clone();
        drop(bytes);
        assert_eq!(fill(1, 1).err(), Some(HeldFault::Share), "who sends it holds it still");
        drop((shared, two));
        assert!(fill(1, 16 << 10).is_ok());
        let state = lock(&budget.state);
        assert_eq!((state.held, state.by_session.len()), (0, 0));
    }

    #[test]
    fn what_grows_keeps_its_bytes_and_counts_once() {
        let budget = Arc::new(Budget::new(1 << 20, 1 << 20));
        let mut held = Held::new(Arc::clone(&budget), who(1), 100_000);
        let all: Vec<u8> = (0..90_000_u32).map(|n| (n % 251) as u8).collect();
        for piece in all.chunks(997) {
            held.push(piece).unwrap();
        }
        assert_eq!((held.as_ref(), held.len()), (all.as_slice(), 90_000));
        assert!(lock(&budget.state).held <= 100_000);
        assert_eq!(format!("{held:?}"), "Held(90000 bytes)");
    }
}
