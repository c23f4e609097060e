//! A stage for the lifecycle: virtual time, a server that behaves unless a scene says otherwise, and a
//! script of what happened, one line each.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "a module of test files, each of which uses a part of it"
)]

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use satkeeper_core::lifecycle::*;
use satkeeper_core::secret::Seed;
use satkeeper_core::{Now, Tick, UnixMillis};

/// When the stories begin, on the wall clock.
pub const EPOCH: u64 = 1_800_000_000_000;

/// How a server treats one command.
#[derive(Clone, Debug)]
pub enum Treatment {
    /// As a healthy one would.
    Well,
    /// With this failure.
    Fail(Failure),
    /// With this reply.
    Say(Reply),
    /// Not at all.
    Silence,
    /// As a healthy one would, after this long.
    Late(u64),
    /// With this failure, after this long.
    FailLate(Failure, u64),
}

/// What the tokens of this story are like.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// Life of base tokens.
    pub base_life: u64,
    /// Life of bound tokens.
    pub bound_life: u64,
    /// Minted bases carry `sat:refresh`.
    pub scope: bool,
    /// Refreshed bases carry `sat:refresh`.
    pub refreshed_scope: bool,
    /// The server states ends.
    pub states_ends: bool,
    /// One way and back.
    pub latency: u64,
    /// The server's clock is ahead of ours by this.
    pub skew: i64,
    /// The server says what time it is in every answer; else only when a connect is refused or accepted.
    pub tells_time: bool,
    /// Proofs signed further off are refused.
    pub window: Option<u64>,
    /// The connect result says that the token is bound to our key.
    pub confirms: bool,
}

impl Default for World {
    fn default() -> Self {
        Self {
            base_life: 7_200_000,
            bound_life: 900_000,
            scope: true,
            refreshed_scope: false,
            states_ends: true,
            latency: 40,
            skew: 0,
            tells_time: true,
            window: None,
            confirms: false,
        }
    }
}

#[derive(Clone, Debug)]
struct Underway {
    at: u64,
    input: Input,
}

pub struct Story {
    pub machine: Lifecycle,
    pub now: u64,
    /// Wall clock minus monotonic clock.
    pub wall: i64,
    pub world: World,
    pub script: String,
    pub events: Vec<(u64, Event)>,
    pub commands: Vec<(u64, Command)>,
    wake_at: Option<(Tick, Wake)>,
    underway: Vec<Underway>,
    treatments: BTreeMap<&'static str, VecDeque<Treatment>>,
    always: BTreeMap<&'static str, Treatment>,
    next_token: u32,
    socket: Option<SocketId>,
    restored: bool,
    lives: BTreeMap<TokenId, (bool, u64)>,
    /// Time that our monotonic clock did not see.
    slept: u64,
    /// When the process began.
    boot: u64,
    asks: u64,
}

/// A policy without jitter, so that times can be told beforehand.
pub fn exact() -> Policy {
    Policy { jitter: false, ..Policy::default() }
}

/// Asserts that a moment is where it should be, within the precision at which a server's clock is known.
#[track_caller]
pub fn near(at: u64, expected: u64) {
    assert!(at.abs_diff(expected) <= 1_600, "{at}, not {expected}");
}

impl Story {
    pub fn new(policy: Policy) -> Self {
        Self::seeded(policy, 42)
    }

    pub fn seeded(policy: Policy, seed: u32) -> Self {
        let mut bytes = [42; 32];
        bytes[..4].copy_from_slice(&seed.to_le_bytes());
        Self {
            machine: Lifecycle::new(policy, &Seed::from_bytes(bytes)),
            now: 0,
            wall: EPOCH as i64,
            world: World::default(),
            script: String::new(),
            events: Vec::new(),
            commands: Vec::new(),
            wake_at: None,
            underway: Vec::new(),
            treatments: BTreeMap::new(),
            always: BTreeMap::new(),
            next_token: 1,
            socket: None,
            restored: false,
            lives: BTreeMap::new(),
            slept: 0,
            boot: 0,
            asks: 0,
        }
    }

