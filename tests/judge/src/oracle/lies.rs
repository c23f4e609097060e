//! Lies: what it says is not so.
//!
//! - Live while not served for longer than a silent death may go unnoticed (40 s where the server pings, else 70 s; of a
//!   socket that stays open over an end that nobody had told, from the first call on that is refused); for a second, once the client knows that it has no socket any more that anybody authenticated. Time counts in which its
//!   process runs, as a stopped one can tell nothing.
//! - Not live while served for over a second, from the answer on that told the client so. A user that wants to be
//!   suspended is not lied to.
//! - `Live`, `Renewed`, `Settled` that nothing the server has said bears out: no accepted connect on a socket that is
//!   still there; a token that never came, or that the session which is served has not been accepted with; nothing
//!   accepted since the question was asked.
//! - `Expired` with a token that is owed for over a second more. Where the server has refused the credential on a
//!   connect since it was last accepted, it may be believed.
//! - An attempt announced for a moment, and none made within a second of it, though nothing was heard between.

use super::conditions::Conditions;
use super::late;
use super::lost::is_about_the_credential;
use super::served::Served;
use super::spans::Spans;
use super::spell;
use super::story::{Asked, Heard, Sock, Story, Token};
use crate::client::{Ask, Phase, Serial, Tell};
use crate::log::{Source, Why};
use crate::timeline::Ms;
use crate::verdict::{Fault, Kind};
use crate::world::{User, World};

const SECOND: Ms = 1_000;
const MINUTE: Ms = 60 * SECOND;
/// What the last question that a silent socket is asked is given, of the time that its death may go unnoticed.
const ANSWER: Ms = 10 * SECOND;

/// See the module.
pub(super) struct Lies<'a> {
    pub(super) world: &'a World,
    pub(super) story: &'a Story<'a>,
    pub(super) conditions: &'a Conditions,
    pub(super) served: &'a Served,
}

