//! What the server asks of the client, and pings in both directions (protocol.md 3.3, R32).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::json;
use super::rpc::{self, Id};
use crate::secret::Secret;

/// A request of the server, as far as the session's upkeep is concerned. Debug shows which, and nothing that came with it.
#[derive(Clone)]
#[non_exhaustive]
pub enum Push {
    /// `signalwire.ping`, to be answered by [`pong`].
    Ping {
        /// As sent, to be echoed; normally unix seconds with a fraction.
        timestamp: Option<Value>,
        /// As sent, whatever it is, to be echoed byte for byte.
        payload: Option<Box<RawValue>>,
    },
    /// `signalwire.event`, to be acknowledged by [`acknowledge`].
    Event {
        /// Carried by `signalwire.authorization.state`; the newest is the one to keep.
        authorization_state: Option<Secret>,
    },
    /// `signalwire.disconnect`, to be acknowledged by [`acknowledge`]; then the client reconnects.
    Disconnect {
        /// Whether resume state must be forgotten first.
        restart: bool,
    },
    /// Any other method: the application's.
    Other,
}

impl Push {
    /// Sorts a request by its method. Mistyped parameters are as if absent.
    pub fn of(method: &str, params: &RawValue) -> Self {
        match method {
            "signalwire.ping" => {
                let timestamp = json::scalar(json::member(params, "timestamp"));
                let timestamp = timestamp.filter(|it| it.is_number() || it.is_string());
                Self::Ping { timestamp, payload: json::member(params, "payload").map(ToOwned::to_owned) }
            }
            "signalwire.event" => Self::Event { authorization_state: authorization_state(params) },
            "signalwire.disconnect" => {
                let restart = json::scalar(json::member(params, "restart"));
                Self::Disconnect { restart: restart == Some(Value::Bool(true)) }
            }
            _ => Self::Other,
        }
    }

    /// For a ping, the server's time in unix milliseconds, if its timestamp is one.
    pub fn server_unix_ms(&self) -> Option<u64> {
        match self {
            Self::Ping { timestamp, .. } => {
                super::time::absolute(timestamp.as_ref(), super::time::Unit::Seconds).ms
            }
            _ => None,
        }
    }
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ping { .. } => "Ping",
            Self::Event { .. } => "Event",
            Self::Disconnect { .. } => "Disconnect",
            Self::Other => "Other",
        })
    }
}

/// The type of a `signalwire.event` that carries a state to resume with.
pub const STATE_EVENT: &str = "signalwire.authorization.state";

/// Whether the parameters of a `signalwire.event` say that it is a [`STATE_EVENT`].
pub fn is_state_event(params: &RawValue) -> bool {
    json::text(json::member(params, "event_type")).as_deref() == Some(STATE_EVENT)
}

/// The state in the parameters of a [`STATE_EVENT`].
pub fn authorization_state(params: &RawValue) -> Option<Secret> {
    let carried = json::member(params, "params").filter(|_| is_state_event(params))?;
    let state = json::text(json::member(carried, "authorization_state"))?;
    (!state.is_empty()).then(|| Secret::new(state))
}

/// The answer to a server's ping: its own timestamp and payload, unchanged, or nothing where it sent none.
pub fn pong(id: &Id, timestamp: Option<&Value>, payload: Option<&RawValue>) -> String {
    #[derive(Serialize)]
    struct Pong<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        timestamp: Option<&'a Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<&'a RawValue>,
    }
    rpc::success(id, &Pong { timestamp, payload })
}

/// The answer to an event or a disconnect: an empty result.
pub fn acknowledge(id: &Id) -> String {
    #[derive(Serialize)]
    struct Nothing {}
    rpc::success(id, &Nothing {})
}

/// The client's own ping; the timestamp goes out as unix seconds with a fraction.
pub fn ping(id: &str, unix_ms: u64) -> Secret {
    #[derive(Serialize)]
    struct Ping {
        timestamp: f64,
    }
    // Exact to the millisecond for as long as 2^53 ms are not over.
    rpc::request(id, "signalwire.ping", &Ping { timestamp: unix_ms as f64 / 1000.0 })
}
