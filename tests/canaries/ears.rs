//! Hears everything that this process says: of our own targets at TRACE, of everybody else's at DEBUG.

use std::fmt::{Debug, Display, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

static HEARD: Mutex<String> = Mutex::new(String::new());

fn heard() -> MutexGuard<'static, String> {
    HEARD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on, in every thread.
pub(crate) fn open() {
    tracing::subscriber::set_global_default(Ears).expect("nobody listens yet");
    log::set_logger(&Ears).expect("nobody listens yet");
    log::set_max_level(log::LevelFilter::Trace);
}

/// What was heard so far.
pub(crate) fn all() -> String {
    heard().clone()
}

/// What an application could print of a value.
pub(crate) fn shown(value: &impl Debug) {
    let _ = write!(heard(), "\nshown {value:?} {value:#?}");
}

/// What an application could print of an error: all of its chain.
pub(crate) fn told(error: &(dyn std::error::Error + 'static)) {
    let mut heard = heard();
    let _ = write!(heard, "\ntold {error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(heard, ": {cause} {cause:?}");
        source = cause.source();
    }
}

/// A line from elsewhere.
pub(crate) fn said(text: &impl Display) {
    let _ = write!(heard(), "\nsaid {text}");
}

struct Ears;

fn is_heard(target: &str, debug: bool) -> bool {
    debug || target.starts_with("satkeeper")
}

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Ears {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_heard(metadata.target(), *metadata.level() <= Level::DEBUG)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Line(&mut heard()));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Line(&mut heard()));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut all = heard();
        let _ = write!(all, "\n{} {}", event.metadata().level(), event.metadata().target());
        event.record(&mut Line(&mut all));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl log::Log for Ears {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        is_heard(metadata.target(), metadata.level() <= log::Level::Debug)
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = record.args().to_string();
        // At DEBUG tungstenite repeats a server's Close in clear, and ureq some headers of answers, `Date` among
        // them, whatever a server has put there; nobody can keep them from that, and the documentation of the
        // adapters says so.
        let known = [
            ("tungstenite", "Received close frame"),
            ("tungstenite", "Replying to close"),
            ("ureq::run", "Response {"),
        ];
        let known = known
            .iter()
            .any(|(target, start)| record.target().starts_with(target) && line.starts_with(start));
        if log::Log::enabled(self, record.metadata()) && !known {
            let _ = write!(heard(), "\n{} {} {line}", record.level(), record.target());
        }
    }

    fn flush(&self) {}
}
