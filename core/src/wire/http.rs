//! HTTP requests and responses as plain data; a driver moves them.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

pub use super::endpoint::Method;

use super::time::{http_date, retry_after};
use super::url::SecureUrl;
use crate::secret::Secret;

/// Largest response body that is read, bytes (R36). A driver should stop reading here.
pub const MAX_BODY: usize = 64 * 1024;

/// Value of a request header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderValue {
    /// May be logged.
    Plain(&'static str),
    /// A credential. Mark it sensitive in the HTTP client.
    Secret(Secret),
}

impl HeaderValue {
    /// The value itself.
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(value) => value,
            Self::Secret(value) => value.expose(),
        }
    }
}

/// A request that is ready to be sent, once: a proof in it is spent by sending.
///
/// No redirect may be followed with it (R36). Debug shows method, URL without query, and header names.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// Method.
    pub method: Method,
    /// Where to.
    pub url: SecureUrl,
    /// Headers, names in lower case, in the order in which they are to be sent.
    pub headers: Vec<(&'static str, HeaderValue)>,
    /// JSON, if there is a body.
    pub body: Option<Secret>,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

/// What a driver hands back: the status, the body and the few headers that matter.
///
/// Debug shows neither body nor header values, except the date.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// `Date`, the server's clock.
    pub date: Option<String>,
    /// `Retry-After`.
    pub retry_after: Option<String>,
    /// `DPoP-Nonce` (RFC 9449 section 8).
    pub dpop_nonce: Option<String>,
    /// `Age`: it was stored on the way, and is no answer of the server's to this request.
    pub age: Option<String>,
    /// `WWW-Authenticate`; several are joined by `, `.
    pub www_authenticate: Option<String>,
    /// The body, at most [`MAX_BODY`] bytes of it.
    pub body: Zeroizing<Vec<u8>>,
}

impl HttpResponse {
    /// With this status and body and no headers.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: Zeroizing::new(body.into()), ..Self::default() }
    }

    /// Takes a header over if it is one of those that matter; others and values over 4 KiB are ignored. The
    /// name is compared without regard to case.
    pub fn set_header(&mut self, name: &str, value: &str) {
        if value.len() > 4096 {
            return;
        }
        if name.eq_ignore_ascii_case("www-authenticate") {
            match &mut self.www_authenticate {
                Some(all) => {
                    all.push_str(", ");
                    all.push_str(value);
                }
                none => *none = Some(value.to_owned()),
            }
            return;
        }
        let slot = match () {
            () if name.eq_ignore_ascii_case("date") => &mut self.date,
            () if name.eq_ignore_ascii_case("retry-after") => &mut self.retry_after,
            () if name.eq_ignore_ascii_case("dpop-nonce") => &mut self.dpop_nonce,
            () if name.eq_ignore_ascii_case("age") => &mut self.age,
            () => return,
        };
        *slot = Some(value.to_owned());
    }

    /// Whether the status is 2xx; create answers 200 where its siblings answer 201 (protocol.md 1).
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// Whether the API itself has answered: with JSON, with a bare word such as `Unauthorized`, or with nothing; and not
    /// from a store on the way. A page of a proxy, a load balancer or a portal is nobody's answer (R3, R18).
    pub fn is_own(&self) -> bool {
        let body = self.body.trim_ascii();
        let is_word = body.len() <= 32 && body.iter().all(u8::is_ascii_alphabetic);
        self.age.is_none() && (is_word || serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok())
    }

    /// The server's clock, unix milliseconds, where the API itself has answered.
    pub fn told_unix_ms(&self) -> Option<u64> {
        self.server_unix_ms().filter(|_| self.is_own())
    }

    /// The `Date`, unix milliseconds.
    pub fn server_unix_ms(&self) -> Option<u64> {
        http_date(self.date.as_deref()?)
    }

    /// How long the server wants to be left alone, milliseconds. A date is measured from the response's own
    /// `Date`, so that neither clock matters; without one it is ignored.
    pub fn retry_after_ms(&self) -> Option<u64> {
        let text = self.retry_after.as_deref()?;
        match self.server_unix_ms() {
            Some(server_now) => retry_after(text, server_now),
            // Only the form in seconds needs no clock; a date would come out as a wait of decades.
            None if http_date(text).is_none() => retry_after(text, 0),
            None => None,
        }
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("date", &self.server_unix_ms())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