impl Lies<'_> {
    pub(super) fn all(&self, faults: &mut Vec<Fault>) {
        let mut lies = self.live_and_useless();
        lies.extend(self.live_without_a_socket());
        lies.extend(self.served_and_unsaid());
        lies.extend(self.words());
        lies.extend(self.announced());
        faults.extend(lies.into_iter().map(|(at, what)| Fault { at, kind: Kind::Lie, what }));
    }

    fn live_and_useless(&self) -> Vec<(Ms, String)> {
        let allowed = if self.world.facts.pings > 0 { 40 } else { 70 } * SECOND;
        let useless = self.story.saying(Phase::Live).without(&self.served.served);
        let too_long = useless.iter().filter_map(|(from, to)| {
            let from = self.proved_until(from).min(to);
            // The question may be late, and what is made of it.
            let asked = late::step(self.world, from + allowed - ANSWER);
            let allowed = late::told_by(self.world, asked + ANSWER) - from;
            let spent = |from: Ms| self.conditions.runs.total_within(from, to);
            if spent(from) <= allowed {
                return None;
            }
            let from = self.could_be_noticed(from)?;
            let spent = spent(from);
            let at = self.conditions.runs.after(from, allowed).filter(|_| spent > allowed)?;
            Some((at, format!("said to be live and not served for {}", spell(spent))))
        });
        too_long.collect()
    }

    /// What was on its way when the socket died, and is answered yet, proves that both ways are open.
    fn proved_until(&self, from: Ms) -> Ms {
        let on_a_socket = |ask: Ask| matches!(ask, Ask::Connect { .. } | Ask::Push(..) | Ask::Ping(..));
        let asked = self.story.asked_until(from).take_while(|asked| asked.at + MINUTE > from);
        let answered = asked.filter(|asked| on_a_socket(asked.ask)).filter_map(|asked| asked.answer);
        answered.filter(|(_, reply)| reply.result.is_ok()).map(|(at, _)| at).max().unwrap_or(from).max(from)
    }

    /// When a client could notice that it is not served any more. Of a socket that is kept open though its token has
    /// ended, and nobody had told when it would, that is when a call of the application's is refused.
    fn could_be_noticed(&self, from: Ms) -> Option<Ms> {
        let lapsed = |sock: &Sock| {
            let last = sock.authenticated.iter().rposition(|(at, what)| *at == from && what.is_none())?;
            sock.authenticated[..last].iter().rev().find_map(|(_, what)| *what)
        };
        let token = self.story.sockets.values().find_map(lapsed);
        let told =
            token.and_then(|(token, _)| self.story.token(token)).is_none_or(|token| token.told.is_some());
        if told {
            return Some(from);
        }
        let users = &self.story.users;
        let later = &users[users.partition_point(|(at, _)| *at < from)..];
        later.iter().find(|(_, user)| *user == User::WasRefused).map(|(at, _)| *at)
    }

    fn live_without_a_socket(&self) -> Vec<(Ms, String)> {
        let known = Spans::of(self.story.sockets.values().filter_map(believed).collect());
        let claimed = self.story.saying(Phase::Live).without(&known);
        let too_long = claimed.iter().filter_map(|(from, to)| {
            let spent = self.conditions.runs.total_within(from, to);
            let at = self.conditions.runs.after(from, SECOND).filter(|_| spent > SECOND)?;
            Some((at, format!("said to be live for {} without any socket that was accepted", spell(spent))))
        });
        too_long.collect()
    }

    fn served_and_unsaid(&self) -> Vec<(Ms, String)> {
        let told = self.served.services.iter().filter_map(|service| {
            let sock = self.story.sockets.get(&service.socket)?;
            let told = sock.accepted.iter().find(|at| **at >= service.from)?;
            Some((*told, service.to))
        });
        let told = Spans::of(told.collect()).and(&self.served.served).and(&self.conditions.wish);
        let away = self.story.saying(Phase::Away).or(&self.story.saying(Phase::Suspended));
        let unsaid = told.and(&away);
        let too_long = unsaid.iter().filter(|(from, to)| to - from > SECOND);
        too_long
            .map(|(from, to)| {
                (from + SECOND, format!("not said to be live while served for {}", spell(to - from)))
            })
            .collect()
    }

    fn words(&self) -> Vec<(Ms, String)> {
        let known = Spans::of(self.story.sockets.values().filter_map(believed).collect());
        let mut waiters = Waiters::default();
        let mut users = self.story.users.iter().peekable();
        let mut lies = Vec::new();
        for (index, (at, tell)) in self.story.tells.iter().enumerate() {
            let at = *at;
            while let Some((asked, user)) = users.next_if(|(asked, _)| *asked <= at) {
                if matches!(user, User::Refreshes | User::WasRefused | User::Updates { .. }) {
                    waiters.asked(*asked, *user);
                }
            }
            match tell {
                Tell::Live if !known.has(at) => {
                    lies.push((at, "said that it is live, on no socket that was accepted".to_owned()));
                }
                Tell::Renewed(token) => {
                    lies.extend(
                        self.not_renewed(at, *token)
                            .map(|why| (at, format!("said that it is renewed: {why}"))),
                    );
                }
                Tell::Settled if !waiters.settled(|asked, user| self.bears_out(asked, user, at)) => {
                    lies.push((at, "said that what was waited for has happened, and it has not".to_owned()));
                }
                Tell::Failed => waiters.failed(),
                Tell::Expired => {
                    if let Some((token, left)) = self.not_expired(at, index) {
                        lies.push((
                            at,
                            format!("said that no token is valid; {token} was for {} more", spell(left)),
                        ));
                    }
                }
                _ => {}
            }
        }
        lies
    }

    fn not_renewed(&self, at: Ms, token: Serial) -> Option<&'static str> {
        let Some(token) = self.story.token(token).filter(|token| token.is_known(at)) else {
            return Some("no such token has come");
        };
        if token.honoured_until() + SECOND < at {
            return Some("that token had ended");
        }
        let shown = token.accepted.is_some_and(|accepted| accepted <= at);
        (!shown && self.served.served.has(at)).then_some("the server has not accepted that token")
    }

    /// Something was accepted since the question: the application's own token, a token that had not been accepted
    /// before, or, for a call that was refused, any.
    fn bears_out(&self, asked: Ms, user: User, at: Ms) -> bool {
        let accepted = &self.story.accepted;
        let since = &accepted[accepted.partition_point(|(when, ..)| *when < asked)..];
        since.iter().take_while(|(when, ..)| *when <= at).any(|(_, token, first)| match user {
            // What the application has brought, or what has come of it.
            User::Updates { .. } => self.brought(*token).is_some_and(|got| got >= asked),
            User::Refreshes => *first,
            _ => true,
        })
    }

    /// When the token came that the application brought, and that this one is or was exchanged from.
    fn brought(&self, token: Serial) -> Option<Ms> {
        let token = self.story.token(token)?;
        match token.of {
            Source::Application => token.received,
            Source::Activate(of) | Source::Renew(of) => self.brought(of),
            Source::Mint | Source::Refresh => None,
        }
    }

    /// What it held when it told the event of this index.
    fn not_expired(&self, at: Ms, index: usize) -> Option<(Serial, Ms)> {
        let identity = self.story.identity(at);
        let known = |token: &&Token| token.is_known(at) && token.told_before <= index;
        let held = self.story.tokens().filter(|token| known(token) && token.identity >= identity);
        let best = held.max_by_key(|token| token.owed_until())?;
        let left = best.owed_until().checked_sub(at).filter(|left| *left > SECOND)?;
        let mut shown = self.story.asked_until(at).filter_map(|asked| {
            matches!(asked.ask, Ask::Connect { .. } | Ask::Push(..)).then_some(asked.answer?.1.result)
        });
        let refused = shown.next().is_some_and(|result| result.is_err_and(is_about_the_credential));
        (!refused).then_some((best.serial, left))
    }

    fn announced(&self) -> Vec<(Ms, String)> {
        let tells = &self.story.tells;
        let mut lies = Vec::new();
        for (index, (at, tell)) in tells.iter().enumerate() {
            let Tell::Warned { code, next: Some(next), .. } = tell else { continue };
            let (at, next) = (*at, (*next).max(*at));
            let until = late::step(self.world, next) + SECOND;
            let moot = |tell: &Tell| {
                matches!(tell, Tell::Warned { next: Some(_), .. } | Tell::Suspended | Tell::Over { .. })
            };
            let replaced = tells[index + 1..]
                .iter()
                .take_while(|(later, _)| *later <= until)
                .any(|(_, tell)| moot(tell));
            if replaced
                || until >= self.world.length
                || self.conditions.able.around(at).is_none_or(|(_, to)| to <= until)
            {
                continue;
            }
            let heard = &self.story.heard;
            let first = heard.partition_point(|(when, _)| *when <= at);
            let changed = heard[first..]
                .iter()
                .take_while(|(when, _)| *when <= until)
                .any(|(_, what)| *what != Heard::Other);
            let asked = &self.story.asked;
            let first = asked.partition_point(|asked| asked.at < next.saturating_sub(SECOND).max(at));
            let made = asked[first..]
                .iter()
                .take_while(|asked| asked.at <= until)
                .any(|asked| !matches!(asked.ask, Ask::Close(_)));
            if !changed && !made && !self.joins_another(until) {
                lies.push((
                    until,
                    format!("announced an attempt at {} ({code}), and made none", spell(next)),
                ));
            }
        }
        lies
    }

    /// Who holds a one-time secret presents it to one at a time: a call that is made while another has not been answered
    /// waits with that, and nothing of it is seen.
    fn joins_another(&self, at: Ms) -> bool {
        let waits = |asked: &Asked| {
            matches!(asked.ask, Ask::Refresh { .. }) && asked.answer.is_none_or(|(answered, _)| answered > at)
        };
        self.world.facts.one_time && self.story.asked.iter().take_while(|asked| asked.at <= at).any(waits)
    }
}

