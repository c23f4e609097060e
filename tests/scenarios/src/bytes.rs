//! The session on the stage: its requests and frames read as what they ask for, the world's answers as bytes.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use satkeeper_core::lifecycle::{Event, Failure, KeyAlgorithm, SocketId, Status, Warning};
use satkeeper_core::session::{ProviderCall, RequestId, Session, SessionEvent, SessionNews, SessionOutput};
use satkeeper_core::wire::http::HttpRequest;
use serde_json::{Value, json};

use crate::actor::{Actor, Heard, News, Said};
use crate::asked::{self, Answer, Good, Handle, What};
use crate::recording::{Head, KeySetUp, Recording, SetUp};
use crate::replies;
use crate::show;
use crate::span;
use crate::statement::{Bad, Key, Provider};
use crate::wire::{self, Given};
use crate::world::World;

const INFO: &str = "/api/fabric/subscriber/info";
const DEVICE_TOKEN: &str = "/api/fabric/subscriber/devices/token";
const DEVICE_REFRESH: &str = "/api/fabric/subscriber/devices/refresh";
const CREATE: &str = "/api/fabric/subscribers/tokens";
const REFRESH: &str = "/api/fabric/subscribers/tokens/refresh";

pub(crate) struct Bytes {
    session: Session,
    recording: Recording,
    /// What was written last.
    written: Option<String>,
    key_made: Option<KeyAlgorithm>,
    proofs: BTreeSet<String>,
    /// Sockets that have been sent a frame.
    spoken: BTreeSet<SocketId>,
    over: bool,
}

fn set_up(world: &World, key_made: Option<KeyAlgorithm>) -> SetUp {
    let callback = match world.settings.provider {
        Provider::Callback(facts) => Some(facts),
        Provider::Subscriber => None,
    };
    let key = match (world.settings.key, key_made) {
        (Key::Nobody, _) => KeySetUp::Nobody,
        (_, Some(made)) => KeySetUp::Held(made),
        (Key::Fixed(algorithm), None) => KeySetUp::Fixed(algorithm),
        (Key::Auto, None) => KeySetUp::Auto,
    };
    SetUp { callback, key, durable: world.settings.store }
}

impl Bytes {
    pub(crate) fn new(world: &World) -> Result<Self, String> {
        let head = Head::session(world.settings.policy(), world.settings.seed(), set_up(world, None));
        Ok(Self {
            session: head.session_machine()?,
            recording: Recording::new(&head),
            written: None,
            key_made: None,
            proofs: BTreeSet::new(),
            spoken: BTreeSet::new(),
            over: false,
        })
    }

    fn feed(&mut self, world: &mut World, given: &Given) -> Result<Heard, String> {
        let now = world.clocks();
        let step = self.session.step(now, given.input());
        let wake = format!("{:?}", step.wake_at);
        self.recording.session(now, given, &wire::outputs(&step.outputs), &wake);
        let mut heard = Heard { said: Vec::new(), wake_at: step.wake_at.map(|(tick, _)| tick.0) };
        // What the lifecycle wants of a socket it wants in the step in which it says why; all other pings are the session's.
        let mut is_wanted = *given == Given::NetworkChanged || step.outputs.iter().any(is_reason_to_ping);
        for output in step.outputs {
            let said = match self.said(world, output)? {
                Some(Said::Asked { to, what: what @ What::Ping { .. }, .. })
                    if !std::mem::take(&mut is_wanted) =>
                {
                    Some(Said::Upkeep { to, what })
                }
                said => said,
            };
            heard.said.extend(said);
        }
        Ok(heard)
    }

