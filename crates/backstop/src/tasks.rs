//! Long-lived tasks start here, named and joined. One that ends early makes the process unhealthy
//! and stops it: a gateway that has lost a limb must not look alive.

use anyhow::{Result, anyhow};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The process's long-lived tasks.
pub(crate) struct Tasks {
    set: JoinSet<(&'static str, Result<()>)>,
    stop: watch::Sender<bool>,
}

impl Tasks {
    /// No task yet.
    pub(crate) fn new() -> Self {
        Self { set: JoinSet::new(), stop: watch::Sender::new(false) }
    }
    /// What a task watches to learn that it is time to end.
    pub(crate) fn stop(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }
    /// Starts a task.
    pub(crate) fn start(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<()>> + Send + 'static,
    ) {
        self.set.spawn(async move { (name, task.await) });
    }
    /// Waits until a task ends that should not have.
    pub(crate) async fn first_end(&mut self) -> anyhow::Error {
        match self.set.join_next().await {
            Some(Ok((name, Ok(())))) => anyhow!("the task `{name}` ended early"),
            Some(Ok((name, Err(fault)))) => fault.context(format!("the task `{name}` failed")),
            Some(Err(fault)) => anyhow!("a task did not survive: {fault}"),
            // Nothing was started, so nothing can end.
            None => std::future::pending().await,
        }
    }
    /// Tells every task to end and waits for them as long as `patience` does; what is left then is
    /// aborted.
    ///
    /// # Errors
    /// The first fault with which a task ended.
    pub(crate) async fn stop_all(mut self, patience: impl Future<Output = ()>) -> Result<()> {
        self.stop.send_replace(true);
        let mut first = Ok(());
        let all = async {
            while let Some(ended) = self.set.join_next().await {
                let result = match ended {
                    Ok((name, result)) => {
                        result.map_err(|fault| fault.context(format!("the task `{name}` failed")))
                    }
                    Err(fault) => Err(anyhow!("a task did not survive: {fault}")),
                };
                if first.is_ok() {
                    first = result;
                }
            }
        };
        let ended = tokio::select! {
            () = all => true,
            () = patience => false,
        };
        if !ended {
            tracing::warn!("tasks did not end in time and were cut");
            self.set.shutdown().await;
        }
        first
    }
}
