//! The state up to what cannot matter, as one readable line: times relative to now and saturated, ids by
//! place, counters saturated, what has passed left out. Two states of one line behave alike for ever; the
//! search over all states checks that (`core/tests/lifecycle_model.rs`).
//!
//! Every field of [`Lifecycle`] is named here. A new one does not compile until it has been thought about.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::asks::AskKind;
use super::clock::At;
use super::command::{Action, Output};
use super::connection::{Link, MOST_RESUMES};
use super::event::{AskError, Event, Ignored, Warning};
use super::governor::Retry;
use super::input::{AskId, Failure, ProviderFacts, TokenId};
use super::mechanism::Key;
use super::token::{Base, Kind, Saved, Token};
use super::wake::Wake;
use super::{Lifecycle, Mode, Pending, Remint, Step};
use crate::time::Millis;

/// Times further away than this are all the same: above every sum of constants that meets a comparison.
const FAR: i64 = 24;

/// Renewals that gain nothing, beyond which their interval has met its ceiling (`Policy::model`: 1 to 4).
const MANY: u32 = 2;

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

impl Lifecycle {
    /// The state up to what cannot matter. See the module. `ends_move`: a server may yet say something else
    /// of a token's end, so that what has passed may turn out not to have.
    #[must_use]
    pub fn canonical(&self, ends_move: bool) -> String {
        // `policy` is the same all through a search; `random` has nothing but its script; `wake` is derived;
        // `out` is empty between steps; command and socket numbers and the generation only grow.
        let Self {
            policy: _,
            random: _,
            clock,
            mode,
            provider: ProviderFacts { can_refresh, can_mint_again },
            key,
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
            exchanges,
            sockets,
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
        } = self;
        let now = clock.now();
        let mut text = String::with_capacity(256);
        let line = &mut text;
        match mode {
            Mode::Over(reason) => return format!("over {}", reason.name()),
            Mode::Ending(reason, cause) => {
                let cause = cause.map_or_else(String::new, |cause| format!(": {}", failure(cause.failure)));
                let _ = write!(line, "ending {}{cause}", reason.name());
                self.write_pending(line, pending);
                return text;
            }
            Mode::Idle => line.push_str("idle"),
            Mode::Running => line.push_str("running"),
            Mode::Suspended => line.push_str("suspended"),
        }
        flag(line, *can_refresh, "can-refresh");
        flag(line, *can_mint_again, "can-mint");
        self.write_key(line, key);
        self.write_link(line, link);
        if let Some(trial) = trial {
            let _ = write!(line, " trial:{}", self.place(trial.token));
        }
        flag(line, *durable, "durable");
        flag(line, *durable && *unsaved, "unsaved");
        flag(line, *resumable, "resumable");
        flag(line, *ever_live, "was-live");
        flag(line, *restored, "restored");
        flag(line, *minted, "minted");
        flag(line, *remint == Remint::Wanted, "remint");
        flag(line, *unsure, "unsure");
        if *spread > now {
            let _ = write!(line, " spread{:+}", span(*spread, now));
        }
        self.write_clock(line);
        if let Some(expired) = expired {
            let attempts = expired.attempts.min(self.policy.grace_attempts);
            let _ = write!(line, " expired{:+}/{attempts}", span(expired.since, now));
        }
        for token in held {
            self.write_token(line, token, ends_move);
        }
        let force = in_force.map_or_else(|| "none".to_owned(), |token| self.place(token));
        let _ = write!(line, " force={force}");
        flag(line, generation.0 > 0, "acked");
        flag(line, *told_expiring == Some(*generation), "told-expiring");
        let others = self.places();
        for token in rejected.iter().filter(|token| others.contains(token)) {
            flag(line, true, &format!("rejected:{}", self.place(*token)));
        }
        for token in &others {
            flag(line, outage.refused.contains(token), &format!("refused:{}", self.place(*token)));
        }
        let spent = held.iter().any(|token| outage.refused.contains(&token.id));
        flag(line, !spent && !outage.refused.is_empty(), "refused:others");
        flag(line, outage.since.is_some(), "out");
        // Its age matters only until the waits may grow.
        let young = outage.since.map(|since| since.saturating_add(self.policy.early_outage));
        if let Some(until) = young.filter(|until| *until > now && self.waits_grow_late()) {
            let _ = write!(line, "{:+}", span(until, now));
        }
        if outage.waits > 0 {
            let _ = write!(
                line,
                " waits{}",
                outage.waits.min(doublings(self.policy.reconnect_min, self.policy.reconnect_max))
            );
        }
        if outage.resumes > 0 {
            let _ = write!(line, " resumes{}", outage.resumes.min(MOST_RESUMES));
        }
        flag(line, outage.resigned, "resigned");
        flag(line, outage.reminted, "reminted");
        flag(line, outage.waited, "waited");
        if let Some(at) = outage.second_round {
            let _ = write!(line, " second-round{:+}", span(at, now));
        }
        flag(line, outage.second_round_over, "second-round-over");
        if let Some(cause) = outage.cause {
            let _ = write!(line, " cause={}", failure(cause.failure));
        }
        self.write_retry(line, "activate", &retries.activate);
        self.write_retry(line, "renew", &retries.renew);
        self.write_retry(line, "provider", &retries.provider);
        self.write_retry(line, "push", &retries.push);
        self.write_retry(line, "persist", &retries.persist);
        self.write_retry(line, "trial", &retries.trial);
        let reserve = self.policy.exchange_reserve;
        for (name, at) in [
            ("budget", exchanges.ready(0, self.exchange_period())),
            ("demand", exchanges.ready(reserve, self.exchange_period())),
            ("sockets", sockets.ready(0, self.policy.socket_refill)),
        ] {
            if at > now {
                let _ = write!(line, " {name}{:+}", span(at, now));
            }
        }
        let mut reasons: Vec<&str> = told_fallback.iter().map(|reason| reason.name()).collect();
        reasons.sort_unstable();
        for reason in reasons {
            let _ = write!(line, " told:{reason}");
        }
        for ask in asks {
            match ask.kind {
                AskKind::Renewal { served } => flag(line, true, if served { "asks:served" } else { "asks" }),
                AskKind::Update(token) => flag(line, true, &format!("asks:{}", self.place(token))),
            }
        }
        self.write_pending(line, pending);
        text
    }

