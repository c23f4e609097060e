//! What of a session is worth a log line, and what is news to those who watch it.

use satkeeper_core::lifecycle::{Event, Status};
use satkeeper_core::session::{InForce, SessionEvent, SessionNews};
use tracing::{debug, info};

/// Writes an event to the log, target `satkeeper`.
pub fn log(event: &SessionEvent) {
    let cause = event.cause.as_ref().map(tracing::field::display);
    match event.event {
        SessionNews::Lifecycle(Event::Ignored(ignored)) => debug!(target: "satkeeper", ?ignored, cause),
        SessionNews::Lifecycle(told) => info!(target: "satkeeper", event = ?told, cause),
        news => info!(target: "satkeeper", event = news.code(), ?news, cause),
    }
}

/// Whether the status has changed. The time left runs down with each step; that alone is none.
#[must_use]
pub fn is_new_status(shown: &Status, status: &Status) -> bool {
    Status { time_left: None, ..*shown } != Status { time_left: None, ..*status }
}

/// Whether the credential has changed. Its end is computed anew from both clocks at each step, and their
/// milliseconds do not turn together; that alone is none.
#[must_use]
pub fn is_new_credential(shown: Option<&InForce>, held: Option<&InForce>) -> bool {
    let same = match (shown, held) {
        (None, None) => true,
        (Some(shown), Some(held)) => {
            let same_end = match (shown.expires_at, held.expires_at) {
                (Some(one), Some(other)) => one.0.abs_diff(other.0) < 1_000,
                (one, other) => one == other,
            };
            shown.generation == held.generation && same_end && shown.token == held.token
        }
        _ => false,
    };
    !same
}
