//! What a session tells, in one sentence each: what happened, why, and what it means for whoever reads it.

use std::time::Duration;

/// How much a reader has to care.
pub(crate) use satkeeper::Severity as Level;
use satkeeper::core::lifecycle::{AskError, Ignored};
use satkeeper::core::wire::time::Oddity;
use satkeeper::{
    Event, FallbackReason, KeyAlgorithm, Mechanism, Now, SessionEvent, SessionNews, TeardownReason, Tick,
    Warning,
};

use crate::causes::cause;
use crate::duration::show;
use crate::terminal::Tone;

/// Of what this program is too old for.
const UNKNOWN: &str = "something that this version has no words for";

/// In which tone a sentence is told.
pub(crate) const fn tone(level: Level) -> Tone {
    match level {
        Level::Detail => Tone::Faint,
        Level::Info => Tone::Good,
        Level::Warning => Tone::Warn,
        _ => Tone::Bad,
    }
}

/// An event in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sentence {
    pub(crate) level: Level,
    /// A stable name; of warnings the official code.
    pub(crate) name: &'static str,
    pub(crate) text: String,
}

/// Puts an event into words; its name and how much it matters are its own. `now` is what spans are counted from.
pub(crate) fn sentence(told: &SessionEvent, now: Now) -> Sentence {
    let (kind, cause) = (told.kind(), told.cause.as_ref().map(cause));
    let text = match &told.event {
        SessionNews::Lifecycle(event) => lifecycle(event, cause, now),
        SessionNews::PresentedUnwritten => with(
            "the refresh token is presented although the store has not written that down: a new token is minted should \
             this process die now",
            cause,
        ),
        SessionNews::FrameDropped { count: 1 } => {
            with("a frame of the server was no JSON-RPC and was dropped", cause)
        }
        SessionNews::FrameDropped { count } => {
            with(format!("{count} more frames of the server were no JSON-RPC and were dropped"), cause)
        }
        SessionNews::OddTime { field, oddity } => format!("the time in `{field}` {}", odd(*oddity)),
        SessionNews::Survived { registration, calls, subscriptions } => format!(
            "of the time before: registration {}, calls {}, subscriptions {}",
            registration.name(),
            calls.name(),
            subscriptions.name()
        ),
        SessionNews::Registered => "the subscriber can be called".to_owned(),
        SessionNews::RegistrationFailed { next } => {
            let next = next.map_or_else(
                || "; again with another token, or when it is live the next time".to_owned(),
                |next| format!("; again{}", in_span(Some(next), now)),
            );
            with(format!("the subscriber cannot be called: `subscriber.online` failed{next}"), cause)
        }
        SessionNews::IceExpiring { ends } => with(
            format!(
                "the credentials of the ICE servers end{}, and no others came",
                in_span(Some(*ends), now)
            ),
            cause,
        ),
        SessionNews::NotKept { field: field @ ("protocol" | "authorization_state") } => format!(
            "the server's `{field}` is larger than 16 KiB and is not kept: the session may not be resumable"
        ),
        SessionNews::NotKept { field } => with(format!("the server's `{field}` is not kept"), cause),
        SessionNews::SetAside => with("the session begins anew: what its store had cannot be read", cause),
        SessionNews::StoreLacks => with("a limit of the store", cause),
        SessionNews::RecordUnused => {
            with("the session begins anew: the one that was kept is not used", cause)
        }
        SessionNews::ScopeWithoutFingerprint => {
            "`sat:refresh` was asked for without a fingerprint: the token will live 60 s at most".to_owned()
        }
        _ => UNKNOWN.to_owned(),
    };
    Sentence { level: kind.severity(), name: kind.code(), text }
}

fn lifecycle(event: &Event, cause: Option<String>, now: Now) -> String {
    match event {
        Event::Live { resumed: true, generation } => {
            format!("authenticated; the server restored the session, generation {}", generation.0)
        }
        Event::Live { resumed: false, generation } => {
            format!("authenticated; a new session, generation {}", generation.0)
        }
        Event::Bound { .. } => {
            "the token in force is client-bound: it is renewed with proofs of its key".to_owned()
        }
        Event::Renewed { generation, by, ends, .. } => {
            let by = by.map_or("the application", who);
            format!("renewed by {by}, generation {}{}", generation.0, ends_in(*ends, now))
        }
        Event::Warn(warning) => warn(warning, cause, now),
        Event::Failed { error, .. } => with(ask_error(*error), cause),
        Event::Recovered { generation, .. } => {
            format!("a new token is in force, generation {}", generation.0)
        }
        Event::ClockJump { by } => format!("the clock jumped by {}: sleep, or it was set", ms(*by)),
        Event::Expired { renewing: true } => {
            "no token is valid any more; attempts to renew go on for a while".to_owned()
        }
        Event::Expired { renewing: false } => "no token is valid any more, and nobody can renew".to_owned(),
        Event::Suspended => "at rest until it is resumed".to_owned(),
        Event::Ignored(ignored) => ignored_what(*ignored).to_owned(),
        Event::Teardown { reason, .. } => teardown(*reason, cause),
        _ => UNKNOWN.to_owned(),
    }
}

