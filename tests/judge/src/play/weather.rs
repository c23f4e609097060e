//! What happens by itself: the network, instants, what the application does.

use super::agenda::Due;
use super::parcel::Parcel;
use super::server::{Issuer, Token};
use super::{Play, SOON};
use crate::client::{Ask, Phase, Socket};
use crate::log::{Entry, Source, Why};
use crate::timeline::Ms;
use crate::world::{Instant, Network, User};

/// From the server's goodbye to its closing of the socket.
const GOODBYE: Ms = 100;

/// Who asked for something longer ago has given up.
const GIVEN_UP: Ms = 120_000;

impl Play<'_> {
    /// The network has changed.
    pub(super) fn become_connected(&mut self, network: Network) {
        self.network = network;
        if network != Network::Off {
            return;
        }
        for socket in self.all_sockets() {
            self.note(Entry::Gone { socket, why: Why::Cut });
        }
        self.server.sockets.clear();
        for socket in self.held.clone() {
            self.agenda.put(self.now + SOON, Due::Local(Parcel::Lost(socket)));
        }
        let since = self.now.saturating_sub(GIVEN_UP);
        self.asked.retain(|_, asked| asked.at >= since || asked.ask == Ask::Write);
        let held = &self.held;
        let broken = self.asked.iter().filter(|(_, asked)| {
            let is_local = matches!(asked.ask, Ask::Write | Ask::Close(_));
            !is_local && asked.ask.socket().is_none_or(|socket| !held.contains(&socket))
        });
        for id in broken.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.breaks(id);
        }
    }

    fn all_sockets(&self) -> Vec<Socket> {
        self.server.sockets.iter().map(|sock| sock.id).collect()
    }

    fn drop_all(&mut self, why: Why) {
        for socket in self.all_sockets() {
            self.drop_sock(socket, why);
        }
    }

    /// Something happens.
    pub(super) fn befall(&mut self, instant: Instant) {
        match instant {
            Instant::Cut => self.drop_all(Why::Cut),
            Instant::HalfOpen { out, back } => {
                for sock in &mut self.server.sockets {
                    sock.out &= out;
                    sock.back &= back;
                }
            }
            Instant::Restart { wipe } => {
                if wipe {
                    self.server.forget_states();
                }
                for sock in std::mem::take(&mut self.server.sockets) {
                    let socket = sock.id;
                    self.note(Entry::Gone { socket, why: Why::ServerWide });
                    if sock.back {
                        self.arrives(Parcel::Goodbye { socket, restart: wipe });
                        self.agenda.put(self.now + GOODBYE, Due::Arrives(Parcel::Lost(socket)));
                    }
                }
            }
            Instant::GoingAway => self.drop_all(Why::ServerWide),
            Instant::ForgetStates => self.server.forget_states(),
            Instant::Revoke => {
                for token in self.server.revoke_all(self.now) {
                    self.note(Entry::Revoked(token));
                }
                let authenticated = self.server.sockets.iter().filter(|sock| sock.token.is_some());
                for socket in authenticated.map(|sock| sock.id).collect::<Vec<_>>() {
                    self.drop_sock(socket, Why::Token);
                }
            }
            Instant::User(User::Updates { life, other_identity }) => self.update(life, other_identity),
            Instant::User(user) => self.hand_over(Parcel::User(user)),
        }
    }

    /// The application has a token of its own.
    fn update(&mut self, life: Ms, other_identity: bool) {
        if other_identity {
            self.server.identity = 1;
        }
        let (identity, scope) = (self.server.identity, self.world.facts.scope);
        let ends = self.now.saturating_add(life);
        let issuer = Issuer::Provider;
        let token = self.server.issue(Token { ends, issuer, base: None, scope, identity, revoked: false });
        self.note(Entry::Issued { token, of: Source::Application, ends, identity });
        let says = self.server.says_at_issue(token, &self.world.facts, self.now);
        self.hand_over(Parcel::Updates { token, says, life, other_identity });
    }

    /// The application makes a call, if it believes that the session is live. Refused is what comes on an open socket
    /// that is not authenticated.
    pub(super) fn calls(&mut self) {
        let newest = self.held.iter().max().and_then(|socket| self.server.sock(*socket));
        let refused = newest.is_some_and(|sock| sock.token.is_none() && sock.out && sock.back);
        if refused && self.phase == Some(Phase::Live) && self.passes_out() && self.passes_back() {
            self.agenda.put(self.now + SOON, Due::Local(Parcel::User(User::WasRefused)));
        }
    }
}
