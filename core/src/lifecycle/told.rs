//! What the application has been told, and is not told again (R28).

use crate::lifecycle::{FallbackReason, Generation};

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Each once.
    fallback: [Option<FallbackReason>; 3],
    /// Of which token, by its generation, the end was told.
    expiring: Option<Generation>,
}

impl Told {
    pub(crate) const fn expiring(&mut self, generation: Generation) {
        self.expiring = Some(generation);
    }

    pub(crate) fn of_expiring(&self, generation: Generation) -> bool {
        self.expiring == Some(generation)
    }

    pub(crate) fn fallback(&mut self, reason: FallbackReason) {
        if let Some(free) = self.fallback.iter_mut().find(|told| told.is_none()) {
            *free = Some(reason);
        }
    }

    pub(crate) fn of_fallback(&self, reason: FallbackReason) -> bool {
        self.fallback.contains(&Some(reason))
    }

    /// What it is told of falling back begins anew: client-bound renewal works, or the provider is another one.
    pub(crate) fn forget_fallback(&mut self) {
        self.fallback = [None; 3];
    }

    /// What must hold after every step.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let twice = |reason| self.fallback.iter().flatten().filter(|told| **told == reason).count() > 1;
        if self.fallback.iter().flatten().any(|reason| twice(*reason)) {
            Err("a fallback is told twice")
        } else {
            Ok(())
        }
    }
}

/// What `canonical` is made of.
#[cfg(feature = "model")]
impl Told {
    pub(crate) fn facts(&self) -> (impl Iterator<Item = &FallbackReason>, Option<Generation>) {
        let Self { fallback, expiring } = self;
        (fallback.iter().flatten(), *expiring)
    }
}
