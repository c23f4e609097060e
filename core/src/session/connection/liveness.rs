//! Whether the way to the server and back is open (R22).
//!
//! Only a reply to something of our own proves both directions: a server whose pings come in may hear nothing of us. Where
//! a server answers no pings at all, any frame has to do.

use alloc::string::String;
use alloc::vec::Vec;

use crate::time::{Millis, Tick};

/// Silence after which to ask: proxies that people run close a socket after 60 s of it.
const QUIET: Millis = 25_000;
/// Frames that come in without a reply of our own among them.
const ONE_WAY: Millis = 30_000;
/// Time for the reply to come.
const ANSWER: Millis = 10_000;
/// Most pings without a reply that are remembered: a reply to any of them will do.
const MOST_PINGS: usize = 16;
/// How often a socket that is about to be replaced is asked.
const DOUBTED: Millis = 1_000;
/// The same after a sleep (R1).
const AWAKE: Millis = 2_000;
/// A check this late may have been asleep: frames can be waiting unread, so ask again before judging.
const ASLEEP: Millis = 5_000;

/// Armed by authentication.
#[derive(Default)]
pub(crate) struct Liveness {
    armed: bool,
    /// The way is not open, as far as is known: it is not asked about any more.
    given_up: bool,
    /// Any frame.
    heard: Tick,
    /// A reply to something of our own.
    proved: Tick,
    asked: Option<Tick>,
    /// It was asked once more because the check came late; whoever is always late is not excused for ever.
    excused: bool,
    /// The frames of pings that are not answered, oldest first.
    pings: Vec<String>,
    replied: bool,
    pinged: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fine,
    /// Send a ping.
    Ask,
    /// The way is not open.
    Dead,
}

impl Liveness {
    pub(crate) fn arm(&mut self, now: Tick) {
        self.armed = true;
        self.hear(now);
        self.proved = now;
    }

    /// Any frame came.
    pub(crate) const fn hear(&mut self, now: Tick) {
        self.heard = now;
    }

    /// A reply of its own came.
    pub(crate) fn prove(&mut self, now: Tick) {
        (self.proved, self.asked, self.given_up, self.excused) = (now, None, false, false);
        self.pings = Vec::new();
    }

    /// A ping of this name has gone out.
    pub(crate) fn pinged(&mut self, frame: String) {
        if self.pings.len() >= MOST_PINGS {
            self.pings.remove(0);
        }
        self.pings.push(frame);
        self.pinged = true;
    }

    /// Whether this frame answers a ping.
    pub(crate) fn is_pong(&mut self, frame: &str) -> bool {
        let is_it = self.pings.iter().any(|ping| ping == frame);
        self.replied |= is_it;
        is_it
    }

    /// Asks for a reply from now on, if that is not being done. Whether a ping is to go out.
    pub(crate) fn ask(&mut self, now: Tick) -> bool {
        let begins = self.armed && !self.given_up && self.asked.is_none();
        if begins {
            self.asked = Some(now);
        }
        begins
    }

    /// Some ping of it was answered.
    pub(crate) const fn has_replied(&self) -> bool {
        self.replied
    }

    pub(crate) const fn was_asked(&self) -> bool {
        self.pinged
    }

    /// When to check again.
    pub(crate) fn due(&self) -> Option<Tick> {
        (self.armed && !self.given_up).then(|| match self.asked {
            Some(asked) => asked.after(if self.excused { AWAKE } else { ANSWER }),
            None => self.heard.after(QUIET).min(self.proved.after(ONE_WAY)),
        })
    }

    /// A socket that is about to be replaced is asked each second: should it answer, it need not be.
    pub(crate) fn check_doubted(&mut self, now: Tick) -> Verdict {
        if self.doubted_due() > now {
            return Verdict::Fine;
        }
        self.asked = Some(now);
        Verdict::Ask
    }

    /// When a socket that is about to be replaced is asked again.
    pub(crate) fn doubted_due(&self) -> Tick {
        self.asked.unwrap_or(self.heard).after(DOUBTED)
    }

