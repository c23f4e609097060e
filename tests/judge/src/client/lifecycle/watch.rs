//! A stand-in for the session's watch over its socket (L37).

use crate::timeline::Ms;

/// Silence after which to ask, once the server was seen to ping.
const QUIET_WITH_PINGS: Ms = 15_000;
/// Silence after which to ask a server that has never pinged.
const QUIET: Ms = 60_000;
/// Time for any frame to come after asking.
const ANSWER: Ms = 10_000;
/// A check that comes this late may have been asleep: it asks again before it judges.
const ASLEEP: Ms = 5_000;

/// Of one authenticated socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    heard: Ms,
    asked: Option<Ms>,
    server_pings: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    Ask,
    Dead,
}

impl Watch {
    pub(super) const fn new(now: Ms) -> Self {
        Self { heard: now, asked: None, server_pings: false }
    }

    /// A frame has come.
    pub(super) const fn hear(&mut self, now: Ms, is_ping: bool) {
        self.heard = now;
        self.asked = None;
        self.server_pings |= is_ping;
    }

    pub(super) const fn due(&self) -> Ms {
        match self.asked {
            Some(asked) => asked + ANSWER,
            None => self.heard + if self.server_pings { QUIET_WITH_PINGS } else { QUIET },
        }
    }

    pub(super) const fn check(&mut self, now: Ms) -> Verdict {
        if now < self.due() {
            return Verdict::Fine;
        }
        if self.asked.is_some() && now <= self.due() + ASLEEP {
            return Verdict::Dead;
        }
        self.asked = Some(now);
        Verdict::Ask
    }
}
