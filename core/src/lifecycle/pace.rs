//! How often anybody is asked: one table of waits, one bucket for each kind of destination (P).

use serde::{Deserialize, Serialize};

use crate::time::Millis;

use super::clock::At;
use super::policy::Policy;
use crate::lifecycle::Failure;
use crate::lifecycle::random::{Domain, Random};

/// How an attempt failed, as far as the next one depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Class {
    /// Nobody answered, or somebody who does not know: 5xx, a page, 408, 425.
    Unanswered,
    /// The API refused.
    Refusal,
    /// It brought nothing that helps.
    Barren,
}

impl Class {
    pub(super) const fn of(failure: Failure) -> Self {
        match failure {
            Failure::Http { status, .. } if status >= 400 && status < 500 && !matches!(status, 408 | 425) => {
                Self::Refusal
            }
            Failure::Rpc { .. } | Failure::Rejected | Failure::NoKey => Self::Refusal,
            _ => Self::Unanswered,
        }
    }
}

/// The longest wait of a destination, by what the session has left: `None` while it is not served.
pub(super) fn ceiling(class: Class, left: Option<Millis>, policy: &Policy) -> Millis {
    let Some(left) = left else {
        return match class {
            Class::Unanswered => policy.wait_unanswered_idle,
            Class::Refusal | Class::Barren => policy.wait_refused_idle,
        };
    };
    let most = match class {
        Class::Unanswered => policy.wait_unanswered,
        Class::Refusal | Class::Barren => policy.wait_refused,
    };
    (left / 4).max(policy.wait_served).min(most)
}

/// How one destination has answered of late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pace {
    /// Failures since the last success.
    pub(super) failures: u32,
    /// Not before this.
    pub(super) not_before: At,
    /// It asked not to be asked before this.
    pub(super) asked: At,
    /// When it was asked last.
    pub(super) sent: At,
    /// How it failed last.
    pub(super) last: Option<Class>,
}

impl Pace {
    /// When it may be asked.
    pub(super) fn ready(&self) -> At {
        self.not_before.max(self.asked)
    }

    /// Books a failure: equal jitter, doubling from `first` up to `ceiling`, no shorter than what was asked for.
    pub(super) fn failed(
        &mut self,
        now: At,
        class: Class,
        (first, ceiling): (Millis, Millis),
        asked: Option<Millis>,
        random: &mut Random,
    ) {
        let most = doubled(first, self.failures).min(ceiling);
        let half = most / 2;
        let wait = half.saturating_add(random.below(Domain::Backoff, most.saturating_sub(half)));
        self.failures = self.failures.saturating_add(1);
        self.last = Some(class);
        self.not_before = now.saturating_add(wait);
        self.asked = asked.map_or(self.asked, |asked| now.saturating_add(asked));
    }

    /// What waits after attempts that nobody answered does not wait any more.
    pub(super) fn wake(&mut self, now: At) {
        if self.last == Some(Class::Unanswered) && self.not_before > now {
            self.not_before = now;
        }
    }

    /// The next attempt does not wait. What gained nothing while there was something left may gain something now.
    pub(super) fn hurry(&mut self) {
        self.not_before = 0;
        if self.last == Some(Class::Barren) {
            self.failures = 0;
        }
    }

    /// Nothing is held against it, but for what it asked for.
    pub(super) const fn forgive(&mut self) {
        (self.failures, self.not_before) = (0, 0);
    }
}

/// How each endpoint has answered of late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Paces {
    pub(super) mint: Pace,
    pub(super) refresh: Pace,
    pub(super) activate: Pace,
    pub(super) renew: Pace,
}

impl Paces {
    pub(super) const fn all(&mut self) -> [&mut Pace; 4] {
        [&mut self.mint, &mut self.refresh, &mut self.activate, &mut self.renew]
    }
}

/// A bucket that holds `size` permits and gains one each `period`, which may change from one look to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    size: u32,
    left: u32,
    /// When the next permit began to form.
    since: At,
}

impl Bucket {
    pub(super) const fn new(size: u32) -> Self {
        Self { size, left: size, since: 0 }
    }

    /// When more than `reserve` permits are there.
    pub(super) fn ready(&self, reserve: u32, period: Millis) -> At {
        let missing = reserve.saturating_add(1).saturating_sub(self.left);
        if missing == 0 { 0 } else { self.since.saturating_add(period.saturating_mul(u64::from(missing))) }
    }

    /// Takes one permit at `now`; an empty bucket stays empty.
    pub(super) fn take(&mut self, now: At, period: Millis) {
        let formed = now.saturating_sub(self.since) / period.max(1);
        self.left = self.left.saturating_add(u32::try_from(formed).unwrap_or(u32::MAX)).min(self.size);
        self.since = self.since.saturating_add(formed.saturating_mul(period));
        if self.left == self.size {
            self.since = now;
        }
        self.left = self.left.saturating_sub(1);
    }
}

/// `first · 2ⁿ`, saturating.
pub(super) const fn doubled(first: Millis, times: u32) -> Millis {
    if times >= 32 { u64::MAX } else { first.saturating_mul(1 << times) }
}
