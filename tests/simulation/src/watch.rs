//! What must hold after every input, judged from outside: by what the server knows and what the machine was
//! told, not by what it believes.

mod end;
mod pace;

use std::collections::VecDeque;

use satkeeper_core::Tick;
use satkeeper_core::lifecycle::{
    Action, AskId, Command, CommandId, Event, Failure, Generation, Ignored, Input, Lifecycle, Mechanism,
    Outcome, Output, Phase, Reply, SocketId, Status, Step, TeardownReason, TokenId, Wake, Warning,
};

use crate::clocks::Clocks;
use crate::server::{Minted, Server};
use crate::setting::Setting;
use pace::count_hour;
pub(crate) use pace::{Pause, endpoint};

const HOUR: u64 = 3_600_000;

/// So old may a time stamp be that comes unasked.
const UNDERWAY: u64 = 3_000;

/// A lead is 5 minutes at most; what goes well for longer leaves no excuse.
const LEAD: u64 = 330_000;

/// Nothing is left to renew with.
const NEAR: u64 = 30_000;

/// How long a command is remembered past its deadline.
const DEADLINES_MOVE: u64 = 120_000;

/// All that happened around one step.
pub(crate) struct Scene<'a> {
    pub(crate) clocks: &'a Clocks,
    pub(crate) server: &'a Server,
    pub(crate) setting: &'a Setting,
    pub(crate) machine: &'a Lifecycle,
    pub(crate) input: &'a Input,
    pub(crate) before: &'a Status,
    pub(crate) after: &'a Status,
    pub(crate) woken: Option<(Tick, Wake)>,
    pub(crate) step: &'a Step,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    pub(crate) open: Vec<Command>,
    last_command: Option<CommandId>,
    generation: Generation,
    pub(crate) asks: Vec<AskId>,
    /// The socket that the application believes to be authenticated.
    pub(crate) live: Option<SocketId>,
    /// Connects that may be the test of a token whose push was refused: some fail for other reasons.
    push_refused: u32,
    /// The server has refused the token in force, and goes on with an older one.
    insists: bool,
    /// Everything has gone well since.
    pub(crate) well_since: u64,
    /// Nothing but silence, and nobody at rest, since.
    down_since: Option<u64>,
    /// The server's clock was set and the machine has not heard it since.
    misled: bool,
    /// The newest command that was open when it was set: its answer may tell the time of before.
    unheeding: Option<CommandId>,
    /// A clock of the driver's has jumped, and no server has told the time since: time may be lost or not.
    unsure: bool,
    /// The newest command that was open then: its answer may tell the time of before.
    asked_before: Option<CommandId>,
    /// The machine has not been stepped since.
    jump_unseen: bool,
    /// When the machine last saw such a jump.
    jumped_at: Option<u64>,
    /// With this step it has heard it, and may have taken it for a sleep.
    pub(crate) enlightened: bool,
    /// When a token was last held that the server would accept.
    accepted_at: u64,
    pub(crate) pauses: Vec<Pause>,
    /// When exchanges and sockets were asked for, over the last hour.
    exchanges: VecDeque<u64>,
    sockets: VecDeque<u64>,
    /// Time that the machine may wrongly believe to have passed gives it permits.
    pub(crate) clock_faults: usize,
    pub(crate) shortest_life: u64,
    /// This step's answer is a probe's, perhaps too late a one.
    probe_missed: bool,
    /// The application has retired the exchange that was open.
    retired: bool,
    pub(crate) over: Option<TeardownReason>,
    /// The end has passed, and somebody still tries.
    pub(crate) expired: bool,
}

pub(crate) const fn is_exchange(action: &Action) -> bool {
    matches!(action, Action::Mint { .. } | Action::Refresh | Action::Activate { .. } | Action::Renew { .. })
}

impl Watch {
    pub(crate) fn new(now: u64, shortest_life: u64) -> Self {
        Self { well_since: now, shortest_life, ..Self::default() }
    }

