//! Listeners: UDP on threads of their own, TCP on the runtime. Must not know policy.
//! Next: `service`.
