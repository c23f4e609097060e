//! What a session tells its application, in words that are nobody's.

use satkeeper_core::lifecycle::{Event, Warning};
use satkeeper_core::session::{SessionEvent, SessionNews};

use crate::client::{Serial, Tell};

/// An event; `in_force`: the newest token that the server has acknowledged.
pub(super) fn tell(event: &SessionEvent, in_force: Option<Serial>) -> Tell {
    let cause = event.cause.is_some();
    let warned = |code: &str, next| Tell::Warned { code: code.to_owned(), cause, next };
    match event.event {
        SessionNews::Lifecycle(lifecycle) => match lifecycle {
            Event::Live { .. } => Tell::Live,
            Event::Renewed { .. } => match in_force {
                Some(token) => Tell::Renewed(token),
                None => Tell::Other("renewed".to_owned()),
            },
            Event::Warn(warning) => {
                let next = match warning {
                    Warning::RefreshFailed { next, .. } | Warning::ConnectFailed { next, .. } => next,
                    #[cfg(not(november))]
                    Warning::ConnectionLost { next, .. } => next,
                    _ => None,
                };
                warned(warning.code(), next.map(|tick| tick.0))
            }
            Event::Expired { .. } => Tell::Expired,
            Event::Suspended => Tell::Suspended,
            Event::Teardown { reason, .. } => Tell::Over { reason: reason.name().to_owned() },
            Event::Bound { .. } => Tell::Other("bound".to_owned()),
            Event::ClockJump { .. } => Tell::Other("clock_jump".to_owned()),
            // Who waited has been told by `Settled`.
            Event::Failed { .. } => Tell::Other("failed".to_owned()),
            Event::Recovered { .. } => Tell::Other("recovered".to_owned()),
            _ => Tell::Other("ignored".to_owned()),
        },
        #[cfg(november)]
        SessionNews::SocketLost => warned(event.event.code(), None),
        news => Tell::Other(news.code().to_owned()),
    }
}

#[cfg(all(test, not(november)))]
mod tests {
    use satkeeper_core::error::Error;
    use satkeeper_core::lifecycle::{Cause, CommandId, Failure, Generation, TeardownReason, TokenId};
    use satkeeper_core::{Now, Tick};

    use super::*;

    fn told(event: Event, cause: Option<Error>) -> Tell {
        tell(&SessionEvent::new(Now::new(1, 2), SessionNews::Lifecycle(event), cause), Some(5))
    }

    #[test]
    fn each_event_has_its_word() {
        let cause = Cause { command: CommandId(1), failure: Failure::Timeout };
        let warning = Warning::ConnectFailed { cause, next: Some(Tick(70)) };
        let error = Error::Transport { message: "reset".to_owned() };
        let warned = Tell::Warned { code: "connect_failed".to_owned(), cause: true, next: Some(70) };
        assert_eq!(told(Event::Warn(warning), Some(error)), warned);
        assert_eq!(told(Event::Live { resumed: true, generation: Generation(1) }, None), Tell::Live);
        let (generation, token) = (Generation(1), TokenId(1));
        let renewed = Event::Renewed { generation, token, by: None, ends: None };
        assert_eq!(told(renewed, None), Tell::Renewed(5));
        let over = Event::Teardown { reason: TeardownReason::Expired, cause: None };
        assert_eq!(told(over, None), Tell::Over { reason: "expired".to_owned() });
        let lost = Event::Warn(Warning::ConnectionLost { cause, next: None });
        let warned = Tell::Warned { code: "connection_lost".to_owned(), cause: false, next: None };
        assert_eq!(self::told(lost, None), warned);
    }
}
