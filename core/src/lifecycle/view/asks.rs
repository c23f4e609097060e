//! Who waits for what cannot come (R27).

use crate::lifecycle::Lifecycle;
use crate::lifecycle::attempts::Attempt;
use crate::lifecycle::tokens::token::Token;
use crate::lifecycle::view::look::Look;
use crate::lifecycle::waiters::{WaitFor, Waiter};

impl Lifecycle {
    /// Somebody waits for what cannot come.
    pub(in crate::lifecycle) fn some_wait_in_vain(&self, look: &Look<'_>) -> bool {
        self.waiters.iter().any(|waiter| self.is_in_vain(waiter, look))
    }

    pub(in crate::lifecycle) fn is_in_vain(&self, waiter: &Waiter, look: &Look<'_>) -> bool {
        match waiter.kind {
            WaitFor::Renewal { order } => {
                !self.tokens.are_none()
                    && !self.can_be_brought(look)
                    && !self.is_undecided(look)
                    && !self.attempts.iter().any(Attempt::is_exchange)
                    && !self.tokens.held().iter().any(|token| token.order >= order)
            }
            WaitFor::Update(token) => {
                let is_it = |held: &&Token| held.id == token || held.base_id() == Some(token);
                let may_be = |held: &Token| held.lasts(look.now) && (!held.barren || self.is_judged(held.id));
                !self.tokens.held().iter().filter(is_it).any(may_be)
            }
        }
    }
}
