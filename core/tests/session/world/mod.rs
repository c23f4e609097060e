//! A session, a clock and a tiny scripted server that answers at once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing test may panic"
)]
#![allow(dead_code, unused_imports, unreachable_pub, reason = "each test binary uses its part")]

mod asking;
mod credentials;
mod server;

pub use credentials::{credential, ec, rsa, sat, subscriber};
use server::http_date;
pub use server::{Fault, Minted, RpcFault, Server};

use std::collections::VecDeque;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use satkeeper_core::Now;
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::{AskId, Event, Generation, KeyAlgorithm, Phase, ProviderFacts, SocketId};
use satkeeper_core::secret::Seed;
use satkeeper_core::session::{
    CallId, Config, Connection, Credential, KeyChoice, Notification, NotificationId, Provider, ProviderCall,
    ProviderError, Record, RequestId, Session, SessionEvent, SessionInput, SessionNews, SessionOutput,
    SessionWake, StoreFailure, Subscriber,
};
use satkeeper_core::wire::http::HttpRequest;
use satkeeper_core::wire::json;
use serde_json::{Value, json};

/// Every secret of these tests has it in it.
pub const CANARY: &str = "CANARY";
pub const EPOCH: u64 = 1_700_000_000_000;
pub const INFO: &str = "/api/fabric/subscriber/info";
pub const DEVICE_TOKEN: &str = "/api/fabric/subscriber/devices/token";
pub const DEVICE_REFRESH: &str = "/api/fabric/subscriber/devices/refresh";
pub const CREATE: &str = "/api/fabric/subscribers/tokens";
pub const REFRESH: &str = "/api/fabric/subscribers/tokens/refresh";
pub const EMBED: &str = "/api/fabric/embeds/tokens";
pub const GUEST: &str = "/api/fabric/guests/tokens";

/// An application's own provider, which refreshes.
pub const CALLBACK: Provider =
    Provider::callback(ProviderFacts { can_refresh: true, can_mint_again: false, may_be_asked_twice: false });

/// An unbound session with a token of two hours.
pub fn unbound() -> World {
    let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::None));
    world
        .server
        .tokens
        .insert(sat("one", "relay.sw.test"), Minted { ends: EPOCH + 7_200_000, ..Minted::default() });
    world.provider.push_back(Ok(credential("one")));
    world.give(SessionInput::Start);
    assert!(world.is_live(), "{:?}", world.events);
    world
}

/// A subscriber's, client-bound.
pub fn bound() -> World {
    let world = World::start(Config::new(subscriber()));
    assert!(world.is_live(), "{:?}", world.events);
    world
}

/// What the external signer does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Signs {
    AtOnce,
    Later,
    Never,
}

pub struct World {
    pub signs: Signs,
    /// What it was asked to sign: the claims.
    pub signatures: Vec<(RequestId, String)>,
    pub session: Session,
    pub server: Server,
    pub now: u64,
    pub wall: i64,
    pub wake: Option<u64>,
    pub wakes: Vec<SessionWake>,
    pub inbox: VecDeque<SessionInput>,
    /// The application's provider: what it answers next.
    pub provider: VecDeque<Result<Credential, ProviderError>>,
    pub provider_calls: Vec<ProviderCall>,
    pub silent: Vec<(RequestId, HttpRequest)>,
    pub events: Vec<SessionEvent>,
    pub settled: Vec<(AskId, Result<Generation, Error>)>,
    pub returned: Vec<(CallId, Result<Value, Error>)>,
    pub notifications: Vec<Notification>,
    pub responded: Vec<(NotificationId, Result<(), Error>)>,
    pub fetched: Vec<(AskId, Result<Arc<Subscriber>, Error>)>,
    pub connections: Vec<Arc<Connection>>,
    pub opened: Vec<(SocketId, String)>,
    pub closed: Vec<SocketId>,
    pub keys_refused: bool,
    /// What was written, newest last.
    pub records: Vec<String>,
    /// What the store answers next: a failure, or (`None`) nothing. Empty: all is well.
    pub stores: VecDeque<Option<StoreFailure>>,
    pub unstored: Vec<RequestId>,
    /// How long each write may take.
    pub write_spans: Vec<u64>,
    over: bool,
}

/// Whatever goes in and comes out can be printed by a driver.
fn assert_unshown(value: &impl std::fmt::Debug) {
    let printed = format!("{value:?} {value:#?}");
    assert!(!printed.contains(CANARY), "a secret leaked: {printed}");
}

