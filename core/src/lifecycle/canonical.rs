//! The state up to what cannot matter, as one readable line: times relative to now and saturated, ids by
//! place, counters saturated, what has passed left out. Two states of one line behave alike for ever; the
//! search over all states checks that (`core/tests/model`).
//!
//! Every field of [`Lifecycle`] is named here. A new one does not compile until it has been thought about.

mod outputs;
mod tokens;

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{Arguments, Write as _};

use super::asks::AskKind;
use super::clock::{At, Clock};
use super::command::Action;
use super::connection::{Known, Link, MOST_RESUMES, Outage};
use super::event::Cause;
use super::governor::Retry;
use super::input::{Failure, ProviderFacts, TokenId};
use super::mechanism::Key;
use super::model::View;
use super::token::Kind;
use super::{Expired, Lifecycle, Mode, Pending, Remint, Retries};
use crate::time::Millis;

/// Times further away than this are all the same: above every sum of constants that meets a comparison.
const FAR: i64 = 24;

/// Doublings after which a wait has met its ceiling.
fn doublings(first: Millis, ceiling: Millis) -> u32 {
    ceiling.checked_div(first).unwrap_or(1).max(1).next_power_of_two().ilog2()
}

/// A moment, relative to now.
fn span(at: At, now: At) -> i64 {
    let (at, now) = (i64::try_from(at).unwrap_or(i64::MAX), i64::try_from(now).unwrap_or(i64::MAX));
    at.saturating_sub(now).clamp(-FAR, FAR)
}