    /// A session that starts now.
    pub fn begin(world: World, can_refresh: bool, can_mint_again: bool) -> Self {
        let mut story = Self::new(Policy { jitter: false, ..Policy::default() });
        story.world = world;
        story.start(can_refresh, can_mint_again, KeyFacts::Fixed(KeyAlgorithm::Es256));
        story
    }

    pub fn start(&mut self, can_refresh: bool, can_mint_again: bool, key: KeyFacts) {
        self.start_as(can_refresh, can_mint_again, key, false);
    }

    pub fn start_as(&mut self, can_refresh: bool, can_mint_again: bool, key: KeyFacts, durable: bool) {
        let provider = ProviderFacts { can_refresh, can_mint_again };
        self.input(Input::Start(Start { provider, key, durable }));
    }

    /// From now on all is well with commands of this name.
    pub fn mend(&mut self, name: &'static str) -> &mut Self {
        self.always.remove(name);
        self.treatments.remove(name);
        self
    }

    /// The next command of this name is treated so; several calls queue up.
    pub fn next(&mut self, name: &'static str, treatment: Treatment) -> &mut Self {
        self.treatments.entry(name).or_default().push_back(treatment);
        self
    }

    /// From now on, all commands of this name are treated so.
    pub fn always(&mut self, name: &'static str, treatment: Treatment) -> &mut Self {
        self.always.insert(name, treatment);
        self
    }

    pub fn clock(&self) -> Now {
        Now::new(self.now - self.boot, self.wall.saturating_add(self.now as i64).max(0) as u64)
    }

    pub fn server_now(&self) -> u64 {
        (EPOCH + self.now + self.slept).saturating_add_signed(self.world.skew)
    }

    /// Gives an input now.
    pub fn input(&mut self, input: Input) {
        let step = self.machine.step(self.clock(), input);
        self.run(step);
        if let Err(broken) = self.machine.check() {
            panic!("{broken} at {}\n{}", self.now, self.script);
        }
    }

    /// Lets time pass: answers arrive, deadlines are met exactly.
    pub fn until(&mut self, end: u64) {
        for _ in 0..200_000 {
            let arrival = self.underway.iter().map(|underway| underway.at).min();
            let wake = self.wake_at.map(|(at, _)| at.0.saturating_add(self.boot));
            let next = arrival.into_iter().chain(wake).min().filter(|at| *at <= end);
            let Some(at) = next else {
                self.now = end;
                return;
            };
            self.now = self.now.max(at);
            if arrival == Some(at) {
                let index = self.underway.iter().position(|underway| underway.at == at).expect("just found");
                let underway = self.underway.remove(index);
                self.input(underway.input);
            } else {
                self.input(Input::Tick);
            }
        }
        panic!("the machine does not come to rest:\n{}", self.script);
    }

    pub fn line(&mut self, text: &str) {
        let _ = writeln!(self.script, "{:>10} {text}", Tick(self.now).to_string());
    }

    fn run(&mut self, step: Step) {
        self.wake_at = step.wake_at;
        for output in step.outputs {
            match output {
                Output::Tell(event) => {
                    self.line(&format!("tell {event:?}"));
                    self.events.push((self.now, event));
                }
                Output::Do(command) => {
                    self.line(&format!("do   {:?} by {}", command.action, command.deadline));
                    self.commands.push((self.now, command.clone()));
                    self.serve(&command);
                }
            }
        }
    }

