//! The socket that serves and the one that is coming: replacing, reconnecting and showing a token are one thing (R21).

use crate::lifecycle::{
    Action, Cause, CommandId, Event, Failure, Generation, Ignored, SocketId, TeardownReason, TokenId, Warning,
};
use crate::time::{Millis, UnixMillis};

use super::super::attempts::Attempt;
use super::super::clock::At;
use super::super::link::{Coming, Offer, Parting, Serving};
use super::super::pace::{Class, Pace};
use super::super::token::{Saved, Token, Word};
use super::super::{Lifecycle, Mode};
use super::look::Look;
use crate::lifecycle::random::Domain;

/// The server does not speak this version of the protocol, says the server.
const INCOMPATIBLE: i64 = -32_001;

/// Resumes in a row that may fail, or not last, before a fresh connect.
const MOST_RESUMES: u32 = 3;

impl Lifecycle {
    // ---- What is due ----

    /// When a socket is opened, and what for.
    pub(super) fn next_open(&self, look: &Look<'_>) -> Option<(At, Offer)> {
        // What is shown is shown with a key.
        if self.link.is_live() || self.link.coming.is_some() || self.wants_key() {
            return None;
        }
        let (at, offer) = self.offer(look)?;
        // The last one is kept for when the network is said to have changed.
        let pace = self.link.pace;
        let woken = self.network_hint.is_some_and(|hint| pace.not_before <= hint);
        let reserve = u32::from(pace.failures > 0 && !woken);
        let permit = self.sockets.ready(reserve, self.policy.socket_refill);
        Some((at.max(pace.ready()).max(self.link.spread_until).max(permit), offer))
    }

    /// What the next connect is made with: with the state if there is one; else the newest token that is good, a bound
    /// one before its own base. While none is, what was refused is shown again, round by round (R10).
    fn offer(&self, look: &Look<'_>) -> Option<(At, Offer)> {
        let floor = self.tokens.floor(look.now);
        let opens = |token: &&Token| {
            token.order >= floor
                && !token.barren
                && token.ends.is_none_or(|end| {
                    let margin = token.margin(&self.policy);
                    token.word <= Word::Assumed || look.now.saturating_add(margin) < end
                })
        };
        let fresh = || {
            let cut =
                self.link.cut_by.filter(|(_, times)| *times >= 2).and_then(|(id, _)| self.tokens.get(id));
            cut.filter(|token| token.is_good(look.now) && opens(token)).or_else(|| {
                let newest = self.tokens.good(look.now).find(opens)?;
                let waits = self.awaits_activation(look, newest);
                Some(look.bound.filter(|bound| waits && opens(bound)).unwrap_or(newest))
            })
        };
        if let Some(token) = fresh() {
            let resumes = self.link.state.is_some()
                && self.link.resumes < MOST_RESUMES
                && self.link.cut_by.is_none_or(|(_, times)| times < 2);
            let in_force = self.tokens.in_force().filter(|it| it.is_good(look.now) && opens(it));
            let token = in_force.filter(|_| resumes).unwrap_or(token).id;
            return Some((0, Offer { token, resume: resumes }));
        }
        if look.any_good {
            return None;
        }
        // Nothing is good: with each round what was refused, where nobody has brought another by then.
        let last = self.shown_again(look)?;
        let asked = self.attempts.awaits(look.now, self.policy.network);
        let soon = self.next_provider(look, 0, 0).map(|(at, _)| at).filter(|at| *at <= look.now);
        // One request after the other that nobody answers puts the round off no further than one.
        let latest = self.link.next_round.saturating_add(self.policy.network);
        let wait = asked.or(soon.map(|at| at.saturating_add(1))).unwrap_or(0).min(latest);
        let at = self.link.next_round.max(wait);
        Some((at, Offer { token: last, resume: false }))
    }

