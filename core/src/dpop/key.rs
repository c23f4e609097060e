//! Proof keys: what is public of them, and who signs.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey as _;
use serde::Serialize;

use super::PublicJwk;

/// Signature algorithm of a proof (RFC 7518 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256; the signature is `r || s`, 64 bytes.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256; the signature is as long as the modulus.
    Rs256,
}

impl Algorithm {
    /// Name in a JOSE header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// Whether a signature of this length can be one of this algorithm's.
    pub(super) const fn fits(self, signature: &[u8]) -> bool {
        match self {
            Self::Es256 => signature.len() == 64,
            // 2048 bits is the least that RFC 7518 section 3.3 allows; 16384 the most that anybody makes.
            Self::Rs256 => signature.len() >= 256 && signature.len() <= 2048,
        }
    }
}

/// Why no signature was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The key lives elsewhere; ask the driver to sign [`super::signing_input`].
    #[error("the key is held by an external signer; have it sign the signing input")]
    External,
    /// What came back cannot be a signature of the key's algorithm.
    #[error("the signer returned {length} bytes, which is no {algorithm} signature")]
    Malformed {
        /// The key's algorithm.
        algorithm: &'static str,
        /// Length of what came back, bytes.
        length: usize,
    },
    /// The signer failed.
    #[error("the signer failed: {message}")]
    Failed {
        /// What it said; must not contain key material.
        message: String,
    },
}

/// Why something is no usable proof key. Never repeats any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a P-256 private key in the encoding asked for.
    #[error("this is no P-256 private key in the expected encoding")]
    Malformed,
    /// The public key's type does not belong to the algorithm.
    #[error("the public key's type does not belong to the algorithm")]
    Mismatch,
}

/// Makes signatures. Implemented by adapters for keys that this crate does not handle (RSA, HSM libraries).
pub trait ProofSigner: Send + Sync {
    /// Signs the bytes and returns the raw JWS signature: for ES256 the 64 bytes `r || s` (see
    /// [`es256_from_der`]), for RS256 the PKCS #1 v1.5 signature.
    ///
    /// # Errors
    /// [`SignError::Failed`] where the key cannot be used.
    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// A key for proofs of possession. Cheap to clone; holds everything that does not change from proof to proof,
/// the encoded header included.
///
/// Debug shows algorithm and thumbprint, which are public, and nothing else.
#[derive(Clone)]
pub struct ProofKey(Arc<Inner>);

struct Inner {
    algorithm: Algorithm,
    jwk: PublicJwk,
    thumbprint: String,
    header_segment: String,
    signer: Option<Arc<dyn ProofSigner>>,
}

impl ProofKey {
    /// A key whose signatures `signer` makes on the spot.
    ///
    /// # Errors
    /// [`KeyError::Mismatch`] where `jwk` is not of the type that `algorithm` needs.
    pub fn new(algorithm: Algorithm, jwk: PublicJwk, signer: Arc<dyn ProofSigner>) -> Result<Self, KeyError> {
        Self::build(algorithm, jwk, Some(signer))
    }

    /// A key that somebody else signs with, asynchronously: an HSM, a KMS, an enclave (R35).
    ///
    /// # Errors
    /// [`KeyError::Mismatch`] where `jwk` is not of the type that `algorithm` needs.
    pub fn external(algorithm: Algorithm, jwk: PublicJwk) -> Result<Self, KeyError> {
        Self::build(algorithm, jwk, None)
    }

    /// A software P-256 key from its secret scalar, big endian. Any 32 random bytes will do, but for a chance
    /// of 2^-32 that they are no scalar of the curve: draw again.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] where the bytes are zero or not below the order of the curve.
    pub fn es256_from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        Self::es256(SigningKey::from_slice(bytes).map_err(|_| KeyError::Malformed)?)
    }

