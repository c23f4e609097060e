//! A recording of the official client, read: what it did and what it was told.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use satkeeper_core::dpop::{PublicJwk, ath};
use satkeeper_core::secret::Secret;
use serde_json::Value;

use crate::act::{Act, Kind, Names, Reader, name_of};

const MINT: &str = "/api/fabric/subscribers/tokens";
/// How the mock ends a socket when its process stops: after everything.
const STOPPED: &str = "client.final";

/// What the recorded side answered.
#[derive(Clone)]
pub(crate) enum Reply {
    Credential {
        token: String,
        life_ms: u64,
    },
    ProviderFailed,
    Http {
        status: u16,
        body: String,
    },
    Opened,
    /// The members of a JSON-RPC response other than `id`.
    Rpc(Value),
}

/// An act and its answer, with the time from one to the other.
pub(crate) struct Exchange {
    pub(crate) place: Place,
    pub(crate) act: Act,
    pub(crate) reply: Option<(u64, Reply)>,
}

/// What the server did unasked.
#[derive(Clone)]
pub(crate) enum Push {
    Frame(String),
    Dropped,
}

/// An act among those of one client: its kind, what it is about, and which of those it is, from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    pub(crate) subject: String,
    pub(crate) number: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        match self.number {
            number if self.subject.is_empty() => write!(f, "{number}"),
            1 => f.write_str(&self.subject),
            number => write!(f, "{} {number}", self.subject),
        }
    }
}

/// The places of acts in the order in which they are named.
#[derive(Default)]
pub(crate) struct Places(BTreeMap<(Kind, String), usize>);

impl Places {
    pub(crate) fn next(&mut self, act: &Act) -> Place {
        let number = self.0.entry((act.kind, act.subject.clone())).or_default();
        *number += 1;
        Place { kind: act.kind, subject: act.subject.clone(), number: *number }
    }
}

pub(crate) struct Recording {
    /// In the order in which they were made.
    pub(crate) exchanges: Vec<Exchange>,
    /// After the answer to which request on that socket, and how long after.
    pub(crate) pushes: Vec<(Place, u64, Push)>,
    pub(crate) names: Names,
    /// Unix milliseconds of the recording's zero.
    pub(crate) zero: u64,
    /// When the recording stops.
    pub(crate) end: u64,
    /// The client's public keys, oldest first.
    pub(crate) keys: Vec<PublicJwk>,
    /// The first token that the recorded backend minted.
    pub(crate) first_token: Option<String>,
}

impl Recording {
    pub(crate) fn read(text: &str) -> Self {
        let lines = text.lines().skip(1).map(|line| serde_json::from_str(line).expect("JSON"));
        let lines = lines.collect::<Vec<Value>>();
        let mut names = Names::default();
        name_values(&mut names, &lines);
        let reader = Reader::new(&names);
        let mut reading = Reading {
            zero: zero(&lines),
            reader,
            exchanges: Vec::new(),
            places: Places::default(),
            waiting: BTreeMap::new(),
            anchors: BTreeMap::new(),
            pushes: Vec::new(),
            minted: None,
            stopped: false,
        };
        lines.iter().for_each(|line| reading.take(line));
        let end = lines.iter().filter(|line| line["ev"] == STOPPED).filter_map(|line| line["t"].as_u64());
        let (zero, exchanges, pushes) = (reading.zero, reading.exchanges, reading.pushes);
        let first_token = lines.iter().find_map(|line| line["body"]["token"].as_str()).map(str::to_owned);
        Self {
            exchanges,
            pushes,
            names,
            zero,
            end: end.max().expect("an end"),
            keys: keys(&lines),
            first_token,
        }
    }

    /// The answer to the recorded act at this place, or to the last one of its like before it.
    pub(crate) fn answer(&self, place: &Place) -> Option<(u64, Reply)> {
        let alike = |other: &Place| {
            (other.kind, &other.subject) == (place.kind, &place.subject) && other.number <= place.number
        };
        self.exchanges.iter().rev().find(|it| alike(&it.place))?.reply.clone()
    }
}

/// A recording while it is read.
struct Reading<'a> {
    zero: u64,
    reader: Reader<'a>,
    exchanges: Vec<Exchange>,
    places: Places,
    /// Which exchange an answer by this name belongs to, and when it was asked.
    waiting: BTreeMap<String, (usize, u64)>,
    /// For each connection the request that the server last answered there, and when.
    anchors: BTreeMap<u64, (Place, u64)>,
    pushes: Vec<(Place, u64, Push)>,
    /// What the developer's backend minted last.
    minted: Option<String>,
    stopped: bool,
}

