//! Whether what is said is true, and whether what is announced comes.

use satkeeper_core::Tick;
use satkeeper_core::lifecycle::{
    Action, Command, Event, Input, Outcome, Phase, Reply, TokenId, Wake, Warning,
};

use super::{Scene, Sent, Watch, is_exchange};

/// An announced attempt is off by no more.
const OFF: u64 = 1_000;

/// Somebody who waits for a renewal is told within this what has become of it.
const PATIENCE: u64 = 60_000;

/// Who is not served hears within this why, and what comes next; unless that was said so shortly before. A connect that is
/// on its way has ten seconds.
const SILENCE: u64 = 12_000;
const EXPLAINED: u64 = 60_000;

/// Drivers are late by as much.
const LATE: u64 = 45_000;

#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    /// When the next request for a token was said to come, and the next attempt of any kind.
    exchange: Option<u64>,
    attempt: Option<u64>,
    /// When the next socket was said to come.
    socket: Option<u64>,
    /// A clock has been wrong: nobody can tell when anything was said to come.
    blind: bool,
    /// How well the server's clock is known, if it is.
    width: Option<u64>,
    /// The newest token that the record holds; and that the write under way will have brought into it.
    written: u32,
    writing: u32,
    /// A write has failed since one has succeeded.
    store_failed: bool,
    /// The session went down, and nobody has been told why and what comes next.
    unexplained_since: Option<u64>,
    /// When anything was told that explains it.
    explained_at: u64,
}

impl Said {
    pub(super) fn hear(&mut self, scene: &Scene<'_>, answered: Option<&Sent>, clock_faults: usize) {
        let tick = Tick(scene.clocks.tick());
        self.blind = clock_faults > 0;
        let late = scene.woken.is_some_and(|(at, _)| at.until(tick) > OFF);
        // With what ends it changes who is asked next, also where something else is due in the very moment in which the
        // token in force does.
        let ends = scene
            .woken
            .is_some_and(|(at, wake)| wake == Wake::TokenEnds || scene.before.token_ends == Some(at));
        if late || ends || *scene.input != Input::Tick || clock_faults > 0 {
            // What was announced was announced for other facts.
            self.forget();
        }
        if matches!(scene.input, Input::Start(_)) {
            // What a record holds.
            self.written = newest_held(scene);
        }
        let (Input::Done(_, outcome), Some(sent)) = (scene.input, answered) else { return };
        if sent.command.action == Action::Persist && outcome.result.is_ok() {
            (self.written, self.store_failed) = (self.writing, false);
        }
    }

    const fn forget(&mut self) {
        (self.exchange, self.attempt, self.socket) = (None, None, None);
    }

    /// A server's time was heard, in the answer to what was asked so long ago.
    fn learn(&mut self, way: u64) {
        let width = 1_000 + way;
        self.width = Some(self.width.map_or(width, |known| known.min(width)));
    }

