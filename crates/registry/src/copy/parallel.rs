//! The same work for many things at once, until one fails.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use step::{Cancel, Error, Kind, Result};

/// Says to all workers that the work is off: it was cancelled, or one of them failed.
#[derive(Debug)]
pub(crate) struct Stop<'a> {
    cancel: &'a Cancel,
    failed: AtomicBool,
}

// === impl Stop ===

impl<'a> Stop<'a> {
    pub(crate) fn new(cancel: &'a Cancel) -> Self {
        Stop { cancel, failed: AtomicBool::new(false) }
    }

    /// Fails when the work is off.
    pub(crate) fn check(&self) -> Result<()> {
        self.cancel.check()?;
        if self.failed.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Cancelled, "given up, because other work failed"));
        }
        Ok(())
    }
}

/// Does `work` for every item, `jobs` at once. The results in the order of the items, or the first error.
pub(crate) fn each<T: Sync, R: Send>(
    jobs: usize,
    items: &[T],
    stop: &Stop<'_>,
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let done: Mutex<Vec<Option<R>>> = Mutex::new(items.iter().map(|_| None).collect());
    let failed: Mutex<Option<Error>> = Mutex::new(None);
    let next = AtomicUsize::new(0);
    let worker = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(place) else { return };
            match stop.check().and_then(|()| work(item)) {
                Ok(result) => done.lock().unwrap_or_else(PoisonError::into_inner)[place] = Some(result),
                Err(error) => {
                    stop.failed.store(true, Ordering::Relaxed);
                    // The first is the cause; the others gave up because of it.
                    failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    return;
                }
            }
        }
    };
    match jobs.min(items.len()) {
        0 | 1 => worker(),
        jobs => std::thread::scope(|scope| {
            for _ in 1..jobs {
                scope.spawn(worker);
            }
            worker();
        }),
    }
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    Ok(done.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order_and_the_first_error_ends_it() {
        let cancel = Cancel::new();
        let items: Vec<usize> = (0..100).collect();
        let doubled = each(4, &items, &Stop::new(&cancel), |item| Ok(item * 2)).unwrap();
        assert_eq!(doubled, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        let stop = Stop::new(&cancel);
        let begun = AtomicUsize::new(0);
        let error = each(4, &items, &stop, |item| {
            begun.fetch_add(1, Ordering::Relaxed);
            if *item == 3 {
                return Err(Error::bad_input("three"));
            }
            // The others wait for it, so that none is ahead of the failure.
            while stop.check().is_ok() && *item != 0 {
                std::thread::yield_now();
            }
            Ok(())
        })
        .unwrap_err();
        assert_eq!(error.to_string(), "three");
        assert!(begun.load(Ordering::Relaxed) < 100);
    }
}
