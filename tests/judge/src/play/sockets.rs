//! Sockets: opened, authenticated, refused, lost.

use super::agenda::Due;
use super::parcel::Parcel;
use super::server::Sock;
use super::{Play, SOON};
use crate::client::{Ask, AskId, Bad, Good, Reply, Serial, Socket};
use crate::log::{By, Entry, Why};
use crate::world::{Answer, AtEnd, Handling, Network, Opening};

/// The credential is refused.
const REFUSED: i64 = -32_002;

/// There is no such state.
const UNKNOWN_STATE: i64 = -32_602;

impl Play<'_> {
    // ---- What passes ----

    pub(super) const fn passes_out(&self) -> bool {
        matches!(self.network, Network::Up | Network::Swallows { out: true, .. })
    }

    pub(super) const fn passes_back(&self) -> bool {
        matches!(self.network, Network::Up | Network::Swallows { back: true, .. })
    }

    /// Something comes to the host, if it is let through.
    pub(super) fn arrives(&mut self, parcel: Parcel) {
        let socket = match parcel {
            Parcel::Answer { id, .. } => self.asked.get(&id).and_then(|asked| asked.ask.socket()),
            _ => parcel.socket(),
        };
        let whole = socket.and_then(|socket| self.server.sock(socket)).is_none_or(|sock| sock.back);
        if whole && self.passes_back() {
            self.hand_over(parcel);
        }
    }

    /// The server's side of a socket is gone; the host hears of that, if it is let through.
    pub(super) fn drop_sock(&mut self, socket: Socket, why: Why) {
        let Some(at) = self.server.sockets.iter().position(|sock| sock.id == socket) else { return };
        let sock = self.server.sockets.remove(at);
        self.note(Entry::Gone { socket, why });
        if sock.back {
            self.arrives(Parcel::Lost(socket));
        }
    }

    // ---- Opening and closing ----

    pub(super) fn open(&mut self, id: AskId, socket: Socket) {
        if self.newest_socket.is_some_and(|newest| socket <= newest) {
            self.give_up(&format!("opens socket {socket} after a newer one, or again"));
        }
        self.newest_socket = Some(socket);
        match self.network {
            Network::Off => return self.breaks(id),
            Network::Swallows { out: false, .. } => return,
            Network::Up | Network::Swallows { .. } => {}
        }
        let at = self.now + SOON;
        match *self.world.open.at(self.now) {
            Opening::Upgrades => self.agenda.put(at, Due::Opened(id, socket)),
            Opening::Refuses { status, retry_after } => {
                let date = self.world.facts.date_on_sockets.then(|| self.date());
                let result = Err(Bad::Http { status, own: true, retry_after });
                let reply = Reply { result, date, foreign: false };
                self.agenda.put(at, Due::Arrives(Parcel::Answer { id, reply, about: None }));
            }
            Opening::Silent => {}
            Opening::Breaks => self.agenda.put(at, Due::Arrives(Self::failed(id, Bad::Broke))),
        }
    }

    pub(super) fn opened(&mut self, id: AskId, socket: Socket) {
        if !self.asked.contains_key(&id) || !self.passes_out() {
            return;
        }
        self.server.sockets.push(Sock { id: socket, out: true, back: true, token: None, lapsed: false });
        self.note(Entry::Opened(socket));
        if self.world.facts.pings > 0 {
            self.agenda.put(self.now + self.world.facts.pings, Due::Pings(socket));
        }
        let date = self.world.facts.date_on_sockets.then(|| self.date());
        let reply = Reply { result: Ok(Good::Done), date, foreign: false };
        self.arrives(Parcel::Answer { id, reply, about: None });
    }

    pub(super) fn close(&mut self, socket: Socket) {
        self.let_go(socket);
        if let Some(at) = self.server.sockets.iter().position(|sock| sock.id == socket) {
            self.server.sockets.remove(at);
            self.note(Entry::Gone { socket, why: Why::Client });
        }
    }

    // ---- Frames ----

    /// Whether a frame gets to the server's side of its socket. Where there is none any more, the host hears so.
    fn reaches(&mut self, socket: Socket) -> bool {
        if !self.held.contains(&socket) || !self.passes_out() {
            return false;
        }
        match self.server.sock(socket) {
            Some(sock) => sock.out,
            None => {
                self.agenda.put(self.now + SOON, Due::Arrives(Parcel::Lost(socket)));
                false
            }
        }
    }

    pub(super) fn frame(&mut self, socket: Socket) {
        self.reaches(socket);
    }

    pub(super) fn send(&mut self, id: AskId, ask: Ask) {
        let Some(socket) = ask.socket() else { return };
        if !self.held.contains(&socket) {
            // Nobody waits for it.
            self.asked.remove(&id);
            return;
        }
        if !self.reaches(socket) {
            return;
        }
        let line = match ask {
            Ask::Connect { resume: true, .. } => &self.world.resume,
            Ask::Connect { .. } => &self.world.connect,
            Ask::Push(..) => &self.world.push,
            _ => {
                if *self.world.pongs.at(self.now) {
                    let reply = Reply { result: Ok(Good::Done), date: None, foreign: false };
                    let pong = Parcel::Answer { id, reply, about: None };
                    self.agenda.put(self.now + SOON, Due::Arrives(pong));
                }
                return;
            }
        };
        let Handling { takes, answer } = *line.at(self.now);
        self.agenda.put(self.now.saturating_add(takes), Due::Decided(id, ask, answer));
    }

    /// The server decides on a connect, resume or push.
    pub(super) fn decided(&mut self, id: AskId, ask: Ask, answer: Answer) {
        let (socket, token, proof, by) = match ask {
            Ask::Connect { socket, token, resume, proof } => {
                (socket, token, proof, if resume { By::Resume } else { By::Connect })
            }
            Ask::Push(socket, token, proof) => (socket, token, proof, By::Push),
            _ => return,
        };
        let Some(sock) = self.server.sock(socket) else { return };
        let honoured = self.server.honoured(token, self.now).is_some() && self.is_in_window(proof);
        let state = self.state.filter(|state| self.world.facts.resumes && self.server.knows(*state));
        let ready = by != By::Push || sock.token.is_some() || sock.lapsed;
        let result = if !honoured || !ready {
            Err(Bad::Error(REFUSED))
        } else if by == By::Resume && state.is_none() {
            Err(Bad::Error(UNKNOWN_STATE))
        } else {
            match answer {
                Answer::Accepts => Ok(()),
                Answer::Error(code) => Err(Bad::Error(code)),
                Answer::Code(code) => Err(Bad::Code(code)),
                Answer::NoProtocol => Err(Bad::NoProtocol),
                Answer::Silent => return,
                Answer::Cuts => {
                    self.note(Entry::Refused { socket, by });
                    return self.drop_sock(socket, Why::Request);
                }
            }
        };
        let (result, about) = match result {
            Err(bad) => {
                self.note(Entry::Refused { socket, by });
                (Err(bad), None)
            }
            Ok(()) => {
                let of_state = state.map(|state| state.token).filter(|_| by == By::Resume);
                let told = of_state.unwrap_or(token);
                let in_force = of_state.filter(|of| self.server.honoured(*of, self.now).is_some());
                self.authenticated(socket, in_force.unwrap_or(token), by);
                let says = self.server.says_afterwards(told, &self.world.facts, by == By::Push);
                let good = match by {
                    By::Push => Good::Says(says),
                    By::Connect | By::Resume => Good::Connected { resumed: by == By::Resume, says },
                };
                (Ok(good), Some(told))
            }
        };
        let reply = Reply { result, date: None, foreign: false };
        self.arrives(Parcel::Answer { id, reply, about });
    }

    fn authenticated(&mut self, socket: Socket, token: Serial, by: By) {
        if let Some(sock) = self.server.sock_mut(socket) {
            sock.token = Some(token);
        }
        self.note(Entry::Authenticated { socket, token, by });
        if let Some(ends) =
            self.server.token(token).map(|token| token.ends).filter(|at| *at < self.world.length)
        {
            self.agenda.put(ends, Due::TokenEnds(socket, token));
        }
        let facts = &self.world.facts;
        let renews = by == By::Connect || (by == By::Push && facts.push_renews_state);
        if by == By::Connect {
            self.server.forget_states();
        }
        if renews && facts.resumes {
            let state = Parcel::State(socket, self.server.state_for(token));
            self.agenda.put(self.now + SOON, Due::Arrives(state));
        }
        if by != By::Push && facts.displaces {
            let older = self.server.sockets.iter().filter(|sock| sock.id != socket && sock.token.is_some());
            for older in older.map(|sock| sock.id).collect::<Vec<_>>() {
                self.drop_sock(older, Why::Displaced);
            }
        }
    }

    // ---- What the server does by itself ----

    pub(super) fn pings(&mut self, socket: Socket) {
        let Some(back) = self.server.sock(socket).map(|sock| sock.back) else { return };
        self.agenda.put(self.now + self.world.facts.pings, Due::Pings(socket));
        if back && self.passes_back() {
            self.hand_over(Parcel::Ping(socket));
        }
    }

    pub(super) fn token_ends(&mut self, socket: Socket, token: Serial) {
        let Some(sock) = self.server.sock_mut(socket).filter(|sock| sock.token == Some(token)) else {
            return;
        };
        match self.world.facts.at_end {
            AtEnd::Closes => self.drop_sock(socket, Why::Token),
            AtEnd::Refuses => {
                (sock.token, sock.lapsed) = (None, true);
                self.note(Entry::Lapsed(socket));
            }
        }
    }
}
