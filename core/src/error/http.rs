//! An answer outside 2xx as an error (R34); `wire::rest` reads it from the response.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::wire::endpoint::Endpoint;

/// An answer outside 2xx. All texts are the server's, bounded and cleaned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpError {
    /// Which endpoint.
    pub endpoint: Endpoint,
    /// Status code.
    pub status: u16,
    /// The API itself has said so ([`HttpResponse::is_own`](crate::wire::http::HttpResponse::is_own)), not a page on the way.
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
