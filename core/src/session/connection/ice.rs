//! Credentials for ICE that end before the session does: got anew while they last, in the one way that the protocol
//! offers, or the application is told in time.
//!
//! New servers come in the results of connects, resumes and, perhaps, reauthenticates (protocol.md 3.3, 8: not known).
//! So, some time before the end, the session reauthenticates with the token that is in force already; the lifecycle
//! knows nothing of it, and a refusal says nothing of the token. Where that is refused or brings nothing it is not tried
//! again with this token, nor where a push has just brought nothing.

use serde_json::Value;

use crate::error::Error;
use crate::lifecycle::{Action, Command, CommandId, Generation, SocketId, TokenId};
use crate::time::{Millis, Now, Tick, UnixMillis};
use crate::wire::connection::{Connection, Told};

use crate::session::Session;
use crate::session::connection::sockets::{Socket, Stage};
use crate::session::turn::Turn;
use crate::session::vocabulary::event::SessionNews;

/// The command of the session's own reauthenticate; the lifecycle counts from 0.
pub(crate) const OWN: CommandId = CommandId(u64::MAX);
/// How long the answer may take (as a push).
const PATIENCE: Millis = 5_000;
/// So long before the end at least, a tenth of the life at best, and no more than half of it.
const MARGIN: core::ops::RangeInclusive<Millis> = 10_000..=300_000;
/// Between two attempts.
const PAUSE: Millis = 30_000;
/// A clock that is this far off makes the end that is shown a wrong one.
const DRIFT: Millis = 5_000;

/// So many failures in a row, and it is not tried again with this token. One may be the network's fault; what was
/// refused, or has brought nothing, counts for all.
const MOST_FAILURES: u8 = 2;

/// What is known of the credentials in force.
#[derive(Default)]
pub(crate) struct Ice {
    /// In the server's time.
    ends: Option<UnixMillis>,
    margin: Millis,
    /// The application knows.
    told: bool,
    asked: Option<Asked>,
    last: Option<Tick>,
    /// How often in a row it has failed with the token of this generation.
    failed: Option<(Generation, u8)>,
}

/// An attempt under way.
#[derive(Clone, Copy)]
struct Asked {
    since: Tick,
    socket: SocketId,
    generation: Generation,
}

impl Ice {
    pub(crate) fn learn(&mut self, now: Now, connection: &Connection) {
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
        let is_hopeless =
            |(generation, failures)| generation == status.generation && failures >= MOST_FAILURES;
        self.ice.asked.is_none()
            && !self.ice.failed.is_some_and(is_hopeless)
            && self.sockets.len() == 1
            && self.sockets.iter().all(|socket| self.is_quiet(socket))
            // A newer one is on its way: its push may bring them.
            && status.in_force.is_some_and(|token| self.tokens.newest_held() == Some(token))
    }

    /// Whether nothing of the lifecycle's is under way on a socket that is let in.
    fn is_quiet(&self, socket: &Socket) -> bool {
        let now = self.now.tick;
        let mut waiting = socket.waiting.iter().filter(|waiting| waiting.command != OWN);
        socket.stage == Stage::Authenticated && !waiting.any(|waiting| waiting.at.after(PATIENCE) > now)
    }

    /// When it is to be asked for, and when it is to be told that nothing has come of it.
    fn ice_plan(&self) -> (Option<Tick>, Option<Tick>) {
        let Some(end) = self.ice_end(self.now) else { return (None, None) };
        let before = |margin: Millis| Tick(end.0.saturating_sub(margin));
        let rested = self.ice.last.map_or(Tick(0), |last| last.after(PAUSE));
        let ask = self.may_ask().then(|| before(self.ice.margin).max(rested));
        (ask, (!self.ice.told).then(|| before(self.ice.margin / 2)))
    }

    pub(crate) fn ice_due(&self) -> Option<Tick> {
        if let Some(asked) = self.ice.asked {
            return Some(asked.since.after(PATIENCE));
        }
        let (ask, tell) = self.ice_plan();
        ask.into_iter().chain(tell).min()
    }

