//! Requests to endpoints: the provider's, subscriber/info, devices/token, devices/refresh.

use super::agenda::{Due, Request};
use super::parcel::Parcel;
use super::server::{Issuer, Token, server_time};
use super::{Play, SOON};
use crate::client::{Ask, AskId, Bad, Good, Proof, Reply, Serial};
use crate::log::{Entry, Source};
use crate::timeline::Ms;
use crate::world::{Network, Outcome};

/// The API's own refusal.
const fn own(status: u16) -> Bad {
    Bad::Http { status, own: true, retry_after: None }
}

impl Play<'_> {
    /// A request leaves the host, and is at its endpoint at once; what that has of latency comes before the answer.
    pub(super) fn request(&mut self, id: AskId, ask: Ask) {
        match self.network {
            Network::Off => return self.breaks(id),
            Network::Swallows { out: false, .. } => return,
            Network::Up | Network::Swallows { .. } => {}
        }
        let world = self.world;
        let line = match ask {
            Ask::Mint => &world.mint,
            Ask::Refresh { .. } => &world.refresh,
            Ask::Inspect(_) => &world.inspect,
            Ask::Activate(..) => &world.activate,
            _ => &world.renew,
        };
        let service = *line.at(self.now);
        let presented = match ask {
            Ask::Refresh { secret } if world.facts.one_time => secret,
            _ => None,
        };
        if let Some(secret) = presented {
            let (newest, twice) = self.server.present(secret).unwrap_or((0, false));
            self.note(Entry::Presented { secret, newest, twice });
        }
        let done = self.now.saturating_add(service.latency);
        match service.outcome {
            Outcome::Silent => {}
            Outcome::Breaks => self.agenda.put(done, Due::Arrives(Self::failed(id, Bad::Broke))),
            outcome => {
                let reaches_api = matches!(
                    outcome,
                    Outcome::Grants { .. } | Outcome::Cached { .. } | Outcome::LosesReply { .. }
                );
                let refusal = if reaches_api { self.refusal(ask) } else { None };
                let identity = self.server.identity;
                self.agenda.put(done, Due::Served(Request { id, ask, outcome, refusal, identity }));
            }
        }
    }

    /// The host knows that nothing goes.
    pub(super) fn breaks(&mut self, id: AskId) {
        self.agenda.put(self.now + SOON, Due::Local(Self::failed(id, Bad::Broke)));
    }

    pub(super) fn failed(id: AskId, bad: Bad) -> Parcel {
        Parcel::Answer { id, reply: Reply { result: Err(bad), date: None, foreign: false }, about: None }
    }

    /// What the API itself has against a request that has reached it.
    fn refusal(&mut self, ask: Ask) -> Option<Bad> {
        let refused = match ask {
            Ask::Refresh { secret } if self.world.facts.one_time => {
                (!secret.is_some_and(|secret| self.server.spend(secret))).then_some(401)
            }
            Ask::Inspect(token) => self.server.honoured(token, self.now).is_none().then_some(401),
            Ask::Activate(token, proof) => match self.server.honoured(token, self.now) {
                Some(_) if !self.is_in_window(proof) => Some(401),
                Some(base) if base.issuer == Issuer::Provider && base.scope => None,
                Some(_) => Some(403),
                None => Some(401),
            },
            Ask::Renew(token, proof) => match self.server.honoured(token, self.now) {
                Some(_) if !self.is_in_window(proof) => Some(401),
                Some(bound) if bound.issuer == Issuer::Device => None,
                _ => Some(401),
            },
            _ => None,
        };
        refused.map(own)
    }

    /// Whether a proof lies within what the server's clock allows; where none is signed, there is nothing to refuse.
    pub(super) fn is_in_window(&self, proof: Proof) -> bool {
        let facts = &self.world.facts;
        let off = proof.map_or(0, |signed| signed.abs_diff(server_time(self.now, facts)));
        facts.window.is_none_or(|window| off <= window)
    }

    /// An endpoint answers.
    pub(super) fn served(&mut self, request: Request) {
        let Request { id, ask, outcome, refusal, identity } = request;
        let date = self.date();
        let fair = |result| Reply { result, date: Some(date), foreign: false };
        let answer = |reply, about| Due::Arrives(Parcel::Answer { id, reply, about });
        let due = match (outcome, refusal) {
            (Outcome::Http { status, own, retry_after, date_off, stored }, _) => {
                let date = server_time(self.now, &self.world.facts).saturating_add_signed(date_off);
                let result = Err(Bad::Http { status, own, retry_after });
                answer(Reply { result, date: Some(date / 1_000 * 1_000), foreign: stored || !own }, None)
            }
            (Outcome::Page, _) => {
                answer(Reply { result: Err(Bad::Page), date: Some(date), foreign: true }, None)
            }
            (Outcome::Fails, _) => Due::Arrives(Self::failed(id, Bad::Failed)),
            (Outcome::Rejects, _) => Due::Arrives(Self::failed(id, Bad::Rejected)),
            (_, Some(bad)) => answer(fair(Err(bad)), None),
            (outcome, None) => {
                let (life, cached, lost) = match outcome {
                    Outcome::Cached { life } => (life, true, false),
                    Outcome::LosesReply { life } => (life, false, true),
                    Outcome::Grants { life } => (life, false, false),
                    _ => return,
                };
                if let Ask::Inspect(token) = ask {
                    let says = self.server.says_afterwards(token, &self.world.facts, false);
                    answer(fair(Ok(Good::Says(says))), Some(token))
                } else {
                    let (token, secret) = self.grant(ask, life, cached, identity);
                    if lost {
                        return;
                    }
                    let says = self.server.says_at_issue(token, &self.world.facts, self.now);
                    answer(fair(Ok(Good::Token { token, says, secret })), Some(token))
                }
            }
        };
        self.come(due);
    }

    /// A token, and the one-time secret that comes with it.
    fn grant(&mut self, ask: Ask, life: i64, cached: bool, identity: u8) -> (Serial, Option<u32>) {
        let facts = &self.world.facts;
        let ends = self.now.saturating_add_signed(life);
        let from = match ask {
            Ask::Activate(token, _) | Ask::Renew(token, _) => Some(token),
            _ => None,
        };
        let base = from.map(|from| self.server.token(from).and_then(|token| token.base).unwrap_or(from));
        let (issuer, identity) = match from.and_then(|from| self.server.token(from)) {
            Some(token) => (Issuer::Device, token.identity),
            None => (Issuer::Provider, identity),
        };
        let newest = self.server.newest[usize::from(issuer == Issuer::Device)].filter(|serial| {
            let token = self.server.honoured(*serial, self.now);
            cached && token.is_some_and(|token| token.base == base && token.identity == identity)
        });
        let token = newest.unwrap_or_else(|| {
            let cap = base.filter(|_| facts.capped).and_then(|base| self.server.token(base));
            let ends = ends.min(cap.map_or(Ms::MAX, |base| base.ends));
            let token =
                self.server.issue(Token { ends, issuer, base, scope: facts.scope, identity, revoked: false });
            let of = match ask {
                Ask::Refresh { .. } => Source::Refresh,
                Ask::Activate(base, _) => Source::Activate(base),
                Ask::Renew(bound, _) => Source::Renew(bound),
                _ => Source::Mint,
            };
            self.note(Entry::Issued { token, of, ends, identity });
            token
        });
        let secret = match ask {
            Ask::Mint if facts.one_time => Some(self.server.new_secret(None)),
            Ask::Refresh { secret } if facts.one_time => Some(self.server.new_secret(secret)),
            _ => None,
        };
        (token, secret)
    }

    /// The server's clock, as a `Date` shows it.
    pub(super) fn date(&self) -> u64 {
        server_time(self.now, &self.world.facts) / 1_000 * 1_000
    }
}
