//! The one part of a subscriber access token that a client can read: its header.

use alloc::borrow::ToOwned;
use alloc::string::String;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::secret::Secret;

/// Longest token that is looked at, bytes. SignalWire's samples have 589 to 660.
pub const MAX_TOKEN: usize = 64 * 1024;

/// The readable header of a token. Everything else in it is encrypted for the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SatHeader {
    /// `SAT` for a subscriber access token, `Refresh` for a refresh token.
    pub typ: Option<String>,
    /// The host that serves this subscriber; see [`crate::wire::routing::Routing::from_ch`].
    pub ch: Option<String>,
}

impl SatHeader {
    /// Reads the first segment of a compact JWE (five parts) or JWS (three parts). Members that are no text
    /// count as absent.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`] where the header does not decode or the token exceeds [`MAX_TOKEN`]
    /// (R31). The message shows no part of the token.
    pub fn decode(token: &Secret) -> Result<Self> {
        let token = token.expose();
        if token.is_empty() {
            return Err(Error::credentials("the token is empty"));
        }
        if token.len() > MAX_TOKEN {
            return Err(Error::credentials("the token is longer than 64 KiB"));
        }
        if !token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'=')) {
            return Err(Error::credentials("the token has characters that no compact JWE or JWS has"));
        }
        if !matches!(token.split('.').count(), 3 | 5) {
            return Err(Error::credentials(
                "the token is neither a compact JWE (5 parts) nor a JWS (3 parts)",
            ));
        }
        let header = token.split('.').next().unwrap_or_default();
        let header = lenient_base64url()
            .decode(header)
            .map_err(|_| Error::credentials("the token's header is not base64url"))?;
        let Ok(Value::Object(header)) = serde_json::from_slice(&header) else {
            return Err(Error::credentials("the token's header is not a JSON object"));
        };
        let text = |name: &str| header.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Self { typ: text("typ"), ch: text("ch") })
    }
}

/// Padding or none: issuers differ, and nothing hangs on it.
const fn lenient_base64url() -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(&alphabet::URL_SAFE, config)
}
