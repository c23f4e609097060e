//! The two clocks that every input carries, as plain integers.
//!
//! The machine has no clock of its own. Its driver reads a monotonic and a wall clock and hands both over
//! with every input; durations are whole milliseconds.

use core::fmt;

/// A length of time in milliseconds.
pub type Millis = u64;

/// A reading of a monotonic clock, in milliseconds since an arbitrary start that stays the same for the
/// life of the machine.
///
/// ```
/// use satkeeper_core::Tick;
/// assert_eq!(Tick(1_000).after(500), Tick(1_500));
/// assert_eq!(Tick(1_000).until(Tick(1_500)), 500);
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Tick(pub u64);

impl Tick {
    /// The tick `span` later; saturates at the end of time.
    #[must_use]
    pub const fn after(self, span: Millis) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// How long from here to `later`; zero if `later` has passed.
    #[must_use]
    pub const fn until(self, later: Self) -> Millis {
        later.0.saturating_sub(self.0)
    }
}

/// A wall-clock reading: milliseconds since 1970-01-01T00:00:00Z. It may jump in both directions.
///
/// ```
/// use satkeeper_core::UnixMillis;
/// assert_eq!(UnixMillis(1_700_000_000_123).as_seconds(), 1_700_000_000);
/// ```
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// Whole seconds since 1970, as RFC 7519 `NumericDate` wants them.
    #[must_use]
    pub const fn as_seconds(self) -> u64 {
        self.0 / 1_000
    }

    /// The time `offset` milliseconds away (negative: earlier); saturates at both ends.
    #[must_use]
    pub const fn shifted(self, offset: i64) -> Self {
        Self(self.0.saturating_add_signed(offset))
    }
}

/// What both clocks read at the moment of an input.
///
/// ```
/// use satkeeper_core::Now;
/// let now = Now::new(5_000, 1_700_000_000_000);
/// assert_eq!(now.tick.0, 5_000);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Now {
    /// The monotonic clock.
    pub tick: Tick,
    /// The wall clock.
    pub unix: UnixMillis,
}

impl Now {
    /// Both readings, in milliseconds.
    #[must_use]
    pub const fn new(tick: u64, unix: u64) -> Self {
        Self { tick: Tick(tick), unix: UnixMillis(unix) }
    }

    /// A tick in wall time, by what both clocks read now: of what is to come, as far as nobody sets the clock.
    ///
    /// ```
    /// use satkeeper_core::{Now, Tick, UnixMillis};
    /// let now = Now::new(5_000, 1_700_000_000_000);
    /// assert_eq!(now.unix_at(Tick(7_000)), UnixMillis(1_700_000_002_000));
    /// assert_eq!(now.unix_at(Tick(4_000)), UnixMillis(1_699_999_999_000));
    /// ```
    #[must_use]
    pub const fn unix_at(self, tick: Tick) -> UnixMillis {
        let (ahead, behind) = (self.tick.until(tick), tick.until(self.tick));
        UnixMillis(self.unix.0.saturating_add(ahead).saturating_sub(behind))
    }
}

impl fmt::Display for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}