    /// The newest token that was refused and has not ended.
    pub(super) fn shown_again(&self, look: &Look<'_>) -> Option<TokenId> {
        let floor = self.tokens.floor(look.now);
        let last = self.tokens.held.iter().rev().find(|token| {
            token.order >= floor && (token.lasts(look.now) || token.barren) && self.ever_offered(token)
        })?;
        Some(last.id)
    }

    /// A foreign token is shown to nobody.
    fn ever_offered(&self, token: &Token) -> bool {
        token.base().is_none_or(|base| base.cnf != crate::lifecycle::Confirmation::Others)
    }

    /// The token to push to the serving socket and when.
    pub(super) fn next_push(&self, look: &Look<'_>) -> Option<(At, TokenId)> {
        let serving = self.link.serving?;
        if self.link.pushes_cut || self.attempts.any(|action| matches!(action, Action::Reauthenticate { .. }))
        {
            return None;
        }
        let in_force = self.tokens.in_force();
        let order = in_force.map_or(0, |token| token.order);
        let behind = serving.known != self.tokens.generation;
        let last_call = self.last_call_at();
        let due = |token: &Token| {
            if Some(token.id) == self.tokens.in_force {
                return behind.then_some(0);
            }
            if token.order > order {
                let waits = self.awaits_activation(look, token);
                return if waits { last_call } else { Some(0) };
            }
            // Once that has ended, any that is good will do.
            if in_force.is_some_and(|it| !it.lasts(look.now)) {
                return Some(0);
            }
            // An older one that is known to outlive it, by more than nothing.
            let outlives = token.sure_end().is_some_and(|end| {
                in_force.is_some_and(|it| end > it.reach().saturating_add(self.policy.gain))
            });
            last_call.filter(|_| outlives)
        };
        // The first that is due; of equals the newest.
        // Nobody of before is pushed while another user's is being tried.
        let floor = self.tokens.floor(look.now);
        let good = self.tokens.good(look.now).filter(|token| token.order >= floor);
        let candidates = good.filter_map(|token| Some((due(token)?, token)));
        let (at, token) = candidates.min_by_key(|(at, _)| *at)?;
        // Written before it is used, unless writing fails.
        let written = !self.record.durable || self.record.pace.failures > 0 || token.saved == Saved::Yes;
        // A wait of when the session was served is for no time like that after its end (R16).
        let end = in_force.and_then(Token::sure_end).filter(|end| *end <= look.now);
        let before = end.zip(serving.pushed).is_some_and(|(end, (_, pushed))| pushed < end);
        let ready = if before { serving.push.asked } else { serving.push.ready() };
        written.then(|| (at.max(ready), token.id))
    }

    /// The token that the serving socket does not accept, and when it is shown to a fresh connect beside it (R23).
    pub(super) fn next_show(&self, look: &Look<'_>) -> Option<(At, TokenId)> {
        let serving = self.link.serving?;
        if self.link.coming.is_some() || (serving.push.failures == 0 && !self.link.pushes_cut) {
            return None;
        }
        // Once the one in force has ended, any that is good will do, but nobody of before.
        let in_force = self.tokens.in_force().filter(|token| token.lasts(look.now));
        let order = in_force.map_or(0, |token| token.order);
        let floor = self.tokens.floor(look.now);
        let newer = |token: &&Token| (in_force.is_none() || token.order > order) && token.order >= floor;
        let token = self.tokens.good(look.now).find(newer)?;
        let last_call = self.last_call_at().unwrap_or(At::MAX);
        let interval = self.link.shown.map_or(0, |at| at.saturating_add(self.policy.show_interval));
        let call = serving
            .call_refused
            .map_or(At::MAX, |at| at.saturating_add(self.policy.show_after_call).max(interval));
        // Who brought it waits for it.
        let awaits = |id| self.waiters.awaits(id);
        let brought = awaits(token.id) || token.base_id().is_some_and(awaits);
        let brought = if brought { token.received.saturating_add(self.policy.network) } else { At::MAX };
        let permit = self.sockets.ready(0, self.policy.socket_refill);
        let at = last_call.min(call).min(brought);
        (at < At::MAX).then(|| (at.max(self.link.pace.ready()).max(permit), token.id))
    }

