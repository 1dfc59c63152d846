//! One source address of a session: a cheap handle. Next: `identity`.

use crate::identity::Session;
use backstop_model::name::QueryName;
use std::net::IpAddr;
use std::sync::Arc;

/// One source address of a standing session. Clones are the same client.
#[derive(Debug, Clone)]
pub struct NameClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    session: Session,
    source: IpAddr,
}

impl NameClient {
    pub(crate) fn new(session: Session, source: IpAddr) -> Self {
        Self { inner: Arc::new(Inner { session, source }) }
    }
    pub(crate) fn session(&self) -> &Session {
        &self.inner.session
    }
    /// Its address.
    pub fn source(&self) -> IpAddr {
        self.inner.source
    }
    /// What this client was told for `name` and may still use, the newest first.
    pub fn pinned(&self, name: &QueryName) -> Vec<IpAddr> {
        let _ = name;
        Vec::new()
    }
}