fn warn(warning: &Warning, cause: Option<String>, now: Now) -> String {
    match warning {
        Warning::RefreshFallback { reason } => {
            format!("the provider renews instead of the client-bound exchange: {}", fallback(*reason))
        }
        Warning::NoRefreshHandler { ends, assumed } => {
            format!("nobody can renew: the session will end{}{}", in_span(*ends, now), if_assumed(*assumed))
        }
        Warning::Expiring { ends, assumed, mechanism: Mechanism::None } => {
            format!(
                "the credential ends{}{}, and nobody can renew it",
                in_span(Some(*ends), now),
                if_assumed(*assumed)
            )
        }
        Warning::Expiring { ends, assumed, mechanism } => format!(
            "the credential ends{}{} and is not renewed yet; {} is trying",
            in_span(Some(*ends), now),
            if_assumed(*assumed),
            who(*mechanism)
        ),
        Warning::RefreshFailed { attempt, mechanism, next, .. } => {
            let next = next.map_or_else(
                || "; there will be no other".to_owned(),
                |next| format!("; again{}", in_span(Some(next), now)),
            );
            with(format!("attempt {attempt} to get a token, by {}, failed{next}", who(*mechanism)), cause)
        }
        Warning::PushFailed { .. } => with(
            "the server did not take the new token on the live socket; the old one stays in force",
            cause,
        ),
        Warning::ConnectFailed { next, .. } => {
            let next = next.map_or_else(String::new, |next| format!("; again{}", in_span(Some(next), now)));
            with(format!("no connection{next}"), cause)
        }
        Warning::ConnectionLost { next, .. } => {
            let next = next.map_or_else(String::new, |next| format!("; again{}", in_span(Some(next), now)));
            with(format!("the socket is gone or does not answer{next}"), cause)
        }
        Warning::StoreFailed { .. } => {
            with("the record could not be written; the session goes on in memory", cause)
        }
        Warning::ExpiryShortened { by, .. } => {
            format!(
                "one source puts the end of the token {} before another: it is renewed by the earlier",
                ms(*by)
            )
        }
        Warning::KeySwitched { to } => {
            let to = match to {
                KeyAlgorithm::Es256 => "ES256",
                KeyAlgorithm::Rs256 => "RS256",
                _ => "another",
            };
            format!("the server may not accept this kind of key: going on with {to}")
        }
        Warning::Clamped { .. } => "a lifetime that the server stated is absurd and was clamped".to_owned(),
        Warning::ForeignKey { .. } => {
            "the token is bound to a key that is not this session's: it cannot be used".to_owned()
        }
        _ => UNKNOWN.to_owned(),
    }
}

fn teardown(reason: TeardownReason, cause: Option<String>) -> String {
    let text = match reason {
        TeardownReason::Expired => "over: the credential expired and nobody could renew it",
        TeardownReason::InvalidCredentials => "over: the server refuses every credential there is",
        TeardownReason::MintFailed => "over: no first token could be had",
        TeardownReason::Disconnected => "over: disconnected as asked",
        TeardownReason::Left => "at rest in its store, to be resumed by the next process",
        TeardownReason::Destroyed => "over: destroyed as asked",
        TeardownReason::HandedOver => {
            "over: somebody else holds the session from now on; this one must not begin it again"
        }
        TeardownReason::Incompatible => {
            "over: the server does not speak the protocol of this program, version 4.0"
        }
        _ => "over",
    };
    with(text, cause)
}

/// Who renews.
pub(crate) const fn who(mechanism: Mechanism) -> &'static str {
    match mechanism {
        Mechanism::Bound => "the client-bound exchange",
        Mechanism::Provider => "the provider",
        Mechanism::None => "nobody",
    }
}

