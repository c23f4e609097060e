//! What the server tells of a connection, for the application: in the results of connect, resume and reauthenticate
//! (protocol.md 3.2, 3.3, 8). Only `protocol` is sure to be there.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde_json::{Map, Value};

pub use super::ice::IceServer;

use super::connect::{self, text};
use super::ice::{TOO_LARGE, ice_servers};
use super::reauthenticate;
use crate::secret::Secret;
use crate::time::UnixMillis;

/// Longest text that is kept of an id or a scope, bytes.
const MOST_TEXT: usize = 1_024;
/// Most scopes.
const MOST_ITEMS: usize = 32;
/// Most bytes of the channel, and of what is kept as it came.
const MOST_BYTES: usize = 16 * 1_024;

/// Members of a result that are kept under names of their own, or are the session's alone.
const KNOWN: [&str; 13] = [
    "protocol",
    "authorization",
    "identity",
    "session_restored",
    "sessionid",
    "nodeid",
    "master_nodeid",
    "ice_servers",
    // What some servers and clients let go around in results: secrets, and no news.
    "authentication",
    "authorization_state",
    "jwt_token",
    "token",
    "dpop_token",
];

/// The same of its `authorization`; the times in it are the session's to know.
const KNOWN_OF_AUTHORIZATION: [&str; 4] = ["project_id", "scope", "cnf", "fabric_subscriber"];

/// What the server has told of the connection. What an answer leaves out stays as it was; with a new session, what
/// was said of the old one alone goes, and with another subscriber everything.
///
/// ```
/// use satkeeper_core::wire::connection::{Connection, Told};
/// let result = serde_json::json!({
///     "protocol": "signalwire_1_2_3", "identity": "alice@node",
///     "ice_servers": [{"urls": "turn:turn.example.com", "username": "1800000000:alice", "credential": "…"}],
/// });
/// let mut connection = Connection::default();
/// connection.learn(Told::Connected { resumed: false, restored: None }, &result);
/// assert_eq!(connection.identity.as_deref(), Some("alice@node"));
/// assert_eq!(connection.ice_servers[0].urls, ["turn:turn.example.com"]);
/// assert!(!format!("{connection:?}").contains("1800000000:alice"));
/// ```
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Connection {
    /// The name of the session's channel (`protocol`); the `event_channel` of its events holds it.
    pub protocol: String,
    /// Who the server says this is.
    pub identity: Option<String>,
    /// The session (`sessionid`).
    pub session_id: Option<String>,
    /// The node that serves it (`nodeid`).
    pub node_id: Option<String>,
    /// That node's master (`master_nodeid`).
    pub master_node_id: Option<String>,
    /// `authorization.project_id`.
    pub project_id: Option<String>,
    /// `authorization.fabric_subscriber.space_id`.
    pub space_id: Option<String>,
    /// `authorization.fabric_subscriber.application_id`.
    pub application_id: Option<String>,
    /// `authorization.fabric_subscriber.subscriber_id`.
    pub subscriber_id: Option<String>,
    /// What the token may be used for (`authorization.scope`), of the one that the server last spoke of: after a resume
    /// that is the one before. Empty where it does not say.
    pub scopes: Vec<String>,
    /// For peer connections that are made from now on, and for ICE restarts: a TURN server knows an allocation by the
    /// credentials that it was made with, and refuses others on it.
    pub ice_servers: Vec<IceServer>,
    /// Until when all of their credentials are good, by the local wall clock; `None` where it cannot be told.
    pub ice_expires_at: Option<UnixMillis>,
    /// Whether the server says that it has taken an older session up again with this connection; `None`: it does not
    /// say. What that means for calls and registration: the event `Survived`.
    pub restored: Option<bool>,
    /// When the server says that the credentials end, in its own time.
    pub(crate) ice_ends: Option<UnixMillis>,
    /// As text: a value can take ninety times its memory. Empty: nothing.
    also: String,
}

