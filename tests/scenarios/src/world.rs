//! The world of a story: a server, a provider, a network and clocks that are well-behaved unless the story
//! says otherwise.

use std::collections::{BTreeMap, VecDeque};

use satkeeper_core::Now;
use satkeeper_core::lifecycle::{KeyAlgorithm, SocketId, TokenId};

use crate::asked::{Answer, BoundTo, End, Good, Grant, Said, Serial, Verdict, What};
use crate::settings::Settings;
use crate::statement::{Bad, Hint, How, Provider, Says, Which};

/// When stories begin, on the server's clock.
pub(crate) const EPOCH: u64 = 1_800_000_000_000;

/// What the server says to a token that has ended or was revoked.
const REFUSED: i64 = -32_002;

/// What the server says to a proof that it does not accept.
const UNPROVED: i64 = -32_003;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    Up,
    /// Nothing comes through, and nobody says so.
    Silent,
    Down,
}

#[derive(Clone, Debug)]
struct Minted {
    ends: u64,
    bound: bool,
    scope: bool,
    key: BoundTo,
    revoked: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) settings: Settings,
    /// Milliseconds since the story began, sleep and all.
    pub(crate) now: u64,
    /// What of it the monotonic clock of the running process has not seen.
    lost: u64,
    pub(crate) network: Network,
    tokens: Vec<Minted>,
    /// Serials by the machine's numbers, which it gives in the order in which tokens reach it.
    numbers: Vec<Serial>,
    /// The one-time secret that the server accepts.
    pub(crate) one_time: u32,
    next: BTreeMap<&'static str, VecDeque<How>>,
    every: BTreeMap<&'static str, How>,
    /// Open sockets, and the token that each was last authenticated with.
    sockets: BTreeMap<SocketId, Option<Serial>>,
    /// What the newest resume state was made for.
    state_of: Option<Serial>,
}

impl World {
    pub(crate) const fn new(settings: Settings) -> Self {
        Self {
            settings,
            now: 0,
            lost: 0,
            network: Network::Up,
            tokens: Vec::new(),
            numbers: Vec::new(),
            one_time: 0,
            next: BTreeMap::new(),
            every: BTreeMap::new(),
            sockets: BTreeMap::new(),
            state_of: None,
        }
    }

    pub(crate) fn clocks(&self) -> Now {
        let wall = (EPOCH + self.now).saturating_add_signed(self.settings.clock_ahead);
        Now::new(self.now - self.lost, wall)
    }

    pub(crate) const fn server_now(&self) -> u64 {
        EPOCH + self.now
    }

    /// When the monotonic clock will show this, if nobody sleeps.
    pub(crate) const fn when(&self, tick: u64) -> u64 {
        tick.saturating_add(self.lost)
    }

    /// Time passes that the monotonic clock does not see.
    pub(crate) const fn sleep(&mut self, span: u64) {
        self.now += span;
        self.lost += span;
    }

    /// Another process begins, with a monotonic clock and a seed of its own.
    pub(crate) fn boot(&mut self) {
        self.lost = self.now;
        self.sockets.clear();
        self.settings.seed = self.settings.seed.wrapping_add(1);
    }

    pub(crate) fn treat(&mut self, which: Which, name: &'static str, how: Option<&How>) {
        match (which, how) {
            (_, None) => {
                self.next.remove(name);
                self.every.remove(name);
            }
            (Which::Every, Some(how)) => {
                self.every.insert(name, how.clone());
            }
            (Which::Next(times), Some(how)) => {
                let queue = self.next.entry(name).or_default();
                queue.extend((0..times).map(|_| how.clone()));
            }
        }
    }

    /// All is well again.
    pub(crate) fn heal(&mut self) {
        self.next.clear();
        self.every.clear();
        self.network = Network::Up;
    }

    /// Whether there was such a token to revoke.
    pub(crate) fn revoke(&mut self, number: u32) -> bool {
        let serial = self.serial(TokenId(number));
        let token = serial.and_then(|serial| self.tokens.get_mut(serial as usize));
        token.is_some_and(|token| !std::mem::replace(&mut token.revoked, true))
    }

    /// The number that the machine gives to a token, now that it has reached it. What an exchange for a token that
    /// is not held any more brings reaches nobody.
    pub(crate) fn number(&mut self, serial: Serial) -> TokenId {
        let at = self.numbers.iter().position(|known| *known == serial).unwrap_or_else(|| {
            self.numbers.push(serial);
            self.numbers.len() - 1
        });
        TokenId(u32::try_from(at + 1).unwrap_or(u32::MAX))
    }

    pub(crate) fn serial(&self, token: TokenId) -> Option<Serial> {
        self.numbers.get((token.0 as usize).checked_sub(1)?).copied()
    }

    pub(crate) fn mint(&mut self, life: u64, bound: bool, scope: bool, key: BoundTo) -> Serial {
        let ends = self.server_now().saturating_add(life);
        self.tokens.push(Minted { ends, bound, scope, key, revoked: false });
        u32::try_from(self.tokens.len() - 1).unwrap_or(u32::MAX)
    }

