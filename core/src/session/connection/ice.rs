//! Credentials for ICE that end before the session does: got anew while they last, in the one way that the protocol
//! offers, or the application is told in time (R38).
//!
//! New servers come in the results of connects, resumes and, perhaps, reauthenticates (protocol.md 3.3, 8: not known).
//! So, some time before the end, the session reauthenticates with the token that is in force already; the lifecycle
//! knows nothing of it, and a refusal says nothing of the token. Where that is refused or brings nothing it is not tried
//! again with this token, nor where a push has just brought nothing.

use serde_json::Value;

use crate::error::Error;
use crate::lifecycle::{Action, Command, CommandId, Generation, Lifecycle, SocketId, TokenId};
use crate::session::turn::Turn;
use crate::session::vocabulary::event::SessionNews;
use crate::time::{Millis, Now, Tick, UnixMillis};
use crate::wire::connection::Connection;

use super::socket::Socket;
use super::sockets::Sockets;

/// The command of the session's own reauthenticate; the lifecycle counts from 0.
pub(crate) const OWN: CommandId = CommandId(u64::MAX);
/// How long the answer may take (as a push).
const PATIENCE: Millis = 5_000;
/// So long before the end at least, a tenth of the life at best, and no more than half of it.
const MARGIN: core::ops::RangeInclusive<Millis> = 10_000..=300_000;
/// Between two attempts.
const PAUSE: Millis = 30_000;
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

/// What an attempt depends on, read only.
pub(crate) struct Around<'a> {
    pub(crate) now: Now,
    pub(crate) lifecycle: &'a Lifecycle,
    pub(crate) sockets: &'a Sockets,
    /// The newest token that may still be used.
    pub(crate) newest: Option<TokenId>,
}

/// What is due.
pub(crate) enum Due {
    /// An attempt has not been answered in its time.
    NoAnswer(Error),
    /// Reauthenticate, on this socket.
    Ask(Command, SocketId),
    /// Nothing has come of it, or can: the application is to be told.
    Tell,
}

impl Around<'_> {
    /// Whether nothing of the lifecycle's is under way on a socket that is let in.
    fn is_quiet(&self, socket: &Socket) -> bool {
        let now = self.now.tick;
        let mut waiting = socket.waiting.iter().filter(|waiting| waiting.command != OWN);
        socket.is_let_in() && !waiting.any(|waiting| waiting.at.after(PATIENCE) > now)
    }

    /// The socket that serves, if it is still there.
    pub(crate) fn serving(&self) -> Option<SocketId> {
        self.lifecycle.socket().filter(|socket| self.sockets.get(*socket).is_some())
    }

    fn clock_offset(&self) -> i64 {
        self.lifecycle.status().clock_offset.unwrap_or(0)
    }
}

impl Ice {
    /// When the credentials end, by the monotonic clock.
    fn end(&self, now: Now, clock_offset: i64) -> Option<Tick> {
        let server = now.unix.shifted(clock_offset);
        Some(now.tick.after(self.ends?.0.saturating_sub(server.0)))
    }

    /// Whether an attempt can do any good.
    fn may_ask(&self, around: &Around<'_>) -> bool {
        let status = around.lifecycle.status();
        let is_hopeless =
            |(generation, failures)| generation == status.generation && failures >= MOST_FAILURES;
        self.asked.is_none()
            && !self.failed.is_some_and(is_hopeless)
            && around.sockets.iter().count() == 1
            && around.sockets.iter().all(|socket| around.is_quiet(socket))
            // A newer one is on its way: its push may bring them.
            && status.in_force.is_some_and(|token| around.newest == Some(token))
    }

    /// When it is to be asked for, and when it is to be told that nothing has come of it.
    fn plan(&self, around: &Around<'_>) -> (Option<Tick>, Option<Tick>) {
        let Some(end) = self.end(around.now, around.clock_offset()) else { return (None, None) };
        let before = |margin: Millis| Tick(end.0.saturating_sub(margin));
        let rested = self.last.map_or(Tick(0), |last| last.after(PAUSE));
        let ask = self.may_ask(around).then(|| before(self.margin).max(rested));
        (ask, (!self.told).then(|| before(self.margin / 2)))
    }

    pub(crate) fn due(&self, around: &Around<'_>) -> Option<Tick> {
        if let Some(asked) = self.asked {
            return Some(asked.since.after(PATIENCE));
        }
        let (ask, tell) = self.plan(around);
        ask.into_iter().chain(tell).min()
    }

