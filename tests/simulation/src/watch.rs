//! What must hold after every input, judged from outside: by what the server knows and what the machine was
//! told, not by what it believes.
//!
//! | file | what it judges |
//! |---|---|
//! | `places` | who is asked while somebody has not answered, what becomes of late answers (R14, R15) |
//! | `pace` | how often anybody is asked (R18, R20) |
//! | `sockets` | which sockets are opened, shown to, replaced, read, closed (R19, R21 to R23) |
//! | `said` | whether what is said is true, and comes (R4, R13, R21, R27, R28) |
//! | `silence` | what is stale or early (R29) |
//! | `end` | what ends, and what must not (R16, R25) |

mod end;
mod pace;
mod places;
mod said;
mod silence;
mod sockets;

use satkeeper_core::Tick;
use satkeeper_core::lifecycle::{
    Action, AskId, Command, CommandId, Event, Failure, Generation, Ignored, Input, Lifecycle, Mechanism,
    Outcome, Output, Phase, ProviderFacts, Reply, SocketId, Status, Step, TeardownReason, TokenId, Wake,
    Warning,
};

use crate::clocks::Clocks;
use crate::server::{Minted, Server};
use crate::setting::Setting;
use pace::Pace;
pub(crate) use pace::endpoint;
use places::Places;
use said::Said;
use sockets::Sockets;

const HOUR: u64 = 3_600_000;

/// What goes well for longer leaves no excuse: a usual lead is 5 minutes at most.
const LEAD: u64 = 330_000;

/// A second witness of the time comes so much later.
const WITNESS: u64 = 5_000;

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

impl Scene<'_> {
    /// The application, or the session itself, has ended everything on its sockets.
    fn puts_away(&self) -> bool {
        let asked = matches!(self.input, Input::Suspend | Input::Disconnect | Input::Leave | Input::Destroy);
        asked || matches!(self.after.phase, Phase::Ending | Phase::Over(_))
    }

    /// Live before and after.
    fn is_served(&self) -> bool {
        self.before.phase == Phase::Live && self.after.phase == Phase::Live
    }

    /// What is left, as the machine says, at least.
    fn left(&self) -> u64 {
        let tick = Tick(self.clocks.tick());
        // Served by a socket whose token a fresh connect has refused: that one's end.
        let end = |status: &Status| status.session_ends.or(status.token_ends);
        let left = |status: &Status| end(status).map_or(u64::MAX, |end| tick.until(end));
        left(self.before).min(left(self.after))
    }

    fn tells(&self, which: impl Fn(&Event) -> bool) -> bool {
        self.step.outputs.iter().any(|output| matches!(output, Output::Tell(event) if which(event)))
    }

    fn does(&self, which: impl Fn(&Action) -> bool) -> bool {
        self.step.outputs.iter().any(|output| matches!(output, Output::Do(command) if which(&command.action)))
    }
}

/// A command that nobody has answered.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) at: u64,
    pub(crate) command: Command,
    /// Its deadline was put off, once, by a sleep (R1).
    spared: bool,
}

/// Somebody who waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) id: AskId,
    since: u64,
    /// It is for a renewal.
    renewal: bool,
    /// A token that the application has brought, as the machine has taken it.
    brought: Option<TokenId>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    pub(crate) open: Vec<Sent>,
    last_command: Option<CommandId>,
    generation: Generation,
    pub(crate) asks: Vec<Ask>,
    /// The socket that the application believes to be authenticated.
    pub(crate) live: Option<SocketId>,
    /// The server has refused the token in force, and goes on with an older one.
    insists: bool,
    /// Everything has gone well since.
    pub(crate) well_since: u64,
    /// Nothing but silence, and nobody at rest, since.
    down_since: Option<u64>,
    /// The server's clock was set and the machine has not heard it since.
    misled: bool,
    /// What came while it was: its end was read by a wrong time, once (R2).
    misread: Vec<TokenId>,
    /// When it heard it for the first time.
    witness: Option<u64>,
    /// The newest command that was open when it was set: its answer may tell the time of before.
    unheeding: Option<CommandId>,
    /// A clock of the driver's has jumped, and no server has told the time since: time may be lost or not.
    unsure: bool,
    /// The newest command that was open then: its answer may tell the time of before.
    asked_before: Option<CommandId>,
    /// With this step it has heard it, and may have taken it for a sleep.
    pub(crate) enlightened: bool,
    /// When a token was last held that the server would accept.
    accepted_at: u64,
    places: Places,
    pub(crate) pace: Pace,
    sockets: Sockets,
    said: Said,
    /// Time that the machine may wrongly believe to have passed.
    pub(crate) clock_faults: usize,
    pub(crate) shortest_life: u64,
    provider: Option<ProviderFacts>,
    /// The provider has said never, at some time.
    rejected: bool,
    /// When the session was last live, or at rest, or began.
    hoped_at: u64,
    removed: Option<end::Removed>,
    pub(crate) over: Option<TeardownReason>,
    /// The end has passed, and somebody still tries.
    pub(crate) expired: bool,
}

