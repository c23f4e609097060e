//! The two clocks of a session.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use satkeeper_clock::BootInstant;
use satkeeper_core::{Now, Tick};

/// Longest sleep of the driver. What an operating system waits for goes by a clock that stops while the machine sleeps
/// (Linux): a longer one would go on after the wake as if nothing had happened. This bounds how late the lifecycle
/// notices (R1).
pub const LONGEST_SLEEP: Duration = Duration::from_secs(30);

const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Reads both clocks. Ticks count milliseconds since the client started, those that the machine slept through among them,
/// where it has such a clock (R1). Where it has none, [`Settings::validate`](crate::Settings::validate) tells the lifecycle so
/// (`Policy::tick_counts_sleep`), which then compares ticks with the wall clock.
///
/// ```
/// let clock = satkeeper_host::Clock::start();
/// assert!(clock.now().tick.0 < 60_000, "milliseconds since the start");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: BootInstant,
}

impl Clock {
    /// From now on.
    #[must_use]
    pub fn start() -> Self {
        Self { start: BootInstant::now() }
    }

    /// What both clocks read. A wall clock set before 1970 reads 0.
    #[must_use]
    pub fn now(self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now::new(millis(self.start.elapsed()), millis(unix))
    }

    /// Whether ticks go on while the machine sleeps.
    #[must_use]
    pub const fn counts_sleep(self) -> bool {
        self.start.counts_sleep()
    }

    /// How long until this tick; zero if it has passed, a year at most: it can be added to any [`Instant`](std::time::Instant).
    #[must_use]
    pub fn until(self, tick: Tick) -> Duration {
        Duration::from_millis(tick.0).saturating_sub(self.start.elapsed()).min(YEAR)
    }

    /// How long to sleep before the next step: to this tick, but at most [`LONGEST_SLEEP`]. At least a
    /// millisecond, so that no deadline that has passed can make the driver spin.
    #[must_use]
    pub fn nap(self, wake_at: Option<Tick>) -> Duration {
        let until = wake_at.map_or(LONGEST_SLEEP, |tick| self.until(tick));
        until.clamp(Duration::from_millis(1), LONGEST_SLEEP)
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Clock, LONGEST_SLEEP};
    use satkeeper_core::Tick;
    use std::time::{Duration, Instant};

    #[test]
    fn a_nap_is_never_longer_than_half_a_minute_and_never_nothing() {
        let clock = Clock::start();
        assert_eq!(clock.nap(None), LONGEST_SLEEP);
        assert_eq!(clock.nap(Some(Tick(u64::MAX))), LONGEST_SLEEP);
        assert!(Instant::now().checked_add(clock.until(Tick(u64::MAX))).is_some());
        assert_eq!(clock.nap(Some(Tick(0))), Duration::from_millis(1));
        let nap = clock.nap(Some(clock.now().tick.after(5_000)));
        assert!(nap > Duration::from_millis(4_900) && nap <= Duration::from_millis(5_001), "{nap:?}");
    }

    #[test]
    fn a_wake_up_at_a_tick_is_not_before_it() {
        let clock = Clock::start();
        let due = clock.now().tick.after(3);
        std::thread::sleep(clock.nap(Some(due)));
        assert!(clock.now().tick >= due);
    }
}
