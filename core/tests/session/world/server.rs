//! The scripted server: what it has minted, what it answers, what it has seen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{CANARY, CREATE, DEVICE_REFRESH, DEVICE_TOKEN, EMBED, GUEST, INFO, REFRESH, sat};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::SocketId;
use satkeeper_core::wire::http::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

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
    /// Nobody was reached: nothing was sent.
    Unreachable,
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
    /// Of the credentials for TURN; `None`: there are none.
    pub ice_life_s: Option<u64>,
    /// Whether a reauthenticate brings new ones.
    pub reauthenticate_ice: bool,
    pub tokens: BTreeMap<String, Minted>,
    pub refresh_token: Option<String>,
    pub serial: u32,
    pub http_faults: BTreeMap<&'static str, VecDeque<Fault>>,
    pub rpc_faults: BTreeMap<&'static str, VecDeque<RpcFault>>,
    /// Answers of the application's methods.
    pub methods: BTreeMap<&'static str, VecDeque<RpcFault>>,
    pub opens: bool,
    /// What is said of sockets that do not open.
    pub refusal: Option<Error>,
    pub requests: Vec<(String, Value, String)>,
    /// Whom they were sent to.
    pub hosts: BTreeSet<String>,
    pub frames: Vec<(SocketId, Value)>,
    pub proofs: Vec<Value>,
    jtis: BTreeSet<String>,
}

impl Server {
    pub(super) fn new() -> Self {
        Self {
            ahead: 0,
            date: true,
            life_s: 7_200,
            device_life_s: 900,
            scope: true,
            ice_life_s: None,
            reauthenticate_ice: false,
            tokens: BTreeMap::new(),
            refresh_token: None,
            serial: 0,
            http_faults: BTreeMap::new(),
            rpc_faults: BTreeMap::new(),
            methods: BTreeMap::new(),
            opens: true,
            refusal: None,
            requests: Vec::new(),
            hosts: BTreeSet::new(),
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
    pub(super) fn proof(&mut self, jws: &str, now: u64) -> Value {
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

    pub(super) fn http(&mut self, now: u64, request: &HttpRequest) -> Option<Result<HttpResponse, Error>> {
        let now = now.saturating_add_signed(self.ahead);
        let body: Value =
            request.body.as_ref().map_or(Value::Null, |body| serde_json::from_str(body.expose()).unwrap());
        let authorization = request
            .headers
            .iter()
            .find(|(name, _)| *name == "authorization")
            .map_or(String::new(), |(_, value)| value.expose().to_owned());
        let path = request.url.path().to_owned();
        self.hosts.insert(request.url.host().to_owned());
        self.requests.push((path.clone(), body.clone(), authorization.clone()));
        let mut answer = match self.http_faults.get_mut(path.as_str()).and_then(VecDeque::pop_front) {
            Some(Fault::Silent) => return None,
            Some(Fault::Broken) => return Some(Err(Error::Transport { message: "reset".to_owned() })),
            Some(Fault::Unreachable) => {
                return Some(Err(Error::Unreachable { message: "refused".to_owned() }));
            }
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
            EMBED | GUEST => {
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

pub(super) fn http_date(unix_s: u64) -> String {
    // 2023-11-14T22:13:20Z is 1_700_000_000; these tests stay within a few days of it.
    let days = unix_s / 86_400 - 19_675;
    let second = unix_s % 86_400;
    let names = ["Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Mon"];
    let name = names[usize::try_from(days % 7).unwrap()];
    let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{name}, {:02} Nov 2023 {h:02}:{m:02}:{s:02} GMT", 14 + days)
}
