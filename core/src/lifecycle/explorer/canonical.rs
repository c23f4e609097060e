//! The state up to what cannot matter, as one readable line: times relative to now and saturated, ids by
//! place, counters saturated, what has passed left out. Two states of one line behave alike for ever; the
//! search over all states checks that (`core/tests/model`).
//!
//! Every field of [`Lifecycle`] is named here. A new one does not compile until it has been thought about.

mod attempts;
mod link;
mod outputs;
mod tokens;

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{Arguments, Write as _};

use crate::lifecycle::attempts::Attempt;
use crate::lifecycle::clock::At;
use crate::lifecycle::explorer::View;
use crate::lifecycle::hope::Hope;
use crate::lifecycle::limits::pace::Pace;
use crate::lifecycle::record::Writing;
use crate::lifecycle::renewal::Renewal;
use crate::lifecycle::renewal::key::KeyState;
use crate::lifecycle::waiters::{WaitFor, Waiters};
use crate::lifecycle::{Cause, Failure, Lifecycle, Mode, ProviderFacts, TokenId};
use crate::time::Millis;

/// Times further away than this are all the same: above every sum of constants that meets a comparison.
const FAR: i64 = 30;

/// Doublings after which a wait has met its ceiling.
fn doublings(first: Millis, ceiling: Millis) -> u32 {
    ceiling.checked_div(first).unwrap_or(1).max(1).next_power_of_two().ilog2()
}

/// The class of a failure: what decisions depend on.
fn failure(failure: Failure) -> String {
    match failure {
        Failure::Http { status, .. } => format!("http {status}"),
        Failure::Page { status, .. } => format!("page {status}"),
        Failure::Rpc { code, credential: true } => format!("rpc {code} credential"),
        Failure::Rpc { code, .. } => format!("rpc {code}"),
        other => format!("{other:?}").split(' ').next().unwrap_or_default().to_lowercase(),
    }
}

/// A line in the making.
struct Line<'a> {
    machine: &'a Lifecycle,
    view: View,
    now: At,
    /// The tokens that are named anywhere and can still matter, held ones first.
    places: Vec<TokenId>,
    text: String,
}

impl Lifecycle {
    /// The state up to what cannot matter. See the module.
    #[must_use]
    pub fn canonical(&self, view: View) -> String {
        let mut line = Line::of(self, view);
        line.state();
        line.text
    }
}

impl<'a> Line<'a> {
    fn of(machine: &'a Lifecycle, view: View) -> Self {
        let held = machine.tokens.held().iter();
        let mut places: Vec<TokenId> = held.clone().map(|token| token.id).collect();
        let wanted = machine.waiters.iter().filter_map(|waiter| match waiter.kind {
            WaitFor::Update(token) => Some(token),
            WaitFor::Renewal { .. } => None,
        });
        let asked = machine.attempts.iter().filter_map(|attempt| attempt.action.token());
        let coming = machine.link.coming().map(|coming| coming.token);
        for token in held.filter_map(|token| token.base_id()).chain(wanted).chain(asked).chain(coming) {
            if !places.contains(&token) {
                places.push(token);
            }
        }
        Self { machine, view, now: machine.clock.now(), places, text: String::with_capacity(256) }
    }

    fn say(&mut self, what: Arguments<'_>) {
        let _ = self.text.write_fmt(what);
    }

    fn flag(&mut self, holds: bool, name: &str) {
        if holds {
            self.text.push(' ');
            self.text.push_str(name);
        }
    }

    /// A moment, relative to now.
    fn span(&self, at: At) -> i64 {
        let signed = |at: At| i64::try_from(at).unwrap_or(i64::MAX);
        signed(at).saturating_sub(signed(self.now)).clamp(-FAR, FAR)
    }

    /// What has been for longer than this is the same.
    fn since(&self, at: At, most: Millis) -> i64 {
        self.span(at).max(i64::try_from(most).unwrap_or(i64::MAX).saturating_neg())
    }

