//! What a session tells its application, for any number of receivers: one line of items, in which each receiver has
//! its place.
//!
//! The driver never waits for a receiver, and nothing is lost in silence: the line has a budget in bytes, and whoever
//! is so far behind that items fell out of it is told how many, once. Nothing is kept that nobody can come to read.
//!
//! It wakes by [`Waker`]s and by nothing else, so that tasks and threads can wait for it alike.

use std::collections::{BTreeMap, VecDeque};
use std::error::Error as _;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use satkeeper_core::session::{Notification, SessionEvent};

/// Most bytes of events that are kept, for those who fall behind and those who come late: a thousand or so.
pub const EVENTS: usize = 256 * 1024;

/// Most bytes of notifications that wait for those who fall behind.
pub const NOTIFICATIONS: usize = 4 * 1024 * 1024;

/// Most bytes of notifications that wait for the first receiver, which may never come.
pub const BEFORE_THE_FIRST: usize = 256 * 1024;

/// What an item takes beside its texts: its own size, its place in the line, the allocator's share.
const EACH: usize = 256;

/// What a receiver has lost by falling behind.
///
/// ```
/// # use satkeeper_host as satkeeper;
/// let missed = satkeeper::Missed::new(3, 4_096);
/// assert_eq!(missed.to_string(), "3 items of 4096 bytes in all were missed: the receiver fell behind");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{items} items of {bytes} bytes in all were missed: the receiver fell behind")]
#[non_exhaustive]
pub struct Missed {
    /// How many, whatever a filter would have let through.
    pub items: u64,
    /// How many bytes they took.
    pub bytes: u64,
}

impl Missed {
    /// For tests of receivers; feeds make their own.
    #[must_use]
    pub const fn new(items: u64, bytes: u64) -> Self {
        Self { items, bytes }
    }
}

/// What can be told.
pub trait Item: Clone {
    /// How many bytes it takes, about.
    fn weight(&self) -> usize;
}

impl Item for Notification {
    fn weight(&self) -> usize {
        EACH.saturating_add(self.method.len()).saturating_add(self.params_json().len())
    }
}

impl Item for SessionEvent {
    fn weight(&self) -> usize {
        let mut length = Length(EACH);
        let mut cause: Option<&dyn std::error::Error> = self.cause.as_ref().map(|cause| cause as _);
        while let Some(error) = cause {
            // Counting does not fail.
            let _ = write!(length, "{error}");
            cause = error.source();
        }
        // What a text says of others, these hold as well.
        length.0.saturating_add(self.cause.as_ref().and_then(|cause| cause.source()).map_or(0, |_| EACH))
    }
}

/// Counts what is written.
struct Length(usize);

impl fmt::Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.saturating_add(text.len());
        Ok(())
    }
}

/// Who is given what was told before they came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Past {
    Everybody,
    TheFirst,
    Nobody,
}

/// Where receivers come from. Cheap to clone.
///
/// ```
/// use std::task::{Context, Poll, Waker};
/// use satkeeper_core::session::Notification;
/// use satkeeper_host::feed::Feed;
/// let (publisher, feed) = Feed::of_notifications();
/// publisher.publish(Notification::new("ring", &serde_json::value::to_raw_value(&1)?));
/// let (mut first, mut second) = (feed.subscribe(), feed.subscribe());
/// let mut context = Context::from_waker(Waker::noop());
/// assert!(matches!(first.poll_recv(&mut context), Poll::Ready(Some(Ok(ring))) if ring.method == "ring"));
/// assert!(second.poll_recv(&mut context).is_pending(), "what came before was the first one's");
/// drop(publisher);
/// assert_eq!(second.poll_recv(&mut context), Poll::Ready(None));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub struct Feed<T>(Arc<Mutex<Line<T>>>);

impl<T> fmt::Debug for Feed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").finish_non_exhaustive()
    }
}

/// Who tells. When it is dropped, nothing comes any more.
pub struct Publisher<T: Item>(Feed<T>);

impl<T: Item> fmt::Debug for Publisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").finish_non_exhaustive()
    }
}

/// One receiver; see [`Feed`] for an example.
pub struct Receiver<T: Item> {
    feed: Feed<T>,
    name: u64,
}

