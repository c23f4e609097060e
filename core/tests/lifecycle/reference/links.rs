//! The socket: live or not, and what it can be resumed with (L28, L33 to L36).

use satkeeper_core::lifecycle::*;

use super::{View, What};

/// Authenticated for this long: the connection counts as stable.
const STABLE: u64 = 10_000;

/// Generations that the server knows of.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// What the newest `authorization_state` was made for; `None`: there is nothing to resume with.
    pub state: Option<u64>,
    /// On the live socket.
    pub here: u64,
    /// The same when it went live, until a first state has come.
    pub first: Option<u64>,
    /// It has refused the token in force on this socket.
    pub refused: bool,
}

impl Known {
    fn learn(&mut self, action: Action, result: &core::result::Result<Reply, Failure>, after: &Status) {
        let generation = after.generation.0;
        match (action, result) {
            (Action::Authenticate { resume, .. }, Ok(Reply::Authenticated { resumed, .. })) => {
                self.state = self.state.filter(|_| resume && *resumed);
                self.here = self.state.unwrap_or(generation);
                (self.first, self.refused) = (Some(self.here), false);
            }
            (Action::Authenticate { resume: true, .. }, Err(Failure::Rpc { code, credential })) => {
                let is_refused = *credential || matches!(code, -32_002 | -32_003 | -32_602);
                self.state = self.state.filter(|_| !is_refused);
            }
            (Action::Reauthenticate { .. }, Ok(Reply::Reauthenticated(_))) => self.here = generation,
            (Action::Reauthenticate { token, .. }, Err(Failure::Rpc { credential: true, .. }))
                if after.in_force == Some(token) =>
            {
                self.refused = true;
            }
            _ => {}
        }
    }
}

impl View<'_> {
    /// The socket on which the session is authenticated, and since when.
    pub fn live(&self) -> Option<(SocketId, u64)> {
        self.live_after(self.steps.len() - 1)
    }

    fn live_after(&self, step: usize) -> Option<(SocketId, u64)> {
        let mut live = None;
        for happened in self.list.iter().take_while(|it| it.step <= step) {
            match &happened.what {
                What::Heard(Input::Done(id, _)) => {
                    let answer = self.answer(*id).filter(|answer| answer.step == happened.step);
                    if let Some((_, command)) = self.command(*id)
                        && let Some(Ok(Reply::Authenticated { .. })) = answer.map(|it| &it.result)
                        && let Action::Authenticate { socket, .. } = command.action
                    {
                        live = Some((socket, happened.at));
                    }
                }
                What::Heard(Input::SocketLost { socket })
                | What::Asked(Command { action: Action::Close { socket }, .. }) => {
                    live = live.filter(|(live, _)| live != socket);
                }
                What::Told(Event::Suspended | Event::Teardown { .. }) => live = None,
                _ => {}
            }
        }
        live
    }

    /// What the server knew before this step (L28, L34).
    pub fn known(&self, before: usize) -> Known {
        let mut known = Known { state: None, here: 0, first: None, refused: false };
        for happened in self.list.iter().take_while(|it| it.step < before) {
            let stale =
                || self.told_in(happened.step, |event| *event == Event::Ignored(Ignored::StaleSocket));
            let earlier = happened.step.checked_sub(1);
            let current = earlier.and_then(|before| self.steps[before].socket);
            match &happened.what {
                What::Heard(Input::ResumeState { .. }) if !stale() => {
                    let live = earlier.and_then(|step| self.live_after(step));
                    known.state = match live {
                        Some(_) => Some(known.first.take().unwrap_or(known.here)),
                        None => known.state.or(Some(0)),
                    };
                }
                // One that was given up by this very step has no say any more (L1).
                What::Heard(Input::ServerRestart { socket, wipe: true })
                    if current == Some(*socket) && !stale() =>
                {
                    known.state = None;
                }
                What::Heard(Input::Disconnect | Input::Destroy) => known.state = None,
                What::Heard(Input::Done(id, _)) => {
                    let Some(answer) = self.answer(*id).filter(|answer| answer.step == happened.step) else {
                        continue;
                    };
                    let Some((_, command)) = self.command(*id) else { continue };
                    known.learn(command.action, &answer.result, &self.steps[happened.step].status);
                }
                _ => {}
            }
        }
        known
    }

    /// Resumes since the connection was last stable.
    pub fn resumes(&self, before: usize) -> usize {
        let stable = (0..before).rev().find(|step| {
            let rested = self.heard().any(|(it, input)| it.step == *step && *input == Input::Resume);
            let long =
                self.live_after(*step).is_some_and(|(_, since)| self.steps[*step].at - since >= STABLE);
            rested || long
        });
        let from = stable.map_or(0, |step| step + 1);
        self.asked()
            .filter(|(it, command)| {
                it.step >= from
                    && it.step < before
                    && matches!(command.action, Action::Authenticate { resume: true, .. })
            })
            .count()
    }
}
