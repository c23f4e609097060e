//! The socket that is coming: replacing, reconnecting and showing a token are one thing (R21).

use super::look::Look;
use crate::lifecycle::clock::At;
use crate::lifecycle::connection::{Coming, Offer, Serving};
use crate::lifecycle::limits::pace::Pace;
use crate::lifecycle::tokens::token::{Token, Word};
use crate::lifecycle::{Action, CommandId, Event, Lifecycle, SocketId, TokenId};

/// Resumes in a row that may fail, or not last, before a fresh connect.
pub(super) const MOST_RESUMES: u32 = 3;

impl Lifecycle {
    /// When a socket is opened, and what for.
    pub(super) fn next_open(&self, look: &Look<'_>) -> Option<(At, Offer)> {
        // What is shown is shown with a key.
        if self.link.is_live() || self.link.coming.is_some() || self.renewal.key.is_wanted() {
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
        let opens = |token: &&Token| {
            token.order >= look.floor
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
            let in_force = look.in_force.filter(|it| it.is_good(look.now) && opens(it));
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
        let last = self.tokens.held.iter().rev().find(|token| {
            token.order >= look.floor && (token.lasts(look.now) || token.barren) && self.ever_offered(token)
        })?;
        Some(last.id)
    }

    /// A foreign token is shown to nobody.
    fn ever_offered(&self, token: &Token) -> bool {
        token.base().is_none_or(|base| base.cnf != crate::lifecycle::Confirmation::Others)
    }

    pub(super) fn open(&mut self) {
        let Some((_, Offer { token, resume })) = self.next_open(&self.look()) else { return };
        let now = self.clock.now();
        self.link.down_since.get_or_insert(now);
        self.link.spread_until = 0;
        self.come(token, resume);
    }

    pub(super) fn come(&mut self, token: TokenId, resume: bool) {
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
            match self.offer(&self.look()) {
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
    pub(super) fn is_pointless(&self, coming: Coming) -> bool {
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
        let again = core::mem::replace(&mut self.hope.ever_live, true);
        let stated = self.link.coming_stated == Some(socket);
        self.link.coming_stated = None;
        if !resumed {
            // Whatever state there was belongs to the session that is gone; unless it has come on this very socket.
            self.link.state = None;
            self.link.resumes = 0;
        } else {
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
            self.tell(Event::Live { resumed, generation: self.tokens.generation });
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
        if again {
            self.spread_work();
        }
    }
}
