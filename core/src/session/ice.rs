//! Credentials for ICE that end before the session does: got anew while they last, in the one way that the protocol
//! offers, or the application is told in time.
//!
//! New servers come in the results of connects, resumes and, perhaps, reauthenticates (protocol.md 3.3, 8: not known).
//! So, some time before the end, the session reauthenticates with the token that is in force already; the lifecycle
//! knows nothing of it, and a refusal says nothing of the token. Where that brings nothing it is not tried again for
//! this token, nor where a push has just brought nothing.

use serde_json::Value;

use crate::error::Error;
use crate::lifecycle::{Action, Command, CommandId, Generation, SocketId, TokenId};
use crate::time::{Millis, Now, Tick, UnixMillis};
use crate::wire::connection::{Connection, Told};

use super::Session;
use super::event::SessionNews;
use super::socket::Stage;
use super::turn::Turn;

/// The command of the session's own reauthenticate; the lifecycle counts from 0.
pub(super) const OWN: CommandId = CommandId(u64::MAX);
/// How long the answer may take (as a push).
const PATIENCE: Millis = 5_000;
/// So long before the end at least, a tenth of the life at best, and no more than half of it.
const MARGIN: core::ops::RangeInclusive<Millis> = 10_000..=300_000;
/// Between two attempts.
const PAUSE: Millis = 30_000;
/// A clock that is this far off makes the end that is shown a wrong one.
const DRIFT: Millis = 5_000;

/// What is known of the credentials in force.
#[derive(Default)]
pub(super) struct Ice {
    /// In the server's time.
    ends: Option<UnixMillis>,
    margin: Millis,
    /// The application knows.
    told: bool,
    /// Under way: since when, on which socket.
    asked: Option<(Tick, SocketId)>,
    last: Option<Tick>,
    /// A reauthenticate of this generation has brought none, or has failed.
    in_vain: Option<Generation>,
}

impl Ice {
    pub(super) fn learn(&mut self, now: Now, connection: &Connection) {
        if connection.ice_ends != self.ends {
            self.ends = connection.ice_ends;
            self.told = false;
            let life = connection.ice_expires_at.map_or(0, |ends| ends.0.saturating_sub(now.unix.0));
            self.margin = (life / 10).clamp(*MARGIN.start(), *MARGIN.end()).min(life / 2);
        }
    }
}

impl Session {
    /// When the credentials end, by the monotonic clock.
    fn ice_end(&self, now: Now) -> Option<Tick> {
        let server = now.unix.shifted(self.clock_offset());
        Some(now.tick.after(self.ice.ends?.0.saturating_sub(server.0)))
    }

    /// Whether an attempt can do any good.
    fn may_ask(&self) -> bool {
        let status = self.lifecycle.status();
        let socket = self.socket.as_ref().filter(|socket| socket.stage == Stage::Authenticated);
        self.ice.asked.is_none()
            && self.ice.in_vain != Some(status.generation)
            && self.trial.is_none()
            && socket.is_some_and(|socket| socket.waiting.is_empty())
            // A newer one is on its way: its push may bring them.
            && status.in_force.is_some_and(|token| self.tokens.newest_held() == Some(token))
    }

    pub(super) fn ice_due(&self) -> Option<Tick> {
        if let Some((since, _)) = self.ice.asked {
            return Some(since.after(PATIENCE));
        }
        let end = self.ice_end(self.now).filter(|_| !self.ice.told)?;
        let before = |margin: Millis| Tick(end.0.saturating_sub(margin));
        // To be told in time, whatever comes.
        let latest = before(self.ice.margin / 2);
        let rested = self.ice.last.map_or(Tick(0), |last| last.after(PAUSE));
        Some(if self.may_ask() { before(self.ice.margin).max(rested).min(latest) } else { latest })
    }

