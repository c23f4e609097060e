//! The bytes between a session and the world: tokens, keys, inputs and outputs, written down.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use satkeeper_core::UnixMillis;
use satkeeper_core::dpop::{Algorithm, ProofKey, ProofSigner, PublicJwk, SignError};
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::{AskId, Generation, KeyAlgorithm, Policy, ProviderFacts, SocketId};
use satkeeper_core::secret::Secret;
use satkeeper_core::session::{
    CallId, Config, Credential, KeyChoice, Provider, ProviderError, RequestId, SessionInput, SessionOutput,
    StoreFailure,
};
use satkeeper_core::wire::http::HttpResponse;
use satkeeper_core::wire::rest::{CreateSubscriberToken, Space};
use satkeeper_core::wire::url::{Plain, SecureUrl};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::asked::Serial;
use crate::recording::{KeySetUp, SetUp};

/// A token that decodes; its serial is in it.
pub(crate) fn token(serial: Serial) -> String {
    let header = json!({"alg": "dir", "enc": "A256GCM", "typ": "SAT", "ch": "relay.sw.test"}).to_string();
    format!("{}..iv.serial-{serial}.tag", URL_SAFE_NO_PAD.encode(header))
}

pub(crate) fn serial(token: &str) -> Option<Serial> {
    token.split('.').nth(3)?.strip_prefix("serial-")?.parse().ok()
}

pub(crate) fn refresh_token(one_time: u32) -> String {
    format!("refresh-{one_time}")
}

/// Signs nothing, always alike: no server here verifies.
struct Seal;

impl ProofSigner for Seal {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(vec![7; 256])
    }
}

/// The key that a story's driver makes; none where the bytes were no key.
pub(crate) fn key(algorithm: KeyAlgorithm) -> Option<ProofKey> {
    match algorithm {
        KeyAlgorithm::Es256 => ProofKey::es256_from_bytes(&[9; 32]).ok(),
        KeyAlgorithm::Rs256 => {
            ProofKey::new(Algorithm::Rs256, PublicJwk::rsa(&[5; 256], &[1, 0, 1]), Arc::new(Seal)).ok()
        }
        _ => None,
    }
}

pub(crate) fn thumbprint(algorithm: KeyAlgorithm) -> String {
    key(algorithm).map_or(String::new(), |key| key.thumbprint().to_owned())
}

/// Which of our keys this is.
pub(crate) fn algorithm_of(of: &str) -> Option<KeyAlgorithm> {
    [KeyAlgorithm::Es256, KeyAlgorithm::Rs256].into_iter().find(|algorithm| thumbprint(*algorithm) == of)
}

pub(crate) fn config(policy: Policy, set_up: &SetUp) -> Config {
    let provider = match set_up.callback {
        Some(facts) => Provider::callback(facts),
        None => subscriber().unwrap_or(Provider::callback(ProviderFacts {
            can_refresh: false,
            can_mint_again: false,
            may_be_asked_twice: false,
        })),
    };
    let choice = match set_up.key {
        KeySetUp::Auto => KeyChoice::Auto,
        KeySetUp::Fixed(algorithm) => KeyChoice::Fixed(algorithm),
        KeySetUp::Held(algorithm) => match key(algorithm) {
            Some(key) => KeyChoice::Held { key, proved: false },
            None => KeyChoice::Fixed(algorithm),
        },
        KeySetUp::Nobody => KeyChoice::None,
    };
    Config::new(provider).policy(policy).key(choice).durable(set_up.durable)
}

fn subscriber() -> Option<Provider> {
    let url = SecureUrl::parse("https://space.signalwire.test", Plain::Never).ok()?;
    let space = Space::new(url, "project", &Secret::new("PTsecret")).ok()?;
    let request = CreateSubscriberToken { reference: "alice".to_owned(), ..CreateSubscriberToken::default() };
    Some(Provider::Subscriber { space, request: Box::new(request) })
}

/// An input of a session, as it is written into a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Given {
    Start,
    Tick,
    Http { id: u64, status: u16, date: Option<String>, retry_after: Option<String>, body: String },
    WantsNonce { id: u64, nonce: String },
    HttpBroke { id: u64 },
    Opened { socket: u32, date: Option<String> },
    Frame { socket: u32, text: String },
    Closed { socket: u32 },
    Credential { id: u64, token: String, expiry_at: Option<u64> },
    ProviderFails { id: u64, retry_after: Option<u64> },
    ProviderRejects { id: u64 },
    Key { id: u64, algorithm: KeyAlgorithm },
    NoKey { id: u64 },
    Stored { id: u64 },
    NotStored { id: u64 },
    Call { call: u64, method: String },
    UpdateToken { ask: u64, token: String },
    RefreshNow { ask: u64 },
    Rejected { ask: u64, generation: u64 },
    SetProvider(ProviderFacts),
    Suspend,
    Resume,
    NetworkChanged,
    Disconnect,
    Leave,
    Destroy,
}

