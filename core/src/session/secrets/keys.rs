//! The session's proof keys: at most one of each kind, the newest in use for what is new (R35).

use alloc::vec::Vec;

use crate::dpop::{Algorithm, ProofKey};
use crate::lifecycle::KeyAlgorithm;

impl From<Algorithm> for KeyAlgorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Es256 => Self::Es256,
            Algorithm::Rs256 => Self::Rs256,
        }
    }
}

impl From<KeyAlgorithm> for Algorithm {
    fn from(algorithm: KeyAlgorithm) -> Self {
        match algorithm {
            KeyAlgorithm::Es256 => Self::Es256,
            KeyAlgorithm::Rs256 => Self::Rs256,
        }
    }
}

/// Oldest first.
#[derive(Default)]
pub(crate) struct Keys(Vec<ProofKey>);

impl Keys {
    /// Keeps a key, unless there is one of its kind: tokens may be bound to that one.
    pub(crate) fn keep(&mut self, key: ProofKey) {
        if self.get(key.algorithm().into()).is_none() {
            self.0.push(key);
        }
    }

    /// At most one of each kind.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        match self.0.as_slice() {
            [] | [_] => Ok(()),
            [one, other] if one.algorithm() != other.algorithm() => Ok(()),
            _ => Err("there are two keys of a kind"),
        }
    }

    pub(crate) fn get(&self, algorithm: KeyAlgorithm) -> Option<&ProofKey> {
        self.0.iter().find(|key| KeyAlgorithm::from(key.algorithm()) == algorithm)
    }

    /// The one that new tokens are bound to.
    pub(crate) fn newest(&self) -> Option<&ProofKey> {
        self.0.last()
    }

    /// The key of a token that is bound to this one, or the newest for a token of which nothing is known.
    pub(crate) fn of(&self, bound_to: Option<KeyAlgorithm>) -> Option<&ProofKey> {
        bound_to.and_then(|algorithm| self.get(algorithm)).or_else(|| self.newest())
    }

    /// Which of ours has this RFC 7638 thumbprint.
    pub(crate) fn named(&self, thumbprint: &str) -> Option<KeyAlgorithm> {
        self.0.iter().find(|key| key.thumbprint() == thumbprint).map(|key| key.algorithm().into())
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use super::*;
    use crate::dpop::{ProofSigner, PublicJwk, SignError};

    struct Never;

    impl ProofSigner for Never {
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
            Err(SignError::External)
        }
    }

    #[test]
    fn a_token_keeps_its_key_when_the_kind_is_switched() {
        // proves R35.7
        let es = ProofKey::es256_from_bytes(&[9; 32]).unwrap();
        let rs =
            ProofKey::new(Algorithm::Rs256, PublicJwk::rsa(&[3; 256], &[1, 0, 1]), Arc::new(Never)).unwrap();
        let mut keys = Keys::default();
        assert!(keys.of(None).is_none());
        keys.keep(es.clone());
        keys.keep(ProofKey::es256_from_bytes(&[8; 32]).unwrap());
        keys.keep(rs.clone());
        assert_eq!(keys.newest(), Some(&rs));
        assert_eq!(keys.of(Some(KeyAlgorithm::Es256)), Some(&es));
        assert_eq!(keys.of(None), Some(&rs));
        assert_eq!(keys.named(es.thumbprint()), Some(KeyAlgorithm::Es256));
        assert_eq!(keys.named("another's"), None);
    }
}
