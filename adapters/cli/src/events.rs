//! Each event as one line of JSON (`run --events`), without secrets: tokens are numbers.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use satkeeper::{Event, Now, SessionEvent, SessionNews, Tick, Warning};
use satkeeper_host::files::{Found, look};
use serde_json::{Map, Value, json};

use crate::exit::Failure;
use crate::sentences::Sentence;
use crate::stamp::utc;
use crate::writer::Writer;

/// Where lines of JSON go.
pub(crate) struct EventLog {
    out: Writer,
    written: u64,
    /// Its name, if it has one.
    path: Option<PathBuf>,
}

/// The file of an [`EventLog`], which may be moved away while it is written to.
pub(crate) struct LogFile {
    path: PathBuf,
    out: Writer,
}

impl LogFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens by its name what is written to from here on, a new file where there is none. `tell` hears what came of
    /// it: where it cannot be opened, the one that is open goes on being written to.
    pub(crate) fn reopen(&self, tell: impl FnOnce(io::Result<()>) + Send + 'static) {
        self.out.reopen(opening(&self.path), tell);
    }
}

impl EventLog {
    /// A file, to whose end it is written: it may hold what was told before a restart. `-`: standard output. A named
    /// pipe is opened when somebody reads it, and nobody waits for that. `failed` hears why nothing more is written.
    pub(crate) fn open(
        path: &Path,
        failed: impl Fn(io::Error) + Send + Sync + 'static,
    ) -> Result<Self, Failure> {
        let refused = |error| Failure::usage(format!("--events {}: {error}", path.display()));
        let out = if path == Path::new("-") {
            Writer::start(|| Ok(Box::new(io::stdout())), lines_missing, failed)
        } else if is_special(path).map_err(refused)? {
            Writer::start(opening(path), lines_missing, failed)
        } else {
            // So that a mistake is told before anything is sent.
            let file = append(path).map_err(refused)?;
            Writer::start(|| Ok(Box::new(file)), lines_missing, failed)
        };
        let path = (path != Path::new("-")).then(|| path.to_owned());
        Ok(Self { out, written: 0, path })
    }

    /// Its file, if it is one.
    pub(crate) fn file(&self) -> Option<LogFile> {
        self.path.clone().map(|path| LogFile { path, out: self.out.clone() })
    }

    /// Writes one event, at once: whoever reads may act on it.
    pub(crate) fn write(&mut self, told: &SessionEvent, said: &Sentence) {
        self.written += 1;
        self.out.write(format!("{}\n", line(self.written, told, said)));
    }
}

/// Whether it is something whose opening may take until somebody is at its other end.
fn is_special(path: &Path) -> io::Result<bool> {
    Ok(look(path)? == Found::Special)
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn opening(path: &Path) -> impl FnOnce() -> io::Result<Box<dyn Write>> + Send + 'static {
    let path = path.to_owned();
    move || append(&path).map(|file| Box::new(file) as Box<dyn Write>)
}

/// In the place of events for which there was no room. Their numbers `n` are missing, too.
fn lines_missing(missing: u64) -> String {
    let message = format!("{missing} events are missing here: nobody read them");
    let line = json!({"event": "events_missing", "level": "warning", "missing": missing, "message": message});
    format!("{line}\n")
}

/// `n`, `time`, `unix_ms`, `event`, `level`, the fields of that event, `message`, and `error` where there is one.
fn line(n: u64, told: &SessionEvent, said: &Sentence) -> Value {
    let now = told.at;
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
    put("n", json!(n));
    put("time", json!(utc(now.unix)));
    put("unix_ms", json!(now.unix.0));
    put("event", json!(said.name));
    put("level", json!(said.level.name()));
    for (name, value) in fields(&told.event, now) {
        put(name, value);
    }
    put("message", json!(said.text));
    if let Some(error) = &told.cause {
        put("error", json!({"code": error.code(), "message": error.to_string()}));
    }
    Value::Object(line)
}

