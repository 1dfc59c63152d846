//! What keeps secrets in memory out of everything that outlives the process: no core dump, no
//! reading by a debugger, no panic message that quotes what it was working on.

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};

/// No core dump of this process, by file or by a program that takes it, and no debugger of another
/// user's.
pub(crate) fn no_dumps() {
    if let Err(fault) = prctl::set_dumpable(false) {
        tracing::warn!("this process may be dumped: {fault}");
    }
    if let Err(fault) = setrlimit(Resource::RLIMIT_CORE, 0, 0) {
        tracing::warn!("core dumps may be written: {fault}");
    }
}

/// A panic says where it happened and nothing of what it was working on: the message of a slice
/// out of range quotes the text that was sliced.
pub(crate) fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        let at = info.location().map_or_else(String::new, |at| format!(" at {at}"));
        eprintln!("backstop: an inner fault{at}; whatever it was about is refused");
    }));
}
