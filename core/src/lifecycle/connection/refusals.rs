//! What fresh connects were refused for, and when tokens may be shown again: round by round (R10).

use crate::lifecycle::Cause;
use crate::lifecycle::clock::At;
use crate::time::Millis;

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusals {
    /// Refusals of fresh connects since the last acceptance.
    round: u32,
    /// When tokens may be shown again.
    next_round: At,
    /// The provider has been asked since the first of them.
    asked: bool,
    /// What was refused last.
    cause: Option<Cause>,
    /// A proof was signed anew for its time.
    resigned: bool,
    /// The token in force was shown once more after its refusal.
    looked_twice: bool,
}

impl Refusals {
    pub(crate) const fn round(&self) -> u32 {
        self.round
    }

    pub(crate) const fn next_round(&self) -> At {
        self.next_round
    }

    pub(crate) const fn asked(&self) -> bool {
        self.asked
    }

    pub(crate) const fn cause(&self) -> Option<Cause> {
        self.cause
    }

    pub(crate) const fn resigned(&self) -> bool {
        self.resigned
    }

    pub(crate) const fn looked_twice(&self) -> bool {
        self.looked_twice
    }

    /// As the process before had it.
    pub(crate) const fn restore(&mut self, round: u32) {
        self.round = round;
    }

    /// The provider is asked while what serves is, or is not, being refused.
    pub(crate) const fn ask(&mut self, refused: bool) {
        self.asked |= refused;
    }

    pub(crate) const fn blame(&mut self, cause: Cause) {
        self.cause = Some(cause);
    }

    /// What was refused is not the reason any more.
    pub(crate) const fn forget_cause(&mut self) {
        self.cause = None;
    }

    pub(crate) const fn sign_anew(&mut self) {
        self.resigned = true;
    }

    /// What was good until now has been shown once more, or need not be.
    pub(crate) const fn look_again(&mut self, looked: bool) {
        self.looked_twice |= looked;
    }

    /// Others are there to be shown at once.
    pub(crate) const fn show_now(&mut self, now: At) {
        self.next_round = now;
    }

    /// All were refused: another round, after this wait.
    pub(crate) const fn put_off(&mut self, now: At, wait: Millis, drawn: Millis) {
        self.round = self.round.saturating_add(1);
        self.next_round = now.saturating_add(wait).saturating_sub(drawn);
    }

    /// Something was accepted; while what was `refused` is held its cause stays.
    pub(crate) fn accepted(&mut self, refused: bool) {
        *self = Self { cause: self.cause.filter(|_| refused), ..Self::default() };
    }
}
