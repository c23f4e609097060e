//! The socket that is coming: replacing, reconnecting and showing a token are one thing (R21).

use crate::lifecycle::connection::{Coming, Offer, Serving};
use crate::lifecycle::limits::pace::Pace;
use crate::lifecycle::{Action, CommandId, Event, Lifecycle, SocketId, TokenId};

impl Lifecycle {
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
        let again = self.hope.go_live();
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
        let known = state.unwrap_or(self.tokens.generation());
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
            self.tell(Event::Live { resumed, generation: self.tokens.generation() });
        } else {
            // What is told of the token comes after `Live`, which names its generation.
            let before = core::mem::take(&mut self.out);
            self.accepted(token);
            let after = core::mem::replace(&mut self.out, before);
            let generation = self.tokens.generation();
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
