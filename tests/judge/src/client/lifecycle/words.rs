//! The world's words as the machine's, and its events as everybody's.

use satkeeper_core::UnixMillis;
use satkeeper_core::lifecycle::{Event, Failure, Statement, Warning};

use super::super::{Ask, Bad, Reply, Says, Tell};
use crate::timeline::Ms;

/// Documented life of a client-bound token where its answer states none.
const DEVICE_LIFE: Ms = 900_000;

/// Documented life of a subscriber's token.
const SUBSCRIBER_LIFE: Ms = 7_200_000;

/// What is said of a token by the answer to this.
pub(super) fn statement(says: Says, ask: Option<Ask>, one_time: bool) -> Statement {
    let documented = match ask {
        Some(Ask::Activate(..) | Ask::Renew(..)) => Some(DEVICE_LIFE),
        Some(Ask::Mint | Ask::Refresh { .. }) if one_time => Some(SUBSCRIBER_LIFE),
        _ => None,
    };
    let is_stated = says.life.or(says.end).is_some();
    Statement {
        expires_at: says.end.map(UnixMillis),
        expires_in: says.life,
        expiry_hint: says.hint.map(UnixMillis),
        assumed_life: documented.filter(|_| !is_stated),
        scope: says.scope,
        ..Statement::default()
    }
}

/// Why it failed. A provider is a function of the application's: all that it says is whether it will ever do it again.
/// Behind one-time secrets stands a subscriber's endpoint, which answers over HTTP.
/// A page that somebody on the way wrote is no refusal of the API's.
pub(super) const fn failure(bad: Bad, ask: Ask, one_time: bool) -> Failure {
    let by_callback = matches!(ask, Ask::Mint | Ask::Refresh { .. }) && !one_time;
    match bad {
        Bad::Rejected => Failure::Rejected,
        Bad::Http { retry_after, .. } if by_callback => Failure::Provider { retry_after },
        Bad::Failed => Failure::Provider { retry_after: None },
        _ if by_callback => Failure::Provider { retry_after: None },
        Bad::Broke => Failure::Transport,
        Bad::Http { own: false, status, retry_after } if status < 500 => {
            Failure::Page { status, retry_after }
        }
        Bad::Http { status, retry_after, .. } => Failure::Http { status, retry_after },
        Bad::Page | Bad::NoProtocol => Failure::Malformed,
        Bad::Error(code) => Failure::Rpc { code, credential: matches!(code, 401 | 403 | -32_002 | -32_003) },
        Bad::Code(code) => Failure::Rpc { code: code as i64, credential: matches!(code, 401 | 403) },
        Bad::NotKept { taken: true } => Failure::Conflict,
        Bad::NotKept { taken: false } => Failure::Transport,
    }
}

/// The server's time that came with it: that of the API's own answers. A function of the application's has none, and what
/// somebody on the way has stored or written is no answer.
pub(super) fn server_time(reply: &Reply, ask: Ask, one_time: bool) -> Option<UnixMillis> {
    let by_callback = matches!(ask, Ask::Mint | Ask::Refresh { .. }) && !one_time;
    let own = !reply.foreign && !matches!(reply.result, Err(Bad::Page | Bad::Http { own: false, .. }));
    reply.date.filter(|_| own && !by_callback).map(UnixMillis)
}

/// An event; `None`: nothing that an application would hear of.
pub(super) fn tell(
    event: &Event,
    serial: impl Fn(satkeeper_core::lifecycle::TokenId) -> u32,
) -> Option<Tell> {
    Some(match event {
        Event::Live { .. } => Tell::Live,
        Event::Renewed { token, .. } => Tell::Renewed(serial(*token)),
        Event::Recovered { .. } => Tell::Settled,
        Event::Failed { .. } => Tell::Failed,
        Event::Expired { .. } => Tell::Expired,
        Event::Warn(warning) => warned(warning),
        Event::Suspended => Tell::Suspended,
        Event::Teardown { reason, .. } => Tell::Over { reason: reason.name().to_owned() },
        Event::Bound { .. } => Tell::Other("bound".to_owned()),
        Event::ClockJump { .. } => Tell::Other("clock_jump".to_owned()),
        _ => return None,
    })
}

fn warned(warning: &Warning) -> Tell {
    let (cause, next) = match warning {
        Warning::RefreshFailed { next, .. } | Warning::ConnectFailed { next, .. } => (true, *next),
        Warning::ConnectionLost { next, .. } => (true, *next),
        Warning::PushFailed { .. } | Warning::StoreFailed { .. } | Warning::RefreshFallback { .. } => {
            (true, None)
        }
        _ => (false, None),
    };
    Tell::Warned { code: warning.code().to_owned(), cause, next: next.map(|tick| tick.0) }
}