    /// Another process goes on: it knows nothing of what the last one waited for, has all permits, and no
    /// server has told it the time.
    pub(crate) fn reboot(&mut self, now: u64, generation: Generation) {
        self.disturb(now);
        *self = Self {
            generation,
            well_since: self.well_since,
            misled: self.misled,
            unsure: true,
            accepted_at: self.accepted_at,
            push_refused: self.push_refused,
            exchanges: std::mem::take(&mut self.exchanges),
            sockets: std::mem::take(&mut self.sockets),
            clock_faults: self.clock_faults + 1,
            shortest_life: self.shortest_life,
            ..Self::default()
        };
    }

    /// A clock of the driver's has jumped.
    pub(crate) fn doubt(&mut self) {
        self.unsure = true;
        self.jump_unseen = true;
        self.asked_before = self.open.iter().map(|command| command.id).max();
    }

    /// The server's clock was set.
    pub(crate) fn mislead(&mut self) {
        self.misled = true;
        self.unheeding = self.open.iter().map(|command| command.id).max();
    }

    /// How long everything has gone well, in all respects.
    fn well_for(&self, scene: &Scene<'_>) -> u64 {
        let now = scene.clocks.now;
        now.saturating_sub(self.well_since.max(scene.server.crooked_until))
    }

    pub(crate) fn exchange_is_open(&self, tick: Tick) -> bool {
        self.open.iter().any(|command| is_exchange(&command.action) && command.deadline > tick)
    }

