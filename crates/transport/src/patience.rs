//! Waiting for a server, a second at a time, so that a cancelled run ends while a server is silent.

use std::fmt;

use step::Cancel;
use ureq::unversioned::transport::time::Duration;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};
use ureq::{Error, Timeout};

const SLICE: std::time::Duration = std::time::Duration::from_secs(1);

/// Wraps the connections that the connectors before it make.
#[derive(Debug)]
pub(crate) struct Patience(pub(crate) Cancel);

/// A connection whose reads look at the flag.
pub(crate) struct Patient<T> {
    inner: T,
    cancel: Cancel,
}

impl<T: Transport> Connector<T> for Patience {
    type Out = Patient<T>;

    fn connect(&self, _: &ConnectionDetails<'_>, chained: Option<T>) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| Patient { inner, cancel: self.0.clone() }))
    }
}

// === impl Patient ===

impl<T: Transport> Transport for Patient<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.cancel.check().map_err(|error| Error::Other(error.into()))?;
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        let mut left = *timeout.after;
        loop {
            self.cancel.check().map_err(|error| Error::Other(error.into()))?;
            let slice = left.min(SLICE);
            let next = NextTimeout { after: Duration::Exact(slice), reason: timeout.reason, per_read: None, per_write: None };
            match self.inner.await_input(next) {
                Err(Error::Timeout(_)) if left > slice => left -= slice,
                other => return other,
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl<T> fmt::Debug for Patient<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Patient")
    }
}

/// What a time-out was spent on.
pub(crate) fn spent_on(timeout: Timeout) -> &'static str {
    match timeout {
        Timeout::Resolve => "no answer from DNS",
        Timeout::Connect => "no connection",
        Timeout::Global => "the exchange took too long",
        _ => "no data",
    }
}
