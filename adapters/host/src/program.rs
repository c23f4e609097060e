//! Credentials from another program, as kubectl's exec plugins bring them: what it prints.

use satkeeper_core::UnixMillis;
use satkeeper_core::secret::Secret;
use satkeeper_core::session::{Credential, ProviderError};
use satkeeper_core::wire::time::{Unit, absolute};
use serde_json::Value;

/// From so many bytes on, what a program prints is refused: a token has 64 KiB at most.
pub const MOST_OUTPUT: u64 = 128 * 1024;

/// Reads `{"token": .., "expiry_at": <unix milliseconds, optional>}`; other members are ignored. An `expiry_at` in
/// seconds, as a text or as a date is read, too, and one that is no time at all never costs the token: it is told as
/// an odd one (`SessionNews::OddTime`) and taken as absent.
///
/// ```
/// use satkeeper_core::UnixMillis;
/// use satkeeper_host::program::credential;
/// assert_eq!(credential(br#"{"token": "abc"}"#)?.token.expose(), "abc");
/// let dated = credential(br#"{"token": "abc", "expiry_at": "2026-01-01T00:00:00Z"}"#)?;
/// assert_eq!(dated.expiry_at, Some(UnixMillis(1_767_225_600_000)));
/// # Ok::<(), satkeeper_core::session::ProviderError>(())
/// ```
///
/// # Errors
/// [`ProviderError::Transient`] where it is something else: it says what is wrong and repeats nothing.
pub fn credential(printed: &[u8]) -> Result<Credential, ProviderError> {
    if printed.len() as u64 >= MOST_OUTPUT {
        return odd("it is longer than 128 KiB");
    }
    // Some programs, and all of one operating system's shells, begin with a byte order mark.
    let printed = printed.strip_prefix(b"\xef\xbb\xbf").unwrap_or(printed);
    let Ok(Value::Object(printed)) = serde_json::from_slice(printed) else {
        return odd("it is not one JSON object");
    };
    let Some(token) = printed.get("token").and_then(Value::as_str).filter(|token| !token.is_empty()) else {
        return odd("it has no `token`");
    };
    let credential = Credential::new(Secret::new(token));
    let at = printed.get("expiry_at");
    Ok(match (absolute(at, Unit::Milliseconds).ms, at) {
        (Some(ms), _) => credential.expiring_at(UnixMillis(ms)),
        (None, None | Some(Value::Null)) => credential,
        // No time at all: the session says so, and goes by what others say (R7).
        (None, Some(_)) => credential.expiring_at(UnixMillis(0)),
    })
}

fn odd(what: &str) -> Result<Credential, ProviderError> {
    Err(ProviderError::transient(format!("what the program printed is no credential: {what}")))
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
    fn an_end_is_read_however_it_is_written() {
        // survives W13
        let end = |at: &str| {
            let printed = format!("\u{feff}{{\"token\": \"abc\", \"expiry_at\": {at}}}");
            credential(printed.as_bytes()).ok().unwrap().expiry_at.unwrap().0
        };
        for at in [
            "1767225600000",
            "1767225600000.0",
            "1767225600",
            "1767225600.0",
            "\"1767225600000\"",
            "\"1767225600\"",
            "\"2026-01-01T00:00:00Z\"",
            "\"2026-01-01T01:00:00.000+01:00\"",
        ] {
            assert_eq!(end(at), 1_767_225_600_000, "{at}");
        }
        // As if there were none, and said so.
        for at in ["\"soon\"", "-1", "0", "true", "[1767225600]", "{}", "\"\""] {
            assert_eq!(end(at), 0, "{at}");
        }
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
            &long,
        ] {
            let refused = credential(printed).err().unwrap().to_string();
            assert!(!refused.contains("canary"), "{refused}");
        }
    }
}