    /// The tokens that are named anywhere and can still matter, held ones first.
    fn places(&self) -> Vec<TokenId> {
        let mut places: Vec<TokenId> = self.held.iter().map(|token| token.id).collect();
        let bases = self.held.iter().filter_map(|token| match token.kind {
            Kind::Bound { of } => Some(of),
            Kind::Base(_) => None,
        });
        let wanted = self.asks.iter().filter_map(|ask| match ask.kind {
            AskKind::Update(token) => Some(token),
            AskKind::Renewal { .. } => None,
        });
        for token in bases.chain(wanted).chain(self.last_refused()) {
            if !places.contains(&token) {
                places.push(token);
            }
        }
        places
    }

    /// A token by its place: held ones by number, then those that are only named.
    fn place(&self, token: TokenId) -> String {
        let place = self.places().iter().position(|known| *known == token);
        place.map_or_else(|| "gone".to_owned(), |place| format!("t{place}"))
    }

    fn write_key(&self, line: &mut String, key: &Key) {
        let _ = write!(line, " key:{:?}/{:?}", key.state, key.algorithm);
        flag(line, key.proved, "proved");
        flag(line, key.may_switch, "may-switch");
    }

    fn write_link(&self, line: &mut String, link: &Link) {
        let now = self.clock.now();
        match *link {
            Link::Down { not_before } if not_before > now => {
                let _ = write!(line, " down{:+}", span(not_before, now));
            }
            Link::Down { .. } => line.push_str(" down"),
            Link::Opening { .. } => line.push_str(" opening"),
            Link::Authenticating { .. } => line.push_str(" authenticating"),
            Link::Live { stable: true, .. } => line.push_str(" LIVE"),
            Link::Live { since, .. } => {
                let _ = write!(line, " live{:+}", span(since, now));
            }
        }
    }

