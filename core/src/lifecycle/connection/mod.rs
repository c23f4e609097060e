//! The sockets: the one that serves, and perhaps one that is coming (R21).

use crate::lifecycle::clock::At;
use crate::lifecycle::limits::pace::Pace;
use crate::lifecycle::{Cause, CommandId, Generation, SocketId, TokenId};

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) serving: Option<Serving>,
    pub(crate) coming: Option<Coming>,
    /// A state has come on this socket before its connect was answered.
    pub(crate) coming_stated: Option<SocketId>,
    /// One that was replaced: read until then (R22).
    pub(crate) parting: Option<Parting>,
    pub(crate) next_socket: u32,
    /// The generation that the newest `authorization_state` was made for, if there is one to resume with.
    pub(crate) state: Option<Generation>,
    /// Resumes in a row that failed in a way that keeps the state.
    pub(crate) failed_resumes: u32,
    /// Resumes in a row without stability after them.
    pub(crate) resumes: u32,
    /// How sockets have fared.
    pub(crate) pace: Pace,
    /// When the outage began.
    pub(crate) down_since: Option<At>,
    /// The first reconnect after the server has ended many is put off until then (R19).
    pub(crate) spread_until: At,
    /// A push of this token has cost the socket so often.
    pub(crate) cut_by: Option<(TokenId, u32)>,
    /// Pushes cost this server's sockets: nothing is pushed any more but shown to a fresh connect in its time.
    pub(crate) pushes_cut: bool,

    /// When a token was last shown to a fresh connect because a call was refused (R23).
    pub(crate) shown: Option<At>,
    /// Refusals of fresh connects since the last acceptance, and when tokens may be shown again (R10).
    pub(crate) round: u32,
    pub(crate) next_round: At,
    /// The provider has been asked since the first of them.
    pub(crate) asked: bool,
    /// What was refused last.
    pub(crate) cause: Option<Cause>,
    /// A proof was signed anew for its time.
    pub(crate) resigned: bool,
    /// The token in force was shown once more after its refusal.
    pub(crate) looked_twice: bool,
}

/// The socket that serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Serving {
    pub(crate) socket: SocketId,
    /// The connect that it serves since.
    pub(crate) command: CommandId,
    /// The token that was shown with it: with a resume perhaps a newer one than that in force.
    pub(crate) token: TokenId,
    pub(crate) since: At,
    pub(crate) stable: bool,
    /// The generation that the server goes on with; after a resume perhaps an older one than that in force.
    pub(crate) known: Generation,
    /// That of when the socket went live: the first state is made for it.
    pub(crate) began: Generation,
    pub(crate) stated: bool,
    /// Pushes on this socket.
    pub(crate) push: Pace,
    /// They are refused for their credential, again and again.
    pub(crate) in_vain: bool,
    /// The last one, and when.
    pub(crate) pushed: Option<(TokenId, At)>,
    /// A call of the application's was refused for its credential at this time, and nothing has been accepted since.
    pub(crate) call_refused: Option<At>,
    /// The host has slept, or a push went unanswered: nothing ends before the probe has been answered.
    pub(crate) unsure: bool,
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

    /// The server has been reached and has accepted: nothing is held against sockets any more, but for stability.
    pub(crate) const fn accepted(&mut self) {
        (self.round, self.next_round, self.asked) = (0, 0, false);
        (self.failed_resumes, self.resigned, self.looked_twice) = (0, false, false);
    }

    /// The connection counts as stable: nothing of before is held against sockets. What was put off meanwhile, beside it,
    /// comes when it was announced for.
    pub(crate) fn settle(&mut self, now: At) {
        if self.pace.not_before > now {
            self.pace.failures = 0;
        } else {
            self.pace.forgive();
        }
        self.resumes = 0;
        self.down_since = None;
        if let Some(serving) = &mut self.serving {
            serving.stable = true;
        }
    }
}
