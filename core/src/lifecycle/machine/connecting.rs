//! The socket that is coming: replacing, reconnecting and showing a token are one thing (R21).

use crate::lifecycle::connection::Offer;
use crate::lifecycle::{Action, CommandId, Event, Lifecycle, SocketId, TokenId};

impl Lifecycle {
    pub(super) fn open(&mut self) {
        let Some((_, Offer { token, resume })) = self.next_open(&self.look()) else { return };
        self.link.reconnect.begin(self.clock.now());
        self.come(token, resume);
    }

    pub(super) fn come(&mut self, token: TokenId, resume: bool) {
        let now = self.clock.now();
        self.sockets.take(now, self.policy.socket_refill);
        let socket = self.link.begin(Offer { token, resume });
        self.hope.asked(now, self.policy.patience, self.link.refusals.round() > 0);
        self.command(Action::Open { socket, token }, self.policy.network);
    }

    pub(super) fn opened(&mut self, socket: SocketId) {
        let Some(coming) = self.link.coming().filter(|coming| coming.socket == socket) else { return };
        if self.is_pointless(coming) {
            return self.give_up_coming();
        }
        let mut offer = Offer { token: coming.token, resume: coming.resume };
        if !self.link.is_live() {
            // Something better may have come meanwhile.
            match self.offer(&self.look()) {
                Some((_, better)) => {
                    offer = better;
                    self.link.offer(offer);
                }
                None if self.tokens.get(coming.token).is_none_or(|token| !self.ever_offered(token)) => {
                    return self.give_up_coming();
                }
                None => {}
            }
        }
        let Offer { token, resume } = offer;
        let offset = self.clock.offset();
        self.command(Action::Authenticate { socket, token, resume, offset }, self.policy.network);
    }

    /// A connect succeeded: that socket serves from now on.
    pub(super) fn went_live(&mut self, socket: SocketId, token: TokenId, resumed: bool, command: CommandId) {
        let now = self.clock.now();
        self.link.take_coming();
        let until = now.saturating_add(self.policy.parting);
        if let Some(old) = self.link.take_serving() {
            self.attempts.retire(|attempt| attempt.socket() == Some(old.socket()));
            self.replace_parting(old.socket(), until, None);
        } else {
            self.link.replace_doubted(until);
        }
        let again = self.hope.go_live();
        // What has come on this very socket belongs to the session that has just begun.
        let stated = self.link.take_stated(socket);
        self.link.resumption.went_live(resumed);
        let known = self.link.resumption.state().unwrap_or(self.tokens.generation());
        self.link.go_live((socket, token), command, known, now);
        if resumed {
            self.server_accepts();
            self.hope.regain();
            self.tell(Event::Live { resumed, generation: self.tokens.generation() });
        } else {
            // What is told of the token comes after `Live`, which names its generation.
            let before = core::mem::take(&mut self.out);
            self.accepted(token);
            let after = core::mem::replace(&mut self.out, before);
            let generation = self.tokens.generation();
            if let Some(serving) = self.link.serving_mut() {
                serving.begins(generation, stated);
            }
            self.link.resumption.restore(stated.then_some(generation));
            self.tell(Event::Live { resumed, generation });
            self.out.extend(after);
        }
        if again {
            self.spread_work();
        }
    }
}