impl World {
    pub fn new(config: Config) -> Self {
        Self {
            signs: Signs::Never,
            signatures: Vec::new(),
            session: Session::new(config, Seed::from_bytes([7; 32])),
            server: Server::new(),
            now: 1_000,
            wall: 0,
            wake: None,
            wakes: Vec::new(),
            inbox: VecDeque::new(),
            provider: VecDeque::new(),
            provider_calls: Vec::new(),
            silent: Vec::new(),
            events: Vec::new(),
            settled: Vec::new(),
            returned: Vec::new(),
            notifications: Vec::new(),
            responded: Vec::new(),
            fetched: Vec::new(),
            connections: Vec::new(),
            opened: Vec::new(),
            closed: Vec::new(),
            keys_refused: false,
            records: Vec::new(),
            stores: VecDeque::new(),
            unstored: Vec::new(),
            write_spans: Vec::new(),
            over: false,
        }
    }

    pub fn start(config: Config) -> Self {
        let mut world = Self::new(config);
        world.give(SessionInput::Start);
        world
    }

    /// The process is killed; `down` later another one goes on from this record, with a clock of its own. What
    /// is asked of the server from now on is counted anew.
    pub fn restart(&mut self, config: Config, down: u64, record: &str) {
        self.wall += (self.now + down).cast_signed();
        self.now = 0;
        let record = Record::decode(record.as_bytes()).unwrap();
        let now = Now::new(self.now, self.unix());
        self.session = Session::restore(config, Seed::from_bytes([8; 32]), &record, now);
        self.inbox.clear();
        self.silent.clear();
        self.opened.clear();
        self.over = false;
        self.clear();
        self.give(SessionInput::Start);
    }

    pub fn unix(&self) -> u64 {
        (EPOCH + self.now).saturating_add_signed(self.wall)
    }

    /// Gives an input, and everything that follows at once.
    pub fn give(&mut self, input: SessionInput) {
        self.inbox.push_back(input);
        for _ in 0..2_000 {
            let Some(input) = self.inbox.pop_front() else { return };
            let was_over = self.over;
            assert_unshown(&input);
            let step = self.session.step(Now::new(self.now, self.unix()), input);
            self.session.check().unwrap();
            self.wake = step.wake_at.map(|(at, _)| at.0);
            self.wakes.extend(step.wake_at.map(|(_, wake)| wake));
            assert_unshown(&(&step, &self.session));
            for output in step.outputs {
                let answers_the_late = matches!(
                    output,
                    SessionOutput::Settled { result: Err(Error::SessionOver), .. }
                        | SessionOutput::Returned { result: Err(Error::SessionOver), .. }
                        | SessionOutput::Fetched { result: Err(Error::SessionOver), .. }
                        | SessionOutput::Responded { result: Err(Error::SessionOver), .. }
                );
                assert!(!was_over || answers_the_late, "something came out after the end");
                self.carry_out(output);
            }
        }
        panic!("no rest");
    }

    /// Lets time pass, stepping exactly when asked to.
    pub fn pass(&mut self, ms: u64) {
        let until = self.now + ms;
        for _ in 0..20_000 {
            match self.wake {
                Some(at) if at <= until => {
                    self.now = at.max(self.now);
                    self.give(SessionInput::Tick);
                }
                _ => {
                    self.now = until;
                    return;
                }
            }
        }
        panic!("it never sleeps");
    }