    fn write_clock(&self, line: &mut String) {
        // How far the server's clock is ahead; in a model one of a few classes, not to be saturated.
        if let Some(offset) = self.clock.offset() {
            let _ = write!(line, " offset={offset}");
        }
        if let Some(at) = self.clock.restored {
            let _ = write!(line, " restored{:+}", span(at, self.clock.now()));
        }
        for (at, ahead) in &self.clock.suspects {
            let at = span(*at, self.clock.now());
            let _ = write!(line, " suspect{}@{at:+}", (*ahead).min(FAR.unsigned_abs()));
        }
    }

    const fn waits_grow_late(&self) -> bool {
        self.policy.reconnect_early_max < self.policy.reconnect_max
    }

    fn most_failures(&self) -> u32 {
        doublings(self.policy.backoff_min, self.policy.backoff_max)
    }

    /// Which of the ended tokens it is, by end; `None` while it has not ended.
    fn ended(&self, token: &Token) -> Option<usize> {
        let ended = |token: &Token| token.end(&self.clock).at.filter(|at| *at <= self.clock.now());
        let mut ends: Vec<At> = self.held.iter().filter_map(ended).collect();
        ends.sort_unstable();
        ends.dedup();
        ends.iter().position(|end| Some(*end) == ended(token))
    }

    fn write_token(&self, line: &mut String, token: &Token, ends_move: bool) {
        let Token { id, kind, sent: _, received: _, stated: _, by, first, draw, saved, gain, awaits_verdict } =
            token;
        let now = self.clock.now();
        let _ = write!(line, " [{}", self.place(*id));
        match by {
            Some(by) => flag(line, true, by.name()),
            None => flag(line, true, "brought"),
        }
        let fixed = !ends_move && self.clock.suspects.is_empty();
        if let Some(rank) = self.ended(token).filter(|_| fixed && !token.end(&self.clock).assumed) {
            let _ = write!(line, " ended{rank}");
        } else {
            flag(line, *first, "first");
            flag(line, *draw > 0 && self.policy.jitter, "late");
            self.write_ends(line, token);
        }
        let barren = token.barren_until(&self.clock, &self.policy).is_some();
        // One that is refused for good counts against the token in force if it was a renewal (L27).
        flag(line, gain.is_some(), "renewal");
        if let Some(gain) = gain.filter(|_| barren || !fixed) {
            let (since, before) = (span(gain.since, now).max(-8), span(gain.before, now));
            let _ = write!(line, " gain{since:+}/{before:+}/{}", gain.streak.min(MANY));
        }
        if self.durable {
            flag(line, *saved == Saved::No, "no-record");
            flag(line, *saved == Saved::Underway, "writing");
        }
        flag(line, *awaits_verdict, "awaits-verdict");
        match kind {
            Kind::Bound { of } => {
                let _ = write!(line, " of={}", self.place(*of));
            }
            Kind::Base(base) => self.write_base(line, base),
        }
        line.push(']');
    }

    fn write_ends(&self, line: &mut String, token: &Token) {
        let now = self.clock.now();
        let _ = write!(line, " {:+}", span(token.received, now));
        if token.sent != token.received {
            let _ = write!(line, "/{:+}", span(token.sent, now));
        }
        for (name, life) in [("life", token.stated.life), ("assumed", token.stated.assumed)] {
            if let Some(life) = life {
                let _ = write!(line, " {name}{life}");
            }
        }
        if let Some((first, last)) = token.stated.server {
            let [first, last] = [first, last].map(|at| {
                let at = self.clock.when_server_shows(at).unwrap_or_else(|| self.clock.when_wall_shows(at));
                span(at, now)
            });
            let _ = write!(line, " server{first:+}..{last:+}");
        }
        if let Some(hint) = token.stated.hint {
            let at = self.clock.when_server_shows(hint.server).unwrap_or(hint.local);
            let _ = write!(line, " hint{:+}/{:+}", span(at, now), span(hint.local, now));
        }
    }

