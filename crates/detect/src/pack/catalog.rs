//! What there is to detect: names only, for policies, `GET /recognizers` and reference pages.
//! Next: `detectors`.

use super::detector::{Acts, Detector, Family};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Everything that a set of detectors can find.
#[derive(Debug, Clone)]
pub struct Catalog {
    entries: Vec<CatalogEntry>,
}

/// One detector, by its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogEntry {
    /// The detector's own name ("us-ssn").
    pub id: Arc<str>,
    /// What it finds ("US_SSN").
    pub entity: Arc<str>,
    /// Which control it belongs to.
    pub family: Family,
    /// Whether it refuses by itself.
    pub acts: Acts,
    /// The classification level that it gives.
    pub level: Option<Arc<str>>,
    /// The country it belongs to, as ISO 3166 in lower case.
    pub country: Option<String>,
    /// The languages it answers for; empty for all.
    pub languages: Vec<String>,
    /// The pack it stands in.
    pub pack: Arc<str>,
}

impl Catalog {
    pub(crate) fn of(detectors: &[Arc<Detector>]) -> Self {
        let entries = detectors.iter().map(|detector| CatalogEntry {
            id: detector.id.clone(),
            entity: detector.entity.clone(),
            family: detector.family,
            acts: detector.acts,
            level: detector.level.clone(),
            country: detector.country.clone(),
            languages: detector.languages.clone(),
            pack: detector.origin.source.clone(),
        });
        Self { entries: entries.collect() }
    }
    /// Every detector, in the order of the packs.
    pub fn detectors(&self) -> &[CatalogEntry] {
        &self.entries
    }
    /// The names of everything that can be found, sorted.
    pub fn entities(&self) -> BTreeSet<&str> {
        self.entries.iter().map(|entry| &*entry.entity).collect()
    }
    /// The same for one language.
    pub fn entities_for(&self, language: &str) -> BTreeSet<&str> {
        let speaks = |entry: &&CatalogEntry| {
            entry.languages.is_empty() || entry.languages.iter().any(|known| known == language)
        };
        self.entries.iter().filter(speaks).map(|entry| &*entry.entity).collect()
    }
}