    fn said(&mut self, world: &World, output: SessionOutput) -> Result<Option<Said>, String> {
        let request =
            |id: RequestId, what, details: String| Said::Asked { to: Handle::Request(id), what, details };
        Ok(Some(match output {
            SessionOutput::MakeKey { id, algorithm, .. } => {
                request(id, What::MakeKey(algorithm), show::key(algorithm).to_owned())
            }
            SessionOutput::AskProvider { id, call: ProviderCall::Refresh { .. }, .. } => {
                request(id, What::Refresh(None), String::new())
            }
            SessionOutput::AskProvider { id, call: ProviderCall::Authenticate { fingerprint }, .. } => {
                let key = fingerprint.as_deref().and_then(wire::algorithm_of);
                request(id, What::Mint(key), for_key(key))
            }
            SessionOutput::Request { id, request: it, .. } => {
                let (what, details) = self.requested(world, &it)?;
                request(id, what, details)
            }
            SessionOutput::Open { socket, .. } => {
                let details = format!("socket {}", socket.0);
                Said::Asked { to: Handle::Socket(socket), what: What::Open(socket), details }
            }
            SessionOutput::Send { socket, text } => return self.sent(world, socket, text.expose()),
            SessionOutput::Close { socket } => {
                let details = format!("socket {}", socket.0);
                Said::Asked { to: Handle::Nobody, what: What::Close(socket), details }
            }
            SessionOutput::Persist { id, record, .. } => {
                self.written = Some(record.encode().expose().to_owned());
                request(id, What::Persist, String::new())
            }
            SessionOutput::Erase { id, .. } => {
                self.written = None;
                request(id, What::Erase, String::new())
            }
            SessionOutput::Sign { .. } => return Err("no story has an external signer".to_owned()),
            // The lifecycle says nothing of it: it was told so, or does not know it.
            SessionOutput::Tell(SessionEvent { event: SessionNews::Survived { .. }, .. })
            | SessionOutput::Connection(_)
            | SessionOutput::Subscriber(_) => return Ok(None),
            // Told once more as settled.
            SessionOutput::Tell(SessionEvent {
                event: SessionNews::Lifecycle(Event::Failed { .. } | Event::Recovered { .. }),
                ..
            }) => return Ok(None),
            SessionOutput::Tell(event) => Said::Told(self.told(world, &event)),
            SessionOutput::Settled { ask, result: Ok(generation) } => {
                Said::Told(show::recovered(ask.0, generation.0))
            }
            SessionOutput::Settled { ask, result: Err(error) } => {
                Said::Told(show::failed(ask.0, show::error(&error)))
            }
            SessionOutput::Returned { call, result } => {
                let result = result.err().map_or("a result", |error| error.code());
                Said::Told(format!("returned, call {}, {result}", call.0))
            }
            SessionOutput::Notification(it) => Said::Told(format!("notification, {}", it.method)),
            other => return Err(format!("no story has {other:?}")),
        }))
    }

    fn told(&mut self, world: &World, event: &SessionEvent) -> String {
        match event.event {
            SessionNews::Lifecycle(event) => {
                self.over |= matches!(event, Event::Teardown { .. });
                show::event(&event, &|tick| span::moment(world.when(tick.0)))
            }
            SessionNews::OddTime { field, oddity } => format!("odd_time, {field}, {oddity:?}"),
            SessionNews::FrameDropped { count } => format!("frame_dropped, {count}"),
            news => news.code().to_owned(),
        }
    }

    fn requested(&mut self, world: &World, request: &HttpRequest) -> Result<(What, String), String> {
        let body: Value = request
            .body
            .as_ref()
            .map_or(Ok(Value::Null), |body| serde_json::from_str(body.expose()))
            .map_err(|error| error.to_string())?;
        let bearer = request
            .headers
            .iter()
            .find(|(name, _)| *name == "authorization")
            .and_then(|(_, value)| value.expose().strip_prefix("Bearer "));
        let token = bearer.and_then(wire::serial);
        let number =
            token.and_then(|token| world.known_number(token)).map_or("?".to_owned(), |it| it.to_string());
        let token = token.ok_or("a request with no token of this story");
        let path = request.url.path();
        Ok(match path {
            INFO => (What::Inspect(token?), number),
            DEVICE_TOKEN => (What::Activate(token?, self.proof(&body["dpop_token"])?), number),
            DEVICE_REFRESH => (What::Renew(token?, self.proof(&body["dpop_token"])?), number),
            CREATE => {
                let key = body["fingerprint"].as_str().and_then(wire::algorithm_of);
                (What::Mint(key), for_key(key))
            }
            REFRESH => {
                let presented = body["refresh_token"].as_str().and_then(|it| it.strip_prefix("refresh-"));
                (What::Refresh(presented.and_then(|it| it.parse().ok())), String::new())
            }
            _ => return Err(format!("a request to {path}")),
        })
    }

