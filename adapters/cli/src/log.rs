//! The adapter's own log lines (`tracing`, target `satkeeper`), shown with `-vv`.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::terminal::{Line, Terminal, Tone};

/// Shows them from now on.
pub(crate) fn show() {
    // Fails only where somebody listens already, which nobody does.
    let _ = tracing::subscriber::set_global_default(Listener);
}

struct Listener;

/// A log line in the making.
#[derive(Default)]
struct Fields {
    message: String,
    others: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.others, " {name}={value:?}"),
        };
    }
}

impl Subscriber for Listener {
    /// Tungstenite logs frames in clear, and HTTP libraries what they send: only the adapter is listened to.
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
        if !fields.message.is_empty() {
            let text = format!("  {}{}", fields.message, fields.others);
            Terminal::stderr().line(&Line::new().with(Tone::Faint, text).hanging(4));
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
