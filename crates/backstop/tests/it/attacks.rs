//! Attempts to get data out, to reach what nobody may reach, or to make the record lie: through the
//! real binary, with the attacker's servers in the same world. Each table says what must come of
//! an attempt; at the end of each the attacker has seen no connection, no byte and no look-up.
//!
//! ```text
//!  stage     the world: gateway, honest servers, attacker, counting DNS
//!  requests  one listener, raw bytes           tunnels   ClientHellos and long-lived tunnels
//!  standing  tokens, sessions, grants, API     crowd     one session against the others
//!  files     policy, state and token files     record    what is written and shown
//! ```

mod crowd;
mod files;
mod record;
mod requests;
mod stage;
mod standing;
mod tunnels;
