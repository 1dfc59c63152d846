//! What keeps secrets in memory out of everything that outlives the process: no core dump, no
//! reading by a debugger, no panic message that quotes what it was working on.

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};

/// No core dump of this process, by file or by a program that takes it, and no debugger of another
/// user's. Called before anything secret is read, so before there is a log.
pub(crate) fn no_dumps() {
    if let Err(fault) = prctl::set_dumpable(false) {
        eprintln!("backstop: this process may be dumped: {fault}");
    }
    if let Err(fault) = setrlimit(Resource::RLIMIT_CORE, 0, 0) {
        eprintln!("backstop: core dumps may be written: {fault}");
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    const CHILD: &str = "BACKSTOP_TEST_OF_PANICS";

    #[test]
    #[expect(
        clippy::disallowed_methods,
        clippy::string_slice,
        reason = "the test starts itself once more, to see what a panic prints"
    )]
    fn a_panic_says_where_and_quotes_nothing() {
        if std::env::var_os(CHILD).is_some() {
            quiet_panics();
            let text = "the number is 536-90-4399 é";
            let end = text.len() - 1;
            // Panics, and its message would quote the text.
            let _inside = &text[..end];
            return;
        }
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "hardening::tests::a_panic_says_where_and_quotes_nothing"])
            .args(["--nocapture", "--test-threads=1"])
            .env(CHILD, "1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&child.stdout),
            String::from_utf8_lossy(&child.stderr)
        );
        assert!(!child.status.success(), "{said}");
        assert!(said.contains("an inner fault at ") && said.contains("hardening.rs"), "{said}");
        assert!(!said.contains("536-90"), "{said}");
    }
}
