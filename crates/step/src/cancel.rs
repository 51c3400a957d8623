//! Cancellation: SIGTERM and SIGINT become a flag that the work looks at between its steps.
//!
//! Tekton sends SIGTERM and kills 30 s later. The work notices the flag, rolls back or finishes, and the process exits
//! 143. Work that sits in one long system call gets [`GRACE`] before the process ends anyway: every step can run
//! again after a crash at any point, so that is safe, only less tidy.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::{Error, Kind, Result};

/// How long the work has between the signal and the end of the process.
pub const GRACE: Duration = Duration::from_secs(20);

/// Says whether the run was cancelled. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<Flag>);

#[derive(Debug, Default)]
struct Flag {
    raised: Mutex<bool>,
    changed: Condvar,
}

impl Cancel {
    /// A flag that nobody has raised.
    pub fn new() -> Self {
        Cancel::default()
    }

    /// Raises the flag.
    pub fn cancel(&self) {
        *self.raised() = true;
        self.0.changed.notify_all();
    }

    /// Whether the flag is raised.
    pub fn is_cancelled(&self) -> bool {
        *self.raised()
    }

    fn raised(&self) -> MutexGuard<'_, bool> {
        // A flag cannot be left half set by a thread that panicked.
        self.0.raised.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails with [`Kind::Cancelled`] once the flag is raised. Call it between pieces of work of a second or less.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() {
            return Err(Error::new(Kind::Cancelled, "cancelled").hint("run it again to finish the work"));
        }
        Ok(())
    }

    /// Sleeps, unless and until the flag is raised; then fails as [`Cancel::check`] does.
    pub fn sleep(&self, time: Duration) -> Result<()> {
        let waited = self.0.changed.wait_timeout_while(self.raised(), time, |raised| !*raised);
        drop(waited);
        self.check()
    }

    /// Raises the flag on SIGTERM and SIGINT; ends the process on a second signal or after [`GRACE`].
    pub fn on_signals() -> Result<Self> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let cancel = Cancel::new();
        let mut signals =
            signal_hook::iterator::Signals::new([SIGTERM, SIGINT]).map_err(|e| Error::io("cannot listen to signals", e))?;
        let raised = cancel.clone();
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                for _ in signals.forever() {
                    if raised.is_cancelled() {
                        end();
                    }
                    raised.cancel();
                    std::thread::spawn(|| {
                        std::thread::sleep(GRACE);
                        end();
                    });
                }
            })
            .map_err(|e| Error::io("cannot start the signal thread", e))?;
        Ok(cancel)
    }
}

#[expect(clippy::exit, reason = "the work did not stop in its grace period; there is nobody left to return to")]
fn end() {
    std::process::exit(Kind::Cancelled.code().into());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_the_flag() {
        let cancel = Cancel::new();
        let clone = cancel.clone();
        assert!(clone.check().is_ok());
        cancel.cancel();
        assert_eq!(clone.check().unwrap_err().kind(), Kind::Cancelled);
    }
}
