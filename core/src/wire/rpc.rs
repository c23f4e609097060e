//! JSON-RPC 2.0 frames, one per WebSocket text message (protocol.md 3.1).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::json;
use super::text::{Cleaner, encode, json_error, without_mark};
use crate::error::Error;
use crate::secret::Secret;

/// Largest frame that is read, bytes (R36).
pub const MAX_FRAME: usize = 1024 * 1024;

/// The id of a request from the server, kept as it was written so that the answer carries exactly the same.
///
/// Debug and Display show it: servers choose ids, credentials are not among them.
#[derive(Clone, PartialEq, Eq)]
pub struct Id(Box<str>);

impl Id {
    /// The id as JSON text: a string with its quotes, or a number.
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// Whether this is the string `id`, as every id that satkeeper makes is.
    pub fn is(&self, id: &str) -> bool {
        serde_json::from_str::<String>(&self.0).is_ok_and(|text| text == id)
    }

    /// The id as text, if it is a string.
    pub fn text(&self) -> Option<String> {
        serde_json::from_str(&self.0).ok()
    }

    fn of(raw: &RawValue) -> Option<Self> {
        let json = raw.get();
        json.starts_with(|c: char| c == '"' || c == '-' || c.is_ascii_digit()).then(|| Self(json.into()))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.0)
    }
}

/// A frame from the server, its parts still text. Debug shows kind, id and method: results and
/// params carry tokens and `authorization_state`.
#[derive(Clone)]
pub enum Frame<'a> {
    /// A request or, without an id, a notification.
    Request {
        /// To be repeated in the answer; without one there is no answer.
        id: Option<Id>,
        /// Its method.
        method: String,
        /// Its parameters, `null` where there are none.
        params: &'a RawValue,
    },
    /// The answer to a request that was granted, at this level: see [`failing_result`].
    Success {
        /// The request's id.
        id: Option<Id>,
        /// What came back.
        result: &'a RawValue,
    },
    /// The answer to a request that was refused.
    Failure {
        /// The request's id.
        id: Option<Id>,
        /// Why; [`RpcError::parse`] reads it.
        error: &'a RawValue,
    },
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request { id, method, params: _ } => {
                f.debug_struct("Request").field("id", id).field("method", method).finish_non_exhaustive()
            }
            Self::Success { id, result: _ } => {
                f.debug_struct("Success").field("id", id).finish_non_exhaustive()
            }
            Self::Failure { id, error: _ } => {
                f.debug_struct("Failure").field("id", id).finish_non_exhaustive()
            }
        }
    }
}

/// The `error` of a refused request, as it was sent. Debug shows the code only, since nothing is cleaned yet: use
/// [`RpcError::to_error`].
#[derive(Clone, PartialEq)]
pub struct RpcError {
    /// Code; -32603 (internal error) where it is missing or no number, which counts as transient.
    pub code: i64,
    /// Message; empty where it is missing.
    pub message: String,
    /// Whatever the server added.
    pub data: Option<Value>,
}

impl fmt::Debug for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcError").field("code", &self.code).finish_non_exhaustive()
    }
}

impl RpcError {
    /// As this crate's error, bounded, and with the given secrets cut out of it.
    pub fn to_error(&self, secrets: &[&Secret]) -> Error {
        let cleaner = Cleaner::new(secrets);
        Error::Rpc {
            code: self.code,
            message: cleaner.clean(&self.message),
            data: self.data.as_ref().map(|data| cleaner.clean(&encode(data))),
        }
    }

    /// Whether it refuses the credential, by [`is_auth_refusal`].
    pub fn is_auth_refusal(&self) -> bool {
        is_auth_refusal(self.code, &self.message, self.data.as_ref())
    }
}

/// Why a text message is no frame. Repeats nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Longer than [`MAX_FRAME`].
    #[error("the frame has {length} bytes, more than 1 MiB")]
    TooLarge {
        /// Its length, bytes.
        length: usize,
    },
    /// No JSON, or no object.
    #[error("the frame is {place}")]
    NotJson {
        /// Category, line and column.
        place: String,
    },
    /// Neither `method` nor `result` nor `error`.
    #[error("the frame is neither a request nor an answer")]
    NotJsonRpc,
}

impl<'a> Frame<'a> {
    /// Reads one text message, no further than to tell its parts apart: what is in them costs its text and no more.
    /// A missing or other `jsonrpc` is overlooked, and an id that is neither text nor number is as if absent.
    ///
    /// # Errors
    /// [`FrameError`]; the frame is to be dropped with an event, never the connection (R32).
    pub fn parse(text: &'a str) -> core::result::Result<Self, FrameError> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow, default)]
            id: Option<&'a RawValue>,
            #[serde(borrow, default)]
            method: Option<&'a RawValue>,
            #[serde(borrow, default)]
            params: Option<&'a RawValue>,
            // `"result": null` is an answer, a missing one is not.
            #[serde(borrow, default, deserialize_with = "present")]
            result: Option<&'a RawValue>,
            #[serde(borrow, default)]
            error: Option<&'a RawValue>,
        }
        if text.len() > MAX_FRAME {
            return Err(FrameError::TooLarge { length: text.len() });
        }
        let text = without_mark(text);
        // Derived structs also read arrays, member by member.
        if !text.trim_start().starts_with('{') {
            return Err(FrameError::NotJson { place: "no JSON object".to_owned() });
        }
        let read = json::check(text).and_then(|()| serde_json::from_str(text));
        let frame: Envelope<'a> = read.map_err(|error| FrameError::NotJson { place: json_error(&error) })?;
        let id = frame.id.and_then(Id::of);
        match (json::text(frame.method), frame.error, frame.result) {
            (Some(method), _, _) => {
                Ok(Self::Request { id, method, params: frame.params.unwrap_or(RawValue::NULL) })
            }
            (None, Some(error), _) => Ok(Self::Failure { id, error }),
            (None, None, Some(result)) => Ok(Self::Success { id, result }),
            _ => Err(FrameError::NotJsonRpc),
        }
    }

    /// The id, whatever the frame is.
    pub const fn id(&self) -> Option<&Id> {
        match self {
            Self::Request { id, .. } | Self::Success { id, .. } | Self::Failure { id, .. } => id.as_ref(),
        }
    }
}

fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// What an error without a code that can be read counts as.
const INTERNAL_ERROR: i64 = -32603;

impl RpcError {
    /// Reads the `error` of a frame.
    pub fn parse(error: &RawValue) -> Self {
        match json::glance(error) {
            Value::Object(mut error) => Self {
                code: error.get("code").and_then(integer).unwrap_or(INTERNAL_ERROR),
                message: match error.remove("message") {
                    Some(Value::String(message)) => message,
                    _ => String::new(),
                },
                data: error.remove("data").filter(|data| !data.is_null()),
            },
            Value::String(message) => Self { code: INTERNAL_ERROR, message, data: None },
            other => Self { code: INTERNAL_ERROR, message: String::new(), data: Some(other) },
        }
    }
}

/// A whole number, written as `200` or as `200.0`, or a text that holds one.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        // A fraction of nothing is not written.
        other => other.as_i64().or_else(|| format!("{}", other.as_f64()?).parse().ok()),
    }
}

/// `result.code`, with which SignalWire reports failures inside a success: a whole number, or a text that holds
/// one. `None` where there is none or it is neither (protocol.md 3.1).
pub fn business_code(result: &Value) -> Option<i64> {
    integer(result.get("code")?)
}

/// The failure that a `result` reports by a `code` of its own, as if it had come as an `error` (R21): any code that
/// is a number or a text and not 2xx, `"AUTH_REQUIRED"` as well as `401`, whatever else the result carries. `None`
/// where the request has succeeded: without a code, or with one that is neither.
pub fn failing_result(result: &Value) -> Option<RpcError> {
    let told = result.get("code")?;
    let code = match (integer(told), told) {
        (Some(code), _) => code,
        (None, Value::Number(_)) => INTERNAL_ERROR,
        (None, Value::String(text)) if !text.trim().is_empty() => INTERNAL_ERROR,
        _ => return None,
    };
    if (200..300).contains(&code) {
        return None;
    }
    // A code that is a word is the message, where there is no better one.
    let text = |member: &str| result.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
    let message = text("message").or_else(|| text("code").filter(|_| code == INTERNAL_ERROR));
    Some(RpcError {
        code,
        message: message.unwrap_or_default().to_owned(),
        data: result.get("data").filter(|data| !data.is_null()).cloned(),
    })
}

/// Whether an error says that the credential was refused (R24): -32003, or -32002 where message or data says
/// authentication. The same number refuses calls ("CALL ERROR", "CALL DOES NOT EXIST"): no verdict.
pub fn is_auth_refusal(code: i64, message: &str, data: Option<&Value>) -> bool {
    const CALL: [&str; 3] = ["call error", "call does not exist", "invalid_msg_unspecified"];
    const AUTHENTICATION: [&str; 4] = ["authenticat", "unauthorized", "auth_required", "dpop"];
    match code {
        -32003 => true,
        -32002 => {
            let mut text = message.to_ascii_lowercase();
            if let Some(data) = data {
                text.push('\n');
                text.push_str(&encode(data).to_ascii_lowercase());
            }
            !CALL.iter().any(|word| text.contains(word))
                && AUTHENTICATION.iter().any(|word| text.contains(word))
        }
        _ => false,
    }
}

/// A request. `id` should be a UUID, as every id on this socket is.
pub fn request(id: &str, method: &str, params: &(impl Serialize + ?Sized)) -> Secret {
    #[derive(Serialize)]
    struct Request<'a, P: ?Sized> {
        jsonrpc: &'a str,
        id: &'a str,
        method: &'a str,
        params: &'a P,
    }
    Secret::new(encode(&Request { jsonrpc: "2.0", id, method, params }))
}

/// The answer to a request of the server that was understood.
pub fn success(id: &Id, result: &(impl Serialize + ?Sized)) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{},"result":{}}}"#, id.as_json(), encode(result))
}

/// The answer to a request of the server that was not, -32601 for an unknown method.
pub fn failure(id: &Id, code: i64, message: &str) -> String {
    #[derive(Serialize)]
    struct Failure<'a> {
        code: i64,
        message: &'a str,
    }
    format!(r#"{{"jsonrpc":"2.0","id":{},"error":{}}}"#, id.as_json(), encode(&Failure { code, message }))
}