    /// A moment that has yet to come.
    fn until(&mut self, name: &str, at: At) {
        if at > self.now {
            self.say(format_args!(" {name}{:+}", self.span(at)));
        }
    }

    /// A moment that is remembered for so long.
    fn lately(&mut self, name: &str, at: At, span: Millis) {
        if at.saturating_add(span) > self.now {
            self.say(format_args!(" {name}{:+}", self.span(at)));
        }
    }

    /// A token by its place: held ones by number, then those that are only named.
    fn place(&self, token: TokenId) -> String {
        let place = self.places.iter().position(|known| *known == token);
        place.map_or_else(|| "gone".to_owned(), |place| format!("t{place}"))
    }

    /// How many of the tokens that are held, and of those that have been asked for, were asked for before this.
    fn rank(&self, order: u64) -> usize {
        let held = self.machine.tokens.held().iter().map(|token| token.order);
        let heard = |attempt: &&Attempt| attempt.is_exchange() && (!attempt.late || self.view.late_answers);
        let exchanges = self.machine.attempts.iter().filter(heard);
        held.chain(exchanges.map(|attempt| attempt.id.0)).filter(|other| *other < order).count()
    }

    fn state(&mut self) {
        // `policy` is the same all through a search; `random` has nothing but its script; `wake` is derived;
        // `out` is empty between steps; the generation only grows.
        let Lifecycle {
            policy,
            random: _,
            clock,
            mode,
            renewal,
            tokens,
            attempts,
            sockets,
            link,
            hope,
            waiters,
            record,
            told,
            network_hint,
            wake: _,
            out: _,
        } = self.machine;
        let (fallback, expiring) = told.facts();
        let Renewal { key, paces, budget, .. } = renewal;
        let ProviderFacts { can_refresh, can_mint_again, may_be_asked_twice } = renewal.provider();
        let ([minted, unasked, remint, rekeyed], spread) = (renewal.flags(), renewal.spread());
        match mode {
            Mode::Over(reason) => return self.say(format_args!("over {}", reason.name())),
            Mode::Ending(reason, cause) => {
                self.say(format_args!("ending {}{}", reason.name(), self.cause(*cause)));
                self.flag(record.is_urgent(), "unsaved");
                self.pace("persist", record.facts().3);
                return self.attempts(attempts);
            }
            Mode::Idle => self.text.push_str("idle"),
            Mode::Running => self.text.push_str("running"),
            Mode::Suspended => self.text.push_str("suspended"),
        }
        self.flag(can_refresh, "can-refresh");
        self.flag(can_mint_again, "can-mint");
        self.flag(may_be_asked_twice, "twice");
        let (state, algorithm, proved, may_switch) = key.facts();
        if state != KeyState::Declined || self.view.deaths {
            self.say(format_args!(" key:{state:?}/{algorithm:?}"));
            self.flag(proved, "proved");
            self.flag(may_switch, "may-switch");
        }
        self.link(link);
        self.flag(hope.ever_live(), "was-live");
        self.flag(minted, "minted");
        self.flag(remint, "remint");
        self.flag(rekeyed, "rekeyed");
        self.flag(unasked, "of-the-record");
        self.flag(hope.flags().0, "unreachable");
        if spread > 0 {
            self.lately("spread", spread, policy.early_outage);
        }
        if let Some(at) = network_hint {
            self.lately("hint", *at, policy.network_hint);
        }
        if let Some(clock) = clock.relative(policy) {
            self.say(format_args!(" clock{clock}"));
        }
        self.hope(hope);
        self.tokens(tokens);
        self.flag(expiring == Some(tokens.generation()), "told-expiring");
        let mut reasons: Vec<&str> = fallback.map(|reason| reason.name()).collect();
        reasons.sort_unstable();
        for reason in reasons {
            self.say(format_args!(" told:{reason}"));
        }
        for (name, pace) in [
            ("mint", &paces.mint),
            ("refresh", &paces.refresh),
            ("activate", &paces.activate),
            ("renew", &paces.renew),
        ] {
            self.pace(name, pace);
        }
        let period = self.machine.exchange_period();
        for (name, bucket, period) in [("budget", budget, period), ("sockets", sockets, policy.socket_refill)]
        {
            if let Some((left, age)) = bucket.at(self.now, period) {
                self.say(format_args!(" {name}={left}/{age}"));
            }
        }
        self.record(record);
        self.waiters(waiters);
        self.attempts(attempts);
    }

