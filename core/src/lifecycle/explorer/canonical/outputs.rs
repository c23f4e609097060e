//! What a step came to, in the terms of the state.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{FAR, Line, failure};
use crate::lifecycle::explorer::View;
use crate::lifecycle::{AskError, AskId, Event, Ignored, Lifecycle, Output, Step, Wake, Warning};

impl Lifecycle {
    /// What a step came to, in the terms of [`Lifecycle::canonical`]: outputs, then the deadline.
    #[must_use]
    pub fn describe(&self, step: &Step, view: View) -> String {
        let line = Line::of(self, view);
        let mut said: Vec<String> = step.outputs.iter().map(|output| line.output(output)).collect();
        said.push(line.deadline(step));
        said.join("; ")
    }
}

impl Line<'_> {
    fn output(&self, output: &Output) -> String {
        match output {
            Output::Do(command) => {
                let span = self.machine.clock.tick_of(self.now).until(command.deadline);
                format!("{}+{span}", self.action(&command.action))
            }
            Output::Tell(event) => self.event(event),
        }
    }

    fn deadline(&self, step: &Step) -> String {
        let Some((at, wake)) = step.wake_at else { return "rest".to_owned() };
        let open = |id| self.machine.attempts.get(id);
        let name = match wake {
            Wake::Deadline(id) => open(id)
                .map_or_else(|| "gone".to_owned(), |attempt| format!("end of {}", attempt.action.name())),
            wake => wake.name().to_owned(),
        };
        let span = self.machine.clock.tick_of(self.now).until(at).min(FAR.unsigned_abs());
        format!("@{span:+} {name}")
    }

    fn asked(&self, ask: AskId) -> String {
        let place = self.machine.waiters.iter().position(|waiting| waiting.id == ask);
        place.map_or_else(String::new, |place| format!(" {place}"))
    }

    fn event(&self, event: &Event) -> String {
        let now = self.machine.clock.tick_of(self.now);
        match event {
            Event::Live { resumed, .. } => format!("LIVE{}", if *resumed { " resumed" } else { "" }),
            Event::Bound { token } => format!("BOUND {}", self.place(*token)),
            Event::Renewed { token, by, ends, .. } => {
                let by = by.map_or("application", |by| by.name());
                let ends = ends.map_or_else(|| "?".to_owned(), |at| format!("+{}", now.until(at)));
                format!("RENEWED {} by {by} ends {ends}", self.place(*token))
            }
            Event::Failed { ask, error } => {
                let error = match error {
                    AskError::Exchange(cause) if self.view.causes => {
                        format!("exchange {}", failure(cause.failure))
                    }
                    AskError::Exchange(_) => "exchange".to_owned(),
                    other => format!("{other:?}"),
                };
                format!("FAILED{} {error}", self.asked(*ask))
            }
            Event::Recovered { ask, .. } => format!("RECOVERED{}", self.asked(*ask)),
            Event::ClockJump { by } => format!("CLOCK JUMP {by}"),
            Event::Expired { renewing } => format!("EXPIRED{}", if *renewing { " renewing" } else { "" }),
            Event::Suspended => "SUSPENDED".to_owned(),
            Event::Ignored(Ignored::StaleAnswer(_)) => "IGNORED stale answer".to_owned(),
            Event::Ignored(Ignored::WrongReply(_)) => "IGNORED wrong reply".to_owned(),
            Event::Ignored(Ignored::StaleSocket) => "IGNORED stale socket".to_owned(),
            Event::Ignored(Ignored::OutOfPlace) => "IGNORED out of place".to_owned(),
            Event::Teardown { reason, cause } => {
                format!("TEARDOWN {}{}", reason.name(), self.cause(*cause))
            }
            Event::Warn(warning) => self.warning(warning),
        }
    }

    fn warning(&self, warning: &Warning) -> String {
        let now = self.machine.clock.tick_of(self.now);
        let code = warning.code();
        match warning {
            Warning::RefreshFallback { reason } => format!("warn {code} {}", reason.name()),
            Warning::NoRefreshHandler { ends, .. } => {
                format!(
                    "warn {code} ends {}",
                    ends.map_or_else(|| "?".to_owned(), |at| now.until(at).to_string())
                )
            }
            Warning::Expiring { ends, mechanism, .. } => {
                format!("warn {code} ends +{} {}", now.until(*ends), mechanism.name())
            }
            Warning::RefreshFailed { attempt, mechanism, cause, next } => {
                let next = next.map_or_else(|| "never".to_owned(), |at| format!("+{}", now.until(at)));
                let most = self.most_failures().saturating_add(1);
                let (attempt, by) = ((*attempt).min(most), mechanism.name());
                format!("warn {code} {by} #{attempt} {}, next {next}", failure(cause.failure))
            }
            Warning::PushFailed { token, cause } => {
                format!("warn {code} {} {}", self.place(*token), failure(cause.failure))
            }
            Warning::ConnectFailed { cause, next } | Warning::ConnectionLost { cause, next } => {
                let next = next.map_or_else(|| "?".to_owned(), |at| format!("+{}", now.until(at)));
                format!("warn {code}{}, next {next}", self.cause(Some(*cause)))
            }
            Warning::StoreFailed { cause } => format!("warn {code} {}", failure(cause.failure)),
            Warning::ExpiryShortened { token, by } => format!("warn {code} {} {by}", self.place(*token)),
            Warning::KeySwitched { to } => format!("warn {code} {to:?}"),
            Warning::Clamped { token } | Warning::ForeignKey { token } => {
                format!("warn {code} {}", self.place(*token))
            }
        }
    }
}
