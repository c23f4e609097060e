//! A rate limiter: a bucket of permits (R20, R24).

use crate::lifecycle::clock::At;
use crate::time::Millis;

/// A bucket that holds `size` permits and gains one each `period`, which may change from one look to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    size: u32,
    left: u32,
    /// When the next permit began to form.
    since: At,
}

impl Bucket {
    pub(crate) const fn new(size: u32) -> Self {
        Self { size, left: size, since: 0 }
    }

    /// When more than `reserve` permits are there.
    pub(crate) fn ready(&self, reserve: u32, period: Millis) -> At {
        let missing = reserve.saturating_add(1).saturating_sub(self.left);
        if missing == 0 { 0 } else { self.since.saturating_add(period.saturating_mul(u64::from(missing))) }
    }

    /// Takes one permit at `now`; an empty bucket stays empty.
    pub(crate) fn take(&mut self, now: At, period: Millis) {
        let formed = now.saturating_sub(self.since) / period.max(1);
        self.left = self.left.saturating_add(u32::try_from(formed).unwrap_or(u32::MAX)).min(self.size);
        self.since = self.since.saturating_add(formed.saturating_mul(period));
        if self.left == self.size {
            self.since = now;
        }
        self.left = self.left.saturating_sub(1);
    }
}

/// What `canonical` is made of.
#[cfg(feature = "model")]
impl Bucket {
    /// What is left, and how long the next permit has been forming; `None`: it is full, or as good as that.
    pub(crate) fn at(&self, now: At, period: Millis) -> Option<(u32, Millis)> {
        let Self { size, left, since } = *self;
        let age = now.saturating_sub(since);
        let formed = u32::try_from(age / period.max(1)).unwrap_or(u32::MAX);
        let left = left.saturating_add(formed).min(size);
        (left < size && left < 1_000).then_some((left, age % period.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_fills_by_one_a_period_and_never_over() {
        // proves R20.1, R20.2
        let mut bucket = Bucket::new(3);
        for _ in 0..3 {
            assert_eq!(bucket.ready(0, 1_000), 0);
            bucket.take(10_000, 1_000);
        }
        assert_eq!((bucket.ready(0, 1_000), bucket.ready(1, 1_000)), (11_000, 12_000));
        bucket.take(11_500, 1_000);
        assert_eq!(bucket.ready(0, 1_000), 12_000, "half a permit is kept");
        bucket.take(11_600, 1_000);
        assert_eq!(bucket.ready(0, 1_000), 12_000, "who takes from an empty one owes nothing");
        bucket.take(1_000_000, 1_000);
        assert_eq!((bucket.left, bucket.ready(2, 1_000)), (2, 1_001_000));
        // The last ones are kept for what is due.
        assert_eq!((bucket.ready(1, 1_000), bucket.ready(2, 1_000)), (0, 1_001_000));
    }
}
