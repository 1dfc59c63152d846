//! Readiness as a set of named tokens: the process is ready when every room says so.
//! Next: `stats`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// All rooms that must be ready, by name.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    rooms: BTreeMap<&'static str, Room>,
    draining: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Waiting,
    Ready,
}

/// One room's word that it is ready. Dropping it takes the word back.
#[derive(Debug)]
pub struct Ready {
    name: &'static str,
    state: Arc<Mutex<State>>,
}

impl Readiness {
    /// Announces a room; until it says so the process is not ready.
    pub fn announce(&self, name: &'static str) -> Ready {
        self.with(|state| state.rooms.insert(name, Room::Waiting));
        Ready { name, state: Arc::clone(&self.state) }
    }
    /// Whether every room is ready and nothing is being drained.
    pub fn is_ready(&self) -> bool {
        self.waiting().is_empty()
    }
    /// The rooms that are not ready; `drain` stands for a process that is stopping.
    pub fn waiting(&self) -> Vec<&'static str> {
        self.with(|state| {
            let rooms = state.rooms.iter().filter(|(_, room)| **room == Room::Waiting);
            let mut waiting: Vec<_> = rooms.map(|(name, _)| *name).collect();
            if state.draining {
                waiting.push("drain");
            }
            waiting
        })
    }
    /// The process stops: it is not ready again.
    pub fn drain(&self) {
        self.with(|state| state.draining = true);
    }
    /// Whether the process stops.
    pub fn is_draining(&self) -> bool {
        self.with(|state| state.draining)
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Ready {
    /// The room is ready.
    pub fn ready(&self) {
        self.set(Room::Ready);
    }
    /// The room is not ready any more.
    pub fn wait(&self) {
        self.set(Room::Waiting);
    }

    fn set(&self, room: Room) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.rooms.insert(self.name, room);
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        self.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_only_when_every_room_is() {
        let readiness = Readiness::default();
        let (proxy, api) = (readiness.announce("proxy"), readiness.announce("api"));
        assert_eq!(readiness.waiting(), ["api", "proxy"]);
        proxy.ready();
        assert!(!readiness.is_ready());
        api.ready();
        assert!(readiness.is_ready());
        drop(proxy);
        assert_eq!(readiness.waiting(), ["proxy"]);
        readiness.drain();
        assert!(readiness.is_draining() && readiness.waiting().contains(&"drain"));
    }
}
