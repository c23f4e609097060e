//! What can be told, and how much room it takes.

use std::error::Error as _;
use std::fmt::{self, Write as _};

use satkeeper_core::session::{Notification, SessionEvent};

/// What an item takes beside its texts: its own size, its place in the queue, the allocator's share.
const EACH: usize = 256;

/// What can be told.
pub trait Item: Clone {
    /// How many bytes it takes, about.
    fn weight(&self) -> usize;
}

impl Item for Notification {
    fn weight(&self) -> usize {
        EACH.saturating_add(self.method.len()).saturating_add(self.params_json().len())
    }
}

impl Item for SessionEvent {
    fn weight(&self) -> usize {
        let mut length = Length(EACH);
        let mut cause: Option<&dyn std::error::Error> = self.cause.as_ref().map(|cause| cause as _);
        while let Some(error) = cause {
            // Counting does not fail.
            let _ = write!(length, "{error}");
            cause = error.source();
        }
        // What a text says of others, these hold as well.
        length.0.saturating_add(self.cause.as_ref().and_then(|cause| cause.source()).map_or(0, |_| EACH))
    }
}

/// Counts what is written.
struct Length(usize);

impl fmt::Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.saturating_add(text.len());
        Ok(())
    }
}
