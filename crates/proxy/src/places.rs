//! How many client connections each session holds. Must not know what they carry. Next: `connection`.

use backstop_model::id::SessionId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Held = Mutex<HashMap<SessionId, usize>>;

/// The client connections of one listener by session.
#[derive(Debug)]
pub(crate) struct Places {
    held: Arc<Held>,
    most: usize,
}

/// One connection's place; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    held: Arc<Held>,
    session: SessionId,
}

impl Places {
    /// At most so many for each session.
    pub(crate) fn new(most: usize) -> Self {
        Self { held: Arc::default(), most }
    }

    /// A place for that session, unless it has all that it may have.
    pub(crate) fn take(&self, session: &SessionId) -> Option<Place> {
        let mut held = lock(&self.held);
        let count = held.entry(session.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place { held: Arc::clone(&self.held), session: session.clone() })
    }
}

impl Place {
    pub(crate) fn is_of(&self, session: &SessionId) -> bool {
        self.session == *session
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        if let Some(count) = held.get_mut(&self.session) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                held.remove(&self.session);
            }
        }
    }
}

/// A poisoned lock is still a lock: what it guards is changed in single steps.
fn lock(held: &Held) -> MutexGuard<'_, HashMap<SessionId, usize>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstop_model::time::Timestamp;

    #[test]
    fn a_session_has_its_places_and_leaves_those_of_others() {
        let session = |n| SessionId::draw(Timestamp::from_unix_micros(0), [n; 10]);
        let places = Places::new(2);
        let (first, second) = (places.take(&session(1)), places.take(&session(1)));
        assert!(first.is_some() && second.is_some() && places.take(&session(1)).is_none());
        let other = places.take(&session(2)).unwrap();
        assert!(other.is_of(&session(2)) && !other.is_of(&session(1)));
        drop(first);
        assert!(places.take(&session(1)).is_some());
        drop((second, other));
        assert!(lock(&places.held).is_empty());
    }
}
