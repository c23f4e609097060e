//! Credentials from another program, as kubectl's exec plugins bring them: what it prints.

use satkeeper_core::UnixMillis;
use satkeeper_core::secret::Secret;
use satkeeper_core::session::{Credential, ProviderError};
use serde_json::Value;

/// From so many bytes on, what a program prints is refused: a token has 64 KiB at most.
pub const MOST_OUTPUT: u64 = 128 * 1024;

/// Reads `{"token": .., "expiry_at": <unix milliseconds, optional>}`; other members are ignored.
///
/// ```
/// use satkeeper_host::program::credential;
/// assert_eq!(credential(br#"{"token": "abc"}"#)?.token.expose(), "abc");
/// # Ok::<(), satkeeper_core::session::ProviderError>(())
/// ```
///
/// # Errors
/// [`ProviderError::Transient`] where it is something else: it says what is wrong and repeats nothing.
pub fn credential(printed: &[u8]) -> Result<Credential, ProviderError> {
    if printed.len() as u64 >= MOST_OUTPUT {
        return odd("it is longer than 128 KiB");
    }
    let Ok(Value::Object(printed)) = serde_json::from_slice(printed) else {
        return odd("it is not one JSON object");
    };
    let Some(token) = printed.get("token").and_then(Value::as_str).filter(|token| !token.is_empty()) else {
        return odd("it has no `token`");
    };
    let credential = Credential::new(Secret::new(token));
    match printed.get("expiry_at") {
        None | Some(Value::Null) => Ok(credential),
        Some(at) => match at.as_u64() {
            Some(at) => Ok(credential.expiring_at(UnixMillis(at))),
            None => odd("its `expiry_at` is not a whole number of milliseconds"),
        },
    }
}

fn odd(what: &str) -> Result<Credential, ProviderError> {
    let message = format!("what the program printed is no credential: {what}");
    Err(ProviderError::Transient { message, retry_after: None })
}

#[cfg(test)]
mod tests {
    use super::{MOST_OUTPUT, credential};
    use satkeeper_core::UnixMillis;

    #[test]
    fn a_credential_with_and_without_an_end() {
        let with = credential(br#"{"token": "abc", "expiry_at": 1767225600000, "more": 1}"#).ok().unwrap();
        assert_eq!(with.token.expose(), "abc");
        assert_eq!(with.expiry_at, Some(UnixMillis(1_767_225_600_000)));
        let without = credential(br#"{"token": "abc", "expiry_at": null}"#).ok().unwrap();
        assert!(without.expiry_at.is_none());
    }

    #[test]
    fn anything_else_is_named_and_not_shown() {
        let long = vec![b' '; usize::try_from(MOST_OUTPUT).unwrap()];
        for printed in [
            &b"canary"[..],
            b"",
            b"[\"canary\"]",
            b"{\"token\": 7}",
            b"{\"token\": \"\"}",
            b"{\"tokn\": \"canary\"}",
            b"{\"token\": \"canary\", \"expiry_at\": \"soon\"}",
            b"{\"token\": \"canary\", \"expiry_at\": -1}",
            &long,
        ] {
            let refused = credential(printed).err().unwrap().to_string();
            assert!(!refused.contains("canary"), "{refused}");
        }
    }
}
