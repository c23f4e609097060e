//! Our session in the place of the recorded client: the same server, the same application, virtual time.
//!
//! Our n-th request of a kind is answered as the recorded n-th request of that kind was, after the same time
//! (pushes: the n-th of the same token); where more are made than were recorded, as the last one was. A push or
//! a ping of which none was recorded is accepted, anything else gets no answer. What the server did unasked
//! happens as long after the answer that came before it on that socket as in the recording. So each client
//! meets the same server, whatever its own timing.
//!
//! Where our session comes later than the other it may go on after the recording's end, until it does what was
//! never recorded: nobody knows what the other would have done by then.

use std::collections::BTreeMap;
use std::sync::Arc;

use satkeeper_core::dpop::{Algorithm, ProofKey, ProofSigner, PublicJwk, SignError};
use satkeeper_core::lifecycle::{Event, KeyAlgorithm, Policy, ProviderFacts, SocketId};
use satkeeper_core::secret::{Secret, Seed};
use satkeeper_core::session::{
    CallId, Config, Credential, KeyChoice, Provider, ProviderCall, ProviderError, Record, RequestId, Session,
    SessionInput, SessionNews, SessionOutput,
};
use satkeeper_core::wire::http::{HttpRequest, HttpResponse};
use satkeeper_core::wire::url::{Plain, SecureUrl};
use satkeeper_core::{Now, UnixMillis};
use serde_json::{Value, json};

use crate::act::{Act, Kind, Reader, name_of};
use crate::recording::{Place, Places, Push, Recording, Reply};
use crate::scenarios::{Brings, Scenario, Wish};

/// How long after the recording's end our session may take for what the other did before it, milliseconds.
const PATIENCE: u64 = 60_000;

/// Our side: what was done, in that order, and the frames that were met, by name.
#[derive(Default)]
pub(crate) struct Replay {
    pub(crate) done: Vec<(Place, Act)>,
    pub(crate) met: Vec<String>,
}

enum Due {
    Input(SessionInput),
    Frame(SocketId, String),
    Wish(Wish),
}

struct World<'a> {
    recording: &'a Recording,
    scenario: &'a Scenario,
    session: Session,
    reader: Reader<'a>,
    now: u64,
    wake: Option<u64>,
    due: BTreeMap<(u64, usize), Due>,
    scheduled: usize,
    sockets: Vec<SocketId>,
    ours: Replay,
    places: Places,
    record: Option<Record>,
    key: PublicJwk,
    calls: u64,
    over: bool,
}

