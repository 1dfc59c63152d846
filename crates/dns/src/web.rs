//! What DNS over HTTPS (RFC 8484) is to whoever asks and whoever answers: the media type, and the
//! tasks of an HTTP/2 connection. Next: `server`, `forward`.

use hyper::rt::Executor;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;

/// The media type of a DNS message.
pub(crate) const MESSAGE: &str = "application/dns-message";

/// The tasks of one HTTP/2 connection; they end with it.
#[derive(Clone, Default)]
pub(crate) struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(future);
    }
}
