//! DNS messages, sans-IO: what may be read of a query and how answers are written.
//! Must not know sockets, policy or the gate. Next: `refusal`.
