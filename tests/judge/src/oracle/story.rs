//! The log, told once more by what it is about: tokens, sockets, questions and answers, words.

use std::collections::BTreeMap;

use super::spans::Spans;
use crate::client::{Ask, AskId, Bad, News, Phase, Reply, Serial, Socket, Tell};
use crate::log::{By, Entry, Log, Source, Why};
use crate::timeline::Ms;
use crate::world::{Awake, Ends, Facts, Health, User, World};

/// What has become of a token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) serial: Serial,
    pub(super) of: Source,
    pub(super) issued: Ms,
    pub(super) ends: Ms,
    pub(super) identity: u8,
    /// When the client heard of it first, and last.
    pub(super) received: Option<Ms>,
    heard_again: Option<Ms>,
    /// How many events had been told before: within a millisecond, what came first.
    pub(super) told_before: usize,
    /// When the process that had heard of it died, if it had not been kept.
    forgotten: Option<Ms>,
    /// When the server first accepted it on a socket.
    pub(super) accepted: Option<Ms>,
    /// The latest end that the client was told of.
    pub(super) told: Option<Ms>,
    pub(super) revoked: Option<Ms>,
}

impl Token {
    /// The server honours it until then.
    pub(super) fn honoured_until(&self) -> Ms {
        self.revoked.map_or(self.ends, |revoked| self.ends.min(revoked))
    }

    /// It is owed until then.
    pub(super) fn owed_until(&self) -> Ms {
        self.told.map_or(self.honoured_until(), |told| self.honoured_until().min(told))
    }

    /// The client knows it at `t`, be it good or not.
    pub(super) fn is_known(&self, t: Ms) -> bool {
        let since = |from: Option<Ms>| from.is_some_and(|from| from <= t);
        match self.forgotten {
            Some(forgotten) if forgotten <= t => since(self.heard_again.filter(|again| *again >= forgotten)),
            _ => since(self.received),
        }
    }

    /// When the client held it and it was owed.
    fn held(&self) -> impl Iterator<Item = (Ms, Ms)> {
        let end = self.owed_until();
        let again =
            self.heard_again.filter(|again| self.forgotten.is_some_and(|forgotten| forgotten <= *again));
        let first =
            self.received.map(|from| (from, self.forgotten.map_or(end, |forgotten| forgotten.min(end))));
        first.into_iter().chain(again.map(|from| (from, end)))
    }

    /// It came from the provider or the application; it is not client-bound.
    pub(super) const fn is_base(&self) -> bool {
        !matches!(self.of, Source::Activate(_) | Source::Renew(_))
    }

    /// The end that a provider's own word gives it, on the true clock.
    pub(super) fn hinted(&self, facts: &Facts) -> Option<Ms> {
        let off = match facts.ends {
            Ends::Hint(off) => Some(off),
            _ => facts.hints_too,
        };
        off.filter(|_| self.is_base()).map(|off| self.ends.saturating_add_signed(off))
    }
}

/// What has become of a socket, at the server.
#[derive(Clone, Debug, Default)]
pub(super) struct Sock {
    pub(super) opened: Ms,
    /// When, by which token and what; `None`: not any more.
    pub(super) authenticated: Vec<(Ms, Option<(Serial, By)>)>,
    /// When the client heard that a connect, resume or push was accepted on it.
    pub(super) accepted: Vec<Ms>,
    pub(super) gone: Option<(Ms, Why)>,
    /// When the client heard that it is lost.
    pub(super) heard_lost: Option<Ms>,
}

/// A question and its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) at: Ms,
    pub(super) ask: Ask,
    /// What it was answered, and when.
    pub(super) answer: Option<(Ms, Reply)>,
}

/// A token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Endpoint {
    Mint,
    Refresh,
    Activate,
    Renew,
}

impl Asked {
    /// Of which endpoint a token was asked.
    pub(super) const fn endpoint(&self) -> Option<Endpoint> {
        match self.ask {
            Ask::Mint => Some(Endpoint::Mint),
            Ask::Refresh { .. } => Some(Endpoint::Refresh),
            Ask::Activate(..) => Some(Endpoint::Activate),
            Ask::Renew(..) => Some(Endpoint::Renew),
            _ => None,
        }
    }
}

