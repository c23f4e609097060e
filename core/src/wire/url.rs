//! URLs that credentials may be sent to.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use crate::error::{Error, Result};

/// Longest URL that is accepted, bytes.
const MAX_URL: usize = 2048;

/// Whether plain `http` and `ws` are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Plain {
    /// Never; the default.
    #[default]
    Never,
    /// To loopback only, written as a literal address: `127.0.0.0/8` in four decimal parts, or `[::1]`.
    Loopback,
}

/// A URL that a credential may be sent to (R36): `https` or `wss`, or plain to loopback where [`Plain`] allows.
///
/// The host is judged as it was written, not as a URL parser understands it: `0x7f.1`, `127.1`, a host with a
/// trailing dot, percent signs or letters outside ASCII are refused instead of normalised.
///
/// Debug and Display leave out the query. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct SecureUrl(Arc<str>);

impl SecureUrl {
    /// Parses and judges.
    ///
    /// # Errors
    /// [`Error::InvalidUrl`], which never repeats the URL: other scheme, plain where it is not allowed, user
    /// name or password, a fragment, a host that reads differently to different parsers, port 0, more than
    /// 2048 bytes.
    pub fn parse(text: &str, plain: Plain) -> Result<Self> {
        if text.len() > MAX_URL {
            return refuse("it is longer than 2048 bytes");
        }
        // A URL parser drops tabs and line ends, trims blanks and reads a backslash as a slash.
        if text.bytes().any(|b| b <= b' ' || b == b'\\' || b >= 0x7f) {
            return refuse("it has blanks, controls, backslashes or characters outside ASCII");
        }
        let Some((scheme, rest)) = text.split_once("://") else { return refuse("it is not absolute") };
        let scheme = scheme.to_ascii_lowercase();
        if !matches!(scheme.as_str(), "https" | "wss" | "http" | "ws") {
            return refuse("its scheme is not https or wss");
        }
        if rest.contains('#') {
            return refuse("it has a fragment");
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains('@') {
            return refuse("it has a user name or a password");
        }
        let (host, port) = split_port(authority)?;
        if port == Some(0) {
            return refuse("its port is 0");
        }
        let host = host.to_ascii_lowercase();
        if matches!(scheme.as_str(), "http" | "ws") {
            if plain == Plain::Never {
                return refuse("it is not encrypted; use https or wss");
            }
            if !is_literal_loopback(&host) {
                return refuse("it is not encrypted and not a literal loopback address");
            }
        }
        if host.ends_with('.') {
            return refuse("its host ends in a dot");
        }
        let Ok(url) = url::Url::parse(text) else { return refuse("it does not parse") };
        if url.host_str() != Some(host.as_str()) {
            return refuse("its host is not written in its canonical form");
        }
        if host.starts_with("[::ffff:") {
            return refuse("its host is an IPv4 address in IPv6 clothing");
        }
        Ok(Self(url.as_str().into()))
    }

    /// The whole URL, query included, normalised.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme: `https`, `wss`, `http` or `ws`.
    pub fn scheme(&self) -> &str {
        self.parts().0
    }

    /// Host as written in the URL; an IPv6 address with its brackets.
    pub fn host(&self) -> &str {
        split_port(self.parts().1).map_or("", |(host, _)| host)
    }

    /// Host without the brackets of an IPv6 address: what is looked up, and what a certificate is for.
    ///
    /// ```
    /// use satkeeper_core::wire::url::{Plain, SecureUrl};
    /// let url = SecureUrl::parse("https://[::1]:8443/", Plain::Never)?;
    /// assert_eq!((url.host(), url.bare_host()), ("[::1]", "::1"));
    /// # Ok::<(), satkeeper_core::error::Error>(())
    /// ```
    pub fn bare_host(&self) -> &str {
        self.host().trim_start_matches('[').trim_end_matches(']')
    }

    /// Port, the scheme's default where none is written.
    pub fn port(&self) -> u16 {
        let written = split_port(self.parts().1).ok().and_then(|(_, port)| port);
        written.unwrap_or(if self.is_encrypted() { 443 } else { 80 })
    }

    /// Path, at least `/`.
    pub fn path(&self) -> &str {
        self.parts().2
    }

    /// Whether it is for a WebSocket (`wss` or `ws`).
    pub fn is_websocket(&self) -> bool {
        matches!(self.scheme(), "wss" | "ws")
    }

    /// Whether the connection is encrypted.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.scheme(), "https" | "wss")
    }

    /// `scheme://host[:port]`, what nonces are kept by (RFC 9449 section 8.2).
    pub fn origin(&self) -> String {
        let (scheme, authority, _) = self.parts();
        format!("{scheme}://{authority}")
    }

    /// The URI without query and fragment, the full form of an `htu` claim (RFC 9449 section 4.2).
    pub fn htu(&self) -> String {
        self.without_query().to_owned()
    }

    /// The same host with another absolute path and no query. A path below which this URL already points is
    /// kept in front, so that a test server can live under a prefix.
    pub(crate) fn with_path(&self, path: &'static str) -> Self {
        Self(format!("{}{path}", self.without_query().trim_end_matches('/')).into())
    }

    fn without_query(&self) -> &str {
        self.0.split('?').next().unwrap_or_default()
    }

    /// Scheme, host with its port, path. What was judged has them, and nothing else but a query; a port that is the
    /// scheme's own has been left out.
    fn parts(&self) -> (&str, &str, &str) {
        let (scheme, rest) = self.without_query().split_once("://").unwrap_or_default();
        let at = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(at).unwrap_or_default();
        (scheme, authority, path)
    }
}

impl fmt::Display for SecureUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.without_query())
    }
}

impl fmt::Debug for SecureUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecureUrl({})", self.without_query())
    }
}

/// Host and port as written; the host keeps the brackets of an IPv6 address.
fn split_port(authority: &str) -> Result<(&str, Option<u16>)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if host.is_empty() {
        return refuse("it has no host");
    }
    match port {
        None => Ok((host, None)),
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            let port = digits.parse();
            port.map_or_else(|_| refuse("its port is above 65535"), |port| Ok((host, Some(port))))
        }
        Some(_) => refuse("its port is no number"),
    }
}

/// `127.a.b.c` in plain decimal, or `[::1]`; nothing that merely resolves to one of them.
fn is_literal_loopback(host: &str) -> bool {
    host == "[::1]"
        || host.parse::<core::net::Ipv4Addr>().is_ok_and(|address| address.octets().starts_with(&[127]))
}

fn refuse<T>(reason: &'static str) -> Result<T> {
    Err(Error::InvalidUrl { reason })
}