    fn carry_out(&mut self, output: SessionOutput) {
        let unix = self.unix();
        match output {
            SessionOutput::Request { id, request, deadline } => {
                assert!(deadline.0 > self.now);
                match self.server.http(unix, &request) {
                    Some(result) => self.inbox.push_back(SessionInput::Http { id, result }),
                    None => self.silent.push((id, request)),
                }
            }
            SessionOutput::Open { socket, url, .. } => {
                self.opened.push((socket, url.as_str().to_owned()));
                if self.server.opens {
                    let date = self
                        .server
                        .date
                        .then(|| http_date(unix.saturating_add_signed(self.server.ahead) / 1_000));
                    self.inbox.push_back(SessionInput::Opened { socket, date });
                } else {
                    self.inbox.push_back(SessionInput::Closed { socket, error: self.server.refusal.clone() });
                }
            }
            SessionOutput::Send { socket, text } => {
                let frame: Value = serde_json::from_str(text.expose()).unwrap();
                self.server.frames.push((socket, frame.clone()));
                self.rpc(socket, &frame);
            }
            SessionOutput::Close { socket } => self.closed.push(socket),
            SessionOutput::AskProvider { id, call, .. } => {
                self.provider_calls.push(call);
                if let Some(result) = self.provider.pop_front() {
                    self.inbox.push_back(SessionInput::Credential { id, result });
                }
            }
            SessionOutput::MakeKey { id, algorithm, .. } => {
                let result = match algorithm {
                    _ if self.keys_refused => Err(Error::DpopInit { message: "none".to_owned() }),
                    KeyAlgorithm::Es256 => Ok(ec()),
                    _ => Ok(rsa()),
                };
                self.inbox.push_back(SessionInput::Key { id, result });
            }
            SessionOutput::Sign { id, input, thumbprint, .. } => {
                assert_eq!(thumbprint, ec().thumbprint());
                let claims = input.expose().split('.').nth(1).unwrap().to_owned();
                let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
                self.signatures.push((id, claims));
                let result = match self.signs {
                    Signs::AtOnce => Ok(vec![7; 64]),
                    Signs::Later => return,
                    Signs::Never => Err(Error::Transport { message: "the KMS is away".to_owned() }),
                };
                self.inbox.push_back(SessionInput::Signature { id, result });
            }
            SessionOutput::Persist { id, record, deadline } => {
                self.write_spans.push(deadline.0 - self.now);
                self.records.push(record.encode().expose().to_owned());
                match self.stores.pop_front() {
                    None => self.inbox.push_back(SessionInput::Stored { id, result: Ok(()) }),
                    Some(Some(failure)) => {
                        self.inbox.push_back(SessionInput::Stored { id, result: Err(failure) });
                    }
                    Some(None) => self.unstored.push(id),
                }
            }
            SessionOutput::Erase { id, .. } => {
                self.records.clear();
                self.inbox.push_back(SessionInput::Stored { id, result: Ok(()) });
            }
            SessionOutput::Tell(event) => {
                let printed = format!("{event:?} {:?}", event.cause.as_ref().map(ToString::to_string));
                assert!(!printed.contains(CANARY), "a secret leaked: {printed}");
                self.over |= matches!(event.event, SessionNews::Lifecycle(Event::Teardown { .. }));
                self.events.push(event);
            }
            SessionOutput::Settled { ask, result } => {
                assert!(!format!("{result:?}").contains(CANARY));
                self.settled.push((ask, result));
            }
            SessionOutput::Returned { call, result } => {
                if let Err(error) = &result {
                    assert!(!format!("{error:?} {error}").contains(CANARY));
                }
                self.returned.push((call, result.map(|result| json::whole(&result))));
            }
            SessionOutput::Notification(notification) => self.notifications.push(notification),
            SessionOutput::Responded { notification, result } => self.responded.push((notification, result)),
            SessionOutput::Fetched { ask, result } => self.fetched.push((ask, result)),
            SessionOutput::Connection(connection) => self.connections.push(connection),
            SessionOutput::Subscriber(_) => {}
            other => panic!("{other:?} is new"),
        }
    }

    fn rpc(&mut self, socket: SocketId, frame: &Value) {
        let Some(method) = frame["method"].as_str() else { return };
        let id = frame["id"].clone();
        let unix = self.unix().saturating_add_signed(self.server.ahead);
        if let Some(proof) = frame["params"]["dpop_token"].as_str() {
            let claims = self.server.proof(proof, unix);
            assert_eq!(claims["mth"], *method);
        }
        let fault = self
            .server
            .rpc_faults
            .get_mut(method)
            .and_then(VecDeque::pop_front)
            .or_else(|| self.server.methods.get_mut(method).and_then(VecDeque::pop_front));
        let answer = match fault {
            Some(RpcFault::Silent) => return,
            Some(RpcFault::Error(code, message)) => {
                json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
            }
            Some(RpcFault::Result(result)) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            None => match method {
                "signalwire.connect" | "signalwire.reauthenticate" => {
                    let token = frame["params"]["authentication"]["jwt_token"].as_str().unwrap();
                    match self.server.tokens.get(token).filter(|it| it.ends > unix) {
                        None => json!({"jsonrpc": "2.0", "id": id, "error":
                            {"code": -32_002, "message": format!("Authentication failed for {token}")}}),
                        Some(it) => {
                            let mut authorization = json!({
                                "jti": "j", "project_id": "project",
                                "fabric_subscriber": {"expires_at": it.ends / 1_000},
                            });
                            if let Some(jkt) = it.jkt.as_ref().filter(|jkt| !jkt.is_empty()) {
                                authorization["cnf"] = json!({"jkt": jkt});
                            }
                            if it.scope {
                                authorization["scope"] = json!(["sat:refresh"]);
                            }
                            let mut result = json!({
                                "identity": "i", "protocol": "signalwire_p", "session_restored":
                                frame["params"]["authorization_state"].is_string(),
                                "authorization": authorization,
                            });
                            if let Some(life) = self.server.ice_life_s
                                && (method == "signalwire.connect" || self.server.reauthenticate_ice)
                            {
                                let username = format!("{}:alice", unix / 1_000 + life);
                                result["ice_servers"] = json!([{
                                    "urls": ["turn:turn.test"], "username": username,
                                    "credential": format!("{CANARY}turn"),
                                }]);
                            }
                            json!({"jsonrpc": "2.0", "id": id, "result": result})
                        }
                    }
                }
                _ => json!({"jsonrpc": "2.0", "id": id, "result": {}}),
            },
        };
        self.inbox.push_back(SessionInput::Frame { socket, text: answer.to_string() });
    }
}
