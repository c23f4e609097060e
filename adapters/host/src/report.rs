//! What of a session is worth a log line (target `satkeeper`), and what is news to those who watch it.
//!
//! At the default level (`info`) a log says what changes the state of things: live, lost, bound, over, and what goes
//! wrong. A renewal that nothing went wrong before is a matter of `debug`, and so is all that is asked of others. What
//! repeats is said once, and then as its number.

use std::collections::BTreeMap;
use std::sync::Arc;

use satkeeper_core::Tick;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::{Event, Status, Warning};
use satkeeper_core::session::{
    InForce, Repeats, Session, SessionEvent, SessionInput, SessionNews, SessionOutput, Severity,
};
use satkeeper_core::time::Millis;
use tracing::{debug, error, info, warn};

const HOUR: Millis = 3_600_000;

/// The log of one session.
///
/// ```
/// use satkeeper_core::{Now, Tick};
/// use satkeeper_core::session::{SessionEvent, SessionNews};
/// let mut log = satkeeper_host::report::Log::default();
/// let lost = SessionEvent::new(Now::default(), SessionNews::FrameDropped { count: 1 }, None);
/// for second in 0..10 {
///     log.tell(Tick(second * 1_000), &lost); // one line
/// }
/// log.count(Tick(10_000)); // "9 more"
/// ```
#[derive(Debug, Default)]
pub struct Log {
    /// By the code of what is told, and how much it matters.
    repeats: BTreeMap<&'static str, (Level, Repeats)>,
    /// Something went wrong since the last renewal.
    is_troubled: bool,
    is_bound: bool,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Log {
    /// Writes what happens to a session, as far as nothing else says so: that its socket has closed.
    pub fn input(&self, session: &Session, input: &SessionInput) {
        if let SessionInput::Closed { socket, error } = input {
            // What the server said as it closed it may be a part of what it was sent.
            let error = error.clone().map(|error| session.fit_to_show(error));
            let error = error.as_ref().map(tracing::field::display);
            debug!(target: "satkeeper", socket = socket.0, error, "socket closed");
        }
    }

    /// Writes what a session asks of others, and its events.
    pub fn output(&mut self, now: Tick, output: &SessionOutput) {
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
            SessionOutput::Tell(event) => self.tell(now, event),
            _ => {}
        }
    }

    /// Writes an event, or counts it.
    pub fn tell(&mut self, now: Tick, event: &SessionEvent) {
        let (level, code) = (self.level_of(event), event.kind().code());
        let cause = event.cause.as_ref();
        match event.event {
            // The end is the end.
            SessionNews::Lifecycle(Event::Teardown { .. }) => {
                self.rest();
                write(level, code, event, cause);
            }
            // Nobody may overlook it. The other is gathered by the session already.
            SessionNews::Lifecycle(Event::Expired { .. }) | SessionNews::FrameDropped { .. } => {
                write(level, code, event, cause);
            }
            _ if level == Level::Debug => write(level, code, event, cause),
            _ if self.of(code, level).happened(now) => write(level, code, event, cause),
            _ => write(Level::Debug, code, event, cause),
        }
    }

    /// Writes how often something was told, where it is time to.
    pub fn count(&mut self, now: Tick) {
        for (code, (level, repeats)) in &mut self.repeats {
            if let Some(count) = repeats.due(now) {
                counted(*level, code, count);
            }
        }
    }

    fn of(&mut self, code: &'static str, level: Level) -> &mut Repeats {
        let repeats = match (code, level) {
            // Every token of a server may be like that.
            ("expiry_shortened" | "server_value_clamped", _) => Repeats::every(HOUR),
            // Attempts go on for as long as an outage does; how the state changes is told besides.
            (_, Level::Warn) => Repeats::every(HOUR / 6),
            _ => Repeats::default(),
        };
        let (known, repeats) = self.repeats.entry(code).or_insert((level, repeats));
        *known = level;
        repeats
    }

    fn rest(&mut self) {
        for (code, (level, repeats)) in &mut self.repeats {
            if let Some(count) = repeats.rest() {
                counted(*level, code, count);
            }
        }
    }

