//! Arbitrary inputs in arbitrary order under arbitrary clocks, and what must hold all the same.

mod moves;

pub use moves::{Move, Shape, moves, servers, starts};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::replay::Recording;
use proptest::prelude::*;
use satkeeper_core::lifecycle::*;
use satkeeper_core::secret::Seed;
use satkeeper_core::{Now, UnixMillis};

pub const EPOCH: u64 = 1_800_000_000_000;

/// `cases` unless PROPTEST_CASES says otherwise; failures are printed, not kept in files.
pub fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { default } else { ProptestConfig { cases, ..default } }
}

/// A machine, its clocks, and what is open.
pub struct Run {
    pub machine: Lifecycle,
    pub tick: u64,
    pub unix: u64,
    pub wake_at: Option<u64>,
    pub open: Vec<Command>,
    pub waiting: BTreeSet<AskId>,
    pub over: bool,
    pub steps: u64,
    next_token: u32,
    next_ask: u64,
    pub last_generation: Generation,
    /// A clock was set since the last step.
    pub slipped: bool,
    /// The furthest that the monotonic clock has been.
    pub furthest: u64,
    log: String,
    recording: Recording,
}

/// With CHAOS_LOG set, a failed run tells its story.
impl Drop for Run {
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var_os("CHAOS_LOG").is_some() {
            eprintln!("=== a failed run\n{}", self.log);
        }
    }
}

impl Run {
    pub fn new(policy: Policy, start: Start) -> Self {
        let mut run = Self {
            machine: Lifecycle::new(policy, &Seed::from_bytes([9; 32])),
            recording: Recording::new(policy, [9; 32]),
            tick: 1_000,
            unix: EPOCH,
            wake_at: None,
            open: Vec::new(),
            waiting: BTreeSet::new(),
            over: false,
            steps: 0,
            next_token: 1,
            next_ask: 1,
            last_generation: Generation(0),
            slipped: false,
            furthest: 0,
            log: String::new(),
        };
        run.step(Input::Start(start));
        run
    }

    /// The process is killed and begins anew after `down`, its monotonic clock at `tick`, with what the
    /// machine's snapshot holds.
    pub fn restart(&mut self, policy: Policy, start: Start, tick: u64, down: u64) {
        let snapshot = self.machine.snapshot();
        (self.tick, self.furthest, self.unix) = (tick, tick, self.unix.saturating_add(down));
        let now = Now::new(self.tick, self.unix);
        self.recording.replays();
        self.recording = Recording::of_restored(policy, [10; 32], &snapshot, now);
        self.machine = Lifecycle::restore(policy, &Seed::from_bytes([10; 32]), &snapshot, now);
        let _ = writeln!(self.log, "---- restarted from {snapshot:?}");
        self.open.clear();
        self.waiting.clear();
        self.wake_at = None;
        self.over = false;
        self.step(Input::Start(start));
    }

    /// Steps, and checks all that must hold after any step.
    pub fn step(&mut self, input: Input) {
        let now = Now::new(self.tick, self.unix);
        let step = self.machine.step(now, input.clone());
        self.recording.write(now, &input, &step);
        self.steps += 1;
        self.slipped = false;
        self.furthest = self.furthest.max(self.tick);
        let _ = writeln!(
            self.log,
            "{} {} {input:?}\n    {:?}\n    {:?}",
            self.tick, self.unix, step.outputs, step.wake_at
        );
        if self.over {
            assert_eq!(step, Step::default(), "after the teardown, on {input:?}");
            return;
        }
        for output in step.outputs {
            assert!(!self.over, "{output:?} after the teardown");
            match output {
                Output::Do(command) => {
                    assert!(self.open.iter().all(|other| other.id != command.id), "{command:?} twice");
                    self.open.push(command);
                }
                Output::Tell(Event::Recovered { ask, .. } | Event::Failed { ask, .. }) => {
                    assert!(self.waiting.remove(&ask), "{ask:?} did not wait, on {input:?}");
                }
                Output::Tell(Event::Teardown { .. }) => {
                    self.over = true;
                    assert!(self.waiting.is_empty(), "left waiting: {:?}", self.waiting);
                    assert_eq!(step.wake_at, None);
                }
                Output::Tell(_) => {}
            }
        }
        self.wake_at = step.wake_at.map(|(at, _)| at.0);
        let generation = self.machine.status().generation;
        assert!(generation >= self.last_generation, "generations only grow");
        self.last_generation = generation;
        if let Err(broken) = self.machine.check() {
            panic!("{broken} after {input:?} at {} {}", self.tick, self.unix);
        }
    }

