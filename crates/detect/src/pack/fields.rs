//! A mapping read key by key: wrong shapes are faults, and so is every key nobody asked for.
//! Next: `schema`.

use super::fault::Faults;
use super::tree::{Entry, Node, Value};

/// A mapping whose keys are taken one after the other.
pub(super) struct Fields<'n> {
    pub(super) line: usize,
    left: Vec<&'n Entry>,
}

impl<'n> Fields<'n> {
    /// The node as a mapping; `what` names it in the fault.
    pub(super) fn of(node: &'n Node, what: &str, faults: &mut Faults) -> Option<Self> {
        match &node.value {
            Value::Map(entries) => Some(Self { line: node.line, left: entries.iter().collect() }),
            Value::Null | Value::Text(_) | Value::List(_) => {
                faults.add(node.line, format!("{what} must be a mapping, not {}", node.what()));
                None
            }
        }
    }
    /// The value of a key, which is then known.
    pub(super) fn take(&mut self, key: &str) -> Option<&'n Node> {
        let at = self.left.iter().position(|entry| entry.key == key)?;
        Some(&self.left.swap_remove(at).node)
    }
    pub(super) fn text(&mut self, key: &str, faults: &mut Faults) -> Option<&'n str> {
        let node = self.take(key)?;
        text(node, key, faults)
    }
    pub(super) fn required(&mut self, key: &str, faults: &mut Faults) -> Option<&'n str> {
        let before = faults.len();
        let found = self.text(key, faults);
        if found.is_none() && faults.len() == before {
            faults.add(self.line, format!("`{key}` is missing"));
        }
        found
    }
    /// A list of texts; a single text is a list of one.
    pub(super) fn texts(&mut self, key: &str, faults: &mut Faults) -> Vec<String> {
        self.take(key).map(|node| texts(node, key, faults)).unwrap_or_default()
    }
    /// A list of nodes.
    pub(super) fn items(&mut self, key: &str, faults: &mut Faults) -> &'n [Node] {
        match self.take(key) {
            None => &[],
            Some(Node { value: Value::List(items), .. }) => items,
            Some(node) => {
                faults.add(node.line, format!("`{key}` must be a list, not {}", node.what()));
                &[]
            }
        }
    }
    pub(super) fn number(&mut self, key: &str, faults: &mut Faults) -> Option<f32> {
        let node = self.take(key)?;
        let number =
            text(node, key, faults)?.parse().ok().filter(|number: &f32| number.is_finite());
        if number.is_none() {
            faults.add(node.line, format!("`{key}` must be a number"));
        }
        number
    }
    pub(super) fn flag(&mut self, key: &str, faults: &mut Faults) -> Option<bool> {
        let node = self.take(key)?;
        match text(node, key, faults)? {
            "true" | "True" => Some(true),
            "false" | "False" => Some(false),
            _ => {
                faults.add(node.line, format!("`{key}` must be true or false"));
                None
            }
        }
    }
    /// The keys and values that nobody took, for mappings whose keys are free.
    pub(super) fn rest(self) -> Vec<&'n Entry> {
        self.left
    }
    /// Every key that nobody took is a fault.
    pub(super) fn finish(self, faults: &mut Faults) {
        for entry in self.left {
            faults.add(entry.line, format!("unknown key `{}`", entry.key));
        }
    }
}

/// The node as text.
pub(super) fn text<'n>(node: &'n Node, key: &str, faults: &mut Faults) -> Option<&'n str> {
    match &node.value {
        Value::Text(text) => Some(text),
        Value::Null | Value::List(_) | Value::Map(_) => {
            faults.add(node.line, format!("`{key}` must be text, not {}", node.what()));
            None
        }
    }
}

/// The node as a list of texts.
pub(super) fn texts(node: &Node, key: &str, faults: &mut Faults) -> Vec<String> {
    match &node.value {
        Value::Text(text) => vec![text.clone()],
        Value::List(items) => {
            items.iter().filter_map(|item| text(item, key, faults)).map(str::to_owned).collect()
        }
        Value::Null | Value::Map(_) => {
            faults.add(node.line, format!("`{key}` must be a list of texts, not {}", node.what()));
            Vec::new()
        }
    }
}
