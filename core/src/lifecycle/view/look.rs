//! One look at the state: what is held, who renews, and for which token. When renewal is due is
//! computed here (R16). Everything else in this room asks for little else.

use crate::lifecycle::clock::At;
use crate::lifecycle::tokens::token::{Inspection, Token};
use crate::lifecycle::{Lifecycle, TokenId};

/// What the machine sees.
pub(in crate::lifecycle) struct Look<'a> {
    pub(in crate::lifecycle) now: At,
    /// The newest base.
    pub(in crate::lifecycle) base: Option<&'a Token>,
    /// The newest bound token that can be used.
    pub(in crate::lifecycle) bound: Option<&'a Token>,
    /// The one whose end decides when somebody is asked for another.
    pub(in crate::lifecycle) subject: Option<&'a Token>,
    pub(in crate::lifecycle) in_force: Option<&'a Token>,
    /// The newest base may be exchanged for a bound token, and that is wanted.
    pub(in crate::lifecycle) bindable: bool,
    pub(in crate::lifecycle) provider_can: bool,
    /// When somebody is asked for another token, and half the lead before the end of the one that decides it.
    pub(in crate::lifecycle) due: Option<At>,
    pub(in crate::lifecycle) half: At,
    pub(in crate::lifecycle) any_good: bool,
    /// A third of the lead before the end of what is in force: what has not come by then is late.
    pub(in crate::lifecycle) last_call: Option<At>,
    /// Somebody waits for a renewal that nobody has been asked for yet.
    pub(in crate::lifecycle) demanded: bool,
    /// What was asked for before this is shown to nobody, while what the application has brought is good.
    pub(in crate::lifecycle) floor: u64,
    /// The newest base, where nobody has asked yet what it can do.
    pub(in crate::lifecycle) inspects: Option<TokenId>,
    /// There is a permit for a request.
    pub(in crate::lifecycle) budget: At,
}

impl Lifecycle {
    pub(in crate::lifecycle) fn look(&self) -> Look<'_> {
        let now = self.clock.now();
        let base = self.tokens.newest_base();
        let bound = self.tokens.good_bound(now);
        let provider_can = self.provider_can();
        let bindable = base.is_some_and(|base| self.is_bindable(base, provider_can));
        // What is pushed again and again without being accepted puts nothing off.
        let vain = self.link.serving().is_some_and(|serving| serving.is_in_vain());
        let counts = |token: &&Token| token.accepted || !vain;
        // Of those before the one in force, what counts is what somebody has said of their ends.
        let in_force = self.tokens.in_force();
        let order = in_force.map_or(0, |token| token.order);
        let says = |it: &&Token| it.renew_by.is_some() || it.order >= order;
        let bound_renewed = bound.filter(|_| self.renewal.key.is_ready()).filter(counts).filter(says);
        let reach = |token: &Token| token.reach().saturating_sub(self.clock.suspect(token.received));
        let last = || {
            // The newest of those that last longest; who knows their ends to the second only.
            self.tokens.good(now).filter(counts).filter(says).fold(None, |best: Option<&Token>, token| {
                let lasts = |best: &Token| reach(token) > reach(best).saturating_add(self.policy.gain);
                if best.is_none_or(lasts) { Some(token) } else { best }
            })
        };
        let subject = bound_renewed.or_else(last);
        let lead = subject.and_then(|token| self.lead(token));
        let due = subject.zip(lead).and_then(|(token, lead)| {
            let early = lead.saturating_add(token.jitter(lead, &self.policy));
            let slept = self.clock.suspect(token.received);
            let due = token.renew_by?.saturating_sub(early).saturating_sub(slept);
            // While pushes are refused another token is worth its while once in a quarter of a life.
            let last = if vain { self.tokens.good(now).find(|it| !it.accepted) } else { None };
            let rested = last.map_or(0, |last| {
                let life = last.life().or_else(|| token.life()).unwrap_or(0);
                last.received.saturating_add(life / 4)
            });
            Some(due.max(token.floor().saturating_sub(slept)).max(rested))
        });
        let half =
            subject.and_then(|it| it.renew_by).map_or(0, |by| by.saturating_sub(lead.unwrap_or(0) / 2));
        let any_good = self.tokens.good(now).next().is_some();
        let last_call = in_force.and_then(|it| Some(it.ends?.saturating_sub(self.lead(it)? / 3)));
        let unasked = |base: &&Token| base.base().is_some_and(|it| it.inspection == Inspection::Wanted);
        let inspects = base.filter(unasked).filter(|base| base.is_good(now)).map(|base| base.id);
        let demanded = self.is_demanded();
        // A question that is about to be asked costs a permit, too.
        let budget = self.budget(u32::from(inspects.is_some()));
        Look {
            now,
            base,
            bound,
            in_force,
            subject,
            bindable,
            provider_can,
            due,
            half,
            any_good,
            last_call,
            demanded,
            floor: self.tokens.floor(now),
            inspects,
            budget,
        }
    }
}
