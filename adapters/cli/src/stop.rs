//! Why a session is to end, or not to begin, although it could go on.

use std::future::{Future, pending};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::duration::show;
use crate::exit::Failure;
use crate::run_args::RunArgs;
use crate::sentences::Level;
use crate::signals::Signals;
use crate::terminal::{Line, Terminal};

/// Why the session is to end although it could go on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Signal(&'static str),
    TimeIsUp,
    NoConnection,
}

/// What there is to listen to besides the session.
pub(crate) struct Reasons {
    pub(crate) signals: Signals,
    pub(crate) time_is_up: Option<Instant>,
    /// For as long as there has been no session.
    pub(crate) connect_by: Option<Instant>,
}

impl Reasons {
    /// Waits for one to come. Cancel safe.
    pub(crate) async fn next(&mut self, been_live: bool) -> Stop {
        tokio::select! {
            name = self.signals.next() => Stop::Signal(name),
            () = at(self.time_is_up) => Stop::TimeIsUp,
            () = at(self.connect_by), if !been_live => Stop::NoConnection,
        }
    }

    /// What comes of something that precedes the session, unless one of them comes first.
    pub(crate) async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stop> {
        tokio::select! {
            came = work => Ok(came),
            stop = self.next(false) => Err(stop),
        }
    }
}

impl Stop {
    /// Nothing was sent so far, and something still had to be waited for.
    pub(crate) fn before_it_began(self, args: &RunArgs, waiting: &str) -> Result<(), Failure> {
        match self {
            Self::Signal(name) => {
                if args.least_told().is_some_and(|least| least <= Level::Info) {
                    let text = format!("ended as asked ({name}) before anything was sent");
                    Terminal::stderr().line(&Line::new().plain(text).hanging(2));
                }
                Ok(())
            }
            Self::TimeIsUp | Self::NoConnection => {
                let within = self.within(args);
                Err(Failure::Unreachable(format!("no session within {}: {waiting}", show(within))))
            }
        }
    }

    /// The limit that was reached.
    pub(crate) fn within(self, args: &RunArgs) -> Duration {
        match self {
            Self::TimeIsUp => args.span.unwrap_or_default(),
            Self::Signal(_) | Self::NoConnection => args.connect_within(),
        }
    }

    pub(crate) fn told(self, args: &RunArgs) -> String {
        match self {
            Self::Signal(name) => name.to_owned(),
            Self::TimeIsUp => format!("--for {}", args.span.map(show).unwrap_or_default()),
            Self::NoConnection => "--connect-timeout".to_owned(),
        }
    }
}

/// Waits for a moment that may never come.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}
