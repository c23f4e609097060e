//! A session, virtual time, and a server that first says what the fuzzer wants and is well ever after.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use satkeeper_core::Now;
use satkeeper_core::dpop::{Algorithm, ProofKey, ProofSigner, PublicJwk, SignError};
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::{Event, KeyAlgorithm, Phase, ProviderFacts, SocketId};
use satkeeper_core::secret::{Secret, Seed};
use satkeeper_core::session::{
    Config, Credential, KeyChoice, Provider, ProviderError, Record, Session, SessionInput, SessionNews,
    SessionOutput,
};
use satkeeper_core::wire::http::{HttpRequest, HttpResponse};
use satkeeper_core::wire::rest::{CreateSubscriberToken, GuestToken, Space};
use satkeeper_core::wire::url::{Plain, SecureUrl};
use serde_json::{Value, json};

/// Tokens of the server's own making, and when they end, unix milliseconds.
pub(crate) type Tokens = BTreeMap<String, u64>;

pub(crate) const EPOCH: u64 = 1_800_000_000_000;
/// In each secret that is not the fuzzer's own.
const CANARY: &str = "CANARY";
/// `{"alg":"dir","enc":"A256GCM","typ":"SAT"}`
const HEADER: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwidHlwIjoiU0FUIn0";
/// Long enough for any wait, milliseconds.
const LONG: u64 = 3 * 24 * 3_600_000;
/// As long as a token lives that the server makes when it is well, milliseconds.
const A_WHILE: u64 = 900_000;
/// More steps than this are a storm.
const MOST_STEPS: usize = 20_000;

pub(crate) struct World {
    session: Session,
    now: u64,
    wake: Option<u64>,
    inbox: VecDeque<SessionInput>,
    socket: Option<SocketId>,
    last_id: String,
    pub(crate) tokens: Tokens,
    over: bool,
    /// The fuzzer knows the canary: then it may come out.
    is_told: bool,
    /// What the fuzzer wants said, each once.
    pub(crate) responses: VecDeque<HttpResponse>,
    pub(crate) frames: VecDeque<String>,
    pub(crate) credentials: VecDeque<Result<Credential, ProviderError>>,
}

/// A session of this kind: who brings tokens, and with which key.
pub(crate) fn config(kind: &str) -> Config {
    let space = || {
        let url = SecureUrl::parse("https://space.signalwire.test", Plain::Never).expect("a good URL");
        Space::new(url, "project", &Secret::new(format!("PT{CANARY}"))).expect("a good space")
    };
    let fixed = || Credential::new(Secret::new(format!("{HEADER}..{CANARY}.static.")));
    let provider = match kind {
        "static" | "bound" => Provider::Static(fixed()),
        "embed" => Provider::Embed {
            token: Secret::new(format!("c2c_{CANARY}")),
            host: SecureUrl::parse("https://space.signalwire.test", Plain::Never).expect("a good URL"),
        },
        "guest" => {
            let address = "00000000-0000-4000-8000-000000000000".to_owned();
            let request = GuestToken { allowed_addresses: vec![address], ..Default::default() };
            Provider::Guest { space: space(), request }
        }
        "callback" => Provider::callback(ProviderFacts {
            can_refresh: true,
            can_mint_again: true,
            may_be_asked_twice: false,
        }),
        _ => {
            let request = CreateSubscriberToken { reference: "alice".to_owned(), ..Default::default() };
            Provider::Subscriber { space: space(), request: Box::new(request) }
        }
    };
    let key = match kind {
        "static" | "guest" => KeyChoice::None,
        "subscriber" => KeyChoice::Auto,
        _ => KeyChoice::Held { key: key(), proved: kind == "bound" },
    };
    Config::new(provider).key(key).durable(true)
}

impl World {
    pub(crate) fn new(config: Config, data: &[u8]) -> Self {
        let fixed = BTreeMap::from([(format!("{HEADER}..{CANARY}.static."), EPOCH + 7_200_000)]);
        Self::with(Session::new(config, Seed::from_bytes([7; 32])), fixed, data)
    }

