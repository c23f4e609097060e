//! A token on its way to the live socket, and its acknowledgement (L7, L25 to L28).

use core::cmp::Ordering;

use alloc::vec::Vec;

use super::clock::At;
use super::command::{Action, CommandId};
use super::event::{Cause, Event, Warning};
use super::input::{Failure, Generation, TokenId};
use super::outlook::Outlook;
use super::token::{Kind, Saved, Token};
use super::{Lifecycle, Link};

impl Lifecycle {
    /// The token to push to the live socket and when (L7, L26).
    pub(super) fn next_push(&self, look: &Outlook<'_>) -> Option<(At, TokenId)> {
        let Link::Live { known, .. } = self.link else { return None };
        if self.is_pending(|action| matches!(action, Action::Reauthenticate { .. })) {
            return None;
        }
        let current = self.held.iter().position(|token| Some(token.id) == self.in_force);
        let mut best: Option<(At, TokenId)> = None;
        for (at, token) in self.held.iter().enumerate().rev() {
            let age = current.map_or(Ordering::Greater, |current| at.cmp(&current));
            let refused = token.awaits_verdict || self.rejected.contains(&token.id);
            if refused || (age.is_eq() && !known.is_behind(self.generation)) {
                continue;
            }
            let end = token.end(&self.clock);
            if !end.is_ahead(self.clock.now()) {
                continue;
            }
            let when = if age.is_lt() {
                // An older one that outlives it.
                look.last_call.filter(|_| look.in_force.is_some_and(|it| end.reach() > self.reach(it)))
            } else if age.is_gt() && self.awaits_activation(look, token) {
                look.overdue.into_iter().chain(look.last_call).min()
            } else {
                Some(0)
            };
            if let Some(when) = when
                && best.is_none_or(|(earliest, _)| when < earliest)
            {
                best = Some((when, token.id));
            }
        }
        let (at, id) = best?;
        // Written before it is used, unless writing fails (L25).
        let written = !self.durable
            || self.retries.persist.failures > 0
            || self.token(id).is_some_and(|token| token.saved == Saved::Yes);
        written.then(|| (at.max(self.retries.push.not_before), id))
    }

    // ---- Acknowledgements ----

    /// The server has acknowledged this token; what is older goes, but for its base (L7). Whether that is
    /// a new generation.
    pub(super) fn acknowledge(&mut self, token: TokenId) -> bool {
        let Some(position) = self.held.iter().position(|held| held.id == token) else { return false };
        let before = self.in_force;
        let changed = before != Some(token);
        if changed {
            self.generation = Generation(self.generation.0.saturating_add(1));
            self.in_force = Some(token);
            self.unsaved = true;
        }
        let base = match self.held.get(position).map(|held| &held.kind) {
            Some(Kind::Bound { of }) => Some(*of),
            _ => None,
        };
        // Newer ones are on their way. What was in force before has had its time even if it is the newer
        // one: it would only be pushed again; unless this one, of which less was known, ends sooner. Of the older
        // ones that stays which puts the session's end off.
        let mut stay: Vec<TokenId> = Vec::new();
        let mut reach = 0;
        let mut shortened = None;
        for (at, held) in self.held.iter().enumerate().rev() {
            let stays = if at >= position {
                before != Some(held.id) || !changed || self.reach(held) > self.reach_of(token)
            } else {
                Some(held.id) == base || (self.reach(held) > reach && !held.awaits_verdict)
            };
            if stays {
                // Nobody expects a renewal to bring an earlier end (L8).
                let by = held.end(&self.clock).at.map_or(0, |end| end.saturating_sub(reach));
                if at < position && Some(held.id) != base && changed && by > self.policy.shortened {
                    shortened = Some(by);
                }
                stay.push(held.id);
                reach = reach.max(self.reach(held));
            }
        }
        // A newer one that goes because this one outlives it has gained nothing; what follows waits for it (L20).
        let by = self.held.get(position).and_then(|held| held.by);
        let newer = self.held.iter().skip(position.saturating_add(1)).rev();
        let outlived = newer.filter(|held| held.by == by).find(|held| !stay.contains(&held.id));
        let outlived = outlived.and_then(|held| held.gain);
        self.keep_held(|held| stay.contains(&held.id));
        if let Some(by) = shortened {
            self.warn(Warning::ExpiryShortened { token, by });
        }
        if let Some(held) = self.token_mut(token) {
            held.awaits_verdict = false;
            held.gain = outlived.or(held.gain);
        }
        changed
    }

    /// How far a token puts the session's end off; without a known end, for ever.
    pub(super) fn reach(&self, token: &Token) -> At {
        token.end(&self.clock).reach()
    }

    fn reach_of(&self, token: TokenId) -> At {
        self.token(token).map_or(0, |held| self.reach(held))
    }

    pub(super) fn tell_renewed(&mut self, token: TokenId) {
        self.tell_bound(token);
        let Some(held) = self.token(token) else { return };
        let by = held.by;
        let ends = held.end(&self.clock).at.map(|at| self.clock.tick_of(at));
        self.tell(Event::Renewed { generation: self.generation, token, by, ends });
    }

    /// Tells of the first bound token of a base that comes into force, on whatever way.
    pub(super) fn tell_bound(&mut self, token: TokenId) {
        let Some(Kind::Bound { of }) = self.token(token).map(|held| held.kind.clone()) else { return };
        if let Some(base) = self.token_mut(of).and_then(Token::base_mut)
            && !base.has_been_bound
        {
            base.has_been_bound = true;
            self.tell(Event::Bound { token });
        }
    }

    pub(super) fn push(&mut self) {
        let (Link::Live { socket, .. }, Some((_, token))) = (self.link, self.next_push(&self.outlook()))
        else {
            return;
        };
        let offset = self.clock.offset();
        self.command(Action::Reauthenticate { socket, token, offset }, self.policy.push);
    }

    pub(super) fn push_failed(&mut self, command: CommandId, token: TokenId, failure: Failure) {
        let cause = Cause { command, failure };
        self.warn(Warning::PushFailed { token, cause });
        let refused = matches!(failure, Failure::Rpc { credential: true, .. });
        if refused && self.in_force == Some(token) {
            // The server goes on with what it resumed with: no reason to put that at risk.
            if let Link::Live { known, .. } = &mut self.link {
                known.refused = true;
            }
            self.fail_served_asks(token, cause);
        } else if refused && let Some(brought) = self.fail_update(token, cause) {
            self.keep_held(|held| held.id != token && held.id != brought);
            self.reject(token);
            self.fail_renewal_asks(cause);
        } else if refused {
            if let Some(held) = self.token_mut(token) {
                held.awaits_verdict = true;
            }
            self.retries.trial = super::governor::Retry::default();
            self.fail_renewal_asks(cause);
        } else {
            let cap = self.time_left() / 2;
            self.retries.push.failed(
                self.clock.now(),
                &self.policy,
                &mut self.random,
                failure.retry_after(),
                cap,
            );
            if failure == Failure::Timeout {
                self.probe();
            }
        }
    }
}
