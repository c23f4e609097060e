//! What a field must look like before it is sent (R34).

use crate::error::{Error, Result};

/// Longest free text in a field, bytes; the limit is ours, to keep requests bounded.
const MAX_FIELD: usize = 1024;

/// Whether this has the form of an RFC 7638 thumbprint: 43 characters of base64url.
pub fn is_fingerprint(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Whether this has the form of a UUID: 8-4-4-4-12 hexadecimal digits.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

pub(super) fn fingerprint(text: Option<&str>) -> Result<()> {
    check(text.is_none_or(is_fingerprint), "fingerprint", "it must be 43 characters of base64url")
}

pub(super) fn uuid(field: &'static str, text: &str) -> Result<()> {
    check(is_uuid(text), field, "it must be a UUID")
}

/// A time in unix seconds: what is in milliseconds by mistake would be refused by the server or live for ever.
pub(super) fn unix_seconds(field: &'static str, seconds: Option<u64>) -> Result<()> {
    let is_plausible = seconds.is_none_or(|s| s > 0 && s < crate::wire::time::MILLISECONDS_FROM);
    check(is_plausible, field, "it must be unix seconds, not milliseconds")
}

/// Required text.
pub(super) fn required(field: &'static str, text: &str) -> Result<()> {
    check(!text.trim().is_empty(), field, "it must not be empty")?;
    optional(field, Some(text))
}

/// Free text.
pub(super) fn optional(field: &'static str, text: Option<&str>) -> Result<()> {
    let text = text.unwrap_or_default();
    check(text.len() <= MAX_FIELD, field, "it must not exceed 1024 bytes")?;
    check(!text.contains(char::is_control), field, "it must not contain control characters")
}

/// A token that goes into a body or a header: visible ASCII, nothing that could end a header.
pub(super) fn token(field: &'static str, text: &str) -> Result<()> {
    check(!text.is_empty(), field, "it must not be empty")?;
    check(text.len() <= crate::wire::sat::MAX_TOKEN, field, "it must not exceed 64 KiB")?;
    check(text.bytes().all(|b| b.is_ascii_graphic()), field, "it must be visible ASCII without blanks")
}

pub(super) fn check(holds: bool, field: &'static str, reason: &'static str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::InvalidField { field, reason }) }
}
