//! The keys that a session signs with. What they sign is worth nothing and costs nothing: the server here reads the time
//! in a proof and verifies no signature, as a session-day has hundreds of them.

use std::sync::Arc;

use satkeeper_core::dpop::{Algorithm, ProofKey, ProofSigner, PublicJwk, SignError};
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::KeyAlgorithm;

/// Signs on the spot, always alike.
struct Stub(usize);

impl ProofSigner for Stub {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(vec![7; self.0])
    }
}

/// The key of this kind.
pub(super) fn key(algorithm: KeyAlgorithm) -> Result<ProofKey, Error> {
    let key = match algorithm {
        KeyAlgorithm::Es256 => {
            // The base point of P-256, so that it is a point.
            ProofKey::new(Algorithm::Es256, PublicJwk::ec(&BASE_X, &BASE_Y), Arc::new(Stub(64)))
        }
        _ => ProofKey::new(Algorithm::Rs256, PublicJwk::rsa(&[0xc5; 256], &[1, 0, 1]), Arc::new(Stub(256))),
    };
    key.map_err(|error| Error::DpopInit { message: error.to_string() })
}

const BASE_X: [u8; 32] = [
    0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77,
    0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
];
const BASE_Y: [u8; 32] = [
    0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b,
    0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_of_each_kind() {
        let (ec, rsa) = (key(KeyAlgorithm::Es256).unwrap(), key(KeyAlgorithm::Rs256).unwrap());
        assert_ne!(ec.thumbprint(), rsa.thumbprint());
        assert!(!ec.is_external() && !rsa.is_external());
    }
}
