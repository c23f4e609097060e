//! What a search over all states needs of the machine, behind the feature `model`: the state up to what can
//! not matter ([`Lifecycle::canonical`]), draws that branch ([`Lifecycle::script_draws`]), and a governor
//! that is an oracle ([`Lifecycle::govern`]). Nothing in here decides anything.

use alloc::vec::Vec;

use crate::time::Millis;

use super::command::Command;
use super::{Lifecycle, TokenId};

/// What the next draws come to: each is a branch over the least and the greatest value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Script {
    wanted: Vec<bool>,
    used: usize,
}

impl Script {
    pub(super) fn next(&mut self) -> u32 {
        let greatest = self.wanted.get(self.used).copied().unwrap_or(false);
        self.used = self.used.saturating_add(1);
        if greatest { u32::MAX } else { 0 }
    }
}

/// What can still come of a state in a search, and so what of it can matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// A server may yet say something else of a token's end: what has passed may turn out not to have.
    pub ends_move: bool,
    /// A token that is not held any more may be brought again.
    pub tokens_return: bool,
    /// Servers tell their time.
    pub clocks: bool,
    /// The process may die and go on from its record, with another key.
    pub deaths: bool,
    /// Refusals are told apart by what they said, although that decides nothing.
    pub causes: bool,
}

/// What the governor says of the next request to a token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Budget {
    /// As many as are wanted.
    Full,
    /// Due renewals only: what was asked for on demand is throttled.
    Reserve,
    /// None for this long.
    Wait(Millis),
}

impl Lifecycle {
    /// From now on draws branch: the next ones are the greatest value where `wanted` says so, else the least.
    pub fn script_draws(&mut self, wanted: Vec<bool>) {
        self.random.script = Some(Script { wanted, used: 0 });
    }

    /// How many draws there were since [`Lifecycle::script_draws`].
    #[must_use]
    pub fn draws_used(&self) -> usize {
        self.random.script.as_ref().map_or(0, |script| script.used)
    }

    /// Sets what the governor will say, to requests of tokens and of sockets. That its buckets bound what
    /// any caller can send is proved by itself (`governor.rs`, `lifecycle_governor.rs`).
    pub fn govern(&mut self, exchanges: Budget, sockets: Budget) {
        let now = self.clock.now();
        let period = self.exchange_period();
        self.exchanges.set(exchanges, self.policy.exchange_reserve, period, now);
        self.sockets.set(sockets, 0, self.policy.socket_refill, now);
    }

    /// The commands that have no answer yet, oldest first.
    #[must_use]
    pub fn unanswered(&self) -> Vec<Command> {
        let command = |pending: &super::Pending| Command {
            id: pending.id,
            deadline: self.clock.tick_of(pending.deadline),
            action: pending.action,
        };
        self.pending.iter().map(command).collect()
    }

    /// How many wait for an outcome.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.asks.len()
    }

    /// The newest token that the server has refused and that is not held.
    #[must_use]
    pub fn last_refused(&self) -> Option<TokenId> {
        self.rejected.iter().rev().copied().find(|token| !self.holds(*token))
    }

    /// The newest base that is held.
    #[must_use]
    pub fn last_base(&self) -> Option<TokenId> {
        self.newest_base().map(|base| base.id)
    }

    /// The token that the server last acknowledged.
    #[must_use]
    pub const fn in_force(&self) -> Option<TokenId> {
        self.in_force
    }

    /// Whether the server has refused it for good.
    #[must_use]
    pub fn has_rejected(&self, token: TokenId) -> bool {
        self.rejected.contains(&token)
    }

    /// Whether it may be used: it is in the record, or no record can be written (L25).
    #[must_use]
    pub fn may_use(&self, token: TokenId) -> bool {
        let saved = self.token(token).is_some_and(|held| held.saved == super::token::Saved::Yes);
        !self.durable || saved || self.retries.persist.failures > 0
    }
}