    /// A software P-256 key from PKCS #8 in DER (RFC 5958). Costs about 0.15 ms: parse once.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] where it is something else.
    pub fn es256_from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        Self::es256(SigningKey::from_pkcs8_der(der).map_err(|_| KeyError::Malformed)?)
    }

    /// A software P-256 key from PKCS #8 in PEM (`BEGIN PRIVATE KEY`).
    ///
    /// # Errors
    /// [`KeyError::Malformed`] where it is something else.
    pub fn es256_from_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        Self::es256(SigningKey::from_pkcs8_pem(pem).map_err(|_| KeyError::Malformed)?)
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// The public key.
    pub fn jwk(&self) -> &PublicJwk {
        &self.0.jwk
    }

    /// RFC 7638 thumbprint, 43 characters: the fingerprint that a token is bound to.
    pub fn thumbprint(&self) -> &str {
        &self.0.thumbprint
    }

    /// Whether signatures must be asked for elsewhere ([`ProofKey::external`]).
    pub fn is_external(&self) -> bool {
        self.0.signer.is_none()
    }

    pub(super) fn header_segment(&self) -> &str {
        &self.0.header_segment
    }

    pub(super) fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SignError> {
        self.0.signer.as_ref().ok_or(SignError::External)?.sign(input)
    }

    fn es256(key: SigningKey) -> Result<Self, KeyError> {
        let point = key.verifying_key().to_sec1_point(false);
        let (Some(x), Some(y)) = (point.x(), point.y()) else { return Err(KeyError::Malformed) };
        let x = x.as_slice().try_into().map_err(|_| KeyError::Malformed)?;
        let y = y.as_slice().try_into().map_err(|_| KeyError::Malformed)?;
        Self::new(Algorithm::Es256, PublicJwk::ec(x, y), Arc::new(SoftwareEs256(key)))
    }

    fn build(
        algorithm: Algorithm,
        jwk: PublicJwk,
        signer: Option<Arc<dyn ProofSigner>>,
    ) -> Result<Self, KeyError> {
        #[derive(Serialize)]
        struct Header<'a> {
            typ: &'a str,
            alg: &'a str,
            jwk: &'a PublicJwk,
        }
        match (algorithm, &jwk) {
            (Algorithm::Es256, PublicJwk::Ec { .. }) | (Algorithm::Rs256, PublicJwk::Rsa { .. }) => {}
            _ => return Err(KeyError::Mismatch),
        }
        let header = crate::wire::text::encode(&Header { typ: "dpop+jwt", alg: algorithm.name(), jwk: &jwk });
        Ok(Self(Arc::new(Inner {
            algorithm,
            thumbprint: jwk.thumbprint(),
            header_segment: URL_SAFE_NO_PAD.encode(header),
            jwk,
            signer,
        })))
    }
}

impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofKey")
            .field("algorithm", &self.0.algorithm)
            .field("thumbprint", &self.0.thumbprint)
            .finish_non_exhaustive()
    }
}

/// Two keys are the same when algorithm and public half are.
impl PartialEq for ProofKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.algorithm == other.0.algorithm && self.0.jwk == other.0.jwk
    }
}

impl Eq for ProofKey {}

/// Turns a DER-encoded ECDSA signature (`SEQUENCE { r, s }`, what most key services return) into the 64 bytes
/// `r || s` that JWS wants (RFC 7518 section 3.4).
///
/// ```
/// use satkeeper_core::dpop::es256_from_der;
/// // r = 5, s = 6
/// let raw = es256_from_der(&[0x30, 6, 2, 1, 5, 2, 1, 6])?;
/// assert_eq!((raw.len(), raw[31], raw[63]), (64, 5, 6));
/// # Ok::<(), satkeeper_core::dpop::SignError>(())
/// ```
///
/// # Errors
/// [`SignError::Malformed`] where it is no DER signature on P-256: anything before, between or after the two
/// numbers, a number that is not encoded in the shortest way, zero, or not below the order of the curve.
pub fn es256_from_der(der: &[u8]) -> Result<Vec<u8>, SignError> {
    let malformed = SignError::Malformed { algorithm: Algorithm::Es256.name(), length: der.len() };
    Signature::from_der(der).map(|signature| signature.to_bytes().to_vec()).map_err(|_| malformed)
}

/// RFC 6979: the same key and input give the same signature, so golden proofs are possible.
struct SoftwareEs256(SigningKey);

impl ProofSigner for SoftwareEs256 {
    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature: Signature =
            self.0.try_sign(input).map_err(|_| SignError::Failed { message: "ES256".to_owned() })?;
        Ok(signature.to_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::{ProofKey, URL_SAFE_NO_PAD};
    use base64::Engine as _;

    #[test]
    fn signatures_are_deterministic_and_those_of_rfc_7515_a3() {
        let scalar = URL_SAFE_NO_PAD.decode("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI");
        let scalar: [u8; 32] = scalar.unwrap_or_default().try_into().unwrap_or_default();
        let signature = ProofKey::es256_from_bytes(&scalar).ok().and_then(|key| {
            key.sign(
                b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
            )
            .ok()
        });
        assert_eq!(
            signature.map(|it| URL_SAFE_NO_PAD.encode(it)).as_deref(),
            Some("e4ZrhZdbFQ7630Tq51E6RQiJaae9bFNGJszIhtusEwzvO21rzH76Wer6yRn2Zb34VjIm3cVRl0iQctbf4uBY3w")
        );
    }
}