    /// Judges one step.
    pub(crate) fn judge(&mut self, scene: &Scene<'_>) -> Result<(), &'static str> {
        if self.over.is_some() {
            let silent = scene.step.outputs.is_empty() && scene.step.wake_at.is_none();
            return if silent { Ok(()) } else { Err("L1: something after the teardown") };
        }
        scene.machine.check()?;
        self.judge_silence(scene)?;
        let answered = match scene.input {
            Input::Done(id, _) => self.open.iter().position(|c| c.id == *id).map(|at| self.open.remove(at)),
            _ => None,
        };
        let stale = |output: &Output| matches!(output, Output::Tell(Event::Ignored(Ignored::StaleAnswer(_))));
        self.probe_missed =
            answered.as_ref().is_some_and(|command| matches!(command.action, Action::Probe { .. }));
        let answered = answered.filter(|_| !scene.step.outputs.iter().any(stale));
        let (doubted, misled) = (self.misled || self.unsure, self.misled);
        self.hear(scene, answered.as_ref());
        // A clock that goes back may bring an old one to life again, which nobody counts on.
        let accepted = |token: &Minted| {
            token.honest && scene.server.left(token, scene.clocks) > 0 && scene.machine.holds(token.id)
        };
        if scene.server.tokens.iter().rev().any(accepted) {
            self.accepted_at = scene.clocks.now;
        }
        self.enlightened = misled && !self.misled;
        if doubted {
            // What follows from the server's time may take a whole lead to be mended.
            self.disturb(scene.clocks.now);
        }
        for output in &scene.step.outputs {
            if self.over.is_some() {
                return Err("L1: an output after the teardown");
            }
            match output {
                Output::Do(command) => self.judge_command(scene, command, answered.as_ref())?,
                Output::Tell(event) => self.judge_event(scene, event)?,
            }
        }
        let tick = Tick(scene.clocks.tick());
        // Deadlines move when time turns out to have been lost.
        self.open.retain(|command| command.deadline.after(DEADLINES_MOVE) > tick);
        if scene.after.generation < self.generation {
            return Err("L7: the generation fell");
        }
        self.generation = scene.after.generation;
        self.judge_overtime(scene)?;
        self.judge_rest(scene)
    }

    /// What is stale or early changes nothing.
    fn judge_silence(&self, scene: &Scene<'_>) -> Result<(), &'static str> {
        let tick = Tick(scene.clocks.tick());
        if scene.woken.is_some_and(|(at, _)| at <= tick) {
            return Ok(());
        }
        let outputs = scene.step.outputs.as_slice();
        if outputs.iter().any(|output| matches!(output, Output::Tell(Event::ClockJump { .. }))) {
            return Ok(());
        }
        // A new secret in a late answer is kept all the same (L31).
        if let Input::Done(_, Outcome { result: Ok(Reply::Token(facts)), .. }) = scene.input
            && facts.new_secret
        {
            let kept = |output: &Output| {
                matches!(output, Output::Tell(Event::Ignored(_)))
                    || matches!(output, Output::Do(Command { action: Action::Persist, .. }))
            };
            let stale =
                matches!(outputs.first(), Some(Output::Tell(Event::Ignored(Ignored::StaleAnswer(_)))));
            let kept = !stale || outputs.iter().all(kept);
            return if kept { Ok(()) } else { Err("L31: a late secret did more than to be kept") };
        }
        let unmoved = scene.step.wake_at.map(|(_, wake)| wake) == scene.woken.map(|(_, wake)| wake);
        match (scene.input, outputs.first()) {
            (Input::Tick, Some(_)) => Err("L1: an early tick was not silent"),
            (Input::Done(..), Some(Output::Tell(Event::Ignored(Ignored::StaleAnswer(_)))))
                if outputs.len() > 1 || !unmoved || scene.before.in_force != scene.after.in_force =>
            {
                Err("L1: a stale answer changed something")
            }
            _ => Ok(()),
        }
    }

    /// What the input itself says.
    fn hear(&mut self, scene: &Scene<'_>, answered: Option<&Command>) {
        let now = scene.clocks.now;
        // At rest it says nothing of it.
        let told = |output: &Output| matches!(output, Output::Tell(Event::ClockJump { .. }));
        if std::mem::take(&mut self.jump_unseen) || scene.step.outputs.iter().any(told) {
            self.jumped_at = Some(now);
        }
        match (scene.input, answered) {
            (Input::Done(_, outcome), Some(command)) => {
                if outcome.server_time.is_some() {
                    let old = Some(command.id) <= self.asked_before;
                    self.misled = Some(command.id) <= self.unheeding || (self.misled && old);
                    self.unsure &= old;
                }
                self.hear_pause(scene, command, outcome);
                self.hear_pushed(command, outcome, scene.before.in_force);
            }
            (Input::ServerTime(_), _) => {
                let old = self.jumped_at.is_some_and(|at| now <= at + UNDERWAY);
                (self.misled, self.unsure) = (self.misled && old, self.unsure && old);
            }
            (Input::SocketLost { socket } | Input::SocketDead { socket }, _)
                if self.live == Some(*socket) =>
            {
                self.live = None;
            }
            (Input::RefreshNow { ask } | Input::Rejected { ask, .. } | Input::NewBase { ask, .. }, _) => {
                self.asks.push(*ask);
                self.pauses.clear();
            }
            (Input::NewProvider(_), _) => self.pauses.clear(),
            _ => {}
        }
        let resting =
            matches!(scene.before.phase, Phase::Live | Phase::Suspended | Phase::Idle | Phase::Ending);
        self.down_since = if resting { None } else { self.down_since.or(Some(now)) };
    }

    /// A candidate that is refused is put to the test of a connect; the token in force is not (L28).
    fn hear_pushed(&mut self, command: &Command, outcome: &Outcome, in_force: Option<TokenId>) {
        let Action::Reauthenticate { token, .. } = command.action else { return };
        match outcome.result {
            Ok(_) => self.insists = false,
            Err(Failure::Rpc { credential: true, .. }) if Some(token) == in_force => self.insists = true,
            Err(Failure::Rpc { credential: true, .. }) => self.push_refused += 3,
            Err(_) => {}
        }
    }

    fn judge_command(
        &mut self,
        scene: &Scene<'_>,
        command: &Command,
        answered: Option<&Command>,
    ) -> Result<(), &'static str> {
        let now = scene.clocks.now;
        if self.last_command.is_some_and(|last| last >= command.id) {
            return Err("L1: a command's id is not new");
        }
        self.last_command = Some(command.id);
        if is_exchange(&command.action) {
            if let Some(at) = self.open.iter().position(|open| is_exchange(&open.action)) {
                self.judge_second_exchange(scene, at, command)?;
            }
            let paused = |pause: &Pause| pause.endpoint == endpoint(&command.action) && now < pause.until;
            if self.clock_faults == 0 && self.pauses.iter().any(paused) {
                return Err("L18: a Retry-After was not honoured");
            }
            count_hour(&mut self.exchanges, now);
            self.judge_rate(scene)?;
        }
        match command.action {
            Action::Open { .. } => {
                count_hour(&mut self.sockets, now);
                if self.sockets.len() > 5 + 1_200 + 5 * self.clock_faults {
                    return Err("L20: too many sockets in an hour");
                }
            }
            Action::Close { socket } if self.live == Some(socket) => {
                self.judge_close(scene, answered)?;
                self.live = None;
            }
            _ => {}
        }
        self.open.push(command.clone());
        Ok(())
    }

    /// A socket that is authenticated is closed for these reasons and no other (L19).
    fn judge_close(&mut self, scene: &Scene<'_>, answered: Option<&Command>) -> Result<(), &'static str> {
        let tick = Tick(scene.clocks.tick());
        let asked = matches!(
            scene.input,
            Input::ServerRestart { .. } | Input::Suspend | Input::Disconnect | Input::Leave | Input::Destroy
        );
        let is_probe = |command: &Command| matches!(command.action, Action::Probe { .. });
        let dead = self.probe_missed
            || answered.is_some_and(is_probe)
            || self.open.iter().any(|command| {
                // Its deadline moves when time turns out to have been lost.
                is_probe(command) && (command.deadline <= tick || self.clock_faults > 0)
            });
        let expired =
            scene.step.outputs.iter().any(|output| matches!(output, Output::Tell(Event::Expired { .. })));
        if asked || dead || expired {
            Ok(())
        } else if self.push_refused > 0 {
            self.push_refused -= 1;
            Ok(())
        } else {
            Err("L19: an authenticated socket was closed")
        }
    }

    fn judge_event(&mut self, scene: &Scene<'_>, event: &Event) -> Result<(), &'static str> {
        match event {
            Event::Live { .. } => {
                self.live = scene.server.peer.map(|peer| peer.socket);
                self.insists = false;
                self.expired = false;
                self.down_since = None;
            }
            Event::Recovered { ask, .. } | Event::Failed { ask, .. } => {
                let Some(at) = self.asks.iter().position(|waiting| waiting == ask) else {
                    return Err("L24: somebody was answered who did not wait");
                };
                self.asks.remove(at);
            }
            Event::Expired { renewing } => {
                self.expired = *renewing;
                self.live = None;
                self.judge_expiry(scene)?;
                self.judge_loss(scene)?;
            }
            Event::Teardown { reason, .. } => {
                self.over = Some(*reason);
                if !self.asks.is_empty() {
                    return Err("L24: somebody waits for ever");
                }
            }
            // A refused push is decided on at that very moment (L27), and a base that waits for its activation is
            // pushed then (L26): neither is a loss.
            Event::Warn(Warning::Expiring { mechanism: Mechanism::Bound | Mechanism::Provider, .. })
                if self.push_refused == 0 && scene.after.time_left.is_some_and(|left| left < NEAR) =>
            {
                self.judge_loss(scene)?;
            }
            // Timed out, perhaps because time turned out to have been lost.
            Event::Warn(Warning::RefreshFailed { cause, .. }) => {
                self.open.retain(|command| command.id != cause.command);
            }
            _ => {}
        }
        Ok(())
    }

    /// Nobody waits for an exchange any more that is open now: the application has taken another way.
    pub(crate) const fn retire_exchange(&mut self) {
        self.retired = true;
    }

    /// Something has gone wrong until then.
    pub(crate) fn disturb(&mut self, until: u64) {
        self.well_since = self.well_since.max(until);
    }
}