    fn serve(&mut self, command: &Command) {
        let name = command.action.name();
        let queued = self.treatments.get_mut(name).and_then(VecDeque::pop_front);
        let treatment = queued.or_else(|| self.always.get(name).cloned()).unwrap_or(Treatment::Well);
        let mut delay = self.world.latency;
        let result = match treatment {
            Treatment::Silence => return,
            Treatment::Fail(failure) => Err(failure),
            Treatment::Say(reply) => Ok(reply),
            Treatment::Late(by) => {
                delay = by;
                Ok(self.healthy(&command.action))
            }
            Treatment::FailLate(failure, by) => {
                delay = by;
                Err(failure)
            }
            Treatment::Well => Ok(self.healthy(&command.action)),
        };
        let signed_at = match command.action {
            Action::Activate { offset, .. }
            | Action::Renew { offset, .. }
            | Action::Authenticate { offset, .. }
            | Action::Reauthenticate { offset, .. } => Some(self.clock().unix.shifted(offset.unwrap_or(0))),
            _ => None,
        };
        let missigned = signed_at
            .zip(self.world.window)
            .is_some_and(|(signed, window)| signed.0.abs_diff(self.server_now()) > window);
        let result = match name {
            "activate" | "renew" if missigned => Err(Failure::Http { status: 401, retry_after: None }),
            _ if missigned => Err(Failure::Rpc { code: -32_003, credential: true }),
            _ => result,
        };
        let local = matches!(name, "make_key" | "persist" | "erase" | "close");
        let silent = matches!(result, Err(Failure::Timeout | Failure::Transport));
        let at = self.now + if local { 0 } else { delay };
        let told = self.world.tells_time || name == "authenticate";
        let then = self.server_now() + (at - self.now);
        let server_time = (!local && !silent && told).then_some(UnixMillis(then / 1_000 * 1_000));
        let outcome = Outcome { result, server_time, signed_at };
        self.underway.push(Underway { at, input: Input::Done(command.id, outcome) });
    }

    pub fn token(&mut self, bound: bool) -> TokenFacts {
        let token = TokenId(self.next_token);
        self.next_token += 1;
        let life = if bound { self.world.bound_life } else { self.world.base_life };
        self.lives.insert(token, (bound, self.server_now() + life));
        let expires_in = (bound && self.world.states_ends).then_some(life);
        TokenFacts { token, statement: Statement { expires_in, ..Statement::default() }, new_secret: false }
    }

    fn statement(&self, token: TokenId) -> Statement {
        let ends = self.lives.get(&token).map(|(_, ends)| UnixMillis(*ends / 1_000 * 1_000));
        Statement { expires_at: ends.filter(|_| self.world.states_ends), ..Statement::default() }
    }

    fn healthy(&mut self, action: &Action) -> Reply {
        match *action {
            Action::MakeKey { .. } => Reply::KeyMade,
            Action::Mint { .. } | Action::Refresh => Reply::Token(self.token(false)),
            Action::Activate { .. } | Action::Renew { .. } => Reply::Token(self.token(true)),
            Action::Inspect { base } => {
                let minted = base == TokenId(1);
                let scope = if minted { self.world.scope } else { self.world.refreshed_scope };
                Reply::Inspected(Statement { scope: Some(scope), ..self.statement(base) })
            }
            Action::Open { socket, .. } => {
                self.socket = Some(socket);
                Reply::Opened
            }
            Action::Authenticate { token, resume, .. } => {
                let cnf = if self.world.confirms { Confirmation::Ours } else { Confirmation::Unknown };
                Reply::Authenticated {
                    resumed: resume,
                    statement: Statement { cnf, ..self.statement(token) },
                }
            }
            Action::Reauthenticate { token, .. } => Reply::Reauthenticated(self.statement(token)),
            Action::Probe { .. } => Reply::Alive,
            Action::Persist | Action::Erase | Action::Close { .. } => Reply::Finished,
        }
    }

    // ---- What happens outside ----

    /// The machine sleeps: the wall clocks go on, ours does not.
    pub fn sleep(&mut self, span: u64) {
        self.slept += span;
        self.wall += span as i64;
    }

    /// The process is killed and begins anew after `down`, with a monotonic clock of its own and what the
    /// record holds.
    pub fn restart(&mut self, policy: Policy, down: u64, start: Start) {
        let text = serde_json::to_string(&self.machine.snapshot()).expect("a snapshot is plain data");
        self.restart_from(policy, down, start, &text);
    }

    /// The same with a record of an earlier moment.
    pub fn restart_from(&mut self, policy: Policy, down: u64, start: Start, snapshot: &str) {
        self.line(&format!("---- killed; {down} ms later"));
        self.now += down;
        self.boot = self.now;
        self.underway.clear();
        self.wake_at = None;
        let snapshot = serde_json::from_str(snapshot).expect("a snapshot");
        self.machine = Lifecycle::restore(policy, &Seed::from_bytes([43; 32]), &snapshot, self.clock());
        self.input(Input::Start(start));
    }

