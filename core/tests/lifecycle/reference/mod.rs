//! A second opinion on the lifecycle: a plain list of what happened, and from that list alone, anew each time, what can
//! be said of the session by the rules. It keeps no state between two questions, knows nothing of the machine's code,
//! and where the rules leave something open (a draw, what an endpoint has taken of late, a server's clock that is known
//! to the second only) it answers with a range.
//!
//! | file | what it tells |
//! |---|---|
//! | `time` | when it is, whether that was sleep, what the server's clock shows |
//! | `commands` | which command still waits for its answer, what was voided |
//! | `tokens` | which tokens came, when they end, when they are due, which is in force, which are refused |
//! | `links` | which socket serves, which is doubted, whether the session can be resumed |
//! | `rules` | the rules, concept by concept, each judged after every step |
//! | `world` | what happens: inputs of every kind in every order, under clocks of every kind |

pub mod commands;
pub mod links;
pub mod rules;
pub mod time;
pub mod tokens;
pub mod world;

use std::collections::BTreeMap;

use satkeeper_core::Now;
use satkeeper_core::lifecycle::*;

use commands::Answer;
use time::Observation;
use tokens::Arrived;

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum What {
    Heard(Input),
    Asked(Command),
    Told(Event),
}

/// When, and in which step.
#[derive(Clone, Debug)]
pub struct Happened {
    pub step: usize,
    /// On the monotonic clock, which is never believed to go back.
    pub at: u64,
    pub what: What,
}

/// What the clocks read at a step, and what the machine says of itself after it.
#[derive(Clone, Debug)]
pub struct Reading {
    pub now: Now,
    pub at: u64,
    pub wake: Option<(u64, Wake)>,
    pub status: Status,
    /// The tokens that it holds, of all that there ever were.
    pub held: Vec<TokenId>,
}

/// All that happened, oldest first.
#[derive(Clone, Debug)]
pub struct History {
    /// The host's tick goes on while it sleeps.
    pub counts_sleep: bool,
    pub list: Vec<Happened>,
    pub steps: Vec<Reading>,
    seen: Vec<TokenId>,
}

impl History {
    pub const fn new(counts_sleep: bool) -> Self {
        Self { counts_sleep, list: Vec::new(), steps: Vec::new(), seen: Vec::new() }
    }

    pub fn push(&mut self, now: Now, input: Input, step: &Step, machine: &Lifecycle) {
        let at = self.steps.last().map_or(now.tick.0, |last| last.at.max(now.tick.0));
        let number = self.steps.len();
        let brought = match &input {
            Input::NewBase { token, .. } => Some(token.token),
            Input::Done(_, Outcome { result: Ok(Reply::Token(facts)), .. }) => Some(facts.token),
            _ => None,
        };
        self.seen.extend(brought.filter(|token| !self.seen.contains(token)));
        let mut add = |what| self.list.push(Happened { step: number, at, what });
        add(What::Heard(input));
        for output in &step.outputs {
            add(match output {
                Output::Do(command) => What::Asked(command.clone()),
                Output::Tell(event) => What::Told(*event),
            });
        }
        let held = self.seen.iter().copied().filter(|token| machine.holds(*token)).collect();
        let wake = step.wake_at.map(|(at, wake)| (at.0, wake));
        self.steps.push(Reading { now, at, wake, status: machine.status(), held });
    }