pub(crate) const fn is_exchange(action: &Action) -> bool {
    matches!(action, Action::Mint { .. } | Action::Refresh | Action::Activate { .. } | Action::Renew { .. })
}

/// The token that an input brings.
const fn brought(input: &Input) -> Option<TokenId> {
    match input {
        Input::NewBase { token, .. } => Some(token.token),
        Input::Done(_, Outcome { result: Ok(Reply::Token(facts)), .. }) => Some(facts.token),
        _ => None,
    }
}

impl Watch {
    pub(crate) fn new(now: u64, shortest_life: u64) -> Self {
        Self { well_since: now, hoped_at: now, shortest_life, ..Self::default() }
    }

    /// Another process goes on: it knows nothing of what the last one waited for, has all permits, and no
    /// server has told it the time.
    pub(crate) fn reboot(&mut self, now: u64, generation: Generation) {
        self.disturb(now);
        *self = Self {
            generation,
            well_since: self.well_since,
            misled: self.misled,
            misread: std::mem::take(&mut self.misread),
            unsure: true,
            accepted_at: self.accepted_at,
            pace: self.pace.reboot(),
            clock_faults: self.clock_faults + 1,
            shortest_life: self.shortest_life,
            provider: self.provider,
            rejected: self.rejected,
            hoped_at: self.hoped_at,
            ..Self::default()
        };
    }

    /// A clock of the driver's has jumped.
    pub(crate) fn doubt(&mut self) {
        // What was told before is no witness of what is told after.
        (self.unsure, self.witness) = (true, None);
        self.asked_before = self.open.iter().map(|sent| sent.command.id).max();
    }

    /// The server's clock was set.
    pub(crate) fn mislead(&mut self) {
        (self.misled, self.witness) = (true, None);
        self.unheeding = self.open.iter().map(|sent| sent.command.id).max();
    }

    /// How long everything has gone well, in all respects.
    fn well_for(&self, scene: &Scene<'_>) -> u64 {
        let now = scene.clocks.now;
        now.saturating_sub(self.well_since.max(scene.server.crooked_until))
    }

    /// The clocks have never been anything but right.
    const fn trusts_clocks(&self) -> bool {
        self.clock_faults == 0 && !self.misled && !self.unsure
    }

    /// Whoever is there now can bring a token, as far as anybody has said.
    pub(crate) fn is_able(&self) -> bool {
        !self.rejected && self.provider.is_some_and(|it| it.can_refresh || it.can_mint_again)
    }

    pub(crate) fn exchange_is_open(&self, tick: Tick) -> bool {
        self.open.iter().any(|sent| is_exchange(&sent.command.action) && sent.command.deadline > tick)
    }

