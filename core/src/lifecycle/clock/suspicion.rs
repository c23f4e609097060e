//! Time that may have been slept through on a host whose tick does not count it (R1): sleep by sleep, since what came
//! between two of them has slept through the second alone.

use alloc::vec::Vec;

use super::At;
use crate::time::Millis;

/// Most sleeps that are told apart; of more the two that matter least are taken for one.
const MOST_SLEEPS: usize = 16;

/// The wall clock had run ahead by `span` when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sleep {
    until: At,
    span: Millis,
}

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Suspicion {
    /// The oldest first.
    sleeps: Vec<Sleep>,
}

impl Suspicion {
    pub(super) fn add(&mut self, until: At, span: Millis) {
        self.sleeps.push(Sleep { until, span });
        if self.sleeps.len() <= MOST_SLEEPS {
            return;
        }
        let both = |(_, (one, next)): &(usize, (&Sleep, &Sleep))| one.span.saturating_add(next.span);
        let pairs = self.sleeps.iter().zip(self.sleeps.iter().skip(1)).enumerate();
        let Some((at, _)) = pairs.min_by_key(both) else { return };
        let one = self.sleeps.remove(at);
        if let Some(next) = self.sleeps.get_mut(at) {
            next.span = next.span.saturating_add(one.span);
        }
    }

    /// A server's time has shown that there was none.
    pub(super) fn clear(&mut self) {
        self.sleeps.clear();
    }

    /// All in all.
    pub(super) fn span(&self) -> Millis {
        self.since(0)
    }

    /// What has come at `at` may have slept through that much.
    pub(super) fn since(&self, at: At) -> Millis {
        let later = self.sleeps.iter().filter(|sleep| at < sleep.until);
        later.fold(0, |all, sleep| all.saturating_add(sleep.span))
    }

    /// A server's time has shown that so much of it was slept through.
    pub(super) fn confirm(&mut self, span: Millis) -> Slept {
        let suspected = core::mem::take(self);
        Slept { span: span.min(suspected.span()), suspected }
    }

    /// How long, and how long ago.
    #[cfg(feature = "model")]
    pub(super) fn facts(&self, now: At) -> impl Iterator<Item = (Millis, Millis)> + '_ {
        self.sleeps.iter().map(move |sleep| (sleep.span, now.saturating_sub(sleep.until)))
    }
}

/// Time that was slept through, as a server's time has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slept {
    pub(crate) span: Millis,
    /// When, as far as anybody knows.
    suspected: Suspicion,
}

impl Slept {
    /// How much of it was over when this came: at least, at most. They differ where the wall clock had run ahead by more than
    /// was slept.
    pub(crate) fn before(&self, at: At) -> (Millis, Millis) {
        let since = self.suspected.since(at);
        let before = self.suspected.span().saturating_sub(since);
        (self.span.saturating_sub(since), self.span.min(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_between_two_sleeps_has_slept_through_the_second() {
        // proves R1.6
        let mut suspicion = Suspicion::default();
        suspicion.add(10_000, 3_000);
        suspicion.add(20_000, 400);
        assert_eq!([0, 10_000, 19_999, 20_000].map(|at| suspicion.since(at)), [3_400, 400, 400, 0]);
        let slept = suspicion.confirm(3_400);
        assert_eq!((slept.span, suspicion.span()), (3_400, 0));
        assert_eq!([0, 15_000, 20_000].map(|at| slept.before(at)), [(0, 0), (3_000, 3_000), (3_400, 3_400)]);
    }

    #[test]
    fn of_what_is_confirmed_in_part_nobody_knows_when_it_was() {
        // proves R1.6
        let mut suspicion = Suspicion::default();
        suspicion.add(10_000, 3_000);
        suspicion.add(20_000, 400);
        let slept = suspicion.confirm(2_000);
        assert_eq!([0, 15_000, 20_000].map(|at| slept.before(at)), [(0, 0), (1_600, 2_000), (2_000, 2_000)]);
    }

    #[test]
    fn of_too_many_the_shortest_are_one() {
        // proves R1.6
        let mut suspicion = Suspicion::default();
        suspicion.add(1, 1_000_000);
        for nap in 2..100 {
            suspicion.add(nap, 1_000);
        }
        assert_eq!((suspicion.sleeps.len(), suspicion.span()), (MOST_SLEEPS, 1_098_000));
        assert_eq!(suspicion.since(1), 98_000, "the long one stands alone");
    }
}
