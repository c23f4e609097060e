//! The machines of the core that can be carried: the lifecycle, and its second edition while that grows beside it.

use std::sync::Arc;

use satkeeper_core::lifecycle::{Failure, Input, Lifecycle, Output, Policy, Snapshot, Status};
use satkeeper_core::secret::Seed;
use satkeeper_core::{Now, UnixMillis};

use super::super::{Ask, Bad, Reply};
use super::words;
use crate::timeline::Ms;

/// A machine that decides, and how the layer above it hears.
pub trait Machine: Sized + 'static {
    /// What it decides by.
    type Policy;
    /// What outlives its process.
    type Snapshot;
    /// Its name in tables.
    const NAME: &'static str;
    /// The monotonic clock of its driver goes on in the host's sleep.
    const TICK_COUNTS_SLEEP: bool;

    /// The default.
    fn policy() -> Self::Policy;
    /// One that holds nothing.
    fn new(policy: &Self::Policy, seed: &Seed) -> Self;
    /// One that goes on.
    fn restore(policy: &Self::Policy, seed: &Seed, snapshot: &Self::Snapshot, now: Now) -> Self;
    /// One input: what comes of it, and when to be stepped again.
    fn step(&mut self, now: Now, input: Input) -> (Vec<Output>, Option<Ms>);
    /// For its record.
    fn snapshot(&self) -> Self::Snapshot;
    /// Where it stands.
    fn status(&self) -> Status;

    /// What it hears of a failure.
    fn failure(bad: Bad, ask: Ask, one_time: bool) -> Failure {
        words::failure(bad, ask, one_time)
    }

    /// What it hears of the server's clock.
    fn server_time(reply: &Reply, ask: Ask, one_time: bool) -> Option<UnixMillis> {
        words::server_time(reply, ask, one_time)
    }
}

impl Machine for Lifecycle {
    type Policy = Arc<Policy>;
    type Snapshot = Snapshot;
    const NAME: &'static str = if cfg!(november) { "november" } else { "lifecycle" };
    /// It is `std::time::Instant`, which does not on Linux and macOS.
    const TICK_COUNTS_SLEEP: bool = false;

    fn policy() -> Self::Policy {
        Arc::new(Policy::default())
    }

    fn new(policy: &Self::Policy, seed: &Seed) -> Self {
        Self::new(Arc::clone(policy), seed)
    }

    fn restore(policy: &Self::Policy, seed: &Seed, snapshot: &Snapshot, now: Now) -> Self {
        Self::restore(Arc::clone(policy), seed, snapshot, now)
    }

    fn step(&mut self, now: Now, input: Input) -> (Vec<Output>, Option<Ms>) {
        let step = self.step(now, input);
        (step.outputs, step.wake_at.map(|(tick, _)| tick.0))
    }

    fn snapshot(&self) -> Snapshot {
        self.snapshot()
    }

    fn status(&self) -> Status {
        self.status()
    }
}

#[cfg(feature = "second")]
mod second {
    use satkeeper_core::second::{Lifecycle, Policy, Snapshot};

    use super::{
        Arc, Ask, Bad, Failure, Input, Machine, Ms, Now, Output, Reply, Seed, Status, UnixMillis, words,
    };

    impl Machine for Lifecycle {
        type Policy = Arc<Policy>;
        type Snapshot = Snapshot;
        const NAME: &'static str = "second";
        /// What the second edition wants of its drivers (K1).
        const TICK_COUNTS_SLEEP: bool = true;

        fn policy() -> Self::Policy {
            Arc::new(Policy::default())
        }

        fn new(policy: &Self::Policy, seed: &Seed) -> Self {
            Self::new(Arc::clone(policy), seed)
        }

        fn restore(policy: &Self::Policy, seed: &Seed, snapshot: &Snapshot, now: Now) -> Self {
            Self::restore(Arc::clone(policy), seed, snapshot, now)
        }

        fn step(&mut self, now: Now, input: Input) -> (Vec<Output>, Option<Ms>) {
            let step = self.step(now, input);
            (step.outputs, step.wake_at.map(|(tick, _)| tick.0))
        }

        fn snapshot(&self) -> Snapshot {
            self.snapshot()
        }

        fn status(&self) -> Status {
            self.status()
        }

        /// A page that somebody on the way wrote is no refusal of the API's; only the application's own word ends the
        /// schedule.
        fn failure(bad: Bad, ask: Ask, one_time: bool) -> Failure {
            match bad {
                Bad::Http { own: false, status, .. } if status < 500 && status != 429 => Failure::Malformed,
                Bad::Http { status, retry_after, .. } if one_time => Failure::Http { status, retry_after },
                _ => words::failure(bad, ask, one_time),
            }
        }

        /// Only the API's own answers tell the time.
        fn server_time(reply: &Reply, ask: Ask, one_time: bool) -> Option<UnixMillis> {
            words::server_time(reply, ask, one_time).filter(|_| !reply.foreign)
        }
    }
}
