//! The words of addresses, read once from `packs/streets.tsv`. Next: `mod`.

use std::collections::HashMap;
use std::sync::OnceLock;

/// How far a word can be trusted to say street.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// It means nothing else.
    Plain,
    /// It is an ordinary word as well.
    Weak,
}

/// What a whole word says.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Says {
    /// A street whose name stands before.
    pub(super) after: Option<Trust>,
    /// A street whose name stands behind.
    pub(super) before: Option<Trust>,
    pub(super) unit: bool,
    pub(super) connector: bool,
    pub(super) direction: bool,
}

/// All words.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    words: HashMap<&'static str, Says>,
    endings: Vec<(&'static str, Trust)>,
    leads: Vec<String>,
}

/// The vocabulary, read when it is first needed.
pub(super) fn vocabulary() -> &'static Vocabulary {
    static VOCABULARY: OnceLock<Vocabulary> = OnceLock::new();
    VOCABULARY.get_or_init(|| Vocabulary::read(include_str!("../../packs/streets.tsv")))
}

impl Vocabulary {
    fn read(text: &'static str) -> Self {
        let mut read = Self::default();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        for (kind, words) in lines.filter_map(|line| line.split_once('\t')) {
            for word in words.split_whitespace() {
                read.take(kind, word);
            }
        }
        // Of two endings the longer one decides.
        read.endings.sort_by_key(|(ending, _)| std::cmp::Reverse(ending.len()));
        read
    }

    fn take(&mut self, kind: &str, word: &'static str) {
        let says = self.words.entry(word).or_default();
        match kind {
            "after" => says.after = Some(Trust::Plain),
            "after-weak" => says.after = says.after.or(Some(Trust::Weak)),
            "before" => says.before = Some(Trust::Plain),
            "before-weak" => says.before = says.before.or(Some(Trust::Weak)),
            "unit" => says.unit = true,
            "connector" => says.connector = true,
            "direction" => says.direction = true,
            "ending" => self.endings.push((word, Trust::Plain)),
            "ending-weak" => self.endings.push((word, Trust::Weak)),
            "lead" => self.leads.push(word.replace('_', " ")),
            _ => {}
        }
    }

    /// What a word, in small letters, says.
    pub(super) fn says(&self, word: &str) -> Says {
        self.words.get(word).copied().unwrap_or_default()
    }

    /// What the end of a word says; at least three letters stand before it.
    pub(super) fn ending(&self, word: &str) -> Option<Trust> {
        let known = self.endings.iter().find(|(ending, _)| word.ends_with(ending));
        known
            .filter(|(ending, _)| word.chars().count() >= ending.chars().count() + 3)
            .map(|(_, trust)| *trust)
    }

    /// Whether an address is announced in this text, in small letters.
    pub(super) fn announced(&self, before: &str) -> bool {
        self.leads.iter().any(|lead| before.contains(lead.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_endings() {
        let known = vocabulary();
        assert_eq!(known.says("street").after, Some(Trust::Plain));
        assert_eq!(known.says("drive").after, Some(Trust::Weak));
        assert_eq!(known.says("rue").before, Some(Trust::Plain));
        assert_eq!(known.ending("pohlstrasse"), Some(Trust::Plain));
        assert_eq!(known.ending("strasse"), None, "a whole word is no ending");
        assert_eq!(known.ending("sahantie"), Some(Trust::Weak));
        assert!(
            known.announced("the restaurant is at ") && !known.announced("the restaurant was ")
        );
    }
}