    /// The number of a token that has reached the machine.
    pub(crate) fn known_number(&self, serial: Serial) -> Option<u32> {
        let at = self.numbers.iter().position(|known| *known == serial)?;
        u32::try_from(at + 1).ok()
    }

    /// When a token ends, on the server's clock.
    pub(crate) fn end_of(&self, serial: Serial) -> Option<u64> {
        self.tokens.get(serial as usize).map(|token| token.ends)
    }

    fn valid(&self, serial: Serial) -> Option<&Minted> {
        let token = self.tokens.get(serial as usize)?;
        (!token.revoked && token.ends > self.server_now()).then_some(token)
    }

    /// Whether a socket is authenticated by it: one that is bound to another key comes with a wrong proof.
    fn accepted(&self, serial: Serial) -> Result<(), Bad> {
        let is_ours = self.valid(serial).is_some_and(|token| token.key != BoundTo::Other);
        if is_ours { Ok(()) } else { Err(Bad::Rpc(REFUSED)) }
    }

    pub(crate) fn newest_socket(&self) -> Option<SocketId> {
        self.sockets.keys().next_back().copied()
    }

    pub(crate) fn is_open(&self, socket: SocketId) -> bool {
        self.sockets.contains_key(&socket)
    }

    pub(crate) fn drop_socket(&mut self, socket: SocketId) -> bool {
        self.sockets.remove(&socket).is_some()
    }

    /// The token that a socket was last authenticated with.
    pub(crate) fn acknowledged(&self, socket: SocketId) -> Option<Serial> {
        self.sockets.get(&socket).copied().flatten()
    }

    /// What comes of it.
    pub(crate) fn asked(&mut self, what: &What) -> Verdict {
        let name = what.name();
        let queued = self.next.get_mut(name).and_then(VecDeque::pop_front);
        let how = queued.or_else(|| self.every.get(name).cloned()).unwrap_or_default();
        let usual = if what.is_local() { 0 } else { self.settings.latency };
        let after = how.late.unwrap_or(usual);
        let mut verdict = Verdict { after, answer: None, breaks: None, note: how.note() };
        let is_local = what.is_local();
        match self.network {
            Network::Silent if !is_local => {
                verdict.note = "silence".to_owned();
                return verdict;
            }
            Network::Down if !is_local => {
                verdict.breaks = what.socket();
                if what.socket().is_none() {
                    let bad =
                        if self.is_callback(what) { Bad::Fails { retry_after: None } } else { Bad::Breaks };
                    verdict.note = bad.note();
                    verdict.answer = Some(Answer { result: Err(bad), server_time: None });
                }
                return verdict;
            }
            _ => {}
        }
        if how.silence {
            return verdict;
        }
        let result = match how.bad.clone() {
            Some(bad) => Err(bad),
            None => self.result(what, &how).inspect_err(|bad| verdict.note = bad.note()),
        };
        if how.lost {
            return verdict;
        }
        if result == Err(Bad::Breaks) && what.socket().is_some() {
            verdict.breaks = what.socket();
            return verdict;
        }
        let told = self.settings.tells_time && self.is_dated(what) && result != Err(Bad::Breaks);
        let server_time = told.then(|| (self.server_now() + after) / 1_000 * 1_000);
        verdict.answer = Some(Answer { result, server_time });
        verdict
    }

    /// Whether a function of the application is called.
    fn is_callback(&self, what: &What) -> bool {
        matches!(what, What::Mint(_) | What::Refresh(_)) && self.settings.provider != Provider::Subscriber
    }

    /// Whether the answer comes over HTTP from a host of SignalWire's, with its `Date`.
    fn is_dated(&self, what: &What) -> bool {
        match what {
            What::Inspect(_) | What::Activate(..) | What::Renew(..) | What::Open(_) => true,
            What::Mint(_) | What::Refresh(_) => !self.is_callback(what),
            _ => false,
        }
    }

