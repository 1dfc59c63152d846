//! What was answered, for a while: a conversation that grows is asked about what is new.
//! No text is in it: keyed digests, names of entities and spans. Next: `link`.

use super::answer::Span;
use super::{Answers, Name};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// LIMIT: texts and spans in one generation. There are two, of some 100 bytes each.
const WEIGHT: usize = 32 * 1024;
/// A generation is not added to for longer: another analyzer may stand there by then.
const AGE: Duration = Duration::from_secs(10 * 60);

/// Two generations: when the young one is full or aged it becomes the old one, which is let go.
#[derive(Debug, Default)]
pub(super) struct Memory {
    young: Answers,
    old: Answers,
    weight: usize,
    since: Option<Instant>,
}

impl Memory {
    pub(super) fn recall(&mut self, name: &Name) -> Option<Arc<[Span]>> {
        self.turn_over();
        if let Some(spans) = self.young.get(name) {
            return Some(Arc::clone(spans));
        }
        // INVARIANT: an answer is not made younger by being used, or it would never go.
        self.old.get(name).cloned()
    }

    pub(super) fn keep(&mut self, name: Name, spans: Arc<[Span]>) {
        self.turn_over();
        self.since.get_or_insert_with(Instant::now);
        self.weight = self.weight.saturating_add(1 + spans.len());
        self.young.insert(name, spans);
    }

    fn turn_over(&mut self) {
        let aged = self.since.is_some_and(|since| since.elapsed() > AGE);
        if aged || self.weight > WEIGHT {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
            // The old generation ages too where nothing new comes.
            self.since = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_forgets_the_oldest() {
        let mut memory = Memory::default();
        let name = |number: usize| {
            let mut name = [0; 32];
            name[..8].copy_from_slice(&number.to_le_bytes());
            name
        };
        for number in 0..4 * WEIGHT {
            memory.keep(name(number), Arc::from([]));
            assert!(memory.young.len() + memory.old.len() <= 2 * (WEIGHT + 1));
        }
        assert!(memory.recall(&name(0)).is_none());
        assert!(memory.recall(&name(4 * WEIGHT - 1)).is_some());
    }
}