    /// Time passes and nobody steps the machine. Answers that arrive meanwhile are lost.
    pub fn skip(&mut self, to: u64) {
        self.now = to;
        self.underway.clear();
    }

    pub fn refresh_now(&mut self) -> AskId {
        let ask = self.ask();
        self.input(Input::RefreshNow { ask });
        ask
    }

    /// `update_token` with a new token that lives for `life`, as far as the server is concerned.
    pub fn update(&mut self, life: u64) -> (AskId, TokenId) {
        let token = TokenId(self.next_token);
        self.next_token += 1;
        self.lives.insert(token, (false, self.server_now() + life));
        let ask = self.ask();
        let facts = TokenFacts { token, statement: Statement::default(), new_secret: false };
        self.input(Input::NewBase { ask, token: facts });
        (ask, token)
    }

    pub fn ask(&mut self) -> AskId {
        self.asks += 1;
        AskId(self.asks)
    }

    /// When this ask was answered, and with what error if any.
    pub fn answer(&self, wanted: AskId) -> Option<(u64, Option<AskError>)> {
        self.events.iter().find_map(|(at, event)| match event {
            Event::Recovered { ask, .. } if *ask == wanted => Some((*at, None)),
            Event::Failed { ask, error } if *ask == wanted => Some((*at, Some(*error))),
            _ => None,
        })
    }

    /// What was asked for since `from`, by name.
    pub fn names(&self, from: u64) -> Vec<&'static str> {
        self.commands.iter().filter(|(at, _)| *at >= from).map(|(_, c)| c.action.name()).collect()
    }

    /// The commands of this name.
    pub fn given(&self, name: &str) -> Vec<Command> {
        self.commands.iter().filter(|(_, c)| c.action.name() == name).map(|(_, c)| c.clone()).collect()
    }

    pub fn mechanism(&self) -> Mechanism {
        self.machine.status().mechanism
    }

    pub fn lives(&self) -> Vec<u64> {
        self.told(|event| matches!(event, Event::Live { .. }))
    }

    // ---- What a test asks ----

    /// How many tokens the machine holds.
    pub fn tokens_held(&self) -> usize {
        self.lives.keys().filter(|token| self.machine.holds(**token)).count()
    }

    pub fn socket(&self) -> SocketId {
        self.socket.expect("a socket was opened")
    }

    /// The socket breaks.
    pub fn drop_socket(&mut self) {
        let socket = self.socket();
        self.line("---- the socket drops");
        self.input(Input::SocketLost { socket });
    }

    /// The server hands out resume state.
    pub fn resume_state(&mut self) {
        let socket = self.socket();
        self.input(Input::ResumeState { socket });
    }

    pub fn phase(&self) -> Phase {
        self.machine.status().phase
    }

    /// Times of all commands of this name.
    pub fn times(&self, name: &str) -> Vec<u64> {
        self.commands.iter().filter(|(_, c)| c.action.name() == name).map(|(at, _)| *at).collect()
    }

    pub fn warnings(&self, code: &str) -> Vec<(u64, Warning)> {
        let warning = |(at, event): &(u64, Event)| match event {
            Event::Warn(warning) if warning.code() == code => Some((*at, *warning)),
            _ => None,
        };
        self.events.iter().filter_map(warning).collect()
    }

    pub fn told(&self, which: impl Fn(&Event) -> bool) -> Vec<u64> {
        self.events.iter().filter(|(_, event)| which(event)).map(|(at, _)| *at).collect()
    }

    pub fn renewals(&self) -> Vec<u64> {
        self.told(|event| matches!(event, Event::Renewed { .. }))
    }

    pub fn teardown(&self) -> Option<(u64, TeardownReason)> {
        self.events.iter().find_map(|(at, event)| match event {
            Event::Teardown { reason, .. } => Some((*at, *reason)),
            _ => None,
        })
    }
}
