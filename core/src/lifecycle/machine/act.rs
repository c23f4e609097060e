//! Doing what is due: one function for each [`Wake`].

use crate::lifecycle::tokens::token::Saved;
use crate::lifecycle::view::earliest::Due;
use crate::lifecycle::{Action, Failure, Lifecycle, Outcome, Wake, Warning};

impl Lifecycle {
    /// Does one thing that is due. Each leaves the state such that it is not due any more.
    pub(super) fn act(&mut self, due: Due) {
        let Due { wake, token, since, .. } = due;
        match wake {
            Wake::Deadline(command) => self.done(command, &Outcome::failed(Failure::Timeout)),
            Wake::Hopeless => self.lose_hope(),
            Wake::GiveUp => self.give_up(),
            // Time alone has changed what is good: the agenda has been derived anew.
            Wake::TokenEnds => {}
            Wake::Vain => self.deny_in_vain(),
            Wake::Pending => self.tell_pending(),
            Wake::Stable => self.link.settle(self.clock.now()),
            Wake::Part => self.part(),
            Wake::Expiring => self.warn_of_expiry(),
            Wake::Fallback => self.tell_fallback(),
            Wake::NoMechanism => self.tell_no_mechanism(),
            Wake::MakeKey => {
                let algorithm = self.renewal.key.algorithm();
                self.command(Action::MakeKey { algorithm }, self.policy.provider_max);
            }
            Wake::Mint => self.mint(since),
            Wake::Refresh => self.exchange(Action::Refresh, since),
            Wake::Activate => self.activate(since),
            Wake::Renew => self.renew(since),
            Wake::Inspect => self.inspect(token),
            Wake::ReachOut => self.reach_out(token),
            Wake::Persist => self.write(),
            Wake::Push => self.push(token),
            Wake::Show => self.show(token),
            Wake::Open => self.open(),
            Wake::Farewell => self.farewell(),
        }
    }

    fn warn_of_expiry(&mut self) {
        self.told.expiring(self.tokens.generation());
        let Some(token) = self.tokens.in_force() else { return };
        let (Some(at), assumed) = (token.ends, token.sure_end().is_none()) else { return };
        let (ends, mechanism) = (self.clock.tick_of(at), self.mechanism(&self.look()));
        self.warn(Warning::Expiring { ends, assumed, mechanism });
    }

    fn tell_fallback(&mut self) {
        if let Some(reason) = self.fallback_reason(&self.look()) {
            self.told.fallback(reason);
            self.warn(Warning::RefreshFallback { reason });
        }
    }

    fn tell_no_mechanism(&mut self) {
        let now = self.clock.now();
        let presumed = self.tokens.end(now, true);
        let ends = presumed.map(|at| self.clock.tick_of(at));
        let assumed = ends.is_some() && self.tokens.end(now, false).is_none();
        self.tokens.tell_no_mechanism();
        self.warn(Warning::NoRefreshHandler { ends, assumed });
    }

    fn write(&mut self) {
        self.record.begin(self.clock.now());
        self.tokens.save(Saved::No, Saved::Underway);
        self.command(Action::Persist, self.policy.local);
    }
}
