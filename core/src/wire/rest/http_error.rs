//! Statuses outside 2xx and what their bodies say (protocol.md 1.6, R34).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde_json::Value;

use super::Endpoint;
use crate::secret::Secret;
use crate::wire::http::{HttpResponse, MAX_BODY};
use crate::wire::text::{Cleaner, json, without_mark};

/// Most entries of a 422 that are kept.
const MAX_ENTRIES: usize = 64;

/// An answer outside 2xx. All texts are the server's, bounded and cleaned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpError {
    /// Which endpoint.
    pub endpoint: Endpoint,
    /// Status code.
    pub status: u16,
    /// The API itself has said so ([`HttpResponse::is_own`]), not a page on the way.
    pub own: bool,
    /// The body's `error`, or the body where it is short plain text, as a bare `Unauthorized`.
    pub message: Option<String>,
    /// All entries of a 422.
    pub entries: Vec<ApiErrorEntry>,
    /// How long the server wants to be left alone, milliseconds.
    pub retry_after_ms: Option<u64>,
    /// `DPoP-Nonce` of the answer, to be used in the next proof for this origin.
    pub nonce: Option<String>,
    /// Whether the only complaint is a missing or stale nonce: sign anew with [`HttpError::nonce`] and repeat
    /// once (RFC 9449 sections 8 and 9).
    pub wants_nonce: bool,
}

/// One entry of a 422.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApiErrorEntry {
    /// `validation_error` for example.
    pub kind: Option<String>,
    /// `missing_required_parameter` for example.
    pub code: Option<String>,
    /// For people.
    pub message: Option<String>,
    /// The field it is about.
    pub attribute: Option<String>,
}

impl HttpError {
    /// Reads an answer outside 2xx; `secrets` are those of the request, to be cut out of what is kept.
    pub fn of(endpoint: Endpoint, response: &HttpResponse, secrets: &[&Secret]) -> Self {
        let cleaner = Cleaner::new(secrets);
        let mut message = None;
        let mut entries = Vec::new();
        let body = if response.body.len() > MAX_BODY { &[] } else { response.body.as_slice() };
        match json(body) {
            Ok(Value::Object(body)) => {
                message = body.get("error").and_then(Value::as_str).map(|text| cleaner.clean(text));
                if let Some(Value::Array(errors)) = body.get("errors") {
                    entries.extend(errors.iter().take(MAX_ENTRIES).map(|it| entry(it, cleaner)));
                }
            }
            Ok(Value::String(text)) => message = Some(cleaner.clean(&text)),
            // A line of text may begin with a number.
            Ok(_) | Err(_) => {
                // Proxies answer with pages; only what looks like a sentence is worth keeping.
                let text = core::str::from_utf8(body).unwrap_or_default();
                let text = without_mark(text).trim();
                if !text.is_empty() && !text.starts_with(['<', '{', '[']) {
                    message = Some(cleaner.clean(text));
                }
            }
        }
        let nonce = response.dpop_nonce.as_deref().filter(|nonce| is_nonce(nonce)).map(str::to_owned);
        let challenge = response.www_authenticate.as_deref().unwrap_or_default();
        let complains = match response.status {
            400 => message.as_deref() == Some("use_dpop_nonce"),
            401 => challenge.contains("use_dpop_nonce") || message.as_deref() == Some("use_dpop_nonce"),
            _ => false,
        };
        Self {
            endpoint,
            status: response.status,
            own: response.is_own(),
            message,
            entries,
            retry_after_ms: response.retry_after_ms(),
            wants_nonce: complains && nonce.is_some(),
            nonce,
        }
    }

    /// Whether an entry of a 422 has this code.
    pub fn has_code(&self, code: &str) -> bool {
        self.entries.iter().any(|entry| entry.code.as_deref() == Some(code))
    }

    /// Whether the same request can succeed later: 408, 425, 429 and everything from 500 on (R18). The rest of
    /// 4xx is a refusal for good.
    pub const fn is_transient(&self) -> bool {
        !(self.status >= 400 && self.status < 500) || matches!(self.status, 408 | 425 | 429)
    }

    const fn advice(&self) -> &'static str {
        match self.status {
            401 => "the credential is wrong, stale or not meant for this host",
            403 => "the credential may not do this",
            404 => "check the host and whether the subscriber exists",
            408 | 425 | 429 => "it may succeed later",
            422 => "correct the fields that are named",
            300..400 => "redirects are not followed; use the final host",
            400..500 => "repeating it will not help",
            _ => "it may succeed later",
        }
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was answered with status {}", self.endpoint.name(), self.status)?;
        if let Some(message) = &self.message {
            write!(f, " ({message})")?;
        }
        for entry in &self.entries {
            write!(f, "; {}", entry.code.as_deref().unwrap_or("error"))?;
            if let Some(attribute) = &entry.attribute {
                write!(f, " on `{attribute}`")?;
            }
            if let Some(message) = &entry.message {
                write!(f, ": {message}")?;
            }
        }
        write!(f, "; {}", self.advice())
    }
}

impl core::error::Error for HttpError {}

fn entry(entry: &Value, cleaner: Cleaner<'_>) -> ApiErrorEntry {
    let text = |member: &str| entry.get(member).and_then(Value::as_str).map(|text| cleaner.clean(text));
    ApiErrorEntry {
        kind: text("type"),
        code: text("code"),
        message: text("message"),
        attribute: text("attribute"),
    }
}

/// RFC 9449 section 8.1: `nonce = 1*NQCHAR`, with a bound of ours.
fn is_nonce(nonce: &str) -> bool {
    (1..=512).contains(&nonce.len()) && nonce.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