    fn write_base(&self, line: &mut String, base: &Base) {
        let Base {
            scope,
            cnf,
            inspection,
            declined,
            activation,
            rejected,
            first_bound_life,
            limits_bound,
            told_no_mechanism,
            has_been_bound,
        } = base;
        let now = self.clock.now();
        let _ = match scope {
            Some(scope) => write!(line, " scope={scope}"),
            None => write!(line, " scope=?"),
        };
        let _ = write!(line, " {cnf:?}/{inspection:?}");
        if let Some(declined) = declined {
            let _ = write!(line, " declined:{}{:+}", declined.reason.name(), span(declined.until, now));
        }
        let running = activation.since.map_or(0, |since| now.saturating_sub(since));
        let used = activation.used.saturating_add(running).min(self.policy.activation_budget);
        if activation.since.is_some() || used > 0 {
            let _ = write!(line, " activation={used}{}", if activation.since.is_some() { "…" } else { "" });
        }
        flag(line, *rejected, "never");
        if let Some(life) = first_bound_life {
            let _ = write!(line, " bound-life={life}");
        }
        flag(line, *limits_bound, "limits");
        flag(line, *told_no_mechanism, "told-nobody");
        flag(line, *has_been_bound, "was-bound");
    }

    fn write_retry(&self, line: &mut String, name: &str, retry: &Retry) {
        let now = self.clock.now();
        if *retry == Retry::default() {
            return;
        }
        let _ = write!(line, " {name}×{}", retry.failures.min(self.most_failures()));
        // Of two exchanges that are due the one goes first that has been so for longer.
        let _ = write!(line, "{:+}", span(retry.not_before, now));
        if retry.asked > now {
            let _ = write!(line, "!{:+}", span(retry.asked, now));
        }
    }

    fn write_pending(&self, line: &mut String, pending: &[Pending]) {
        let now = self.clock.now();
        for pending in pending {
            let _ = write!(line, " <{}{:+}", self.action(&pending.action), span(pending.deadline, now));
            if pending.is_exchange() && pending.issued < now {
                let _ = write!(line, " since{:+}", span(pending.issued, now));
            }
            line.push('>');
        }
    }

    fn action(&self, action: &Action) -> String {
        let name = action.name();
        match action {
            Action::Mint { fingerprint: Some(key) } => format!("{name} {key:?}"),
            Action::MakeKey { algorithm } => format!("{name} {algorithm:?}"),
            Action::Inspect { base: token }
            | Action::Activate { base: token, .. }
            | Action::Renew { bound: token, .. }
            | Action::Open { token, .. }
            | Action::Reauthenticate { token, .. } => format!("{name} {}", self.place(*token)),
            Action::Authenticate { token, resume, .. } => {
                format!("{name} {}{}", self.place(*token), if *resume { " resume" } else { "" })
            }
            _ => name.to_owned(),
        }
    }

    /// What a step came to, in the terms of [`Lifecycle::canonical`]: outputs, then the deadline.
    #[must_use]
    pub fn describe(&self, step: &Step) -> String {
        let now = self.clock.now();
        let mut lines: Vec<String> = step
            .outputs
            .iter()
            .map(|output| match output {
                Output::Do(command) => {
                    let span = self.clock.tick_of(now).until(command.deadline);
                    format!("{}+{span}", self.action(&command.action))
                }
                Output::Tell(event) => self.event(event),
            })
            .collect();
        lines.push(match step.wake_at {
            None => "rest".to_owned(),
            Some((at, wake)) => {
                let name = match wake {
                    Wake::Deadline(id) => self.pending.iter().find(|pending| pending.id == id).map_or_else(
                        || "gone".to_owned(),
                        |pending| format!("end of {}", pending.action.name()),
                    ),
                    wake => wake.name().to_owned(),
                };
                format!("@{:+} {name}", self.clock.tick_of(now).until(at).min(FAR.unsigned_abs()))
            }
        });
        lines.join("; ")
    }