    /// As much as its severity, but for what only those who look for something want to read each time.
    fn level_of(&mut self, event: &SessionEvent) -> Level {
        let usual = match event.kind().severity() {
            Severity::Detail => Level::Debug,
            Severity::Info => Level::Info,
            Severity::Error => Level::Error,
            _ => Level::Warn,
        };
        let happened = match &event.event {
            SessionNews::Lifecycle(happened) => happened,
            // With each `Live`, which is said.
            SessionNews::Survived { .. } | SessionNews::Registered => return Level::Debug,
            _ => return usual,
        };
        match happened {
            Event::Bound { .. } if std::mem::replace(&mut self.is_bound, true) => Level::Debug,
            Event::Renewed { .. } if !std::mem::take(&mut self.is_troubled) => Level::Debug,
            Event::Warn(_) | Event::Expired { .. } => {
                self.is_troubled = true;
                // The end of a fallback will be told as well.
                self.is_bound &= !matches!(happened, Event::Warn(Warning::RefreshFallback { .. }));
                usual
            }
            // Who waited for it has been told.
            Event::Failed { .. } | Event::Recovered { .. } => Level::Debug,
            // What it does to the session, if anything, is told besides.
            Event::ClockJump { .. } => Level::Info,
            _ => usual,
        }
    }
}

/// At the level of what is counted: who reads nothing but warnings reads that they go on.
fn counted(level: Level, code: &str, count: u64) {
    const TEXT: &str = "the same again, so many times";
    match level {
        Level::Debug => debug!(target: "satkeeper", event = code, count, "{TEXT}"),
        Level::Info => info!(target: "satkeeper", event = code, count, "{TEXT}"),
        Level::Warn => warn!(target: "satkeeper", event = code, count, "{TEXT}"),
        Level::Error => error!(target: "satkeeper", event = code, count, "{TEXT}"),
    }
}

/// An output that this adapter is too old for: the session is told so, and so is whoever reads the log.
pub fn unknown(output: &SessionOutput) {
    warn!(target: "satkeeper", ?output, "not known to this adapter: declined");
}

fn write(level: Level, code: &str, event: &SessionEvent, cause: Option<&SessionError>) {
    let cause = cause.map(tracing::field::display);
    let told = &event.event;
    match level {
        Level::Debug => debug!(target: "satkeeper", event = code, ?told, cause),
        Level::Info => info!(target: "satkeeper", event = code, ?told, cause),
        Level::Warn => warn!(target: "satkeeper", event = code, ?told, cause),
        Level::Error => error!(target: "satkeeper", event = code, ?told, cause),
    }
}

/// Shows where the session stands now. Whether that is news: the time left runs down with each step; that alone
/// is none.
pub fn show_status(shown: &mut Status, status: Status) -> bool {
    let timeless = |mut status: Status| {
        status.time_left = None;
        status
    };
    let news = timeless(*shown) != timeless(status);
    *shown = status;
    news
}