    /// What has happened so far happens again to the same bytes.
    pub fn replays(&self) {
        self.recording.replays();
    }

    pub fn make(&mut self, one: Move) {
        self.slipped |= matches!(one, Move::Tick(_) | Move::Wall(_) | Move::Slip(_) | Move::WallSlip(_));
        match one {
            Move::Wait(by) => self.pass(by),
            Move::ToDeadline => {
                if let Some(at) = self.wake_at {
                    // Nobody waits for more than some days.
                    self.pass(at.saturating_sub(self.tick).min(400_000_000));
                    self.step(Input::Tick);
                }
            }
            Move::Tick(at) => self.tick = at,
            Move::Wall(at) => self.unix = at,
            Move::Slip(by) => self.tick = self.tick.saturating_add_signed(by),
            Move::WallSlip(by) => self.unix = self.unix.saturating_add_signed(by),
            Move::Answer { aim, odd, shape } => {
                if self.open.is_empty() {
                    return;
                }
                let command = self.open.remove(usize::from(aim) % self.open.len());
                let outcome = self.outcome(&command, odd, &shape);
                self.step(Input::Done(command.id, outcome));
            }
            Move::Say(which, shape) => self.say(which, &shape),
        }
    }

    pub fn pass(&mut self, by: u64) {
        self.tick = self.tick.saturating_add(by);
        self.unix = self.unix.saturating_add(by);
    }

    fn outcome(&mut self, command: &Command, odd: u8, shape: &Shape) -> Outcome {
        let token = TokenFacts { token: self.token(shape), statement: shape.statement, new_secret: false };
        let kinds = [
            Reply::KeyMade,
            Reply::Token(token),
            Reply::Inspected(shape.statement),
            Reply::Opened,
            Reply::Authenticated { resumed: shape.flag, statement: shape.statement },
            Reply::Reauthenticated(shape.statement),
            Reply::Alive,
            Reply::Finished,
        ];
        let right = match command.action {
            Action::MakeKey { .. } => 0,
            Action::Mint { .. } | Action::Refresh | Action::Activate { .. } | Action::Renew { .. } => 1,
            Action::Inspect { .. } => 2,
            Action::Open { .. } => 3,
            Action::Authenticate { .. } => 4,
            Action::Reauthenticate { .. } => 5,
            Action::Probe { .. } => 6,
            Action::Persist | Action::Erase | Action::Close { .. } => 7,
            other => panic!("{other:?} is new"),
        };
        let reply =
            kinds[if odd < 8 && shape.other && shape.flag { usize::from(odd) } else { right }].clone();
        Outcome {
            result: shape.failure.map_or(Ok(reply), Err),
            server_time: shape.server_time.map(|by| UnixMillis(self.unix.saturating_add_signed(by))),
            signed_at: shape.signed_at.map(|by| UnixMillis(self.unix.saturating_add_signed(by))),
        }
    }

    fn token(&mut self, shape: &Shape) -> TokenId {
        if shape.old_token > 0 && self.next_token > 1 {
            return TokenId(self.next_token - 1 - u32::from(shape.old_token) % (self.next_token - 1).min(4));
        }
        let token = TokenId(self.next_token);
        self.next_token += 1;
        token
    }

    pub fn ask(&mut self) -> AskId {
        let ask = AskId(self.next_ask);
        self.next_ask += 1;
        if !self.over {
            self.waiting.insert(ask);
        }
        ask
    }

