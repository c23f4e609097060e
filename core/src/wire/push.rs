//! What the server asks of the client, and pings in both directions (protocol.md 3.3, L37).

use alloc::string::String;

use serde::Serialize;
use serde_json::Value;

use super::rpc::{self, Id};
use crate::secret::Secret;

/// A request of the server, as far as the session's upkeep is concerned. No Debug: it may hold a secret.
#[derive(Clone, PartialEq)]
pub enum Push {
    /// `signalwire.ping`, to be answered by [`pong`].
    Ping {
        /// As sent, to be echoed; normally unix seconds with a fraction.
        timestamp: Option<Value>,
        /// As sent, whatever it is, to be echoed.
        payload: Option<Value>,
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
    pub fn of(method: &str, params: &Value) -> Self {
        match method {
            "signalwire.ping" => {
                let timestamp = params.get("timestamp").filter(|it| it.is_number() || it.is_string());
                Self::Ping { timestamp: timestamp.cloned(), payload: params.get("payload").cloned() }
            }
            "signalwire.event" => Self::Event { authorization_state: authorization_state(params) },
            "signalwire.disconnect" => {
                Self::Disconnect { restart: params.get("restart").and_then(Value::as_bool).unwrap_or(false) }
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

/// The state in the parameters of a `signalwire.event` of type `signalwire.authorization.state`.
pub fn authorization_state(params: &Value) -> Option<Secret> {
    if params.get("event_type")?.as_str()? != "signalwire.authorization.state" {
        return None;
    }
    let state = params.get("params")?.get("authorization_state")?.as_str()?;
    (!state.is_empty()).then(|| Secret::new(state))
}

/// The answer to a server's ping: its own timestamp and payload, unchanged, or nothing where it sent none.
pub fn pong(id: &Id, timestamp: Option<&Value>, payload: Option<&Value>) -> String {
    #[derive(Serialize)]
    struct Pong<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        timestamp: Option<&'a Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<&'a Value>,
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
