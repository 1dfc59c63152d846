//! A bar on standard error, where that is a terminal and there is enough to wait for.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How far a run has come.
#[derive(Debug)]
pub(crate) struct Progress {
    state: Option<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    done: usize,
    shown: Option<Instant>,
    began: Instant,
}

/// A run shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often the bar moves.
const BEAT: Duration = Duration::from_millis(80);
/// How wide it is, in characters.
const WIDTH: usize = 30;

impl Progress {
    /// A bar, if standard error is a terminal.
    pub(crate) fn for_stderr() -> Self {
        let state = State { done: 0, shown: None, began: Instant::now() };
        Self { state: std::io::stderr().is_terminal().then(|| Mutex::new(state)) }
    }

    /// One more of `all` is done.
    pub(crate) fn step(&self, all: usize) {
        let Some(Ok(mut state)) = self.state.as_ref().map(Mutex::lock) else { return };
        state.done += 1;
        let now = Instant::now();
        let due = state.shown.map_or(now - state.began > PATIENCE, |shown| now - shown > BEAT);
        if !due {
            return;
        }
        state.shown = Some(now);
        let full = (state.done * WIDTH).checked_div(all).unwrap_or(WIDTH).min(WIDTH);
        let (full, rest) = ("━".repeat(full), "·".repeat(WIDTH - full));
        // A terminal that is gone is no reason to stop.
        let _ = write!(std::io::stderr(), "\r{full}{rest} {} of {all} files", state.done);
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        let Some(Ok(mut state)) = self.state.as_ref().map(Mutex::lock) else { return };
        if state.shown.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\u{1b}[2K");
        }
    }
}
