//! Whether the socket still lives (L37).

use crate::time::{Millis, Tick};

/// Silence after which to ask, once the server was seen to ping: it does so about every 10 s.
const QUIET_WITH_PINGS: Millis = 15_000;
/// Silence after which to ask a server that has never pinged.
const QUIET: Millis = 60_000;
/// Time for any frame to come after asking.
const ANSWER: Millis = 10_000;
/// A check this late may have been asleep: frames can be waiting unread, so ask again before judging.
const ASLEEP: Millis = 5_000;

/// Armed by authentication; every frame is a sign of life.
#[derive(Default)]
pub(super) struct Liveness {
    armed: bool,
    heard: Tick,
    asked: Option<Tick>,
    server_pings: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    /// Send a ping.
    Ask,
    /// Give the socket up.
    Dead,
}

impl Liveness {
    pub(super) fn arm(&mut self, now: Tick) {
        self.armed = true;
        self.hear(now);
    }

    pub(super) fn hear(&mut self, now: Tick) {
        self.heard = now;
        self.asked = None;
    }

    pub(super) fn hear_ping(&mut self) {
        self.server_pings = true;
    }

    /// When to check again.
    pub(super) fn due(&self) -> Option<Tick> {
        let quiet = if self.server_pings { QUIET_WITH_PINGS } else { QUIET };
        self.armed.then(|| match self.asked {
            Some(asked) => asked.after(ANSWER),
            None => self.heard.after(quiet),
        })
    }

    pub(super) fn check(&mut self, now: Tick) -> Verdict {
        let Some(due) = self.due().filter(|due| *due <= now) else { return Verdict::Fine };
        if self.asked.is_some() && due.until(now) <= ASLEEP {
            self.armed = false;
            return Verdict::Dead;
        }
        self.asked = Some(now);
        Verdict::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_socket_is_asked_and_then_given_up() {
        // proves L37
        let mut live = Liveness::default();
        assert_eq!((live.due(), live.check(Tick(1_000_000))), (None, Verdict::Fine));
        live.arm(Tick(1_000));
        assert_eq!(live.due(), Some(Tick(61_000)));
        live.hear_ping();
        assert_eq!(live.check(Tick(15_999)), Verdict::Fine);
        assert_eq!(live.check(Tick(16_000)), Verdict::Ask);
        assert_eq!(live.due(), Some(Tick(26_000)));
        live.hear(Tick(20_000));
        assert_eq!(live.check(Tick(35_000)), Verdict::Ask);
        assert_eq!(live.check(Tick(44_999)), Verdict::Fine);
        assert_eq!(live.check(Tick(45_000)), Verdict::Dead);
        assert_eq!(live.due(), None);
    }

    #[test]
    fn after_a_sleep_it_asks_again_before_it_judges() {
        // proves L23, L37
        let mut live = Liveness::default();
        live.arm(Tick(0));
        assert_eq!(live.check(Tick(60_000)), Verdict::Ask);
        assert_eq!(live.check(Tick(3_600_000)), Verdict::Ask);
        assert_eq!(live.check(Tick(3_610_000)), Verdict::Dead);
    }
}
