//! All documents by kind and name, each with its last good version.
//!
//! Reading never fails as a whole. A file with a syntax error keeps all its documents; a bad
//! document keeps its own last good version while its neighbours go ahead; a document that is
//! gone from the texts is gone. Where two texts claim one document, the one that owned it before
//! keeps it, else the first good one.
//! Must not know how an attempt is decided. Next: `library/links`.

mod links;

use crate::canonical::canonical;
use crate::diagnostic::{Diagnostic, Faults, LoadContext, Source, Span};
use crate::document::{Classification, Document, DocumentKey};
use crate::policy::Policy;
use crate::read::read;
use crate::yaml::{self, Value};
use backstop_model::id::Digest;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// All documents by kind and name, each with its last good version.
#[derive(Debug, Clone, Default)]
pub struct Library {
    stored: BTreeMap<DocumentKey, Stored>,
}

/// What came of reading policy texts.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The documents now in force, to be passed on to the next reading.
    pub library: Library,
    /// The compiled policy.
    pub policy: Arc<Policy>,
    /// Everything that is wrong or worth knowing, in the order of the texts.
    pub diagnostics: Vec<Diagnostic>,
    /// One sentence for each document that keeps its last good version.
    pub kept: Vec<String>,
}

/// One good document and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) document: Document,
    /// For a Tenant: the classification that it was checked against.
    pub(crate) scheme: Option<Arc<Classification>>,
    pub(crate) source: String,
    /// Its place among the documents of its file.
    index: usize,
    /// Where in its file its own text stands.
    place: yaml::Place,
    file: Arc<File>,
}

/// The file as it was when a document was read.
#[derive(Debug, PartialEq, Eq)]
struct File {
    text: String,
    documents: usize,
}

/// A document of the texts at hand, good or bad.
struct Candidate {
    source: usize,
    span: Span,
    stored: Option<Stored>,
    /// A bad document, as far as it could be read: for its other faults alone.
    draft: Option<Document>,
}

impl Library {
    /// Reads all texts. Never fails: a bad document keeps its last good version.
    pub fn apply(&self, sources: &[Source], ctx: &LoadContext) -> Applied {
        let mut reading = Reading::of(sources, ctx);
        let owners = reading.owners(self);
        let (mut library, mut kept) = (Self::default(), BTreeSet::new());
        for (key, stored) in &self.stored {
            let stays = match owners.get(key) {
                Some(owner) => owner.stored.is_none(),
                None => reading.unsure.contains(stored.source.as_str()),
            };
            if stays {
                kept.insert(key.clone());
                library.stored.insert(key.clone(), stored.clone());
            }
        }
        let mut drafts = Vec::new();
        for (key, owner) in owners {
            if let Some(stored) = owner.stored {
                library.stored.insert(key, stored);
            }
            drafts.extend(owner.draft.map(|draft| (owner.source, draft)));
        }
        links::drafts(&library, &drafts, ctx, &mut reading.faults);
        for key in links::resolve(&mut library, &kept, ctx, &mut reading.faults, sources) {
            match self.stored.get(&key) {
                Some(stored) => {
                    library.stored.insert(key.clone(), stored.clone());
                    kept.insert(key);
                }
                None => {
                    library.stored.remove(&key);
                }
            }
        }
        links::warn(&library, &kept, ctx, &mut reading.faults, sources);
        Applied {
            policy: Arc::new(Policy::compile(&library)),
            diagnostics: reading.faults.into_iter().flat_map(Faults::into_list).collect(),
            kept: kept.iter().map(|key| format!("{key} keeps its last good version")).collect(),
            library,
        }
    }

    pub(crate) fn documents(&self) -> impl Iterator<Item = &Stored> {
        self.stored.values()
    }

    /// SHA-256 over every document's canonical form, in the order of kind and name.
    pub(crate) fn digest(&self) -> Digest {
        let mut all = String::new();
        for stored in self.stored.values() {
            all.push_str(&canonical(&stored.document));
            all.push('\n');
            if let Some(scheme) = &stored.scheme {
                all.push_str(&canonical(&Document::Classification(Arc::clone(scheme))));
                all.push('\n');
            }
        }
        Digest::of(all.as_bytes())
    }

