//! Keys that the process does not hold (R35).

use satkeeper_core::dpop::SignError;
use satkeeper_host::SigningRequest;

use crate::provider::BoxFuture;

/// Signs with a key that the process does not hold: an HSM, a key service, an enclave. Goes with a key made by
/// [`ProofKey::external`](crate::ProofKey::external).
///
/// The time to sign is part of the time of the request that needs the proof (2 to 10 s); at its end the future
/// is dropped.
/// With a key service that is slow, fails now and then and signs in DER: `examples/external_signer.rs`.
///
/// ```
/// use satkeeper::core::dpop::{Algorithm, PublicJwk, SignError};
/// use satkeeper::{BoxFuture, Client, ExternalSigner, KeyChoice, ProofKey, SigningRequest};
///
/// struct Hsm;
///
/// impl ExternalSigner for Hsm {
///     fn sign(&self, request: SigningRequest) -> BoxFuture<'_, Result<Vec<u8>, SignError>> {
///         Box::pin(async move {
///             let _bytes = request.input.expose().as_bytes();
///             Err(SignError::Failed { message: "the HSM is not there".into() })
///         })
///     }
/// }
///
/// let key = ProofKey::external(Algorithm::Es256, PublicJwk::ec(&[1; 32], &[2; 32]))?;
/// let builder = Client::builder().key(KeyChoice::Held { key, proved: false }).signer(Hsm);
/// # drop(builder);
/// # Ok::<(), satkeeper::core::dpop::KeyError>(())
/// ```
pub trait ExternalSigner: Send + Sync + 'static {
    /// Signs.
    ///
    /// # Errors
    /// Whatever went wrong, without key material; it is tried again with the next proof.
    fn sign(&self, request: SigningRequest) -> BoxFuture<'_, Result<Vec<u8>, SignError>>;
}
