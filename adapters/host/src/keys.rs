//! Proof-of-possession keys: made and used with aws-lc-rs.
//!
//! A session makes a key of its own unless it is given one with
//! `Builder::key`. Reasons to give one: RSA keys take 60 to 200 ms to make, so a process
//! with many sessions shares one; and a token that is bound to a key is of use only with that key, so a key
//! that outlives the process must be kept by the application.
//!
//! ```
//! # use satkeeper_host as satkeeper;
//! use satkeeper::keys;
//! # use satkeeper_core as core;
//! use core::lifecycle::KeyAlgorithm;
//! let key = keys::generate(KeyAlgorithm::Es256)?;
//! assert_eq!(key.thumbprint().len(), 43);
//! # Ok::<(), satkeeper::Error>(())
//! ```

use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use satkeeper_core::dpop::{Algorithm, ProofKey, ProofSigner, PublicJwk, SignError};
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::KeyAlgorithm;
use satkeeper_core::secret::Secret;

/// Makes a key: P-256 in microseconds, RSA (2048 bits) in 60 to 200 ms. Blocks for that long: on an event loop
/// use `spawn_blocking`.
///
/// # Errors
/// [`SessionError::DpopInit`] where the operating system has no randomness.
pub fn generate(algorithm: KeyAlgorithm) -> Result<ProofKey, SessionError> {
    generate_to_keep(algorithm).map(|(key, _)| key)
}

/// A P-256 key from PKCS #8 (RFC 5958) in DER.
///
/// ```
/// # use satkeeper_host as satkeeper;
/// assert!(satkeeper::keys::es256_from_pkcs8_der(b"no key").is_err());
/// ```
///
/// # Errors
/// [`SessionError::DpopInit`] where it is something else. Nothing of it is repeated.
pub fn es256_from_pkcs8_der(der: &[u8]) -> Result<ProofKey, SessionError> {
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
        .map_err(|_| unusable("this is no P-256 private key in PKCS #8"))?;
    es256(pair)
}

/// An RSA key of 2048 to 8192 bits from PKCS #8 (RFC 5958) in DER.
///
/// ```
/// # use satkeeper_host as satkeeper;
/// assert!(satkeeper::keys::rs256_from_pkcs8_der(b"no key").is_err());
/// ```
///
/// # Errors
/// [`SessionError::DpopInit`] where it is something else. Nothing of it is repeated.
pub fn rs256_from_pkcs8_der(der: &[u8]) -> Result<ProofKey, SessionError> {
    let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| unusable("this is no RSA private key in PKCS #8"))?;
    rs256(pair)
}

/// A key from PKCS #8 in PEM: P-256, or RSA of 2048 to 8192 bits.
///
/// ```
/// # use satkeeper_host as satkeeper;
/// assert!(satkeeper::keys::from_pkcs8_pem("no key").is_err());
/// ```
///
/// # Errors
/// [`SessionError::DpopInit`] where it is something else. Nothing of it is repeated.
pub fn from_pkcs8_pem(pem: &str) -> Result<ProofKey, SessionError> {
    const NONE: &str = "this is no P-256 or RSA private key in PKCS #8 and PEM";
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| unusable(NONE))?;
    let der = der.secret_pkcs8_der();
    es256_from_pkcs8_der(der).or_else(|_| rs256_from_pkcs8_der(der)).map_err(|_| unusable(NONE))
}

/// Makes a key, and hands it out as PKCS #8 in PEM as well, to be kept: [`from_pkcs8_pem`] reads it.
///
/// ```
/// # use satkeeper_host as satkeeper;
/// # use satkeeper_core::lifecycle::KeyAlgorithm;
/// use satkeeper::keys;
/// let (key, pem) = keys::generate_to_keep(KeyAlgorithm::Es256)?;
/// assert_eq!(keys::from_pkcs8_pem(pem.expose())?, key);
/// # Ok::<(), satkeeper::Error>(())
/// ```
///
/// # Errors
/// As [`generate`].
pub fn generate_to_keep(algorithm: KeyAlgorithm) -> Result<(ProofKey, Secret), SessionError> {
    let failed = |_| unusable("no key could be made");
    match algorithm {
        KeyAlgorithm::Es256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
            let pem = pem(pair.to_pkcs8v1().map_err(failed)?.as_ref());
            Ok((es256(pair)?, pem))
        }
        KeyAlgorithm::Rs256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
            let pem = pem(AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(failed)?.as_ref());
            Ok((rs256(pair)?, pem))
        }
        _ => Err(unusable("this kind cannot be made here")),
    }
}

/// RFC 7468: lines of 64 characters.
fn pem(der: &[u8]) -> Secret {
    let mut text = String::from("-----BEGIN PRIVATE KEY-----\n");
    // 48 bytes are 64 characters.
    for line in der.chunks(48) {
        text.push_str(&STANDARD.encode(line));
        text.push('\n');
    }
    text.push_str("-----END PRIVATE KEY-----\n");
    Secret::new(text)
}

fn es256(pair: EcdsaKeyPair) -> Result<ProofKey, SessionError> {
    const FAILED: &str = "its public half is no point on P-256";
    // SEC 1: 0x04, then x and y of 32 bytes each.
    let point: &[u8] = pair.public_key().as_ref();
    let Some((&4, coordinates)) = point.split_first() else { return Err(unusable(FAILED)) };
    let Some((x, y)) = coordinates.split_first_chunk::<32>() else { return Err(unusable(FAILED)) };
    let y = y.try_into().map_err(|_| unusable(FAILED))?;
    let jwk = PublicJwk::ec(x, y);
    ProofKey::new(Algorithm::Es256, jwk, Arc::new(Es256(pair))).map_err(|error| unusable(&error.to_string()))
}

fn rs256(pair: RsaKeyPair) -> Result<ProofKey, SessionError> {
    let public = pair.public_key();
    let jwk = PublicJwk::rsa(
        public.modulus().big_endian_without_leading_zero(),
        public.exponent().big_endian_without_leading_zero(),
    );
    ProofKey::new(Algorithm::Rs256, jwk, Arc::new(Rs256(pair))).map_err(|error| unusable(&error.to_string()))
}

fn unusable(message: &str) -> SessionError {
    SessionError::DpopInit { message: message.to_owned() }
}

struct Es256(EcdsaKeyPair);

impl ProofSigner for Es256 {
    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature = self.0.sign(&SystemRandom::new(), input).map_err(|_| failed("ES256"))?;
        Ok(signature.as_ref().to_vec())
    }
}

struct Rs256(RsaKeyPair);

impl ProofSigner for Rs256 {
    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SignError> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input, &mut signature)
            .map_err(|_| failed("RS256"))?;
        Ok(signature)
    }
}

fn failed(algorithm: &str) -> SignError {
    SignError::Failed { message: algorithm.to_owned() }
}

#[cfg(test)]
mod tests;
