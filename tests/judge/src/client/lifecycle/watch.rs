//! A stand-in for the session's watch over its sockets: only a reply of its own proves the way there and back.

use crate::timeline::Ms;

/// Silence after which to ask.
const QUIET: Ms = 25_000;
/// The same where frames come in, but no reply of its own.
const ONE_WAY: Ms = 30_000;
/// Time for the reply to come.
const ANSWER: Ms = 10_000;
/// A check that comes this late may have been asleep: it asks again before it judges.
const ASLEEP: Ms = 5_000;

/// Of one authenticated socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    heard: Ms,
    proved: Ms,
    asked: Option<Ms>,
    over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    Ask,
    Dead,
}

impl Watch {
    pub(super) const fn new(now: Ms) -> Self {
        Self { heard: now, proved: now, asked: None, over: false }
    }

    /// A frame has come.
    pub(super) const fn hear(&mut self, now: Ms) {
        self.heard = now;
    }

    /// A reply of its own has come.
    pub(super) const fn prove(&mut self, now: Ms) {
        (self.heard, self.proved, self.asked, self.over) = (now, now, None, false);
    }

    pub(super) fn due(&self) -> Option<Ms> {
        let due = match self.asked {
            Some(asked) => asked + ANSWER,
            None => (self.heard + QUIET).min(self.proved + ONE_WAY),
        };
        (!self.over).then_some(due)
    }

    pub(super) fn check(&mut self, now: Ms) -> Verdict {
        let Some(due) = self.due().filter(|due| *due <= now) else { return Verdict::Fine };
        if self.asked.is_some() && now <= due + ASLEEP {
            self.over = true;
            return Verdict::Dead;
        }
        self.asked = Some(now);
        Verdict::Ask
    }
}
