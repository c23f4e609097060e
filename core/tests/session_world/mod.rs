//! A session, a clock and a tiny scripted server that answers at once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing test may panic"
)]
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use satkeeper_core::Now;
use satkeeper_core::dpop::{Algorithm, ProofKey, ProofSigner, PublicJwk, SignError};
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::{AskId, Event, Generation, KeyAlgorithm, Phase, SocketId};
use satkeeper_core::secret::{Secret, Seed};
use satkeeper_core::session::{
    CallId, Config, Credential, Notification, Provider, ProviderCall, ProviderError, Record, RequestId,
    Session, SessionEvent, SessionInput, SessionNews, SessionOutput, SessionWake, StoreFailure,
};
use satkeeper_core::wire::http::{HttpRequest, HttpResponse};
use satkeeper_core::wire::rest::{CreateSubscriberToken, Space};
use satkeeper_core::wire::url::{Plain, SecureUrl};
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

/// A token that decodes, for the host in `ch`.
pub fn sat(name: &str, ch: &str) -> String {
    let header = json!({"alg": "dir", "enc": "A256GCM", "typ": "SAT", "ch": ch}).to_string();
    format!("{}..iv.{CANARY}{name}.tag", URL_SAFE_NO_PAD.encode(header))
}

pub fn credential(name: &str) -> Credential {
    Credential::new(Secret::new(sat(name, "relay.sw.test")))
}

pub fn subscriber() -> Provider {
    let url = SecureUrl::parse("https://space.signalwire.test", Plain::Never).unwrap();
    let space = Space::new(url, "project", &Secret::new(format!("PT{CANARY}"))).unwrap();
    let request = CreateSubscriberToken { reference: "alice".to_owned(), ..Default::default() };
    Provider::Subscriber { space, request: Box::new(request) }
}

/// What the server has minted.
#[derive(Clone, Default)]
pub struct Minted {
    pub ends: u64,
    pub scope: bool,
    pub jkt: Option<String>,
}

/// What the server does next instead of what it should.
pub enum Fault {
    /// Answer with this.
    Http(HttpResponse),
    /// The network breaks.
    Broken,
    /// Answer nothing.
    Silent,
}

pub enum RpcFault {
    Error(i64, &'static str),
    Result(Value),
    Silent,
}

pub struct Server {
    /// How far its clock is ahead, ms.
    pub ahead: i64,
    pub date: bool,
    pub life_s: u64,
    pub device_life_s: u64,
    pub scope: bool,
    pub tokens: BTreeMap<String, Minted>,
    pub refresh_token: Option<String>,
    pub serial: u32,
    pub http_faults: BTreeMap<&'static str, VecDeque<Fault>>,
    pub rpc_faults: BTreeMap<&'static str, VecDeque<RpcFault>>,
    /// Answers of the application's methods.
    pub methods: BTreeMap<&'static str, VecDeque<RpcFault>>,
    pub opens: bool,
    pub requests: Vec<(String, Value, String)>,
    pub frames: Vec<(SocketId, Value)>,
    pub proofs: Vec<Value>,
    jtis: BTreeSet<String>,
}

impl Server {
    fn new() -> Self {
        Self {
            ahead: 0,
            date: true,
            life_s: 7_200,
            device_life_s: 900,
            scope: true,
            tokens: BTreeMap::new(),
            refresh_token: None,
            serial: 0,
            http_faults: BTreeMap::new(),
            rpc_faults: BTreeMap::new(),
            methods: BTreeMap::new(),
            opens: true,
            requests: Vec::new(),
            frames: Vec::new(),
            proofs: Vec::new(),
            jtis: BTreeSet::new(),
        }
    }

    fn mint(&mut self, now: u64, life_s: u64, scope: bool, jkt: Option<String>) -> String {
        self.serial += 1;
        let token = sat(&format!("minted{}", self.serial), "relay.sw.test");
        self.tokens.insert(token.clone(), Minted { ends: now + life_s * 1_000, scope, jkt });
        token
    }

    /// Reads a proof and checks what every proof must be.
    fn proof(&mut self, jws: &str, now: u64) -> Value {
        let parts = jws.split('.').collect::<Vec<_>>();
        let decode =
            |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
        let (header, claims) = (decode(parts[0]), decode(parts[1]));
        assert_eq!(header["typ"], "dpop+jwt");
        assert!(self.jtis.insert(claims["jti"].as_str().unwrap().to_owned()), "a proof was sent twice");
        let skew = now.abs_diff(claims["iat"].as_u64().unwrap() * 1_000);
        let mut claims = claims;
        claims["skew_ms"] = skew.into();
        claims["alg"] = header["alg"].clone();
        self.proofs.push(claims.clone());
        claims
    }

    fn http(&mut self, now: u64, request: &HttpRequest) -> Option<Result<HttpResponse, Error>> {
        let now = now.saturating_add_signed(self.ahead);
        let body: Value =
            request.body.as_ref().map_or(Value::Null, |body| serde_json::from_str(body.expose()).unwrap());
        let authorization = request
            .headers
            .iter()
            .find(|(name, _)| *name == "authorization")
            .map_or(String::new(), |(_, value)| value.expose().to_owned());
        let path = request.url.path().to_owned();
        self.requests.push((path.clone(), body.clone(), authorization.clone()));
        let mut answer = match self.http_faults.get_mut(path.as_str()).and_then(VecDeque::pop_front) {
            Some(Fault::Silent) => return None,
            Some(Fault::Broken) => return Some(Err(Error::Transport { message: "reset".to_owned() })),
            Some(Fault::Http(response)) => response,
            None => self.answer(now, &path, &body, authorization.trim_start_matches("Bearer ")),
        };
        if self.date && answer.date.is_none() {
            answer.date = Some(http_date(now / 1_000));
        }
        Some(Ok(answer))
    }