impl<T: Item> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

struct Line<T> {
    /// The oldest first, each with its weight.
    items: VecDeque<(Arc<T>, usize)>,
    bytes: usize,
    /// The number of the first item; they are counted from 0.
    first: u64,
    /// The bytes of all items before it.
    gone: u64,
    /// By the receivers' names.
    places: BTreeMap<u64, Place>,
    next_name: u64,
    past: Past,
    is_over: bool,
}

struct Place {
    /// The number of the item that is read next.
    next: u64,
    /// The bytes of all items before that.
    passed: u64,
    waker: Option<Waker>,
}

impl Feed<SessionEvent> {
    /// Events, as far as [`EVENTS`] goes, for whoever comes.
    #[must_use]
    pub fn of_events() -> (Publisher<SessionEvent>, Self) {
        Self::new(Past::Everybody)
    }
}

impl Feed<Notification> {
    /// Notifications: before the first receiver as far as [`BEFORE_THE_FIRST`] goes, and for that one; then as far as
    /// [`NOTIFICATIONS`] goes, where a receiver has still to read them.
    #[must_use]
    pub fn of_notifications() -> (Publisher<Notification>, Self) {
        Self::new(Past::TheFirst)
    }
}

impl<T> Clone for Feed<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Feed<T> {
    fn line(&self) -> MutexGuard<'_, Line<T>> {
        // Each change is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Item> Feed<T> {
    fn new(past: Past) -> (Publisher<T>, Self) {
        let line = Line {
            items: VecDeque::new(),
            bytes: 0,
            first: 0,
            gone: 0,
            places: BTreeMap::new(),
            next_name: 0,
            past,
            is_over: false,
        };
        let feed = Self(Arc::new(Mutex::new(line)));
        (Publisher(feed.clone()), feed)
    }

    /// One more receiver, also after the end.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        let mut line = self.line();
        let (next, passed) = match line.past {
            // What is not there any more is long past, and of no use to somebody who only comes now.
            Past::Everybody => (line.first, line.gone),
            Past::TheFirst => (0, 0),
            Past::Nobody => (line.end(), line.gone.saturating_add(line.bytes as u64)),
        };
        if line.past == Past::TheFirst {
            line.past = Past::Nobody;
        }
        let name = line.next_name;
        line.next_name = name.saturating_add(1);
        line.places.insert(name, Place { next, passed, waker: None });
        drop(line);
        Receiver { feed: self.clone(), name }
    }
}

impl<T: Item> Publisher<T> {
    /// Where its receivers come from.
    #[must_use]
    pub fn feed(&self) -> Feed<T> {
        self.0.clone()
    }

    /// One more item.
    pub fn publish(&self, item: T) {
        let mut line = self.0.line();
        line.put(item);
        let woken = line.wakers();
        drop(line);
        woken.into_iter().for_each(Waker::wake);
    }
}

impl<T: Item> Drop for Publisher<T> {
    fn drop(&mut self) {
        let mut line = self.0.line();
        line.is_over = true;
        let woken = line.wakers();
        drop(line);
        woken.into_iter().for_each(Waker::wake);
    }
}

impl<T: Item> Receiver<T> {
    /// The next item, or how many were missed; `None` after the last one.
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, Missed>>> {
        let mut line = self.feed.line();
        match line.take(self.name) {
            Some(Ok(item)) => {
                drop(line);
                Poll::Ready(Some(Ok(Arc::unwrap_or_clone(item))))
            }
            Some(Err(missed)) => Poll::Ready(Some(Err(missed))),
            None if line.is_over => Poll::Ready(None),
            None => {
                let waker = context.waker().clone();
                let before = line.places.get_mut(&self.name).and_then(|place| place.waker.replace(waker));
                drop(line);
                // Only now: with a waker a whole task may go, and a receiver in it.
                drop(before);
                Poll::Pending
            }
        }
    }
}

impl<T: Item> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut line = self.feed.line();
        let place = line.places.remove(&self.name);
        line.let_go();
        drop(line);
        // Only now: with a waker a whole task may go, and a receiver in it.
        drop(place);
    }
}

impl<T> Line<T> {
    fn end(&self) -> u64 {
        self.first.saturating_add(self.items.len() as u64)
    }

