//! One socket: how far it has come, and what waits on it.

use alloc::string::String;
use alloc::vec::Vec;

use crate::lifecycle::{CommandId, SocketId, TokenId};
use crate::secret::Secret;
use crate::session::secrets::proofs::Signed;
use crate::session::turn::Turn;
use crate::session::vocabulary::output::SessionOutput;
use crate::time::{Tick, UnixMillis};

use super::admission::Admission;
use super::liveness::Liveness;

/// Most acknowledgements that wait for the connect to succeed.
const MOST_REPLIES: usize = 64;

/// Most bytes of them: an id is echoed, and may be as long as a frame.
const MOST_REPLY_BYTES: usize = 64 * 1024;

/// A socket that has been opened and not closed: the one that serves ([`Lifecycle::socket`]), one that is coming, one that
/// was replaced and is still read (R22).
///
/// [`Lifecycle::socket`]: crate::lifecycle::Lifecycle::socket
pub(crate) struct Socket {
    pub(crate) id: SocketId,
    /// The connect that it was asked for, once that is sent; what becomes of the socket is told under its name.
    pub(crate) connect: Option<CommandId>,
    pub(crate) stage: Stage,
    /// Requests of the lifecycle's without an answer yet.
    pub(super) waiting: Vec<Waiting>,
    /// Who wants a sign of life.
    pub(super) probes: Vec<CommandId>,
    /// Acknowledgements that wait for the connect to succeed.
    replies: Vec<String>,
    /// How it was let in, until the session is live on it.
    pub(super) admission: Option<Admission>,
    /// The newest `authorization_state` that came before the connect's own answer.
    pub(super) early_state: Option<Secret>,
    pub(super) liveness: Liveness,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Opening(CommandId),
    /// Open; nothing but the connect may be sent.
    Open,
    Authenticated,
}

/// A request of the lifecycle's on a socket.
pub(crate) struct Waiting {
    pub(crate) id: String,
    pub(crate) command: CommandId,
    pub(crate) token: TokenId,
    /// For a connect, whether it was a resume; `None` for a reauthenticate.
    pub(crate) resume: Option<bool>,
    /// What went along, to be cut out of what comes back.
    pub(crate) signed: Option<Signed>,
    pub(crate) at: Tick,
}

impl Waiting {
    pub(crate) fn signed_at(&self) -> Option<UnixMillis> {
        self.signed.as_ref().map(|signed| signed.at)
    }

    pub(crate) fn proof(&self) -> Option<&Secret> {
        self.signed.as_ref().map(|signed| &signed.proof)
    }
}

impl Socket {
    pub(super) fn new(id: SocketId, command: CommandId) -> Self {
        Self {
            id,
            connect: None,
            stage: Stage::Opening(command),
            waiting: Vec::new(),
            probes: Vec::new(),
            replies: Vec::new(),
            admission: None,
            early_state: None,
            liveness: Liveness::default(),
        }
    }

    pub(crate) fn is_let_in(&self) -> bool {
        self.stage == Stage::Authenticated
    }

    /// An acknowledgement: at once when authenticated, else right after the connect has succeeded, since a
    /// response before that makes the server close the socket (protocol.md 3.1).
    ///
    /// Whether it is on its way.
    pub(super) fn respond(&mut self, turn: &mut Turn, text: String) -> bool {
        if self.is_let_in() {
            turn.put(SessionOutput::Send { socket: self.id, text: Secret::new(text) });
            return true;
        }
        let has_room = self.replies.len() < MOST_REPLIES
            && self.replies.iter().map(String::len).sum::<usize>().saturating_add(text.len())
                <= MOST_REPLY_BYTES;
        if has_room {
            self.replies.push(text);
        }
        has_room
    }

    /// Its connect has succeeded. What came too early is handed on.
    pub(super) fn let_in(&mut self, turn: &mut Turn, admission: Admission) -> Option<Secret> {
        self.stage = Stage::Authenticated;
        self.admission = Some(admission);
        self.liveness.arm(turn.now.tick);
        for text in core::mem::take(&mut self.replies) {
            turn.put(SessionOutput::Send { socket: self.id, text: Secret::new(text) });
        }
        self.early_state.take()
    }

    /// Nothing is held back once it is let in; before that, nothing has let it in.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.is_let_in() && (!self.replies.is_empty() || self.early_state.is_some()) {
            return Err("something is held back on a socket that is let in");
        }
        if !self.is_let_in() && (self.admission.is_some() || !self.probes.is_empty()) {
            return Err("a socket that is not let in serves");
        }
        Ok(())
    }
}