/// A log by what it is about.
#[derive(Debug, Default)]
pub(super) struct Story<'a> {
    /// By serial, from 1.
    tokens: Vec<Option<Token>>,
    pub(super) sockets: BTreeMap<Socket, Sock>,
    /// In the order of asking.
    pub(super) asked: Vec<Asked>,
    /// What was told.
    pub(super) tells: Vec<(Ms, &'a Tell)>,
    /// What it said it was: from when, to when.
    pub(super) phases: Vec<(Ms, Ms, Phase)>,
    /// What reached it, but for ticks and pings; by its place in `asked`, if it was an answer.
    pub(super) heard: Vec<(Ms, Heard)>,
    pub(super) users: Vec<(Ms, User)>,
    pub(super) began: Vec<Ms>,
    pub(super) evidence: Vec<Ms>,
    /// Refusals of connects, resumes and pushes.
    pub(super) refused: Vec<(Ms, Socket, By)>,
    /// Accepted connects, resumes and pushes: with which token, and whether it was the first with it.
    pub(super) accepted: Vec<(Ms, Serial, bool)>,
    /// One-time secrets as they were presented: which, the newest of its chain, twice at once.
    pub(super) presented: Vec<(Ms, u32, u32, bool)>,
    /// Where the application brought another identity.
    pub(super) identities: Vec<(Ms, u8)>,
}

/// What reached the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// The answer to the question at this place.
    Answer(usize),
    Lost,
    Goodbye,
    User,
    /// What is no reason to change a plan.
    Other,
}

impl<'a> Story<'a> {
    pub(super) fn of(world: &World, log: &'a Log) -> Self {
        let mut story = Self::default();
        let mut by_id: BTreeMap<AskId, usize> = BTreeMap::new();
        let mut phase: Option<(Ms, Phase)> = None;
        for (at, entry) in log.entries.iter().filter(|(at, _)| *at <= world.length) {
            let at = *at;
            match entry {
                Entry::Asks(id, ask) => {
                    by_id.insert(*id, story.asked.len());
                    story.asked.push(Asked { at, ask: *ask, answer: None });
                }
                Entry::Heard(news) => story.hears(at, news, &by_id),
                Entry::Tells(tell) => story.tells.push((at, tell)),
                Entry::Says(now) => {
                    story.phases.extend(phase.replace((at, *now)).map(|(from, was)| (from, at, was)));
                }
                Entry::Evidence => story.evidence.push(at),
                Entry::User(user) => {
                    story.users.push((at, *user));
                    if matches!(user, User::Updates { other_identity: true, .. }) {
                        story.identities.push((at, 1));
                    }
                }
                Entry::Issued { token, of, ends, identity } => story.issued(Token {
                    serial: *token,
                    of: *of,
                    issued: at,
                    ends: *ends,
                    identity: *identity,
                    received: None,
                    heard_again: None,
                    told_before: 0,
                    forgotten: None,
                    accepted: None,
                    told: None,
                    revoked: None,
                }),
                Entry::Received(token) => {
                    let told = story.tells.len();
                    if let Some(token) = story.token_mut(*token) {
                        if token.received.is_none() {
                            (token.received, token.told_before) = (Some(at), told);
                        }
                        token.heard_again = Some(at);
                    }
                }
                Entry::ToldEnd(token, end) => {
                    if let Some(token) = story.token_mut(*token) {
                        token.told = token.told.max(Some(*end));
                    }
                }
                Entry::Revoked(token) => {
                    if let Some(token) = story.token_mut(*token) {
                        token.revoked.get_or_insert(at);
                    }
                }
                Entry::Opened(socket) => story.socket(*socket).opened = at,
                Entry::Authenticated { socket, token, by } => {
                    let accepted = story.token_mut(*token).map(|token| *token.accepted.get_or_insert(at));
                    story.accepted.push((at, *token, accepted == Some(at)));
                    story.socket(*socket).authenticated.push((at, Some((*token, *by))));
                }
                Entry::Lapsed(socket) => story.socket(*socket).authenticated.push((at, None)),
                Entry::Refused { socket, by } => story.refused.push((at, *socket, *by)),
                Entry::Gone { socket, why } => story.socket(*socket).gone = Some((at, *why)),
                Entry::Presented { secret, newest, twice } => {
                    story.presented.push((at, *secret, *newest, *twice));
                }
                Entry::Began => {
                    story.began.push(at);
                    story.phases.extend(phase.take().map(|(from, was)| (from, at, was)));
                }
            }
        }
        story.phases.extend(phase.map(|(from, was)| (from, world.length, was)));
        story.forget(world);
        story
    }

    /// What a process has heard dies with it, if it was not written and kept before.
    fn forget(&mut self, world: &World) {
        let deaths = world.awake.pieces(world.length).filter(|(_, _, awake)| **awake == Awake::Dead);
        let deaths: Vec<Ms> = deaths.map(|(from, ..)| from).collect();
        if deaths.is_empty() {
            return;
        }
        let keeps =
            |asked: &&Asked| asked.ask == Ask::Write && world.store.at(asked.at).health == Health::Keeps;
        let kept: Vec<(Ms, Ms)> = self
            .asked
            .iter()
            .filter(keeps)
            .map(|asked| (asked.at, asked.at + world.store.at(asked.at).takes))
            .collect();
        for token in self.tokens.iter_mut().flatten() {
            let Some(received) = token.received else { continue };
            let Some(death) = deaths.get(deaths.partition_point(|death| *death < received)) else { continue };
            let write = kept.get(kept.partition_point(|(asked, _)| *asked < received));
            let is_kept = world.facts.durable && write.is_some_and(|(_, done)| done <= death);
            token.forgotten = (!is_kept).then_some(*death);
        }
    }