/// What a program may want to know of an event. Times are unix milliseconds.
fn fields(news: &SessionNews, now: Now) -> Vec<(&'static str, Value)> {
    let at = |tick: &Tick| json!(now.unix_at(*tick).0);
    let event = match news {
        SessionNews::Lifecycle(event) => event,
        SessionNews::OddTime { field, .. } | SessionNews::NotKept { field } => {
            return vec![("field", json!(field))];
        }
        SessionNews::FrameDropped { count } => return vec![("count", json!(count))],
        SessionNews::Survived { registration, calls, subscriptions } => {
            let survived =
                [("registration", registration), ("calls", calls), ("subscriptions", subscriptions)];
            return survived.map(|(what, survival)| (what, json!(survival.name()))).into();
        }
        SessionNews::RegistrationFailed { next } => {
            return vec![("next_at", next.as_ref().map_or(Value::Null, at))];
        }
        SessionNews::IceExpiring { ends } => return vec![("ends_at", at(ends))],
        _ => return Vec::new(),
    };
    match event {
        Event::Live { resumed, generation } => {
            vec![("resumed", json!(resumed)), ("generation", json!(generation.0))]
        }
        Event::Bound { token } => vec![("token", json!(token.0))],
        Event::Renewed { generation, token, by, ends } => vec![
            ("generation", json!(generation.0)),
            ("token", json!(token.0)),
            ("by", json!(by.map_or("application", satkeeper::Mechanism::name))),
            ("ends_at", ends.as_ref().map_or(Value::Null, at)),
        ],
        Event::Warn(warning) => warning_fields(warning, at),
        Event::Recovered { generation, .. } => vec![("generation", json!(generation.0))],
        Event::ClockJump { by } => vec![("by_ms", json!(by))],
        Event::Expired { renewing } => vec![("renewing", json!(renewing))],
        Event::Teardown { reason, .. } => vec![("reason", json!(reason.name()))],
        _ => Vec::new(),
    }
}