/// Questions of the application's that wait. What is told does not say which one it answers, so it is taken for one that
/// it can be true of.
#[derive(Debug, Default)]
struct Waiters {
    asked: Vec<(Ms, User)>,
    waiting: usize,
}

impl Waiters {
    fn asked(&mut self, at: Ms, user: User) {
        self.asked.push((at, user));
        self.waiting += 1;
    }

    fn failed(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
        if self.waiting == 0 {
            self.asked.clear();
        }
    }

    /// It may be true of one, or nobody had asked.
    fn settled(&mut self, is_true: impl Fn(Ms, User) -> bool) -> bool {
        if self.waiting == 0 {
            return true;
        }
        let of = self.asked.iter().position(|(at, user)| is_true(*at, *user));
        if let Some(index) = of {
            self.asked.remove(index);
        }
        self.failed();
        of.is_some()
    }
}

/// From when to when a client may believe that a socket serves: from the first accepted connect that it heard of, until
/// it hears that the socket is lost, or closes it.
fn believed(sock: &Sock) -> Option<(Ms, Ms)> {
    let from = *sock.accepted.first()?;
    let closed = sock.gone.filter(|(_, why)| *why == Why::Client).map_or(Ms::MAX, |(at, _)| at);
    Some((from, sock.heard_lost.unwrap_or(Ms::MAX).min(closed)))
}