    /// What is to be done now.
    pub(crate) fn next(&self, around: &Around<'_>) -> Option<Due> {
        let now = around.now.tick;
        self.due(around).filter(|due| *due <= now)?;
        if self.asked.is_some() {
            let what = "signalwire.reauthenticate".into();
            return Some(Due::NoAnswer(Error::Timeout { what, after_ms: PATIENCE }));
        }
        let (ask, _) = self.plan(around);
        let status = around.lifecycle.status();
        let (Some(socket), Some(token), true) =
            (around.serving(), status.in_force, ask.is_some_and(|at| at <= now))
        else {
            return Some(Due::Tell);
        };
        let action = Action::Reauthenticate { socket, token, offset: status.clock_offset };
        Some(Due::Ask(Command { id: OWN, deadline: now.after(PATIENCE), action }, socket))
    }

    /// It is being asked for on this socket, with the token of this generation.
    pub(crate) fn ask(&mut self, now: Tick, socket: SocketId, generation: Generation) {
        self.asked = Some(Asked { since: now, socket, generation });
        self.last = Some(now);
    }

    /// Whether the own reauthenticate, whose signature has come, is still to be sent.
    pub(crate) fn is_wanted(&self, around: &Around<'_>, socket: SocketId, token: TokenId) -> bool {
        self.asked.is_some_and(|asked| asked.socket == socket)
            && around.lifecycle.status().in_force == Some(token)
            && around.sockets.get(socket).is_some_and(|current| around.is_quiet(current))
    }

    /// Until when those are good that are there, in the server's time.
    pub(crate) const fn ends(&self) -> Option<UnixMillis> {
        self.ends
    }

    /// The own reauthenticate has been answered, when those before ended as given.
    pub(crate) fn answered(&mut self, turn: &mut Turn, clock_offset: i64, before: Option<UnixMillis>) {
        if self.ends <= before {
            return self.fail(turn, clock_offset, None);
        }
        self.asked = None;
        self.failed = None;
    }

    /// It was refused, or not answered, or has brought nothing that lasts longer.
    pub(crate) fn fail(&mut self, turn: &mut Turn, clock_offset: i64, error: Option<Error>) {
        let is_passing = matches!(error, Some(Error::Timeout { .. } | Error::Transport { .. }));
        self.has_failed(if is_passing { 1 } else { MOST_FAILURES });
        let is_near = |end: Tick| end.0.saturating_sub(self.margin) <= turn.now.tick.0;
        if self.end(turn.now, clock_offset).is_some_and(is_near) {
            self.tell(turn, clock_offset, error);
        }
    }

    fn has_failed(&mut self, by: u8) {
        let Some(Asked { generation, .. }) = self.asked.take() else { return };
        let before = self.failed.filter(|(of, _)| *of == generation).map_or(0, |(_, failures)| failures);
        self.failed = Some((generation, before.saturating_add(by)));
    }

    /// A push was answered, under the token of this generation. Where that has brought none, asking once more with the same
    /// token would not, either.
    pub(crate) fn pushed(&mut self, Generation(before): Generation, result: &Value) {
        let has_ice = result.get("ice_servers").is_some_and(Value::is_array);
        // Of the generation that it makes.
        self.failed = (!has_ice).then(|| (Generation(before.saturating_add(1)), MOST_FAILURES));
    }

    /// What was asked for is not to be sent any more; perhaps later.
    pub(crate) const fn put_off(&mut self) {
        self.asked = None;
    }

    /// The socket has gone, and an attempt on it with it. Perhaps because of it.
    pub(crate) fn lose(&mut self, socket: SocketId) {
        if self.asked.is_some_and(|asked| asked.socket == socket) {
            self.has_failed(1);
        }
    }

    /// The credentials end: told once.
    pub(crate) fn tell(&mut self, turn: &mut Turn, clock_offset: i64, cause: Option<Error>) {
        let Some(end) = self.end(turn.now, clock_offset).filter(|_| !self.told) else { return };
        self.told = true;
        turn.news(SessionNews::IceExpiring { ends: end }, cause);
    }

    /// The margin is at most half of the life, and no more than its greatest.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.margin > *MARGIN.end() {
            Err("the margin of the ICE credentials is too large")
        } else {
            Ok(())
        }
    }
}