    // ---- Going up ----

    pub(super) fn open(&mut self) {
        let Some((_, Offer { token, resume })) = self.next_open(&self.look()) else { return };
        let now = self.clock.now();
        self.link.down_since.get_or_insert(now);
        self.link.spread_until = 0;
        self.come(token, resume);
    }

    pub(super) fn show(&mut self) {
        let Some((_, token)) = self.next_show(&self.look()) else { return };
        if self.link.serving.is_some_and(|serving| serving.call_refused.is_some()) {
            self.link.shown = Some(self.clock.now());
        }
        self.come(token, false);
    }

    fn come(&mut self, token: TokenId, resume: bool) {
        let now = self.clock.now();
        self.sockets.take(now, self.policy.socket_refill);
        let socket = SocketId(self.link.next_socket);
        self.link.next_socket = self.link.next_socket.saturating_add(1);
        self.link.coming = Some(Coming { socket, token, resume });
        self.hope.asked(now, self.policy.patience, self.link.round > 0);
        self.command(Action::Open { socket, token }, self.policy.network);
    }

    pub(super) fn opened(&mut self, socket: SocketId) {
        let Some(mut coming) = self.link.coming.filter(|coming| coming.socket == socket) else { return };
        if self.is_pointless(coming) {
            return self.give_up_coming();
        }
        if !self.link.is_live() {
            // Something better may have come meanwhile.
            let offered =
                Self { link: super::super::Link { coming: None, ..self.link.clone() }, ..self.clone() };
            match offered.offer(&offered.look()) {
                Some((_, Offer { token, resume })) => {
                    (coming.token, coming.resume) = (token, resume);
                    self.link.coming = Some(coming);
                }
                None if self.tokens.get(coming.token).is_none_or(|token| !self.ever_offered(token)) => {
                    return self.give_up_coming();
                }
                None => {}
            }
        }
        let Coming { token, resume, .. } = coming;
        let offset = self.clock.offset();
        self.command(Action::Authenticate { socket, token, resume, offset }, self.policy.network);
    }

    /// What is shown beside the serving socket has been accepted there meanwhile, or a newer token has.
    fn is_pointless(&self, coming: Coming) -> bool {
        let order = self.tokens.get(coming.token).map(|token| token.order);
        let now = self.clock.now();
        let in_force = self.tokens.in_force().filter(|token| token.lasts(now)).map(|token| token.order);
        self.link.is_live() && (order.is_none() || in_force.is_some_and(|it| order <= Some(it)))
    }

    pub(super) fn give_up_coming(&mut self) {
        let Some(Coming { socket, .. }) = self.link.coming.take() else { return };
        self.attempts.retire(|attempt| attempt.socket() == Some(socket));
        self.command(Action::Close { socket }, self.policy.local);
    }

