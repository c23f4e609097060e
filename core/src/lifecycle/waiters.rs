//! Who waits, and for what: each gets exactly one outcome (R27).

use alloc::vec::Vec;

use crate::lifecycle::clock::At;
use crate::lifecycle::{AskId, Cause, TokenId};
use crate::time::Millis;

/// Most that wait at once.
const MOST_WAITERS: usize = 64;

/// Somebody who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiter {
    pub(crate) id: AskId,
    pub(crate) kind: WaitFor,
    pub(crate) since: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitFor {
    /// For a token in force that was asked for no earlier than this.
    Renewal { order: u64 },
    /// For this token, or one exchanged from it.
    Update(TokenId),
}

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiters {
    list: Vec<Waiter>,
    /// What the last attempt failed with.
    cause: Option<Cause>,
}

impl Waiters {
    pub(crate) fn iter(&self) -> core::slice::Iter<'_, Waiter> {
        self.list.iter()
    }

    pub(crate) const fn are_too_many(&self) -> bool {
        self.list.len() >= MOST_WAITERS
    }

    pub(crate) fn add(&mut self, id: AskId, kind: WaitFor, since: At) {
        self.list.push(Waiter { id, kind, since });
    }

    /// An attempt to get what they wait for has failed with this.
    pub(crate) const fn hear(&mut self, cause: Cause) {
        self.cause = Some(cause);
    }

    /// What failed before is not why they still wait.
    pub(crate) const fn forget(&mut self) {
        self.cause = None;
    }

    /// What the last attempt failed with.
    pub(crate) const fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// So much of what they have waited was slept through.
    pub(crate) fn slept(&mut self, span: Millis) {
        for waiter in &mut self.list {
            waiter.since = waiter.since.saturating_add(span);
        }
    }

    pub(crate) fn awaits(&self, token: TokenId) -> bool {
        self.list.iter().any(|it| it.kind == WaitFor::Update(token))
    }

    /// The latest that a renewal must have been asked for, for somebody who waits.
    pub(crate) fn wanted(&self) -> Option<u64> {
        let orders = self.list.iter().filter_map(|it| match it.kind {
            WaitFor::Renewal { order } => Some(order),
            WaitFor::Update(_) => None,
        });
        orders.max()
    }

    /// The server does not take what was asked for then: who waits for that waits for another.
    pub(crate) fn ask_anew(&mut self, then: u64, next: u64) {
        for waiter in &mut self.list {
            match &mut waiter.kind {
                WaitFor::Renewal { order } if *order <= then => *order = next,
                WaitFor::Renewal { .. } | WaitFor::Update(_) => {}
            }
        }
    }

    /// When the first of them has waited long enough for a renewal.
    pub(crate) fn patience(&self, span: Millis) -> Option<At> {
        let renewals = self.list.iter().filter(|it| matches!(it.kind, WaitFor::Renewal { .. }));
        renewals.map(|it| it.since.saturating_add(span)).min()
    }

    /// Takes those out for whom `which` holds.
    pub(crate) fn take(&mut self, which: impl Fn(&Waiter) -> bool) -> Vec<Waiter> {
        let (gone, stay) = core::mem::take(&mut self.list).into_iter().partition(which);
        self.list = stay;
        gone
    }

    /// What must hold after every step.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.list.len() > MOST_WAITERS { Err("too many wait") } else { Ok(()) }
    }
}

/// What `canonical` is made of.
#[cfg(feature = "model")]
impl Waiters {
    pub(crate) fn facts(&self) -> (&[Waiter], Option<Cause>) {
        let Self { list, cause } = self;
        (list, *cause)
    }
}
