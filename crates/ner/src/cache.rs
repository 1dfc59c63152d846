//! What was answered before, by the digest of the passage: a conversation that grows is judged on
//! what is new.
//!
//! Two generations: what is asked again moves to the young one; when that is full, the old one is
//! dropped. Holds digests and places, never text.

use std::collections::HashMap;
use std::sync::Arc;

use backstop_detect::NameSpan;
use sha2::{Digest as _, Sha256};

/// The digest of a passage.
pub(crate) type Key = [u8; 32];

/// Answers, bounded.
#[derive(Debug)]
pub(crate) struct Cache {
    young: HashMap<Key, Arc<[NameSpan]>>,
    old: HashMap<Key, Arc<[NameSpan]>>,
    most: usize,
}

impl Cache {
    /// LIMIT: holds at most `most` answers.
    pub(crate) fn new(most: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), most: (most / 2).max(1) }
    }

    /// A passage's key.
    pub(crate) fn key(passage: &str) -> Key {
        Sha256::digest(passage.as_bytes()).into()
    }

    /// The answer of before.
    pub(crate) fn get(&mut self, key: &Key) -> Option<Arc<[NameSpan]>> {
        if let Some(known) = self.young.get(key) {
            return Some(Arc::clone(known));
        }
        let known = self.old.remove(key)?;
        self.put(*key, Arc::clone(&known));
        Some(known)
    }

    /// Keeps an answer.
    pub(crate) fn put(&mut self, key: Key, answer: Arc<[NameSpan]>) {
        if self.young.len() >= self.most {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_again_stays_and_the_rest_goes() {
        let mut cache = Cache::new(4);
        let key = |number: u32| Cache::key(&number.to_string());
        let none: Arc<[NameSpan]> = Arc::from(Vec::new());
        for number in 0..100 {
            cache.put(key(number), Arc::clone(&none));
            assert!(cache.get(&key(0)).is_some(), "{number}");
            assert!(cache.young.len() + cache.old.len() <= 4);
        }
        assert!(cache.get(&key(1)).is_none());
    }
}
