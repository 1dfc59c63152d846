//! Asks the upstreams of the configuration. Next: `answer`.
