//! What of a session is worth a log line (target `satkeeper`), and what is news to those who watch it.

use satkeeper_core::lifecycle::{Event, Status};
use satkeeper_core::session::{InForce, SessionEvent, SessionInput, SessionNews, SessionOutput};
use tracing::{debug, info};

/// Writes what happens to a session to the log, as far as nothing else says so: that its socket has closed.
pub fn input(input: &SessionInput) {
    if let SessionInput::Closed { socket, error } = input {
        let error = error.as_ref().map(tracing::field::display);
        debug!(target: "satkeeper", socket = socket.0, error, "socket closed");
    }
}

/// Writes what a session asks of others, and its events, to the log.
pub fn output(output: &SessionOutput) {
    match output {
        SessionOutput::Request { id, request, .. } => {
            debug!(target: "satkeeper", id = id.0, method = request.method.name(), url = %request.url, "request");
        }
        SessionOutput::Open { socket, url, .. } => {
            debug!(target: "satkeeper", socket = socket.0, %url, "open socket");
        }
        SessionOutput::AskProvider { id, call, .. } => {
            debug!(target: "satkeeper", id = id.0, ?call, "ask provider");
        }
        SessionOutput::Tell(event) => tell(event),
        _ => {}
    }
}

fn tell(event: &SessionEvent) {
    let cause = event.cause.as_ref().map(tracing::field::display);
    match event.event {
        SessionNews::Lifecycle(Event::Ignored(ignored)) => debug!(target: "satkeeper", ?ignored, cause),
        SessionNews::Lifecycle(told) => info!(target: "satkeeper", event = ?told, cause),
        news => info!(target: "satkeeper", event = news.code(), ?news, cause),
    }
}

/// Shows where the session stands now. Whether that is news: the time left runs down with each step; that alone
/// is none.
pub fn show_status(shown: &mut Status, status: Status) -> bool {
    let news = Status { time_left: None, ..*shown } != Status { time_left: None, ..status };
    *shown = status;
    news
}

/// Shows the credential in force now. Whether that is news: its end is computed anew from both clocks at each step,
/// and their milliseconds do not turn together; that alone is none, and is not shown.
pub fn show_credential(shown: &mut Option<InForce>, held: Option<InForce>) -> bool {
    let same = match (&*shown, &held) {
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
    if !same {
        *shown = held;
    }
    !same
}
