//! How far a session is, for those who wait for its beginning or its end.

use crate::end::End;

/// How far a session is.
///
/// ```
/// use satkeeper_host::Progress;
/// let mut progress = Progress::Starting;
/// assert!(progress.begin() && progress.has_begun());
/// assert!(!progress.begin(), "only the first time is news");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not live yet.
    Starting,
    /// It has been live.
    Live,
    /// It is over, and how.
    Over(End),
}

impl Progress {
    /// It is live. Whether that is so for the first time.
    pub fn begin(&mut self) -> bool {
        let first = !self.has_begun();
        if first {
            *self = Self::Live;
        }
        first
    }

    /// Whether it is over.
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Over(_))
    }

    /// Whether it has been live, or is over.
    pub const fn has_begun(&self) -> bool {
        !matches!(self, Self::Starting)
    }
}
