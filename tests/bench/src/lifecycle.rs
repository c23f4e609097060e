//! The machine alone. What a server would have said is recorded first, so that only the steps are measured.

use std::collections::VecDeque;

use satkeeper_core::lifecycle::{
    Action, Event, Input, KeyFacts, Lifecycle, Outcome, Output, Policy, ProviderFacts, Reply, Start,
    Statement, Step, TokenFacts, TokenId,
};
use satkeeper_core::secret::Seed;
use satkeeper_core::{Now, UnixMillis};

const EPOCH: u64 = 1_800_000_000_000;
const LATENCY: u64 = 40;

/// A machine and what it is given next.
#[derive(Clone)]
pub struct Scene {
    /// The machine.
    pub machine: Lifecycle,
    /// When it is given what.
    pub inputs: Vec<(Now, Input)>,
}

impl Scene {
    /// Gives the machine all of its inputs.
    pub fn play(&mut self) {
        for (now, input) in self.inputs.drain(..) {
            let _ = std::hint::black_box(self.machine.step(now, input));
        }
    }
}

/// A new machine and all that brings it to be bound.
#[must_use]
pub fn cold(durable: bool) -> Scene {
    let mut world = World::new(durable);
    let machine = world.machine.clone();
    world.run(|event| matches!(event, Event::Bound { .. }));
    Scene { machine, inputs: world.given }
}

/// A bound machine that has renewed a few times, and one more renewal: the tick, the exchange, the push.
#[must_use]
pub fn round(durable: bool) -> Scene {
    let mut world = World::new(durable);
    for _ in 0..4 {
        world.run(|event| matches!(event, Event::Renewed { .. }));
    }
    world.settle();
    let machine = world.machine.clone();
    world.given.clear();
    world.run(|event| matches!(event, Event::Renewed { .. }));
    world.settle();
    Scene { machine, inputs: world.given }
}

/// A bound machine at rest, and a moment before anything is due.
#[must_use]
pub fn resting() -> (Lifecycle, Now) {
    let mut world = World::new(false);
    world.run(|event| matches!(event, Event::Renewed { .. }));
    world.settle();
    (world.machine, now(world.now + 1_000))
}

fn now(at: u64) -> Now {
    Now::new(at, EPOCH + at)
}

struct World {
    machine: Lifecycle,
    given: Vec<(Now, Input)>,
    underway: VecDeque<(u64, Input)>,
    wake: Option<u64>,
    now: u64,
    tokens: u32,
}

impl World {
    fn new(durable: bool) -> Self {
        let provider = ProviderFacts { can_refresh: true, can_mint_again: true, may_be_asked_twice: false };
        let start = Start { provider, key: KeyFacts::Auto, durable };
        Self {
            machine: Lifecycle::new(Policy::default(), &Seed::from_bytes([7; 32])),
            given: Vec::new(),
            underway: VecDeque::from([(1_000, Input::Start(start))]),
            wake: None,
            now: 0,
            tokens: 0,
        }
    }

    /// Runs until the machine tells of this.
    fn run(&mut self, until: impl Fn(&Event) -> bool) {
        while !self.next().outputs.iter().any(|output| matches!(output, Output::Tell(event) if until(event)))
        {
        }
    }

    /// Runs until nothing is under way.
    fn settle(&mut self) {
        while !self.underway.is_empty() {
            let _ = self.next();
        }
    }

    fn next(&mut self) -> Step {
        let arrives = self.underway.front().map_or(u64::MAX, |(at, _)| *at);
        let input = if self.wake.is_some_and(|wake| wake < arrives) {
            self.now = self.wake.unwrap_or(self.now);
            Input::Tick
        } else {
            self.now = arrives;
            self.underway.pop_front().map_or(Input::Tick, |(_, input)| input)
        };
        self.given.push((now(self.now), input.clone()));
        let step = self.machine.step(now(self.now), input);
        self.wake = step.wake_at.map(|(at, _)| at.0);
        for output in &step.outputs {
            if let Output::Do(command) = output {
                let outcome = Outcome {
                    server_time: Some(UnixMillis((EPOCH + self.now) / 1_000 * 1_000)),
                    ..Outcome::ok(self.serve(&command.action))
                };
                self.underway.push_back((self.now + LATENCY, Input::Done(command.id, outcome)));
            }
        }
        step
    }

    fn serve(&mut self, action: &Action) -> Reply {
        let says = Statement::default();
        match action {
            Action::MakeKey { .. } => Reply::KeyMade,
            Action::Mint { .. } | Action::Refresh => self.token(7_200_000),
            Action::Activate { .. } | Action::Renew { .. } => self.token(900_000),
            Action::Inspect { .. } => Reply::Inspected(Statement { scope: Some(true), ..says }),
            Action::Open { .. } => Reply::Opened,
            Action::Authenticate { .. } => Reply::Authenticated { resumed: false, statement: says },
            Action::Reauthenticate { .. } => Reply::Reauthenticated(says),
            Action::Probe { .. } => Reply::Alive,
            Action::Persist | Action::Erase | Action::Close { .. } => Reply::Finished,
            other => unreachable!("{other:?} is new"),
        }
    }

    fn token(&mut self, life: u64) -> Reply {
        self.tokens += 1;
        let statement = Statement { expires_in: Some(life), ..Statement::default() };
        Reply::Token(TokenFacts { token: TokenId(self.tokens), statement, new_secret: false })
    }
}
