//! Sockets: which are opened, what they are shown, when one takes the place of another, and when they are closed.

use satkeeper_core::lifecycle::{Action, Command, Event, Input, Phase, SocketId, TokenId, Warning};

use super::Scene;
use crate::server::Minted;

/// A socket that was replaced is read for so long after another one serves (C4).
const PARTING: u64 = 2_000;

/// One that was doubted, while no other serves.
const DOUBTED: u64 = 30_000;

/// Drivers are late by as much.
const LATE: u64 = 45_000;

/// A token with so much left is good, however ends are read.
const GOOD: u64 = 90_000;

#[derive(Clone, Debug, Default)]
pub(super) struct Sockets {
    coming: Option<SocketId>,
    /// One that was replaced, and until when it is read.
    parted: Option<(SocketId, u64)>,
    since: u64,
    /// A push was not accepted on the socket that serves.
    push_failed: bool,
    /// A push is on its way since.
    pushing: Option<u64>,
    /// Pushes in a row that have cost the socket.
    cuts: u32,
    /// There is a state to resume with.
    state: bool,
    /// Connects in a row that did not last, or failed.
    troubles: u32,
    /// Something other than a plain drop has happened to sockets lately.
    trouble_at: u64,
    opened: [u64; 3],
}

impl Sockets {
    pub(super) fn hear(&mut self, scene: &Scene<'_>, live: Option<SocketId>) {
        let now = scene.clocks.now;
        match scene.input {
            Input::SocketLost { socket } => {
                self.gone(*socket, now, live);
                let pushed = self.pushing.is_some_and(|at| now <= at + PARTING);
                if live == Some(*socket) && pushed {
                    self.cuts += 1;
                }
            }
            Input::ServerRestart { socket, wipe } => {
                self.trouble_at = now;
                let read = live.or(self.parted.map(|(parted, _)| parted));
                self.state &= !(*wipe && read == Some(*socket));
                self.gone(*socket, now, live);
            }
            Input::ResumeState { socket } if live == Some(*socket) => {
                let kept = |event: &Event| matches!(event, Event::Ignored(_));
                self.state |= !scene.tells(kept);
            }
            Input::NewBase { .. } | Input::Disconnect | Input::Leave | Input::Destroy => self.state = false,
            Input::Suspend => self.trouble_at = now,
            _ => {}
        }
        if !matches!(scene.input, Input::Tick | Input::SocketLost { .. } | Input::ResumeState { .. }) {
            if let Input::Done(_, outcome) = scene.input
                && outcome.result.is_ok()
            {
                return;
            }
            self.trouble_at = now;
        }
    }

    fn gone(&mut self, socket: SocketId, now: u64, live: Option<SocketId>) {
        if self.coming == Some(socket) {
            (self.coming, self.trouble_at) = (None, now);
        }
        if self.parted.is_some_and(|(parted, _)| parted == socket) {
            self.parted = None;
        }
        if live == Some(socket) && now < self.since + LATE {
            self.troubles += 1;
        }
    }

    pub(super) const fn push_failed(&mut self) {
        self.push_failed = true;
    }

