//! Proof of possession: keys, thumbprints and proofs (RFC 9449, RFC 7638; R35 to R35).

mod jwk;
mod key;
mod proof;

pub use jwk::PublicJwk;
pub use key::{Algorithm, KeyError, ProofKey, ProofSigner, SignError, es256_from_der};
pub use proof::{Claims, ath, attach, jti_from, proof, signing_input};