    /// What a refusal said, where that is to be told apart: it is passed on and decides nothing.
    fn cause(&self, cause: Option<Cause>) -> String {
        let cause = cause.filter(|_| self.view.causes);
        cause.map_or_else(String::new, |cause| format!(": {}", failure(cause.failure)))
    }

    fn hope(&mut self, hope: &Hope) {
        let (since, spent, (_, later)) = (hope.since(), hope.spent(), hope.flags());
        let policy = &self.machine.policy;
        let (run, last, reached) = hope.reach.facts();
        if since.is_some() {
            self.say(format_args!(" hopeless/{}", run.min(policy.patience)));
            self.flag(hope.was_told(), "told");
            if let Some(at) = spent {
                self.say(format_args!(" spent{:+}", self.since(at, policy.awaited)));
            }
        }
        self.flag(later, "later");
        // Who has hope begins anew when it is lost.
        match last {
            Some((at, answered)) if since.is_some() => {
                let (at, answered) = (self.since(at, policy.patience), if answered { "" } else { "?" });
                self.say(format_args!(" asked{at:+}{answered}"));
            }
            Some((_, answered)) => self.flag(answered, "heard"),
            None => self.flag(true, "unasked"),
        }
        if policy.unreached < FAR.unsigned_abs() {
            self.say(format_args!(" reached{:+}", self.since(reached, policy.unreached)));
        }
        self.flag(hope.cause().is_some(), &format!("cause{}", self.cause(hope.cause())));
    }

    fn record(&mut self, record: &Writing) {
        let (durable, unsaved, last, pace) = record.facts();
        if durable {
            self.flag(true, "durable");
            self.flag(unsaved, if record.is_urgent() { "unsaved!" } else { "unsaved" });
            self.lately("written", last, self.machine.policy.write_interval);
            self.pace("persist", pace);
        }
    }

    fn waiters(&mut self, waiters: &Waiters) {
        let (list, cause) = waiters.facts();
        for waiter in list {
            match waiter.kind {
                WaitFor::Renewal { order } => {
                    let since = self.since(waiter.since, self.machine.policy.ask_patience);
                    self.say(format_args!(" waits#{}{since:+}", self.rank(order)));
                }
                WaitFor::Update(token) => self.say(format_args!(" waits:{}", self.place(token))),
            }
        }
        if self.view.asks {
            self.flag(cause.is_some(), &format!("waits-for{}", self.cause(cause)));
        }
    }

    /// How often the greatest of all waits is doubled.
    fn most_failures(&self) -> u32 {
        let policy = &self.machine.policy;
        let ceilings = [
            policy.wait_unanswered,
            policy.wait_unanswered_idle,
            policy.wait_refused,
            policy.wait_refused_idle,
            policy.reconnect,
        ];
        doublings(policy.wait_min, ceilings.into_iter().max().unwrap_or(0)).max(2)
    }

    fn pace(&mut self, name: &str, pace: &Pace) {
        let Pace { failures, not_before, asked, sent, last } = *pace;
        let most = self.most_failures();
        if failures > 0 {
            self.say(format_args!(" {name}×{}", failures.min(most)));
        }
        if let Some(last) = last {
            self.say(format_args!(" {name}:{last:?}"));
        }
        self.until(&format!("{name}:not"), not_before);
        self.until(&format!("{name}:asked"), asked);
        if sent > 0 {
            self.lately(&format!("{name}:sent"), sent, self.machine.policy.wait_served);
        }
    }
}
