//! The model for names, loaded when it is first needed: it takes time and memory that those who need
//! none shall not spend.
//!
//! A policy asks for it as it is read (`ModelPlace::load`); `/analyze` asks with the first text that
//! tier 1 is in doubt about (`WhenAsked`). Must not know policies. Next: `detection`.

use crate::commands::models;
use crate::detection::{Stamps, stamps};
use anyhow::Result;
use backstop_detect::{NameBudget, NameCounts, NameFault, NameModel, NameSpan};
use backstop_ner::{Model, Pool, PoolConfig};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Where the model is installed, and the model once it is loaded: one for all who ask.
pub(crate) struct ModelPlace {
    state: PathBuf,
    model: OnceLock<Arc<dyn NameModel>>,
    /// How the model's files stood when they could not be used. Held while the model is loaded, so
    /// that it is loaded once.
    unusable: Mutex<Option<Stamps>>,
}

impl ModelPlace {
    /// Below this state folder.
    pub(crate) fn below(state: &Path) -> Self {
        Self { state: state.to_owned(), model: OnceLock::new(), unusable: Mutex::new(None) }
    }

    /// Whether it is there; whether it can be used shows when it is loaded.
    pub(crate) fn is_installed(&self) -> bool {
        self.model.get().is_some() || models::is_installed(&self.state)
    }

    /// The model, if somebody has loaded it.
    pub(crate) fn loaded(&self) -> Option<&Arc<dyn NameModel>> {
        self.model.get()
    }

    /// The model. `None`: it cannot be used, and whatever requires it is refused.
    pub(crate) fn load(&self) -> Option<&Arc<dyn NameModel>> {
        if let Some(model) = self.model.get() {
            return Some(model);
        }
        let mut unusable = self.unusable.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = self.model.get() {
            return Some(model);
        }
        let folder = models::folder(&self.state);
        let now = stamps(&[folder.join(backstop_ner::MODEL.name), folder.clone()]);
        if unusable.as_ref() == Some(&now) {
            return None;
        }
        let start = || -> Result<Pool> {
            let model = Model::load(&folder)?;
            Ok(Pool::start(Arc::new(model), PoolConfig::default())?)
        };
        match start() {
            Ok(pool) => {
                tracing::info!("the model for names is in use");
                Some(self.model.get_or_init(|| Arc::new(pool)))
            }
            Err(fault) => {
                *unusable = Some(now);
                tracing::error!(
                    "the model for names cannot be used, so what requires it is refused: {fault:#}; `backstop models install` installs it anew"
                );
                None
            }
        }
    }
}

/// The model for whoever may never ask it.
pub(crate) struct WhenAsked(pub(crate) Arc<ModelPlace>);

impl NameModel for WhenAsked {
    fn spans(
        &self,
        passages: &[&str],
        budget: &mut NameBudget,
    ) -> Result<Vec<Vec<NameSpan>>, NameFault> {
        self.0.load().ok_or(NameFault::Broken)?.spans(passages, budget)
    }

    fn counts(&self) -> NameCounts {
        self.0.loaded().map(|model| model.counts()).unwrap_or_default()
    }
}
