//! The machine with wire formats, and the key with a signature that costs nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use satkeeper_core::Now;
use satkeeper_core::dpop::{Algorithm, ProofKey, ProofSigner, PublicJwk, SignError};
use satkeeper_core::lifecycle::{Event, ProviderFacts};
use satkeeper_core::secret::{Secret, Seed};
use satkeeper_core::session::{
    Config, Credential, KeyChoice, Provider, Session, SessionEvent, SessionInput, SessionNews, SessionOutput,
    SessionWake,
};
use satkeeper_core::wire::http::HttpResponse;
use serde_json::{Value, json};

const EPOCH: u64 = 1_800_000_000_000;

/// About as long as SignalWire's.
const TOKEN_BYTES: usize = 700;

struct Free;

impl ProofSigner for Free {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(vec![7; 64])
    }
}

/// A session, its server and its clock.
pub struct World {
    session: Session,
    inbox: VecDeque<SessionInput>,
    wake: Option<(u64, SessionWake)>,
    now: u64,
    tokens: u32,
    /// Not a tick of the liveness watch, nor what follows from one.
    counting: bool,
    /// Time spent in the session.
    pub spent: Duration,
    /// Steps that it made.
    pub steps: u64,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// A session that has not begun.
    ///
    /// # Panics
    /// Not with a key like this one.
    #[must_use]
    pub fn new() -> Self {
        let jwk = PublicJwk::ec(&[1; 32], &[2; 32]);
        let key = ProofKey::new(Algorithm::Es256, jwk, Arc::new(Free)).unwrap_or_else(|it| panic!("{it}"));
        let provider = Provider::Callback(ProviderFacts { can_refresh: true, can_mint_again: true });
        let config = Config::new(provider).key(KeyChoice::Held { key, proved: true });
        Self {
            session: Session::new(config, Seed::from_bytes([7; 32])),
            inbox: VecDeque::from([SessionInput::Start]),
            wake: None,
            now: 1_000,
            tokens: 0,
            counting: true,
            spent: Duration::ZERO,
            steps: 0,
        }
    }

    /// Until the session tells of this.
    pub fn run(&mut self, until: impl Fn(&Event) -> bool) {
        while !self.next(&until) {}
    }

    /// One renewal: the tick, the exchange, the push.
    pub fn renew(&mut self) {
        self.run(|event| matches!(event, Event::Renewed { .. }));
    }

    /// Ticks that come too early.
    pub fn tick_early(&mut self, times: u32) {
        for _ in 0..times {
            let _ = std::hint::black_box(
                self.session.step(Now::new(self.now, EPOCH + self.now), SessionInput::Tick),
            );
        }
    }

    /// The session alone.
    #[must_use]
    pub fn into_session(self) -> Session {
        self.session
    }

    /// What the tokens take that are held: they are the caller's, not the session's.
    #[must_use]
    pub const fn token_bytes() -> usize {
        TOKEN_BYTES
    }

    fn next(&mut self, until: &impl Fn(&Event) -> bool) -> bool {
        let input = self.inbox.pop_front().unwrap_or_else(|| {
            if let Some((at, wake)) = self.wake {
                (self.now, self.counting) = (at, wake != SessionWake::Liveness);
            }
            SessionInput::Tick
        });
        let began = Instant::now();
        let step = self.session.step(Now::new(self.now, EPOCH + self.now), input);
        if self.counting {
            self.spent += began.elapsed();
            self.steps += 1;
        }
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
