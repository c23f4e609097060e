//! Which branches a step has taken.

use satkeeper_core::Tick;
use satkeeper_core::lifecycle::{
    Action, AskError, Command, Event, FallbackReason, Ignored, Input, Mechanism, Outcome, Output, Reply,
    Status, Step, TeardownReason, Wake, Warning,
};

use crate::life::Life;
use crate::sometimes::Sometimes;
use crate::watch::{Sent, is_exchange};

impl Life<'_> {
    pub(crate) fn count_step(&mut self, input: &Input, before: &Status, after: &Status, step: &Step) {
        let tick = Tick(self.clocks.tick());
        if let Some((at, wake)) = self.wake {
            if at <= tick {
                self.count_wake(wake);
            }
            if at.until(tick) > 5_000 {
                self.count(Sometimes::LateStep);
            }
            if *input == Input::Tick && tick < at && step.outputs.is_empty() {
                self.count(Sometimes::EarlyTick);
            }
        }
        let late = match input {
            Input::Done(id, _) => {
                let open = |sent: &Sent| sent.command.id == *id && sent.command.deadline > tick;
                let open = self.watch.open.iter().any(open);
                if open { None } else { Some(Sometimes::LateAnswer) }
            }
            _ => None,
        };
        self.count_answer(input, before, step, late.is_some());
        for output in &step.outputs {
            match output {
                Output::Tell(event) => self.count_event(event, late),
                Output::Do(command) => self.count_command(command, before, after),
            }
        }
    }

    fn count_command(&mut self, command: &Command, before: &Status, after: &Status) {
        if self.watch.counts_wait(&command.action, self.clocks.now) {
            self.count(Sometimes::RetryAfter);
        }
        match command.action {
            Action::Mint { .. } | Action::Refresh
                if before.mechanism == Mechanism::Bound && after.mechanism == Mechanism::Bound =>
            {
                self.count(Sometimes::InTurn);
            }
            Action::Authenticate { token, resume: false, .. }
                if self.server.token(token).is_some_and(|token| token.refused) =>
            {
                self.count(Sometimes::ShownAgain);
            }
            _ => {}
        }
    }

    fn count(&mut self, what: Sometimes) {
        self.report.tally.count(what);
    }

    fn count_answer(&mut self, input: &Input, before: &Status, step: &Step, late: bool) {
        let Input::Done(id, Outcome { result, .. }) = input else { return };
        let stale = |output: &Output| matches!(output, Output::Tell(Event::Ignored(Ignored::StaleAnswer(it))) if it == id);
        let Some(sent) = self.watch.open.iter().find(|sent| sent.command.id == *id).cloned() else { return };
        let exchange = is_exchange(&sent.command.action);
        if exchange && late && matches!(result, Ok(Reply::Token(_))) && !step.outputs.iter().any(stale) {
            self.count(Sometimes::LateToken);
        }
        let Err(failure) = result else { return };
        // No more is believed than half of what is left, and five minutes.
        let left = before.time_left.unwrap_or(0);
        let most = (left / 2).min(self.setting.policy.retry_after);
        if exchange && failure.retry_after().is_some_and(|asked| asked > most) {
            self.count(Sometimes::RetryAfterCapped);
        }
        let provider = matches!(sent.command.action, Action::Mint { .. } | Action::Refresh);
        if provider && failure.is_refusal() {
            self.count(Sometimes::ProviderRejected);
        }
    }

    fn count_wake(&mut self, wake: Wake) {
        match wake {
            Wake::Show => self.count(Sometimes::Shown),
            Wake::Part => self.count(Sometimes::Parted),
            Wake::Pending => self.count(Sometimes::Pending),
            Wake::ReachOut => self.count(Sometimes::ReachedOut),
            _ => {}
        }
    }

    fn count_event(&mut self, event: &Event, late: Option<Sometimes>) {
        match event {
            Event::Live { resumed, .. } => {
                if self.watch.expired {
                    self.count(Sometimes::Recovered);
                }
                if !resumed && self.resume_was_refused {
                    self.count(Sometimes::ResumeRefused);
                }
                self.resume_was_refused = false;
            }
            Event::Bound { .. } => self.count(Sometimes::Bound),
            Event::Renewed { by, ends, .. } => {
                if *by == Some(Mechanism::Provider) {
                    self.count(Sometimes::ByProvider);
                }
                if ends.is_some() && *ends <= self.last_ends {
                    self.count(Sometimes::Barren);
                }
                self.last_ends = *ends;
            }
            Event::Warn(warning) => self.count_warning(warning),
            Event::Failed { error, .. } => match error {
                AskError::NoMechanism => self.count(Sometimes::AskVain),
                AskError::Exchange(_) => self.count(Sometimes::AskFailed),
                AskError::Throttled => self.count(Sometimes::Throttled),
                AskError::Superseded => self.count(Sometimes::Superseded),
                _ => {}
            },
            Event::Recovered { .. } => self.count(Sometimes::AskServed),
            Event::Expired { .. } if self.watch.exchange_is_open(Tick(self.clocks.tick())) => {
                self.count(Sometimes::ExpiryDuringExchange);
            }
            Event::Suspended => self.count(Sometimes::Suspended),
            Event::Ignored(Ignored::StaleAnswer(_)) => self.count(late.unwrap_or(Sometimes::DuplicateAnswer)),
            Event::Ignored(Ignored::WrongReply(_)) => self.count(Sometimes::WrongReply),
            Event::Ignored(Ignored::StaleSocket) => self.count(Sometimes::StaleSocket),
            Event::Ignored(Ignored::OutOfPlace) => self.count(Sometimes::OutOfPlace),
            Event::Teardown { reason, .. } => self.count(match reason {
                // Nobody could have brought another token: that is no patience lost.
                TeardownReason::Expired if self.watch.expired && self.has_renewer() => Sometimes::GivenUp,
                TeardownReason::Expired => Sometimes::ExpiredAtOnce,
                TeardownReason::InvalidCredentials => Sometimes::Invalid,
                TeardownReason::MintFailed => Sometimes::MintFailed,
                TeardownReason::Disconnected => Sometimes::Disconnected,
                TeardownReason::Left => Sometimes::Left,
                TeardownReason::Destroyed => Sometimes::Destroyed,
                TeardownReason::HandedOver => Sometimes::HandedOver,
                TeardownReason::Incompatible => Sometimes::Incompatible,
                other => unreachable!("{other:?} is to be counted"),
            }),
            _ => {}
        }
    }

    fn count_warning(&mut self, warning: &Warning) {
        self.count(match warning {
            Warning::RefreshFallback { reason } => match reason {
                FallbackReason::NoScope => Sometimes::NoScope,
                FallbackReason::NoDpopSupport => Sometimes::NoKey,
                FallbackReason::EndpointFailed => Sometimes::EndpointFailed,
                other => unreachable!("{other:?} is to be counted"),
            },
            Warning::NoRefreshHandler { .. } => Sometimes::NoMechanism,
            Warning::Expiring { .. } => Sometimes::Expiring,
            Warning::PushFailed { .. } => Sometimes::PushFailed,
            Warning::ConnectFailed { .. } => Sometimes::ConnectFailed,
            Warning::ConnectionLost { .. } => Sometimes::ConnectionLost,
            Warning::StoreFailed { .. } => Sometimes::StoreFailed,
            Warning::ExpiryShortened { .. } => Sometimes::Shortened,
            Warning::KeySwitched { .. } => Sometimes::KeySwitched,
            Warning::Clamped { .. } => Sometimes::Clamped,
            Warning::ForeignKey { .. } => Sometimes::ForeignKey,
            Warning::RefreshFailed { .. } => return,
            other => unreachable!("{other:?} is to be counted"),
        });
    }

    /// Whether the provider can bring another token.
    const fn has_renewer(&self) -> bool {
        let provider = self.setting.start.provider;
        provider.can_refresh || provider.can_mint_again
    }
}
