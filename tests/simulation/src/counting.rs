//! Which branches a step has taken.

use satkeeper_core::Tick;
use satkeeper_core::lifecycle::{
    Action, AskError, Command, Event, FallbackReason, Ignored, Input, Mechanism, Outcome, Output, Status,
    Step, TeardownReason, Wake, Warning,
};

use crate::life::Life;
use crate::sometimes::Sometimes;
use crate::watch::{endpoint, is_exchange};

impl Life<'_> {
    pub(crate) fn count_step(&mut self, input: &Input, before: &Status, after: &Status, step: &Step) {
        let tick = Tick(self.clocks.tick());
        if let Some((at, wake)) = self.wake {
            if at <= tick {
                self.count_wake(wake, before, after);
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
                let open = |command: &Command| command.id == *id && command.deadline > tick;
                let open = self.watch.open.iter().any(open);
                if open { None } else { Some(Sometimes::LateAnswer) }
            }
            _ => None,
        };
        self.count_pause(input, before);
        for output in &step.outputs {
            match output {
                Output::Tell(event) => self.count_event(event, late),
                Output::Do(command) if is_exchange(&command.action) => {
                    let endpoint = endpoint(&command.action);
                    let now = self.clocks.now;
                    let paused =
                        |pause: &crate::watch::Pause| pause.endpoint == endpoint && pause.until <= now;
                    if self.watch.pauses.iter().any(paused) {
                        self.count(Sometimes::RetryAfter);
                        self.watch.pauses.retain(|pause| pause.endpoint != endpoint);
                    }
                }
                Output::Do(_) => {}
            }
        }
    }

    fn count(&mut self, what: Sometimes) {
        self.report.tally.count(what);
    }

    /// A server that asks for more than half of what is left gets half (L18).
    fn count_pause(&mut self, input: &Input, before: &Status) {
        let Input::Done(id, Outcome { result: Err(failure), .. }) = input else { return };
        let Some(command) = self.watch.open.iter().find(|command| command.id == *id).cloned() else { return };
        let left = before.time_left.unwrap_or(0);
        if is_exchange(&command.action) && failure.retry_after().is_some_and(|asked| asked > left / 2) {
            self.count(Sometimes::RetryAfterCapped);
        }
        let provider = matches!(command.action, Action::Mint { .. } | Action::Refresh);
        if provider && failure.is_refusal() {
            self.count(Sometimes::ProviderRejected);
        }
    }

    fn count_wake(&mut self, wake: Wake, before: &Status, after: &Status) {
        match wake {
            Wake::SecondRound => self.count(Sometimes::SecondRound),
            Wake::Verdict => self.count(Sometimes::Verdict),
            Wake::Promotion => self.count(Sometimes::Promotion),
            Wake::Handover
                if before.mechanism == Mechanism::Bound && after.mechanism == Mechanism::Provider =>
            {
                self.count(Sometimes::Handover);
            }
            _ => {}
        }
    }

    fn count_event(&mut self, event: &Event, late: Option<Sometimes>) {
        match event {
            Event::Live { resumed, .. } => {
                if self.watch.expired {
                    self.count(Sometimes::GraceRecovered);
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
                TeardownReason::Expired if self.watch.expired => Sometimes::GraceOver,
                TeardownReason::Expired => Sometimes::ExpiredAtOnce,
                TeardownReason::InvalidCredentials => Sometimes::Invalid,
                TeardownReason::MintFailed => Sometimes::MintFailed,
                TeardownReason::Disconnected => Sometimes::Disconnected,
                TeardownReason::Left => Sometimes::Left,
                TeardownReason::Destroyed => Sometimes::Destroyed,
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
                FallbackReason::ActivationTimeout => Sometimes::ActivationTimeout,
                other => unreachable!("{other:?} is to be counted"),
            },
            Warning::NoRefreshHandler { .. } => Sometimes::NoMechanism,
            Warning::Expiring { .. } => Sometimes::Expiring,
            Warning::PushFailed { .. } => Sometimes::PushFailed,
            Warning::ConnectFailed { .. } => Sometimes::ConnectFailed,
            Warning::StoreFailed { .. } => Sometimes::StoreFailed,
            Warning::ExpiryShortened { .. } => Sometimes::Shortened,
            Warning::KeySwitched { .. } => Sometimes::KeySwitched,
            Warning::Clamped { .. } => Sometimes::Clamped,
            Warning::ForeignKey { .. } => Sometimes::ForeignKey,
            Warning::RefreshFailed { .. } => return,
            other => unreachable!("{other:?} is to be counted"),
        });
    }
}
