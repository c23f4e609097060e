//! The socket that serves, and the pushes on it (R21, R23).

use crate::lifecycle::clock::At;
use crate::lifecycle::limits::pace::Pace;
use crate::lifecycle::{CommandId, Generation, SocketId, TokenId};

/// See the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Serving {
    socket: SocketId,
    command: CommandId,
    token: TokenId,
    since: At,
    stable: bool,
    known: Generation,
    /// The generation of when the socket went live: the first state is made for it.
    began: Generation,
    stated: bool,
    /// Pushes on this socket.
    pub(crate) push: Pace,
    in_vain: bool,
    pushed: Option<(TokenId, At)>,
    call_refused: Option<At>,
    unsure: bool,
}

impl Serving {
    pub(crate) const fn new(
        socket: SocketId,
        command: CommandId,
        token: TokenId,
        known: Generation,
        since: At,
    ) -> Self {
        let push = Pace { failures: 0, not_before: 0, asked: 0, sent: 0, last: None };
        Self {
            socket,
            command,
            token,
            since,
            stable: false,
            known,
            began: known,
            stated: false,
            push,
            in_vain: false,
            pushed: None,
            call_refused: None,
            unsure: false,
        }
    }

    pub(crate) const fn socket(&self) -> SocketId {
        self.socket
    }

    /// The connect that it serves since.
    pub(crate) const fn command(&self) -> CommandId {
        self.command
    }

    /// The token that was shown with it: with a resume perhaps a newer one than that in force.
    pub(crate) const fn token(&self) -> TokenId {
        self.token
    }

    pub(crate) const fn since(&self) -> At {
        self.since
    }

    pub(crate) const fn is_stable(&self) -> bool {
        self.stable
    }

    /// The generation that the server goes on with; after a resume perhaps an older one than that in force.
    pub(crate) const fn known(&self) -> Generation {
        self.known
    }

    /// Pushes are refused for their credential, again and again.
    pub(crate) const fn is_in_vain(&self) -> bool {
        self.in_vain
    }

    /// The last push, and when.
    pub(crate) const fn pushed(&self) -> Option<(TokenId, At)> {
        self.pushed
    }

    /// A call of the application's was refused for its credential at this time, and nothing has been accepted since.
    pub(crate) const fn call_refused(&self) -> Option<At> {
        self.call_refused
    }

    /// The host has slept, or a push went unanswered: nothing ends before the probe has been answered.
    pub(crate) const fn is_unsure(&self) -> bool {
        self.unsure
    }

    pub(crate) const fn settle(&mut self) {
        self.stable = true;
    }

    /// The host has slept.
    pub(crate) const fn doubt(&mut self) {
        self.unsure = true;
    }

    /// It has shown that it lives.
    #[must_use]
    pub(crate) const fn alive(mut self) -> Self {
        self.unsure = false;
        self
    }

    /// A token is pushed.
    pub(crate) const fn push(&mut self, token: TokenId, now: At) {
        self.pushed = Some((token, now));
    }

    /// The server goes on with this generation.
    pub(crate) const fn knows(&mut self, generation: Generation) {
        self.known = generation;
    }

    /// It has accepted the token of the connect that began it, and perhaps told a state before that.
    pub(crate) const fn begins(&mut self, generation: Generation, stated: bool) {
        (self.known, self.began, self.stated) = (generation, generation, stated);
    }

    /// A state has come: the generation that it was made for.
    pub(crate) const fn state_came(&mut self) -> Generation {
        if core::mem::replace(&mut self.stated, true) { self.known } else { self.began }
    }

    /// A push was accepted.
    pub(crate) fn accepts(&mut self, generation: Generation) {
        self.known = generation;
        self.push = Pace::default();
        self.in_vain = false;
        (self.pushed, self.call_refused) = (None, None);
    }

    /// A push was answered by a refusal of its credential, or by something else.
    pub(crate) const fn answers(&mut self, refused: bool) {
        self.in_vain = refused && self.push.failures > 1;
    }

    /// A call of the application's was refused for its credential.
    pub(crate) fn refuses_calls(&mut self, now: At) {
        self.call_refused.get_or_insert(now);
    }
}

/// What `canonical` is made of.
#[cfg(feature = "model")]
impl Serving {
    /// Of when the socket went live, and whether a state has come. All else is seen from outside.
    pub(crate) const fn facts(&self) -> (Generation, bool) {
        let Self {
            socket: _,
            command: _,
            token: _,
            since: _,
            stable: _,
            known: _,
            began,
            stated,
            push: _,
            in_vain: _,
            pushed: _,
            call_refused: _,
            unsure: _,
        } = self;
        (*began, *stated)
    }
}
