//! What the server's own log says of a session.

use std::collections::BTreeMap;

use satkeeper_fixtures::{Seen, What};
use serde_json::Value;

use crate::spans::Spans;
use crate::world::{Ms, World};

/// A session that came to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connected {
    pub(crate) at: Ms,
    pub(crate) resumed: bool,
    /// Another socket of the session was authenticated then.
    pub(crate) beside: bool,
}

/// A token that was handed out.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    /// Its tag in the log.
    pub(crate) tag: String,
    pub(crate) asked: Ms,
    pub(crate) given: Ms,
    ends: Ms,
}

/// A one-time refresh token that was presented.
#[derive(Clone, Debug)]
pub(crate) struct Presented {
    pub(crate) tag: String,
    pub(crate) at: Ms,
    /// When it was answered, and whether its successor was issued.
    pub(crate) answered: Option<(Ms, bool)>,
}

/// All of it.
#[derive(Default)]
pub(crate) struct Story {
    /// A socket was authenticated, and frames passed both ways.
    pub(crate) served: Spans,
    /// A socket was open that had been authenticated once.
    pub(crate) accepted: Spans,
    pub(crate) connected: Vec<Connected>,
    /// How often anything authenticated a socket, and when.
    pub(crate) authenticated: Vec<Ms>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) presented: Vec<Presented>,
    /// Requests to token endpoints.
    pub(crate) requests: Vec<Ms>,
    /// Sockets that were asked for.
    pub(crate) opens: Vec<Ms>,
    /// Any attempt to get a token or a socket, or to have either accepted.
    pub(crate) attempts: Vec<Ms>,
    /// Credentials that were refused where they were shown.
    pub(crate) refused: Vec<Ms>,
    /// Which token was shown by a connect or push.
    pub(crate) shown: Vec<(Ms, String)>,
    /// The last end of a token that a socket was authenticated with.
    pub(crate) last_end: Option<Ms>,
    /// All tokens so far are honoured no more.
    revoked: Vec<Ms>,
}

/// A socket while its log is read.
#[derive(Default)]
struct Socket {
    accepted: Option<Ms>,
    authenticated: Option<Ms>,
    deaf: bool,
}

impl Story {
    /// Reads it, until then.
    pub(crate) fn of(world: &World, seen: &[Seen], until: Ms) -> Self {
        let mut reader = Reader {
            world,
            story: Self::default(),
            sockets: BTreeMap::new(),
            asked: BTreeMap::new(),
            stretches: Vec::new(),
            accepted: Vec::new(),
        };
        for record in seen.iter().filter(|record| record.ms <= until) {
            reader.read(record.ms, &record.what);
        }
        reader.end(until)
    }

    /// A token that was given, is good and has not been revoked.
    pub(crate) fn owed(&self) -> Spans {
        Spans::of(self.tokens.iter().map(|token| (token.given, self.end(token))).collect())
    }

    /// A token that was given before the one is good past the other.
    pub(crate) fn holds_past(&self, given: Ms, good: Ms) -> bool {
        self.tokens.iter().any(|token| token.given < given && self.end(token) > good)
    }

    fn end(&self, token: &Token) -> Ms {
        let revoked = self.revoked.iter().copied().find(|at| *at >= token.given);
        revoked.map_or(token.ends, |at| at.min(token.ends))
    }
}

struct Reader<'a> {
    world: &'a World,
    story: Story,
    sockets: BTreeMap<u64, Socket>,
    asked: BTreeMap<u64, (Ms, String, Option<String>)>,
    stretches: Vec<(Ms, Ms)>,
    accepted: Vec<(Ms, Ms)>,
}

