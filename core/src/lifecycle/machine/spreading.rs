//! What puts the next attempt off: work that is spread, rounds of refusals, reconnects (R10, R18, R19).

use crate::lifecycle::clock::At;
use crate::lifecycle::limits::pace::{Class, doubled};
use crate::lifecycle::limits::random::Domain;
use crate::lifecycle::{Failure, Lifecycle};

impl Lifecycle {
    /// Work that is due after a wake, a resume or an outage starts within `min(lead / 4, 5 s)`; what was spread and has
    /// not begun is not put off again.
    pub(super) fn spread_work(&mut self) {
        let now = self.clock.now();
        let lately =
            self.renewal.spread() > 0 && now < self.renewal.spread().saturating_add(self.policy.early_outage);
        if lately || !self.policy.jitter {
            return;
        }
        let lead = self.tokens.good(now).next().and_then(|token| self.lead(token));
        let range = lead.map_or(self.policy.spread, |lead| (lead / 4).min(self.policy.spread));
        self.renewal.spread_until(now.saturating_add(self.random.below(Domain::Spread, range)));
    }

    /// Puts off what is shown, and who is asked, after a refusal: 5, 10, 20, 40 and then 60 s, less a tenth at random.
    pub(in crate::lifecycle) fn next_round(&mut self, vague: bool) {
        let most = if vague { self.policy.shown_again_max / 2 } else { self.policy.shown_again_max };
        let wait = doubled(self.policy.shown_again, self.link.refusals.round()).min(most);
        let drawn = self.random.below(Domain::Reconnect, wait / 10);
        self.link.refusals.put_off(self.clock.now(), wait, drawn);
    }

    /// Waits before the next socket.
    pub(super) fn back_off(&mut self, asked_at: At, failure: Failure) {
        let now = self.clock.now();
        let asked = self.retry_after(failure.retry_after());
        let from = if failure == Failure::Timeout { asked_at } else { now };
        let class = match Class::of(failure) {
            Class::Refusal => Class::Refusal,
            _ => Class::Unanswered,
        };
        self.link.reconnect.failed(now, (from, class), asked, &self.policy, &mut self.random);
    }
}
