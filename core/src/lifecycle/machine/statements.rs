//! What answers say of tokens (R2, R8).

use crate::lifecycle::limits::pace::Class;
use crate::lifecycle::tokens::token::Heard;
use crate::lifecycle::{Cause, CommandId, Failure, Lifecycle, Statement, TokenId, Warning};

impl Lifecycle {
    /// An answer says something of a token.
    pub(super) fn stated(&mut self, id: TokenId, says: &Statement, heard: Heard) {
        let Some(noted) = self.tokens.note(id, says, heard, &self.clock, &self.policy) else { return };
        if noted.absurd {
            self.warn(Warning::Clamped { token: id });
        }
        if let Some(by) = noted.shortened {
            self.warn(Warning::ExpiryShortened { token: id, by });
        }
    }

    /// subscriber/info names another key for this token: it is of no use, unless the server has accepted it, or is judging
    /// it. Whoever brought it has brought nothing.
    pub(super) fn found_foreign(&mut self, id: TokenId, command: CommandId) {
        if self.tokens.is_in_force(id) {
            return;
        }
        // What is known already is no news.
        if !self.tokens.find_useless(id) {
            return;
        }
        self.warn(Warning::ForeignKey { token: id });
        self.book_vain(id, Class::Barren);
        if self.is_judged(id) {
            return;
        }
        if self.tokens.held().iter().any(|held| held.id != id) {
            // What was held before goes on, and is renewed as before.
            self.tokens.remove(id);
        }
        let now = self.clock.now();
        let cause = Cause { command, failure: Failure::NoKey };
        self.hope.blame(cause);
        if self.tokens.good(now).next().is_none() && !self.link.is_live() {
            self.hope.lose_and_tell(now);
            self.tell_failed_connect(cause);
        }
    }
}
