//! Bodies of answers.

use serde::de::IgnoredAny;

/// Whether this is a whole JSON object, though nobody has said that the body ends here: the connection broke, or its
/// time is over. A token that has been read is not thrown away for what did not come behind it.
///
/// ```
/// use satkeeper_host::body::is_whole;
/// assert!(is_whole(br#"{"token": "eyJ"}"#));
/// assert!(!is_whole(br#"{"token": "ey"#) && !is_whole(b"12"));
/// ```
#[must_use]
pub fn is_whole(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(body).is_ok()
}
