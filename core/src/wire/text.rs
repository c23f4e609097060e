//! Text from servers, made fit for errors and logs; JSON out and JSON errors without their values.

use alloc::borrow::{Cow, ToOwned};
use alloc::format;
use alloc::string::String;

use serde::Serialize;
use serde_json::Value;

use crate::secret::Secret;

/// Most characters of one server-sent text that an error keeps.
pub const MAX_TEXT: usize = 256;

/// What stands where a credential was cut out.
pub const REDACTED: &str = "[redacted]";

/// Makes server-sent text fit to be shown: control characters dropped, credentials replaced by [`REDACTED`],
/// length bounded to [`MAX_TEXT`] characters.
///
/// Credentials are the secrets that it was given (what was sent in the request) and, whether known or not,
/// everything that looks like a compact JOSE token.
#[derive(Clone, Copy, Default)]
pub struct Cleaner<'a> {
    secrets: &'a [&'a Secret],
}

impl<'a> Cleaner<'a> {
    /// Knows these secrets.
    pub const fn new(secrets: &'a [&'a Secret]) -> Self {
        Self { secrets }
    }

    /// The text, cleaned.
    pub fn clean(&self, text: &str) -> String {
        // Controls first: one inside an echoed token would hide it from the comparison below.
        let mut text = printable(text);
        for secret in self.secrets {
            // One in the secret itself, from a damaged record, would hide that from it.
            let known = zeroize::Zeroizing::new(printable(secret.expose()));
            // A secret of a few characters would match ordinary words.
            if known.len() >= 4 && text.contains(known.as_str()) {
                text = text.replace(known.as_str(), REDACTED);
            }
        }
        bounded(&without_tokens(&text))
    }
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !is_unprintable(*c)).collect()
}

/// Controls, and the marks that reorder or hide text on a terminal.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Replaces everything that starts like a base64url-encoded JSON object (`eyJ`) and goes on like a token.
fn without_tokens(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, token)) = rest.split_once("eyJ") {
        let tail = token
            .trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '='));
        clean.push_str(before);
        clean.push_str(if token.len() - tail.len() >= 8 { REDACTED } else { "eyJ" });
        rest = if token.len() - tail.len() >= 8 { tail } else { token };
    }
    clean.push_str(rest);
    clean
}

fn bounded(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        None => text.to_owned(),
        Some((end, _)) => {
            let mut cut = text.get(..end).unwrap_or_default().to_owned();
            cut.push('…');
            cut
        }
    }
}

/// Without the byte order mark that some servers, editors and shells put before a text: it is not part of it
/// (RFC 8259, section 8.1).
pub(crate) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The value that a body begins with. What follows it is not read (things between us and the server add to
/// pages), bytes that are no UTF-8 are replaced: neither is a reason to lose a token.
pub(crate) fn json(body: &[u8]) -> serde_json::Result<Value> {
    let text = String::from_utf8_lossy(body);
    let value = serde_json::Deserializer::from_str(without_mark(&text)).into_iter().next();
    if let Cow::Owned(text) = text {
        drop(zeroize::Zeroizing::new(text));
    }
    // A body of blanks has none.
    value.unwrap_or_else(|| serde_json::from_str(""))
}

/// JSON text of a value made of plain structs.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> String {
    // Cannot fail: it does only for maps whose keys are no strings and for Serialize impls that fail themselves,
    // and there are none of either here.
    serde_json::to_string(value).unwrap_or_default()
}

/// A serde_json error as category and place. Its own text repeats the offending value (L49).
pub(crate) fn json_error(error: &serde_json::Error) -> String {
    let category = match error.classify() {
        serde_json::error::Category::Io => "unreadable",
        serde_json::error::Category::Syntax => "no JSON",
        serde_json::error::Category::Data => "JSON of another shape",
        serde_json::error::Category::Eof => "JSON that ends too early",
    };
    format!("{category} at line {}, column {}", error.line(), error.column())
}