    pub(super) fn watch_ice(&mut self, turn: &mut Turn) {
        self.place_ice_end(turn);
        if self.ice_due().is_none_or(|due| due > turn.now.tick) {
            return;
        }
        if self.ice.asked.is_some() {
            let error = Error::Timeout { what: "signalwire.reauthenticate".into(), after_ms: PATIENCE };
            return self.ice_failed(turn, Some(error));
        }
        let status = self.lifecycle.status();
        let (Some(socket), Some(token), true) =
            (self.authenticated_socket(), status.in_force, self.may_ask() && self.is_rested(turn.now))
        else {
            return self.ice_expiring(turn, None);
        };
        self.ice.asked = Some((turn.now.tick, socket));
        self.ice.last = Some(turn.now.tick);
        let action = Action::Reauthenticate { socket, token, offset: status.clock_offset };
        let command = Command { id: OWN, deadline: turn.now.tick.after(PATIENCE), action };
        if let Err(fault) = self.send_proved(turn, &command, false, None) {
            self.ice_failed(turn, Some(fault.error));
        }
    }

    fn is_rested(&self, now: Now) -> bool {
        self.ice.last.is_none_or(|last| last.after(PAUSE) <= now.tick)
    }

    /// Whether the own reauthenticate, whose signature has come, is still to be sent.
    pub(super) fn is_ice_wanted(&self, socket: SocketId, token: TokenId) -> bool {
        let current = self.socket.as_ref().filter(|current| current.id == socket);
        self.ice.asked.is_some_and(|(_, asked)| asked == socket)
            && self.lifecycle.status().in_force == Some(token)
            && current.is_some_and(|current| current.waiting.is_empty())
    }

    /// The own reauthenticate has been answered.
    pub(super) fn ice_answered(&mut self, turn: &mut Turn, result: &Value) {
        let before = self.ice.ends;
        self.ice.asked = None;
        let connection = self.learn(turn, Told::Reauthenticated, result);
        self.show_connection(turn, connection);
        if self.ice.ends <= before {
            self.ice_failed(turn, None);
        }
    }

    /// It was refused, or not answered, or has brought nothing that lasts longer.
    pub(super) fn ice_failed(&mut self, turn: &mut Turn, error: Option<Error>) {
        self.ice.asked = None;
        self.ice.in_vain = Some(self.lifecycle.status().generation);
        self.ice_expiring(turn, error);
    }

    /// A push was answered. Where that has brought none, asking once more with the same token would not, either.
    pub(super) fn push_brought(&mut self, result: &Value) {
        let has_ice = result.get("ice_servers").is_some_and(Value::is_array);
        // Of the generation that it makes.
        let Generation(before) = self.lifecycle.status().generation;
        self.ice.in_vain = (!has_ice).then(|| Generation(before.saturating_add(1)));
    }

    /// What was asked for is not to be sent any more; perhaps later.
    pub(super) const fn ice_put_off(&mut self) {
        self.ice.asked = None;
    }

    /// The socket has gone, and an attempt on it with it. Perhaps because of it: once is enough.
    pub(super) fn ice_lost(&mut self) {
        if self.ice.asked.take().is_some() {
            self.ice.in_vain = Some(self.lifecycle.status().generation);
        }
    }

    fn ice_expiring(&mut self, turn: &mut Turn, cause: Option<Error>) {
        let Some(end) = self.ice_end(turn.now).filter(|_| !self.ice.told) else { return };
        self.ice.told = true;
        turn.news(SessionNews::IceExpiring { ends: end }, cause);
    }

    /// The end in local time, shown anew where the clocks have moved.
    fn place_ice_end(&mut self, turn: &mut Turn) {
        let offset = self.clock_offset();
        let Some(shown) = &self.connection else { return };
        let (Some(ends), Some(at)) = (shown.ice_ends, shown.ice_expires_at) else { return };
        if ends.shifted(offset.saturating_neg()).0.abs_diff(at.0) > DRIFT {
            let mut moved = Connection::clone(shown);
            moved.place_ice_end(offset);
            self.show_connection(turn, moved);
        }
    }
}