/// Plays the scenario through.
pub(crate) fn replay(scenario: &Scenario, recording: &Recording) -> Replay {
    let mut world = World::new(scenario, recording);
    world.step(SessionInput::Start);
    while world.goes_on() {
        let next_due = world.due.keys().next().copied();
        match (next_due, world.wake) {
            (Some(key), wake) if wake.is_none_or(|wake| key.0 <= wake) => {
                world.now = key.0.max(world.now);
                let due = world.due.remove(&key).expect("it is due");
                world.meet(due);
            }
            (_, Some(wake)) => {
                world.now = wake.max(world.now);
                world.step(SessionInput::Tick);
            }
            (_, None) => break,
        }
    }
    world.ours
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, recording: &'a Recording) -> Self {
        let mut world = Self {
            recording,
            scenario,
            session: Session::new(config(scenario, recording), Seed::from_bytes([7; 32])),
            reader: Reader::new(&recording.names),
            now: 0,
            wake: None,
            due: BTreeMap::new(),
            scheduled: 0,
            sockets: Vec::new(),
            ours: Replay::default(),
            places: Places::default(),
            record: None,
            key: recording.keys[0].clone(),
            calls: 0,
            over: false,
        };
        for (at, wish) in scenario.wishes {
            world.schedule(*at, Due::Wish(*wish));
        }
        world
    }

    /// To the recording's end, and on for a while if something that was recorded has not been done.
    fn goes_on(&self) -> bool {
        let is_done = |place: &Place| self.ours.done.iter().any(|(done, _)| done == place);
        let is_behind = || !self.recording.exchanges.iter().all(|exchange| is_done(&exchange.place));
        !self.over
            && (self.now < self.recording.end || self.now < self.recording.end + PATIENCE && is_behind())
    }

    fn meet(&mut self, due: Due) {
        match due {
            Due::Input(input) => self.step(input),
            Due::Frame(socket, text) => {
                let id = name_of(&serde_json::from_str(&text).expect("a frame is JSON"));
                self.ours.met.push(self.recording.names.of(&id));
                self.step(SessionInput::Frame { socket, text });
            }
            Due::Wish(Wish::Suspend) => self.step(SessionInput::Suspend),
            Due::Wish(Wish::Resume) => self.step(SessionInput::Resume),
            Due::Wish(Wish::Killed) => {
                self.due.retain(|_, due| matches!(due, Due::Wish(_)));
                self.wake = None;
            }
            Due::Wish(Wish::Restarted) => {
                self.key = self.recording.keys.last().expect("a key").clone();
                let record = self.record.take().expect("it was stored");
                let config = config(self.scenario, self.recording);
                self.session = Session::restore(config, Seed::from_bytes([8; 32]), &record, self.clocks());
                self.step(SessionInput::Start);
            }
        }
    }

    fn step(&mut self, input: SessionInput) {
        let step = self.session.step(self.clocks(), input);
        self.session.check().expect("the session is sound");
        self.wake = step.wake_at.map(|(at, _)| at.0);
        for output in step.outputs {
            self.carry_out(output);
        }
    }

    fn clocks(&self) -> Now {
        Now::new(self.now, self.recording.zero + self.now)
    }

    fn unix_s(&self) -> u64 {
        (self.recording.zero + self.now) / 1_000
    }

    fn carry_out(&mut self, output: SessionOutput) {
        match output {
            SessionOutput::Request { id, request, .. } => self.send_request(id, &request),
            SessionOutput::Open { socket, url, .. } => {
                let act = Act::bare(Kind::Open).with("url", url.as_str().trim_end_matches('/'));
                self.sockets.push(socket);
                let (place, answer) = self.act(act);
                if let Some((delay, _)) = answer {
                    self.after(delay, SessionInput::Opened { socket, date: None });
                    self.expect_pushes(&place, delay, socket);
                }
            }
            SessionOutput::Send { socket, text } => self.send_frame(socket, text.expose()),
            SessionOutput::Close { socket } => {
                if self.sockets.contains(&socket) {
                    self.sockets.retain(|open| *open != socket);
                    self.act(Act::bare(Kind::Close));
                }
            }
            SessionOutput::AskProvider { id, call, .. } => self.ask_provider(id, &call),
            SessionOutput::MakeKey { id, algorithm, .. } => {
                assert_eq!(algorithm, KeyAlgorithm::Rs256, "the official client has RSA keys");
                let key = ProofKey::new(Algorithm::Rs256, self.key.clone(), Arc::new(Unsigned));
                let key = key.expect("the recorded key is one of its algorithm");
                self.after(0, SessionInput::Key { id, result: Ok(key) });
            }
            SessionOutput::Persist { id, record, .. } => {
                self.record = Some(*record);
                self.after(0, SessionInput::Stored { id, result: Ok(()) });
            }
            SessionOutput::Tell(told) => match told.event {
                // What the official client does by itself is the application's with us.
                SessionNews::Lifecycle(Event::Live { .. }) => {
                    self.calls += 1;
                    let (call, method) = (CallId(self.calls), "subscriber.online".to_owned());
                    self.after(0, SessionInput::Call { call, method, params: json!({}) });
                }
                SessionNews::Lifecycle(Event::Teardown { .. }) => self.over = true,
                _ => {}
            },
            SessionOutput::Erase { .. }
            | SessionOutput::Sign { .. }
            | SessionOutput::Settled { .. }
            | SessionOutput::Returned { .. }
            | SessionOutput::Notification(_)
            | SessionOutput::Connection(_)
            | SessionOutput::Subscriber(_) => {}
            other => panic!("no recording has {other:?}"),
        }
    }

    fn send_request(&mut self, id: RequestId, request: &HttpRequest) {
        let body = request
            .body
            .as_ref()
            .map_or(Value::Null, |body| serde_json::from_str(body.expose()).expect("a body is JSON"));
        let headers = request.headers.iter().map(|(name, value)| (*name, value.expose()));
        let origin = request.url.origin();
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        let unix_s = self.unix_s();
        let act =
            self.reader.request(request.method.name(), host, request.url.path(), headers, &body, unix_s);
        if let (_, Some((delay, Reply::Http { status, body }))) = self.act(act) {
            self.after(delay, SessionInput::Http { id, result: Ok(HttpResponse::new(status, body)) });
        }
    }

    fn send_frame(&mut self, socket: SocketId, text: &str) {
        let frame: Value = serde_json::from_str(text).expect("a frame is JSON");
        let unix_s = self.unix_s();
        let act = self.reader.frame(&frame, unix_s);
        let is_accepted = matches!(act.kind, Kind::Reauthenticate | Kind::Ping);
        let accepted = || (0, Reply::Rpc(json!({"jsonrpc": "2.0", "result": {}})));
        let (place, answer) = self.act(act);
        if let Some((delay, Reply::Rpc(mut answer))) = answer.or_else(|| is_accepted.then(accepted)) {
            answer["id"] = frame["id"].clone();
            self.schedule(self.now + delay, Due::Frame(socket, answer.to_string()));
            self.expect_pushes(&place, delay, socket);
        }
    }

    fn ask_provider(&mut self, id: RequestId, call: &ProviderCall) {
        let act = match call {
            ProviderCall::Authenticate { fingerprint } => {
                let fingerprint = fingerprint.as_deref().unwrap_or("none");
                Act::bare(Kind::Authenticate).with("fingerprint", self.reader.names.of(fingerprint))
            }
            // The official client tells a `refresh` nothing.
            ProviderCall::Refresh { .. } => Act::bare(Kind::Refresh),
            other => panic!("the official client has no {other:?}"),
        };
        let (_, Some((delay, reply))) = self.act(act) else { return };
        let result = match reply {
            Reply::Credential { token, life_ms } => {
                let ends = self.recording.zero + self.now + delay + life_ms;
                Ok(Credential::new(Secret::new(token)).expiring_at(UnixMillis(ends)))
            }
            _ => Err(ProviderError::Transient { message: "rejected".to_owned(), retry_after: None }),
        };
        self.after(delay, SessionInput::Credential { id, result });
    }

    /// Notes what our session does and finds the answer that belongs to it.
    fn act(&mut self, act: Act) -> (Place, Option<(u64, Reply)>) {
        let place = self.places.next(&act);
        let is_recorded = self.recording.exchanges.iter().any(|exchange| exchange.place == place);
        if self.now > self.recording.end && !is_recorded {
            self.over = true;
        } else {
            self.ours.done.push((place.clone(), act));
        }
        let answer = self.recording.answer(&place);
        (place, answer)
    }

    fn expect_pushes(&mut self, after: &Place, delay: u64, socket: SocketId) {
        for (_, later, push) in self.recording.pushes.iter().filter(|(place, ..)| place == after) {
            let due = match push.clone() {
                Push::Frame(text) => Due::Frame(socket, text),
                Push::Dropped => Due::Input(SessionInput::Closed { socket, error: None }),
            };
            self.schedule(self.now + delay + later, due);
        }
    }

    fn after(&mut self, delay: u64, input: SessionInput) {
        self.schedule(self.now + delay, Due::Input(input));
    }

    fn schedule(&mut self, at: u64, due: Due) {
        self.scheduled += 1;
        self.due.insert((at, self.scheduled), due);
    }
}