const fn fallback(reason: FallbackReason) -> &'static str {
    match reason {
        FallbackReason::NoScope => "the token lacks `sat:refresh` (no-scope)",
        FallbackReason::NoDpopSupport => "there is no key to prove (no-dpop-support)",
        FallbackReason::EndpointFailed => "the device endpoints refuse or do not answer (endpoint-failed)",
        other => other.name(),
    }
}

const fn ask_error(error: AskError) -> &'static str {
    match error {
        AskError::NoMechanism => "what was asked for failed: nobody can renew",
        AskError::Exchange(_) => "what was asked for failed: no new token came into force",
        AskError::InvalidCredentials => "what was asked for failed: that token cannot be used",
        AskError::Throttled => "what was asked for failed: too many requests",
        AskError::Pending => "what was asked for is still being tried",
        AskError::Superseded => "a newer request took the place of this one",
        AskError::Suspended => "what was asked for failed: the session is suspended",
        AskError::SessionOver => "what was asked for failed: the session is over",
        _ => "what was asked for failed",
    }
}

const fn odd(oddity: Oddity) -> &'static str {
    match oddity {
        Oddity::OtherUnit => {
            "is in another unit than it should be, by its size; it was read as what it must be"
        }
        Oddity::Text => "is a text and no number; it was read all the same",
        Oddity::Clamped => "is beyond all reason; the most that can be was taken in its place",
        Oddity::Unusable => "cannot be read as a time; it counts as absent",
        _ => "is odd; it was read as well as can be",
    }
}

const fn ignored_what(ignored: Ignored) -> &'static str {
    match ignored {
        Ignored::StaleAnswer(_) => "an answer came too late and changed nothing",
        Ignored::WrongReply(_) => "an answer was not of the kind that was asked for",
        Ignored::StaleSocket => "something came from an older socket and changed nothing",
        Ignored::OutOfPlace => "something that makes no sense in this phase was ignored",
        _ => "something was ignored",
    }
}

fn with(text: impl Into<String>, cause: Option<String>) -> String {
    let text = text.into();
    cause.map_or_else(|| text.clone(), |cause| format!("{text}: {cause}"))
}

fn ms(span: u64) -> String {
    show(Duration::from_millis(span))
}

fn in_span(tick: Option<Tick>, now: Now) -> String {
    tick.map_or_else(
        || " at a time that nobody stated".to_owned(),
        |tick| match now.tick.until(tick) {
            0 => " at once".to_owned(),
            left => format!(" in {}", ms(left)),
        },
    )
}

fn ends_in(tick: Option<Tick>, now: Now) -> String {
    tick.map_or_else(String::new, |tick| format!(", ends in {}", ms(now.tick.until(tick))))
}

const fn if_assumed(assumed: bool) -> &'static str {
    if assumed { " (assumed)" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::{Level, sentence};
    use satkeeper::core::lifecycle::TokenId;
    use satkeeper::{
        Event, FallbackReason, Generation, Mechanism, Now, SessionError, SessionEvent, SessionNews,
        TeardownReason, Tick, Warning,
    };

    fn told(event: Event, cause: Option<SessionError>) -> (Level, &'static str, String) {
        let now = Now::new(10_000, 0);
        let said = sentence(&SessionEvent::new(now, SessionNews::Lifecycle(event), cause), now);
        (said.level, said.name, said.text)
    }

    #[test]
    fn what_happened_and_what_it_means() {
        let renewed = Event::Renewed {
            generation: Generation(4),
            token: TokenId(3),
            by: Some(Mechanism::Bound),
            ends: Some(Tick(22_000)),
        };
        let text = "renewed by the client-bound exchange, generation 4, ends in 12.0 s";
        assert_eq!(told(renewed, None), (Level::Info, "renewed", text.to_owned()));

        let fallback = Event::Warn(Warning::RefreshFallback { reason: FallbackReason::NoScope });
        let (level, name, text) = told(fallback, None);
        assert_eq!((level, name), (Level::Warning, "credential_refresh_fallback"));
        assert!(text.contains("no-scope"), "{text}");

        let over = Event::Teardown { reason: TeardownReason::InvalidCredentials, cause: None };
        let error = SessionError::Rpc { code: -32003, message: "no".to_owned(), data: None };
        let (level, _, text) = told(over, Some(error));
        assert_eq!(level, Level::Error);
        assert!(text.ends_with("(-32003: no)"), "{text}");
    }

    #[test]
    fn an_end_that_nobody_stated_is_not_invented() {
        let warning = Event::Warn(Warning::NoRefreshHandler { ends: None, assumed: false });
        assert!(told(warning, None).2.ends_with("at a time that nobody stated"));
    }
}
