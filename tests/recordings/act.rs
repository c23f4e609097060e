//! What a client did, in the form in which two clients are compared: the recorded one and ours are put into
//! it by the same code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// Headers whose meaning the protocol defines; the others belong to the HTTP stack.
const HEADERS: [&str; 4] = ["accept", "authorization", "content-type", "dpop"];
/// Seconds that the `iat` of a fresh proof may be off: it is cut to whole seconds and takes time to arrive.
const FRESH: u64 = 2;

/// What is compared in its order of occurrence, each kind for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Authenticate,
    Refresh,
    Info,
    DeviceToken,
    DeviceRefresh,
    Embed,
    OtherHttp,
    Open,
    Connect,
    Reauthenticate,
    Online,
    Ping,
    OtherCall,
    Ack,
    Pong,
    Close,
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate",
            Self::Refresh => "refresh",
            Self::Info => "info",
            Self::DeviceToken => "devices/token",
            Self::DeviceRefresh => "devices/refresh",
            Self::Embed => "embed",
            Self::OtherHttp => "other request",
            Self::Open => "open",
            Self::Connect => "connect",
            Self::Reauthenticate => "reauthenticate",
            Self::Online => "online",
            Self::Ping => "ping",
            Self::OtherCall => "other call",
            Self::Ack => "ack",
            Self::Pong => "pong",
            Self::Close => "close",
        }
    }

    /// Acts that follow from what the server sent at that moment have no order of their own.
    pub(crate) const fn has_order(self) -> bool {
        !matches!(self, Self::Ack | Self::Pong | Self::Close)
    }

    fn of_path(path: &str) -> Self {
        match path {
            "/api/fabric/subscriber/info" => Self::Info,
            "/api/fabric/subscriber/devices/token" => Self::DeviceToken,
            "/api/fabric/subscriber/devices/refresh" => Self::DeviceRefresh,
            "/api/fabric/embeds/tokens" => Self::Embed,
            _ => Self::OtherHttp,
        }
    }

    fn of_method(method: &str) -> Self {
        match method {
            "signalwire.connect" => Self::Connect,
            "signalwire.reauthenticate" => Self::Reauthenticate,
            "subscriber.online" => Self::Online,
            "signalwire.ping" => Self::Ping,
            _ => Self::OtherCall,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One act of a client: members by path, values as JSON or as what they mean.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    pub(crate) kind: Kind,
    /// What it is about, for kinds of which each is about one thing: the token of a push, the frame that is
    /// answered.
    pub(crate) subject: String,
    pub(crate) members: BTreeMap<String, String>,
}

impl Act {
    pub(crate) fn bare(kind: Kind) -> Self {
        Self { kind, subject: String::new(), members: BTreeMap::new() }
    }

    fn about(mut self, subject: String) -> Self {
        self.subject = subject;
        self
    }

    pub(crate) fn with(mut self, member: &str, value: impl Into<String>) -> Self {
        self.members.insert(member.to_owned(), value.into());
        self
    }
}

/// One client's eye for its own acts.
pub(crate) struct Reader<'a> {
    pub(crate) names: &'a Names,
    /// Proof ids that it has used.
    pub(crate) used: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(names: &'a Names) -> Self {
        Self { names, used: BTreeSet::new() }
    }

    /// An HTTP request; `unix_s` is when it left.
    pub(crate) fn request<'h>(
        &mut self,
        method: &str,
        host: &str,
        path: &str,
        headers: impl Iterator<Item = (&'h str, &'h str)>,
        body: &Value,
        unix_s: u64,
    ) -> Act {
        let mut act =
            Act::bare(Kind::of_path(path)).with("method", method).with("host", host).with("path", path);
        for (name, value) in headers.filter(|(name, _)| HEADERS.contains(name)) {
            let value = match value.split_once(' ') {
                Some((scheme, token)) if name == "authorization" => {
                    format!("{scheme} {}", self.names.of(token))
                }
                _ => value.to_owned(),
            };
            act.members.insert(format!("header {name}"), value);
        }
        self.flatten(&mut act, "body", body, unix_s);
        act
    }

    /// A text frame on a socket.
    pub(crate) fn frame(&mut self, frame: &Value, unix_s: u64) -> Act {
        let id = name_of(frame);
        let answered = self.names.of(&id);
        let mut act = match frame["method"].as_str() {
            Some(method) => Act::bare(Kind::of_method(method)).with("id", form_of_id(&id)),
            None if answered.starts_with("ping") => Act::bare(Kind::Pong).about(answered),
            None => Act::bare(Kind::Ack).about(answered),
        };
        if act.kind == Kind::Reauthenticate {
            let token = frame["params"]["authentication"]["jwt_token"].as_str().unwrap_or_default();
            act = act.about(self.names.of(token));
        }
        for (member, value) in frame.as_object().into_iter().flatten().filter(|(member, _)| *member != "id") {
            self.flatten(&mut act, member, value, unix_s);
        }
        act
    }

    fn flatten(&mut self, act: &mut Act, path: &str, value: &Value, unix_s: u64) {
        match value {
            Value::Null => {}
            Value::Object(members) if !members.is_empty() => {
                for (member, value) in members {
                    self.flatten(act, &format!("{path}.{member}"), value, unix_s);
                }
            }
            Value::String(jws) if path.ends_with(".dpop_token") => self.proof(act, jws, unix_s),
            Value::String(text) if path.ends_with(".agent") => {
                // The version changes, who it is does not.
                let product = text.split('/').next().unwrap_or_default();
                act.members.insert(path.to_owned(), product.to_owned());
            }
            Value::Number(_) if path == "result.timestamp" => {
                act.members.insert(path.to_owned(), "a number".to_owned());
            }
            Value::String(text) => {
                act.members.insert(path.to_owned(), self.names.of(text));
            }
            other => {
                act.members.insert(path.to_owned(), other.to_string());
            }
        }
    }

    fn proof(&mut self, act: &mut Act, jws: &str, unix_s: u64) {
        let part = |n: usize| -> Value {
            let part = URL_SAFE_NO_PAD.decode(jws.split('.').nth(n).unwrap_or_default()).unwrap_or_default();
            serde_json::from_slice(&part).expect("a proof has a header and claims in JSON")
        };
        act.members.insert("proof".to_owned(), "present".to_owned());
        self.flatten(act, "proof.header", &part(0), unix_s);
        for (claim, value) in part(1).as_object().into_iter().flatten() {
            let value = match (claim.as_str(), value) {
                ("jti", Value::String(id)) if !self.used.insert(id.clone()) => "used before".to_owned(),
                ("jti", Value::String(id)) => form_of_id(id),
                ("iat", Value::Number(at)) => match at.as_u64().unwrap_or_default().abs_diff(unix_s) {
                    0..=FRESH => "now".to_owned(),
                    _ => "another time".to_owned(),
                },
                (_, Value::String(text)) => self.names.of(text),
                (_, other) => other.to_string(),
            };
            act.members.insert(format!("proof.claims.{claim}"), value);
        }
    }
}

/// The id of a frame, which may be a number.
pub(crate) fn name_of(frame: &Value) -> String {
    frame["id"].as_str().map_or_else(|| frame["id"].to_string(), str::to_owned)
}

fn form_of_id(id: &str) -> String {
    let is_uuid = id.len() == 36
        && id.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            14 => byte == b'4',
            19 => b"89ab".contains(&byte),
            _ => byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase(),
        });
    if is_uuid { "a new UUID".to_owned() } else { id.to_owned() }
}

/// Short names for the long values that servers gave out.
#[derive(Default)]
pub(crate) struct Names(BTreeMap<String, String>);

impl Names {
    /// The name, or the value itself.
    pub(crate) fn of(&self, value: &str) -> String {
        self.0.get(value).cloned().unwrap_or_else(|| value.to_owned())
    }

    pub(crate) fn call(&mut self, value: &str, name: String) {
        self.0.entry(value.to_owned()).or_insert(name);
    }
}