    pub(crate) fn restored(config: Config, record: &Record, tokens: Tokens, data: &[u8]) -> Self {
        let seed = Seed::from_bytes([8; 32]);
        Self::with(Session::restore(config, seed, record, Now::new(0, EPOCH)), tokens, data)
    }

    fn with(session: Session, tokens: Tokens, data: &[u8]) -> Self {
        Self {
            session,
            now: 0,
            wake: None,
            inbox: VecDeque::from([SessionInput::Start]),
            socket: None,
            last_id: String::new(),
            tokens,
            over: false,
            is_told: data.windows(CANARY.len()).any(|part| part == CANARY.as_bytes()),
            responses: VecDeque::new(),
            frames: VecDeque::new(),
            credentials: VecDeque::new(),
        }
    }

    /// Runs until the fuzzer has nothing more to say and a while after: with a server that is well the session must
    /// be live then, or over.
    ///
    /// # Panics
    /// When it does not, or when an invariant breaks.
    pub(crate) fn run(&mut self) -> &Session {
        let mut since = 0;
        for _ in 0..MOST_STEPS {
            if let Some(input) = self.inbox.pop_front() {
                self.step(input);
                continue;
            }
            let has_more = self.frames.front().is_some() && self.socket.is_some();
            if !self.responses.is_empty() || !self.credentials.is_empty() || has_more {
                since = self.now;
            }
            let (is_live, calm) = (self.session.status().phase == Phase::Live, self.now - since);
            if self.over || (is_live && calm >= A_WHILE) {
                return &self.session;
            }
            assert!(is_live || calm < LONG, "days before a server that is well: {:?}", self.session.why());
            match self.frames.pop_front().zip(self.socket) {
                Some((text, socket)) => {
                    let text = text.replace("$id", &self.last_id);
                    self.inbox.push_back(SessionInput::Frame { socket, text });
                }
                None => {
                    let at = self.wake.expect("a session that is not over waits for something");
                    self.now = self.now.max(at);
                    self.inbox.push_back(SessionInput::Tick);
                }
            }
        }
        panic!("a storm: {MOST_STEPS} steps in {} ms", self.now);
    }

    fn step(&mut self, input: SessionInput) {
        let is_tick = matches!(input, SessionInput::Tick);
        let was_over = self.over;
        let step = self.session.step(Now::new(self.now, EPOCH + self.now), input);
        if let Err(broken) = self.session.check() {
            panic!("{broken}");
        }
        self.wake = step.wake_at.map(|(at, _)| at.0);
        assert!(!was_over || (step.outputs.is_empty() && self.wake.is_none()), "something after the end");
        let stays = is_tick && step.outputs.is_empty() && self.wake.is_some_and(|at| at <= self.now);
        assert!(!stays, "a deadline that nothing comes of: {:?}", step.wake_at);
        for output in step.outputs {
            self.carry_out(output);
        }
    }

    fn carry_out(&mut self, output: SessionOutput) {
        let input = match output {
            SessionOutput::Request { id, request, .. } => {
                let response = match self.responses.pop_front() {
                    Some(response) => echo(response, bearer(&request)),
                    None => self.answer(&request),
                };
                SessionInput::Http { id, result: Ok(response) }
            }
            SessionOutput::Open { socket, .. } => {
                self.socket = Some(socket);
                SessionInput::Opened { socket, date: Some(self.date()) }
            }
            SessionOutput::Close { socket } => {
                self.socket = self.socket.filter(|open| *open != socket);
                return;
            }
            SessionOutput::Send { socket, text } => {
                let frame: Value = serde_json::from_str(text.expose()).expect("our own frames are JSON");
                frame["id"].as_str().unwrap_or_default().clone_into(&mut self.last_id);
                let text = match self.frames.pop_front() {
                    Some(text) => text.replace("$id", &self.last_id),
                    None => self.acknowledge(&frame),
                };
                SessionInput::Frame { socket, text }
            }
            SessionOutput::AskProvider { id, .. } => {
                let good = |world: &mut Self| Ok(Credential::new(Secret::new(world.mint(3_600))));
                let result = self.credentials.pop_front().unwrap_or_else(|| good(self));
                SessionInput::Credential { id, result }
            }
            SessionOutput::MakeKey { id, algorithm, .. } => {
                let none = Err(Error::DpopInit { message: "no RSA here".to_owned() });
                let result = if algorithm == KeyAlgorithm::Es256 { Ok(key()) } else { none };
                SessionInput::Key { id, result }
            }
            SessionOutput::Persist { id, record, .. } => {
                let written = record.encode();
                let read = Record::decode(written.expose().as_bytes()).expect("what is written can be read");
                assert!(read.encode() == written, "a record changes when it is read");
                SessionInput::Stored { id, result: Ok(()) }
            }
            SessionOutput::Erase { id, .. } => SessionInput::Stored { id, result: Ok(()) },
            SessionOutput::Tell(told) => {
                let shown = format!("{told:?} {:?}", told.cause.as_ref().map(ToString::to_string));
                assert!(self.is_told || !shown.contains(CANARY), "a secret came out: {shown}");
                self.over |= matches!(told.event, SessionNews::Lifecycle(Event::Teardown { .. }));
                return;
            }
            _ => return,
        };
        self.inbox.push_back(input);
    }

