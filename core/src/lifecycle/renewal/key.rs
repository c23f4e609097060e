//! The proof-of-possession key, as far as decisions depend on it (R35).

use serde::{Deserialize, Serialize};

use crate::lifecycle::{KeyAlgorithm, KeyFacts};

/// See the [module](self). The driver holds the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Key {
    state: KeyState,
    algorithm: KeyAlgorithm,
    /// A server has accepted a proof of this kind.
    proved: bool,
    /// The kind may be changed, once.
    may_switch: bool,
}

/// Whether there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum KeyState {
    /// To be made.
    Wanted,
    /// At hand.
    Ready,
    /// None was wanted.
    Declined,
    /// None could be had.
    Failed,
}

impl Default for Key {
    fn default() -> Self {
        Self { state: KeyState::Declined, algorithm: KeyAlgorithm::Es256, proved: false, may_switch: false }
    }
}

impl Key {
    pub(crate) const fn state(&self) -> KeyState {
        self.state
    }

    pub(crate) const fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// It is made before anything else is asked for.
    pub(crate) fn is_wanted(&self) -> bool {
        self.state == KeyState::Wanted
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.state == KeyState::Ready
    }

    /// There is one, or will be.
    pub(crate) const fn is_to_be_had(&self) -> bool {
        matches!(self.state, KeyState::Wanted | KeyState::Ready)
    }

    /// As the application starts with it; `mints`: another token can be had for a key of another kind.
    #[must_use]
    pub(crate) fn started(self, facts: KeyFacts, mints: bool) -> Self {
        let wanted = Self { state: KeyState::Wanted, ..self };
        match facts {
            // What was proved is remembered, even where the key itself is lost.
            KeyFacts::Auto if self.proved => wanted,
            KeyFacts::Auto => {
                let algorithm = if mints { KeyAlgorithm::Es256 } else { KeyAlgorithm::Rs256 };
                Self { algorithm, proved: false, may_switch: mints, ..wanted }
            }
            KeyFacts::Fixed(algorithm) => Self { algorithm, proved: false, may_switch: false, ..wanted },
            KeyFacts::Held { algorithm, proved } => {
                let known = self.algorithm == algorithm;
                let (proved, may_switch) = (proved || (known && self.proved), known && self.may_switch);
                Self { state: KeyState::Ready, algorithm, proved, may_switch }
            }
            // As before the start: there is none.
            KeyFacts::Unavailable => self,
        }
    }

    /// As another process finds it: the driver says whether it has kept the key.
    #[must_use]
    pub(crate) fn restored(self) -> Self {
        Self { state: KeyState::Declined, ..self }
    }

    pub(crate) const fn made(&mut self) {
        self.state = KeyState::Ready;
    }

    pub(crate) const fn failed(&mut self) {
        self.state = KeyState::Failed;
    }

    /// A server has bound a token to it.
    pub(crate) const fn prove(&mut self) {
        self.proved = true;
    }

    /// A server may not take this kind: another one, once. Whether that is so.
    pub(crate) fn switch(&mut self) -> bool {
        let may = self.is_ready() && !self.proved && self.may_switch;
        if may {
            (self.state, self.algorithm, self.may_switch) = (KeyState::Wanted, KeyAlgorithm::Rs256, false);
        }
        may
    }
}

/// What `canonical` is made of.
#[cfg(feature = "model")]
impl Key {
    pub(crate) const fn facts(&self) -> (KeyState, KeyAlgorithm, bool, bool) {
        let Self { state, algorithm, proved, may_switch } = *self;
        (state, algorithm, proved, may_switch)
    }
}
