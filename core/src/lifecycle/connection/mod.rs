//! The sockets: the one that serves, and perhaps one that is coming (R21).

pub(crate) mod reconnect;
pub(crate) mod refusals;
pub(crate) mod resumption;
pub(crate) mod serving;

use reconnect::Reconnect;
use refusals::Refusals;
use resumption::Resumption;
use serving::Serving;

use crate::lifecycle::clock::At;
use crate::lifecycle::{CommandId, Generation, SocketId, TokenId};

/// See the [module](self). A socket is at most one of: serving, coming, parting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    serving: Option<Serving>,
    coming: Option<Coming>,
    /// A state has come on this socket before its connect was answered.
    coming_stated: Option<SocketId>,
    /// One that was replaced: read until then (R22).
    parting: Option<Parting>,
    next_socket: u32,
    /// What there is to resume with.
    pub(crate) resumption: Resumption,
    /// When a socket may be opened.
    pub(crate) reconnect: Reconnect,
    /// What fresh connects were refused for.
    pub(crate) refusals: Refusals,
    /// Pushes cost this server's sockets: nothing is pushed any more but shown to a fresh connect in its time.
    pushes_cut: bool,
    /// When a token was last shown to a fresh connect because a call was refused (R23).
    shown: Option<At>,
}

/// One that was replaced, or is about to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parting {
    pub(crate) socket: SocketId,
    /// Read until then (R22).
    pub(crate) until: At,
    /// It was doubted: should it answer before another serves, it serves again (R22).
    pub(crate) was: Option<Serving>,
}

/// One that is coming: it takes the place of the one that serves, or serves as soon as it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coming {
    pub(crate) socket: SocketId,
    /// The token that is shown; `resume`: with the state.
    pub(crate) token: TokenId,
    pub(crate) resume: bool,
}

/// What the reconnect that is due is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) token: TokenId,
    pub(crate) resume: bool,
}

impl Link {
    pub(crate) const fn is_live(&self) -> bool {
        self.serving.is_some()
    }

    pub(crate) const fn serving(&self) -> Option<Serving> {
        self.serving
    }

    /// To be told what happens on it.
    pub(crate) const fn serving_mut(&mut self) -> Option<&mut Serving> {
        self.serving.as_mut()
    }

    pub(crate) const fn coming(&self) -> Option<Coming> {
        self.coming
    }

    pub(crate) const fn parting(&self) -> Option<Parting> {
        self.parting
    }

    pub(crate) fn is_serving(&self, socket: SocketId) -> bool {
        self.serving.is_some_and(|serving| serving.socket() == socket)
    }

    pub(crate) fn is_coming(&self, socket: SocketId) -> bool {
        self.coming.is_some_and(|coming| coming.socket == socket)
    }

    /// Pushes cost this server's sockets.
    pub(crate) const fn pushes_cut(&self) -> bool {
        self.pushes_cut
    }

    /// When a token was last shown to a fresh connect because a call was refused.
    pub(crate) const fn shown(&self) -> Option<At> {
        self.shown
    }

    /// A socket is opened.
    pub(crate) const fn begin(&mut self, Offer { token, resume }: Offer) -> SocketId {
        let socket = SocketId(self.next_socket);
        self.next_socket = self.next_socket.saturating_add(1);
        self.coming = Some(Coming { socket, token, resume });
        socket
    }

    /// The one that is coming is used for this.
    pub(crate) const fn offer(&mut self, Offer { token, resume }: Offer) {
        if let Some(coming) = &mut self.coming {
            (coming.token, coming.resume) = (token, resume);
        }
    }

    /// None is coming any more.
    pub(crate) const fn take_coming(&mut self) -> Option<Coming> {
        self.coming.take()
    }

    /// None serves any more.
    pub(crate) const fn take_serving(&mut self) -> Option<Serving> {
        self.serving.take()
    }

    /// None is parting any more.
    pub(crate) const fn take_parting(&mut self) -> Option<Parting> {
        self.parting.take()
    }

    /// This one is read until then.
    pub(crate) const fn part(&mut self, parting: Parting) {
        self.parting = Some(parting);
    }

    /// Another serves: the one that was doubted is read until then, and does not serve again.
    pub(crate) const fn replace_doubted(&mut self, until: At) {
        if let Some(parting) = &mut self.parting {
            (parting.until, parting.was) = (until, None);
        }
    }

    /// This one serves again, with all that is known of it.
    pub(crate) fn serve_again(&mut self, was: Serving) {
        self.parting = None;
        self.serving = Some(was.alive());
    }

    /// The one that was coming serves; the server goes on with its state, or with what is in force.
    pub(crate) fn go_live(
        &mut self,
        offer: (SocketId, TokenId),
        command: CommandId,
        known: Generation,
        now: At,
    ) {
        self.coming = None;
        let (socket, token) = offer;
        self.serving = Some(Serving::new(socket, command, token, known, now));
    }

    /// Whether a state came on this socket before its connect was answered.
    pub(crate) fn take_stated(&mut self, socket: SocketId) -> bool {
        self.coming_stated.take() == Some(socket)
    }

    /// A state has come on this socket; which generation it was made for is known where that serves.
    pub(crate) fn state_came(&mut self, socket: SocketId) {
        match self.serving.as_mut().filter(|serving| serving.socket() == socket) {
            Some(serving) => self.resumption.keep(serving.state_came()),
            None => {
                self.coming_stated = Some(socket);
                self.resumption.keep_unknown();
            }
        }
    }

    /// A push of this token has cost the socket.
    pub(crate) fn cut(&mut self, token: TokenId) {
        self.pushes_cut |= self.resumption.cut(token);
    }

    /// A push was accepted after all.
    pub(crate) const fn pushes_again(&mut self) {
        self.pushes_cut = false;
    }

    /// A token is shown because a call was refused.
    pub(crate) const fn show(&mut self, now: At) {
        self.shown = Some(now);
    }

    /// The server has been reached and has accepted: nothing is held against sockets any more, but for stability. The cause
    /// of refusals stays while what was `refused` is held.
    pub(crate) fn accepted(&mut self, refused: bool) {
        self.refusals.accepted(refused);
        self.resumption.accepted();
    }

    /// The connection counts as stable.
    pub(crate) fn settle(&mut self, now: At) {
        self.reconnect.settle(now);
        self.resumption.settle();
        if let Some(serving) = &mut self.serving {
            serving.settle();
        }
    }

    /// After a rest nothing is left but the state to resume with.
    pub(crate) fn rest(&mut self) {
        let resumption = self.resumption.rested();
        *self = Self { resumption, next_socket: self.next_socket, ..Self::default() };
    }

    /// What must hold after every step.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        match (self.serving, self.coming) {
            (Some(serving), Some(coming)) if serving.socket() == coming.socket => {
                Err("a socket is serving and coming")
            }
            _ => Ok(()),
        }
    }
}

/// What `canonical` is made of.
#[cfg(feature = "model")]
impl Link {
    /// A state has come on this socket before its connect was answered. All else is seen from outside; sockets' numbers
    /// only grow.
    pub(crate) const fn facts(&self) -> Option<SocketId> {
        let Self {
            serving: _,
            coming: _,
            coming_stated,
            parting: _,
            next_socket: _,
            resumption: _,
            reconnect: _,
            refusals: _,
            pushes_cut: _,
            shown: _,
        } = self;
        *coming_stated
    }
}