    /// A connect succeeded: that socket serves from now on.
    pub(super) fn went_live(&mut self, socket: SocketId, token: TokenId, resumed: bool, command: CommandId) {
        let now = self.clock.now();
        self.link.coming = None;
        if let Some(old) = self.link.serving.take() {
            self.attempts.retire(|attempt| attempt.socket() == Some(old.socket));
            self.replace_parting(old.socket, now.saturating_add(self.policy.parting), None);
        } else if let Some(parting) = &mut self.link.parting {
            (parting.until, parting.was) = (now.saturating_add(self.policy.parting), None);
        }
        let again = core::mem::replace(&mut self.ever_live, true);
        let stated = self.link.coming_stated == Some(socket);
        self.link.coming_stated = None;
        if !resumed {
            // Whatever state there was belongs to the session that is gone; unless it has come on this very socket.
            self.link.state = None;
            self.link.resumes = 0;
        }
        if resumed {
            self.link.resumes = self.link.resumes.saturating_add(1);
        }
        let state = self.link.state;
        let known = state.unwrap_or(self.tokens.generation);
        self.link.serving = Some(Serving {
            socket,
            command,
            token,
            since: now,
            stable: false,
            known,
            began: known,
            stated: false,
            push: Pace::default(),
            in_vain: false,
            pushed: None,
            call_refused: None,
            unsure: false,
        });
        if resumed {
            self.server_accepts();
            self.hope.regain();
        } else {
            // What is told of the token comes after `Live`, which names its generation.
            let before = core::mem::take(&mut self.out);
            self.accepted(token);
            let after = core::mem::replace(&mut self.out, before);
            let generation = self.tokens.generation;
            if let Some(serving) = &mut self.link.serving {
                (serving.known, serving.began) = (generation, generation);
                serving.stated = stated;
            }
            self.link.state = stated.then_some(generation);
            self.tell(Event::Live { resumed, generation });
            self.out.extend(after);
        }
        if resumed {
            self.tell(Event::Live { resumed, generation: self.tokens.generation });
        }
        if again {
            self.spread_work();
        }
    }

    // ---- Pushes ----

    pub(super) fn push(&mut self) {
        let (Some(serving), Some((_, token))) = (self.link.serving, self.next_push(&self.look())) else {
            return;
        };
        let now = self.clock.now();
        let socket = serving.socket;
        let lead = self.tokens.in_force().and_then(|token| self.lead(token)).unwrap_or(Millis::MAX);
        let span = self.policy.push.min(lead / 3).max(self.policy.attempt_min);
        if let Some(serving) = &mut self.link.serving {
            serving.pushed = Some((token, now));
        }
        let offset = self.clock.offset();
        self.command(Action::Reauthenticate { socket, token, offset }, span);
    }

    /// The server has accepted a push.
    pub(super) fn pushed(&mut self, socket: SocketId, token: TokenId) {
        let now = self.clock.now();
        if self.tokens.get(token).is_none_or(|token| !token.lasts(now)) {
            // It is not held any more, the host has slept, or the answer says so: it is no news.
            return;
        }
        self.accepted(token);
        let generation = self.tokens.generation;
        if let Some(serving) = self.link.serving.as_mut().filter(|serving| serving.socket == socket) {
            serving.known = generation;
            serving.push = Pace::default();
            serving.in_vain = false;
            (serving.pushed, serving.call_refused) = (None, None);
        }
        self.link.pushes_cut = false;
        if self.link.coming.is_some_and(|coming| self.is_pointless(coming)) {
            self.give_up_coming();
        }
    }

    /// A push was not accepted: repeated; no verdict (R23).
    pub(super) fn push_failed(&mut self, command: CommandId, token: TokenId, failure: Failure) {
        let cause = Cause { command, failure };
        self.warn(Warning::PushFailed { token, cause });
        let refused = matches!(failure, Failure::Rpc { credential: true, .. });
        if refused && let Some(brought) = self.fail_update(token, cause) {
            // The application's own: it has the server's word, and the token goes (R27).
            for gone in [token, brought] {
                if self.tokens.in_force != Some(gone) {
                    self.tokens.remove(gone);
                }
            }
            self.tokens.floor = 0;
            return;
        }
        let now = self.clock.now();
        let most = self.ceiling(Class::of(failure));
        let asked = self.retry_after(failure.retry_after());
        if let Some(serving) = &mut self.link.serving {
            serving.push.failed(
                now,
                Class::of(failure),
                (self.policy.wait_min, most),
                asked,
                &mut self.random,
            );
            if failure != Failure::Timeout {
                // Silence is no word of the server's: it makes no refusal, and takes none back.
                serving.in_vain = refused && serving.push.failures > 1;
            }
            if refused && self.tokens.in_force == Some(token) {
                // The server goes on with what it resumed with: no reason to put that at risk. Who waited for it wants
                // another.
                serving.known = self.tokens.generation;
                let order = self.tokens.in_force().map_or(0, |token| token.order);
                self.waiters.ask_anew(order, self.attempts.next);
            }
        }
        if failure == Failure::Timeout {
            self.probe(self.policy.network);
        }
    }

