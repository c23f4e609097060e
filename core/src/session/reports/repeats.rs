//! What happens again and again, told as its number: a server must not be able to make a session talk without an end.

use crate::time::{Millis, Tick};

/// After the first time, the number is told after this long, unless somebody says otherwise.
const SHORTEST: Millis = 10_000;
/// As long as it goes on, each interval is twice as long as the last, up to this.
const LONGEST: Millis = 3_600_000;

/// Tells the first time at once, and from then on how often it happened, in ever longer intervals: 10 s, 20 s, up to
/// an hour ([`Repeats::every`] begins with another). After an interval in which it did not happen the next is a first time again.
///
/// ```
/// use satkeeper_core::Tick;
/// use satkeeper_core::session::Repeats;
/// let mut dropped = Repeats::default();
/// assert!(dropped.happened(Tick(0)));
/// assert!(!dropped.happened(Tick(1)) && !dropped.happened(Tick(2)));
/// assert_eq!(dropped.due(Tick(9_999)), None);
/// assert_eq!(dropped.due(Tick(10_000)), Some(2));
/// assert_eq!(dropped.next(), None, "nothing is left to tell");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeats {
    shortest: Millis,
    /// How often, since it was told last.
    count: u64,
    /// `None`: it has not happened for a while.
    interval: Option<Interval>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Interval {
    until: Tick,
    length: Millis,
}

impl Default for Repeats {
    fn default() -> Self {
        Self::every(SHORTEST)
    }
}

impl Repeats {
    /// The number is told after this long for the first time; an hour at most.
    #[must_use]
    pub const fn every(shortest: Millis) -> Self {
        let shortest = if shortest > LONGEST { LONGEST } else { shortest };
        Self { shortest, count: 0, interval: None }
    }

    /// Once more. Whether it is to be told now; else it is counted.
    pub fn happened(&mut self, now: Tick) -> bool {
        if self.count > 0 || self.interval.is_some_and(|interval| now < interval.until) {
            self.count = self.count.saturating_add(1);
            return false;
        }
        self.interval = Some(Interval { until: now.after(self.shortest), length: self.shortest });
        true
    }

    /// The number that is to be told now.
    pub fn due(&mut self, now: Tick) -> Option<u64> {
        let interval = self.interval.filter(|interval| self.count > 0 && interval.until <= now)?;
        let length = interval.length.saturating_mul(2).min(LONGEST);
        self.interval = Some(Interval { until: now.after(length), length });
        Some(core::mem::take(&mut self.count))
    }

    /// The number that is left to be told, although it is not time: nothing comes any more.
    pub fn rest(&mut self) -> Option<u64> {
        (self.count > 0).then(|| core::mem::take(&mut self.count))
    }

    /// When a number will be due, if there is one to be told.
    #[must_use]
    pub fn next(&self) -> Option<Tick> {
        self.interval.filter(|_| self.count > 0).map(|interval| interval.until)
    }
}

#[cfg(test)]
mod tests {
    use crate::session::Repeats;
    use crate::time::Tick;
    use alloc::vec::Vec;

    // survives W17
    #[test]
    fn what_goes_on_is_told_ever_more_rarely() {
        let mut repeats = Repeats::default();
        let (mut told, mut counted) = (Vec::new(), 0);
        for second in 0..7_200 {
            let now = Tick(second * 1_000);
            if let Some(count) = repeats.due(now) {
                told.push(second);
                counted += count;
            }
            for _ in 0..10 {
                counted += u64::from(repeats.happened(now));
            }
        }
        assert_eq!(told, [10, 30, 70, 150, 310, 630, 1_270, 2_550, 5_110]);
        assert_eq!(counted, 10 * 5_110);
    }

    #[test]
    fn after_a_quiet_interval_it_is_new_again() {
        let mut repeats = Repeats::default();
        assert!(repeats.happened(Tick(0)) && !repeats.happened(Tick(1)));
        assert_eq!(repeats.next(), Some(Tick(10_000)));
        assert_eq!(repeats.due(Tick(10_000)), Some(1));
        assert_eq!(repeats.next(), None);
        assert!(!repeats.happened(Tick(29_999)), "the interval is twice as long");
        assert_eq!(repeats.due(Tick(30_000)), Some(1));
        assert!(repeats.happened(Tick(70_000)));
        assert_eq!(repeats.due(Tick(90_000)), None);
    }
}