    fn say(&mut self, which: u8, shape: &Shape) {
        let socket = if shape.flag { self.machine.socket() } else { None }
            .unwrap_or(SocketId(u32::from(shape.old_token)));
        let input = match which % 32 {
            0..=2 => Input::Tick,
            3 | 4 => Input::SocketLost { socket },
            5 => Input::SocketDead { socket },
            6 => Input::ServerRestart { socket, wipe: shape.other },
            7 | 8 => Input::ResumeState { socket },
            9 => Input::SocketAlive { socket },
            10 | 11 => {
                Input::Rejected { ask: self.ask(), generation: Generation(u64::from(shape.old_token)) }
            }
            12..=14 => Input::RefreshNow { ask: self.ask() },
            15..=17 => {
                let token = self.token(shape);
                let token = TokenFacts { token, statement: shape.statement, new_secret: shape.flag };
                Input::NewBase { ask: self.ask(), token }
            }
            18 | 19 => Input::NewProvider(ProviderFacts {
                can_refresh: shape.flag,
                can_mint_again: shape.other,
                may_be_asked_twice: shape.old_token.is_multiple_of(2),
            }),
            20 => Input::Suspend,
            21..=23 => Input::Resume,
            24 | 25 => Input::NetworkChanged,
            26 if shape.old_token > 192 => Input::Leave,
            26 if shape.old_token > 128 => Input::Disconnect,
            27 if shape.old_token > 128 => Input::Destroy,
            28 => Input::Done(CommandId(u64::from(shape.old_token)), Outcome::failed(Failure::Transport)),
            _ => Input::Tick,
        };
        if let Input::Done(id, _) = &input {
            self.open.retain(|command| command.id != *id);
        }
        self.step(input);
    }

    /// From now on the server is healthy and the provider able: everything is answered at once and truly.
    pub fn heal(&mut self) {
        if matches!(self.machine.status().phase, Phase::Suspended) {
            self.step(Input::Resume);
        }
        self.step(Input::NewProvider(ProviderFacts {
            can_refresh: true,
            can_mint_again: true,
            may_be_asked_twice: false,
        }));
    }

    /// Lets `span` pass in good health; whether the session is live or over by then.
    pub fn in_good_health(&mut self, span: u64) -> bool {
        let end = self.tick.saturating_add(span);
        for _ in 0..20_000 {
            if self.over || matches!(self.machine.status().phase, Phase::Live) {
                return true;
            }
            if !self.open.is_empty() {
                let command = self.open.remove(0);
                let outcome = self.healthy(&command);
                self.pass(20);
                self.step(Input::Done(command.id, outcome));
            } else if let Some(at) = self.wake_at.filter(|at| *at <= end) {
                self.pass(at.saturating_sub(self.tick));
                self.step(Input::Tick);
            } else {
                return false;
            }
        }
        panic!("does not come to rest");
    }

    /// For this long each command is answered at once, and always in the same ways in turn: how often each was given.
    pub fn in_the_hands_of(&mut self, server: &[Shape], span: u64) -> BTreeMap<&'static str, usize> {
        let (end, mut given, mut turn) = (self.tick.saturating_add(span), BTreeMap::new(), 0);
        for _ in 0..200_000 {
            if self.over {
                return given;
            }
            if !self.open.is_empty() {
                let command = self.open.remove(0);
                *given.entry(command.action.name()).or_insert(0) += 1;
                let shape = server[turn % server.len()];
                turn += 1;
                let outcome = self.outcome(&command, u8::MAX, &shape);
                self.pass(1);
                self.step(Input::Done(command.id, outcome));
            } else if let Some(at) = self.wake_at.filter(|at| *at <= end) {
                self.pass(at.saturating_sub(self.tick));
                self.step(Input::Tick);
            } else {
                return given;
            }
        }
        panic!("does not come to rest: {given:?}");
    }

    fn healthy(&mut self, command: &Command) -> Outcome {
        let ends = Statement {
            expires_at: Some(UnixMillis(self.unix.saturating_add(7_200_000))),
            ..Statement::default()
        };
        let result = match command.action {
            Action::MakeKey { .. } => Reply::KeyMade,
            Action::Mint { .. } | Action::Refresh | Action::Activate { .. } | Action::Renew { .. } => {
                let token = TokenId(self.next_token);
                self.next_token += 1;
                Reply::Token(TokenFacts { token, statement: ends, new_secret: false })
            }
            Action::Inspect { .. } => {
                Reply::Inspected(Statement { scope: Some(true), ..Statement::default() })
            }
            Action::Open { .. } => Reply::Opened,
            Action::Authenticate { resume, .. } => {
                Reply::Authenticated { resumed: resume, statement: Statement::default() }
            }
            Action::Reauthenticate { .. } => Reply::Reauthenticated(Statement::default()),
            Action::Probe { .. } => Reply::Alive,
            Action::Persist | Action::Erase | Action::Close { .. } => Reply::Finished,
            other => panic!("{other:?} is new"),
        };
        Outcome { server_time: Some(UnixMillis(self.unix)), ..Outcome::ok(result) }
    }
}
