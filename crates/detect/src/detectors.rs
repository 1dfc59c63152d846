//! A compiled set of detectors: built once, shared by everyone who scans.
//! Next: `engine`.

use crate::engine::{Engine, Scratch};
use crate::hit::Hit;
use crate::options::ScanOptions;
use crate::pack::{self, Catalog, Detector, PackFault, PackLine};
use crate::score::Score;
use crate::secret::canary::Canaries;
use backstop_model::redacted::Redacted;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Compiled detectors: immutable, shared by `Arc`.
#[derive(Debug)]
pub struct Detectors {
    compiled: Arc<Compiled>,
    canaries: Canaries,
}

/// What does not depend on registered values: it is the largest part, and compiled once for all
/// sets that differ in these alone.
#[derive(Debug)]
struct Compiled {
    engine: Engine,
    catalog: Catalog,
    detectors: Vec<Arc<Detector>>,
}

/// A value that must never leave, whatever it looks like: a token of Backstop's own, a credential
/// bound to a host, a planted row of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// What it is called in findings (`OPENAI_API_KEY`, `canary:db-dump`).
    pub name: String,
    /// The value. LIMIT: one shorter than eight bytes is not looked for.
    pub value: Redacted<Vec<u8>>,
}

/// Collects packs, then compiles them.
#[derive(Debug, Clone)]
pub struct Builder {
    detectors: Vec<Arc<Detector>>,
    /// Compiled from just these, as soon as anyone asked for it; shared with clones.
    compiled: Arc<OnceLock<Arc<Compiled>>>,
    canaries: Vec<Canary>,
    notes: Vec<PackFault>,
}

/// An example that was not found, or a counter-example that was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfTestFault {
    /// The pack.
    pub pack: Arc<str>,
    /// The detector.
    pub detector: Arc<str>,
    /// The line of the example in its pack.
    pub line: usize,
    /// What went wrong. Quotes the example, which is the pack's own text.
    pub message: String,
}

impl fmt::Display for SelfTestFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.pack, self.line, self.detector, self.message)
    }
}

impl Detectors {
    /// The built-in packs, compiled on first use.
    #[expect(clippy::expect_used, reason = "the built-in packs are proven by this crate's tests")]
    pub fn builtin() -> Arc<Self> {
        static BUILTIN: OnceLock<Arc<Detectors>> = OnceLock::new();
        BUILTIN
            .get_or_init(|| Arc::new(Self::builder().build().expect("the built-in packs load")))
            .clone()
    }
    /// The built-in packs, to which others may be added.
    #[expect(clippy::expect_used, reason = "the built-in packs are proven by this crate's tests")]
    pub fn builder() -> Builder {
        let mut builder = Builder::empty();
        for (name, text) in pack::PACKS {
            builder = builder.pack(name, text).expect("the built-in packs load");
        }
        builder
    }
    /// What there is to find.
    pub fn catalog(&self) -> &Catalog {
        &self.compiled.catalog
    }
    /// Everything found in a text, by place.
    pub fn scan(&self, text: &str, options: &ScanOptions, scratch: &mut Scratch) -> Vec<Hit> {
        let mut hits = self.compiled.engine.scan(text, options, scratch);
        self.canaries.scan(text, options, &mut hits);
        hits
    }
    /// Holds every detector to its own examples and counter-examples; empty when all stand.
    pub fn self_test(&self) -> Vec<SelfTestFault> {
        let mut scratch = Scratch::default();
        let mut faults = Vec::new();
        for detector in &self.compiled.detectors {
            let mut fault = |line, message| {
                faults.push(SelfTestFault {
                    pack: detector.origin.source.clone(),
                    detector: detector.id.clone(),
                    line,
                    message,
                });
            };
            let mut hits = |text: &str, threshold| {
                let options = ScanOptions {
                    threshold,
                    entities: Some(vec![detector.entity.to_string()]),
                    ..ScanOptions::default()
                };
                let mut hits = self.scan(text, &options, &mut scratch);
                hits.retain(|hit| hit.detector == detector.id);
                hits
            };
            if detector.origin.is_imported {
                continue;
            }
            if detector.examples.is_empty() {
                fault(detector.origin.line, "has no example".to_owned());
            }
            if detector.counter_examples.len() < 2 {
                fault(detector.origin.line, "has fewer than two counter-examples".to_owned());
            }
            for example in &detector.examples {
                let found = hits(&example.text, Score::new(f32::MIN_POSITIVE));
                let spans: Vec<&str> =
                    found.iter().filter_map(|hit| example.text.get(hit.span.clone())).collect();
                let stands = match &example.value {
                    Some(value) => spans.contains(&value.as_str()),
                    None => !spans.is_empty(),
                };
                if !stands {
                    fault(example.line, format!("`{}` must be found, got {spans:?}", example.text));
                }
            }
            for example in &detector.counter_examples {
                for hit in hits(&example.text, Score::VERDICT) {
                    let span = example.text.get(hit.span.clone()).unwrap_or_default();
                    let message = format!(
                        "`{}` must not be found, got `{span}` at {}",
                        example.text, hit.score
                    );
                    fault(example.line, message);
                }
            }
        }
        faults
    }
}

