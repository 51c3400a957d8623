//! Ctrl-C: before there is a run it ends us; after that the first cancels the run, and the second leaves it.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use step::{Cancel, Error, Result};

use super::follow::Message;

/// What listens to SIGINT, SIGTERM and SIGHUP. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Interrupts(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Ends every wait for the cluster.
    cancel: Cancel,
    /// Since there may be a run: who is told.
    follower: Option<Sender<Message>>,
    heard: u32,
}

impl Interrupts {
    pub(super) fn new(cancel: Cancel) -> Self {
        Interrupts(Arc::new(Mutex::new(State { cancel, follower: None, heard: 0 })))
    }

    /// Signals become interrupts.
    pub(super) fn on_signals(cancel: Cancel) -> Result<Self> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT, SIGHUP])
            .map_err(|e| Error::io("cannot listen to signals", e))?;
        let interrupts = Interrupts::new(cancel);
        let raised = interrupts.clone();
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || signals.forever().for_each(|_| raised.interrupt()))
            .map_err(|e| Error::io("cannot start the signal thread", e))?;
        Ok(interrupts)
    }

    /// From now on there may be a run: an interrupt is for it, also one that comes while it is created.
    pub(super) fn tell(&self, follower: Sender<Message>) {
        self.state().follower = Some(follower);
    }

    /// One more.
    pub(super) fn interrupt(&self) {
        let mut state = self.state();
        state.heard += u32::from(state.follower.is_some());
        match &state.follower {
            // Who does not listen any more has ended.
            Some(follower) => drop(follower.send(Message::Interrupt)),
            None => state.cancel.cancel(),
        }
        if state.heard > 1 {
            state.cancel.cancel();
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
