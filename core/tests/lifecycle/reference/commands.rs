//! Which commands wait for their answer (R14, R15, R29).

use satkeeper_core::lifecycle::*;

use super::{Happened, View, What};

/// What came of a command.
#[derive(Clone, Debug)]
pub struct Answer {
    pub step: usize,
    pub at: u64,
    pub result: Result<Reply, Failure>,
    pub server_time: Option<u64>,
}

/// A yes, a no, or what the rules do not settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Yes,
    No,
    Perhaps,
}

/// Whom an exchange asks; each has its own pace and its own places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Mint,
    Refresh,
    Activate,
    Renew,
}

pub const fn endpoint(action: &Action) -> Option<Endpoint> {
    match action {
        Action::Mint { .. } => Some(Endpoint::Mint),
        Action::Refresh => Some(Endpoint::Refresh),
        Action::Activate { .. } => Some(Endpoint::Activate),
        Action::Renew { .. } => Some(Endpoint::Renew),
        _ => None,
    }
}

pub const fn is_exchange(action: &Action) -> bool {
    endpoint(action).is_some()
}

pub const fn socket_of(action: &Action) -> Option<SocketId> {
    match *action {
        Action::Open { socket, .. }
        | Action::Authenticate { socket, .. }
        | Action::Reauthenticate { socket, .. }
        | Action::Probe { socket } => Some(socket),
        _ => None,
    }
}

/// Nobody has answered that: no word of the API's own (R18).
pub const fn is_unanswered(failure: Failure) -> bool {
    match failure {
        Failure::Timeout | Failure::Transport | Failure::Page { .. } => true,
        Failure::Http { status, .. } => status >= 500 || matches!(status, 408 | 425),
        _ => false,
    }
}

/// The first failed exchange of this step, as it was told.
pub const fn failed(event: &Event) -> Option<Cause> {
    match event {
        Event::Warn(Warning::RefreshFailed { cause, .. }) => Some(*cause),
        _ => None,
    }
}

impl<'a> View<'a> {
    /// A token of the application's own was not taken.
    pub fn is_turned_away(&self, ask: AskId, step: usize) -> bool {
        let turned = |event: &Event| {
            matches!(event, Event::Failed { ask: of, error } if *of == ask
            && matches!(error, AskError::InvalidCredentials | AskError::Throttled | AskError::Suspended | AskError::SessionOver))
        };
        let over = step.checked_sub(1).is_some_and(|before| super::History::is_ending(&self.steps[before]));
        over || self.told_in(step, turned)
    }

