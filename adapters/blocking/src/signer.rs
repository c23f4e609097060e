//! Keys that the process does not hold (R35).

use satkeeper_core::dpop::SignError;
use satkeeper_host::SigningRequest;

/// Signs with a key that the process does not hold: an HSM, a key service, an enclave. Goes with a key made by
/// [`ProofKey::external`](crate::ProofKey::external).
///
/// Each call has a thread of its own and may block. The time to sign is part of the time of the request that
/// needs the proof (2 to 10 s); a signature that comes later is of no use, but the thread stays until it is there.
/// With a key service that is slow, fails now and then and signs in DER: `examples/external_signer.rs`.
///
/// ```
/// use satkeeper_blocking::core::dpop::{Algorithm, PublicJwk, SignError};
/// use satkeeper_blocking::{Client, ExternalSigner, KeyChoice, ProofKey, SigningRequest};
///
/// struct Hsm;
///
/// impl ExternalSigner for Hsm {
///     fn sign(&self, request: SigningRequest) -> Result<Vec<u8>, SignError> {
///         let _bytes = request.input.expose().as_bytes();
///         Err(SignError::Failed { message: "the HSM is not there".into() })
///     }
/// }
///
/// let key = ProofKey::external(Algorithm::Es256, PublicJwk::ec(&[1; 32], &[2; 32]))?;
/// let builder = Client::builder().key(KeyChoice::Held { key, proved: false }).signer(Hsm);
/// # drop(builder);
/// # Ok::<(), satkeeper_blocking::core::dpop::KeyError>(())
/// ```
pub trait ExternalSigner: Send + Sync + 'static {
    /// Signs.
    ///
    /// # Errors
    /// Whatever went wrong, without key material; it is tried again with the next proof.
    fn sign(&self, request: SigningRequest) -> Result<Vec<u8>, SignError>;
}
