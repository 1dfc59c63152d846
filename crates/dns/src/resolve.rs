//! Look-ups of the other planes (`gate::Resolve`), through the same cache and pins.
