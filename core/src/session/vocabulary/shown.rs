//! What `{:?}` shows of what goes in and comes out: names and kinds, never what is between server, application and
//! provider (R36). Tokens, proofs and records hide themselves.

use core::fmt;

use crate::error::Error;

use crate::session::vocabulary::input::SessionInput;
use crate::session::vocabulary::output::SessionOutput;

/// Something that is there and is not shown.
struct Hidden;

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

/// The fields of a variant, under their names.
macro_rules! fields {
    ($f:ident, $variant:literal, $($field:ident),+) => {
        $f.debug_struct($variant)$(.field(stringify!($field), $field))+.finish()
    };
}

impl fmt::Debug for SessionInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("Start"),
            Self::Tick => f.write_str("Tick"),
            // Errors are cleaned when they are taken in: until then, their kind is all that is shown.
            Self::Http { id, result } => {
                let result = &result.as_ref().map_err(Error::code);
                fields!(f, "Http", id, result)
            }
            Self::Opened { socket, date: _ } => fields!(f, "Opened", socket),
            Self::Frame { socket, text } => {
                let bytes = &text.len();
                fields!(f, "Frame", socket, bytes)
            }
            Self::OddFrame { socket } => fields!(f, "OddFrame", socket),
            Self::Closed { socket, error } => {
                let error = &error.as_ref().map(Error::code);
                fields!(f, "Closed", socket, error)
            }
            Self::Credential { id, result } => {
                let result = &result.as_ref().map_err(|_| Hidden);
                fields!(f, "Credential", id, result)
            }
            Self::Key { id, result } => {
                let result = &result.as_ref().map_err(Error::code);
                fields!(f, "Key", id, result)
            }
            Self::Signature { id, result } => {
                let result = &result.as_ref().map(|_| Hidden).map_err(Error::code);
                fields!(f, "Signature", id, result)
            }
            Self::Stored { id, result } => {
                let result = &result.as_ref().map_err(|_| Hidden);
                fields!(f, "Stored", id, result)
            }
            Self::Call { call, method, params: _ } => fields!(f, "Call", call, method),
            Self::Respond { notification, answer } => {
                let answer = &answer.as_ref().map(|_| Hidden).map_err(|_| Hidden);
                fields!(f, "Respond", notification, answer)
            }
            Self::FetchSubscriber { ask } => fields!(f, "FetchSubscriber", ask),
            Self::CancelCall { call } => fields!(f, "CancelCall", call),
            Self::UpdateToken { ask, credential } => fields!(f, "UpdateToken", ask, credential),
            Self::RefreshNow { ask } => fields!(f, "RefreshNow", ask),
            Self::Rejected { ask, generation } => fields!(f, "Rejected", ask, generation),
            Self::SetProvider(provider) => f.debug_tuple("SetProvider").field(provider).finish(),
            Self::Suspend => f.write_str("Suspend"),
            Self::Resume => f.write_str("Resume"),
            Self::NetworkChanged => f.write_str("NetworkChanged"),
            Self::Disconnect => f.write_str("Disconnect"),
            Self::Leave => f.write_str("Leave"),
            Self::Destroy => f.write_str("Destroy"),
        }
    }
}

impl fmt::Debug for SessionOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request { id, request, deadline } => fields!(f, "Request", id, request, deadline),
            Self::Open { socket, url, deadline } => fields!(f, "Open", socket, url, deadline),
            Self::Send { socket, text } => {
                let bytes = &text.len();
                fields!(f, "Send", socket, bytes)
            }
            Self::Close { socket } => fields!(f, "Close", socket),
            Self::AskProvider { id, call, deadline } => fields!(f, "AskProvider", id, call, deadline),
            Self::MakeKey { id, algorithm, deadline } => fields!(f, "MakeKey", id, algorithm, deadline),
            Self::Sign { id, algorithm, thumbprint, input, deadline } => {
                fields!(f, "Sign", id, algorithm, thumbprint, input, deadline)
            }
            Self::Persist { id, record, deadline } => fields!(f, "Persist", id, record, deadline),
            Self::Erase { id, deadline } => fields!(f, "Erase", id, deadline),
            Self::Tell(event) => f.debug_tuple("Tell").field(event).finish(),
            Self::Settled { ask, result } => fields!(f, "Settled", ask, result),
            Self::Returned { call, result } => {
                let result = &result.as_ref().map(|_| Hidden);
                fields!(f, "Returned", call, result)
            }
            Self::Notification(notification) => f.debug_tuple("Notification").field(notification).finish(),
            Self::Responded { notification, result } => fields!(f, "Responded", notification, result),
            Self::Fetched { ask, result } => fields!(f, "Fetched", ask, result),
            Self::Connection(connection) => f.debug_tuple("Connection").field(connection).finish(),
            Self::Subscriber(subscriber) => f.debug_tuple("Subscriber").field(subscriber).finish(),
        }
    }
}