/// What a result answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Told {
    /// A connect or a resume.
    Connected {
        /// The old session goes on, as far as can be told.
        resumed: bool,
        /// `session_restored`.
        restored: Option<bool>,
    },
    /// A reauthenticate: the connection is what it was.
    Reauthenticated,
}

impl Told {
    /// The method of the request.
    pub(crate) const fn method(self) -> &'static str {
        match self {
            Self::Connected { .. } => connect::METHOD,
            Self::Reauthenticated => reauthenticate::METHOD,
        }
    }
}

/// A part of a result that could not be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unkept {
    /// Which.
    pub field: &'static str,
    /// Why.
    pub reason: &'static str,
}

impl Connection {
    /// Takes in a result. What is too large or not of its kind is left out, and returned: what was there before stays.
    pub fn learn(&mut self, told: Told, result: &Value) -> Vec<Unkept> {
        let mut unkept = Vec::new();
        if let Told::Connected { resumed, restored } = told {
            if !resumed {
                (self.session_id, self.node_id, self.master_node_id) = (None, None, None);
                self.also.clear();
            }
            self.restored = restored;
        }
        let authorization = result.get("authorization").unwrap_or(&Value::Null);
        let subscriber = authorization.get("fabric_subscriber").unwrap_or(&Value::Null);
        let who = text(subscriber, "subscriber_id");
        if who.is_some() && self.subscriber_id.is_some() && who != self.subscriber_id {
            // Of somebody else nothing is left; the channel and its node are what they were.
            *self = Self {
                protocol: core::mem::take(&mut self.protocol),
                session_id: self.session_id.take(),
                node_id: self.node_id.take(),
                master_node_id: self.master_node_id.take(),
                restored: self.restored,
                ..Self::default()
            };
        }
        let mut set =
            |kept: &mut Option<String>, object: &Value, member: &'static str| match text(object, member) {
                Some(text) if text.len() > MOST_TEXT => {
                    unkept.push(Unkept { field: member, reason: TOO_LARGE })
                }
                Some(text) => *kept = Some(text),
                None => {}
            };
        set(&mut self.identity, result, "identity");
        set(&mut self.session_id, result, "sessionid");
        set(&mut self.node_id, result, "nodeid");
        set(&mut self.master_node_id, result, "master_nodeid");
        set(&mut self.project_id, authorization, "project_id");
        set(&mut self.space_id, subscriber, "space_id");
        set(&mut self.application_id, subscriber, "application_id");
        set(&mut self.subscriber_id, subscriber, "subscriber_id");
        if let Some(protocol) = text(result, "protocol").filter(|protocol| protocol.len() <= MOST_BYTES) {
            self.protocol = protocol;
        }
        if let Some(scopes) = authorization.get("scope").and_then(scopes) {
            self.scopes = scopes;
        }
        match result.get("ice_servers").filter(|told| !told.is_null()).map(ice_servers) {
            None => {}
            Some(Err(reason)) => unkept.push(Unkept { field: "ice_servers", reason }),
            Some(Ok(servers)) => {
                self.ice_ends = servers.iter().filter_map(IceServer::ends).min();
                self.ice_servers = servers;
            }
        }
        unkept.extend(self.keep_the_rest(result));
        unkept
    }

    /// What the server has sent besides, for what is new: a JSON object of 16 KiB at most, with `authorization` in it
    /// as far as that is not above.
    #[must_use]
    pub fn also_json(&self) -> &str {
        if self.also.is_empty() { "{}" } else { &self.also }
    }

    /// Says the end of the credentials in local time, the server's clock being ahead of it by so many milliseconds.
    pub(crate) fn place_ice_end(&mut self, offset: i64) {
        self.ice_expires_at = self.ice_ends.map(|ends| ends.shifted(offset.saturating_neg()));
    }

    /// What a server could repeat in an error.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.ice_servers.iter().flat_map(|server| server.username.iter().chain(&server.credential))
    }

    fn keep_the_rest(&mut self, result: &Value) -> Option<Unkept> {
        let mut also: Map<String, Value> = serde_json::from_str(self.also_json()).unwrap_or_default();
        also.extend(unknown(result, &KNOWN));
        if let Some(authorization) = result.get("authorization").filter(|told| told.is_object()) {
            let rest: Map<String, Value> = unknown(authorization, &KNOWN_OF_AUTHORIZATION).collect();
            also.insert("authorization".to_owned(), rest.into());
        }
        if also.is_empty() {
            return None;
        }
        let also = Value::Object(also).to_string();
        if also.len() > MOST_BYTES {
            return Some(Unkept { field: "other members", reason: TOO_LARGE });
        }
        self.also = also;
        None
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("protocol", &self.protocol)
            .field("identity", &self.identity)
            .field("session_id", &self.session_id)
            .field("node_id", &self.node_id)
            .field("subscriber_id", &self.subscriber_id)
            .field("scopes", &self.scopes)
            .field("ice_servers", &self.ice_servers)
            .field("ice_expires_at", &self.ice_expires_at)
            .field("restored", &self.restored)
            .finish_non_exhaustive()
    }
}