impl Reading<'_> {
    fn take(&mut self, line: &Value) {
        let at = line["t"].as_u64().expect("a time");
        let number = |member: &str| line[member].as_u64().unwrap_or_default();
        let unix_s = (self.zero + at) / 1_000;
        match line["ev"].as_str().expect("a kind of event") {
            "provider.authenticate" => {
                let fingerprint = line["argc_context"]["fingerprint"].as_str().unwrap_or("none");
                let act =
                    Act::bare(Kind::Authenticate).with("fingerprint", self.reader.names.of(fingerprint));
                self.ask(at, act, "provider");
            }
            "provider.refresh" => self.ask(at, Act::bare(Kind::Refresh), "provider"),
            "provider.authenticate.result" | "provider.refresh.result" => {
                let token = self.minted.take().expect("the backend minted a token");
                let life_ms = number("expiry_in_ms");
                self.answer(at, "provider", Reply::Credential { token, life_ms });
            }
            "provider.refresh.reject" => drop(self.answer(at, "provider", Reply::ProviderFailed)),
            // The developer's backend, not the client.
            "http.req" if line["path"] == MINT => {}
            "http.req" => {
                let headers = line["headers"].as_object().expect("headers");
                let act = self.reader.request(
                    line["method"].as_str().unwrap_or_default(),
                    headers["host"].as_str().unwrap_or_default(),
                    line["path"].as_str().unwrap_or_default(),
                    headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))),
                    &line["body"],
                    unix_s,
                );
                self.ask(at, act, &format!("http {}", number("id")));
            }
            "http.res" => {
                let name = format!("http {}", number("id"));
                if !self.waiting.contains_key(&name) {
                    self.minted = line["body"]["token"].as_str().map(str::to_owned);
                    return;
                }
                let status = u16::try_from(number("status")).expect("a status");
                let body = line["body"].to_string();
                self.answer(at, &name, Reply::Http { status, body });
            }
            "ws.new" => {
                let url = line["url"].as_str().unwrap_or_default();
                let act = Act::bare(Kind::Open).with("url", url.trim_end_matches('/'));
                self.ask(at, act, &format!("socket {}", number("ws")));
            }
            // The client numbers its sockets as the server numbers its connections.
            "ws.open" if line["src"] == "client" => {
                let name = format!("socket {}", number("ws"));
                let anchor = self.answer(at, &name, Reply::Opened);
                self.anchors.insert(number("ws"), anchor);
            }
            "ws.recv" => {
                let act = self.reader.frame(&line["frame"], unix_s);
                self.ask(at, act, line["frame"]["id"].as_str().expect("ids are texts"));
            }
            "ws.send" if line["frame"]["method"].is_string() => {
                self.push(at, number("conn"), Push::Frame(line["frame"].to_string()));
            }
            "ws.send" => {
                let mut answer = line["frame"].clone();
                let id = answer["id"].as_str().expect("ids are texts").to_owned();
                answer.as_object_mut().expect("a frame").remove("id");
                let anchor = self.answer(at, &id, Reply::Rpc(answer));
                self.anchors.insert(number("conn"), anchor);
            }
            // 1005: the client closed it without a code.
            "ws.close" if !self.stopped && line["code"] == 1005 => {
                self.ask(at, Act::bare(Kind::Close), "nothing");
            }
            "ws.close" if !self.stopped => self.push(at, number("conn"), Push::Dropped),
            STOPPED => self.stopped = true,
            _ => {}
        }
    }

    fn ask(&mut self, at: u64, act: Act, name: &str) {
        self.waiting.insert(name.to_owned(), (self.exchanges.len(), at));
        self.exchanges.push(Exchange { place: self.places.next(&act), act, reply: None });
    }

    /// Returns which request it was and when it was answered.
    fn answer(&mut self, at: u64, name: &str, reply: Reply) -> (Place, u64) {
        let (exchange, asked) = self.waiting.remove(name).expect("what is answered was asked");
        let exchange = &mut self.exchanges[exchange];
        exchange.reply = Some((at - asked, reply));
        (exchange.place.clone(), at)
    }

    fn push(&mut self, at: u64, conn: u64, push: Push) {
        let (place, answered) = self.anchors[&conn].clone();
        self.pushes.push((place, at - answered, push));
    }
}

/// Names for tokens, as the mock counted them, and for what else was given out.
fn name_values(names: &mut Names, lines: &[Value]) {
    let (mut states, mut protocols, mut pushes) = (0, 0, 0);
    for line in lines {
        if let Some(token) = line["body"]["token"].as_str() {
            let serial = URL_SAFE_NO_PAD.decode(token.split('.').nth(3).unwrap_or_default());
            let serial = String::from_utf8(serial.unwrap_or_default()).unwrap_or_default();
            if let Some((serial, _)) = serial.split_once('|') {
                names.call(token, serial.to_owned());
                names.call(&ath(&Secret::new(token)), format!("hash of {serial}"));
            }
        }
        let frame = &line["frame"];
        if line["ev"] == "ws.send" {
            if let Some(method) = frame["method"].as_str() {
                pushes += 1;
                let name = method.rsplit('.').next().unwrap_or_default();
                names.call(&name_of(frame), format!("{name}#{pushes}"));
            }
            if let Some(state) = frame["params"]["params"]["authorization_state"].as_str() {
                states += 1;
                names.call(state, format!("state#{states}"));
            }
            if let Some(protocol) = frame["result"]["protocol"].as_str() {
                protocols += 1;
                names.call(protocol, format!("protocol#{protocols}"));
            }
        }
    }
    for (n, key) in keys(lines).iter().enumerate() {
        names.call(&key.thumbprint(), format!("thumbprint of key#{}", n + 1));
        if let PublicJwk::Rsa { n: modulus, .. } = key {
            names.call(modulus, format!("key#{}", n + 1));
        }
    }
}

fn keys(lines: &[Value]) -> Vec<PublicJwk> {
    let mut keys = Vec::new();
    for jwk in lines.iter().filter(|line| line["ev"] == "dpop.verify").map(|line| &line["header"]["jwk"]) {
        let bytes = |member: &str| {
            URL_SAFE_NO_PAD.decode(jwk[member].as_str().unwrap_or_default()).expect("base64url")
        };
        let key = PublicJwk::rsa(&bytes("n"), &bytes("e"));
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

/// The earliest zero at which no proof comes from the future.
fn zero(lines: &[Value]) -> u64 {
    let proofs = lines.iter().filter(|line| line["ev"] == "dpop.verify");
    let zeros = proofs.filter_map(|line| Some(line["claims"]["iat"].as_u64()? * 1_000 - line["t"].as_u64()?));
    zeros.max().expect("a proof")
}
