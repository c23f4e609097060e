//! Public keys as JSON Web Keys (RFC 7517) and their thumbprints (RFC 7638).

use alloc::string::String;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::ser::{SerializeStruct as _, Serializer};
use sha2::{Digest as _, Sha256};

/// The public half of a proof key. Members are base64url without padding.
///
/// Serialised, the members come in a fixed order (`kty,crv,x,y` or `kty,n,e`) and without optional ones.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicJwk {
    /// A point on P-256.
    Ec {
        /// Affine x, 32 bytes.
        x: String,
        /// Affine y, 32 bytes.
        y: String,
    },
    /// An RSA key.
    Rsa {
        /// Modulus, big endian without leading zeros.
        n: String,
        /// Public exponent, big endian without leading zeros; `AQAB` for 65537.
        e: String,
    },
}

impl PublicJwk {
    /// From the affine coordinates of a P-256 point, big endian.
    pub fn ec(x: &[u8; 32], y: &[u8; 32]) -> Self {
        Self::Ec { x: URL_SAFE_NO_PAD.encode(x), y: URL_SAFE_NO_PAD.encode(y) }
    }

    /// From an RSA modulus and exponent, big endian. Leading zero bytes, as DER has them, are dropped
    /// (RFC 7518 section 6.3.1 forbids them).
    pub fn rsa(n: &[u8], e: &[u8]) -> Self {
        Self::Rsa {
            n: URL_SAFE_NO_PAD.encode(without_leading_zeros(n)),
            e: URL_SAFE_NO_PAD.encode(without_leading_zeros(e)),
        }
    }

    /// SHA-256 of the required members in lexical order, base64url: always 43 characters (RFC 7638).
    ///
    /// SignalWire calls it the fingerprint (R35).
    pub fn thumbprint(&self) -> String {
        #[derive(Serialize)]
        struct Ec<'a> {
            crv: &'a str,
            kty: &'a str,
            x: &'a str,
            y: &'a str,
        }
        #[derive(Serialize)]
        struct Rsa<'a> {
            e: &'a str,
            kty: &'a str,
            n: &'a str,
        }
        let canonical = match self {
            Self::Ec { x, y } => crate::wire::text::encode(&Ec { crv: "P-256", kty: "EC", x, y }),
            Self::Rsa { n, e } => crate::wire::text::encode(&Rsa { e, kty: "RSA", n }),
        };
        URL_SAFE_NO_PAD.encode(Sha256::digest(canonical.as_bytes()))
    }
}

impl Serialize for PublicJwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ec { x, y } => {
                let mut jwk = serializer.serialize_struct("PublicJwk", 4)?;
                jwk.serialize_field("kty", "EC")?;
                jwk.serialize_field("crv", "P-256")?;
                jwk.serialize_field("x", x)?;
                jwk.serialize_field("y", y)?;
                jwk.end()
            }
            Self::Rsa { n, e } => {
                let mut jwk = serializer.serialize_struct("PublicJwk", 3)?;
                jwk.serialize_field("kty", "RSA")?;
                jwk.serialize_field("n", n)?;
                jwk.serialize_field("e", e)?;
                jwk.end()
            }
        }
    }
}

fn without_leading_zeros(mut bytes: &[u8]) -> &[u8] {
    while let [0, rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}
