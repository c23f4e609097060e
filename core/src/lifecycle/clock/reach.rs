//! The reach-clock: it runs from one attempt to the next if the first was answered by somebody who knows (R5): a server
//! that has broken down is as if nobody had answered.

use crate::lifecycle::clock::At;
use crate::time::Millis;

/// See the [module](self).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    run: Millis,
    /// The last attempt, and whether anybody has answered it.
    last: Option<(At, bool)>,
    /// When somebody was last reached, sleep and rest left out.
    reached: At,
}

impl Reach {
    /// From here on it counts.
    pub(crate) const fn begin(&mut self, now: At) {
        self.run = 0;
        if let Some((at, _)) = &mut self.last {
            *at = now;
        }
    }

    /// Until now somebody could be reached.
    pub(crate) const fn reached(&mut self, now: At) {
        self.reached = now;
    }

    /// An attempt is made.
    pub(crate) fn asked(&mut self, now: At) {
        if let Some((at, true)) = self.last {
            self.run = self.run.saturating_add(now.saturating_sub(at));
        }
        self.last = Some((now, false));
    }

    /// Somebody has answered one.
    pub(crate) const fn answered(&mut self, now: At) {
        self.reached = now;
        if let Some((_, answered)) = &mut self.last {
            *answered = true;
        }
    }

    /// When the last attempt was made.
    pub(crate) fn last_asked(&self) -> At {
        self.last.map_or(0, |(at, _)| at)
    }

    /// It stands until the next attempt: the session rests.
    pub(crate) const fn rest(&mut self) {
        self.last = None;
    }

    /// It has stood: the host slept for `slept`.
    pub(crate) const fn stand(&mut self, slept: Millis) {
        if let Some((at, _)) = &mut self.last {
            *at = at.saturating_add(slept);
        }
        self.reached = self.reached.saturating_add(slept);
    }

    /// What it shows.
    pub(crate) const fn shown(&self) -> Millis {
        self.run
    }

    /// It shows what it has shown in another process.
    pub(crate) const fn go_on(&mut self, run: Millis) {
        self.run = run;
    }

    /// Whether it shows `limit`.
    pub(crate) const fn shows(&self, limit: Millis) -> bool {
        self.run >= limit
    }

    /// When nobody has been reached for `limit`.
    pub(crate) const fn unreached_for(&self, limit: Millis) -> At {
        self.reached.saturating_add(limit)
    }
}

/// What `canonical` is made of.
#[cfg(feature = "model")]
impl Reach {
    pub(crate) const fn facts(&self) -> (Millis, Option<(At, bool)>, At) {
        let Self { run, last, reached } = *self;
        (run, last, reached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_from_an_attempt_that_was_answered_to_the_next() {
        // proves R5.1
        let mut reach = Reach::default();
        reach.asked(1_000);
        reach.asked(11_000);
        assert!(reach.shows(0) && !reach.shows(1), "nobody has answered");
        reach.answered(11_040);
        assert!(!reach.shows(1), "only the next one shows that we are still here");
        reach.asked(21_000);
        assert!(reach.shows(10_000) && !reach.shows(10_001));
        reach.asked(31_000);
        assert!(!reach.shows(10_001), "the second was not answered");
    }

    #[test]
    fn it_stands_at_rest_and_asleep_and_begins_anew() {
        // proves R5.1, R5.2
        let mut reach = Reach::default();
        reach.asked(0);
        reach.answered(0);
        reach.rest();
        reach.asked(60_000);
        assert!(!reach.shows(1), "at rest");
        reach.answered(60_000);
        reach.stand(3_600_000);
        reach.asked(3_670_000);
        assert!(reach.shows(10_000) && !reach.shows(10_001), "asleep");
        reach.answered(3_670_000);
        reach.begin(3_680_000);
        assert!(!reach.shows(1), "from here on it counts");
        reach.asked(3_681_000);
        assert!(reach.shows(1_000) && !reach.shows(1_001));
    }

    #[test]
    fn nobody_has_been_reached_since_the_last_answer() {
        // proves R25.5
        let mut reach = Reach::default();
        reach.reached(1_000);
        reach.asked(5_000);
        assert_eq!(reach.unreached_for(100), 1_100, "asking reaches nobody");
        reach.answered(5_040);
        assert_eq!(reach.unreached_for(100), 5_140);
        reach.stand(1_000);
        assert_eq!(reach.unreached_for(100), 6_140, "sleep does not count");
    }
}
