//! What was told before somebody listened.

use std::collections::VecDeque;
use std::sync::Arc;

use satkeeper_core::session::{Notification, SessionEvent};

/// How many items a receiver may fall behind.
pub const QUEUE: usize = 1024;

/// How many events of the past a new receiver is given.
const EVENTS_KEPT: usize = 256;

/// How many notifications wait for the first receiver. Each may be as large as a frame (1 MiB).
const NOTIFICATIONS_KEPT: usize = 64;

/// How many items a receiver has lost by falling behind.
///
/// ```
/// # use satkeeper_host as satkeeper;
/// assert_eq!(satkeeper::Missed(3).to_string(), "3 items were missed: the receiver fell behind");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} items were missed: the receiver fell behind")]
pub struct Missed(pub u64);

/// Who is given what was told before it asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Past {
    Everybody,
    TheFirst,
}

/// The last of what was told, bounded.
///
/// ```
/// use satkeeper_core::session::{Notification, SessionEvent};
/// use satkeeper_host::history::History;
/// let (events, mut notifications) = (History::of_events(), History::of_notifications());
/// let ring = Notification { method: "ring".into(), params: Default::default() };
/// notifications.tell(ring.into());
/// assert_eq!(notifications.subscribe().items.len(), 1);
/// assert_eq!(notifications.subscribe().items.len(), 0, "they were the first one's");
/// # let _: History<SessionEvent> = events;
/// ```
pub struct History<T> {
    kept: Kept<T>,
    room: usize,
    past: Past,
}

/// What was told and is still there.
///
/// ```
/// let none = satkeeper_host::history::Kept::<u8>::default();
/// assert!(none.items.is_empty() && none.dropped == 0);
/// ```
pub struct Kept<T> {
    /// The oldest first.
    pub items: VecDeque<Arc<T>>,
    /// How many older ones are not.
    pub dropped: u64,
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone(), dropped: self.dropped }
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { items: VecDeque::new(), dropped: 0 }
    }
}

impl History<SessionEvent> {
    /// The last 256 events, for every receiver.
    #[must_use]
    pub fn of_events() -> Self {
        Self::new(EVENTS_KEPT, Past::Everybody)
    }
}

impl History<Notification> {
    /// The last 64 notifications, for the first receiver.
    #[must_use]
    pub fn of_notifications() -> Self {
        Self::new(NOTIFICATIONS_KEPT, Past::TheFirst)
    }
}

impl<T> History<T> {
    fn new(room: usize, past: Past) -> Self {
        Self { kept: Kept::default(), room, past }
    }

    /// One more.
    pub fn tell(&mut self, item: Arc<T>) {
        if self.room == 0 {
            return;
        }
        if self.kept.items.len() == self.room {
            self.kept.items.pop_front();
            self.kept.dropped = self.kept.dropped.saturating_add(1);
        }
        self.kept.items.push_back(item);
    }

    /// What a new receiver begins with.
    pub fn subscribe(&mut self) -> Kept<T> {
        match self.past {
            // What it cannot be given any more is long past, and of no use to somebody who only comes now.
            Past::Everybody => Kept { items: self.kept.items.clone(), dropped: 0 },
            Past::TheFirst => {
                self.room = 0;
                std::mem::take(&mut self.kept)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{History, Kept, Past};

    fn read(kept: Kept<u32>) -> (Vec<u32>, u64) {
        (kept.items.iter().map(|item| **item).collect(), kept.dropped)
    }

    #[test]
    fn everybody_is_given_the_past() {
        let mut history = History::new(2, Past::Everybody);
        (1..=3).for_each(|n: u32| history.tell(n.into()));
        assert_eq!(read(history.subscribe()), (vec![2, 3], 0));
        assert_eq!(read(history.subscribe()), (vec![2, 3], 0));
    }

    #[test]
    fn the_first_is_given_the_past_and_told_what_is_missing_of_it() {
        let mut history = History::new(2, Past::TheFirst);
        (1..=3).for_each(|n: u32| history.tell(n.into()));
        assert_eq!(read(history.subscribe()), (vec![2, 3], 1));
        history.tell(4.into());
        assert_eq!(read(history.subscribe()), (vec![], 0));
    }
}
