//! What the server remembers of a session, to write its answers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answered;
use crate::client::{Ask, Bad, Good, Reply, Serial};

/// Of one session.
#[derive(Debug, Default)]
pub(super) struct Server {
    /// Client-bound tokens, and the thumbprints of their keys.
    bound: BTreeMap<Serial, String>,
    /// What the session's channel is called.
    channels: u64,
    /// The token that the session was let in with, and the one that its newest state was made for.
    let_in: Option<Serial>,
    state_of: Option<Serial>,
    states: u64,
    pushed: u64,
}

impl Server {
    /// A token is issued: it may be bound to a key.
    pub(super) fn learns(&mut self, reply: &Reply, binds: Option<String>) {
        if let (Ok(Good::Token { token, .. }), Some(thumbprint)) = (reply.result, binds) {
            self.bound.insert(token, thumbprint);
        }
    }

    /// The answer to a request on a socket; `None`: it never comes.
    pub(super) fn answers(&mut self, id: &str, ask: &Ask, result: Result<Good, Bad>) -> Option<String> {
        let about = match (ask, result) {
            (Ask::Connect { .. }, Ok(Good::Connected { resumed: true, .. })) => self.state_of,
            (Ask::Connect { token, .. }, Ok(_)) => {
                self.channels += 1;
                self.let_in = Some(*token);
                Some(*token)
            }
            (Ask::Push(_, token, _), Ok(_)) => {
                self.let_in = Some(*token);
                Some(*token)
            }
            _ => None,
        };
        let protocol = format!("signalwire_b0f0c7a2_{}_4.0", self.channels);
        let is_bound = self.key_of(about);
        answered::frame(id, result, &answered::Session { protocol: &protocol, is_bound })
    }

    /// A request of the server's, as its text.
    pub(super) fn pushes(&mut self, method: &str, params: &Value) -> String {
        self.pushed += 1;
        answered::pushed(self.pushed, method, params)
    }

    /// A state that the session can be resumed with, as the parameters that bring it.
    pub(super) fn state(&mut self) -> Value {
        self.states += 1;
        self.state_of = self.let_in;
        answered::state_event(self.states)
    }

    /// The thumbprint of the key that a token is bound to.
    pub(super) fn key_of(&self, token: Option<Serial>) -> Option<&str> {
        token.and_then(|token| self.bound.get(&token)).map(String::as_str)
    }
}
