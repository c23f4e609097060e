//! How far a session is, for those who wait for its beginning or its end.

use satkeeper_host::End;

/// How far a session is.
#[derive(Clone)]
pub(crate) enum Progress {
    /// Not live yet.
    Starting,
    /// It has been live.
    Live,
    /// It is over.
    Over(End),
}

impl Progress {
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self, Self::Over(_))
    }

    pub(crate) const fn has_begun(&self) -> bool {
        !matches!(self, Self::Starting)
    }
}
