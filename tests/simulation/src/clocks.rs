//! Four clocks: the true time, and what the driver's two and the server's one make of it.

use satkeeper_core::Now;

/// The wall clock when a simulation begins.
pub(crate) const EPOCH: u64 = 1_800_000_000_000;

/// Nobody's monotonic clock begins at zero.
const BOOTED: u64 = 1_000_000;

#[derive(Clone, Debug)]
pub(crate) struct Clocks {
    /// True time in milliseconds since the simulation began.
    pub(crate) now: u64,
    /// True time that the monotonic clock did not count.
    pub(crate) uncounted: u64,
    /// How far the driver's wall clock is ahead of the truth.
    pub(crate) wall: i64,
    /// How far the server's clock is.
    pub(crate) server: i64,
}

impl Clocks {
    pub(crate) const fn tick(&self) -> u64 {
        (BOOTED + self.now).saturating_sub(self.uncounted)
    }

    /// The true time at which the monotonic clock will show this, if it is not stopped.
    pub(crate) const fn when_tick(&self, tick: u64) -> u64 {
        (tick + self.uncounted).saturating_sub(BOOTED)
    }

    /// What the driver reads.
    pub(crate) fn read(&self) -> Now {
        Now::new(self.tick(), (EPOCH + self.now).saturating_add_signed(self.wall))
    }

    /// What the server reads.
    pub(crate) const fn server_now(&self) -> u64 {
        (EPOCH + self.now).saturating_add_signed(self.server)
    }

    /// The true time at which the server will read this.
    pub(crate) const fn when_server(&self, time: u64) -> u64 {
        time.saturating_add_signed(-self.server).saturating_sub(EPOCH)
    }
}
