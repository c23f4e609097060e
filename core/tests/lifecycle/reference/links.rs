//! The sockets: which serves, which is doubted, what the session can be resumed with (R21, R22).

use satkeeper_core::lifecycle::*;

use super::commands::socket_of;
use super::{View, What};

/// A socket on which the session was authenticated.
#[derive(Clone, Copy, Debug)]
pub struct Served {
    pub socket: SocketId,
    /// What the server was shown there.
    pub token: TokenId,
    /// The step in which it went live, and when.
    pub step: usize,
    pub since: u64,
    /// What made it serve no more, if anything did.
    pub left: Option<(usize, Left)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It is gone.
    Lost,
    /// We closed it.
    Closed,
    /// Its answers are missing, or another one serves: it is read on.
    Parted,
    /// The session rests, or is over.
    Rest,
}

impl View<'_> {
    /// Every socket that ever served, in order.
    pub fn served(&self) -> Vec<Served> {
        let mut all: Vec<Served> = Vec::new();
        let leave = |all: &mut Vec<Served>, which: Option<SocketId>, step: usize, how: Left| {
            for served in all.iter_mut().filter(|it| which.is_none_or(|socket| it.socket == socket)) {
                // A parted one may be lost or closed later on.
                if served.left.is_none_or(|(_, left)| left == Left::Parted && how != Left::Parted) {
                    served.left = Some((step, how));
                }
            }
        };
        for happened in &self.list {
            let step = happened.step;
            match &happened.what {
                What::Heard(Input::Done(id, _)) => {
                    let answer = self.answer(*id).filter(|answer| answer.step == step);
                    let Some(Ok(reply)) = answer.map(|it| &it.result) else { continue };
                    let Some((_, command)) = self.command(*id) else { continue };
                    let Some(socket) = socket_of(&command.action) else { continue };
                    if matches!(reply, Reply::Authenticated { .. }) {
                        leave(&mut all, None, step, Left::Parted);
                        let Action::Authenticate { token, .. } = command.action else { continue };
                        all.push(Served { socket, token, step, since: happened.at, left: None });
                    }
                }
                What::Heard(Input::SocketDead { socket } | Input::ServerRestart { socket, .. })
                    if !self.is_ignored(step) =>
                {
                    leave(&mut all, Some(*socket), step, Left::Parted);
                }
                // Whatever made it doubted: a probe that nobody answered.
                What::Told(Event::Warn(Warning::ConnectionLost { .. })) => {
                    let last = all.last().map(|it| it.socket);
                    leave(&mut all, last, step, Left::Parted);
                }
                // A doubt that has been answered.
                What::Told(Event::Live { .. }) => {
                    let Input::SocketAlive { socket } = self.input_of(step) else { continue };
                    let doubted = all.last_mut().filter(|it| it.socket == *socket);
                    if let Some(served) =
                        doubted.filter(|it| it.left.is_some_and(|(_, left)| left == Left::Parted))
                    {
                        served.left = None;
                    }
                }
                What::Heard(Input::SocketLost { socket }) => leave(&mut all, Some(*socket), step, Left::Lost),
                What::Asked(Command { action: Action::Close { socket }, .. }) => {
                    leave(&mut all, Some(*socket), step, Left::Closed);
                }
                What::Told(Event::Suspended | Event::Teardown { .. }) => {
                    leave(&mut all, None, step, Left::Rest)
                }
                _ => {}
            }
        }
        all
    }

    /// The socket that serves now, as far as was heard.
    pub fn serving(&self) -> Option<Served> {
        self.served().pop().filter(|it| it.left.is_none())
    }

    /// Whether there may be a state to resume with, before this step.
    pub fn may_resume(&self, before: usize) -> bool {
        let served = self.served();
        let (mut state, mut stated) = (false, None);
        for (happened, input) in self.heard().filter(|(it, _)| it.step < before) {
            match input {
                Input::ResumeState { socket } if !self.is_ignored(happened.step) => {
                    (state, stated) = (true, Some(*socket));
                }
                Input::ServerRestart { socket, wipe: true } if !self.is_ignored(happened.step) => {
                    // What a socket says on which nobody is authenticated is open.
                    state &= !served.iter().any(|it| it.socket == *socket);
                }
                Input::Disconnect | Input::Destroy => state = false,
                Input::Done(id, _) => {
                    let Some(answer) = self.answer(*id).filter(|answer| answer.step == happened.step) else {
                        continue;
                    };
                    let Some((_, Command { action, .. })) = self.command(*id) else { continue };
                    match (action, &answer.result) {
                        (Action::Authenticate { resume: false, .. }, Ok(Reply::Authenticated { .. }))
                        | (Action::Authenticate { .. }, Ok(Reply::Authenticated { resumed: false, .. })) => {
                            // What has come on this very socket before the answer is its own.
                            state = stated.is_some() && stated == socket_of(action);
                        }
                        (Action::Authenticate { resume: true, .. }, Err(failure)) => {
                            state &= keeps_the_state(*failure);
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        state
    }
}

/// A resume that failed so may be tried again with its state (R21).
pub const fn keeps_the_state(failure: Failure) -> bool {
    match failure {
        Failure::Rpc { code, .. } => matches!(code, -32_000 | -32_004 | -32_005),
        Failure::Malformed => false,
        _ => true,
    }
}
