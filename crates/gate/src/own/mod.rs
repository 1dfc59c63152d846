//! The second dialer: what Backstop itself must reach, from the configuration alone.
