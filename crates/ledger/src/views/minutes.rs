//! A sliding window of 60 minutes in bounded memory: one counter a minute, at most 61 of them.
//! Next: `state`.

use backstop_model::time::Timestamp;
use std::collections::VecDeque;

const WINDOW: i64 = 60;

/// Counts of the last minutes, oldest first.
///
/// The minute that lies partly outside the window counts in full: the window is 60 to 61
/// minutes long, never shorter than promised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Minutes(pub(crate) VecDeque<(i64, u32)>);

impl Minutes {
    /// Counts one at `at`. A clock that went backwards counts in the newest minute.
    pub(crate) fn add(&mut self, at: Timestamp) {
        let minute = at.unix_seconds().div_euclid(60);
        match self.0.back_mut() {
            Some((newest, count)) if *newest >= minute => *count = count.saturating_add(1),
            Some(_) | None => self.0.push_back((minute, 1)),
        }
        while self.0.front().is_some_and(|(oldest, _)| *oldest < minute - WINDOW) {
            self.0.pop_front();
        }
    }

    /// How many there were in the 60 minutes before `now`.
    pub(crate) fn count(&self, now: Timestamp) -> u64 {
        let from = now.unix_seconds().div_euclid(60) - WINDOW;
        self.0.iter().filter(|(minute, _)| *minute >= from).map(|(_, n)| u64::from(*n)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64, seconds: i64) -> Timestamp {
        Timestamp::from_unix_micros((minutes * 60 + seconds) * 1_000_000)
    }

    #[test]
    fn the_window_slides_and_stays_small() {
        let mut window = Minutes::default();
        for minute in 0..1_000 {
            window.add(at(minute, 10));
            window.add(at(minute, 50));
            assert!(window.0.len() <= 61);
        }
        assert_eq!(window.count(at(999, 59)), 122);
        assert_eq!(window.count(at(1_059, 0)), 2);
        assert_eq!(window.count(at(1_060, 0)), 0);
    }

    #[test]
    fn the_500th_call_shows_at_59_minutes_and_45_seconds() {
        let mut window = Minutes::default();
        for _ in 0..499 {
            window.add(at(0, 30));
        }
        window.add(at(60, 15));
        assert_eq!(window.count(at(60, 15)), 500);
        assert_eq!(window.count(at(61, 0)), 1);
    }

    #[test]
    fn a_clock_that_jumps_back_loses_nothing() {
        let mut window = Minutes::default();
        window.add(at(100, 0));
        window.add(at(50, 0));
        assert_eq!(window.count(at(100, 0)), 2);
    }
}