    fn asked(&self, ask: AskId) -> String {
        let place = self.asks.iter().position(|waiting| waiting.id == ask);
        place.map_or_else(String::new, |place| format!(" {place}"))
    }

    fn event(&self, event: &Event) -> String {
        let now = self.clock.tick_of(self.clock.now());
        match event {
            Event::Live { resumed, .. } => format!("LIVE{}", if *resumed { " resumed" } else { "" }),
            Event::Bound { token } => format!("BOUND {}", self.place(*token)),
            Event::Renewed { token, by, ends, .. } => {
                let by = by.map_or("application", |by| by.name());
                let ends = ends.map_or_else(|| "?".to_owned(), |at| format!("+{}", now.until(at)));
                format!("RENEWED {} by {by} ends {ends}", self.place(*token))
            }
            Event::Failed { ask, error } => {
                let error = match error {
                    AskError::Exchange(cause) => format!("exchange {}", failure(cause.failure)),
                    other => format!("{other:?}"),
                };
                format!("FAILED{} {error}", self.asked(*ask))
            }
            Event::Recovered { ask, .. } => format!("RECOVERED{}", self.asked(*ask)),
            Event::ClockJump { by } => format!("CLOCK JUMP {by}"),
            Event::Expired { renewing } => format!("EXPIRED{}", if *renewing { " renewing" } else { "" }),
            Event::Suspended => "SUSPENDED".to_owned(),
            Event::Ignored(Ignored::StaleAnswer(_)) => "IGNORED stale answer".to_owned(),
            Event::Ignored(Ignored::WrongReply(_)) => "IGNORED wrong reply".to_owned(),
            Event::Ignored(Ignored::StaleSocket) => "IGNORED stale socket".to_owned(),
            Event::Ignored(Ignored::OutOfPlace) => "IGNORED out of place".to_owned(),
            Event::Teardown { reason, cause } => {
                let cause = cause.map_or_else(String::new, |cause| format!(": {}", failure(cause.failure)));
                format!("TEARDOWN {}{cause}", reason.name())
            }
            Event::Warn(warning) => self.warning(warning),
        }
    }

    fn warning(&self, warning: &Warning) -> String {
        let now = self.clock.tick_of(self.clock.now());
        let code = warning.code();
        match warning {
            Warning::RefreshFallback { reason } => format!("warn {code} {}", reason.name()),
            Warning::NoRefreshHandler { ends, .. } => {
                format!(
                    "warn {code} ends {}",
                    ends.map_or_else(|| "?".to_owned(), |at| now.until(at).to_string())
                )
            }
            Warning::Expiring { ends, mechanism, .. } => {
                format!("warn {code} ends +{} {}", now.until(*ends), mechanism.name())
            }
            Warning::RefreshFailed { attempt, mechanism, cause, next } => {
                let next = next.map_or_else(|| "never".to_owned(), |at| format!("+{}", now.until(at)));
                let (attempt, by) =
                    ((*attempt).min(self.most_failures().saturating_add(1)), mechanism.name());
                format!("warn {code} {by} #{attempt} {}, next {next}", failure(cause.failure))
            }
            Warning::PushFailed { token, cause } => {
                format!("warn {code} {} {}", self.place(*token), failure(cause.failure))
            }
            Warning::StoreFailed { cause } => format!("warn {code} {}", failure(cause.failure)),
            Warning::ExpiryShortened { token, by } => format!("warn {code} {} {by}", self.place(*token)),
            Warning::KeySwitched { to } => format!("warn {code} {to:?}"),
            Warning::Clamped { token } | Warning::ForeignKey { token } => {
                format!("warn {code} {}", self.place(*token))
            }
        }
    }
}

fn flag(line: &mut String, holds: bool, name: &str) {
    if holds {
        line.push(' ');
        line.push_str(name);
    }
}
