//! Holds that are being put on record: reserved before their commit is waited for, so that asks at
//! the same time neither pass the bound nor place the same hold twice.
//!
//! Must not know why something is held. Back to: `holds`.

use crate::live::lock;
use backstop_model::id::{Digest, HoldId, SessionId};
use backstop_model::time::Timestamp;
use std::collections::HashMap;
use std::sync::Mutex;
use tokio::sync::watch;

/// The reservations of all sessions.
#[derive(Debug, Default)]
pub(crate) struct Placing(Mutex<HashMap<SessionId, Vec<Place>>>);

#[derive(Debug)]
struct Place {
    asked: Digest,
    id: HoldId,
    until: Timestamp,
    /// Closes when the hold is on record, or is not going to be.
    done: watch::Receiver<()>,
    /// Whoever asked went away while the record was written: it may yet come.
    left: bool,
}

/// What a wish for a place led to.
pub(super) enum Reserved<'a> {
    /// The place, and the digests of those that stand before it and may not show yet.
    Mine(Reservation<'a>, Vec<Digest>),
    /// Somebody else is placing a hold for the same thing: wait until this closes.
    Others(watch::Receiver<()>),
    /// Somebody did, went away, and the record has not come yet.
    Left,
}

/// One place. Dropping it gives it back, but for one whose record may yet come.
pub(super) struct Reservation<'a> {
    placing: &'a Placing,
    session: SessionId,
    id: HoldId,
    state: State,
    _done: watch::Sender<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Writing,
}

impl Placing {
    pub(super) fn reserve(
        &self,
        session: &SessionId,
        asked: Digest,
        id: HoldId,
        until: Timestamp,
    ) -> Reserved<'_> {
        let mut all = lock(&self.0);
        let places = all.entry(session.clone()).or_default();
        match places.iter().find(|place| place.asked == asked) {
            Some(place) if place.left => return Reserved::Left,
            Some(place) => return Reserved::Others(place.done.clone()),
            None => {}
        }
        let ahead = places.iter().map(|place| place.asked).collect();
        let (tell, done) = watch::channel(());
        places.push(Place { asked, id: id.clone(), until, done, left: false });
        let session = session.clone();
        let mine = Reservation { placing: self, session, id, state: State::Idle, _done: tell };
        Reserved::Mine(mine, ahead)
    }

    /// Whether somebody of the session went away while his hold was written.
    pub(super) fn is_littered(&self, session: &SessionId) -> bool {
        lock(&self.0).get(session).is_some_and(|places| places.iter().any(|place| place.left))
    }

    /// Clears what was left: it shows by now, or its time is over.
    pub(super) fn clear(&self, now: Timestamp, shows: impl Fn(&HoldId) -> bool) {
        lock(&self.0).retain(|_, places| {
            places.retain(|place| !place.left || now < place.until && !shows(&place.id));
            !places.is_empty()
        });
    }
}

impl Reservation<'_> {
    /// The record is about to be written: from here on the place is kept even if nobody waits.
    pub(super) fn write(&mut self) {
        self.state = State::Writing;
    }
    /// It is written, or failed: the place is given back.
    pub(super) fn finish(mut self) {
        self.state = State::Idle;
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        let mut all = lock(&self.placing.0);
        let Some(places) = all.get_mut(&self.session) else { return };
        match self.state {
            State::Idle => places.retain(|place| place.id != self.id),
            State::Writing => {
                for place in places.iter_mut().filter(|place| place.id == self.id) {
                    place.left = true;
                }
            }
        }
        if places.is_empty() {
            all.remove(&self.session);
        }
    }
}