    /// `judged`: the server answers pings, as far as is known; else, until it has answered one here, any frame since the
    /// question has to do.
    pub(crate) fn check(&mut self, now: Tick, judged: bool) -> Verdict {
        let judged = judged || self.replied;
        let Some(mut due) = self.due().filter(|due| *due <= now) else { return Verdict::Fine };
        if self.asked.is_some_and(|asked| !judged && self.heard > asked) {
            // A reply that comes yet shows that pings are answered.
            (self.proved, self.asked) = (now, None);
            match self.due().filter(|due| *due <= now) {
                Some(again) => due = again,
                None => return Verdict::Fine,
            }
        }
        match self.asked {
            Some(_) if self.excused || due.until(now) <= ASLEEP => {
                self.given_up = true;
                Verdict::Dead
            }
            asked => {
                self.excused = asked.is_some();
                self.asked = Some(now);
                Verdict::Ask
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned as _;
    use alloc::format;

    use super::*;

    #[test]
    fn a_silent_socket_is_asked_and_then_given_up() {
        // proves R22.2
        let mut live = Liveness::default();
        assert_eq!((live.due(), live.check(Tick(1_000_000), true)), (None, Verdict::Fine));
        live.arm(Tick(1_000));
        assert_eq!(live.check(Tick(25_999), true), Verdict::Fine);
        assert_eq!(live.check(Tick(26_000), true), Verdict::Ask);
        assert_eq!(live.check(Tick(35_999), true), Verdict::Fine);
        assert_eq!(live.check(Tick(36_000), true), Verdict::Dead);
        assert_eq!(live.due(), None);
    }

    #[test]
    fn frames_that_only_come_in_prove_nothing() {
        // proves R22.1, R22.2
        let mut live = Liveness::default();
        live.arm(Tick(0));
        for at in 1..40 {
            live.hear(Tick(at * 1_000));
        }
        assert_eq!(live.due(), Some(Tick(30_000)));
        assert_eq!(live.check(Tick(30_000), true), Verdict::Ask);
        live.pinged("ping".to_owned());
        assert!(!live.is_pong("another") && live.is_pong("ping"));
        live.prove(Tick(31_000));
        assert_eq!(live.due(), Some(Tick(61_000)));
    }

    #[test]
    fn a_server_that_answers_no_pings_is_judged_by_any_frame() {
        // proves R22.4
        let mut live = Liveness::default();
        live.arm(Tick(0));
        assert_eq!(live.check(Tick(25_000), false), Verdict::Ask);
        live.hear(Tick(26_000));
        assert_eq!(live.check(Tick(35_000), false), Verdict::Fine);
        assert_eq!(live.check(Tick(65_000), false), Verdict::Ask);
        assert_eq!(live.check(Tick(75_000), false), Verdict::Dead);
    }

    #[test]
    fn who_has_answered_one_here_is_judged_by_them() {
        // proves R22.1, R22.4
        let mut live = Liveness::default();
        live.arm(Tick(0));
        assert_eq!(live.check(Tick(25_000), false), Verdict::Ask);
        live.pinged("one".to_owned());
        assert!(live.is_pong("one"));
        live.prove(Tick(25_100));
        for at in 26..70 {
            live.hear(Tick(at * 1_000));
        }
        assert_eq!(live.check(Tick(60_000), false), Verdict::Ask);
        assert_eq!(live.check(Tick(70_000), false), Verdict::Dead);
    }

    #[test]
    fn a_reply_to_any_ping_will_do_and_takes_the_verdict_back() {
        // proves R22.2
        let mut live = Liveness::default();
        live.arm(Tick(0));
        assert_eq!(live.check(Tick(25_000), true), Verdict::Ask);
        for ping in 0..=MOST_PINGS {
            live.pinged(format!("{ping}"));
        }
        assert!(live.is_pong("1") && !live.is_pong("0"), "so many are remembered");
        assert_eq!(live.check(Tick(35_000), true), Verdict::Dead);
        assert!(!live.ask(Tick(36_000)), "it was given up");
        live.prove(Tick(40_000));
        assert!(!live.is_pong("1"));
        assert_eq!(live.due(), Some(Tick(25_000)), "nothing has been heard for long");
        assert_eq!(live.check(Tick(40_000), true), Verdict::Ask);
    }

    #[test]
    fn a_driver_that_is_always_late_is_excused_once() {
        // proves R22.2, R29.5
        let mut live = Liveness::default();
        live.arm(Tick(0));
        assert_eq!(live.check(Tick(34_000), true), Verdict::Ask);
        assert_eq!(live.check(Tick(51_000), true), Verdict::Ask);
        assert_eq!(live.check(Tick(68_000), true), Verdict::Dead);
    }

    #[test]
    fn after_a_sleep_it_asks_again_before_it_judges() {
        // proves R1.3
        let mut live = Liveness::default();
        live.arm(Tick(0));
        assert_eq!(live.check(Tick(60_000), true), Verdict::Ask);
        assert_eq!(live.check(Tick(3_600_000), true), Verdict::Ask);
        assert_eq!(live.check(Tick(3_601_999), true), Verdict::Fine);
        assert_eq!(live.check(Tick(3_602_000), true), Verdict::Dead);
    }
}
