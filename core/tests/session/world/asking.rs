//! What a test says to the world, and what it asks of it.

use satkeeper_core::lifecycle::{Event, Phase};
use satkeeper_core::session::{CallId, RequestId, SessionEvent, SessionInput, SessionNews};
use serde_json::{Value, json};

use super::{CANARY, World};

impl World {
    // ---- What a test says ----

    /// The server sends a frame on the newest socket.
    pub fn push(&mut self, frame: &Value) {
        let socket = self.opened.last().unwrap().0;
        self.give(SessionInput::Frame { socket, text: frame.to_string() });
    }

    pub fn push_state(&mut self) {
        self.push(&json!({"jsonrpc": "2.0", "id": "state", "method": "signalwire.event", "params": {
            "event_type": "signalwire.authorization.state",
            "params": {"authorization_state": format!("{CANARY}state")},
        }}));
    }

    pub fn drop_socket(&mut self) {
        let socket = self.opened.last().unwrap().0;
        self.give(SessionInput::Closed { socket, error: None });
    }

    pub fn sign(&mut self, id: RequestId) {
        self.give(SessionInput::Signature { id, result: Ok(vec![7; 64]) });
    }

    pub fn call(&mut self, call: u64, method: &str) {
        let call = CallId(call);
        self.give(SessionInput::Call { call, method: method.to_owned(), params: json!({}) });
    }

    // ---- What a test asks ----

    pub fn phase(&self) -> Phase {
        self.session.status().phase
    }

    pub fn is_live(&self) -> bool {
        self.phase() == Phase::Live
    }

    pub fn sent(&self, method: &str) -> Vec<&Value> {
        self.server.frames.iter().map(|(_, frame)| frame).filter(|it| it["method"] == method).collect()
    }

    pub fn asked(&self, path: &str) -> Vec<&(String, Value, String)> {
        self.server.requests.iter().filter(|(asked, ..)| asked == path).collect()
    }

    pub fn told(&self) -> Vec<Event> {
        let event = |it: &SessionEvent| match it.event {
            SessionNews::Lifecycle(event) => Some(event),
            _ => None,
        };
        self.events.iter().filter_map(event).collect()
    }

    pub fn clear(&mut self) {
        self.events.clear();
        self.server.frames.clear();
        self.server.requests.clear();
        self.provider_calls.clear();
    }
}
