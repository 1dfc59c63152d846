//! Names and places: a gate that proposes candidates in microseconds, and the port for a model
//! that decides what the gate could not. Next: `inspect`.

use crate::hit::Hit;
use std::fmt;
use std::sync::Arc;

/// A model that finds names in free text (the crate `ner` holds one).
pub trait NameModel: Send + Sync {
    /// The names in each text, in the order of the texts. `None`: the model could not answer
    /// within its budget, and what was asked must be refused.
    fn names(&self, texts: &[&str]) -> Option<Vec<Vec<Hit>>>;
}

/// How names are looked for.
#[derive(Clone, Default)]
pub enum Names {
    /// Not at all.
    #[default]
    Off,
    /// By the gate alone.
    GateOnly,
    /// By the gate, and by the model where the gate is not sure.
    Model(Arc<dyn NameModel>),
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            Self::GateOnly => "GateOnly",
            Self::Model(_) => "Model",
        })
    }
}