    fn answer(&mut self, now: u64, path: &str, body: &Value, bearer: &str) -> HttpResponse {
        let json = |status, body: Value| HttpResponse::new(status, body.to_string());
        match path {
            CREATE | REFRESH => {
                if path == REFRESH {
                    let presented = body["refresh_token"].as_str().map(str::to_owned);
                    if presented.is_none() || presented != self.refresh_token {
                        return json(422, json!({"errors": [{"code": "token_expired"}]}));
                    }
                }
                let jkt = body["fingerprint"].as_str().map(str::to_owned);
                let scope = self.scope && body["scope"] == "sat:refresh";
                let token = self.mint(now, self.life_s, scope, jkt);
                let refresh = format!("refresh{CANARY}{}", self.serial);
                self.refresh_token = Some(refresh.clone());
                json(200, json!({"subscriber_id": "s", "token": token, "refresh_token": refresh}))
            }
            EMBED => {
                let token = self.mint(now, 3_600, false, None);
                json(201, json!({"token": token}))
            }
            INFO => match self.tokens.get(bearer).filter(|it| it.ends > now) {
                None => HttpResponse::new(401, "Unauthorized"),
                Some(it) if !it.scope && it.jkt.is_none() => json(200, json!({"id": "s"})),
                Some(it) => {
                    let scope = if it.scope { json!(["sat:refresh"]) } else { json!([]) };
                    let mut claims = json!({"scope": scope, "expires_at": it.ends / 1_000});
                    if let Some(jkt) = &it.jkt {
                        claims["cnf"] = json!({"jkt": jkt});
                    }
                    json(200, json!({"id": "s", "sat_claims": claims}))
                }
            },
            DEVICE_TOKEN | DEVICE_REFRESH => {
                let claims = self.proof(body["dpop_token"].as_str().unwrap(), now);
                assert_eq!(claims["htm"], "POST");
                let Some(it) = self.tokens.get(bearer).filter(|it| it.ends > now).cloned() else {
                    return json(401, json!({"error": "Unauthorized"}));
                };
                let token = self.mint(now, self.device_life_s, true, it.jkt.or(Some(String::new())));
                json(200, json!({"token": token, "expires_in": self.device_life_s}))
            }
            _ => json(404, json!({"error": "Not Found"})),
        }
    }
}

fn http_date(unix_s: u64) -> String {
    // 2023-11-14T22:13:20Z is 1_700_000_000; these tests stay within a few days of it.
    let days = unix_s / 86_400 - 19_675;
    let second = unix_s % 86_400;
    let names = ["Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Mon"];
    let name = names[usize::try_from(days % 7).unwrap()];
    let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{name}, {:02} Nov 2023 {h:02}:{m:02}:{s:02} GMT", 14 + days)
}

struct Fake;

impl ProofSigner for Fake {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(vec![7; 256])
    }
}

pub fn rsa() -> ProofKey {
    ProofKey::new(Algorithm::Rs256, PublicJwk::rsa(&[5; 256], &[1, 0, 1]), Arc::new(Fake)).unwrap()
}

pub fn ec() -> ProofKey {
    ProofKey::es256_from_bytes(&[9; 32]).unwrap()
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
    pub opened: Vec<(SocketId, String)>,
    pub closed: Vec<SocketId>,
    pub keys_refused: bool,
    /// What was written, newest last.
    pub records: Vec<String>,
    /// What the store answers next: a failure, or (`None`) nothing. Empty: all is well.
    pub stores: VecDeque<Option<StoreFailure>>,
    pub unstored: Vec<RequestId>,
    over: bool,
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
            opened: Vec::new(),
            closed: Vec::new(),
            keys_refused: false,
            records: Vec::new(),
            stores: VecDeque::new(),
            unstored: Vec::new(),
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
            let step = self.session.step(Now::new(self.now, self.unix()), input);
            self.session.check().unwrap();
            self.wake = step.wake_at.map(|(at, _)| at.0);
            self.wakes.extend(step.wake_at.map(|(_, wake)| wake));
            for output in step.outputs {
                let answers_the_late = matches!(
                    output,
                    SessionOutput::Settled { result: Err(Error::SessionOver), .. }
                        | SessionOutput::Returned { result: Err(Error::SessionOver), .. }
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
                    self.inbox.push_back(SessionInput::Closed { socket, error: None });
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
                    KeyAlgorithm::Rs256 => Ok(rsa()),
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
            SessionOutput::Persist { id, record, .. } => {
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
                self.returned.push((call, result));
            }
            SessionOutput::Notification(notification) => self.notifications.push(notification),
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
                            json!({"jsonrpc": "2.0", "id": id, "result": {
                                "identity": "i", "protocol": "signalwire_p", "session_restored":
                                frame["params"]["authorization_state"].is_string(),
                                "authorization": authorization,
                            }})
                        }
                    }
                }
                _ => json!({"jsonrpc": "2.0", "id": id, "result": {}}),
            },
        };
        self.inbox.push_back(SessionInput::Frame { socket, text: answer.to_string() });
    }

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
