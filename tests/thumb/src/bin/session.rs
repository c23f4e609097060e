//! A day of virtual time in the life of a client-bound session: tokens of 15 minutes, each exchanged with a proof
//! that is signed here.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString as _};

use cortex_m_rt::entry;
use satkeeper_core::Now;
use satkeeper_core::dpop::ProofKey;
use satkeeper_core::lifecycle::Event;
use satkeeper_core::secret::{Secret, Seed};
use satkeeper_core::session::{
    Config, Credential, KeyChoice, Provider, Session, SessionInput, SessionNews, SessionOutput,
};
use satkeeper_core::wire::http::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

const EPOCH: u64 = 1_700_000_000_000;
const DAY: u64 = 24 * 3_600_000;

/// A server that is always well, as much of it as a session sees.
struct Server {
    thumbprint: String,
    /// How many tokens it has minted.
    minted: u32,
    /// When the newest ends, unix milliseconds.
    ends: u64,
}

impl Server {
    fn mint(&mut self, now: u64, life_s: u64) -> String {
        self.minted += 1;
        self.ends = now + life_s * 1_000;
        // {"alg":"dir","enc":"A256GCM","typ":"SAT"}
        format!("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwidHlwIjoiU0FUIn0...{}.", self.minted)
    }

    fn answer(&mut self, now: u64, request: &HttpRequest) -> HttpResponse {
        let body = match request.url.path() {
            "/api/fabric/subscriber/info" => json!({"sat_claims": self.authorization()}),
            _ => {
                json!({"token": self.mint(now, 900), "expires_in": 900})
            }
        };
        HttpResponse::new(200, body.to_string())
    }

    fn frame(&self, text: &Secret) -> String {
        let frame: Value = serde_json::from_str(text.expose()).unwrap_or_default();
        let result = json!({"identity": "i", "protocol": "p", "authorization": self.authorization()});
        json!({"jsonrpc": "2.0", "id": frame["id"], "result": result}).to_string()
    }

    fn authorization(&self) -> Value {
        json!({
            "scope": ["sat:refresh"],
            "cnf": {"jkt": self.thumbprint},
            "expires_at": self.ends / 1_000,
            "fabric_subscriber": {"expires_at": self.ends / 1_000},
        })
    }
}

#[entry]
fn main() -> ! {
    satkeeper_thumb::start();
    let Ok(key) = ProofKey::es256_from_bytes(&[9; 32]) else { satkeeper_thumb::finish(0, 0) };
    let mut server = Server { thumbprint: key.thumbprint().to_string(), minted: 0, ends: 0 };
    let provider = Provider::Static(Credential::new(Secret::new(server.mint(EPOCH, 7_200))));
    let config = Config::new(provider).key(KeyChoice::Held { key, proved: true });
    let mut session = Session::new(config, Seed::from_bytes([7; 32]));
    let mut inbox = VecDeque::from([SessionInput::Start]);
    let (mut now, mut renewals, mut most) = (0, 0, 0);
    while let Some(input) = inbox.pop_front() {
        let step = session.step(Now::new(now, EPOCH + now), input);
        for output in step.outputs {
            inbox.push_back(match output {
                SessionOutput::Request { id, request, .. } => {
                    SessionInput::Http { id, result: Ok(server.answer(EPOCH + now, &request)) }
                }
                SessionOutput::Open { socket, .. } => SessionInput::Opened { socket, date: None },
                SessionOutput::Send { socket, text } => {
                    SessionInput::Frame { socket, text: server.frame(&text) }
                }
                SessionOutput::Tell(it) => {
                    renewals += u32::from(matches!(it.event, SessionNews::Lifecycle(Event::Renewed { .. })));
                    continue;
                }
                _ => continue,
            });
        }
        most = most.max(satkeeper_thumb::heap());
        if inbox.is_empty()
            && let Some((at, _)) = step.wake_at
            && at.0 < DAY
        {
            now = now.max(at.0);
            inbox.push_back(SessionInput::Tick);
        }
    }
    satkeeper_thumb::finish(renewals, most)
}
