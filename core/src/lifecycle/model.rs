//! What a search over all states needs of the machine, behind the feature `model`: draws that branch
//! ([`Lifecycle::script_draws`]), and what is seen from outside. Nothing in here decides anything.

use alloc::vec::Vec;

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

    /// The commands that have no answer yet, oldest first; what is late is listened to without a deadline.
    #[must_use]
    pub fn unanswered(&self) -> Vec<Command> {
        let command = |attempt: &super::attempts::Attempt| Command {
            id: attempt.id,
            deadline: self.clock.tick_of(attempt.deadline),
            action: attempt.action,
        };
        self.attempts.list.iter().map(command).collect()
    }

    /// How many wait for an outcome.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.waiters.list.len()
    }

    /// The newest base that is held.
    #[must_use]
    pub fn last_base(&self) -> Option<TokenId> {
        self.tokens.newest_base().map(|base| base.id)
    }

    /// The newest token that is held and was refused.
    #[must_use]
    pub fn last_refused(&self) -> Option<TokenId> {
        self.tokens.held.iter().rev().find(|token| token.refused).map(|token| token.id)
    }

    /// The token that the server last acknowledged.
    #[must_use]
    pub const fn in_force(&self) -> Option<TokenId> {
        self.tokens.in_force
    }
}
