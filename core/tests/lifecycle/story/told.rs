//! What a story has told so far.

use satkeeper_core::lifecycle::*;

use super::Story;

impl Story {
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

    /// The connects so far: when, with which token, whether as a resume.
    pub fn connects(&self) -> Vec<(u64, u32, bool)> {
        let connect = |(at, command): &(u64, Command)| match command.action {
            Action::Authenticate { token, resume, .. } => Some((*at, token.0, resume)),
            _ => None,
        };
        self.commands.iter().filter_map(connect).collect()
    }

    /// When the provider took over from the client-bound mechanism, and why.
    pub fn fallbacks(&self) -> Vec<(u64, FallbackReason)> {
        let reason = |(at, warning)| match warning {
            Warning::RefreshFallback { reason } => (at, reason),
            _ => unreachable!("another code"),
        };
        self.warnings("credential_refresh_fallback").into_iter().map(reason).collect()
    }

    /// Whether this ask was answered with this failure of an exchange or a push.
    pub fn failed(&self, ask: AskId, failure: Failure) -> bool {
        let error = self.answer(ask).and_then(|(_, error)| error);
        matches!(error, Some(AskError::Exchange(cause)) if cause.failure == failure)
    }

    pub fn mechanism(&self) -> Mechanism {
        self.machine.status().mechanism
    }

    pub fn lives(&self) -> Vec<u64> {
        self.told(|event| matches!(event, Event::Live { .. }))
    }

    /// How many tokens the machine holds.
    pub fn tokens_held(&self) -> usize {
        self.lives.keys().filter(|token| self.machine.holds(**token)).count()
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