    // ---- Going down ----

    /// The socket that was coming is not to be had, or was refused.
    pub(super) fn coming_failed(
        &mut self,
        socket: SocketId,
        attempt: &Attempt,
        failure: Failure,
        signed_at: Option<UnixMillis>,
    ) {
        let Some(coming) = self.link.coming.filter(|coming| coming.socket == socket) else { return };
        self.link.coming = None;
        self.attempts.retire(|attempt| attempt.socket() == Some(socket));
        self.command(Action::Close { socket }, self.policy.local);
        let connecting = matches!(attempt.action, Action::Authenticate { .. });
        let cause = Cause { command: attempt.id, failure };
        if connecting && coming.resume {
            return self.resume_failed(attempt, failure, cause);
        }
        if connecting && matches!(failure, Failure::Rpc { credential: true, .. }) {
            return self.connect_refused(coming.token, signed_at, cause);
        }
        self.back_off(attempt.asked, failure);
        if connecting && matches!(failure, Failure::Rpc { code: INCOMPATIBLE, .. }) {
            if !self.ever_live {
                return self.end(TeardownReason::Incompatible, Some(cause));
            }
            self.link.pace.not_before = self.clock.now().saturating_add(self.policy.incompatible);
        }
        self.tell_failed_connect(cause);
    }

    /// A refused resume (R21).
    fn resume_failed(&mut self, attempt: &Attempt, failure: Failure, cause: Cause) {
        let now = self.clock.now();
        match failure {
            Failure::Rpc { code: -32_000 | -32_004, .. } => {
                // Once more at once; the third is a fresh connect.
                self.link.failed_resumes = self.link.failed_resumes.saturating_add(1);
                if self.link.failed_resumes > 1 {
                    self.link.state = None;
                }
                self.link.pace.not_before = now;
                self.tell_failed_connect(cause);
            }
            Failure::Rpc { code: -32_005, .. } | Failure::Transport | Failure::Http { .. } => {
                // A server that drops each resume has perhaps no good state.
                let dropped = failure == Failure::Transport;
                self.link.failed_resumes = self.link.failed_resumes.saturating_add(u32::from(dropped));
                if self.link.failed_resumes > MOST_RESUMES {
                    self.link.state = None;
                }
                self.back_off(attempt.asked, failure);
                self.tell_failed_connect(cause);
            }
            // No verdict on the token, and no failure that the application need know of. What a fresh connect refuses
            // after that has been refused twice.
            _ => {
                self.link.state = None;
                let refused = matches!(failure, Failure::Rpc { credential: true, .. });
                self.link.looked_twice |= refused && (self.provider_can() || self.unasked);
            }
        }
    }

    /// A fresh connect was refused for its credential (R10).
    fn connect_refused(&mut self, id: TokenId, signed_at: Option<UnixMillis>, cause: Cause) {
        let now = self.clock.now();
        let off = signed_at.is_some_and(|signed| self.clock.is_off(signed, &self.policy));
        let untold = signed_at.is_some() && !self.clock.is_told();
        if (off || untold) && !self.link.resigned {
            // Perhaps for its time alone: signed anew, once.
            self.link.resigned = true;
            self.link.pace.not_before = now.saturating_add(if off { 0 } else { self.policy.wait_min });
            return self.tell_failed_connect(cause);
        }
        if self.tokens.in_force == Some(id) && !self.link.looked_twice && !self.link.is_live() {
            // What was good until now is shown once more.
            self.link.looked_twice = true;
            let look = self.policy.second_look;
            let wait = look.saturating_add(self.random.below(Domain::Reconnect, look));
            self.link.pace.not_before = now.saturating_add(wait);
            return self.tell_failed_connect(cause);
        }
        if self.switch_key() {
            return;
        }
        self.refuse(id, cause);
    }