    fn sent(&mut self, world: &World, socket: SocketId, text: &str) -> Result<Option<Said>, String> {
        let frame: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let method = frame["method"].as_str();
        if self.spoken.insert(socket) && method != Some("signalwire.connect") {
            return Err(format!("the first frame on socket {} is {method:?}", socket.0));
        }
        // An acknowledgement.
        let Some(method) = method else { return Ok(None) };
        let to = Handle::Frame(socket, frame["id"].as_str().unwrap_or_default().to_owned());
        let params = &frame["params"];
        let jwt = params["authentication"]["jwt_token"].as_str().and_then(wire::serial);
        let number = jwt.and_then(|it| world.known_number(it)).map_or("?".to_owned(), |it| it.to_string());
        let token = jwt.ok_or("a frame with no token of this story");
        let (what, details) = match method {
            "signalwire.connect" => {
                let (resume, proof) =
                    (params["authorization_state"].is_string(), self.proof(&params["dpop_token"])?);
                let resuming = if resume { ", resuming" } else { "" };
                let details = format!("{number} on socket {}{resuming}", socket.0);
                (What::Connect { socket, token: token?, resume, proof }, details)
            }
            "signalwire.reauthenticate" => {
                let proof = self.proof(&params["dpop_token"])?;
                (What::Push { socket, token: token?, proof }, number)
            }
            "signalwire.ping" => {
                let timestamp = params.get("timestamp").cloned();
                (What::Ping { socket, timestamp }, String::new())
            }
            method => (What::Call(socket, method.to_owned()), method.to_owned()),
        };
        Ok(Some(Said::Asked { to, what, details }))
    }

    /// The time in a proof, if there is one; no two may be the same.
    fn proof(&mut self, jws: &Value) -> Result<asked::Proof, String> {
        let Some(jws) = jws.as_str() else { return Ok(None) };
        let claims = jws.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let claims: Value = claims
            .and_then(|claims| serde_json::from_slice(&claims).ok())
            .ok_or("a proof that cannot be read")?;
        if !self.proofs.insert(claims["jti"].as_str().unwrap_or_default().to_owned()) {
            return Err("a proof was sent twice".to_owned());
        }
        Ok(claims["iat"].as_u64().map(|iat| iat.saturating_mul(1_000)))
    }

    fn answer(
        &mut self,
        world: &mut World,
        to: &Handle,
        what: &What,
        answer: &Answer,
    ) -> Result<Given, String> {
        let date = answer.server_time.map(replies::http_date);
        Ok(match (to, &answer.result) {
            (Handle::Socket(socket), Ok(_)) => Given::Opened { socket: socket.0, date },
            (Handle::Socket(socket), Err(_)) => Given::Closed { socket: socket.0 },
            (Handle::Frame(socket, id), result) => {
                Given::Frame { socket: socket.0, text: replies::frame(id, what, result).to_string() }
            }
            (Handle::Request(RequestId(id)), result) => self.request_answer(world, *id, what, date, result),
            _ => return Err("an answer to nobody".to_owned()),
        })
    }

    fn holds(&self, token: asked::Serial) -> bool {
        let record = self.session.record().encode();
        record.expose().contains(&format!("\"{}\"", wire::token(token)))
    }

    fn request_answer(
        &mut self,
        world: &mut World,
        id: u64,
        what: &What,
        date: Option<String>,
        result: &Result<Good, Bad>,
    ) -> Given {
        let http = |status, retry_after: Option<u64>, body: String| {
            let retry_after = retry_after.map(|ms| ms.div_ceil(1_000).to_string());
            Given::Http { id, status, date, retry_after, body }
        };
        let is_callback = matches!(what, What::Mint(_) | What::Refresh(_))
            && world.settings.provider != Provider::Subscriber;
        match (what, result) {
            (What::MakeKey(algorithm), Ok(_)) => {
                self.key_made = Some(*algorithm);
                Given::Key { id, algorithm: *algorithm }
            }
            (What::MakeKey(_), Err(_)) => Given::NoKey { id },
            (What::Persist | What::Erase, Ok(_)) => Given::Stored { id },
            (What::Persist | What::Erase, Err(_)) => Given::NotStored { id },
            (_, Ok(Good::Token(grant))) => {
                if what.token().is_none_or(|token| self.holds(token)) {
                    world.number(grant.token);
                }
                let token = wire::token(grant.token);
                if is_callback {
                    return Given::Credential { id, token, expiry_at: grant.hint };
                }
                http(200, None, replies::granted(grant).to_string())
            }
            (_, Err(Bad::Rejects)) if is_callback => Given::ProviderRejects { id },
            (_, Err(bad)) if is_callback => {
                let retry_after = match bad {
                    Bad::Fails { retry_after } => *retry_after,
                    _ => None,
                };
                Given::ProviderFails { id, retry_after }
            }
            (_, Ok(Good::Said(said))) => http(200, None, replies::info(said).to_string()),
            (_, Ok(_)) => http(200, None, "{}".to_owned()),
            (_, Err(Bad::Http { status, retry_after })) => {
                http(*status, *retry_after, json!({"error": "as the story says"}).to_string())
            }
            (_, Err(Bad::Page { status, retry_after })) => {
                http(*status, *retry_after, "<html><title>no</title></html>".to_owned())
            }
            (_, Err(Bad::Nonce)) => Given::WantsNonce { id, nonce: format!("nonce-{id}") },
            (_, Err(Bad::Malformed)) => http(200, None, "<html>".to_owned()),
            (_, Err(_)) => Given::HttpBroke { id },
        }
    }
}

