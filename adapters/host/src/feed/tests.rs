//! Receivers that are fast, slow and late.

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
    let queue = feed.queue();
    (queue.items.len(), queue.bytes)
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
        assert!(feed.queue().bytes <= NOTIFICATIONS);
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
    assert!(feed.queue().bytes <= EVENTS);
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