impl Reader<'_> {
    fn read(&mut self, at: Ms, what: &What) {
        match what {
            What::Request { request, path, body, .. } => self.request(at, *request, path, body),
            What::Response { request, status, body } => self.response(at, *request, *status, body),
            What::SocketOpened { socket, .. } => {
                self.sockets.insert(*socket, Socket::default());
                self.story.opens.push(at);
                self.story.attempts.push(at);
            }
            What::SocketClosed { socket, .. } => self.closed(at, *socket),
            What::Connected { socket, resumed, expires_at, .. } => {
                let beside =
                    self.sockets.values().any(|socket| socket.authenticated.is_some() && !socket.deaf);
                self.story.connected.push(Connected { at, resumed: *resumed, beside });
                self.authenticated(at, *socket, *expires_at);
            }
            What::Reauthenticated { socket, expires_at, .. } => self.authenticated(at, *socket, *expires_at),
            What::Expired { socket } => self.lapsed(at, *socket),
            What::FrameIn { frame, .. } => self.frame(at, frame),
            What::FrameOut { frame, .. } => {
                let code = frame["error"]["code"].as_i64();
                let refused = matches!(code, Some(-32_002 | -32_003)) || frame["result"]["code"] == "401";
                self.story.refused.extend(refused.then_some(at));
            }
            What::Fault { on, .. } if *on == "upgrade" => {
                self.story.opens.push(at);
                self.story.attempts.push(at);
            }
            What::Control { action } => self.control(at, action),
            What::Fault { .. } | What::Proof { .. } => {}
        }
    }

    fn request(&mut self, at: Ms, request: u64, path: &str, body: &Value) {
        self.story.attempts.push(at);
        // Who the subscriber is, is no question for a token.
        if path.contains("token") || path.contains("devices") {
            self.story.requests.push(at);
        }
        let secret = body["refresh_token"].as_str().map(str::to_owned);
        if let Some(tag) = &secret {
            self.story.presented.push(Presented { tag: tag.clone(), at, answered: None });
        }
        self.asked.insert(request, (at, path.to_owned(), secret));
    }

    fn response(&mut self, at: Ms, request: u64, status: u16, body: &Value) {
        let Some((asked, path, secret)) = self.asked.remove(&request) else { return };
        let token = body["token"].as_str().filter(|_| (200..300).contains(&status));
        if let Some(tag) = token {
            let life = if path.contains("devices") {
                self.world.config.device_ttl
            } else {
                self.world.config.sat_ttl
            };
            let life = body["expires_in"]
                .as_i64()
                .map_or(Ms::try_from(life.as_millis()).unwrap_or(0), |s| s * 1_000);
            let given = Token { tag: tag.to_owned(), asked, given: at, ends: at + life };
            self.story.tokens.push(given);
        }
        if let Some(secret) = secret {
            let open = |presented: &&mut Presented| presented.tag == secret && presented.answered.is_none();
            if let Some(presented) = self.story.presented.iter_mut().find(open) {
                presented.answered = Some((at, token.is_some()));
            }
        }
    }

    fn frame(&mut self, at: Ms, frame: &Value) {
        let method = frame["method"].as_str().unwrap_or_default();
        if !matches!(method, "signalwire.connect" | "signalwire.reauthenticate") {
            return;
        }
        self.story.attempts.push(at);
        if let Some(tag) = frame["params"]["authentication"]["jwt_token"].as_str() {
            self.story.shown.push((at, tag.to_owned()));
        }
    }

    fn authenticated(&mut self, at: Ms, number: u64, expires_at: Ms) {
        let ends = expires_at * 1_000 - self.world.config.clock_offset_ms;
        let socket = self.sockets.entry(number).or_default();
        socket.accepted.get_or_insert(at);
        // A session can be resumed by a state whose token has ended: a second is the grain of what is logged.
        if ends + 1_000 > at {
            socket.authenticated.get_or_insert(at);
            self.story.authenticated.push(at);
            self.story.last_end = self.story.last_end.max(Some(ends));
        }
    }

    fn lapsed(&mut self, at: Ms, number: u64) {
        let Some(socket) = self.sockets.get_mut(&number) else { return };
        if let Some(from) = socket.authenticated.take().filter(|_| !socket.deaf) {
            self.stretches.push((from, at));
        }
    }

    fn closed(&mut self, at: Ms, number: u64) {
        self.lapsed(at, number);
        if let Some(from) = self.sockets.remove(&number).and_then(|socket| socket.accepted) {
            self.accepted.push((from, at));
        }
    }

    fn control(&mut self, at: Ms, action: &Value) {
        if action.get("swallow_sockets").is_some() {
            let numbers: Vec<u64> = self.sockets.keys().copied().collect();
            for number in numbers {
                self.lapsed(at, number);
                if let Some(socket) = self.sockets.get_mut(&number) {
                    socket.deaf = true;
                }
            }
        }
        if action == "revoke_tokens" {
            self.story.revoked.push(at);
        }
    }

    fn end(mut self, until: Ms) -> Story {
        let numbers: Vec<u64> = self.sockets.keys().copied().collect();
        for number in numbers {
            self.closed(until, number);
        }
        self.story.served = Spans::of(self.stretches);
        self.story.accepted = Spans::of(self.accepted);
        self.story
    }
}
