//! The one retry policy of remote calls: exponential with jitter, bounded in count and time, honours `Retry-After`,
//! and only for what can succeed later.

use std::fmt::Display;
use std::time::{Duration, Instant};

use crate::{Cancel, Error, Kind, Result};

/// How often and how long to try.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Calls at most, the first included.
    pub attempts: u32,
    /// The pause after the first failure; it doubles with each.
    pub first_pause: Duration,
    /// No pause is longer, whatever the server asks for.
    pub longest_pause: Duration,
    /// No attempt starts later than this after the first.
    pub budget: Duration,
}

/// Why an attempt failed.
#[derive(Debug)]
pub enum Failure {
    /// It would fail again: wrong credentials, no such thing, bad data.
    Permanent(Error),
    /// It can succeed later: no connection, 429, 5xx.
    Transient {
        /// What happened.
        error: Error,
        /// The server's `Retry-After`.
        retry_after: Option<Duration>,
    },
}

/// Counts attempts.
#[derive(Debug)]
pub struct Attempts {
    policy: Policy,
    failed: u32,
    since: Instant,
}

// === impl Policy ===

impl Default for Policy {
    fn default() -> Self {
        Policy {
            attempts: 5,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            budget: Duration::from_secs(120),
        }
    }
}

impl Policy {
    /// Calls `attempt` until it succeeds, fails for good, or the policy is exhausted; then the last error, saying how
    /// often it was tried. `what` names the call: `fetching https://…`.
    pub fn run<T>(&self, cancel: &Cancel, what: &str, mut attempt: impl FnMut() -> Result<T, Failure>) -> Result<T> {
        let mut attempts = self.attempts();
        loop {
            cancel.check()?;
            match attempt() {
                Ok(value) => return Ok(value),
                Err(failure) => attempts.after(failure, cancel, what)?,
            }
        }
    }

    /// For work that gets further with each attempt, and counts anew when it has.
    pub fn attempts(&self) -> Attempts {
        Attempts { policy: self.clone(), failed: 0, since: Instant::now() }
    }

    /// Between half and the whole of the doubled pause: clients that failed together come back apart.
    fn pause(&self, tried: u32) -> Duration {
        let whole = self.first_pause.saturating_mul(1 << (tried - 1).min(16));
        whole.min(self.longest_pause).mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

// === impl Attempts ===

impl Attempts {
    /// An attempt failed: pauses before the next, or gives the error when there is to be none.
    pub fn after(&mut self, failure: Failure, cancel: &Cancel, what: impl Display) -> Result<()> {
        let (error, retry_after) = match failure {
            Failure::Permanent(error) => return Err(error),
            Failure::Transient { error, retry_after } => (error, retry_after),
        };
        cancel.check()?;
        self.failed += 1;
        let policy = &self.policy;
        let pause = retry_after.unwrap_or_else(|| policy.pause(self.failed)).min(policy.longest_pause);
        if self.failed >= policy.attempts || self.since.elapsed() + pause > policy.budget {
            let times = if self.failed == 1 { "once".to_owned() } else { format!("{} times", self.failed) };
            return Err(error.context(format_args!("{what} (tried {times})")));
        }
        tracing::warn!(%error, attempt = self.failed, pause = ?pause, "{what}: will try again");
        cancel.sleep(pause)
    }

    /// The last attempt got further than the one before: what comes is counted anew.
    pub fn progressed(&mut self) {
        (self.failed, self.since) = (0, Instant::now());
    }
}

// === impl Failure ===

impl Failure {
    /// A failure that can pass, without advice from the server.
    pub fn transient(error: Error) -> Self {
        Failure::Transient { error, retry_after: None }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.kind() {
            Kind::Remote | Kind::TimedOut => Failure::transient(error),
            _ => Failure::Permanent(error),
        }
    }
}

/// A `Retry-After` header in its form of seconds. (Its form as a date is rare and depends on two clocks: ignored.)
pub fn retry_after(header: &str) -> Option<Duration> {
    header.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quick() -> Policy {
        Policy { first_pause: Duration::from_micros(10), ..Policy::default() }
    }

    fn remote() -> Error {
        Error::new(Kind::Remote, "connection refused")
    }

    #[test]
    fn transient_failures_are_tried_again() {
        let mut calls = 0;
        let value = quick().run(&Cancel::new(), "asking", || {
            calls += 1;
            if calls < 3 { Err(Failure::transient(remote())) } else { Ok(calls) }
        });
        assert_eq!(value.unwrap(), 3);
    }

    #[test]
    fn permanent_failures_are_not() {
        let mut calls = 0;
        let error = quick()
            .run(&Cancel::new(), "asking", || -> Result<(), _> {
                calls += 1;
                Err(Failure::Permanent(Error::not_found("no such branch")))
            })
            .unwrap_err();
        assert_eq!((calls, error.kind()), (1, Kind::NotFound));
    }

    #[test]
    fn the_last_error_says_how_often() {
        let error =
            quick().run(&Cancel::new(), "fetching x", || -> Result<(), _> { Err(Failure::transient(remote())) }).unwrap_err();
        insta::assert_snapshot!(error, @"fetching x (tried 5 times): connection refused");
    }

    #[test]
    fn a_pause_beyond_the_budget_ends_it() {
        let policy = Policy { budget: Duration::from_secs(1), ..quick() };
        let error = policy
            .run(&Cancel::new(), "fetching x", || -> Result<(), _> {
                Err(Failure::Transient { error: remote(), retry_after: Some(Duration::from_secs(20)) })
            })
            .unwrap_err();
        insta::assert_snapshot!(error, @"fetching x (tried once): connection refused");
    }

    #[test]
    fn pauses_double_and_are_bounded() {
        let policy = Policy::default();
        for (tried, most) in [(1, 0.5), (2, 1.0), (3, 2.0), (20, 30.0)] {
            let pause = policy.pause(tried).as_secs_f64();
            assert!((most / 2.0..=most).contains(&pause), "pause {pause} after attempt {tried}");
        }
    }

    #[test]
    fn cancelling_ends_the_pause() {
        let cancel = Cancel::new();
        let policy = Policy { first_pause: Duration::from_secs(30), ..Policy::default() };
        let started = Instant::now();
        let error = policy
            .run(&cancel, "asking", || -> Result<(), _> {
                let cancel = cancel.clone();
                std::thread::spawn(move || cancel.cancel());
                Err(Failure::transient(remote()))
            })
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Cancelled);
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn retry_after_headers() {
        assert_eq!(retry_after(" 3 "), Some(Duration::from_secs(3)));
        assert_eq!(retry_after("Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }
}
