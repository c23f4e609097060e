//! The machine against a second opinion: whatever happens, in whatever order, under whatever clocks, after each
//! step it must do what the rules alone say of the list of all that happened (`reference`).
//!
//! CI plays 10,000 cases, always the same. More of them, in a loop:
//!
//! ```sh
//! for seed in $(seq 1 100); do
//!     PROPTEST_RNG_SEED=$seed PROPTEST_CASES=10000 \
//!         cargo test --release -p satkeeper-core --test lifecycle against_reference:: || break
//! done
//! ```

use crate::reference::History;
use crate::reference::rules::judge;
use crate::reference::world::{Act, How, Stage, World, acts, starts, worlds};
use crate::replay::Recording;
use proptest::prelude::*;
use satkeeper_core::lifecycle::*;
use satkeeper_core::secret::Seed;

/// A machine on its stage.
struct Play {
    machine: Lifecycle,
    stage: Stage,
    history: History,
    open: Vec<Command>,
    closed: Vec<Command>,
    /// What it did against the rules.
    broken: Option<String>,
    recording: Recording,
}

impl Play {
    fn new(policy: Policy, seed: u8, world: World, start: Start) -> Self {
        let machine = Lifecycle::new(policy, &Seed::from_bytes([seed; 32]));
        let recording = Recording::new(policy, [seed; 32]);
        let (stage, history) = (Stage::new(world), History::new(policy.tick_counts_sleep));
        let (open, closed) = (Vec::new(), Vec::new());
        let mut play = Self { machine, stage, history, open, closed, broken: None, recording };
        play.step(Input::Start(start));
        play
    }

    fn step(&mut self, input: Input) {
        let now = self.stage.now();
        let step = self.machine.step(now, input.clone());
        self.recording.write(now, &input, &step);
        self.history.push(now, input, &step, &self.machine);
        for output in step.outputs {
            if let Output::Do(command) = output {
                self.open.push(command);
            }
        }
        let checked = self.machine.check().map_err(str::to_owned);
        self.broken = self.broken.take().or(checked.and_then(|()| judge(&self.history)).err());
    }

    fn answer(&mut self, command: Command, how: How) {
        let outcome = self.stage.answer(&command.action, how);
        let id = command.id;
        self.closed.push(command);
        self.step(Input::Done(id, outcome));
    }

    fn meet_deadline(&mut self) {
        if let Some((at, _)) = self.history.last().wake {
            self.stage.pass(at.saturating_sub(self.stage.tick).min(400_000_000));
            self.step(Input::Tick);
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Run(span) => self.run(span),
            Act::Deadline => self.meet_deadline(),
            Act::Wait(span) => self.stage.pass(span),
            Act::Tick => self.step(Input::Tick),
            Act::Sleep(span) => self.stage.sleep(span),
            Act::Wall(by) => self.stage.wall = self.stage.wall.saturating_add_signed(by),
            Act::Monotonic(by) => self.stage.tick = self.stage.tick.saturating_add_signed(by),
            Act::Answer(aim, how) => {
                if !self.open.is_empty() {
                    let command = self.open.remove(usize::from(aim) % self.open.len());
                    self.answer(command, how);
                }
            }
            Act::Stale(aim, how) => {
                let unknown = Command {
                    id: CommandId(u64::MAX),
                    deadline: satkeeper_core::Tick(0),
                    action: Action::Persist,
                };
                let command = self.closed.get(usize::from(aim) % (self.closed.len() + 1)).cloned();
                let command = command.unwrap_or(unknown);
                let outcome = self.stage.answer(&command.action, how);
                self.step(Input::Done(command.id, outcome));
            }
            Act::Say(which, part) => {
                let socket = self.machine.socket().unwrap_or(SocketId(u32::from(part)));
                let input = self.stage.say(which, part, socket);
                self.step(input);
            }
        }
    }

    /// All is well for this long, or for as many steps as tell something.
    fn run(&mut self, span: u64) {
        let end = self.stage.tick.saturating_add(span);
        for _ in 0..40 {
            if self.broken.is_some() {
                return;
            }
            if !self.open.is_empty() {
                let command = self.open.remove(0);
                self.stage.pass(20);
                self.answer(command, How::Well);
            } else if self.history.last().wake.is_some_and(|(at, _)| at <= end) {
                self.meet_deadline();
            } else {
                self.stage.pass(end.saturating_sub(self.stage.tick));
                return;
            }
        }
    }

    /// The story so far.
    fn tell(&self) -> String {
        let mut text = String::new();
        for (number, reading) in self.history.steps.iter().enumerate() {
            text.push_str(&format!("-- {number} at {} {}\n", reading.at, reading.now.unix.0));
            for happened in self.history.list.iter().filter(|it| it.step == number) {
                text.push_str(&format!("   {:?}\n", happened.what));
            }
            let status = &reading.status;
            text.push_str(&format!(
                "   = {:?} {:?} {:?} holds {:?} wakes {:?}\n",
                status.phase, status.mechanism, status.in_force, reading.held, reading.wake
            ));
        }
        text
    }
}

/// What one case takes: what broke the rules, and the story up to there.
pub fn case(seed: u8, world: World, start: Start, acts: Vec<Act>) -> Result<(), TestCaseError> {
    let policy = Policy::default().with(|it| it.tick_counts_sleep = world.counts_sleep);
    let mut play = Play::new(policy, seed, world, start);
    for act in acts {
        play.act(act);
        if let Some(broken) = &play.broken {
            return Err(TestCaseError::fail(format!("{broken}\n{}", play.tell())));
        }
    }
    play.recording.replays();
    Ok(())
}

fn config() -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() {
        default
    } else {
        ProptestConfig { cases: 10_000, ..default }
    }
}

proptest! {
    #![proptest_config(config())]

    // proves R1, R2, R3, R4, R6, R7, R9, R10, R13, R14, R15, R16, R17, R18, R20, R21, R22, R23, R25, R26, R27, R28, R29, R30
    // proves R33
    #[test]
    fn the_machine_does_what_the_rules_say(
        seed: u8,
        world in worlds(),
        start in starts(),
        acts in acts(32),
    ) {
        case(seed, world, start, acts)?;
    }
}
