//! The messages of calls: frames of `verto` inside `webrtc.verto`, and those that come inside events.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;

use satkeeper::{Client, Error, Notification, SessionError};
use serde_json::{Value, json};

/// What every request on a call names.
#[derive(Clone, Debug)]
pub(crate) struct Leg {
    /// Chosen by who dials; each side has its own.
    pub(crate) id: String,
    /// Which node of the server has the call. Empty until it is known.
    pub(crate) node: String,
}

impl Leg {
    /// One of a call that is about to be made.
    pub(crate) fn new() -> Self {
        let random = || RandomState::new().build_hasher().finish();
        let (a, b) = (random(), random());
        let id = format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        );
        Self { id, node: String::new() }
    }
}

/// Why a request on a call has failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no such call any more, as far as the server knows.
    Gone(String),
    /// Whatever else: the call may still be there.
    Other(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone(why) | Self::Other(why) => f.write_str(why),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Other(format!("no media: {error}"))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            // The codes of a call are its own: this -32002 says nothing of the credential.
            Error::Session(SessionError::Rpc { code: -32_002, message, .. }) => Self::Gone(message.clone()),
            _ => Self::Other(error.to_string()),
        }
    }
}

/// Sends one frame on a call and returns its result.
pub(crate) async fn ask(
    client: &Client,
    leg: &mut Leg,
    method: &str,
    mut params: Value,
) -> Result<Value, Failure> {
    params["dialogParams"]["callID"] = json!(leg.id);
    let frame = json!({"jsonrpc": "2.0", "id": "1", "method": method, "params": params});
    let outer = json!({"callID": leg.id, "node_id": leg.node, "message": frame, "subscribe": ["call.state"]});
    // Waits for a session that is away, and is repeated once with a newer token where this one is refused.
    let mut answer = client.call("webrtc.verto", outer).await?;
    if let Some(node) = answer["node_id"].as_str() {
        node.clone_into(&mut leg.node);
    }
    // A refusal can stand in the result, too: in its code, or in the answer to the frame.
    let refused = [&answer["result"]["error"], &answer];
    for said in refused {
        let code = said["code"].as_i64().or_else(|| said["code"].as_str()?.parse().ok());
        let message = || said["message"].as_str().unwrap_or("refused").to_owned();
        match (code, &said["code"]) {
            (_, Value::Null) | (Some(200..=299), _) => {}
            (Some(-32_002 | 404), _) => return Err(Failure::Gone(message())),
            _ => return Err(Failure::Other(message())),
        }
    }
    Ok(answer["result"]["result"].take())
}

/// What the server tells a party of a call.
#[derive(Debug)]
pub(crate) enum Told {
    /// Somebody calls.
    Invite { from: String, offer: String },
    /// The other side has answered; or, after the call was attached to, what its media are.
    Answer { sdp: String },
    /// The other side has new media, and wants an answer to this.
    Offer { sdp: String },
    /// It has dialled these.
    Digits(String),
    /// Whether the phone is still there.
    Ping,
    /// The call is over.
    Bye { cause: String },
}

/// Reads an event of a call; `None` where it is none, or one that a phone need not care about.
pub(crate) fn read(notification: &Notification) -> Option<(Leg, Told)> {
    if notification.event_type().as_deref() != Some("webrtc.message") {
        return None;
    }
    let event = notification.params();
    let (frame, params) = (&event["params"], &event["params"]["params"]);
    let text = |name: &str| params[name].as_str().unwrap_or_default().to_owned();
    let told = match frame["method"].as_str()? {
        "verto.invite" => Told::Invite { from: text("caller_id_name"), offer: text("sdp") },
        "verto.answer" => Told::Answer { sdp: text("sdp") },
        "verto.attach" => Told::Offer { sdp: text("sdp") },
        "verto.info" => Told::Digits(text("dtmf")),
        "verto.ping" => Told::Ping,
        "verto.bye" => Told::Bye { cause: text("cause") },
        _ => return None,
    };
    Some((Leg { id: text("callID"), node: notification.node_id().unwrap_or_default() }, told))
}