    pub(crate) fn watch_ice(&mut self, turn: &mut Turn) {
        self.place_ice_end(turn);
        if self.ice_due().is_none_or(|due| due > turn.now.tick) {
            return;
        }
        if self.ice.asked.is_some() {
            let error = Error::Timeout { what: "signalwire.reauthenticate".into(), after_ms: PATIENCE };
            return self.ice_failed(turn, Some(error));
        }
        let (ask, _) = self.ice_plan();
        let status = self.lifecycle.status();
        let (Some(socket), Some(token), true) =
            (self.serving_socket(), status.in_force, ask.is_some_and(|at| at <= turn.now.tick))
        else {
            return self.ice_expiring(turn, None);
        };
        self.ice.asked = Some(Asked { since: turn.now.tick, socket, generation: status.generation });
        self.ice.last = Some(turn.now.tick);
        let action = Action::Reauthenticate { socket, token, offset: status.clock_offset };
        let command = Command { id: OWN, deadline: turn.now.tick.after(PATIENCE), action };
        if let Err(fault) = self.send_proved(turn, &command, false, None) {
            self.ice_failed(turn, Some(fault.error));
        }
    }

    /// Whether the own reauthenticate, whose signature has come, is still to be sent.
    pub(crate) fn is_ice_wanted(&self, socket: SocketId, token: TokenId) -> bool {
        let current = self.sockets.iter().find(|current| current.id == socket);
        self.ice.asked.is_some_and(|asked| asked.socket == socket)
            && self.lifecycle.status().in_force == Some(token)
            && current.is_some_and(|current| self.is_quiet(current))
    }

    /// The own reauthenticate has been answered.
    pub(crate) fn ice_answered(&mut self, turn: &mut Turn, result: &Value) {
        let before = self.ice.ends;
        let connection = self.learn(turn, Told::Reauthenticated, result);
        self.show_connection(turn, connection);
        if self.ice.ends <= before {
            return self.ice_failed(turn, None);
        }
        self.ice.asked = None;
        self.ice.failed = None;
    }

    /// It was refused, or not answered, or has brought nothing that lasts longer.
    pub(crate) fn ice_failed(&mut self, turn: &mut Turn, error: Option<Error>) {
        let is_passing = matches!(error, Some(Error::Timeout { .. } | Error::Transport { .. }));
        self.ice_has_failed(if is_passing { 1 } else { MOST_FAILURES });
        let is_near = |end: Tick| end.0.saturating_sub(self.ice.margin) <= turn.now.tick.0;
        if self.ice_end(turn.now).is_some_and(is_near) {
            self.ice_expiring(turn, error);
        }
    }

    fn ice_has_failed(&mut self, by: u8) {
        let Some(Asked { generation, .. }) = self.ice.asked.take() else { return };
        let before = self.ice.failed.filter(|(of, _)| *of == generation).map_or(0, |(_, failures)| failures);
        self.ice.failed = Some((generation, before.saturating_add(by)));
    }

    /// A push was answered. Where that has brought none, asking once more with the same token would not, either.
    pub(crate) fn push_brought(&mut self, result: &Value) {
        let has_ice = result.get("ice_servers").is_some_and(Value::is_array);
        // Of the generation that it makes.
        let Generation(before) = self.lifecycle.status().generation;
        self.ice.failed = (!has_ice).then(|| (Generation(before.saturating_add(1)), MOST_FAILURES));
    }

    /// What was asked for is not to be sent any more; perhaps later.
    pub(crate) const fn ice_put_off(&mut self) {
        self.ice.asked = None;
    }

    /// The socket has gone, and an attempt on it with it. Perhaps because of it.
    pub(crate) fn ice_lost(&mut self, socket: SocketId) {
        if self.ice.asked.is_some_and(|asked| asked.socket == socket) {
            self.ice_has_failed(1);
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
