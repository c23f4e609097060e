//! Who waits, and for what: each gets exactly one outcome (R27).

use alloc::vec::Vec;

use crate::lifecycle::clock::At;
use crate::lifecycle::{AskId, Cause, TokenId};
use crate::time::Millis;

/// Most that wait at once.
pub(super) const MOST_WAITERS: usize = 64;

/// Somebody who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiter {
    pub(super) id: AskId,
    pub(super) kind: WaitFor,
    pub(super) since: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitFor {
    /// For a token in force that was asked for no earlier than this.
    Renewal { order: u64 },
    /// For this token, or one exchanged from it.
    Update(TokenId),
}

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Waiters {
    pub(super) list: Vec<Waiter>,
    /// What the last attempt failed with.
    pub(super) cause: Option<Cause>,
}

impl Waiters {
    pub(super) fn awaits(&self, token: TokenId) -> bool {
        self.list.iter().any(|it| it.kind == WaitFor::Update(token))
    }

    /// The latest that a renewal must have been asked for, for somebody who waits.
    pub(super) fn wanted(&self) -> Option<u64> {
        let orders = self.list.iter().filter_map(|it| match it.kind {
            WaitFor::Renewal { order } => Some(order),
            WaitFor::Update(_) => None,
        });
        orders.max()
    }

    /// The server does not take what was asked for then: who waits for that waits for another.
    pub(super) fn ask_anew(&mut self, then: u64, next: u64) {
        for waiter in &mut self.list {
            match &mut waiter.kind {
                WaitFor::Renewal { order } if *order <= then => *order = next,
                WaitFor::Renewal { .. } | WaitFor::Update(_) => {}
            }
        }
    }

    /// When the first of them has waited long enough for a renewal.
    pub(super) fn patience(&self, span: Millis) -> Option<At> {
        let renewals = self.list.iter().filter(|it| matches!(it.kind, WaitFor::Renewal { .. }));
        renewals.map(|it| it.since.saturating_add(span)).min()
    }

    /// Takes those out for whom `which` holds.
    pub(super) fn take(&mut self, which: impl Fn(&Waiter) -> bool) -> Vec<Waiter> {
        let (gone, stay) = core::mem::take(&mut self.list).into_iter().partition(which);
        self.list = stay;
        gone
    }
}
