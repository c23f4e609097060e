//! A stage for the lifecycle: virtual time, a server that behaves unless a scene says otherwise, and a
//! script of what happened, one line each.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    reason = "a module of test files, each of which uses a part of it"
)]

mod opening;
mod server;
mod told;

pub use opening::{Opening, exact, provided, scoped, unscoped};
pub use server::{Treatment, World};

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use satkeeper_core::lifecycle::*;
use satkeeper_core::secret::Seed;
use satkeeper_core::{Now, Tick};

/// When the stories begin, on the wall clock.
pub const EPOCH: u64 = 1_800_000_000_000;
pub const MINUTE: u64 = 60_000;
pub const HOUR: u64 = 60 * MINUTE;

/// A key that the driver makes.
pub const ES256: KeyFacts = KeyFacts::Fixed(KeyAlgorithm::Es256);

/// The server is there and cannot.
pub const UNAVAILABLE: Failure = http(503);
/// An endpoint refuses for good.
pub const FORBIDDEN: Failure = http(403);
/// A connect or a push is refused for its credential.
pub const REFUSED: Failure = Failure::Rpc { code: -32_002, credential: true };

pub const fn http(status: u16) -> Failure {
    Failure::Http { status, retry_after: None }
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
    lives: BTreeMap<TokenId, (bool, u64)>,
    /// Time that our tick did not see.
    slept: u64,
    /// When the process began.
    boot: u64,
    asks: u64,
}

/// Asserts that a moment is where it should be, within the precision at which a server's clock is known.
#[track_caller]
pub fn near(at: u64, expected: u64) {
    assert!(at.abs_diff(expected) <= 1_600, "{at}, not {expected}");
}

impl Story {
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

    // ---- What happens outside ----

    /// The host sleeps, and its tick stands meanwhile ([`Opening::ticks_stand_asleep`]): the wall clocks go on. Where it
    /// counts sleep, a sleep is a [`skip`](Story::skip).
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

    /// The socket that was opened last.
    pub fn socket(&self) -> SocketId {
        self.socket.expect("a socket was opened")
    }

    /// The socket breaks.
    pub fn drop_socket(&mut self) {
        let socket = self.socket();
        self.line("---- the socket drops");
        self.input(Input::SocketLost { socket });
    }

    /// What was sent on the socket has not been answered in its time.
    pub fn doubt_socket(&mut self) {
        let socket = self.socket();
        self.line("---- the socket is doubted");
        self.input(Input::SocketDead { socket });
    }

    /// The server hands out resume state.
    pub fn resume_state(&mut self) {
        let socket = self.socket();
        self.input(Input::ResumeState { socket });
    }
}
