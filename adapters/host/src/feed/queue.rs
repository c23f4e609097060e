//! One queue of items, on which each receiver has its cursor.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use super::Missed;
use super::item::Item;

/// Most bytes of events that are kept, for those who fall behind and those who come late: a thousand or so.
pub const EVENTS: usize = 256 * 1024;

/// Most bytes of notifications that wait for those who fall behind.
pub const NOTIFICATIONS: usize = 4 * 1024 * 1024;

/// Most bytes of notifications that wait for the first receiver, which may never come.
pub const BEFORE_THE_FIRST: usize = 256 * 1024;

/// Who is given what was told before they came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Replay {
    Everybody,
    TheFirst,
    Nobody,
}

pub(super) struct Queue<T> {
    /// The oldest first, each with its weight.
    pub(super) items: VecDeque<(Arc<T>, usize)>,
    pub(super) bytes: usize,
    /// The number of the first item; they are counted from 0.
    first: u64,
    /// The bytes of all items before it.
    gone: u64,
    /// By the receivers' names.
    cursors: BTreeMap<u64, Cursor>,
    next_name: u64,
    replay: Replay,
    is_over: bool,
}

pub(super) struct Cursor {
    /// The number of the item that is read next.
    next: u64,
    /// The bytes of all items before that.
    passed: u64,
    waker: Option<Waker>,
}

impl<T> Queue<T> {
    pub(super) const fn new(replay: Replay) -> Self {
        Self {
            items: VecDeque::new(),
            bytes: 0,
            first: 0,
            gone: 0,
            cursors: BTreeMap::new(),
            next_name: 0,
            replay,
            is_over: false,
        }
    }

    /// One more receiver; what it is called.
    pub(super) fn subscribe(&mut self) -> u64 {
        let (next, passed) = match self.replay {
            // What is not there any more is long past, and of no use to somebody who only comes now.
            Replay::Everybody => (self.first, self.gone),
            Replay::TheFirst => (0, 0),
            Replay::Nobody => (self.end(), self.gone.saturating_add(self.bytes as u64)),
        };
        if self.replay == Replay::TheFirst {
            self.replay = Replay::Nobody;
        }
        let name = self.next_name;
        self.next_name = name.saturating_add(1);
        self.cursors.insert(name, Cursor { next, passed, waker: None });
        name
    }

    /// This receiver has gone. What comes back is to be dropped when the queue is free: with a waker a whole task may go,
    /// and a receiver in it.
    #[must_use]
    pub(super) fn unsubscribe(&mut self, name: u64) -> Option<Cursor> {
        let cursor = self.cursors.remove(&name);
        self.let_go();
        cursor
    }

    /// Whom to wake when there is something for this receiver. The one before comes back, as in
    /// [`Queue::unsubscribe`].
    #[must_use]
    pub(super) fn wait(&mut self, name: u64, waker: Waker) -> Option<Waker> {
        self.cursors.get_mut(&name)?.waker.replace(waker)
    }

    /// Nothing comes any more. Those who wait are to be woken when the queue is free.
    #[must_use]
    pub(super) fn finish(&mut self) -> Vec<Waker> {
        self.is_over = true;
        self.wakers()
    }

    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    fn end(&self) -> u64 {
        self.first.saturating_add(self.items.len() as u64)
    }

    fn budget(&self) -> usize {
        match self.replay {
            Replay::Everybody => EVENTS,
            Replay::TheFirst => BEFORE_THE_FIRST,
            Replay::Nobody => NOTIFICATIONS,
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
        if self.replay != Replay::Nobody {
            return;
        }
        let next = self.cursors.values().map(|cursor| cursor.next).min().unwrap_or_else(|| self.end());
        while self.first < next && !self.items.is_empty() {
            self.shift();
        }
    }

    /// Those who wait; to be woken when the queue is free, since a waker may do anything.
    fn wakers(&mut self) -> Vec<Waker> {
        self.cursors.values_mut().filter_map(|cursor| cursor.waker.take()).collect()
    }
}

impl<T: Item> Queue<T> {
    /// One more item. Those who wait are to be woken when the queue is free.
    #[must_use]
    pub(super) fn put(&mut self, item: T) -> Vec<Waker> {
        let weight = item.weight();
        self.items.push_back((Arc::new(item), weight));
        self.bytes = self.bytes.saturating_add(weight);
        self.let_go();
        // The newest stays, however large: who reads fast enough misses nothing.
        while self.bytes > self.budget() && self.items.len() > 1 {
            self.shift();
        }
        self.wakers()
    }

    /// What this receiver is given next, if there is something.
    pub(super) fn take(&mut self, name: u64) -> Option<Result<Arc<T>, Missed>> {
        let (first, gone) = (self.first, self.gone);
        let cursor = self.cursors.get_mut(&name)?;
        if cursor.next < first {
            let missed = Missed::new(first.saturating_sub(cursor.next), gone.saturating_sub(cursor.passed));
            (cursor.next, cursor.passed) = (first, gone);
            return Some(Err(missed));
        }
        let index = usize::try_from(cursor.next.saturating_sub(first)).ok()?;
        let (item, weight) = self.items.get(index)?;
        let item = Arc::clone(item);
        cursor.next = cursor.next.saturating_add(1);
        cursor.passed = cursor.passed.saturating_add(*weight as u64);
        self.let_go();
        Some(Ok(item))
    }
}
