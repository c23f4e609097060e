//! URLs as they are named in settings.

use satkeeper_core::error::Error as SessionError;
use satkeeper_core::wire::url::{Plain, SecureUrl};

use crate::error::Error;

/// A bare host name is short for `https://` and the name.
pub(super) fn with_scheme(host: &str) -> String {
    if host.contains("://") { host.to_owned() } else { format!("https://{host}") }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Http,
    WebSocket,
}

pub(super) fn parse_url(url: &str, plain: Plain, kind: Kind) -> Result<SecureUrl, Error> {
    let url = SecureUrl::parse(url, plain)?;
    match (kind, url.is_websocket()) {
        (Kind::Http, true) => Err(SessionError::InvalidUrl { reason: "it is not http or https" }.into()),
        (Kind::WebSocket, false) => Err(SessionError::InvalidUrl { reason: "it is not wss or ws" }.into()),
        _ => Ok(url),
    }
}
