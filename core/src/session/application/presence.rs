//! Keeps the subscriber reachable (`subscriber.online`, R38), where the application wants that: said anew whenever the
//! session is live, since no source tells whether it survives a restored session and the official client does so; and
//! again after failures.

use serde_json::value::RawValue;

use crate::error::Error;
use crate::session::ids::Ids;
use crate::session::turn::Turn;
use crate::session::vocabulary::event::SessionNews;
use crate::time::{Millis, Tick};
use crate::wire::json;
use crate::wire::rpc::{failing_result, is_auth_refusal};

/// What says so.
pub(crate) const ONLINE: &str = "subscriber.online";
const OFFLINE: &str = "subscriber.offline";
/// After the first failure; twice as long after each further one.
const FIRST_PAUSE: Millis = 5_000;
const LONGEST_PAUSE: Millis = 60_000;

/// One attempt at a time; while one is under way nothing is due.
pub(crate) struct Presence {
    /// The session does this at all.
    is_wanted: bool,
    /// The application has said that it does not want to be reached for now.
    is_away: bool,
    is_asked: bool,
    due: Option<Tick>,
    failures: u32,
    /// Refused for what this token may not do: another may.
    waits_for_token: bool,
    /// The next refusal is no reason to renew: it was not the token's age the last time.
    was_refused: bool,
}

/// Whether a call is about being reached.
pub(crate) fn is_presence(method: &str) -> bool {
    matches!(method, ONLINE | OFFLINE)
}

impl Presence {
    pub(crate) const fn new(is_wanted: bool) -> Self {
        Self {
            is_wanted,
            is_away: false,
            is_asked: false,
            due: None,
            failures: 0,
            waits_for_token: false,
            was_refused: false,
        }
    }

    /// The session is live, perhaps again.
    pub(crate) const fn live(&mut self, now: Tick) {
        self.failures = 0;
        self.waits_for_token = false;
        self.was_refused = false;
        self.due = Some(now);
    }

    /// Another token is in force.
    pub(crate) fn has_token(&mut self, now: Tick) {
        if core::mem::take(&mut self.waits_for_token) {
            self.due = Some(now);
        }
    }

    /// When it is to be said, where it may be: the session is live, and the application says nothing of it itself, which
    /// comes first and may be the last word.
    pub(crate) fn due(&self, may_be_said: impl FnOnce() -> bool) -> Option<Tick> {
        let is_wanted = self.is_wanted && !self.is_away && !self.is_asked;
        self.due.filter(|_| is_wanted && may_be_said())
    }

    /// It is being said. Whether a refusal is no reason to renew.
    pub(crate) const fn ask(&mut self) -> bool {
        self.due = None;
        self.is_asked = true;
        self.was_refused
    }

    /// The own call, which was refused, is not to be repeated: the application has spoken meanwhile.
    pub(crate) const fn is_overtaken(&mut self, now: Tick, application_speaks: bool) -> bool {
        let is_overtaken = self.is_away || application_speaks;
        if is_overtaken {
            self.is_asked = false;
            self.due = Some(now);
        }
        is_overtaken
    }

    /// A call of the application's own has succeeded: whether it wants to be reached is its to say.
    pub(crate) fn heard(&mut self, method: &str, result: &RawValue) {
        if is_presence(method) && failing_result(&json::glance(result)).is_none() {
            self.is_away = method == OFFLINE;
            // What was due has been said.
            self.due = None;
        }
    }

    /// The own call has come to its end.
    pub(crate) fn answered(&mut self, turn: &mut Turn, ids: &Ids, is_live: bool, result: Result<(), Error>) {
        self.is_asked = false;
        // The next `Live` says it anew.
        if !is_live || self.is_away {
            return;
        }
        match result {
            Ok(()) => {
                self.failures = 0;
                turn.news(SessionNews::Registered, None);
            }
            Err(error) => {
                let next = match &error {
                    // It was asked twice, with two tokens.
                    Error::Rpc { code, message, .. }
                        if matches!(code, 401 | 403) || is_auth_refusal(*code, message, None) =>
                    {
                        self.waits_for_token = true;
                        self.was_refused = true;
                        None
                    }
                    Error::Rpc { code: -32_601, .. } => None,
                    _ => {
                        let most = FIRST_PAUSE << self.failures.min(8);
                        let pause = ids.pause(most.min(LONGEST_PAUSE), self.failures);
                        Some(turn.now.tick.after(pause))
                    }
                };
                self.failures = self.failures.saturating_add(1);
                self.due = next;
                turn.news(SessionNews::RegistrationFailed { next }, Some(error));
            }
        }
    }
}
