//! The layer after policy: what an upstream answered is walked, judged and cut down to what was
//! asked for. Next: `resolve`.
