//! The socket: live or not, and what it can be resumed with (L28, L33 to L36).

use satkeeper_core::lifecycle::*;

use super::{View, What};

/// Authenticated for this long: the connection counts as stable.
const STABLE: u64 = 10_000;

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

    /// There is an `authorization_state` to resume with (L34).
    pub fn is_resumable(&self, before: usize) -> bool {
        let mut resumable = false;
        for happened in self.list.iter().take_while(|it| it.step < before) {
            let stale =
                || self.told_in(happened.step, |event| *event == Event::Ignored(Ignored::StaleSocket));
            let current = happened.step.checked_sub(1).and_then(|before| self.steps[before].socket);
            match &happened.what {
                What::Heard(Input::ResumeState { .. }) if !stale() => resumable = true,
                // One that was given up by this very step has no say any more (L1).
                What::Heard(Input::ServerRestart { socket, wipe: true })
                    if current == Some(*socket) && !stale() =>
                {
                    resumable = false;
                }
                What::Heard(Input::Disconnect | Input::Destroy) => resumable = false,
                What::Heard(Input::Done(id, _)) => {
                    let Some(answer) = self.answer(*id).filter(|answer| answer.step == happened.step) else {
                        continue;
                    };
                    let Some((_, command)) = self.command(*id) else { continue };
                    let Action::Authenticate { resume, .. } = command.action else { continue };
                    match &answer.result {
                        Ok(Reply::Authenticated { resumed, .. }) => resumable &= resume && *resumed,
                        Err(Failure::Rpc { code: -32_002 | -32_003 | -32_602, .. }) if resume => {
                            resumable = false;
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        resumable
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
