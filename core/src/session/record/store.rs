//! What is known of the store: whether the session goes on from it, and what has become of the last write.

use crate::error::Error;

#[derive(Default)]
pub(crate) struct Store {
    restored: bool,
    /// With what the last write of the record has failed, if it has.
    failure: Option<Error>,
}

impl Store {
    /// The session goes on from a record.
    pub(crate) const fn restored() -> Self {
        Self { restored: true, failure: None }
    }

    pub(crate) const fn is_restored(&self) -> bool {
        self.restored
    }

    /// What has become of a write.
    pub(crate) fn heard(&mut self, failure: Option<Error>) {
        self.failure = failure;
    }

    pub(crate) const fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }
}