impl Builder {
    /// No detectors at all.
    pub fn empty() -> Self {
        Self {
            detectors: Vec::new(),
            compiled: Arc::default(),
            canaries: Vec::new(),
            notes: Vec::new(),
        }
    }
    /// Adds a pack.
    ///
    /// # Errors
    /// Everything that is wrong with it, by line.
    pub fn pack(self, source: &str, yaml: &str) -> Result<Self, PackFault> {
        let detectors = pack::read(source, yaml)?;
        self.add(source, detectors)
    }
    /// Adds rules in the format of gitleaks; `notes` then tells what cannot be honoured.
    ///
    /// # Errors
    /// Everything that is wrong with them, by line.
    pub fn gitleaks(self, source: &str, toml: &str) -> Result<Self, PackFault> {
        let (detectors, notes) = pack::read_gitleaks(source, toml)?;
        self.add(source, detectors).map(|builder| builder.noting(notes))
    }
    /// Adds Presidio's recognizers (YAML or JSON); `notes` then tells what cannot be honoured.
    ///
    /// # Errors
    /// Everything that is wrong with them, by line.
    pub fn presidio(self, source: &str, yaml: &str) -> Result<Self, PackFault> {
        let (detectors, notes) = pack::read_presidio(source, yaml)?;
        self.add(source, detectors).map(|builder| builder.noting(notes))
    }
    /// What of imported rules cannot be honoured, by source; to be shown to whoever imports.
    pub fn notes(&self) -> &[PackFault] {
        &self.notes
    }
    /// Adds a registered value.
    #[must_use]
    pub fn canary(mut self, canary: Canary) -> Self {
        self.canaries.push(canary);
        self
    }
    /// Compiles everything.
    ///
    /// # Errors
    /// A pattern that is too large to compile.
    pub fn build(self) -> Result<Detectors, PackFault> {
        let compiled = match self.compiled.get() {
            Some(compiled) => Arc::clone(compiled),
            None => {
                let compiled = Arc::new(Compiled::of(self.detectors)?);
                Arc::clone(self.compiled.get_or_init(|| compiled))
            }
        };
        let canaries = Canaries::of(&self.canaries).map_err(|message| PackFault {
            source: "registered values".to_owned(),
            lines: vec![PackLine { line: 1, message }],
        })?;
        Ok(Detectors { compiled, canaries })
    }

    fn noting(mut self, notes: PackFault) -> Self {
        if !notes.lines.is_empty() {
            self.notes.push(notes);
        }
        self
    }

    fn add(mut self, source: &str, detectors: Vec<Detector>) -> Result<Self, PackFault> {
        let mut known: HashMap<Arc<str>, Arc<str>> = HashMap::new();
        for detector in &self.detectors {
            known.insert(detector.id.clone(), detector.origin.source.clone());
        }
        let mut lines = Vec::new();
        for detector in &detectors {
            let pack = detector.origin.source.clone();
            if let Some(other) = known.insert(detector.id.clone(), pack) {
                let message = format!("the id `{}` stands in `{other}` already", detector.id);
                lines.push(PackLine { line: detector.origin.line, message });
            }
        }
        if !lines.is_empty() {
            return Err(PackFault { source: source.to_owned(), lines });
        }
        self.detectors.extend(detectors.into_iter().map(Arc::new));
        self.compiled = Arc::default();
        Ok(self)
    }
}

impl Compiled {
    fn of(detectors: Vec<Arc<Detector>>) -> Result<Self, PackFault> {
        let engine = Engine::of(&detectors).map_err(|(number, line, message)| PackFault {
            source: detectors
                .get(number)
                .map_or_else(String::new, |detector| detector.origin.source.to_string()),
            lines: vec![PackLine { line, message }],
        })?;
        Ok(Self { engine, catalog: Catalog::of(&detectors), detectors })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_in_registered_values_alone_is_compiled_once() {
        let rules = Detectors::builder();
        let (one, other) = (rules.clone(), rules.clone());
        let pack = "pack: own\ndetectors:\n- { id: own, entity: OWN, family: pii, level: internal, \
            keywords: [own], patterns: [{ name: p, regex: 'own[0-9]+', score: 0.9, guard: word }], \
            examples: [own1], counter_examples: [ow, on] }\n";
        let more = rules.clone().pack("own", pack).unwrap();
        let value = Redacted::new("canary", b"a registered value".to_vec());
        let one = one.canary(Canary { name: "one".to_owned(), value }).build().unwrap();
        let other = other.build().unwrap();
        assert!(Arc::ptr_eq(&one.compiled, &other.compiled));
        let found = |detectors: &Detectors| {
            let options = ScanOptions::default();
            detectors.scan("say a registered value", &options, &mut Scratch::default()).len()
        };
        assert_eq!((found(&one), found(&other)), (1, 0));
        // What was added after that is compiled anew.
        assert!(!Arc::ptr_eq(&more.build().unwrap().compiled, &other.compiled));
    }

    #[test]
    fn every_example_of_every_pack_stands() {
        let faults = Detectors::builtin().self_test();
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "{} faults:\n{}", lines.len(), lines.join("\n"));
    }
}