    fn budget(&self) -> usize {
        match self.past {
            Past::Everybody => EVENTS,
            Past::TheFirst => BEFORE_THE_FIRST,
            Past::Nobody => NOTIFICATIONS,
        }
    }

    fn shift(&mut self) {
        if let Some((_, weight)) = self.items.pop_front() {
            self.first = self.first.saturating_add(1);
            self.gone = self.gone.saturating_add(weight as u64);
            self.bytes = self.bytes.saturating_sub(weight);
        }
    }

    /// What nobody can come to read any more.
    fn let_go(&mut self) {
        if self.past != Past::Nobody {
            return;
        }
        let next = self.places.values().map(|place| place.next).min().unwrap_or_else(|| self.end());
        while self.first < next && !self.items.is_empty() {
            self.shift();
        }
    }

    /// Those who wait; to be woken when the line is free, since a waker may do anything.
    fn wakers(&mut self) -> Vec<Waker> {
        self.places.values_mut().filter_map(|place| place.waker.take()).collect()
    }
}

impl<T: Item> Line<T> {
    fn put(&mut self, item: T) {
        let weight = item.weight();
        self.items.push_back((Arc::new(item), weight));
        self.bytes = self.bytes.saturating_add(weight);
        self.let_go();
        // The newest stays, however large: who reads fast enough misses nothing.
        while self.bytes > self.budget() && self.items.len() > 1 {
            self.shift();
        }
    }

    /// What this receiver is given next, if there is something.
    fn take(&mut self, name: u64) -> Option<Result<Arc<T>, Missed>> {
        let (first, gone) = (self.first, self.gone);
        let place = self.places.get_mut(&name)?;
        if place.next < first {
            let missed = Missed::new(first.saturating_sub(place.next), gone.saturating_sub(place.passed));
            (place.next, place.passed) = (first, gone);
            return Some(Err(missed));
        }
        let index = usize::try_from(place.next.saturating_sub(first)).ok()?;
        let (item, weight) = self.items.get(index)?;
        let item = Arc::clone(item);
        place.next = place.next.saturating_add(1);
        place.passed = place.passed.saturating_add(*weight as u64);
        self.let_go();
        Some(Ok(item))
    }
}

