//! A client as people write it first: it renews at 75 % of the life that it is told, tries again each 5 s, pushes what it
//! gets, and connects anew a second after each loss. A token that can be exchanged for a client-bound one it exchanges at
//! once, and renews that. It resumes nothing, trusts nothing, doubts nothing, keeps no record,
//! says nothing of what is wrong, and gives up only if it is told to.

use super::{Ask, AskId, Client, Clocks, Good, Heard, News, Phase, Says, Serial, Socket, Tell};
use crate::timeline::Ms;
use crate::world::{Facts, User};

/// The life of a token of which nobody says anything.
const ASSUMED: Ms = 7_200_000;
const AGAIN: Ms = 5_000;
const RECONNECT: Ms = 1_000;
/// What has not been answered by then has failed.
const TIMEOUT: Ms = 10_000;

/// See the [module](self).
#[derive(Debug)]
pub struct Naive {
    facts: Facts,
    mode: Phase,
    next: u64,
    socket: Socket,
    token: Option<Serial>,
    /// That is a client-bound one.
    bound: bool,
    secret: Option<u32>,
    /// A request for a token, for a client-bound one, and when it counts as failed.
    renewal: Option<(AskId, bool, Ms)>,
    renew_at: Ms,
    link: Link,
    /// What the newest socket was connected with.
    connected: Option<Serial>,
    /// The newest token is to be pushed, not before.
    push_at: Option<Ms>,
    push: Option<(AskId, Serial)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// Until then.
    Down(Ms),
    /// An answer to this is awaited, until then.
    Coming(AskId, Ms),
    Up,
}

impl Naive {
    /// A [`Maker`](super::Maker).
    #[must_use]
    pub fn make(facts: &Facts, _: u64) -> Box<dyn Client> {
        Box::new(Self {
            facts: *facts,
            mode: Phase::Away,
            next: 0,
            socket: 0,
            token: None,
            bound: false,
            secret: None,
            renewal: None,
            renew_at: 0,
            link: Link::Down(0),
            connected: None,
            push_at: None,
            push: None,
        })
    }

    fn ask(&mut self, heard: &mut Heard, ask: Ask) -> AskId {
        self.next += 1;
        heard.asks.push((self.next, ask));
        self.next
    }

    fn answered(&mut self, heard: &mut Heard, now: Clocks, id: AskId, result: Result<Good, super::Bad>) {
        if let Some((_, bound, _)) = self.renewal.filter(|(asked, ..)| *asked == id) {
            self.renewal = None;
            self.renew_at = now.tick + AGAIN;
            if let Ok(Good::Token { token, says, secret }) = result {
                self.secret = secret.or(self.secret);
                self.take(now, token, says, bound);
            }
        } else if self.push.is_some_and(|(asked, _)| asked == id) {
            let pushed = self.push.take().map(|(_, token)| token);
            match pushed.filter(|_| result.is_ok()) {
                Some(token) => {
                    heard.tells.push(Tell::Renewed(token));
                    self.push_at = self.push_at.filter(|_| self.token != Some(token));
                    if let (Ok(Good::Says(says)), true) = (result, self.token == Some(token)) {
                        self.plan(now, says);
                    }
                }
                None => self.push_at = Some(now.tick + AGAIN),
            }
        } else if matches!(self.link, Link::Coming(asked, _) if asked == id) {
            match (result, self.token) {
                (Ok(Good::Done), Some(token)) => {
                    let socket = self.socket;
                    self.connected = Some(token);
                    let id = self.ask(heard, Ask::Connect { socket, token, resume: false, proof: None });
                    self.link = Link::Coming(id, now.tick + TIMEOUT);
                }
                (Ok(Good::Connected { says, .. }), _) => {
                    self.link = Link::Up;
                    if self.connected == self.token {
                        self.plan(now, says);
                    }
                    heard.tells.push(Tell::Live);
                }
                _ => self.reconnect(heard, now),
            }
        }
    }

    fn take(&mut self, now: Clocks, token: Serial, says: Says, bound: bool) {
        (self.token, self.bound) = (Some(token), bound);
        self.renew_at = now.tick + ASSUMED * 3 / 4;
        self.plan(now, says);
        self.push_at = Some(now.tick);
    }

    fn plan(&mut self, now: Clocks, says: Says) {
        if self.binds() && !self.bound {
            self.renew_at = now.tick;
            return;
        }
        let end = says.end.or(says.hint).map(|end| end.saturating_sub(now.unix));
        if let Some(life) = says.life.or(end) {
            self.renew_at = now.tick + (life * 3 / 4).max(AGAIN.min(life));
        }
    }

