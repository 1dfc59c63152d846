//! Time and randomness are passed in: the two ports here, and the ones a real process uses.
//! Must not know what they are used for. Next: `identity`.

use crate::live::lock;
use backstop_model::time::Timestamp;
use std::sync::Mutex;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The time now, in UTC.
    fn now(&self) -> Timestamp;
}

/// Gives random bytes.
pub trait Random: Send + Sync + 'static {
    /// Fills `bytes` with bytes that nobody can guess.
    ///
    /// # Errors
    /// [`RandomFault`] when the source fails; whoever asked then refuses.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFault>;
    /// Ten bytes for an id that must be like no other but is no secret: a source may draw many of
    /// them at a time.
    ///
    /// # Errors
    /// As [`Random::fill`].
    fn id(&self, bytes: &mut [u8; 10]) -> Result<(), RandomFault> {
        self.fill(bytes)
    }
}

/// The source of randomness failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the source of random bytes failed: {0}")]
pub struct RandomFault(pub String);

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one home of the machine's clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |span| span.as_micros());
        Timestamp::from_unix_micros(i64::try_from(since).unwrap_or(i64::MAX))
    }
}

/// The kernel's random number generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFault> {
        getrandom::fill(bytes).map_err(|fault| RandomFault(fault.to_string()))
    }
    /// A system call for each would cost a tenth of a refusal.
    fn id(&self, bytes: &mut [u8; 10]) -> Result<(), RandomFault> {
        static IDS: Mutex<Vec<u8>> = Mutex::new(Vec::new());
        let mut ids = lock(&IDS);
        if ids.len() < bytes.len() {
            let mut drawn = vec![0; 64 * bytes.len()];
            self.fill(&mut drawn)?;
            *ids = drawn;
        }
        let kept = ids.len() - bytes.len();
        for (to, from) in bytes.iter_mut().zip(ids.drain(kept..)) {
            *to = from;
        }
        Ok(())
    }
}
