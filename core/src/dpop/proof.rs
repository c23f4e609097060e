//! Proofs: compact JWS over a handful of claims (RFC 9449 section 4).

use alloc::format;
use alloc::string::String;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{ProofKey, SignError};
use crate::secret::Secret;

/// What a proof is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Claims<'a> {
    /// An HTTP request (RFC 9449 section 4.2).
    Http {
        /// Method.
        htm: &'a str,
        /// The path alone, as the SignalWire browser SDK v4 sends it, or the URI without query and fragment.
        htu: &'a str,
        /// Hash of the token that the request carries, see [`ath`]. SignalWire has it on a refresh only.
        ath: Option<&'a str>,
    },
    /// A JSON-RPC request on the socket (SignalWire browser SDK v4).
    Rpc {
        /// The request's method, `signalwire.connect` for example.
        mth: &'a str,
    },
}

/// Signs a proof with the key's own signer and returns it as compact JWS.
///
/// `jti` must be new for every attempt (see [`jti_from`]), `iat_s` is the server's time in unix seconds, and
/// `nonce` the newest one that this origin has sent (RFC 9449 section 8). Claims come in the order
/// `jti,htm,htu,iat[,ath][,nonce]` or `jti,rpc,mth,iat[,nonce]`.
///
/// # Errors
/// [`SignError::External`] for a key without a signer, [`SignError::Failed`] or [`SignError::Malformed`] where
/// the signer fails.
pub fn proof(
    key: &ProofKey,
    jti: &str,
    iat_s: u64,
    claims: &Claims<'_>,
    nonce: Option<&str>,
) -> Result<Secret, SignError> {
    let input = signing_input(key, jti, iat_s, claims, nonce);
    let signature = key.sign(input.expose().as_bytes())?;
    attach(key, &input, &signature)
}

/// The bytes to be signed: header and claims, base64url, joined by a dot (RFC 7515 section 5.1). For keys whose
/// signatures are made elsewhere (R35); arguments as for [`proof`].
pub fn signing_input(
    key: &ProofKey,
    jti: &str,
    iat_s: u64,
    claims: &Claims<'_>,
    nonce: Option<&str>,
) -> Secret {
    #[derive(Serialize)]
    struct Http<'a> {
        jti: &'a str,
        htm: &'a str,
        htu: &'a str,
        iat: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        ath: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        nonce: Option<&'a str>,
    }
    #[derive(Serialize)]
    struct Rpc<'a> {
        jti: &'a str,
        rpc: &'a str,
        mth: &'a str,
        iat: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        nonce: Option<&'a str>,
    }
    let payload = match *claims {
        Claims::Http { htm, htu, ath } => {
            crate::wire::text::encode(&Http { jti, htm, htu, iat: iat_s, ath, nonce })
        }
        Claims::Rpc { mth } => {
            crate::wire::text::encode(&Rpc { jti, rpc: "request", mth, iat: iat_s, nonce })
        }
    };
    let mut input = String::with_capacity(key.header_segment().len() + 1 + payload.len().div_ceil(3) * 4);
    input.push_str(key.header_segment());
    input.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut input);
    Secret::new(input)
}

/// Joins a [`signing_input`] and the signature made over it to a proof.
///
/// # Errors
/// [`SignError::Malformed`] where the signature's length is not one of the key's algorithm.
pub fn attach(key: &ProofKey, signing_input: &Secret, signature: &[u8]) -> Result<Secret, SignError> {
    let algorithm = key.algorithm();
    if !algorithm.fits(signature) {
        return Err(SignError::Malformed { algorithm: algorithm.name(), length: signature.len() });
    }
    let mut jws = String::with_capacity(signing_input.len() + 1 + signature.len().div_ceil(3) * 4);
    jws.push_str(signing_input.expose());
    jws.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut jws);
    Ok(Secret::new(jws))
}

/// Hash of an access token for the `ath` claim: base64url of its SHA-256 (RFC 9449 section 4.2).
pub fn ath(token: &Secret) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token.expose().as_bytes()))
}

/// A proof id from 16 random bytes: the text of a version 4 UUID (RFC 9562), the form that the SignalWire
/// browser SDK v4 uses. 122 of the bits survive; RFC 9449 asks for 96.
pub fn jti_from(random: [u8; 16]) -> String {
    let bits = u128::from_be_bytes(random);
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let mut text = String::with_capacity(36);
    for (at, digit) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}