    /// What can be said of it now.
    pub fn view(&self) -> View<'_> {
        View::of(self)
    }

    /// The number of the last step.
    pub fn step(&self) -> usize {
        self.steps.len() - 1
    }

    /// The last step.
    pub fn last(&self) -> &Reading {
        &self.steps[self.step()]
    }

    /// The one before it.
    pub fn before(&self) -> Option<&Reading> {
        self.step().checked_sub(1).map(|at| &self.steps[at])
    }

    pub fn at(&self) -> u64 {
        self.last().at
    }

    /// What the last step was given.
    pub fn input(&self) -> &Input {
        self.input_of(self.step())
    }

    pub fn input_of(&self, step: usize) -> &Input {
        let heard = self.heard().find(|(happened, _)| happened.step == step);
        heard.map(|(_, input)| input).expect("each step has an input")
    }

    pub fn heard(&self) -> impl DoubleEndedIterator<Item = (&Happened, &Input)> {
        self.list.iter().filter_map(|happened| match &happened.what {
            What::Heard(input) => Some((happened, input)),
            _ => None,
        })
    }

    pub fn asked(&self) -> impl DoubleEndedIterator<Item = (&Happened, &Command)> {
        self.list.iter().filter_map(|happened| match &happened.what {
            What::Asked(command) => Some((happened, command)),
            _ => None,
        })
    }

    pub fn told(&self) -> impl DoubleEndedIterator<Item = (&Happened, &Event)> {
        self.list.iter().filter_map(|happened| match &happened.what {
            What::Told(event) => Some((happened, event)),
            _ => None,
        })
    }

    pub fn warned(&self) -> impl DoubleEndedIterator<Item = (&Happened, &Warning)> {
        self.told().filter_map(|(happened, event)| match event {
            Event::Warn(warning) => Some((happened, warning)),
            _ => None,
        })
    }

    /// What the last step asked for.
    pub fn asked_now(&self) -> impl Iterator<Item = &Command> {
        let step = self.step();
        self.asked().rev().take_while(move |(it, _)| it.step == step).map(|(_, command)| command)
    }

    /// What the last step told, the last first.
    pub fn told_now(&self) -> impl Iterator<Item = &Event> {
        let step = self.step();
        self.told().rev().take_while(move |(it, _)| it.step == step).map(|(_, event)| event)
    }

    pub fn warned_now(&self) -> impl Iterator<Item = &Warning> {
        self.told_now().filter_map(|event| match event {
            Event::Warn(warning) => Some(warning),
            _ => None,
        })
    }

    pub fn told_in(&self, step: usize, which: impl Fn(&Event) -> bool) -> bool {
        self.told().any(|(it, event)| it.step == step && which(event))
    }

    /// What was heard in this step was told to be ignored.
    pub fn is_ignored(&self, step: usize) -> bool {
        self.told_in(
            step,
            |event| matches!(event, Event::Ignored(what) if !matches!(what, Ignored::WrongReply(_))),
        )
    }

    /// Running: neither before its start, nor at rest, nor at its end.
    pub const fn is_running(reading: &Reading) -> bool {
        !matches!(reading.status.phase, Phase::Idle | Phase::Suspended | Phase::Ending | Phase::Over(_))
    }

    /// At its end, or past it.
    pub const fn is_ending(reading: &Reading) -> bool {
        matches!(reading.status.phase, Phase::Ending | Phase::Over(_))
    }

    /// How the session was started.
    pub fn start(&self) -> Start {
        let start = self.heard().find_map(|(_, input)| match input {
            Input::Start(start) => Some(*start),
            _ => None,
        });
        start.expect("it was started")
    }

    /// What the provider of the moment can do.
    pub fn provider(&self) -> ProviderFacts {
        let replaced = self.heard().rev().find_map(|(it, input)| match input {
            Input::NewProvider(provider) if !self.is_ignored(it.step) => Some(*provider),
            _ => None,
        });
        replaced.unwrap_or_else(|| self.start().provider)
    }

    pub fn provider_is_able(&self) -> bool {
        self.provider().can_refresh || self.provider().can_mint_again
    }

    /// Nothing but time has passed since this step: no input, no answer.
    pub fn only_time_since(&self, step: usize) -> bool {
        (step + 1..self.steps.len()).all(|it| *self.input_of(it) == Input::Tick)
    }
}

/// What follows from the list, gone through once from its beginning.
pub struct View<'a> {
    history: &'a History,
    commands: BTreeMap<CommandId, (&'a Happened, &'a Command)>,
    /// Those that were taken, with their commands, in order.
    pub answers: Vec<(&'a Command, Answer)>,
    pub tokens: Vec<Arrived>,
    /// What was told of the server's clock.
    pub observations: Vec<Observation>,
}

impl std::ops::Deref for View<'_> {
    type Target = History;

    fn deref(&self) -> &History {
        self.history
    }
}

impl<'a> View<'a> {
    fn of(history: &'a History) -> Self {
        let commands = history.asked().map(|(asked, command)| (command.id, (asked, command))).collect();
        let mut view =
            Self { history, commands, answers: Vec::new(), tokens: Vec::new(), observations: Vec::new() };
        view.answers = view.answers_taken();
        view.observations = view.times_told();
        view.tokens = view.tokens_that_came();
        view
    }

    pub fn command(&self, id: CommandId) -> Option<(&'a Happened, &'a Command)> {
        self.commands.get(&id).copied()
    }

    pub fn answer(&self, id: CommandId) -> Option<&Answer> {
        self.answers.iter().find(|(command, _)| command.id == id).map(|(_, answer)| answer)
    }

    /// The command that the last step brought a taken answer to.
    pub fn answered_now(&self) -> Option<(&'a Command, &Answer)> {
        let step = self.history.step();
        self.answers
            .iter()
            .find(|(_, answer)| answer.step == step)
            .map(|(command, answer)| (*command, answer))
    }
}