    /// Texts that give the same library again: whole files where all of a file is in force,
    /// otherwise the documents that are, one after another.
    ///
    /// LIMIT: a Tenant that is kept because its Classification took a level away does not load
    /// from these: on a cold start it is missing, and denied, until somebody mends the texts.
    pub(crate) fn texts(&self) -> Vec<Source> {
        let mut files: BTreeMap<&str, Vec<&Stored>> = BTreeMap::new();
        for stored in self.stored.values() {
            files.entry(&stored.source).or_default().push(stored);
        }
        files
            .into_iter()
            .map(|(name, mut documents)| {
                documents.sort_by_key(|d| d.index);
                let whole = documents.first().map(|d| &d.file).filter(|file| {
                    file.documents == documents.len() && documents.iter().all(|d| d.file == **file)
                });
                let text = match whole {
                    Some(file) => file.text.clone(),
                    None => documents
                        .iter()
                        .map(|d| format!("---\n{}", d.place.text(&d.file.text)))
                        .collect(),
                };
                Source { name: name.to_owned(), text }
            })
            .collect()
    }
}

/// All texts, read.
struct Reading {
    faults: Vec<Faults>,
    candidates: BTreeMap<DocumentKey, Vec<Candidate>>,
    names: Vec<String>,
    /// Files of which something could not be told apart: what they owned stays.
    unsure: BTreeSet<String>,
}

impl Reading {
    fn of(sources: &[Source], ctx: &LoadContext) -> Self {
        let mut reading = Self {
            faults: Vec::new(),
            candidates: BTreeMap::new(),
            names: sources.iter().map(|s| s.name.clone()).collect(),
            unsure: BTreeSet::new(),
        };
        for (number, source) in sources.iter().enumerate() {
            let mut faults = Faults::of(&source.name);
            reading.file(number, source, ctx, &mut faults);
            reading.faults.push(faults);
        }
        reading
    }

    fn file(&mut self, number: usize, source: &Source, ctx: &LoadContext, faults: &mut Faults) {
        let Ok(mut documents) = yaml::parse(&source.text, faults) else {
            self.unsure.insert(source.name.clone());
            return;
        };
        // `---` at the end of a file opens an empty document: nothing is meant by it.
        documents.retain(|d| !matches!(d.root.value, Value::Null));
        let file = Arc::new(File { text: source.text.clone(), documents: documents.len() });
        for (index, yaml) in documents.into_iter().enumerate() {
            let read = read(&yaml, ctx, faults);
            let Some((key, span)) = read.key else {
                self.unsure.insert(source.name.clone());
                continue;
            };
            let (good, draft) = match (read.document, read.good) {
                (document, true) => (document, None),
                (document, false) => (None, document),
            };
            let stored = good.map(|document| Stored {
                document,
                scheme: None,
                source: source.name.clone(),
                index,
                place: yaml.place,
                file: Arc::clone(&file),
            });
            let candidate = Candidate { source: number, span, stored, draft };
            self.candidates.entry(key).or_default().push(candidate);
        }
    }

    /// For each document the one text that speaks for it; the others are errors.
    fn owners(&mut self, before: &Library) -> BTreeMap<DocumentKey, Candidate> {
        let mut owners = BTreeMap::new();
        for (key, mut candidates) in std::mem::take(&mut self.candidates) {
            let owned = before.stored.get(&key).map(|s| s.source.as_str());
            // A file that cannot be read now still owns what it owned.
            let lost = owned.is_some_and(|owner| {
                self.unsure.contains(owner)
                    && !candidates.iter().any(|c| self.name(c.source) == owner)
            });
            let position = if lost {
                None
            } else {
                candidates
                    .iter()
                    .position(|c| Some(self.name(c.source)) == owned)
                    .or_else(|| candidates.iter().position(|c| c.stored.is_some()))
                    .or(Some(0))
            };
            let owner = position
                .filter(|index| *index < candidates.len())
                .map(|index| candidates.remove(index));
            let place = match &owner {
                Some(owner) => format!("{}:{}", self.name(owner.source), owner.span.line),
                None => owned.unwrap_or_default().to_owned(),
            };
            for other in candidates {
                let message = format!("`{key}` stands twice");
                let hint = format!("the one in {place} is used; take one of them out");
                if let Some(faults) = self.faults.get_mut(other.source) {
                    faults.error("policy.duplicate_document", other.span, message, Some(&hint));
                }
            }
            if let Some(owner) = owner {
                owners.insert(key, owner);
            }
        }
        owners
    }

    fn name(&self, source: usize) -> &str {
        self.names.get(source).map(String::as_str).unwrap_or_default()
    }
}
