//! A second opinion on the lifecycle: a plain list of what happened, and from that list alone, anew each time,
//! what can be said of the session by the rules (`core/docs/rules.md`). It keeps no state between two questions,
//! knows nothing of the machine's code, and where the rules leave something open (a draw, a server's clock that
//! is known to the second only) it answers with a range.
//!
//! | file | what it tells |
//! |---|---|
//! | `time` | when it is, whether time may have been lost, what the server's clock shows |
//! | `commands` | which command still waits for its answer |
//! | `tokens` | which tokens came, when they end, when they are due, which is in force |
//! | `links` | whether the session is live, whether it can be resumed |
//! | `rules`, `renewal`, `telling` | the rules, each judged after every step |
//! | `world` | what happens: inputs of every kind in every order, under clocks of every kind |

pub mod commands;
pub mod links;
pub mod renewal;
pub mod rules;
pub mod telling;
pub mod time;
pub mod tokens;
pub mod world;

use std::collections::BTreeMap;

use satkeeper_core::Now;
use satkeeper_core::lifecycle::*;

use commands::Answer;
use time::Range;
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
    /// On the monotonic clock, which is never believed to go back (L6).
    pub at: u64,
    pub what: What,
}

/// What the clocks read at a step, and what the machine says of itself after it.
#[derive(Clone, Debug)]
pub struct Reading {
    pub now: Now,
    pub at: u64,
    pub wake_at: Option<u64>,
    pub status: Status,
    pub socket: Option<SocketId>,
}

/// All that happened, oldest first.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub list: Vec<Happened>,
    pub steps: Vec<Reading>,
}

impl History {
    pub fn push(&mut self, now: Now, input: Input, step: &Step, machine: &Lifecycle) {
        let at = self.steps.last().map_or(now.tick.0, |last| last.at.max(now.tick.0));
        let number = self.steps.len();
        let mut add = |what| self.list.push(Happened { step: number, at, what });
        add(What::Heard(input));
        for output in &step.outputs {
            add(match output {
                Output::Do(command) => What::Asked(command.clone()),
                Output::Tell(event) => What::Told(*event),
            });
        }
        let wake_at = step.wake_at.map(|(at, _)| at.0);
        self.steps.push(Reading { now, at, wake_at, status: machine.status(), socket: machine.socket() });
    }

    /// What can be said of it now.
    pub fn view(&self) -> View<'_> {
        View::of(self)
    }

    /// The last step.
    pub fn last(&self) -> &Reading {
        &self.steps[self.steps.len() - 1]
    }

    /// The one before it.
    pub fn before(&self) -> Option<&Reading> {
        self.steps.len().checked_sub(2).map(|at| &self.steps[at])
    }

    pub fn at(&self) -> u64 {
        self.last().at
    }

    /// What the last step was given.
    pub fn input(&self) -> &Input {
        let step = self.steps.len() - 1;
        let heard = self.heard().rev().find(|(happened, _)| happened.step == step);
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

    /// What the last step asked for.
    pub fn asked_now(&self) -> impl Iterator<Item = &Command> {
        let step = self.steps.len() - 1;
        self.asked().rev().take_while(move |(it, _)| it.step == step).map(|(_, command)| command)
    }

    /// What the last step told, the last first.
    pub fn told_now(&self) -> impl Iterator<Item = &Event> {
        let step = self.steps.len() - 1;
        self.told().rev().take_while(move |(it, _)| it.step == step).map(|(_, event)| event)
    }

    pub fn told_in(&self, step: usize, which: impl Fn(&Event) -> bool) -> bool {
        self.told().any(|(it, event)| it.step == step && which(event))
    }

    /// Running: neither before its start, nor at rest, nor at its end.
    pub fn is_running(reading: &Reading) -> bool {
        !matches!(reading.status.phase, Phase::Idle | Phase::Suspended | Phase::Ending | Phase::Over(_))
    }

    /// Running, with a token that has not ended.
    pub fn is_on(reading: &Reading) -> bool {
        matches!(reading.status.phase, Phase::Live | Phase::Connecting | Phase::Reconnecting)
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
        // At the end nobody listens any more.
        let ignored = |step| self.told_in(step, |event| *event == Event::Ignored(Ignored::OutOfPlace));
        let replaced = self.heard().rev().find_map(|(it, input)| match input {
            Input::NewProvider(provider) if !ignored(it.step) => Some(*provider),
            _ => None,
        });
        replaced.unwrap_or_else(|| self.start().provider)
    }

    pub fn provider_is_able(&self) -> bool {
        self.provider().can_refresh || self.provider().can_mint_again
    }
}

/// What follows from the list, gone through once from its beginning.
pub struct View<'a> {
    history: &'a History,
    commands: BTreeMap<CommandId, (&'a Happened, &'a Command)>,
    /// Those that were taken, with their commands, in order.
    pub answers: Vec<(&'a Command, Answer)>,
    pub tokens: Vec<Arrived>,
    /// Most time that may have been lost in sleep.
    pub slack: i64,
    pub server: Option<Range>,
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
            Self { history, commands, answers: Vec::new(), tokens: Vec::new(), slack: 0, server: None };
        view.slack = view.time_in_doubt();
        view.answers = view.answers_taken();
        view.server = view.server_clock();
        view.tokens = view.tokens_that_came();
        view
    }

    pub fn command(&self, id: CommandId) -> Option<(&'a Happened, &'a Command)> {
        self.commands.get(&id).copied()
    }

    pub fn answer(&self, id: CommandId) -> Option<&Answer> {
        self.answers.iter().find(|(command, _)| command.id == id).map(|(_, answer)| answer)
    }
}