    fn refuse(&mut self, id: TokenId, cause: Cause) {
        let now = self.clock.now();
        let floor = self.tokens.floor(now);
        let others = self.tokens.good(now).any(|token| token.id != id && token.order >= floor);
        // A result with a code of HTTP's is perhaps no verdict: it is looked at again sooner.
        let vague = matches!(cause.failure, Failure::Rpc { code: 400..=599, .. });
        if others {
            self.link.next_round = now;
        } else {
            self.next_round(vague);
        }
        self.link.cause = Some(cause);
        let brought = self.fail_update(id, cause);
        if brought.is_some() {
            self.tokens.floor = 0;
        }
        let Some(token) = self.tokens.get_mut(id) else { return };
        token.refused = true;
        let age = now.saturating_sub(token.received);
        let learns = token.word == Word::Assumed && token.accepted && age >= self.policy.attempt_max;
        let (bound, accepted) = (token.is_bound(), token.accepted);
        if learns && let Some(life) = self.tokens.assumed.get_mut(usize::from(bound)) {
            *life = Some(age);
        }
        if !accepted
            && let Some(endpoint) = self.book_vain(id, Class::Refusal)
            && !bound
            && !self.link.is_live()
        {
            // That is asked round by round.
            self.pace(endpoint).not_before = now;
        }
        self.record.unsaved = true;
        let look = self.look();
        let asked = !look.provider_can && !self.first_mint_is_left(&look);
        let awaited = self.attempts.awaits(now, self.policy.awaited).is_some();
        let over = !self.ever_live && !look.any_good && asked && !awaited;
        if over {
            return self.end(TeardownReason::InvalidCredentials, Some(cause));
        }
        if self.is_hopeless(&look) {
            if self.hope.since.is_none() {
                // Waits of when the session was served are for no time like this (R16).
                self.hurry();
            }
            self.hope.lose(now);
            self.hope.told = true;
        }
        self.tell_failed_connect(cause);
    }

    /// Puts off what is shown, and who is asked, after a refusal: 5, 10, 20, 40 and then 60 s, less a tenth at random.
    pub(super) fn next_round(&mut self, vague: bool) {
        self.link.round = self.link.round.saturating_add(1);
        let most = if vague { self.policy.shown_again_max / 2 } else { self.policy.shown_again_max };
        let wait = self.link.round_wait(self.policy.shown_again, most);
        let drawn = self.random.below(Domain::Reconnect, wait / 10);
        self.link.next_round = self.clock.now().saturating_add(wait).saturating_sub(drawn);
    }

    /// Waits before the next socket: equal jitter, doubling, up to 3 s in the first minute, then 30 s.
    fn back_off(&mut self, asked_at: At, failure: Failure) {
        let now = self.clock.now();
        let since = *self.link.down_since.get_or_insert(now);
        let most = match now.saturating_sub(since) {
            age if age < self.policy.early_outage => self.policy.reconnect_early,
            age if age < self.policy.middle_outage => self.policy.reconnect_middle,
            _ => self.policy.reconnect,
        };
        let asked = self.retry_after(failure.retry_after());
        let from = if failure == Failure::Timeout { asked_at } else { now };
        let class = match Class::of(failure) {
            Class::Refusal => Class::Refusal,
            _ => Class::Unanswered,
        };
        self.link.pace.failed(from, class, (self.policy.wait_min, most), asked, &mut self.random);
    }

