//! The adapter's own log lines (`tracing`, target `satkeeper`): shown with `-vv`, and asked for the reason why a
//! live socket went, which no event tells.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::terminal::{Line, Terminal, Tone};

/// What went wrong last with a socket.
#[derive(Clone, Default)]
pub(crate) struct LastError(Arc<Mutex<Option<String>>>);

impl LastError {
    pub(crate) fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Listens to the adapter from now on.
pub(crate) fn listen(shows: bool) -> LastError {
    let last = LastError::default();
    // Fails only where somebody listens already, which nobody does.
    let _ = tracing::subscriber::set_global_default(Listener { last: last.clone(), shows });
    last
}

struct Listener {
    last: LastError,
    shows: bool,
}

/// A log line in the making.
#[derive(Default)]
struct Fields {
    message: String,
    others: String,
    error: Option<String>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.others, " {name}={value:?}"),
        };
        if field.name() == "error" {
            self.error = Some(format!("{value:?}"));
        }
    }
}

impl Subscriber for Listener {
    /// Tungstenite logs frames in clear, reqwest URLs: only the adapter is listened to.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "satkeeper" && metadata.is_event()
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        // Events of the session are told in sentences.
        if self.shows && !fields.message.is_empty() {
            let text = format!("  {}{}", fields.message, fields.others);
            Terminal::stderr().line(&Line::new().with(Tone::Faint, text));
        }
        if fields.error.is_some() {
            *self.last.0.lock().unwrap_or_else(PoisonError::into_inner) = fields.error;
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