    /// Judges one step.
    pub(crate) fn judge(&mut self, scene: &Scene<'_>) -> Result<(), &'static str> {
        if self.over.is_some() {
            let silent = scene.step.outputs.is_empty() && scene.step.wake_at.is_none();
            return if silent { Ok(()) } else { Err("R29: something after the teardown") };
        }
        scene.machine.check()?;
        silence::judge(scene)?;
        let answered = match scene.input {
            Input::Done(id, _) => {
                let at = self.open.iter().position(|sent| sent.command.id == *id);
                at.map(|at| self.open.remove(at))
            }
            _ => None,
        };
        let stale = |id| scene.tells(|event| *event == Event::Ignored(Ignored::StaleAnswer(id)));
        let answered = answered.filter(|sent| !stale(sent.command.id));
        let (doubted, misled) = (self.misled || self.unsure, self.misled);
        let tick = Tick(scene.clocks.tick());
        if scene.tells(|event| matches!(event, Event::ClockJump { .. })) {
            // What was on its way while nobody could hear is not late before it could be heard, once.
            for sent in self.open.iter_mut().filter(|sent| !sent.spared) {
                sent.spared = true;
                sent.command.deadline = sent.command.deadline.max(tick.after(scene.setting.policy.local));
            }
        }
        self.places.hear(scene)?;
        self.hear(scene, answered.as_ref());
        // A clock that goes back may bring an old one to life again, which nobody counts on.
        let accepted = |token: &Minted| {
            token.honest && scene.server.left(token, scene.clocks) > 0 && scene.machine.holds(token.id)
        };
        if scene.server.tokens.iter().rev().any(accepted) {
            self.accepted_at = scene.clocks.now;
        }
        self.enlightened = misled && !self.misled;
        if misled && let Some(token) = brought(scene.input) {
            self.misread.push(token);
        }
        if doubted {
            // What follows from the server's time may take a whole lead to be mended.
            self.disturb(scene.clocks.now);
        }
        for output in &scene.step.outputs {
            if self.over.is_some() {
                return Err("R29: an output after the teardown");
            }
            match output {
                Output::Do(command) => self.judge_command(scene, command)?,
                Output::Tell(event) => self.judge_event(scene, event, answered.as_ref())?,
            }
        }
        // Deadlines move when time turns out to have been lost.
        self.open.retain(|sent| sent.command.deadline.after(DEADLINES_MOVE) > tick);
        if scene.after.generation < self.generation {
            return Err("R29: the generation fell");
        }
        self.generation = scene.after.generation;
        self.sockets.judge_rest(scene, self.live, self.clock_faults, &self.misread)?;
        self.said.judge_rest(scene, self.over.is_some())?;
        self.judge_waiters(scene)?;
        self.judge_secret(scene, answered.as_ref())?;
        self.judge_overtime(scene)?;
        self.judge_removal(scene)?;
        self.judge_rest(scene)
    }

    /// What the input itself says.
    fn hear(&mut self, scene: &Scene<'_>, answered: Option<&Sent>) {
        let now = scene.clocks.now;
        self.said.hear(scene, answered, self.clock_faults);
        self.sockets.hear(scene, self.live);
        self.pace.hear(scene, answered);
        match (scene.input, answered.map(|sent| &sent.command)) {
            (Input::Done(_, outcome), Some(command)) => {
                if outcome.server_time.is_some() {
                    self.hear_time(now, command.id);
                }
                self.rejected |= outcome.result == Err(Failure::Rejected);
                if let Action::Reauthenticate { token, .. } = command.action {
                    let refused = matches!(outcome.result, Err(Failure::Rpc { credential: true, .. }));
                    self.insists |= refused && Some(token) == scene.before.in_force;
                    self.insists &= outcome.result.is_err();
                }
            }
            (Input::SocketLost { socket }, _) if self.live == Some(*socket) => self.live = None,
            (Input::RefreshNow { ask } | Input::Rejected { ask, .. }, _) => {
                self.asks.push(Ask { id: *ask, since: now, renewal: true, brought: None });
            }
            (Input::NewBase { ask, token }, _) => {
                let answered = |event: &Event| matches!(event, Event::Failed { ask: it, .. } | Event::Recovered { ask: it, .. } if it == ask);
                let brought = (!scene.tells(answered)).then_some(token.token);
                self.asks.push(Ask { id: *ask, since: now, renewal: false, brought });
            }
            (Input::Start(start), _) if scene.before.phase == Phase::Idle => {
                self.provider = Some(start.provider);
                self.rejected = false;
            }
            // Who is ending asks nobody any more.
            (Input::NewProvider(provider), _)
                if !matches!(scene.before.phase, Phase::Ending | Phase::Over(_)) =>
            {
                self.provider = Some(*provider);
                self.rejected = false;
            }
            _ => {}
        }
        let resting =
            matches!(scene.before.phase, Phase::Live | Phase::Suspended | Phase::Idle | Phase::Ending);
        self.down_since = if resting { None } else { self.down_since.or(Some(now)) };
        if resting && scene.before.phase != Phase::Ending {
            self.hoped_at = now;
        }
    }

    /// A time that contradicts what is known needs a second witness, five seconds later (R3).
    fn hear_time(&mut self, now: u64, command: CommandId) {
        let old = Some(command) <= self.asked_before;
        self.unsure &= old;
        if Some(command) <= self.unheeding {
            self.misled = true;
        } else if self.misled && !old {
            let first = *self.witness.get_or_insert(now);
            self.misled = now < first + WITNESS;
        }
        if !self.misled {
            self.witness = None;
        }
    }

    fn judge_command(&mut self, scene: &Scene<'_>, command: &Command) -> Result<(), &'static str> {
        if self.last_command.is_some_and(|last| last >= command.id) {
            return Err("R29: a command's id is not new");
        }
        self.last_command = Some(command.id);
        if is_exchange(&command.action) {
            self.places.ask(scene, command)?;
            self.pace.ask(scene, command, self.is_plain(scene), self.clock_faults)?;
            self.judge_peace(scene)?;
        }
        if let Some(removed) = &mut self.removed {
            removed.count(&command.action);
        }
        if let Action::Open { .. } = command.action {
            self.pace.open(scene, self.clock_faults)?;
        }
        if let Action::Authenticate { token, resume, .. } = command.action {
            self.judge_shown(scene, token, resume)?;
        }
        self.sockets.command(scene, command, &mut self.live, self.clock_faults, &self.misread)?;
        self.said.command(scene, command, &self.open, self.clock_faults)?;
        self.open.push(Sent { at: scene.clocks.now, command: command.clone(), spared: false });
        Ok(())
    }

    /// While a token is being tried that the application has brought, no older one is shown and nothing is resumed (R15).
    fn judge_shown(&self, scene: &Scene<'_>, token: TokenId, resume: bool) -> Result<(), &'static str> {
        let brought = self.asks.iter().filter_map(|ask| ask.brought).max();
        let Some(brought) = brought.and_then(|id| scene.server.token(id)) else { return Ok(()) };
        let good = brought.honest
            && !brought.refused
            && self.trusts_clocks()
            && scene.machine.holds(brought.id)
            && scene.server.left(brought, scene.clocks) > NEAR;
        if good && (resume || token < brought.id) {
            return Err("R15: an older token was shown while a new one was being tried");
        }
        Ok(())
    }

    fn judge_event(
        &mut self,
        scene: &Scene<'_>,
        event: &Event,
        answered: Option<&Sent>,
    ) -> Result<(), &'static str> {
        self.said.event(scene, event)?;
        match event {
            Event::Live { .. } => {
                self.live = self.sockets.went_live(scene, self.live)?;
                self.insists = false;
                self.expired = false;
                self.down_since = None;
                self.hoped_at = scene.clocks.now;
                self.pace.forgive();
            }
            Event::Renewed { .. } => {
                self.pace.forgive();
                for ask in &mut self.asks {
                    // What has come into force since is what counts, whoever brought it.
                    ask.brought = None;
                }
            }
            Event::Recovered { ask, .. } | Event::Failed { ask, .. } => {
                let Some(at) = self.asks.iter().position(|waiting| waiting.id == *ask) else {
                    return Err("R27: somebody was answered who did not wait");
                };
                self.asks.remove(at);
            }
            Event::Expired { renewing } => {
                self.expired = *renewing;
                self.pace.hurry();
                self.judge_expiry(scene)?;
                self.judge_loss(scene)?;
            }
            Event::Teardown { reason, cause } => {
                self.over = Some(*reason);
                self.judge_end(scene, *reason, *cause)?;
                if !self.asks.is_empty() {
                    return Err("R27: somebody waits for ever");
                }
            }
            Event::Warn(warning) => self.judge_warning(scene, warning, answered)?,
            _ => {}
        }
        Ok(())
    }

    fn judge_warning(
        &mut self,
        scene: &Scene<'_>,
        warning: &Warning,
        answered: Option<&Sent>,
    ) -> Result<(), &'static str> {
        match warning {
            // A base that waits for its activation is pushed at the last call, and no sooner: that is no loss.
            Warning::Expiring { mechanism: Mechanism::Bound | Mechanism::Provider, .. }
                if scene.after.time_left.is_some_and(|left| left < NEAR) =>
            {
                self.judge_loss(scene)
            }
            Warning::RefreshFailed { cause, .. } => {
                let mut sent = self.open.iter().chain(answered);
                if let Some(sent) = sent.find(|sent| sent.command.id == cause.command) {
                    self.pace.failed(scene, sent, cause.failure);
                }
                if cause.failure == Failure::Timeout {
                    self.places.yields(cause.command);
                }
                Ok(())
            }
            Warning::StoreFailed { cause } => {
                // A write that is told as failed is not under way any more, whatever its deadline was before clocks moved.
                self.open.retain(|sent| sent.command.id != cause.command);
                Ok(())
            }
            Warning::PushFailed { .. } => {
                self.sockets.push_failed();
                Ok(())
            }
            Warning::ConnectFailed { .. } => {
                self.pace.hurry();
                Ok(())
            }
            Warning::ConnectionLost { .. } => {
                self.live = self.sockets.lost(scene, self.live);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The usual: nothing that was said of ends is odd.
    fn is_plain(&self, scene: &Scene<'_>) -> bool {
        // What a provider says in an unknown clock, or assumes, may come to any life at all; so may what ends with its base.
        let odd = matches!(scene.setting.says, crate::setting::Says::Hint | crate::setting::Says::Assumed);
        self.shortest_life >= 60_000
            && scene.server.crooked_until == 0
            && !odd
            && !scene.setting.caps
            && self.clock_faults == 0
    }

    /// Something has gone wrong until then.
    pub(crate) fn disturb(&mut self, until: u64) {
        self.well_since = self.well_since.max(until);
    }
}