/// The class of a failure: what decisions depend on.
fn failure(failure: Failure) -> String {
    match failure {
        Failure::Http { status, .. } => format!("http {status}"),
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
        let mut places: Vec<TokenId> = machine.held.iter().map(|token| token.id).collect();
        let bases = machine.held.iter().filter_map(|token| match token.kind {
            Kind::Bound { of } => Some(of),
            Kind::Base(_) => None,
        });
        let wanted = machine.asks.iter().filter_map(|ask| match ask.kind {
            AskKind::Update(token) => Some(token),
            AskKind::Renewal { .. } => None,
        });
        let asked = machine.pending.iter().filter_map(|pending| pending.action.token());
        let refused = machine.last_refused().filter(|_| view.tokens_return);
        for token in bases.chain(wanted).chain(asked).chain(refused) {
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

    fn span(&self, at: At) -> i64 {
        span(at, self.now)
    }

    /// A moment that has passed is as good as now.
    fn soon(&self, at: At) -> i64 {
        self.span(at).max(0)
    }

    /// What has been for longer than this is the same.
    fn since(&self, at: At, most: Millis) -> i64 {
        self.span(at).max(i64::try_from(most).unwrap_or(i64::MAX).saturating_neg())
    }

    /// A token by its place: held ones by number, then those that are only named.
    fn place(&self, token: TokenId) -> String {
        let place = self.places.iter().position(|known| *known == token);
        place.map_or_else(|| "gone".to_owned(), |place| format!("t{place}"))
    }

    fn state(&mut self) {
        // `policy` is the same all through a search; `random` has nothing but its script; `wake` is derived;
        // `out` is empty between steps; command and socket numbers and the generation only grow.
        let Lifecycle {
            policy: _,
            random: _,
            clock,
            mode,
            provider: ProviderFacts { can_refresh, can_mint_again, may_be_asked_twice: _ },
            key: Key { state, algorithm, proved, may_switch },
            durable,
            held,
            rejected,
            in_force,
            generation,
            link,
            outage,
            resumable,
            ever_live,
            restored,
            minted,
            remint,
            expired,
            pending,
            next_command: _,
            next_socket: _,
            exchanges: _,
            sockets: _,
            retries,
            asks,
            told_fallback,
            told_expiring,
            unsaved,
            unsure,
            spread,
            wake: _,
            out: _,
            trial,
        } = self.machine;
        match mode {
            Mode::Over(reason) => return self.say(format_args!("over {}", reason.name())),
            Mode::Ending(reason, cause) => {
                self.say(format_args!("ending {}{}", reason.name(), self.cause(*cause)));
                return self.pending(pending);
            }
            Mode::Idle => self.text.push_str("idle"),
            Mode::Running => self.text.push_str("running"),
            Mode::Suspended => self.text.push_str("suspended"),
        }
        self.flag(*can_refresh, "can-refresh");
        self.flag(*can_mint_again, "can-mint");
        self.say(format_args!(" key:{state:?}/{algorithm:?}"));
        self.flag(*proved, "proved");
        self.flag(*may_switch, "may-switch");
        self.link(link);
        if let Link::Live { known, .. } = link {
            self.known(known);
        }
        if let Some(trial) = trial {
            self.say(format_args!(" trial:{}", self.place(trial.token)));
        }
        self.flag(*durable, "durable");
        self.flag(*durable && *unsaved, "unsaved");
        self.flag(resumable.is_some(), "resumable");
        self.flag(resumable.is_some_and(|of| of != *generation), "by-an-older");
        self.flag(*ever_live, "was-live");
        self.flag(*restored, "restored");
        self.flag(*minted, "minted");
        self.flag(*remint == Remint::Wanted, "remint");
        self.flag(*unsure, "unsure");
        if *spread > self.now {
            self.say(format_args!(" spread{:+}", self.span(*spread)));
        }
        self.clock(clock);
        if let Some(expired) = expired {
            self.expired(*expired);
        }
        for token in held {
            self.token(token);
        }
        self.say(format_args!(
            " force={}",
            in_force.map_or_else(|| "none".to_owned(), |token| self.place(token))
        ));
        self.flag(generation.0 > 0, "acked");
        self.flag(*told_expiring == Some(*generation), "told-expiring");
        for token in self.places.clone() {
            self.flag(rejected.contains(&token), &format!("rejected:{}", self.place(token)));
        }
        self.outage(outage);
        self.retries(retries);
        self.budgets();
        let mut reasons: Vec<&str> = told_fallback.iter().map(|reason| reason.name()).collect();
        reasons.sort_unstable();
        for reason in reasons {
            self.say(format_args!(" told:{reason}"));
        }
        for ask in asks {
            match ask.kind {
                AskKind::Renewal { served } => self.flag(true, if served { "asks:served" } else { "asks" }),
                AskKind::Update(token) => self.flag(true, &format!("asks:{}", self.place(token))),
            }
        }
        self.pending(pending);
    }

    /// What a refusal said, where that is to be told apart: it is passed on and decides nothing.
    fn cause(&self, cause: Option<Cause>) -> String {
        let cause = cause.filter(|_| self.view.causes);
        cause.map_or_else(String::new, |cause| format!(": {}", failure(cause.failure)))
    }

    fn known(&mut self, known: &Known) {
        let generation = self.machine.generation;
        self.flag(known.generation != generation, "known-is-older");
        self.flag(known.stated, "stated");
        self.flag(!known.stated && known.began != generation, "pushed");
        self.flag(known.refused && known.generation != generation, "insists");
    }

    fn link(&mut self, link: &Link) {
        match *link {
            Link::Down { not_before } if not_before > self.now => {
                self.say(format_args!(" down{:+}", self.span(not_before)));
            }
            Link::Down { .. } => self.text.push_str(" down"),
            Link::Opening { .. } => self.text.push_str(" opening"),
            Link::Authenticating { .. } => self.text.push_str(" authenticating"),
            Link::Live { stable: true, .. } => self.text.push_str(" LIVE"),
            Link::Live { since, .. } => self.say(format_args!(" live{:+}", self.span(since))),
        }
    }

    fn clock(&mut self, clock: &Clock) {
        // How far the server's clock is ahead; in a model one of a few classes, not to be saturated.
        if let Some(offset) = clock.offset() {
            self.say(format_args!(" offset={offset}"));
        }
        self.flag(clock.restored, "clock-restored");
        for (at, ahead) in &clock.suspects {
            self.say(format_args!(" suspect{}@{:+}", (*ahead).min(FAR.unsigned_abs()), self.span(*at)));
        }
    }

    fn expired(&mut self, expired: Expired) {
        let (grace, most) = (self.machine.policy.grace, self.machine.policy.grace_attempts);
        if grace == Millis::MAX {
            return self.text.push_str(" expired");
        }
        self.say(format_args!(
            " expired{:+}/{}",
            self.since(expired.since, grace),
            expired.attempts.min(most)
        ));
    }

    fn outage(&mut self, outage: &Outage) {
        let Outage {
            since,
            waits,
            resumes,
            refused,
            resigned,
            reminted,
            waited,
            second_round,
            second_round_over,
            cause,
        } = outage;
        let policy = &self.machine.policy;
        for token in self.places.clone() {
            self.flag(refused.contains(&token), &format!("refused:{}", self.place(token)));
        }
        // Its age matters only until the waits may grow.
        self.flag(since.is_some(), "out");
        let grows = policy.reconnect_early_max < policy.reconnect_max;
        let young = since.map(|since| since.saturating_add(policy.early_outage));
        if let Some(until) = young.filter(|until| *until > self.now && grows) {
            self.say(format_args!("{:+}", self.span(until)));
        }
        if *waits > 0 {
            let most = doublings(policy.reconnect_min, policy.reconnect_max);
            self.say(format_args!(" waits{}", (*waits).min(most)));
        }
        if *resumes > 0 {
            self.say(format_args!(" resumes{}", (*resumes).min(MOST_RESUMES)));
        }
        self.flag(*resigned, "resigned");
        self.flag(*reminted, "reminted");
        self.flag(*waited, "waited");
        if let Some(at) = *second_round {
            self.say(format_args!(" second-round{:+}", self.span(at)));
        }
        self.flag(*second_round_over, "second-round-over");
        let cause = self.cause(*cause);
        self.flag(!cause.is_empty(), &format!("cause{cause}"));
    }

    fn retries(&mut self, retries: &Retries) {
        let Retries { activate, renew, provider, push, trial, persist } = retries;
        self.retry("activate", activate);
        self.retry("renew", renew);
        self.retry("provider", provider);
        self.retry("push", push);
        self.retry("persist", persist);
        self.retry("trial", trial);
    }

    fn retry(&mut self, name: &str, retry: &Retry) {
        if retry.failures == 0 {
            return;
        }
        let policy = &self.machine.policy;
        let most = doublings(policy.backoff_min, policy.backoff_max);
        self.say(format_args!(" {name}×{}", retry.failures.min(most)));
        if retry.not_before > self.now {
            self.say(format_args!("{:+}", self.span(retry.not_before)));
        }
        if retry.asked > self.now {
            self.say(format_args!("!{:+}", self.span(retry.asked)));
        }
    }

    /// What the governor says, and until when.
    fn budgets(&mut self) {
        let Lifecycle { policy, exchanges, sockets, .. } = self.machine;
        let period = self.machine.exchange_period();
        for (name, at) in [
            ("budget", exchanges.ready(0, period)),
            ("demand", exchanges.ready(policy.exchange_reserve, period)),
            ("sockets", sockets.ready(0, policy.socket_refill)),
        ] {
            if at > self.now {
                self.say(format_args!(" {name}{:+}", self.span(at)));
            }
        }
    }

    fn pending(&mut self, pending: &[Pending]) {
        for pending in pending {
            let action = self.action(&pending.action);
            self.say(format_args!(" <{action}{:+}", self.span(pending.deadline)));
            // A lifetime counts from when it was asked for, a time stamp from then as well.
            let dates = pending.is_exchange() || self.view.clocks;
            if dates && pending.issued < self.now {
                self.say(format_args!(" since{:+}", self.span(pending.issued)));
            }
            if pending.jumped && self.view.clocks {
                self.say(format_args!(" jumped"));
            }
            self.text.push('>');
        }
    }

    fn action(&self, action: &Action) -> String {
        let name = action.name();
        match action {
            Action::Mint { fingerprint: Some(key) } => format!("{name} {key:?}"),
            Action::MakeKey { algorithm } => format!("{name} {algorithm:?}"),
            Action::Authenticate { token, resume: true, .. } => {
                format!("{name} {} resume", self.place(*token))
            }
            _ => match action.token() {
                Some(token) => format!("{name} {}", self.place(token)),
                None => name.to_owned(),
            },
        }
    }
}