    /// The reason why there is no session yet, or again.
    pub(super) fn tell_failed_connect(&mut self, cause: Cause) {
        let look = self.look();
        // Beside a socket that serves, what is shown next is shown again.
        let opens = self.next_open(&look).map(|(at, _)| at);
        let opens = opens.or_else(|| self.next_show(&look).map(|(at, _)| at));
        let reaches = self.reaches_out(&look).map(|(at, _)| at);
        let next = opens.into_iter().chain(self.next_exchange()).min().or(reaches);
        let next = next.map(|at| self.tick(at));
        self.warn(Warning::ConnectFailed { cause, next });
    }

    /// A socket is gone, whoever says so; `doubt`: it may still be open (R22).
    pub(super) fn socket_gone(&mut self, socket: SocketId, doubt: bool, failure: Failure) {
        if self.is_parting(socket) {
            if !doubt {
                self.link.parting = None;
            }
            return;
        }
        if self.mode != Mode::Running {
            return self.tell(Event::Ignored(Ignored::StaleSocket));
        }
        if self.link.coming.is_some_and(|coming| coming.socket == socket) {
            let attempt = self.attempts.list.iter().find(|attempt| attempt.socket() == Some(socket)).copied();
            if let Some(attempt) = attempt {
                self.coming_failed(socket, &attempt, Failure::Transport, None);
            }
            return;
        }
        let Some(serving) = self.link.serving.filter(|serving| serving.socket == socket) else {
            return self.tell(Event::Ignored(Ignored::StaleSocket));
        };
        let now = self.clock.now();
        let pushing = self.attempts.any(|action| matches!(action, Action::Reauthenticate { .. }));
        if let Some((token, at)) = serving.pushed.filter(|_| pushing && !doubt)
            && now.saturating_sub(at) <= self.policy.cut_by_push
        {
            // Of whichever tokens: where lives are short each push is another's.
            let times = self.link.cut_by.map_or(0, |(_, times)| times);
            self.link.cut_by = Some((token, times.saturating_add(1)));
            self.link.pushes_cut |= times > 0;
        }
        self.attempts.retire(|attempt| attempt.socket() == Some(socket));
        self.link.serving = None;
        self.hope.reach.reached(now);
        if serving.stable {
            // What has befallen others that were shown something beside it is nothing to wait for (R19).
            self.link.pace.forgive();
            self.link.down_since = Some(now);
        } else {
            self.link.down_since.get_or_insert(now);
            self.back_off(now, Failure::Transport);
        }
        if doubt {
            // It is read until another serves, for as long as the way to it is likely to be kept.
            self.replace_parting(socket, now.saturating_add(self.policy.early_outage), Some(serving));
        }
        let cause = Cause { command: serving.command, failure };
        let look = self.look();
        let opens = self.next_open(&look).map(|(at, _)| at);
        // One that is coming has been announced already.
        let next = opens.into_iter().chain(self.next_exchange()).min().filter(|_| self.link.coming.is_none());
        let next = next.map(|at| self.tick(at));
        self.warn(Warning::ConnectionLost { cause, next });
    }

    fn replace_parting(&mut self, socket: SocketId, until: At, was: Option<Serving>) {
        self.part();
        self.link.parting = Some(Parting { socket, until, was });
    }

    /// Whether this one was replaced, or is about to be, and is still read.
    pub(super) fn is_parting(&self, socket: SocketId) -> bool {
        self.link.parting.is_some_and(|parting| parting.socket == socket)
    }

    /// Whether this one is about to be replaced: a reply of its own on it would make that needless.
    #[must_use]
    pub fn is_doubted(&self, socket: SocketId) -> bool {
        self.link.parting.is_some_and(|parting| parting.socket == socket && parting.was.is_some())
    }

