//! The request budget: token buckets that bound what any server, clock or application can make us send
//! (L20), and the waits between attempts (L18).

use crate::time::Millis;

use super::clock::At;
use super::policy::Policy;
use super::random::{Domain, Random};

/// A bucket that holds `size` permits and gains one each `period`, which may change from one look to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    size: u32,
    left: u32,
    /// When the next permit began to form.
    since: At,
    /// The period of the last look.
    period: Millis,
}

impl Bucket {
    pub(super) const fn new(size: u32) -> Self {
        Self { size, left: size, since: 0, period: 0 }
    }

    /// Whether more than `reserve` permits are there already.
    pub(super) const fn holds(&self, reserve: u32) -> bool {
        self.left > reserve
    }

    /// When more than `reserve` permits are there.
    pub(super) fn ready(&self, reserve: u32, period: Millis) -> At {
        let missing = reserve.saturating_add(1).saturating_sub(self.left);
        if missing == 0 { 0 } else { self.since.saturating_add(period.saturating_mul(u64::from(missing))) }
    }

    /// Takes one permit at `now`; an empty bucket stays empty.
    pub(super) fn take(&mut self, now: At, period: Millis) {
        self.refill(now, period);
        if self.left == self.size {
            self.since = now;
        }
        self.left = self.left.saturating_sub(1);
    }

    /// No permit has formed for this long.
    pub(super) fn skip(&mut self, slept: Millis) {
        self.since = self.since.saturating_add(slept);
    }

    /// Sets what it will say, for a search over all states in which the budget is an oracle.
    #[cfg(feature = "model")]
    pub(super) fn set(&mut self, budget: super::model::Budget, reserve: u32, period: Millis, now: At) {
        use super::model::Budget;
        (self.left, self.since) = match budget {
            Budget::Full => (self.size, now),
            Budget::Reserve => (reserve, now),
            Budget::Wait(span) => (0, now.saturating_add(span).saturating_sub(period)),
        };
        self.period = period;
    }

    /// Adds the permits that have formed by `now`.
    pub(super) fn refill(&mut self, now: At, period: Millis) {
        let period = period.max(1);
        if self.period != period {
            // What has passed counts by the period that it passed under: a part of a long one would else be
            // several short ones.
            self.add(now, self.period.max(1));
            self.since = self.since.max(now.saturating_sub(period));
            self.period = period;
        }
        self.add(now, period);
    }

    fn add(&mut self, now: At, period: Millis) {
        let formed = now.saturating_sub(self.since) / period;
        self.left = self.left.saturating_add(u32::try_from(formed).unwrap_or(u32::MAX)).min(self.size);
        self.since = self.since.saturating_add(formed.saturating_mul(period));
    }
}

/// How an endpoint has answered of late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Retry {
    /// Failures since the last success.
    pub(super) failures: u32,
    /// Not before this.
    pub(super) not_before: At,
    /// The endpoint asked not to be asked before this.
    pub(super) asked: At,
}

impl Retry {
    /// Books a failure: equal jitter, doubling, no shorter than what the server asked for up to `cap`.
    pub(super) fn failed(
        &mut self,
        now: At,
        policy: &Policy,
        random: &mut Random,
        asked: Option<Millis>,
        cap: Millis,
    ) {
        self.failed_up_to(policy.backoff_max, now, policy, random, asked, cap);
    }

    /// The same, with another longest wait of its own.
    pub(super) fn failed_up_to(
        &mut self,
        longest: Millis,
        now: At,
        policy: &Policy,
        random: &mut Random,
        asked: Option<Millis>,
        cap: Millis,
    ) {
        let ceiling = doubled(policy.backoff_min, self.failures).min(longest);
        let half = ceiling / 2;
        let wait = half.saturating_add(random.below(Domain::Backoff, ceiling.saturating_sub(half)));
        self.failures = self.failures.saturating_add(1);
        self.asked = asked.map_or(0, |asked| now.saturating_add(asked.min(cap)));
        self.not_before = now.saturating_add(wait).max(self.asked);
    }
}

/// `first · 2ⁿ`, saturating.
pub(super) const fn doubled(first: Millis, times: u32) -> Millis {
    if times >= 32 { u64::MAX } else { first.saturating_mul(1 << times) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bucket_never_gives_more_than_its_size_and_its_refill(
            gaps in proptest::collection::vec(0u64..5_000, 1..300),
        ) {
            // proves L20
            let (size, period) = (5, 3_000);
            let mut bucket = Bucket::new(size);
            let (mut now, mut taken) = (0u64, 0u64);
            for gap in gaps {
                now += gap;
                if bucket.ready(0, period) <= now {
                    bucket.take(now, period);
                    taken += 1;
                }
                prop_assert!(taken <= u64::from(size) + now / period, "{taken} by {now}");
            }
        }
    }

    /// What is used of a long period is at most one short one.
    #[test]
    fn a_period_that_changes_brings_no_burst() {
        // proves L20
        let mut bucket = Bucket::new(1);
        bucket.take(0, 5_000);
        bucket.refill(4_999, 5_000);
        assert!(!bucket.holds(0));
        bucket.take(4_999, 1_000);
        assert_eq!(bucket.ready(0, 1_000), 5_999);

        // A look at the longer one gives nothing away that the shorter has brought.
        let mut bucket = Bucket::new(3);
        (0..3).for_each(|_| bucket.take(0, 1_000));
        bucket.refill(2_500, 5_000);
        assert!(bucket.holds(1) && !bucket.holds(2));
        assert_eq!(bucket.ready(2, 5_000), 7_000);
    }

    #[test]
    fn an_empty_bucket_says_exactly_when_it_is_ready() {
        let mut bucket = Bucket::new(2);
        bucket.take(100, 1_000);
        bucket.take(200, 1_000);
        assert_eq!(bucket.ready(0, 1_000), 1_100);
        bucket.take(1_100, 1_000);
        assert_eq!(bucket.ready(0, 1_000), 2_100);
    }

    #[test]
    fn waits_double_and_are_half_fixed() {
        // proves L18
        let policy = Policy::default();
        let mut random = Random::new(&crate::secret::Seed::from_bytes([1; 32]));
        let mut retry = Retry::default();
        let mut ceiling = 1_000;
        for _ in 0..8 {
            retry.failed(0, &policy, &mut random, None, 0);
            assert!((ceiling / 2..ceiling).contains(&retry.not_before), "{} of {ceiling}", retry.not_before);
            ceiling = (ceiling * 2).min(30_000);
        }
        retry.failed(0, &policy, &mut random, Some(86_400_000), 40_000);
        assert_eq!(retry.not_before, 40_000);
    }

    #[cfg(feature = "model")]
    #[test]
    fn a_search_sets_what_the_budget_says() {
        use super::super::model::Budget;
        let (reserve, period, now) = (2, 1_000, 50_000);
        let said = |budget| {
            let mut bucket = Bucket::new(5);
            bucket.take(10, period);
            bucket.set(budget, reserve, period, now);
            (bucket.holds(reserve), bucket.holds(0), bucket.ready(0, period))
        };
        assert_eq!(said(Budget::Full), (true, true, 0));
        assert_eq!(said(Budget::Reserve), (false, true, 0));
        assert_eq!(said(Budget::Wait(300)), (false, false, now + 300));
    }
}