/// The lifecycle has slept, or a push of its has not been answered.
const fn is_reason_to_ping(output: &SessionOutput) -> bool {
    let SessionOutput::Tell(SessionEvent { event: SessionNews::Lifecycle(event), .. }) = output else {
        return false;
    };
    match event {
        Event::ClockJump { .. } => true,
        Event::Warn(Warning::PushFailed { cause, .. }) => matches!(cause.failure, Failure::Timeout),
        _ => false,
    }
}

fn for_key(key: Option<KeyAlgorithm>) -> String {
    if key.is_some() { "for the key" } else { "" }.to_owned()
}

impl Actor for Bytes {
    fn hear(&mut self, world: &mut World, news: &News) -> Result<Heard, String> {
        let given = match news {
            News::Start => Given::Start,
            News::Tick => Given::Tick,
            News::Answer { to, what, answer } => self.answer(world, to, what, answer)?,
            News::SocketLost(socket) => Given::Closed { socket: socket.0 },
            News::ServerRestart { socket, wipe } => {
                let text = replies::pushed("signalwire.disconnect", json!({"restart": wipe}));
                Given::Frame { socket: socket.0, text }
            }
            News::ResumeState(socket) => {
                let params = json!({"event_type": "signalwire.authorization.state",
                    "params": {"authorization_state": format!("state of socket {}", socket.0)}});
                Given::Frame { socket: socket.0, text: replies::pushed("signalwire.event", params) }
            }
            News::ServerPing(socket) => {
                let params = json!({"timestamp": world.server_now() / 1_000});
                Given::Frame { socket: socket.0, text: replies::pushed("signalwire.ping", params) }
            }
            News::ServerSends(socket, text) => Given::Frame { socket: socket.0, text: text.clone() },
            News::Suspend => Given::Suspend,
            News::Resume => Given::Resume,
            News::NetworkChanged => Given::NetworkChanged,
            News::Disconnect => Given::Disconnect,
            News::Leave => Given::Leave,
            News::Destroy => Given::Destroy,
            News::RefreshNow(ask) => Given::RefreshNow { ask: *ask },
            News::Rejected(ask) => {
                Given::Rejected { ask: *ask, generation: self.session.status().generation.0 }
            }
            News::UpdateToken { ask, token } => {
                world.number(*token);
                Given::UpdateToken { ask: *ask, token: wire::token(*token) }
            }
            News::NewProvider(facts) => Given::SetProvider(*facts),
            News::Call { call, method } => Given::Call { call: *call, method: method.clone() },
        };
        self.feed(world, &given)
    }

    fn revive(&mut self, world: &mut World) -> Result<Heard, String> {
        let settings = &world.settings;
        let mut head = Head::session(settings.policy(), settings.seed(), set_up(world, self.key_made));
        head.at = world.clocks();
        head.record.clone_from(&self.written);
        self.session = head.session_machine()?;
        self.recording.restarted(&head);
        self.spoken.clear();
        self.over = false;
        self.feed(world, &Given::Start)
    }

    fn status(&self) -> Status {
        self.session.status()
    }

    fn check(&self) -> Result<(), &'static str> {
        self.session.check()
    }

    fn recording(&self) -> &Recording {
        &self.recording
    }
}
