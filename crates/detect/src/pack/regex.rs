//! How a pattern is checked before it is ever compiled. Next: `schema`.

use regex_automata::meta::BuildError;
use std::error::Error as _;

/// Why a pattern does not compile, in one line.
pub(crate) fn fault_text(error: &BuildError) -> String {
    error.syntax_error().map_or_else(
        || error.source().map_or_else(|| error.to_string(), ToString::to_string),
        syntax_text,
    )
}

fn syntax_text(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        other => other.to_string().replace('\n', " "),
    }
}

/// Whether a pattern is one; the reason if it is not.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    regex_syntax::parse(pattern).map(|_| ()).map_err(|error| syntax_text(&error))
}