    const fn binds(&self) -> bool {
        self.facts.scope && self.facts.key
    }

    fn reconnect(&mut self, heard: &mut Heard, now: Clocks) {
        let socket = self.socket;
        self.ask(heard, Ask::Close(socket));
        self.lost(now);
    }

    fn lost(&mut self, now: Clocks) {
        self.push = None;
        self.link = Link::Down(now.tick + RECONNECT);
    }

    fn act(&mut self, heard: &mut Heard, now: Clocks) {
        let tick = now.tick;
        if self.renewal.is_some_and(|(.., until)| until <= tick) {
            self.renewal = None;
            self.renew_at = tick + AGAIN;
        }
        if self.renewal.is_none() && self.renew_at <= tick {
            let secret = self.secret;
            let proof = Some(now.unix / 1_000 * 1_000);
            let ask = match self.token {
                Some(bound) if self.bound => Some(Ask::Renew(bound, proof)),
                Some(base) if self.binds() => Some(Ask::Activate(base, proof)),
                Some(_) if self.facts.can_refresh => Some(Ask::Refresh { secret }),
                Some(_) if !self.facts.can_mint_again => None,
                _ => Some(Ask::Mint),
            };
            match ask {
                Some(ask) => {
                    let bound = matches!(ask, Ask::Renew(..) | Ask::Activate(..));
                    self.renewal = Some((self.ask(heard, ask), bound, tick + TIMEOUT));
                }
                None => self.renew_at = Ms::MAX,
            }
        }
        if matches!(self.link, Link::Coming(_, until) if until <= tick) {
            self.reconnect(heard, now);
        }
        if matches!(self.link, Link::Down(until) if until <= tick) && self.token.is_some() {
            self.socket += 1;
            let socket = self.socket;
            self.link = Link::Coming(self.ask(heard, Ask::Open(socket)), tick + TIMEOUT);
            self.push_at = None;
        }
        if self.link == Link::Up
            && self.push.is_none()
            && self.push_at.is_some_and(|at| at <= tick)
            && let Some(token) = self.token
        {
            let socket = self.socket;
            self.push = Some((self.ask(heard, Ask::Push(socket, token, None)), token));
        }
    }

    fn wake_at(&self) -> Option<Ms> {
        let renewal = self.renewal.map_or(self.renew_at, |(.., until)| until);
        let link = match self.link {
            Link::Down(until) if self.token.is_some() => until,
            Link::Coming(_, until) => until,
            Link::Down(_) | Link::Up => Ms::MAX,
        };
        let push = self.push_at.filter(|_| self.push.is_none() && self.link == Link::Up).unwrap_or(Ms::MAX);
        Some(renewal.min(link).min(push)).filter(|at| *at < Ms::MAX)
    }
}

impl Client for Naive {
    fn hear(&mut self, now: Clocks, news: &News) -> Heard {
        let mut heard = Heard::default();
        match *news {
            News::Start | News::Tick | News::State(_) => {}
            News::Restart => {
                (self.token, self.secret, self.renewal, self.push, self.push_at) =
                    (None, None, None, None, None);
                (self.link, self.renew_at, self.bound) = (Link::Down(now.tick), now.tick, false);
            }
            News::Answer(id, reply) => self.answered(&mut heard, now, id, reply.result),
            News::SocketLost(socket) | News::Disconnect { socket, .. } => {
                if socket == self.socket && !matches!(self.link, Link::Down(_)) {
                    self.lost(now);
                }
            }
            News::Ping(socket) => {
                self.ask(&mut heard, Ask::Frame(socket));
            }
            News::Updates { token, says } => {
                self.renewal = None;
                self.take(now, token, says, false);
            }
            News::User(User::Suspends) => {
                self.reconnect(&mut heard, now);
                self.mode = Phase::Suspended;
                heard.tells.push(Tell::Suspended);
            }
            News::User(User::Resumes) => self.mode = Phase::Away,
            News::User(User::Disconnects) => {
                self.mode = Phase::Over;
                heard.tells.push(Tell::Over { reason: "disconnected".to_owned() });
            }
            News::User(User::Refreshes) => self.renew_at = self.renew_at.min(now.tick),
            News::User(_) => {}
        }
        if self.mode == Phase::Away {
            self.act(&mut heard, now);
            heard.wake_at = self.wake_at();
        }
        heard
    }

    fn phase(&self) -> Phase {
        match (self.mode, self.link) {
            (Phase::Away, Link::Up) => Phase::Live,
            (mode, _) => mode,
        }
    }

    fn tick_counts_sleep(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        "naive"
    }
}
