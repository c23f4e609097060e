//! What a failed connect or resume says of its token, of the state and of the next try (R10, R19, R21).

use crate::lifecycle::attempts::Attempt;
use crate::lifecycle::limits::pace::Class;
use crate::lifecycle::limits::random::Domain;
use crate::lifecycle::{Action, Cause, Failure, Lifecycle, SocketId, TeardownReason, TokenId};
use crate::time::UnixMillis;

/// The server does not speak this version of the protocol, says the server.
const INCOMPATIBLE: i64 = -32_001;

impl Lifecycle {
    /// The socket that was coming is not to be had, or was refused.
    pub(super) fn coming_failed(
        &mut self,
        socket: SocketId,
        attempt: &Attempt,
        failure: Failure,
        signed_at: Option<UnixMillis>,
    ) {
        let Some(coming) = self.link.coming().filter(|coming| coming.socket == socket) else { return };
        self.link.take_coming();
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
            if !self.hope.ever_live() {
                return self.end(TeardownReason::Incompatible, Some(cause));
            }
            self.link.reconnect.put_off(self.clock.now().saturating_add(self.policy.incompatible));
        }
        self.tell_failed_connect(cause);
    }

    /// A refused resume (R21).
    fn resume_failed(&mut self, attempt: &Attempt, failure: Failure, cause: Cause) {
        let now = self.clock.now();
        match failure {
            Failure::Rpc { code: -32_000 | -32_004, .. } => {
                // Once more at once; the third is a fresh connect.
                self.link.resumption.refused();
                self.link.reconnect.put_off(now);
                self.tell_failed_connect(cause);
            }
            Failure::Rpc { code: -32_005, .. } | Failure::Transport | Failure::Http { .. } => {
                self.link.resumption.failed(failure == Failure::Transport);
                self.back_off(attempt.asked, failure);
                self.tell_failed_connect(cause);
            }
            // No verdict on the token, and no failure that the application need know of. What a fresh connect refuses
            // after that has been refused twice.
            _ => {
                self.link.resumption.forget();
                let refused = matches!(failure, Failure::Rpc { credential: true, .. });
                let looked = refused && (self.provider_can() || self.renewal.is_unasked());
                self.link.refusals.look_again(looked);
            }
        }
    }

    /// A fresh connect was refused for its credential (R10).
    fn connect_refused(&mut self, id: TokenId, signed_at: Option<UnixMillis>, cause: Cause) {
        let now = self.clock.now();
        let off = signed_at.is_some_and(|signed| self.clock.is_off(signed, &self.policy));
        let untold = signed_at.is_some() && !self.clock.is_told();
        if (off || untold) && !self.link.refusals.resigned() {
            // Perhaps for its time alone: signed anew, once.
            self.link.refusals.sign_anew();
            self.link.reconnect.put_off(now.saturating_add(if off { 0 } else { self.policy.wait_min }));
            return self.tell_failed_connect(cause);
        }
        if self.tokens.is_in_force(id) && !self.link.refusals.looked_twice() && !self.link.is_live() {
            // What was good until now is shown once more.
            self.link.refusals.look_again(true);
            let look = self.policy.second_look;
            let wait = look.saturating_add(self.random.below(Domain::Reconnect, look));
            self.link.reconnect.put_off(now.saturating_add(wait));
            return self.tell_failed_connect(cause);
        }
        let new = self.tokens.get(id).is_some_and(|token| token.by.is_some() && !token.accepted);
        let alone = self.tokens.good(now).all(|token| token.id == id);
        // One that has served was not refused for the kind of its key, nor was one of the application's own.
        if new && alone && self.switch_key() {
            self.tokens.find_useless(id);
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
            self.link.refusals.show_now(now);
        } else {
            self.next_round(vague);
        }
        self.link.refusals.blame(cause);
        let brought = self.fail_update(id, cause);
        if brought.is_some() {
            self.tokens.drop_floor();
        }
        let Some((bound, accepted)) = self.tokens.get(id).map(|it| (it.is_bound(), it.accepted)) else {
            return;
        };
        self.tokens.refuse(id, now, self.policy.attempt_max);
        if !accepted
            && let Some(endpoint) = self.book_vain(id, Class::Barren)
            && !bound
            && !self.link.is_live()
        {
            // That is asked round by round.
            self.renewal.pace(endpoint).not_before = now;
        }
        self.record.note();
        let look = self.look();
        let asked = !look.provider_can && !self.first_mint_is_left(&look);
        let awaited = self.attempts.awaits(now, self.policy.awaited).is_some();
        let over = !self.hope.ever_live() && !look.any_good && asked && !awaited;
        if over {
            return self.end(TeardownReason::InvalidCredentials, Some(cause));
        }
        if self.is_hopeless(&look) {
            if !self.hope.is_lost() {
                // Waits of when the session was served are for no time like this (R16).
                self.renewal.paces.hurry();
            }
            self.hope.lose_and_tell(now);
        }
        self.tell_failed_connect(cause);
    }
}
