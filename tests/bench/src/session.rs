//! The machine with wire formats, and the key with a signature that costs nothing. What the server says is recorded
//! first, so that only the steps are measured.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};

use satkeeper_core::Now;
use satkeeper_core::dpop::{Algorithm, ProofKey, ProofSigner, PublicJwk, SignError};
use satkeeper_core::lifecycle::{Event, Policy, ProviderFacts, Wake};
use satkeeper_core::secret::{Secret, Seed};
use satkeeper_core::session::{
    Config, Credential, KeyChoice, Provider, Session, SessionEvent, SessionInput, SessionNews, SessionOutput,
    SessionWake,
};
use satkeeper_core::wire::http::HttpResponse;
use serde_json::{Value, json};

const EPOCH: u64 = 1_800_000_000_000;

/// About as long as SignalWire's: what a token takes is the caller's, not the session's.
pub const TOKEN_BYTES: usize = 700;

struct Free;

impl ProofSigner for Free {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(vec![7; 64])
    }
}

/// A session and what it is given next.
pub struct Scene {
    /// The session.
    pub session: Session,
    /// When it is given what.
    pub inputs: Vec<(Now, SessionInput)>,
}

impl Scene {
    /// Gives the session all of its inputs.
    pub fn play(&mut self) {
        for (now, input) in self.inputs.drain(..) {
            let _ = std::hint::black_box(self.session.step(now, input));
        }
    }
}

/// A new session and all that brings it to be bound.
#[must_use]
pub fn cold() -> Scene {
    Scene::recorded(|_| {}, World::bind)
}

/// A bound session that has renewed a few times, and one more renewal: the tick, the exchange, the push.
#[must_use]
pub fn round() -> Scene {
    Scene::recorded(|world| world.renew(4), |world| world.run(is_renewed))
}

/// A bound session at rest, and a moment before anything is due.
#[must_use]
pub fn resting() -> (Session, Now) {
    let mut world = World::new();
    world.renew(1);
    let now = world.clocks();
    (world.session, now)
}

/// A bound session that has renewed so many times, when the next renewal is due.
#[must_use]
pub fn renewed(times: u32) -> Session {
    let mut world = World::new();
    world.renew(times);
    world.session
}

fn is_renewed(event: &Event) -> bool {
    matches!(event, Event::Renewed { .. })
}

impl Scene {
    /// What comes after `before`: the same world twice, since a session cannot be copied.
    fn recorded(before: impl Fn(&mut World), then: impl Fn(&mut World)) -> Self {
        let (mut world, mut told) = (World::new(), World::new());
        before(&mut world);
        before(&mut told);
        told.given.clear();
        then(&mut told);
        Self { session: world.session, inputs: told.given }
    }
}

fn policy() -> Arc<Policy> {
    static SHARED: LazyLock<Arc<Policy>> = LazyLock::new(Arc::default);
    Arc::clone(&SHARED)
}

/// A session, its server and its clock.
struct World {
    session: Session,
    inbox: VecDeque<SessionInput>,
    wake: Option<(u64, SessionWake)>,
    now: u64,
    tokens: u32,
    given: Vec<(Now, SessionInput)>,
}

impl World {
    fn new() -> Self {
        let jwk = PublicJwk::ec(&[1; 32], &[2; 32]);
        let key = ProofKey::new(Algorithm::Es256, jwk, Arc::new(Free)).expect("a key like this one");
        let provider = Provider::callback(ProviderFacts {
            can_refresh: true,
            can_mint_again: true,
            may_be_asked_twice: false,
        });
        // Sessions of one configuration share its policy.
        let config = Config::new(provider).key(KeyChoice::Held { key, proved: true }).policy(policy());
        Self {
            session: Session::new(config, Seed::from_bytes([7; 32])),
            inbox: VecDeque::from([SessionInput::Start]),
            wake: None,
            now: 1_000,
            tokens: 0,
            given: Vec::new(),
        }
    }

