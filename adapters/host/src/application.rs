//! What an application's own code is handed: by the provider that it brings, and by the signer.

use std::fmt;

use satkeeper_core::lifecycle::KeyAlgorithm;
use satkeeper_core::secret::Secret;

/// What a provider is told when it is asked for a credential.
///
/// ```
/// # use satkeeper_host as satkeeper;
/// use satkeeper::AuthenticateContext;
/// let context = AuthenticateContext::new(Some("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I".into()));
/// assert_eq!(context.fingerprint.unwrap().len(), 43);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthenticateContext {
    /// RFC 7638 thumbprint of the session's key, 43 characters: forward it to the token endpoint, together
    /// with `scope: "sat:refresh"`, and the session renews the token by itself. `None`: there is no key.
    pub fingerprint: Option<String>,
}

impl AuthenticateContext {
    /// With this fingerprint. For tests of providers; sessions make their own.
    #[must_use]
    pub const fn new(fingerprint: Option<String>) -> Self {
        Self { fingerprint }
    }
}

/// What a provider is told when it is asked for a newer credential.
///
/// ```
/// # use satkeeper_host as satkeeper;
/// use satkeeper::RefreshContext;
/// assert_eq!(RefreshContext::new(None).fingerprint, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefreshContext {
    /// As that of [`AuthenticateContext`], for backends that mint a new token where they are asked to refresh one.
    pub fingerprint: Option<String>,
}

impl RefreshContext {
    /// With this fingerprint. For tests of providers; sessions make their own.
    #[must_use]
    pub const fn new(fingerprint: Option<String>) -> Self {
        Self { fingerprint }
    }
}

/// What is to be signed by an `ExternalSigner`.
///
/// ```
/// # use satkeeper_host as satkeeper;
/// use satkeeper::SigningRequest;
/// use satkeeper_core::{lifecycle::KeyAlgorithm, secret::Secret};
/// let request = SigningRequest::new(KeyAlgorithm::Es256, "0ZcO…".into(), Secret::new("header.claims"));
/// assert!(!format!("{request:?}").contains("claims"));
/// ```
#[non_exhaustive]
pub struct SigningRequest {
    /// The key's kind. ES256: ECDSA on P-256 with SHA-256, 64 bytes `r || s`
    /// ([`es256_from_der`](satkeeper_core::dpop::es256_from_der) makes them of DER). RS256: PKCS #1 v1.5 with SHA-256.
    pub algorithm: KeyAlgorithm,
    /// The key's RFC 7638 thumbprint.
    pub thumbprint: String,
    /// The bytes to sign: a proof without its signature.
    pub input: Secret,
}

impl SigningRequest {
    /// To sign these bytes with this key. For tests of signers; sessions make their own.
    #[must_use]
    pub const fn new(algorithm: KeyAlgorithm, thumbprint: String, input: Secret) -> Self {
        Self { algorithm, thumbprint, input }
    }
}

impl fmt::Debug for SigningRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningRequest")
            .field("algorithm", &self.algorithm)
            .field("thumbprint", &self.thumbprint)
            .finish_non_exhaustive()
    }
}