impl Given {
    pub(crate) fn input(&self) -> SessionInput {
        let broken = || Error::Transport { message: "the connection was reset".to_owned() };
        match self.clone() {
            Self::Start => SessionInput::Start,
            Self::Tick => SessionInput::Tick,
            Self::Http { id, status, date, retry_after, body } => {
                let response = HttpResponse { date, retry_after, ..HttpResponse::new(status, body) };
                SessionInput::Http { id: RequestId(id), result: Ok(response) }
            }
            Self::WantsNonce { id, nonce } => {
                let mut response = HttpResponse::new(401, "{}");
                response.set_header("dpop-nonce", &nonce);
                response.set_header("www-authenticate", "DPoP error=\"use_dpop_nonce\"");
                SessionInput::Http { id: RequestId(id), result: Ok(response) }
            }
            Self::HttpBroke { id } => SessionInput::Http { id: RequestId(id), result: Err(broken()) },
            Self::Opened { socket, date } => SessionInput::Opened { socket: SocketId(socket), date },
            Self::Frame { socket, text } => SessionInput::Frame { socket: SocketId(socket), text },
            Self::Closed { socket } => SessionInput::Closed { socket: SocketId(socket), error: None },
            Self::Credential { id, token, expiry_at } => {
                let expiry_at = expiry_at.map(UnixMillis);
                let credential = Credential { token: Secret::new(token), expiry_at };
                SessionInput::Credential { id: RequestId(id), result: Ok(credential) }
            }
            Self::ProviderFails { id, retry_after } => {
                let error = ProviderError::Transient { message: "not now".to_owned(), retry_after };
                SessionInput::Credential { id: RequestId(id), result: Err(error) }
            }
            Self::ProviderRejects { id } => {
                let error = ProviderError::Rejected("signed out".to_owned());
                SessionInput::Credential { id: RequestId(id), result: Err(error) }
            }
            Self::Key { id, algorithm } => {
                let missing = || Error::DpopInit { message: "no key".to_owned() };
                SessionInput::Key { id: RequestId(id), result: key(algorithm).ok_or_else(missing) }
            }
            Self::NoKey { id } => {
                let error = Error::DpopInit { message: "no key".to_owned() };
                SessionInput::Key { id: RequestId(id), result: Err(error) }
            }
            Self::Stored { id } => SessionInput::Stored { id: RequestId(id), result: Ok(()) },
            Self::NotStored { id } => {
                SessionInput::Stored { id: RequestId(id), result: Err(StoreFailure::Failed(broken())) }
            }
            Self::Call { call, method } => {
                SessionInput::Call { call: CallId(call), method, params: json!({}) }
            }
            Self::UpdateToken { ask, token } => {
                SessionInput::UpdateToken { ask: AskId(ask), credential: Credential::new(Secret::new(token)) }
            }
            Self::RefreshNow { ask } => SessionInput::RefreshNow { ask: AskId(ask) },
            Self::Rejected { ask, generation } => {
                SessionInput::Rejected { ask: AskId(ask), generation: Generation(generation) }
            }
            Self::SetProvider(facts) => SessionInput::SetProvider(Provider::callback(facts)),
            Self::Suspend => SessionInput::Suspend,
            Self::Resume => SessionInput::Resume,
            Self::NetworkChanged => SessionInput::NetworkChanged,
            Self::Disconnect => SessionInput::Disconnect,
            Self::Leave => SessionInput::Leave,
            Self::Destroy => SessionInput::Destroy,
        }
    }
}

/// Whether a written input is the start, of either machine.
pub(crate) fn is_start(input: &Value) -> bool {
    input.get("Start").is_some() || input.as_str() == Some("start")
}

/// What a session said, every byte of it.
pub(crate) fn outputs(outputs: &[SessionOutput]) -> Vec<Value> {
    outputs.iter().map(output).collect()
}

fn output(output: &SessionOutput) -> Value {
    match output {
        SessionOutput::Request { id, request, deadline } => json!({"request": id.0,
            "method": request.method.name(), "url": request.url.as_str(), "deadline": deadline,
            "headers": request.headers.iter().map(|(name, value)| json!([name, value.expose()]))
                .collect::<Vec<_>>(),
            "body": request.body.as_ref().map(Secret::expose)}),
        SessionOutput::Open { socket, url, deadline } => {
            json!({"open": socket, "url": url.as_str(), "deadline": deadline})
        }
        SessionOutput::Send { socket, text } => json!({"send": text.expose(), "socket": socket}),
        SessionOutput::Close { socket } => json!({"close": socket}),
        SessionOutput::AskProvider { id, call, deadline } => {
            json!({"ask_provider": id.0, "call": format!("{call:?}"), "deadline": deadline})
        }
        SessionOutput::MakeKey { id, algorithm, deadline } => {
            json!({"make_key": id.0, "algorithm": algorithm, "deadline": deadline})
        }
        SessionOutput::Sign { id, input, deadline, .. } => {
            json!({"sign": id.0, "input": input.expose(), "deadline": deadline})
        }
        SessionOutput::Persist { id, record, deadline } => {
            json!({"persist": id.0, "record": record.encode().expose(), "deadline": deadline})
        }
        SessionOutput::Erase { id, deadline } => json!({"erase": id.0, "deadline": deadline}),
        // When it was told, the step says.
        SessionOutput::Tell(event) => json!({"tell": format!("{:?}, {:?}", event.event, event.cause)}),
        SessionOutput::Settled { ask, result } => json!({"settled": ask, "result": format!("{result:?}")}),
        SessionOutput::Returned { call, result } => {
            let result = result.as_ref().map(|result| satkeeper_core::wire::json::whole(result));
            json!({"returned": call.0, "result": format!("{result:?}")})
        }
        SessionOutput::Notification(it) => json!({"notification": it.method, "params": it.params()}),
        SessionOutput::Responded { notification, result } => {
            json!({"responded": notification.0, "result": format!("{result:?}")})
        }
        SessionOutput::Fetched { ask, result } => json!({"fetched": ask, "result": format!("{result:?}")}),
        SessionOutput::Connection(it) => json!({"connection": format!("{it:?}")}),
        SessionOutput::Subscriber(it) => json!({"subscriber": format!("{it:?}")}),
        other => unreachable!("not to be written down: {other:?}"),
    }
}