    fn hears(&mut self, at: Ms, news: &News, by_id: &BTreeMap<AskId, usize>) {
        let heard = match news {
            News::Answer(id, reply) => match by_id.get(id) {
                Some(index) => {
                    let asked = &mut self.asked[*index];
                    asked.answer = Some((at, *reply));
                    if let (Ok(_), Ask::Connect { socket, .. } | Ask::Push(socket, ..)) =
                        (reply.result, asked.ask)
                    {
                        self.socket(socket).accepted.push(at);
                    }
                    Heard::Answer(*index)
                }
                None => Heard::Other,
            },
            News::SocketLost(socket) => {
                self.socket(*socket).heard_lost = Some(at);
                Heard::Lost
            }
            News::Disconnect { .. } => Heard::Goodbye,
            News::User(_) | News::Updates { .. } => Heard::User,
            News::Start | News::Restart | News::Tick | News::State(_) | News::Ping(_) => Heard::Other,
        };
        self.heard.push((at, heard));
    }

    fn issued(&mut self, token: Token) {
        let at = token.serial as usize;
        if self.tokens.len() <= at {
            self.tokens.resize(at + 1, None);
        }
        self.tokens[at].get_or_insert(token);
    }

    fn token_mut(&mut self, serial: Serial) -> Option<&mut Token> {
        self.tokens.get_mut(serial as usize)?.as_mut()
    }

    fn socket(&mut self, socket: Socket) -> &mut Sock {
        self.sockets.entry(socket).or_default()
    }

    pub(super) fn token(&self, serial: Serial) -> Option<&Token> {
        self.tokens.get(serial as usize)?.as_ref()
    }

    /// All that were issued.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.iter().flatten()
    }

    /// Those that the client heard of, and when.
    pub(super) fn received(&self) -> impl Iterator<Item = (Ms, &Token)> {
        self.tokens().filter_map(|token| token.received.map(|at| (at, token)))
    }

    /// Whose tokens the session may show at `t`.
    pub(super) fn identity(&self, t: Ms) -> u8 {
        self.identities.iter().rev().find(|(at, _)| *at <= t).map_or(0, |(_, identity)| *identity)
    }

    /// When the application's identity changed after `t`; `Ms::MAX`: never.
    pub(super) fn identity_ends(&self, token: &Token) -> Ms {
        self.identities.iter().find(|(_, identity)| *identity > token.identity).map_or(Ms::MAX, |(at, _)| *at)
    }

    /// When the client held a token that was owed.
    pub(super) fn holding(&self) -> Spans {
        Spans::of(self.held(|_| true).collect())
    }

    /// When it held such tokens, that were owed and its user's.
    pub(super) fn held(&self, such: impl Fn(&Token) -> bool) -> impl Iterator<Item = (Ms, Ms)> {
        self.tokens().filter(move |token| such(token)).flat_map(|token| {
            let ends = self.identity_ends(token);
            token.held().map(move |(from, to)| (from, to.min(ends)))
        })
    }

    /// Questions that were asked before `t` or then, latest first.
    pub(super) fn asked_until(&self, t: Ms) -> impl Iterator<Item = &Asked> {
        self.asked[..self.asked.partition_point(|asked| asked.at <= t)].iter().rev()
    }

    /// When it said that it was this.
    pub(super) fn saying(&self, phase: Phase) -> Spans {
        Spans::of(
            self.phases.iter().filter(|(_, _, said)| *said == phase).map(|(a, b, _)| (*a, *b)).collect(),
        )
    }

    /// When it first said that it was served, or was.
    pub(super) fn first_live(&self) -> Option<Ms> {
        self.tells.iter().find(|(_, tell)| matches!(tell, Tell::Live)).map(|(at, _)| *at)
    }

    /// When it heard that its provider will never do it again.
    pub(super) fn rejected(&self) -> Option<Ms> {
        self.answers()
            .find(|(_, asked, reply)| {
                matches!(asked.endpoint(), Some(Endpoint::Mint | Endpoint::Refresh))
                    && reply.result == Err(Bad::Rejected)
            })
            .map(|(at, ..)| at)
    }

    /// Answers in the order of asking: when they came, to what, what they were.
    pub(super) fn answers(&self) -> impl Iterator<Item = (Ms, &Asked, Reply)> {
        self.asked.iter().filter_map(|asked| asked.answer.map(|(at, reply)| (at, asked, reply)))
    }
}