    /// The session is live: on which socket.
    pub(super) fn went_live(
        &mut self,
        scene: &Scene<'_>,
        live: Option<SocketId>,
    ) -> Result<Option<SocketId>, &'static str> {
        let now = scene.clocks.now;
        let socket = scene.machine.socket();
        let Some(served) = socket.or(self.coming) else { return Err("R25: live without a socket") };
        if scene.server.peer(served).is_some_and(|peer| peer.token.is_none()) {
            return Err("R25: live on a socket that the server has not authenticated");
        }
        if let Some(old) = live.filter(|old| *old != served) {
            self.parted = Some((old, now + PARTING));
        } else if let Some((parted, until)) = &mut self.parted
            && *parted != served
        {
            *until = now + PARTING;
        }
        if self.parted.is_some_and(|(parted, _)| parted == served) {
            self.parted = None;
        }
        let resumed = scene.tells(|event| matches!(event, Event::Live { resumed: true, .. }));
        if !resumed {
            (self.state, self.troubles) = (false, 0);
        }
        self.coming = None;
        // One that was doubted, and the same one, goes on with what has become of its pushes before.
        let again = matches!(scene.input, Input::SocketAlive { .. });
        (self.since, self.pushing) = (now, None);
        self.push_failed = again || live == Some(served) && self.push_failed;
        Ok(Some(served))
    }

    /// The socket that served does not any more: gone, or doubted and still read.
    pub(super) fn lost(&mut self, scene: &Scene<'_>, live: Option<SocketId>) -> Option<SocketId> {
        let gone = matches!(scene.input, Input::SocketLost { .. } | Input::ServerRestart { .. });
        if let Some(socket) = live.filter(|_| !gone) {
            self.parted = Some((socket, scene.clocks.now + DOUBTED));
            self.trouble_at = scene.clocks.now;
        }
        None
    }

    pub(super) fn command(
        &mut self,
        scene: &Scene<'_>,
        command: &Command,
        live: &mut Option<SocketId>,
        clock_faults: usize,
        misread: &[TokenId],
    ) -> Result<(), &'static str> {
        let now = scene.clocks.now;
        match command.action {
            Action::Open { socket, .. } => {
                if self.coming.replace(socket).is_some() {
                    return Err("R21: a socket was opened while another was coming");
                }
                if live.is_some() && !self.push_failed && self.cuts < 2 {
                    return Err("R23: a socket was to be replaced that accepts what it is shown");
                }
                self.opened.rotate_left(1);
                self.opened[2] = now;
                Ok(())
            }
            Action::Authenticate { socket, resume, .. } => {
                if self.coming != Some(socket) {
                    return Err("R21: a token was shown on a socket that is not coming");
                }
                self.judge_resume(scene, resume, live.is_some(), misread)
            }
            Action::Reauthenticate { socket, .. } => {
                self.pushing = Some(now);
                if *live == Some(socket) {
                    Ok(())
                } else {
                    Err("R23: a push on a socket that does not serve")
                }
            }
            Action::Close { socket } => self.close(scene, socket, live, clock_faults),
            _ => Ok(()),
        }
    }

    /// What can be resumed is resumed.
    fn judge_resume(
        &mut self,
        scene: &Scene<'_>,
        resume: bool,
        live: bool,
        misread: &[TokenId],
    ) -> Result<(), &'static str> {
        let in_force = scene.after.in_force.and_then(|id| scene.server.token(id));
        let good = in_force.is_some_and(|token| self.is_good(scene, token, misread));
        if !resume && !live && self.state && self.troubles == 0 && self.cuts == 0 && good {
            return Err("R21: a session that could be resumed was not");
        }
        // Whatever comes of it, the next may be another.
        self.troubles += 1;
        Ok(())
    }

    /// Whether it is good, as far as the machine can know: what came while the server's clock was set, and nobody had heard
    /// it, has another end by what was known then.
    fn is_good(&self, scene: &Scene<'_>, token: &Minted, misread: &[TokenId]) -> bool {
        token.honest
            && !misread.contains(&token.id)
            && token.accepted
            && !token.refused
            && scene.machine.holds(token.id)
            && scene.server.left(token, scene.clocks) > GOOD
    }

    /// Sockets are closed for these reasons and no other.
    fn close(
        &mut self,
        scene: &Scene<'_>,
        socket: SocketId,
        live: &mut Option<SocketId>,
        clock_faults: usize,
    ) -> Result<(), &'static str> {
        let restarted = matches!(scene.input, Input::ServerRestart { socket: it, .. } if *it == socket);
        let asked = scene.puts_away() || restarted;
        if *live == Some(socket) {
            *live = None;
            return if asked { Ok(()) } else { Err("R22: the socket that serves was closed") };
        }
        if self.coming == Some(socket) {
            self.coming = None;
            return Ok(());
        }
        let Some((_, until)) = self.parted.filter(|(parted, _)| *parted == socket) else { return Ok(()) };
        self.parted = None;
        // Another one takes its place, or what is to take its place has shown itself.
        let replaced = scene
            .tells(|event| matches!(event, Event::Live { .. } | Event::Warn(Warning::ConnectionLost { .. })));
        if asked || replaced || clock_faults > 0 || scene.clocks.now >= until {
            Ok(())
        } else {
            Err("R22: a socket was closed that was to be read")
        }
    }

    /// What the step comes to.
    pub(super) fn judge_rest(
        &mut self,
        scene: &Scene<'_>,
        live: Option<SocketId>,
        clock_faults: usize,
        misread: &[TokenId],
    ) -> Result<(), &'static str> {
        let now = scene.clocks.now;
        if clock_faults == 0 && self.parted.is_some_and(|(_, until)| until + LATE < now) {
            return Err("R22: a socket that was replaced is left open");
        }
        if scene.server.peers.len() > 4 {
            return Err("R22: sockets are left open");
        }
        if scene.machine.socket().is_none_or(|socket| live == Some(socket)) {
            self.judge_drop(scene, clock_faults, misread)
        } else {
            Err("R29: another socket serves than was told")
        }
    }

    /// A plain drop after some time of service waits for nothing (R19).
    fn judge_drop(
        &self,
        scene: &Scene<'_>,
        clock_faults: usize,
        misread: &[TokenId],
    ) -> Result<(), &'static str> {
        let now = scene.clocks.now;
        let told = |event: &Event| matches!(event, Event::Warn(Warning::ConnectionLost { .. }));
        let dropped = matches!(scene.input, Input::SocketLost { .. }) && scene.tells(told);
        let stable = now > self.since + LATE && scene.before.phase == Phase::Live;
        let permits = self.opened.iter().any(|at| now > at + 60_000);
        let plain = now > self.trouble_at + 60_000 && self.cuts == 0 && clock_faults == 0;
        let held = scene.after.in_force.and_then(|id| scene.server.token(id));
        let good = held.is_some_and(|token| self.is_good(scene, token, misread));
        // One that was coming beside it takes its place.
        let opens = self.coming.is_some() || scene.does(|action| matches!(action, Action::Open { .. }));
        if dropped && stable && permits && plain && good && !opens {
            return Err("R19: a drop was not answered at once");
        }
        Ok(())
    }
}
