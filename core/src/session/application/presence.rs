//! Keeps the subscriber reachable (`subscriber.online`), where the application wants that: said anew whenever the
//! session is live, since no source tells whether it survives a restored session and the official client does so; and
//! again after failures.

use alloc::borrow::ToOwned;

use serde_json::value::RawValue;

use crate::error::Error;
use crate::time::{Millis, Tick};
use crate::wire::json;
use crate::wire::rpc::{RpcError, failing_result, is_auth_refusal};

use crate::session::Session;
use crate::session::application::calls::OWN_CALL;
use crate::session::turn::Turn;
use crate::session::vocabulary::event::SessionNews;

const ONLINE: &str = "subscriber.online";
const OFFLINE: &str = "subscriber.offline";
/// After the first failure; twice as long after each further one.
const FIRST_PAUSE: Millis = 5_000;
const LONGEST_PAUSE: Millis = 60_000;

#[derive(Default)]
pub(crate) struct Online {
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

fn is_presence(method: &str) -> bool {
    matches!(method, ONLINE | OFFLINE)
}

impl Session {
    /// The session is live, perhaps again.
    pub(crate) fn online_is_due(&mut self, now: Tick) {
        self.online.failures = 0;
        self.online.waits_for_token = false;
        self.online.was_refused = false;
        self.online.due = Some(now);
    }

    /// Another token is in force.
    pub(crate) fn online_has_token(&mut self, now: Tick) {
        if core::mem::take(&mut self.online.waits_for_token) {
            self.online.due = Some(now);
        }
    }

    pub(crate) fn online_due(&self) -> Option<Tick> {
        let is_wanted = self.config.online && !self.online.is_away && !self.online.is_asked;
        // What the application says of it itself comes first, and may be the last word.
        let is_free = || !self.calls.is_open(is_presence) && self.serving_socket().is_some();
        self.online.due.filter(|_| is_wanted && is_free())
    }

    pub(crate) fn watch_online(&mut self, turn: &mut Turn) {
        if self.online_due().is_some_and(|due| due <= turn.now.tick) {
            self.online.due = None;
            self.online.is_asked = true;
            self.call_own(turn, OWN_CALL, ONLINE, self.online.was_refused);
        }
    }

    /// The own call, which was refused, is not to be repeated: the application has spoken meanwhile.
    pub(crate) fn online_is_overtaken(&mut self, now: Tick) -> bool {
        let is_overtaken = self.online.is_away || self.calls.is_open(is_presence);
        if is_overtaken {
            self.online.is_asked = false;
            self.online.due = Some(now);
        }
        is_overtaken
    }

    /// A call of the application's own has succeeded: whether it wants to be reached is its to say.
    pub(crate) fn heard_of_presence(&mut self, method: &str, result: &RawValue) {
        if is_presence(method) && failing_result(&json::glance(result)).is_none() {
            self.online.is_away = method == OFFLINE;
            // What was due has been said.
            self.online.due = None;
        }
    }

    pub(crate) fn online_answered(&mut self, turn: &mut Turn, result: Result<&RawValue, Error>) {
        self.online.is_asked = false;
        // The next `Live` says it anew.
        if self.serving_socket().is_none() || self.online.is_away {
            return;
        }
        let refused = |refusal: &RpcError| refusal.to_error(&self.secrets());
        let result = result.and_then(|result| match failing_result(&json::glance(result)) {
            Some(refusal) => Err(refused(&refusal)),
            None => Ok(()),
        });
        match result {
            Ok(()) => {
                self.online.failures = 0;
                turn.news(SessionNews::Registered, None);
            }
            Err(error) => {
                let next = match &error {
                    // It was asked twice, with two tokens.
                    Error::Rpc { code, message, .. }
                        if matches!(code, 401 | 403) || is_auth_refusal(*code, message, None) =>
                    {
                        self.online.waits_for_token = true;
                        self.online.was_refused = true;
                        None
                    }
                    Error::Rpc { code: -32_601, .. } => None,
                    _ => {
                        let most = FIRST_PAUSE << self.online.failures.min(8);
                        let pause = self.ids.pause(most.min(LONGEST_PAUSE), self.online.failures);
                        Some(turn.now.tick.after(pause))
                    }
                };
                self.online.failures = self.online.failures.saturating_add(1);
                self.online.due = next;
                turn.news(SessionNews::RegistrationFailed { next }, Some(error.to_owned()));
            }
        }
    }
}
