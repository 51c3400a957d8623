//! Ctrl-C: once, and the tasks stop and `finally` runs; twice, and everything ends.

use step::{Error, Result};

use crate::executor::{Stop, Why};

/// Requests of a person, or of whoever ends our process, to stop the run. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Interrupts(Stop);

impl Interrupts {
    /// None so far.
    pub fn new() -> Self {
        Interrupts::default()
    }

    /// SIGINT, SIGTERM and SIGHUP become interrupts.
    pub fn on_signals() -> Result<Self> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let interrupts = Interrupts::new();
        let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT, SIGHUP])
            .map_err(|e| Error::io("cannot listen to signals", e))?;
        let raised = interrupts.clone();
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || signals.forever().for_each(|_| raised.interrupt()))
            .map_err(|e| Error::io("cannot start the signal thread", e))?;
        Ok(interrupts)
    }

    /// One more: the first stops tasks and runs `finally`, the second ends everything.
    pub fn interrupt(&self) {
        let why = if self.0.requested().is_some() { Why::Now } else { Why::Cancelled };
        self.0.request(why);
    }

    /// Calls `wake` on every interrupt, those of the past included.
    pub(crate) fn listen(&self, wake: impl Fn(Why) + Send + 'static) {
        self.0.listen(wake);
    }
}