    /// The answers that were taken: the first to each command, unless that was told to be stale. One of the wrong kind
    /// is a malformed one.
    pub fn answers_taken(&self) -> Vec<(&'a Command, Answer)> {
        let mut taken: Vec<(&'a Command, Answer)> = Vec::new();
        for (happened, input) in self.heard() {
            let Input::Done(id, outcome) = input else { continue };
            let Some((asked, command)) = self.command(*id) else { continue };
            let (mut stale, mut wrong) = (asked.step >= happened.step, false);
            for (_, event) in self.told().filter(|(it, _)| it.step == happened.step) {
                stale |= *event == Event::Ignored(Ignored::StaleAnswer(*id));
                wrong |= *event == Event::Ignored(Ignored::WrongReply(*id));
            }
            let before = happened.step.checked_sub(1).map(|step| self.steps[step].status.phase);
            let over = matches!(before, Some(Phase::Over(_)));
            if stale || over || taken.iter().any(|(other, _)| other.id == *id) {
                continue;
            }
            let result = if wrong { Err(Failure::Malformed) } else { outcome.result.clone() };
            let server_time = outcome.server_time.map(|time| time.0);
            taken.push((command, Answer { step: happened.step, at: happened.at, result, server_time }));
        }
        taken
    }

    /// Everything asked before this step was voided by it: another user, another provider, the end (R15).
    pub fn voids(&self, step: usize) -> Verdict {
        if self.is_ignored(step) {
            return Verdict::No;
        }
        match self.input_of(step) {
            Input::NewBase { ask, .. } => {
                let settled = self.told_in(step, |event| {
                    matches!(event, Event::Failed { ask: of, .. } | Event::Recovered { ask: of, .. } if of == ask)
                });
                if settled { Verdict::Perhaps } else { Verdict::Yes }
            }
            Input::NewProvider(_) | Input::Disconnect | Input::Leave | Input::Destroy => Verdict::Yes,
            _ if self.told_in(step, |event| matches!(event, Event::Teardown { .. })) => Verdict::Yes,
            _ => Verdict::No,
        }
    }

    /// Whether what was asked in the one step had been voided when the other began.
    pub fn is_voided(&self, asked: usize, before: usize) -> Verdict {
        let mut verdict = Verdict::No;
        for step in asked + 1..before {
            match self.voids(step) {
                Verdict::Yes => return Verdict::Yes,
                Verdict::Perhaps => verdict = Verdict::Perhaps,
                Verdict::No => {}
            }
        }
        verdict
    }

    /// Whether something happened before this step that may have let go of a command that is no exchange.
    fn may_be_let_go(&self, asked: &Happened, command: &Command, before: usize) -> bool {
        let from = self.list.iter().position(|it| std::ptr::eq(it, asked)).unwrap_or(0) + 1;
        let socket = socket_of(&command.action);
        // A waking is noticed, and probed, before what is heard with it.
        let at_once =
            matches!(self.input_of(asked.step), Input::SocketLost { socket: gone } if socket == Some(*gone));
        if at_once {
            return true;
        }
        let inspects = matches!(command.action, Action::Inspect { .. });
        self.list[from..].iter().take_while(|it| it.step < before).any(|it| match &it.what {
            What::Told(Event::Suspended | Event::Teardown { .. }) => true,
            What::Told(Event::Renewed { .. } | Event::Live { .. } | Event::Failed { .. }) => {
                inspects || socket.is_some()
            }
            What::Told(Event::Warn(
                Warning::ConnectFailed { .. } | Warning::ConnectionLost { .. } | Warning::PushFailed { .. },
            )) => socket.is_some(),
            What::Told(Event::Expired { .. }) => true,
            What::Asked(Command { action: Action::Close { socket: closed }, .. }) => socket == Some(*closed),
            What::Heard(
                Input::SocketLost { socket: gone }
                | Input::SocketDead { socket: gone }
                | Input::SocketAlive { socket: gone }
                | Input::ServerRestart { socket: gone, .. },
            ) => socket == Some(*gone),
            What::Heard(Input::NewBase { .. } | Input::NewProvider(_)) => true,
            What::Heard(Input::Disconnect | Input::Leave | Input::Destroy | Input::Suspend) => true,
            What::Heard(Input::Done(..)) => inspects,
            _ => false,
        })
    }

    /// A token asked for later has come before this step.
    pub fn was_overtaken(&self, asked: usize, before: usize) -> bool {
        self.tokens.iter().any(|it| it.step < before && it.asked >= asked)
    }

    /// Whether this command still waited when the given step began.
    pub fn waits(&self, id: CommandId, step: usize) -> Verdict {
        let Some((asked, command)) = self.command(id).filter(|(asked, _)| asked.step < step) else {
            return Verdict::No;
        };
        if self.answer(id).is_some_and(|answer| answer.step < step) {
            return Verdict::No;
        }
        if is_exchange(&command.action) {
            let voided = self.is_voided(asked.step, step);
            // Six that are late are listened to.
            let within = |it: &Happened| it.step > asked.step && it.step < step;
            let later = self.asked().filter(|(it, other)| within(it) && is_exchange(&other.action)).count();
            let unsure = later >= 6
                || self.was_overtaken(asked.step, step)
                || self.steps[step - 1].status.phase == Phase::Ending;
            return match voided {
                Verdict::Yes => Verdict::No,
                Verdict::No if !unsure => Verdict::Yes,
                _ => Verdict::Perhaps,
            };
        }
        let last = step.min(self.step());
        // What comes with a step that is late itself was there before.
        let late = (asked.step + 1..last).any(|at| self.steps[at].at >= command.deadline.0);
        let rested = (asked.step..last).any(|at| !super::History::is_running(&self.steps[at]));
        let slept = (asked.step + 1..=last).any(|at| self.may_have_slept(at)) || self.may_have_lost_time();
        match (late, rested || slept, self.may_be_let_go(asked, command, step)) {
            (true, false, _) => Verdict::No,
            (false, false, false) => Verdict::Yes,
            _ => Verdict::Perhaps,
        }
    }
}