fn warning_fields(warning: &Warning, at: impl Fn(&Tick) -> Value) -> Vec<(&'static str, Value)> {
    match warning {
        Warning::RefreshFallback { reason } => vec![("reason", json!(reason.name()))],
        Warning::NoRefreshHandler { ends, assumed } => {
            vec![("ends_at", ends.as_ref().map_or(Value::Null, &at)), ("assumed", json!(assumed))]
        }
        Warning::Expiring { ends, assumed, mechanism } => {
            vec![("ends_at", at(ends)), ("assumed", json!(assumed)), ("mechanism", json!(mechanism.name()))]
        }
        Warning::RefreshFailed { attempt, mechanism, next, .. } => vec![
            ("attempt", json!(attempt)),
            ("mechanism", json!(mechanism.name())),
            ("next_at", next.as_ref().map_or(Value::Null, &at)),
        ],
        Warning::ConnectFailed { next, .. } | Warning::ConnectionLost { next, .. } => {
            vec![("next_at", next.as_ref().map_or(Value::Null, &at))]
        }
        Warning::ExpiryShortened { token, by } => vec![("token", json!(token.0)), ("by_ms", json!(by))],
        Warning::PushFailed { token, .. } | Warning::Clamped { token } | Warning::ForeignKey { token } => {
            vec![("token", json!(token.0))]
        }
        Warning::KeySwitched { to } => vec![("to", json!(to))],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::sentences::sentence;
    use satkeeper::core::lifecycle::{
        AskError, AskId, Cause, CommandId, Failure, FallbackReason, Generation, Ignored, KeyAlgorithm,
        TeardownReason, TokenId,
    };
    use satkeeper::core::wire::time::Oddity;
    use satkeeper::{
        Event, Mechanism, Now, SessionError, SessionEvent, SessionNews, Survival, Tick, Warning,
    };
    use serde_json::json;

    #[test]
    fn one_flat_object() {
        let now = Now::new(10_000, 1_767_225_600_000);
        let warning = Warning::Expiring { ends: Tick(12_500), assumed: false, mechanism: Mechanism::None };
        let cause = Some(SessionError::SessionOver);
        let told = SessionEvent::new(now, SessionNews::Lifecycle(Event::Warn(warning)), cause);
        let line = line(7, &told, &sentence(&told, now));
        assert_eq!(
            line,
            json!({
                "n": 7,
                "time": "2026-01-01T00:00:00.000Z",
                "unix_ms": 1_767_225_600_000_u64,
                "event": "credential_expiring",
                "level": "warning",
                "ends_at": 1_767_225_602_500_u64,
                "assumed": false,
                "mechanism": "none",
                "message": "the credential ends in 2.5 s, and nobody can renew it",
                "error": {"code": "session_over", "message": "the session is over; open a new one"},
            })
        );
    }

    /// Each event there is, with the error behind it where it can have one.
    fn every_event() -> Vec<SessionEvent> {
        let cause = Cause { command: CommandId(1), failure: Failure::Timeout };
        let (ask, token, ends) = (AskId(1), TokenId(2), Some(Tick(12_500)));
        let generation = Generation(3);
        let warnings = [
            Warning::RefreshFallback { reason: FallbackReason::EndpointFailed },
            Warning::NoRefreshHandler { ends, assumed: true },
            Warning::Expiring { ends: Tick(12_500), assumed: false, mechanism: Mechanism::Provider },
            Warning::RefreshFailed { attempt: 2, mechanism: Mechanism::Bound, cause, next: ends },
            Warning::PushFailed { token, cause },
            Warning::ConnectFailed { cause, next: None },
            Warning::ConnectionLost { cause, next: ends },
            Warning::ConnectionLost { cause, next: None },
            Warning::StoreFailed { cause },
            Warning::ExpiryShortened { token, by: 60_000 },
            Warning::KeySwitched { to: KeyAlgorithm::Rs256 },
            Warning::Clamped { token },
            Warning::ForeignKey { token },
        ];
        let events = [
            Event::Live { resumed: true, generation },
            Event::Bound { token },
            Event::Renewed { generation, token, by: Some(Mechanism::Bound), ends },
            Event::Renewed { generation, token, by: None, ends: None },
            Event::Failed { ask, error: AskError::Throttled },
            Event::Failed { ask, error: AskError::Pending },
            Event::Recovered { ask, generation },
            Event::ClockJump { by: 1_200_000 },
            Event::Expired { renewing: true },
            Event::Suspended,
            Event::Ignored(Ignored::StaleSocket),
            Event::Teardown { reason: TeardownReason::Expired, cause: Some(cause) },
            Event::Teardown { reason: TeardownReason::HandedOver, cause: Some(cause) },
            Event::Teardown { reason: TeardownReason::Incompatible, cause: Some(cause) },
        ];
        let all = events.into_iter().chain(warnings.map(Event::Warn)).map(SessionNews::Lifecycle);
        let odd = SessionNews::OddTime { field: "expiry_at", oddity: Oddity::OtherUnit };
        all.chain([
            odd,
            SessionNews::PresentedUnwritten,
            SessionNews::FrameDropped { count: 1 },
            SessionNews::FrameDropped { count: 548_000 },
            SessionNews::ScopeWithoutFingerprint,
            SessionNews::NotKept { field: "protocol" },
            SessionNews::NotKept { field: "ice_servers" },
            SessionNews::Survived {
                registration: Survival::Lost,
                calls: Survival::Unsure,
                subscriptions: Survival::Kept,
            },
            SessionNews::Registered,
            SessionNews::RegistrationFailed { next: None },
            SessionNews::RegistrationFailed { next: ends },
            SessionNews::IceExpiring { ends: Tick(70_000) },
            SessionNews::SetAside,
            SessionNews::StoreLacks,
            SessionNews::RecordUnused,
        ])
        .map(|event| SessionEvent::new(Now::new(10_000, 1_767_225_600_000), event, None))
        .collect()
    }

    #[test]
    fn each_event_as_its_line() {
        let lines = every_event().into_iter().zip(1..).map(|(mut told, n)| {
            if matches!(told.event, SessionNews::Lifecycle(Event::Warn(_) | Event::Teardown { .. })) {
                told.cause = Some(SessionError::Timeout { what: "refresh".into(), after_ms: 10_000 });
            }
            let said = sentence(&told, told.at);
            let kind = told.kind();
            assert_eq!((said.name, said.level.name()), (kind.code(), kind.severity().name()));
            line(n, &told, &said).to_string()
        });
        let lines: Vec<String> = lines.collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