    fn clocks(&self) -> Now {
        Now::new(self.now, EPOCH + self.now)
    }

    /// Until the session tells of this.
    fn run(&mut self, until: impl Fn(&Event) -> bool) {
        while !self.next(&until) {}
    }

    fn bind(&mut self) {
        self.run(|event| matches!(event, Event::Bound { .. }));
    }

    /// So many renewals, and on to the moment at which the next is due.
    fn renew(&mut self, times: u32) {
        self.bind();
        (0..times).for_each(|_| self.run(is_renewed));
        while !self.inbox.is_empty() || !matches!(self.wake, Some((_, SessionWake::Lifecycle(Wake::Renew)))) {
            self.next(&|_| false);
        }
    }

    /// One step; whether it tells of this.
    fn next(&mut self, until: &impl Fn(&Event) -> bool) -> bool {
        let input = self.inbox.pop_front().unwrap_or_else(|| {
            self.now = self.wake.map_or(self.now, |(at, _)| at);
            SessionInput::Tick
        });
        let now = self.clocks();
        self.given.push((now, again(&input)));
        let step = self.session.step(now, input);
        self.wake = step.wake_at.map(|(at, wake)| (at.0, wake));
        let mut told = false;
        for output in step.outputs {
            match output {
                SessionOutput::AskProvider { id, .. } => {
                    let credential = Credential::new(Secret::new(self.token()));
                    self.inbox.push_back(SessionInput::Credential { id, result: Ok(credential) });
                }
                SessionOutput::Request { id, request, .. } => {
                    let ends = (EPOCH + self.now) / 1_000 + 7_200;
                    let body = if request.url.as_str().ends_with("/info") {
                        json!({"id": "s", "sat_claims": {"scope": ["sat:refresh"], "expires_at": ends}})
                    } else {
                        json!({"token": self.token(), "expires_in": 900})
                    };
                    let mut response = HttpResponse::new(200, body.to_string());
                    response.set_header("content-type", "application/json");
                    self.inbox.push_back(SessionInput::Http { id, result: Ok(response) });
                }
                SessionOutput::Open { socket, .. } => {
                    self.inbox.push_back(SessionInput::Opened { socket, date: None });
                }
                SessionOutput::Send { socket, text } => {
                    let frame: Value = serde_json::from_str(text.expose()).unwrap_or_default();
                    let result = if frame["method"] == "signalwire.ping" {
                        json!({})
                    } else {
                        json!({"identity": "i", "protocol": "p", "authorization": {"project_id": "p", "fabric_subscriber": {}}})
                    };
                    let text = json!({"jsonrpc": "2.0", "id": frame["id"], "result": result}).to_string();
                    self.inbox.push_back(SessionInput::Frame { socket, text });
                }
                SessionOutput::Tell(SessionEvent { event: SessionNews::Lifecycle(event), .. }) => {
                    told |= until(&event);
                }
                _ => {}
            }
        }
        told
    }

    fn token(&mut self) -> String {
        self.tokens += 1;
        // {"alg":"dir","enc":"A256GCM","typ":"SAT"}
        let head = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwidHlwIjoiU0FUIn0..iv.";
        format!("{head}{:0>width$}.tag", self.tokens, width = TOKEN_BYTES - head.len() - 4)
    }
}

/// The same input, of the kinds that come up here.
fn again(input: &SessionInput) -> SessionInput {
    match input {
        SessionInput::Start => SessionInput::Start,
        SessionInput::Credential { id, result: Ok(credential) } => {
            SessionInput::Credential { id: *id, result: Ok(credential.clone()) }
        }
        SessionInput::Http { id, result: Ok(response) } => {
            SessionInput::Http { id: *id, result: Ok(response.clone()) }
        }
        SessionInput::Opened { socket, .. } => SessionInput::Opened { socket: *socket, date: None },
        SessionInput::Frame { socket, text } => SessionInput::Frame { socket: *socket, text: text.clone() },
        _ => SessionInput::Tick,
    }
}
