//! Policy first, for each question: the gate is asked, then the cache, then the forwarder.
//! Next: `cache`.
