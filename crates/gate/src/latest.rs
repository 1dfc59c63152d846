//! The newest value of a watch, looked at without a lock: the watch's own look writes to memory that
//! all threads share, at every question. Next: `names`.

use arc_swap::ArcSwap;
use std::sync::Arc;
use tokio::sync::watch;

/// A watch whose value is looked at far more often than it changes.
pub(crate) struct Latest<T> {
    kept: ArcSwap<Kept<T>>,
}

struct Kept<T> {
    /// Has seen the value, and nothing newer.
    receiver: watch::Receiver<T>,
    value: T,
}

impl<T: Clone> Latest<T> {
    pub(crate) fn new(receiver: &watch::Receiver<T>) -> Self {
        Self { kept: ArcSwap::from_pointee(Kept::of(receiver)) }
    }

    /// Looks at the newest value: whatever was sent before this call is seen.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        let kept = self.kept.load();
        match kept.receiver.has_changed() {
            Ok(false) => look(&kept.value),
            // RACE: of two that store at once the older may come last; it knows that it is old.
            Ok(true) => {
                let newer = Arc::new(Kept::of(&kept.receiver));
                self.kept.store(Arc::clone(&newer));
                look(&newer.value)
            }
            // Nobody is left who could change it; what was sent last may not be kept here.
            Err(_) => look(&kept.receiver.borrow()),
        }
    }
}

impl<T: Clone> Kept<T> {
    fn of(receiver: &watch::Receiver<T>) -> Self {
        let mut receiver = receiver.clone();
        let value = receiver.borrow_and_update().clone();
        Self { receiver, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_seen_at_once_and_after_the_sender_is_gone() {
        let (sender, receiver) = watch::channel(1);
        let latest = Latest::new(&receiver);
        assert_eq!(latest.look(|value| *value), 1);
        sender.send_replace(2);
        assert_eq!([latest.look(|value| *value), latest.look(|value| *value)], [2, 2]);
        sender.send_replace(3);
        drop(sender);
        assert_eq!(latest.look(|value| *value), 3);
    }

    #[test]
    fn a_value_that_was_sent_is_never_missed_by_another_thread() {
        let (sender, receiver) = watch::channel(0_u64);
        let latest = Latest::new(&receiver);
        let sent = std::sync::atomic::AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while sent.load(std::sync::atomic::Ordering::Acquire) < 20_000 {
                        let before = sent.load(std::sync::atomic::Ordering::Acquire);
                        assert!(latest.look(|value| *value) >= before);
                    }
                });
            }
            for value in 1..=20_000 {
                sender.send_replace(value);
                sent.store(value, std::sync::atomic::Ordering::Release);
            }
        });
    }
}
