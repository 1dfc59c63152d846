//! The gate's one long-lived task: asks live flows again on every change, ends what ends by itself,
//! writes counts down. The binary names and joins it.

use crate::gate::Gate;
use std::collections::HashSet;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// Changes that come in a burst are answered by one sweep.
const BREATH: Duration = Duration::from_millis(50);

impl Gate {
    /// Works until `stop` is true (or its sender is gone), then writes down what was only counted.
    pub async fn run(&self, stop: watch::Receiver<bool>) {
        tokio::join!(self.watch(stop.clone()), self.inner.write_names(stop));
        self.inner.flush_all();
    }

    async fn watch(&self, mut stop: watch::Receiver<bool>) {
        let inner = &self.inner;
        let mut policy = inner.policy.clone();
        let mut changes = inner.changes.clone();
        let mut policy_lives = true;
        let mut changes_live = true;
        let mut tick = interval(inner.config.sweep_every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut flush = interval(inner.config.flush_every);
        flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut expiring = HashSet::new();
        loop {
            // Whatever has changed so far is seen by the sweep below.
            policy.mark_unchanged();
            changes.mark_unchanged();
            inner.sweep().await;
            let rested = Instant::now() + BREATH;
            tokio::select! {
                stopped = stop.wait_for(|stop| *stop) => {
                    drop(stopped);
                    break;
                }
                changed = policy.changed(), if policy_lives => policy_lives = changed.is_ok(),
                changed = changes.changed(), if changes_live => changes_live = changed.is_ok(),
                // What ends by itself (tokens, grants, approvals, a dated rollout) has no event.
                _ = tick.tick() => {
                    inner.expire_holds(&mut expiring);
                    for (subject, fact) in inner.alerts.due(inner.now(), Duration::MAX) {
                        inner.owe(subject, fact);
                    }
                }
                _ = flush.tick() => {
                    inner.retire_names(inner.now());
                    inner.flush(None);
                }
            }
            sleep_until(rested).await;
        }
    }
}
