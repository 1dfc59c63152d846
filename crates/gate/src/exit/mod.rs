//! The one dialer: resolves, judges and pins addresses, connects and speaks TLS upstream.
