//! A value that others can look at and wait for.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The newest value of something, from [`Client::status`](crate::Client::status) or
/// [`Client::credential`](crate::Client::credential). Cheap to clone.
///
/// ```no_run
/// # fn example(client: satkeeper_blocking::Client) {
/// use std::time::Duration;
/// println!("{}", client.status().get().phase.name());
/// let bound = client.status().wait_for(Duration::from_secs(10), |status| status.bound);
/// println!("client-bound: {}", bound.is_some());
/// # }
/// ```
pub struct Watch<T>(Arc<Shared<T>>);

struct Shared<T> {
    slot: Mutex<Slot<T>>,
    changed: Condvar,
}

struct Slot<T> {
    value: T,
    /// It will not change any more.
    is_final: bool,
}

impl<T> Clone for Watch<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone + fmt::Debug> fmt::Debug for Watch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.get()).finish()
    }
}

impl<T: Clone> Watch<T> {
    pub(crate) fn new(value: T) -> Self {
        let slot = Mutex::new(Slot { value, is_final: false });
        Self(Arc::new(Shared { slot, changed: Condvar::new() }))
    }

    /// What it is now.
    #[must_use]
    pub fn get(&self) -> T {
        self.slot().value.clone()
    }

    /// Waits until it is as wanted, [`Duration::MAX`] for as long as the session lasts, and returns it. `None`: it
    /// was not in that time, or cannot be any more because the session is over. Values that are replaced at once
    /// may be passed over.
    pub fn wait_for(&self, limit: Duration, mut wanted: impl FnMut(&T) -> bool) -> Option<T> {
        let until = Instant::now().checked_add(limit);
        let mut slot = self.slot();
        while !wanted(&slot.value) {
            if slot.is_final {
                return None;
            }
            slot = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.0.changed.wait(slot).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return None,
                Some(left) => {
                    self.0.changed.wait_timeout(slot, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        Some(slot.value.clone())
    }

    /// Changes it; `change` says whether that is news.
    pub(crate) fn change(&self, change: impl FnOnce(&mut T) -> bool) {
        if change(&mut self.slot().value) {
            self.0.changed.notify_all();
        }
    }

    /// It will not change any more.
    pub(crate) fn finish(&self) {
        self.slot().is_final = true;
        self.0.changed.notify_all();
    }

    fn slot(&self) -> MutexGuard<'_, Slot<T>> {
        // Each change is whole.
        self.0.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Watch;
    use std::time::Duration;

    #[test]
    fn who_waits_is_woken_and_nobody_waits_for_what_cannot_come() {
        let watch = Watch::new(0);
        assert_eq!(watch.wait_for(Duration::from_millis(5), |n| *n == 1), None);
        let waiting = watch.clone();
        let thread = std::thread::spawn(move || waiting.wait_for(Duration::MAX, |n| *n == 1));
        watch.change(|n| std::mem::replace(n, 1) != 1);
        assert_eq!(thread.join().unwrap(), Some(1));
        let waiting = watch.clone();
        let thread = std::thread::spawn(move || waiting.wait_for(Duration::MAX, |n| *n == 2));
        watch.finish();
        assert_eq!(thread.join().unwrap(), None);
        assert_eq!((watch.get(), watch.wait_for(Duration::ZERO, |n| *n == 1)), (1, Some(1)));
    }
}
