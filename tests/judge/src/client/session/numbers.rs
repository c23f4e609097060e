//! Tokens, secrets and proofs as bytes, and the numbers that are in them.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::client::{Proof, Serial};

/// Which hosts serve a subscriber, the header of a token says.
static HEADER: LazyLock<String> = LazyLock::new(|| {
    let header = json!({"alg": "dir", "enc": "A256GCM", "ch": "puc.judge.test", "typ": "SAT"});
    URL_SAFE_NO_PAD.encode(header.to_string())
});

/// The same of a refresh token.
static REFRESH_HEADER: LazyLock<String> = LazyLock::new(|| {
    let header = json!({"alg": "dir", "enc": "A256GCM", "typ": "Refresh", "ch": "puc.judge.test"});
    URL_SAFE_NO_PAD.encode(header.to_string())
});

/// A compact JWE whose header decodes, as a subscriber's token is one; its number is where the ciphertext would be.
pub(super) fn token(serial: Serial) -> String {
    format!("{}..9zVvT0aWmLUjs2rH.token-{serial}.a2Vlc-VuQm9keQ", *HEADER)
}

/// The number of a token.
pub(super) fn serial(token: &str) -> Option<Serial> {
    ciphertext(token)?.strip_prefix("token-")?.parse().ok()
}

/// A refresh token that can be used once.
pub(super) fn refresh_token(secret: u32) -> String {
    format!("{}..9zVvT0aWmLUjs2rH.secret-{secret}.a2Vlc-VuQm9keQ", *REFRESH_HEADER)
}

/// The number of a refresh token.
pub(super) fn secret(refresh_token: &str) -> Option<u32> {
    ciphertext(refresh_token)?.strip_prefix("secret-")?.parse().ok()
}

fn ciphertext(jwe: &str) -> Option<&str> {
    jwe.split('.').nth(3)
}

/// A state to resume with: `<base64>:<base64 tag>`.
pub(super) fn state(number: u64) -> String {
    format!("{}:dGFn", STANDARD.encode(format!("state {number}")))
}

/// When a proof says that it was signed; `None` where there is none.
pub(super) fn signed_at(jws: &Value) -> Proof {
    let claims = URL_SAFE_NO_PAD.decode(jws.as_str()?.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims["iat"].as_u64().map(|seconds| seconds.saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use satkeeper_core::secret::Secret;
    use satkeeper_core::wire::sat::SatHeader;

    use super::*;

    #[test]
    fn numbers_survive_as_bytes() {
        assert_eq!(serial(&token(17)), Some(17));
        assert_eq!(secret(&refresh_token(3)), Some(3));
        assert_eq!((serial(&refresh_token(3)), secret(&token(17))), (None, None));
    }

    #[test]
    fn a_token_has_a_header_that_names_its_host() {
        let header = SatHeader::decode(&Secret::new(token(1))).unwrap();
        assert_eq!((header.typ.as_deref(), header.ch.as_deref()), (Some("SAT"), Some("puc.judge.test")));
    }

    #[test]
    fn a_proof_says_when_it_was_signed() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"jti":"j","iat":1700000000}"#);
        assert_eq!(signed_at(&json!(format!("h.{claims}.s"))), Some(1_700_000_000_000));
        assert_eq!((signed_at(&Value::Null), signed_at(&json!("h.c.s"))), (None, None));
    }
}
