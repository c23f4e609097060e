//! `signalwire.connect`: the first frame on every socket, and its result (protocol.md 3.2).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;
use serde_json::Value;

use super::rpc;
use super::time::{Parsed, Unit, absolute};
use crate::secret::Secret;

/// The method's name, also the `mth` of its proof.
pub const METHOD: &str = "signalwire.connect";

/// What satkeeper calls itself in the parameter `agent`.
pub const AGENT: &str = concat!("satkeeper/", env!("CARGO_PKG_VERSION"));

/// What the server needs to take an older session up again. Both or neither: it wants `protocol` with
/// `authorization_state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumeState {
    /// The newest one that the server has sent.
    pub authorization_state: Secret,
    /// From the last connect result.
    pub protocol: String,
}

/// What a session wants to hear of, beyond what concerns its subscriber. SignalWire's version 4 takes it with the
/// connect alone.
///
/// ```
/// use satkeeper_core::wire::connect::Interests;
/// let interests = Interests { contexts: vec!["office".to_owned()], ..Interests::default() };
/// assert!(interests.size() < 100);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interests {
    /// `contexts`: whose inbound calls and messages come here.
    pub contexts: Vec<String>,
    /// `eventing`.
    pub eventing: Vec<String>,
    /// `topics`.
    pub topics: Vec<String>,
}

impl Interests {
    /// Bytes of it on the wire, about.
    #[must_use]
    pub fn size(&self) -> usize {
        let all = self.contexts.iter().chain(&self.eventing).chain(&self.topics);
        all.map(|word| word.len().saturating_add(3)).sum()
    }
}

/// What goes into a connect request.
#[derive(Clone, Copy, Debug)]
pub struct Connect<'a> {
    /// Id of the request, a UUID.
    pub id: &'a str,
    /// The token, needed for a resume too.
    pub jwt_token: &'a Secret,
    /// A proof with `mth` = [`METHOD`], whenever there is a key (R21).
    pub dpop_token: Option<&'a Secret>,
    /// For a resume.
    pub resume: Option<&'a ResumeState>,
    /// Normally [`AGENT`].
    pub agent: &'a str,
    /// Normally nothing.
    pub interests: &'a Interests,
}

impl Connect<'_> {
    /// The frame, members in the order of the SignalWire browser SDK v4: version 4.0.0, `event_acks`, and
    /// contexts, eventing and topics also where they are empty (R32).
    pub fn frame(&self) -> Secret {
        #[derive(Serialize)]
        struct Params<'a> {
            version: Version,
            event_acks: bool,
            authentication: Authentication<'a>,
            agent: &'a str,
            contexts: &'a [String],
            eventing: &'a [String],
            topics: &'a [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            dpop_token: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            authorization_state: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            protocol: Option<&'a str>,
        }
        #[derive(Serialize)]
        struct Version {
            major: u32,
            minor: u32,
            revision: u32,
        }
        #[derive(Serialize)]
        struct Authentication<'a> {
            jwt_token: &'a str,
        }
        let params = Params {
            version: Version { major: 4, minor: 0, revision: 0 },
            event_acks: true,
            authentication: Authentication { jwt_token: self.jwt_token.expose() },
            agent: self.agent,
            contexts: &self.interests.contexts,
            eventing: &self.interests.eventing,
            topics: &self.interests.topics,
            dpop_token: self.dpop_token.map(Secret::expose),
            authorization_state: self.resume.map(|resume| resume.authorization_state.expose()),
            protocol: self.resume.map(|resume| resume.protocol.as_str()),
        };
        rpc::request(self.id, METHOD, &params)
    }
}

/// What is read of a connect result that reports no failure ([`failing_result`](super::rpc::failing_result)). A
/// resume's result speaks of the session's previous token (R21).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConnectResult {
    /// Name of the session's channel, needed to resume it. The one member that every success has: without it the
    /// connect has failed (R21).
    pub protocol: Option<String>,
    /// Who the server says this is.
    pub identity: Option<String>,
    /// Whether the older session was taken up again.
    pub session_restored: Option<bool>,
    /// What the server says of the token.
    pub authorization: Option<Authorization>,
}

impl ConnectResult {
    /// Reads the `result` member of the answer; what is missing or mistyped is absent.
    pub fn parse(result: &Value) -> Self {
        Self {
            protocol: text(result, "protocol"),
            identity: text(result, "identity"),
            session_restored: result.get("session_restored").and_then(Value::as_bool),
            authorization: result.get("authorization").and_then(Authorization::parse),
        }
    }
}

/// What a connect or reauthenticate result says of the token that it acknowledges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// To be sent with the next reauthenticate.
    pub project_id: Option<String>,
    /// Whether the token carries `sat:refresh`; `None` where the server does not say.
    pub refreshable: Option<bool>,
    /// The key that the token is bound to.
    pub confirmation: Confirmation,
    /// End of the token, `fabric_subscriber.expires_at`, the most trustworthy one (R2).
    pub expires_at: Parsed,
}

impl Authorization {
    /// Reads an `authorization` object; `None` where it is something else.
    pub fn parse(authorization: &Value) -> Option<Self> {
        let subscriber = authorization.as_object()?.get("fabric_subscriber");
        Some(Self {
            project_id: text(authorization, "project_id"),
            refreshable: authorization.get("scope").and_then(has_refresh_scope),
            confirmation: Confirmation::parse(authorization.get("cnf")),
            expires_at: absolute(subscriber.and_then(|it| it.get("expires_at")), Unit::Seconds),
        })
    }
}

/// What is known of the key that a token is bound to (RFC 7800 `cnf`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Confirmation {
    /// Not told, or not readable.
    #[default]
    Unknown,
    /// Told that there is none: the token is unbound.
    None,
    /// Thumbprint of the key.
    Thumbprint(String),
}

impl Confirmation {
    /// From the member `cnf` of an object that would have one if the token were bound.
    pub(crate) fn parse(cnf: Option<&Value>) -> Self {
        match cnf {
            None | Some(Value::Null) => Self::None,
            Some(cnf) => match cnf.get("jkt").and_then(Value::as_str) {
                Some(jkt) if super::rest::is_fingerprint(jkt) => Self::Thumbprint(jkt.to_owned()),
                _ => Self::Unknown,
            },
        }
    }
}

/// Whether a `scope` has `sat:refresh`; an array or a text of words. `None` for anything else.
pub(crate) fn has_refresh_scope(scope: &Value) -> Option<bool> {
    match scope {
        Value::Array(scopes) => Some(scopes.iter().any(|scope| scope.as_str() == Some("sat:refresh"))),
        Value::String(scopes) => Some(scopes.split([' ', ',']).any(|scope| scope == "sat:refresh")),
        _ => None,
    }
}

/// A member that is a text and not empty.
pub(crate) fn text(object: &Value, member: &str) -> Option<String> {
    object.get(member).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}
