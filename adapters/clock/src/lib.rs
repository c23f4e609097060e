//! A clock that goes on while the machine sleeps, where there is one (R1).
//!
//! [`Instant`] stands still during sleep on some systems and not on others. A session has to know which, and wants one
//! that does not: a token goes on ageing while the lid is closed.
//!
//! | system | read | counts sleep |
//! |---|---|---|
//! | Linux, Android, OpenBSD | `CLOCK_BOOTTIME` | yes |
//! | macOS, iOS and their like | `CLOCK_MONOTONIC`, which goes on while they are asleep (`clock_gettime(3)`) | yes |
//! | Windows | [`Instant`], by `QueryPerformanceCounter`, which counts standby and hibernation | yes |
//! | others, and where the kernel refuses the clock | [`Instant`] | not for certain: no |
//!
//! A crate of its own, so that it can be checked for each of them in seconds, without what the rest needs of C.
//! The crate `boot-time` reads the same clocks, but calls the Mach and the C library itself and does not say whether a
//! system has one; rustix is what the command line uses already.

#![deny(missing_debug_implementations)]

use std::time::{Duration, Instant};

/// A moment on that clock.
///
/// ```
/// use satkeeper_clock::BootInstant;
/// let start = BootInstant::now();
/// assert!(start.elapsed().as_secs() < 60);
/// println!("sleep is counted: {}", start.counts_sleep());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BootInstant(Moment);

#[derive(Clone, Copy, Debug)]
enum Moment {
    /// Since the machine was started, its sleep included.
    Boot(Duration),
    Instant(Instant),
}

impl BootInstant {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        Self(since_boot().map_or_else(|| Moment::Instant(Instant::now()), Moment::Boot))
    }

    /// How long ago it was. Never less than before by more than the clock itself goes back.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        match self.0 {
            // A clock that was there does not go away.
            Moment::Boot(start) => since_boot().unwrap_or(start).saturating_sub(start),
            Moment::Instant(start) => start.elapsed(),
        }
    }

    /// Whether the time that the machine sleeps is in it.
    #[must_use]
    pub const fn counts_sleep(self) -> bool {
        cfg!(windows) || matches!(self.0, Moment::Boot(_))
    }
}

/// May be refused: by kernels from before 2.6.39, and by sandboxes.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "openbsd"))]
fn since_boot() -> Option<Duration> {
    use rustix::time::{DynamicClockId, clock_gettime_dynamic};
    Duration::try_from(clock_gettime_dynamic(DynamicClockId::Boottime).ok()?).ok()
}

#[cfg(target_vendor = "apple")]
fn since_boot() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};
    Duration::try_from(clock_gettime(ClockId::Monotonic)).ok()
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "openbsd", target_vendor = "apple")))]
const fn since_boot() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::BootInstant;

    #[test]
    fn it_goes_on_and_not_back() {
        let start = BootInstant::now();
        let times: Vec<_> = (0..1_000).map(|_| start.elapsed()).collect();
        assert!(times.is_sorted());
    }

    // proves R1.1
    #[test]
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple", windows))]
    fn it_counts_sleep_where_systems_have_such_a_clock() {
        assert!(BootInstant::now().counts_sleep());
    }

    // proves R1.1
    #[test]
    #[cfg(target_os = "linux")]
    fn on_linux_it_is_the_clock_that_the_kernel_counts_sleep_in() {
        // The kernel tells a process's start by `CLOCK_BOOTTIME`: it cannot be ahead of what is read here, and on a
        // machine that has slept a clock without sleep is behind it.
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let ticks: u64 =
            stat.rsplit(')').next().unwrap().split_whitespace().nth(19).unwrap().parse().unwrap();
        let started = std::time::Duration::from_millis(ticks * 10);
        assert!(super::since_boot().unwrap() + std::time::Duration::from_millis(10) >= started);
    }
}