#[cfg(test)]
mod tests {
    use super::{BEFORE_THE_FIRST, EVENTS, Feed, Item, Missed, NOTIFICATIONS, Receiver};
    use satkeeper_core::Now;
    use satkeeper_core::error::Error;
    use satkeeper_core::session::{Notification, SessionEvent, SessionNews, Survival};
    use serde_json::value::to_raw_value;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll, Wake, Waker};

    fn notification(n: u64, bytes: usize) -> Notification {
        Notification::new(&n.to_string(), &to_raw_value(&"x".repeat(bytes)).unwrap())
    }

    /// Items and bytes.
    fn holds<T>(feed: &Feed<T>) -> (usize, usize) {
        let line = feed.line();
        (line.items.len(), line.bytes)
    }

    fn next<T: Item>(receiver: &mut Receiver<T>) -> Poll<Option<Result<T, Missed>>> {
        receiver.poll_recv(&mut Context::from_waker(Waker::noop()))
    }

    fn all(mut receiver: Receiver<Notification>) -> Vec<Result<u64, Missed>> {
        let mut all = Vec::new();
        while let Poll::Ready(Some(item)) = next(&mut receiver) {
            all.push(item.map(|item| item.method.parse().unwrap()));
        }
        all
    }

    #[test]
    fn the_past_comes_first_and_then_what_comes() {
        let (publisher, feed) = Feed::of_notifications();
        (1..=2).for_each(|n| publisher.publish(notification(n, 0)));
        let mut one = feed.subscribe();
        publisher.publish(notification(3, 0));
        let two = feed.subscribe();
        publisher.publish(notification(4, 0));
        assert!(matches!(next(&mut one), Poll::Ready(Some(Ok(it))) if it.method == "1"));
        drop(publisher);
        assert_eq!(all(one), [Ok(2), Ok(3), Ok(4)]);
        assert_eq!(all(two), [Ok(4)]);
        assert_eq!(all(feed.subscribe()), []);
    }

    // survives W1
    #[test]
    fn who_falls_behind_is_told_by_how_much_once() {
        let (publisher, feed) = Feed::of_notifications();
        let (slow, mut fast) = (feed.subscribe(), feed.subscribe());
        let size = 100_000;
        for n in 0..100 {
            publisher.publish(notification(n, size));
            assert!(matches!(next(&mut fast), Poll::Ready(Some(Ok(_)))));
            assert!(feed.line().bytes <= NOTIFICATIONS);
        }
        let got = all(slow);
        let kept = got.iter().filter(|it| it.is_ok()).count();
        assert!(kept == NOTIFICATIONS / (size + 300) || kept == NOTIFICATIONS / (size + 200), "{kept}");
        let Some(Err(missed)) = got.first() else { panic!("{got:?}") };
        assert_eq!(missed.items, 100 - kept as u64);
        let each = missed.bytes / missed.items;
        assert!(each >= size as u64 && each < size as u64 + 400, "{missed:?}");
        assert_eq!(got.iter().filter(|it| it.is_err()).count(), 1);
        assert_eq!(got.last(), Some(&Ok(99)));
        assert_eq!(holds(&feed), (0, 0), "all have read it all");
    }

    // survives W1
    #[test]
    fn what_nobody_can_read_is_not_kept() {
        let (publisher, feed) = Feed::of_notifications();
        (0..1_000).for_each(|n| publisher.publish(notification(n, 1_000)));
        let (held, bytes) = holds(&feed);
        assert!(bytes <= BEFORE_THE_FIRST && held > 100, "{held}");
        let mut first = feed.subscribe();
        assert!(
            matches!(next(&mut first), Poll::Ready(Some(Err(missed))) if missed.items as usize == 1_000 - held)
        );
        assert!(matches!(next(&mut first), Poll::Ready(Some(Ok(_)))));
        drop(first);
        assert_eq!(holds(&feed), (0, 0));
        publisher.publish(notification(1, 1));
        assert_eq!(holds(&feed), (0, 0));
        let second = feed.subscribe();
        publisher.publish(notification(2, 1));
        assert_eq!(all(second), [Ok(2)]);
    }

    #[test]
    fn one_that_is_larger_than_the_budget_is_not_lost() {
        let (publisher, feed) = Feed::of_notifications();
        publisher.publish(notification(1, 10));
        publisher.publish(notification(2, BEFORE_THE_FIRST));
        let told = all(feed.subscribe());
        assert!(matches!(told.as_slice(), [Err(Missed { items: 1, .. }), Ok(2)]), "{told:?}");
    }

    // survives W1
    #[test]
    fn events_are_there_for_whoever_comes_as_far_as_they_go() {
        let (publisher, feed) = Feed::of_events();
        let cause = || Some(Error::Transport { message: "x".repeat(1_000) });
        for _ in 0..1_000 {
            publisher.publish(SessionEvent::new(
                Now::default(),
                SessionNews::Survived {
                    registration: Survival::Lost,
                    calls: Survival::Lost,
                    subscriptions: Survival::Lost,
                },
                cause(),
            ));
        }
        assert!(feed.line().bytes <= EVENTS);
        for _ in 0..2 {
            let mut late = feed.subscribe();
            let mut count = 0;
            while let Poll::Ready(Some(event)) = next(&mut late) {
                assert!(event.is_ok(), "what is long past is not missed");
                count += 1;
            }
            assert!(count > 150 && count < 250, "{count}");
        }
    }

    #[test]
    fn who_waits_is_woken() {
        struct Woken(AtomicUsize);
        impl Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let (publisher, feed) = Feed::of_notifications();
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut receiver = feed.subscribe();
        assert!(receiver.poll_recv(&mut Context::from_waker(&waker)).is_pending());
        publisher.publish(notification(1, 0));
        publisher.publish(notification(2, 0));
        assert_eq!(woken.0.load(Ordering::SeqCst), 1, "once is enough");
        assert_eq!(all(feed.subscribe()), []);
        while receiver.poll_recv(&mut Context::from_waker(&waker)).is_ready() {}
        drop(publisher);
        assert_eq!(woken.0.load(Ordering::SeqCst), 2);
        assert_eq!(next(&mut receiver), Poll::Ready(None));
    }
}
