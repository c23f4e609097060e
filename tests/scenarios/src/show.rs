//! What a machine tells, in words.

use satkeeper_core::Tick;
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::{
    AskError, Cause, Event, Failure, FallbackReason, Ignored, KeyAlgorithm, Warning,
};

use crate::span;

/// An event; ticks are shown as moments of the story.
pub(crate) fn event(event: &Event, moment: &dyn Fn(Tick) -> String) -> String {
    let ends = |end: &Option<Tick>| match end {
        Some(end) => format!("ends {}", moment(*end)),
        None => "nobody said when it ends".to_owned(),
    };
    match event {
        Event::Live { resumed, generation } => {
            format!("live, {}, generation {}", if *resumed { "resumed" } else { "fresh" }, generation.0)
        }
        Event::Bound { token } => format!("bound, token {}", token.0),
        Event::Renewed { generation, token, by, ends: end } => {
            let by = by.map_or("by the application".to_owned(), |by| format!("by {}", by.name()));
            format!("renewed, token {}, generation {}, {by}, {}", token.0, generation.0, ends(end))
        }
        Event::Warn(warning) => warn(warning, moment),
        Event::Failed { ask, error } => failed(ask.0, ask_error(*error)),
        Event::Recovered { ask, generation } => recovered(ask.0, generation.0),
        Event::ClockJump { by } => format!("clock jump of {}", span::show(*by)),
        Event::Expired { renewing } => {
            format!("expired{}", if *renewing { ", renewing goes on" } else { "" })
        }
        Event::Suspended => "suspended".to_owned(),
        Event::Ignored(ignored) => format!("ignored, {}", ignored_what(*ignored)),
        Event::Teardown { reason, cause: of } => match of {
            Some(of) => format!("teardown, {}, {}", reason.name(), cause(of)),
            None => format!("teardown, {}", reason.name()),
        },
        other => unreachable!("no words for {other:?}"),
    }
}

pub(crate) fn failed(ask: u64, error: &str) -> String {
    format!("failed, ask {ask}, {error}")
}

pub(crate) fn recovered(ask: u64, generation: u64) -> String {
    format!("recovered, ask {ask}, generation {generation}")
}

fn warn(warning: &Warning, moment: &dyn Fn(Tick) -> String) -> String {
    let end = |end: &Tick, assumed: bool| {
        format!("ends {}{}", moment(*end), if assumed { ", which is assumed" } else { "" })
    };
    let details = match warning {
        Warning::RefreshFallback { reason } => FallbackReason::name(*reason).to_owned(),
        Warning::NoRefreshHandler { ends, assumed } => {
            ends.map_or("nobody said when it ends".to_owned(), |it| end(&it, *assumed))
        }
        Warning::Expiring { ends, assumed, mechanism } => {
            format!("{}, {} renews", end(ends, *assumed), mechanism.name())
        }
        Warning::RefreshFailed { attempt, mechanism, cause: of, next } => {
            let next = next.map_or("no next attempt".to_owned(), |next| format!("next {}", moment(next)));
            format!("attempt {attempt} by {}, {}, {next}", mechanism.name(), cause(of))
        }
        Warning::PushFailed { token, cause: of } => format!("token {}, {}", token.0, cause(of)),
        Warning::ConnectFailed { cause: of, next } | Warning::ConnectionLost { cause: of, next } => {
            let next = next.map_or(String::new(), |next| format!(", next {}", moment(next)));
            format!("{}{next}", cause(of))
        }
        Warning::StoreFailed { cause: of } => cause(of),
        Warning::ExpiryShortened { token, by } => format!("token {} by {}", token.0, span::show(*by)),
        Warning::KeySwitched { to } => format!("to {}", key(*to)),
        Warning::Clamped { token } | Warning::ForeignKey { token } => format!("token {}", token.0),
        other => unreachable!("no words for {other:?}"),
    };
    format!("{}, {details}", warning.code())
}

pub(crate) const fn key(algorithm: KeyAlgorithm) -> &'static str {
    match algorithm {
        KeyAlgorithm::Es256 => "es256",
        KeyAlgorithm::Rs256 => "rs256",
        _ => "another",
    }
}

fn cause(cause: &Cause) -> String {
    let after =
        |span: Option<u64>| span.map_or(String::new(), |it| format!(", retry after {}", span::show(it)));
    match cause.failure {
        Failure::Timeout => "no answer in time".to_owned(),
        Failure::Transport => "connection broken".to_owned(),
        Failure::Malformed => "malformed".to_owned(),
        Failure::Http { status, retry_after } => format!("{status}{}", after(retry_after)),
        Failure::Page { status, retry_after } => format!("a page, {status}{}", after(retry_after)),
        Failure::Rpc { code, credential } => {
            format!("refused {code}{}", if credential { " for its credential" } else { "" })
        }
        Failure::Rejected => "rejected".to_owned(),
        Failure::Provider { retry_after } => format!("provider failed{}", after(retry_after)),
        Failure::NoKey => "no key".to_owned(),
        Failure::Conflict => "another holder was faster".to_owned(),
        other => unreachable!("no words for {other:?}"),
    }
}

fn ignored_what(ignored: Ignored) -> &'static str {
    match ignored {
        Ignored::StaleAnswer(_) => "a stale answer",
        Ignored::WrongReply(_) => "a wrong reply",
        Ignored::StaleSocket => "a stale socket",
        Ignored::OutOfPlace => "out of place",
        other => unreachable!("no words for {other:?}"),
    }
}

/// What both machines can tell of a failed ask: the session tells an error, the lifecycle its reason.
pub(crate) const fn ask_error(error: AskError) -> &'static str {
    match error {
        AskError::NoMechanism
        | AskError::Exchange(_)
        | AskError::Superseded
        | AskError::Pending
        | AskError::Suspended => "not renewed",
        AskError::InvalidCredentials => "invalid credentials",
        AskError::Throttled => "throttled",
        AskError::SessionOver => "session over",
        _ => "another error",
    }
}

pub(crate) const fn error(error: &Error) -> &'static str {
    match error {
        Error::InvalidCredentials { .. } => "invalid credentials",
        Error::Throttled { .. } => "throttled",
        Error::SessionOver => "session over",
        _ => "not renewed",
    }
}