/// Shows what the session shares now; whether that is news.
pub fn show_shared<T>(shown: &mut Option<Arc<T>>, held: Option<Arc<T>>) -> bool {
    let same = match (&*shown, &held) {
        (Some(shown), Some(held)) => Arc::ptr_eq(shown, held),
        (shown, held) => shown.is_none() && held.is_none(),
    };
    if !same {
        *shown = held;
    }
    !same
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

#[cfg(test)]
mod tests {
    use super::Log;
    use satkeeper_core::lifecycle::{
        Cause, CommandId, Event, Failure, FallbackReason, Generation, Mechanism, TeardownReason, TokenId,
        Warning,
    };
    use satkeeper_core::session::{SessionEvent, SessionNews};
    use satkeeper_core::{Now, Tick};
    use std::sync::{Arc, Mutex};
    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Level, Metadata, Subscriber};

    type Lines = Arc<Mutex<Vec<String>>>;

    /// Keeps what is logged at `info` and above: level, code, number.
    struct Ears(Lines);

    #[derive(Default)]
    struct Line(String);

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            if matches!(field.name(), "event" | "count") {
                self.0.push_str(&format!(" {value:?}").replace('"', ""));
            }
        }
    }

    impl Subscriber for Ears {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            *metadata.level() <= Level::INFO
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &tracing::Event<'_>) {
            let mut line = Line(event.metadata().level().to_string());
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    fn heard(events: impl IntoIterator<Item = (u64, SessionNews)>) -> Vec<String> {
        let lines = Lines::default();
        tracing::subscriber::with_default(Ears(Arc::clone(&lines)), || {
            let mut log = Log::default();
            for (second, event) in events {
                let now = Tick(second * 1_000);
                log.count(now);
                log.tell(now, &SessionEvent::new(Now::default(), event, None));
            }
        });
        std::mem::take(&mut lines.lock().unwrap())
    }

    fn renewed(second: u64) -> (u64, SessionNews) {
        let (generation, by) = (Generation(second), Some(Mechanism::Bound));
        let renewed = Event::Renewed { generation, token: TokenId(1), by, ends: None };
        (second, SessionNews::Lifecycle(renewed))
    }

    fn told(second: u64, event: Event) -> (u64, SessionNews) {
        (second, SessionNews::Lifecycle(event))
    }

    fn live(second: u64) -> (u64, SessionNews) {
        told(second, Event::Live { resumed: false, generation: Generation(1) })
    }

    fn failed(second: u64) -> (u64, SessionNews) {
        let cause = Cause { command: CommandId(1), failure: Failure::Timeout };
        let warning = Warning::RefreshFailed { attempt: 1, mechanism: Mechanism::Bound, cause, next: None };
        told(second, Event::Warn(warning))
    }

    // survives W17
    #[test]
    fn a_healthy_day_is_a_few_lines() {
        let bound = |second| told(second, Event::Bound { token: TokenId(1) });
        let day = [live(0), bound(1)].into_iter();
        let day = day.chain((1..140).flat_map(|n| [renewed(n * 600), bound(n * 600)]));
        let end = Event::Teardown { reason: TeardownReason::Disconnected, cause: None };
        let day = day.chain([told(86_400, end)]);
        assert_eq!(heard(day), ["INFO live", "INFO bound", "INFO teardown"]);
    }

    #[test]
    fn what_goes_wrong_is_said_and_so_is_its_end() {
        let fallback = Warning::RefreshFallback { reason: FallbackReason::EndpointFailed };
        let story = [
            live(0),
            told(1, Event::Bound { token: TokenId(1) }),
            failed(100),
            told(200, Event::Warn(fallback)),
            renewed(300),
            renewed(900),
            told(901, Event::Bound { token: TokenId(2) }),
            told(999, Event::Expired { renewing: true }),
        ];
        let lines = [
            "INFO live",
            "INFO bound",
            "WARN credential_refresh_failed",
            "WARN credential_refresh_fallback",
            "INFO renewed",
            "INFO bound",
            "ERROR expired",
        ];
        assert_eq!(heard(story), lines);
    }

    #[test]
    fn an_outage_of_a_night_is_a_page_at_most() {
        let night = (0..960).map(|n| failed(n * 30));
        let lines = heard(night.chain([renewed(28_800), renewed(29_000)]));
        assert!(lines.len() < 15, "{lines:#?}");
        // Who reads nothing but warnings reads of all of it (W17).
        let warned: Vec<&String> = lines.iter().filter(|line| line.starts_with("WARN ")).collect();
        assert_eq!(warned.first().map(|line| line.as_str()), Some("WARN credential_refresh_failed"));
        let counts = warned.iter().filter_map(|line| line.strip_prefix("WARN credential_refresh_failed "));
        let counted: u64 = counts.map(|count| count.parse::<u64>().unwrap()).sum();
        assert!(counted > 800, "{lines:#?}");
        assert_eq!(lines.last().map(String::as_str), Some("INFO renewed"));
    }

    // survives W17
    #[test]
    fn an_expiry_is_never_one_of_many() {
        let expired = |second| told(second, Event::Expired { renewing: true });
        assert_eq!(heard([expired(0), expired(60), expired(120)]), ["ERROR expired"; 3]);
    }

    // survives W17
    #[test]
    fn what_a_server_repeats_is_counted() {
        let cause = Cause { command: CommandId(1), failure: Failure::Transport };
        let lost = |second| told(second, Event::Warn(Warning::ConnectionLost { cause, next: None }));
        let flapping = (0..3_600).flat_map(|second| [lost(second), live(second)]);
        let end = Event::Teardown { reason: TeardownReason::Expired, cause: None };
        let lines = heard(flapping.chain([told(3_600, end)]));
        assert!(lines.len() < 25, "{lines:#?}");
        assert_eq!(lines.first().map(String::as_str), Some("INFO connection_lost"));
        assert_eq!(lines.last().map(String::as_str), Some("ERROR teardown"));
        let counts = lines.iter().filter_map(|line| line.strip_prefix("INFO connection_lost "));
        let counted: u64 = counts.map(|count| count.parse::<u64>().unwrap()).sum();
        assert_eq!(counted, 3_599);
    }
}