fn unknown(object: &Value, known: &'static [&str]) -> impl Iterator<Item = (String, Value)> {
    let members = object.as_object().into_iter().flatten();
    let rest = members.filter(move |(name, _)| !known.contains(&name.as_str()));
    rest.map(|(name, value)| (name.clone(), value.clone()))
}

/// A list of texts, or a text of words.
fn scopes(scope: &Value) -> Option<Vec<String>> {
    let words: Vec<String> = match scope {
        Value::Array(scopes) => scopes.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::String(scopes) => scopes.split([' ', ',']).map(str::to_owned).collect(),
        _ => return None,
    };
    let is_usable = |word: &String| !word.is_empty() && word.len() <= MOST_TEXT;
    Some(words.into_iter().filter(is_usable).take(MOST_ITEMS).collect())
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use super::*;
    use serde_json::json;

    const FRESH: Told = Told::Connected { resumed: false, restored: Some(false) };
    const RESUMED: Told = Told::Connected { resumed: true, restored: Some(true) };

    fn full() -> Value {
        json!({
            "protocol": "p1", "identity": "alice@node", "session_restored": false, "sessionid": "s1", "nodeid": "n1",
            "master_nodeid": "m1", "jwt_token": "CANARY", "brand_new": {"a": 1},
            "authorization": {"jti": "j", "project_id": "project", "scope": ["sat:refresh"],
                "fabric_subscriber": {"subscriber_id": "alice", "space_id": "space", "application_id": null}},
            "ice_servers": [{"urls": ["turn:t"], "username": "1800000000:CANARY", "credential": "CANARY2",
                "credentialType": "password"}],
        })
    }

    #[test]
    fn all_that_is_told_is_there() {
        let mut connection = Connection::default();
        assert_eq!(connection.learn(FRESH, &full()), []);
        assert_eq!(
            (connection.protocol.as_str(), connection.identity.as_deref()),
            ("p1", Some("alice@node"))
        );
        assert_eq!(
            (connection.session_id.as_deref(), connection.node_id.as_deref()),
            (Some("s1"), Some("n1"))
        );
        assert_eq!(connection.master_node_id.as_deref(), Some("m1"));
        assert_eq!(
            (connection.project_id.as_deref(), connection.space_id.as_deref()),
            (Some("project"), Some("space"))
        );
        assert_eq!(
            (connection.subscriber_id.as_deref(), connection.application_id.as_ref()),
            (Some("alice"), None)
        );
        assert_eq!(connection.scopes, ["sat:refresh"]);
        let also: Value = serde_json::from_str(connection.also_json()).unwrap();
        assert_eq!(also["brand_new"]["a"], 1);
        assert_eq!(also["authorization"]["jti"], "j");
        assert_eq!(also.as_object().unwrap().len(), 2);
        assert!(!connection.also_json().contains("CANARY"));
    }

    #[test]
    fn debug_shows_no_credential() {
        let mut connection = Connection::default();
        connection.learn(FRESH, &full());
        assert!(!format!("{connection:?} {connection:#?}").contains("CANARY"));
    }

    #[test]
    fn what_is_left_out_stays() {
        let mut connection = Connection::default();
        connection.learn(FRESH, &full());
        connection.learn(RESUMED, &json!({"protocol": "p1"}));
        assert_eq!((connection.session_id.as_deref(), connection.restored), (Some("s1"), Some(true)));
        assert_eq!(connection.ice_servers.len(), 1);
        connection.learn(Told::Reauthenticated, &json!({"authorization": {"scope": "a b"}}));
        assert_eq!((connection.scopes.len(), connection.restored), (2, Some(true)));
        // A new session is another one; who is there is not.
        connection.learn(FRESH, &json!({"protocol": "p2"}));
        assert_eq!((connection.session_id.as_ref(), connection.node_id.as_ref()), (None, None));
        assert_eq!(
            (connection.protocol.as_str(), connection.identity.as_deref()),
            ("p2", Some("alice@node"))
        );
        assert_eq!(connection.ice_servers.len(), 1);
        connection.learn(Told::Reauthenticated, &json!({"ice_servers": []}));
        assert_eq!((connection.ice_servers.len(), connection.ice_ends), (0, None));
        let other = json!({"authorization": {"fabric_subscriber": {"subscriber_id": "bob"}}});
        connection.learn(FRESH, &other);
        assert_eq!((connection.subscriber_id.as_deref(), connection.identity), (Some("bob"), None));
    }

    #[test]
    fn odd_ice_servers_are_said_and_the_old_ones_stay() {
        let large = json!([{"urls": "turn:t", "username": "u", "credential": "x".repeat(1_000_000)}]);
        let many = Value::Array(vec![json!({"urls": "stun:s"}); 33]);
        let odd = [json!({"urls": "turn:t"}), json!("turn:t"), json!([1]), json!([{"urls": 7}]), large, many];
        for told in odd {
            let mut connection = Connection::default();
            connection.learn(FRESH, &full());
            let unkept = connection.learn(Told::Reauthenticated, &json!({"ice_servers": told}));
            assert!(matches!(unkept.as_slice(), [Unkept { field: "ice_servers", .. }]), "{unkept:?}");
            assert_eq!(connection.ice_servers.len(), 1);
        }
        let mut connection = Connection::default();
        assert_eq!(connection.learn(FRESH, &json!({"ice_servers": [7, {"url": "stun:s"}]})), []);
        assert_eq!(connection.ice_servers.len(), 1, "one that is odd does not spoil the others");
        let mut connection = Connection::default();
        let long = json!({"identity": "x".repeat(2_000), "more": "x".repeat(20_000), "ice_servers": null});
        let fields: Vec<&str> = connection.learn(FRESH, &long).iter().map(|unkept| unkept.field).collect();
        assert_eq!(fields, ["identity", "other members"]);
    }

    #[test]
    fn the_end_of_a_credential_is_in_its_user_name() {
        let server = |username: &str| IceServer {
            urls: vec!["turn:t".to_owned()],
            username: Some(Secret::new(username)),
            credential: None,
            credential_type: None,
        };
        assert_eq!(server("1800000000:alice").ends(), Some(UnixMillis(1_800_000_000_000)));
        for name in
            ["alice", "alice:1800000000", "12:alice", "+1800000000:a", "99999999999999999999:a", ":a", ""]
        {
            assert_eq!(server(name).ends(), None, "{name}");
        }
        let mut connection = Connection::default();
        let two = json!({"ice_servers": [
            {"urls": "turn:a", "username": "1800000100:a"}, {"urls": "turn:b", "username": "1800000000:b"},
            {"urls": "stun:c"},
        ]});
        connection.learn(FRESH, &two);
        connection.place_ice_end(5_000);
        assert_eq!(connection.ice_expires_at, Some(UnixMillis(1_799_999_995_000)));
    }
}