    pub(super) fn command(
        &mut self,
        scene: &Scene<'_>,
        command: &Command,
        open: &[Sent],
        clock_faults: usize,
    ) -> Result<(), &'static str> {
        let now = scene.clocks.now;
        let action = &command.action;
        let exchange = is_exchange(action);
        let attempt = exchange || matches!(action, Action::Open { .. });
        let early = |announced: Option<u64>| announced.is_some_and(|at| now + OFF < at);
        let opens = attempt && !exchange;
        let early = (exchange && early(self.exchange))
            || (attempt && early(self.attempt))
            || (opens && early(self.socket));
        if early {
            return Err("R28: an attempt was made before it was announced");
        }
        if exchange {
            self.exchange = None;
        }
        if attempt {
            self.attempt = None;
        }
        if opens {
            self.socket = None;
        }
        if matches!(action, Action::Inspect { .. }) {
            // A question takes a permit from those that come after it, or reaches out in their place.
            self.forget();
        }
        if let Action::Authenticate { offset, .. }
        | Action::Reauthenticate { offset, .. }
        | Action::Activate { offset, .. }
        | Action::Renew { offset, .. } = *action
            && let Some(width) = self.width.filter(|_| clock_faults == 0)
        {
            let signed = scene.clocks.read().unix.shifted(offset.unwrap_or(0)).0;
            if signed > scene.clocks.server_now() + width {
                return Err("R4: a proof is of the server's future");
            }
        }
        match *action {
            Action::Persist => {
                let tick = Tick(scene.clocks.tick());
                // The last one waits for nobody.
                if is_writing(open, tick) && !scene.puts_away() {
                    return Err("R13: a record is written while another is being written");
                }
                self.writing = self.writing.max(newest_held(scene));
            }
            Action::Reauthenticate { token, .. }
                if scene.setting.start.durable && token.0 > self.written && !self.store_failed =>
            {
                return Err("R13: a token was used before it was written");
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn event(&mut self, scene: &Scene<'_>, event: &Event) -> Result<(), &'static str> {
        let accepted = |id| scene.server.token(id).is_none_or(|token| token.accepted);
        let heeds = !self.blind;
        let when = |next: Option<Tick>| next.filter(|_| heeds).map(|tick| scene.clocks.when_tick(tick.0));
        if explains(event) {
            (self.explained_at, self.unexplained_since) = (scene.clocks.now, None);
        }
        match event {
            Event::Warn(Warning::StoreFailed { .. }) => {
                self.store_failed = true;
                Ok(())
            }
            Event::Renewed { token, .. } | Event::Bound { token } if !accepted(*token) => {
                Err("R23: a token is said to be in force that no server has accepted")
            }
            Event::Live { resumed: false, .. } if scene.after.in_force.is_some_and(|id| !accepted(id)) => {
                Err("R21: live with a token that no server has accepted")
            }
            // Nobody may want it any more, or all that waited is asked at once.
            Event::Failed { .. } | Event::Recovered { .. } | Event::Expired { .. } => {
                self.forget();
                Ok(())
            }
            Event::Warn(Warning::RefreshFailed { next, .. }) => {
                (self.exchange, self.attempt) = (when(*next), None);
                Ok(())
            }
            Event::Warn(Warning::ConnectionLost { next, .. }) => {
                // What was said before was said of a session that was served.
                self.forget();
                self.attempt = when(*next);
                Ok(())
            }
            Event::Warn(Warning::ConnectFailed { next, .. }) => {
                (self.attempt, self.socket) = (when(*next), None);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What the step comes to.
    pub(super) fn judge_rest(&mut self, scene: &Scene<'_>, over: bool) -> Result<(), &'static str> {
        let down = matches!(
            scene.after.phase,
            Phase::Minting | Phase::Connecting | Phase::Reconnecting | Phase::Expired
        );
        if over || !(down || scene.after.phase == Phase::Live) {
            self.forget();
            self.unexplained_since = None;
            return Ok(());
        }
        let now = scene.clocks.now;
        let wakes = scene.step.wake_at.map(|(tick, _)| scene.clocks.when_tick(tick.0));
        if !down {
            self.unexplained_since = None;
        } else if scene.before.phase == Phase::Live && now > self.explained_at + EXPLAINED && !self.blind {
            self.unexplained_since = Some(now);
        }
        let silent = |since: u64| wakes.is_none_or(|wakes| wakes.max(now) > since + SILENCE);
        if self.unexplained_since.is_some_and(silent) {
            return Err("R28: the session is down and nobody was told");
        }
        let late = |announced: &Option<u64>| {
            announced.is_some_and(|at| wakes.is_none_or(|wakes| wakes > at.max(scene.clocks.now) + OFF))
        };
        if late(&self.exchange) || late(&self.attempt) || late(&self.socket) {
            return Err("R28: what was announced does not come");
        }
        Ok(())
    }
}

const fn explains(event: &Event) -> bool {
    matches!(
        event,
        Event::Expired { .. }
            | Event::Warn(
                Warning::ConnectionLost { .. }
                    | Warning::ConnectFailed { .. }
                    | Warning::RefreshFailed { .. }
                    | Warning::PushFailed { .. }
            )
    )
}

fn newest_held(scene: &Scene<'_>) -> u32 {
    // The server forgets tokens that the machine may still hold.
    (1..=scene.server.latest()).rev().find(|id| scene.machine.holds(TokenId(*id))).unwrap_or(0)
}

fn is_writing(open: &[Sent], tick: Tick) -> bool {
    open.iter().any(|sent| sent.command.action == Action::Persist && sent.command.deadline > tick)
}

impl Watch {
    /// Who waits for a renewal waits for a minute at most (R27).
    pub(super) fn judge_waiters(&self, scene: &Scene<'_>) -> Result<(), &'static str> {
        let now = scene.clocks.now;
        let waits = |ask: &super::Ask| ask.renewal && now > ask.since + PATIENCE + LATE;
        if self.clock_faults == 0 && self.asks.iter().any(waits) {
            return Err("R27: somebody waits for a renewal and hears nothing");
        }
        Ok(())
    }

    /// A new secret is written at once (R12, R13); and what its server's time was worth is remembered.
    pub(super) fn judge_secret(
        &mut self,
        scene: &Scene<'_>,
        answered: Option<&Sent>,
    ) -> Result<(), &'static str> {
        let (Input::Done(_, Outcome { result, server_time, .. }), Some(sent)) = (scene.input, answered)
        else {
            return Ok(());
        };
        if server_time.is_some() {
            self.said.learn(scene.clocks.now.saturating_sub(sent.at));
        }
        let secret = matches!(result, Ok(Reply::Token(facts)) if facts.new_secret);
        let tick = Tick(scene.clocks.tick());
        let writing = is_writing(&self.open, tick);
        let idle = !writing && !self.said.store_failed;
        let ends = matches!(scene.after.phase, Phase::Ending | Phase::Over(_));
        if secret
            && idle
            && !ends
            && scene.setting.start.durable
            && !scene.does(|action| *action == Action::Persist)
        {
            return Err("R13: a secret was not written at once");
        }
        Ok(())
    }
}