    fn result(&mut self, what: &What, how: &How) -> Result<Good, Bad> {
        let unauthorized = Bad::Http { status: 401, retry_after: None };
        let off = what.proof().zip(self.settings.proof_window);
        if off.is_some_and(|(signed, window)| signed.abs_diff(self.server_now()) > window) {
            return Err(if what.socket().is_some() { Bad::Rpc(UNPROVED) } else { unauthorized });
        }
        Ok(match *what {
            What::Mint(key) => {
                let scope = self.settings.base_scope && key.is_some();
                self.base(how, scope, key)
            }
            What::Refresh(presented) => {
                if self.settings.provider == Provider::Subscriber && presented != Some(self.one_time) {
                    return Err(Bad::Http { status: 422, retry_after: None });
                }
                let scope = self.settings.refreshed_scope;
                self.base(how, scope, None)
            }
            What::Inspect(token) => {
                let Minted { scope, key, .. } = *self.valid(token).ok_or(unauthorized)?;
                // Claims are told only of tokens with special capabilities.
                let is_special = scope || key != BoundTo::Nothing;
                Good::Said(Said {
                    end: self.end(token, how).filter(|_| is_special),
                    ..self.said(token, true)
                })
            }
            What::Activate(token, _) => {
                let base = self.valid(token).ok_or_else(|| unauthorized.clone())?;
                if !base.scope {
                    return Err(Bad::Http { status: 403, retry_after: None });
                }
                let key = base.key;
                self.bound(how, key)
            }
            What::Renew(token, _) => {
                let key = self.valid(token).filter(|token| token.bound).ok_or(unauthorized)?.key;
                self.bound(how, key)
            }
            What::Open(socket) => {
                self.sockets.insert(socket, None);
                Good::Done
            }
            What::Connect { socket, token, resume, .. } => {
                // Resume state stands for a token that has ended, but not for one that was revoked.
                let is_resumable = resume && self.tokens.get(token as usize).is_some_and(|it| !it.revoked);
                if !is_resumable {
                    self.accepted(token)?;
                }
                let of = self.state_of.filter(|_| resume).unwrap_or(token);
                self.authenticated(socket, of);
                if self.settings.resumes {
                    self.state_of = Some(of);
                }
                let tells = self.settings.connect_tells_scope;
                Good::Connected {
                    resumed: resume,
                    said: Said { end: self.end(of, how), ..self.said(of, tells) },
                }
            }
            What::Push { socket, token, .. } => {
                self.accepted(token)?;
                self.authenticated(socket, token);
                if self.settings.renews_state {
                    self.state_of = self.state_of.map(|_| token);
                }
                Good::Said(Said { end: self.end(token, how), ..self.said(token, false) })
            }
            What::Close(socket) => {
                self.drop_socket(socket);
                Good::Done
            }
            What::MakeKey(_) | What::Persist | What::Erase | What::Ping { .. } | What::Call(..) => Good::Done,
        })
    }

    /// Where it will say soon what this socket can be resumed with.
    pub(crate) fn hands_out_state(&self, what: &What) -> Option<SocketId> {
        let (socket, again) = match *what {
            What::Connect { socket, .. } => (socket, true),
            What::Push { socket, .. } => (socket, self.settings.renews_state),
            _ => return None,
        };
        (self.settings.resumes && again).then_some(socket)
    }

    fn authenticated(&mut self, socket: SocketId, token: Serial) {
        if let Some(acknowledged) = self.sockets.get_mut(&socket) {
            *acknowledged = Some(token);
        }
    }

    fn base(&mut self, how: &How, scope: bool, key: Option<KeyAlgorithm>) -> Good {
        let life = how.life.unwrap_or(self.settings.base_life);
        let key = if how.foreign { BoundTo::Other } else { key.map_or(BoundTo::Nothing, BoundTo::Ours) };
        let token = self.mint(life, false, scope, key);
        let truth = self.clocks().unix.0.saturating_add(life);
        let hint = match self.settings.hint {
            Hint::Nothing => None,
            Hint::True => Some(truth),
            Hint::Seconds => Some(truth / 1_000),
            Hint::In(span) => Some(self.clocks().unix.0.saturating_add(span)),
        };
        let rotates = self.settings.provider == Provider::Subscriber;
        self.one_time += u32::from(rotates);
        let one_time = rotates.then_some(self.one_time);
        let hint = hint.filter(|_| !rotates);
        Good::Token(Grant { token, expires_in: None, expires_at: None, hint, one_time })
    }

    fn bound(&mut self, how: &How, key: BoundTo) -> Good {
        let life = how.life.unwrap_or(self.settings.bound_life);
        let token = self.mint(life, true, true, key);
        let mut grant = Grant { token, expires_in: Some(life), expires_at: None, hint: None, one_time: None };
        match how.says {
            None if self.settings.states_ends => {}
            None | Some(Says::Nothing) => grant.expires_in = None,
            Some(Says::EndIn(span)) => grant.expires_in = Some(span),
            Some(says) => {
                grant.expires_in = None;
                grant.expires_at = self.told(self.server_now().saturating_add(life), says);
            }
        }
        Good::Token(grant)
    }

    /// What an answer says of a token's end.
    fn end(&self, token: Serial, how: &How) -> Option<End> {
        let truth = self.end_of(token)?;
        match how.says {
            None if self.settings.states_ends => Some(End { at: seconds(truth), in_milliseconds: false }),
            None => None,
            Some(says) => self.told(truth, says),
        }
    }

    fn told(&self, truth: u64, says: Says) -> Option<End> {
        let now = self.server_now();
        let (at, in_milliseconds) = match says {
            Says::Nothing => return None,
            Says::EndIn(span) => (seconds(now.saturating_add(span)), false),
            Says::EndedAgo(span) => (seconds(now.saturating_sub(span)), false),
            Says::Milliseconds => (truth, true),
            Says::Absolute => (seconds(truth), false),
        };
        Some(End { at, in_milliseconds })
    }

    fn said(&self, token: Serial, tells_scope: bool) -> Said {
        let token = self.tokens.get(token as usize);
        let scope = token.map(|token| token.scope).filter(|_| tells_scope);
        Said { end: None, scope, bound_to: token.map_or(BoundTo::Nothing, |token| token.key) }
    }
}

const fn seconds(ms: u64) -> u64 {
    ms / 1_000 * 1_000
}
