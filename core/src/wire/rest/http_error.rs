//! Reads answers outside 2xx and what their bodies say (protocol.md 1.6, R34).

use alloc::borrow::ToOwned;
use alloc::vec::Vec;

use serde_json::Value;

use crate::error::{ApiErrorEntry, HttpError};
use crate::secret::Secret;
use crate::wire::endpoint::Endpoint;
use crate::wire::http::{HttpResponse, MAX_BODY};
use crate::wire::text::{Cleaner, json, without_mark};

/// Most entries of a 422 that are kept.
const MAX_ENTRIES: usize = 64;

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
}

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
