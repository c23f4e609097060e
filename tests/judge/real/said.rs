//! What a client says of itself, as its application sees it: where it stands, and events.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use satkeeper::{EventKind, Phase, SessionEvent};
use satkeeper_tests::adapter::Adapter;

use crate::world::Ms;

/// How often an application looks where it stands.
const LOOK: Duration = Duration::from_millis(20);

/// The machine's clock, by which the fixture server's log is written, too.
pub(crate) fn now_ms() -> Ms {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ms::try_from(since.as_millis()).unwrap_or(Ms::MAX)
}

/// One thing that it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Where it stands has changed.
    Phase(String),
    /// An event.
    Event {
        /// Its code.
        code: String,
        /// It names a cause.
        caused: bool,
        /// The attempt that it announces.
        next: Option<Ms>,
    },
}

impl Word {
    fn of(event: &SessionEvent) -> Self {
        let kind = event.kind();
        let next = match kind {
            EventKind::ConnectionLost { next_at }
            | EventKind::ConnectFailed { next_at }
            | EventKind::RefreshFailed { next_at, .. } => next_at,
            _ => None,
        };
        let next = next.and_then(|at| Ms::try_from(at.0).ok());
        Self::Event { code: kind.code().to_owned(), caused: event.cause.is_some(), next }
    }

    pub(crate) fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Event { code, .. } if code == wanted)
    }
}

/// As a process tells its parent.
impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phase(name) => write!(f, "phase {name}"),
            Self::Event { code, caused, next } => {
                write!(f, "event {code} {caused} {}", next.map_or(String::from("-"), |at| at.to_string()))
            }
        }
    }
}

impl FromStr for Word {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match *text.split_whitespace().collect::<Vec<_>>() {
            ["phase", name] => Ok(Self::Phase(name.to_owned())),
            ["event", code, caused, next] => {
                Ok(Self::Event { code: code.to_owned(), caused: caused == "true", next: next.parse().ok() })
            }
            _ => Err(()),
        }
    }
}

/// All that one has said, with the moment at which it was heard.
#[derive(Clone, Default)]
pub(crate) struct Said(Arc<Mutex<Vec<(Ms, Word)>>>);

impl Said {
    pub(crate) fn note(&self, at: Ms, word: Word) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((at, word));
    }

    pub(crate) fn all(&self) -> Vec<(Ms, Word)> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        all.sort_by_key(|(at, _)| *at);
        all
    }
}

/// Listens to a client until it is over.
pub(crate) fn listen<A: Adapter>(client: &A, note: impl Fn(Ms, Word) + Clone + Send + 'static) {
    let (mut events, tell) = (client.events(), note.clone());
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            match event {
                Ok(event) => tell(now_ms(), Word::of(&event)),
                Err(missed) => panic!("who listens misses nothing: {missed:?}"),
            }
        }
    });
    let client = client.clone();
    tokio::spawn(async move {
        let mut last = None;
        loop {
            let phase = client.status().phase;
            if last != Some(phase) {
                note(now_ms(), Word::Phase(phase.name().to_owned()));
                last = Some(phase);
            }
            if matches!(phase, Phase::Over(_)) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    });
}