/// The official client's numbers and kind of key; hosts as the token says.
fn config(scenario: &Scenario, recording: &Recording) -> Config {
    let token = || recording.first_token.clone().expect("a token was minted");
    let provider = match scenario.provider {
        Brings::Callback { can_refresh } => Provider::callback(ProviderFacts {
            can_refresh,
            can_mint_again: false,
            may_be_asked_twice: false,
        }),
        Brings::Static => Provider::Static(Credential::new(Secret::new(token()))),
        Brings::Embed => {
            let embed = recording.exchanges.iter().find(|it| it.act.kind == Kind::Embed);
            let embed = &embed.expect("an embed exchange").act.members;
            let host = SecureUrl::parse(&format!("https://{}", embed["host"]), Plain::Never).expect("a host");
            Provider::Embed { token: Secret::new(&*embed["body.token"]), host }
        }
    };
    Config::new(provider)
        .policy(Policy::browser_sdk_v4())
        .key(KeyChoice::Fixed(KeyAlgorithm::Rs256))
        .durable(scenario.wishes.iter().any(|(_, wish)| matches!(wish, Wish::Killed)))
}

/// The recorded private keys never left their process: what is compared is what was signed.
struct Unsigned;

impl ProofSigner for Unsigned {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(vec![0; 256])
    }
}
