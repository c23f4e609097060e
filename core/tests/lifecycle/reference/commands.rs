//! Which commands wait for their answer (L1).

use satkeeper_core::lifecycle::*;

use super::time::signed;
use super::{Happened, View, What};

/// What came of a command.
#[derive(Clone, Debug)]
pub struct Answer {
    pub step: usize,
    pub at: u64,
    pub result: Result<Reply, Failure>,
}

/// A yes, a no, or what the rules do not settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Yes,
    No,
    Perhaps,
}

pub const fn is_exchange(action: &Action) -> bool {
    matches!(action, Action::Mint { .. } | Action::Refresh | Action::Activate { .. } | Action::Renew { .. })
}

/// Exchanges of one endpoint are counted and put off together.
pub const fn endpoint(action: &Action) -> u8 {
    match action {
        Action::Activate { .. } => 1,
        Action::Renew { .. } => 2,
        _ => 3,
    }
}

const fn socket_of(action: &Action) -> Option<SocketId> {
    match *action {
        Action::Open { socket, .. }
        | Action::Authenticate { socket, .. }
        | Action::Reauthenticate { socket, .. }
        | Action::Probe { socket } => Some(socket),
        _ => None,
    }
}

impl<'a> View<'a> {
    /// The answers that were taken: the first to each command, unless that was told to be stale. One of the
    /// wrong kind is a malformed one.
    pub fn answers_taken(&self) -> Vec<(&'a Command, Answer)> {
        let mut taken: Vec<(&'a Command, Answer)> = Vec::new();
        for (happened, input) in self.heard() {
            let Input::Done(id, outcome) = input else { continue };
            let Some((_, command)) = self.command(*id) else { continue };
            let (mut stale, mut wrong) = (false, false);
            for (_, event) in self.told().filter(|(it, _)| it.step == happened.step) {
                stale |= *event == Event::Ignored(Ignored::StaleAnswer(*id));
                wrong |= *event == Event::Ignored(Ignored::WrongReply(*id));
            }
            let over =
                happened.step > 0 && matches!(self.steps[happened.step - 1].status.phase, Phase::Over(_));
            if stale || over || taken.iter().any(|(other, _)| other.id == *id) {
                continue;
            }
            let result = if wrong { Err(Failure::Malformed) } else { outcome.result.clone() };
            taken.push((command, Answer { step: happened.step, at: happened.at, result }));
        }
        taken
    }

    /// Whether something happened that may have let go of this command before its time: the first step with it.
    fn let_go(&self, asked: &Happened, command: &Command) -> Option<usize> {
        let from = self.list.iter().position(|it| std::ptr::eq(it, asked)).unwrap_or(0) + 1;
        let later = self.list[from..].iter();
        // Whatever is asked about a token may go with it.
        let exchange = is_exchange(&command.action) || matches!(command.action, Action::Inspect { .. });
        let socket = socket_of(&command.action);
        let reason = |it: &&Happened| match &it.what {
            What::Told(Event::Suspended | Event::Teardown { .. }) => true,
            What::Told(Event::Warn(Warning::RefreshFailed { cause, .. })) => cause.command == command.id,
            What::Told(
                Event::Renewed { .. }
                | Event::Live { .. }
                | Event::Failed { .. }
                | Event::Warn(Warning::PushFailed { .. }),
            ) => exchange || socket.is_some(),
            What::Asked(Command { action: Action::Close { socket: closed }, .. }) => {
                socket == Some(*closed) || exchange
            }
            What::Heard(Input::SocketLost { socket: gone }) => socket == Some(*gone),
            What::Heard(Input::NewBase { .. } | Input::NewProvider(_)) => exchange,
            What::Heard(Input::Disconnect | Input::Leave | Input::Destroy) => true,
            _ => false,
        };
        let ending = || self.steps.iter().enumerate().skip(asked.step);
        let ended = ending().find(|(_, it)| matches!(it.status.phase, Phase::Ending | Phase::Over(_)));
        // A waking is noticed, and probed, before what is heard with it.
        let at_once = self.heard().any(|(it, input)| {
            it.step == asked.step
                && matches!(input, Input::SocketLost { socket: gone } if socket == Some(*gone))
        });
        let ended = ended.map(|(step, _)| step).or(at_once.then_some(asked.step));
        later.clone().find(reason).map(|it| it.step).into_iter().chain(ended).min()
    }

    /// Whether something before this step may have let go of the command.
    pub fn may_be_gone(&self, id: CommandId, step: usize) -> bool {
        self.command(id)
            .is_none_or(|(asked, command)| self.let_go(asked, command).is_some_and(|gone| gone < step))
    }

    /// Whether this command still waited when the given step began.
    pub fn waits(&self, id: CommandId, step: usize) -> Verdict {
        let Some((asked, command)) = self.command(id).filter(|(asked, _)| asked.step < step) else {
            return Verdict::No;
        };
        if self.answer(id).is_some_and(|answer| answer.step < step) {
            return Verdict::No;
        }
        let told = |event: &Event| matches!(event, Event::Warn(Warning::RefreshFailed { cause, .. }) if cause.command == id);
        if self.told().any(|(it, event)| it.step < step && told(event)) {
            return Verdict::No;
        }
        // At its deadline it has failed: by this very step, too (L1). At rest no deadline is kept.
        let last = step.min(self.steps.len() - 1);
        let late = (asked.step + 1..=last).find(|at| self.steps[*at].at >= command.deadline.0);
        let rested = self
            .told()
            .any(|(it, event)| it.step >= asked.step && it.step < step && *event == Event::Suspended);
        if late.is_some() && !rested {
            return Verdict::No;
        }
        // By this very step, too, if it began with the deadline of another.
        let began = self.steps[last.saturating_sub(1)].wake_at.is_some_and(|at| at <= self.steps[last].at);
        let gone = self.let_go(asked, command).is_some_and(|gone| gone < step + usize::from(began));
        let slept = signed(self.steps[last].at).saturating_add(self.slack) >= signed(command.deadline.0);
        if gone || slept { Verdict::Perhaps } else { Verdict::Yes }
    }

    /// Exchanges that may be unanswered after the last step.
    pub fn may_exchange(&self) -> bool {
        let next = self.steps.len();
        self.asked().any(|(asked, command)| {
            let answered = self.answer(command.id).is_some();
            let failed = self.told().any(|(_, event)| {
                matches!(event, Event::Warn(Warning::RefreshFailed { cause, .. }) if cause.command == command.id)
            });
            is_exchange(&command.action) && asked.step < next && !answered && !failed
        })
    }

    /// The server said that a credential is no good, not for the first proof alone.
    pub fn is_refusal(command: &Command, answer: &Answer) -> bool {
        match (&command.action, &answer.result) {
            (
                Action::Authenticate { .. } | Action::Reauthenticate { .. },
                Err(Failure::Rpc { credential: true, .. }),
            ) => true,
            (Action::Authenticate { resume: true, .. }, Err(Failure::Rpc { code, .. })) => {
                matches!(code, -32_002 | -32_003 | -32_602)
            }
            (Action::Inspect { .. }, Err(Failure::Http { status: 401, .. })) => true,
            _ => false,
        }
    }
}