    fn mint(&mut self, life_s: u64) -> String {
        let token = format!("{HEADER}..{CANARY}.{}.", self.tokens.len());
        self.tokens.insert(token.clone(), EPOCH + self.now + life_s * 1_000);
        token
    }

    /// When it ends, unix seconds, if it is one of ours and has not ended.
    fn valid(&self, token: &str) -> Option<u64> {
        self.tokens.get(token).filter(|ends| **ends > EPOCH + self.now).map(|ends| ends / 1_000)
    }

    fn date(&self) -> String {
        httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_millis(EPOCH + self.now))
    }

    fn answer(&mut self, request: &HttpRequest) -> HttpResponse {
        let bearer = bearer(request);
        let body = match request.url.path() {
            "/api/fabric/subscriber/info" => self.valid(bearer).map(|ends| {
                json!({"sat_claims": {"scope": ["sat:refresh"], "expires_at": ends,
                    "cnf": {"jkt": key().thumbprint()}}})
            }),
            "/api/fabric/subscriber/devices/token" | "/api/fabric/subscriber/devices/refresh" => {
                self.valid(bearer).map(|_| json!({"token": self.mint(900), "expires_in": 900}))
            }
            _ => Some(json!({"token": self.mint(3_600), "refresh_token": format!("r{CANARY}")})),
        };
        let mut response = match body {
            Some(body) => HttpResponse::new(200, body.to_string()),
            None => HttpResponse::new(401, "{}"),
        };
        response.set_header("date", &self.date());
        response
    }

    fn acknowledge(&self, frame: &Value) -> String {
        let id = &frame["id"];
        let token = frame["params"]["authentication"]["jwt_token"].as_str();
        let answer = match token.map(|token| self.valid(token)) {
            None => json!({"jsonrpc": "2.0", "id": id, "result": {}}),
            Some(None) => json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32_002, "message": "no"}}),
            Some(Some(ends)) => json!({"jsonrpc": "2.0", "id": id, "result": {
                "identity": "i", "protocol": "p",
                "authorization": {"project_id": "p", "scope": ["sat:refresh"],
                    "cnf": {"jkt": key().thumbprint()}, "fabric_subscriber": {"expires_at": ends}},
            }}),
        };
        answer.to_string()
    }
}

fn bearer(request: &HttpRequest) -> &str {
    let header = request.headers.iter().find(|(name, _)| *name == "authorization");
    header.map_or("", |(_, value)| value.expose()).trim_start_matches("Bearer ")
}

/// Some servers repeat in their errors what they were given.
fn echo(mut response: HttpResponse, token: &str) -> HttpResponse {
    if let Ok(body) = core::str::from_utf8(&response.body)
        && body.contains("$token")
    {
        response.body = body.replace("$token", token).into_bytes().into();
    }
    response
}

/// A key whose signatures cost nothing.
fn key() -> ProofKey {
    struct Fake;
    impl ProofSigner for Fake {
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
            Ok(vec![7; 64])
        }
    }
    ProofKey::new(Algorithm::Es256, PublicJwk::ec(&[1; 32], &[2; 32]), Arc::new(Fake)).expect("an EC key")
}