    /// A reply of its own has come on a socket that was doubted. It serves again, unless the one that is to take its place
    /// has shown itself to the server already (R22).
    pub(super) fn socket_answers(&mut self, socket: SocketId) {
        let shown = self.attempts.any(|action| matches!(action, Action::Authenticate { .. }));
        let doubted = self.link.parting.filter(|parting| parting.socket == socket && !shown);
        let Some(was) = doubted.and_then(|parting| parting.was) else { return };
        // With a token that has ended nothing is served.
        let now = self.clock.now();
        let ended = self.tokens.in_force().is_some_and(|token| !token.lasts(now));
        if self.mode != Mode::Running || self.link.is_live() || ended {
            return;
        }
        self.give_up_coming();
        self.link.parting = None;
        self.link.serving = Some(Serving { unsure: false, ..was });
        if was.stable {
            // No other socket was needed.
            self.link.pace = Pace::default();
            self.link.settle(now);
        }
        // Whatever a fresh connect has said meanwhile: here its token has been accepted.
        self.hope.regain();
        self.tell(Event::Live { resumed: true, generation: self.tokens.generation });
    }

    /// Closes a socket that was replaced.
    pub(super) fn part(&mut self) {
        if let Some(Parting { socket, .. }) = self.link.parting.take() {
            self.command(Action::Close { socket }, self.policy.local);
        }
    }

    /// The server ends many at once: who comes back does so in turn (R19).
    pub(super) fn server_restarts(&mut self, socket: SocketId, wipe: bool) {
        let serving = self.link.serving.is_some_and(|serving| serving.socket == socket);
        // A doubted one speaks for the session until another serves.
        let doubted = self.is_parting(socket) && !self.link.is_live();
        if (serving || doubted) && wipe {
            self.link.state = None;
        }
        if serving && self.mode == Mode::Running {
            let range =
                if self.link.state.is_some() { self.policy.herd_resume } else { self.policy.herd_fresh };
            let spread = if self.policy.jitter { self.random.below(Domain::Spread, range) } else { 0 };
            self.link.spread_until = self.clock.now().saturating_add(spread);
        }
        let parting = self.is_parting(socket);
        self.socket_gone(socket, false, Failure::Transport);
        if serving || parting {
            self.command(Action::Close { socket }, self.policy.local);
        }
    }

    /// A new `authorization_state` has been received and kept.
    pub(super) fn state_came(&mut self, socket: SocketId) {
        let serving = self.link.serving.as_mut().filter(|serving| serving.socket == socket);
        let coming = self.link.coming.is_some_and(|coming| coming.socket == socket);
        let anothers = serving.is_some() && self.tokens.floor > 0;
        if self.mode != Mode::Running || (serving.is_none() && !coming) || anothers {
            return self.tell(Event::Ignored(Ignored::StaleSocket));
        }
        self.link.state = match serving {
            Some(serving) => {
                let first = !core::mem::replace(&mut serving.stated, true);
                Some(if first { serving.began } else { serving.known })
            }
            // What it is made for is not known before the answer.
            None => {
                self.link.coming_stated = Some(socket);
                self.link.state.or(Some(Generation(0)))
            }
        };
        self.record.unsaved = true;
    }

    /// Closes all sockets.
    pub(super) fn close_sockets(&mut self) {
        self.part();
        let serving = self.link.serving.take().map(|serving| serving.socket);
        let coming = self.link.coming.take().map(|coming| coming.socket);
        for socket in serving.into_iter().chain(coming) {
            self.attempts.retire(|attempt| attempt.socket() == Some(socket));
            self.command(Action::Close { socket }, self.policy.local);
        }
    }

    // ---- Signs of life ----

    /// Asks the serving socket for a sign of life.
    pub(super) fn probe(&mut self, span: Millis) {
        let Some(serving) = self.link.serving else { return };
        if !self.attempts.any(|action| matches!(action, Action::Probe { .. })) {
            self.command(Action::Probe { socket: serving.socket }, span);
        }
    }

    pub(super) fn is_alive(&mut self) {
        if let Some(serving) = &mut self.link.serving {
            serving.unsure = false;
        }
    }
}
