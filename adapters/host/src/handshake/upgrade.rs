//! The upgrade to a WebSocket (RFC 6455 sections 4.1 and 4.2.2). Tungstenite's own refuses `Connection: keep-alive,
//! Upgrade` and interim answers, which proxies and content networks send.

use std::fmt;
use std::io;

use satkeeper_core::error::Error as SessionError;
use satkeeper_core::wire::http::HttpResponse;
use satkeeper_core::wire::url::SecureUrl;
use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;

use super::Handshake;
use super::head::{Head, HeadReader};
use crate::peer::Peer;

/// Asks for a WebSocket.
pub struct Upgrade {
    peer: Peer,
    accept: String,
    request: String,
    reader: HeadReader,
}

/// A connection that is a WebSocket from now on.
#[derive(Debug, PartialEq, Eq)]
pub struct Upgraded {
    /// The `Date` of the answer.
    pub date: Option<String>,
    /// What came behind the answer: the beginning of the first frame.
    pub rest: Vec<u8>,
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl Upgrade {
    /// At this URL, with a key of its own.
    #[must_use]
    pub fn to(url: &SecureUrl) -> Self {
        let key = generate_key();
        let origin = url.origin();
        let host = origin.split_once("://").map_or("", |(_, authority)| authority);
        let target = url.as_str().strip_prefix(&origin).filter(|target| !target.is_empty()).unwrap_or("/");
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        );
        let accept = derive_accept_key(key.as_bytes());
        Self { peer: Peer::of(url), accept, request, reader: HeadReader::default() }
    }

    fn judge(&self, head: Head) -> Result<Upgraded, SessionError> {
        let first = |name| head.values(name).next();
        if head.status != 101 {
            let mut answer = HttpResponse::new(head.status, Vec::new());
            for name in ["date", "retry-after"] {
                if let Some(value) = first(name) {
                    answer.set_header(name, value);
                }
            }
            return Err(SessionError::UpgradeRefused {
                peer: self.peer.to_string(),
                status: head.status,
                retry_after_ms: answer.retry_after_ms(),
            });
        }
        let is_empty = |name| head.values(name).all(str::is_empty);
        let why = if !head.lists("upgrade", "websocket") {
            "its `Upgrade` is not for a WebSocket"
        } else if !head.lists("connection", "upgrade") {
            "its `Connection` names no upgrade"
        } else if first("sec-websocket-accept").is_none()
            || head.values("sec-websocket-accept").any(|accept| accept != self.accept)
        {
            "its `Sec-WebSocket-Accept` belongs to another request"
        } else if !is_empty("sec-websocket-extensions") {
            "it uses an extension that was not asked for"
        } else if !is_empty("sec-websocket-protocol") {
            "it uses a subprotocol that was not asked for"
        } else {
            let date = first("date").map(str::to_owned);
            return Ok(Upgraded { date, rest: head.rest });
        };
        Err(self.no_websocket(why))
    }

    fn no_websocket(&self, why: &str) -> SessionError {
        self.peer.odd(&format!("its answer to the upgrade is no WebSocket's, {why}"))
    }
}

impl Handshake for Upgrade {
    type Done = Upgraded;

    fn request(&self) -> &[u8] {
        self.request.as_bytes()
    }

    fn take(&mut self, bytes: &[u8]) -> Result<Option<Upgraded>, SessionError> {
        match self.reader.take(bytes) {
            Ok(None) => Ok(None),
            Ok(Some(head)) => self.judge(head).map(Some),
            Err(why) => Err(self.no_websocket(why)),
        }
    }

    fn cut_short(&self) -> SessionError {
        self.peer.odd("it closed the connection in place of an answer to the upgrade")
    }

    fn broken(&self, error: &io::Error) -> SessionError {
        self.peer.broken(error)
    }
}

#[cfg(test)]
mod tests {
    use super::{Handshake as _, Upgrade, Upgraded};
    use satkeeper_core::error::Error as SessionError;
    use satkeeper_core::wire::url::{Plain, SecureUrl};

    fn upgrade() -> Upgrade {
        Upgrade::to(&SecureUrl::parse("wss://relay.test:8443/a?b=c", Plain::Never).unwrap())
    }

    fn answered(head: &str) -> Result<Upgraded, SessionError> {
        let mut upgrade = upgrade();
        let head = head.replace("ACCEPT", &upgrade.accept);
        upgrade.take(head.as_bytes()).map(|done| done.expect("the whole head"))
    }

    #[test]
    fn the_request_is_that_of_the_rfc() {
        let upgrade = upgrade();
        let request = String::from_utf8(upgrade.request().to_vec()).unwrap();
        let (line, fields) = request.split_once("\r\n").unwrap();
        assert_eq!(line, "GET /a?b=c HTTP/1.1");
        for field in [
            "Host: relay.test:8443\r\n",
            "Connection: Upgrade\r\n",
            "Upgrade: websocket\r\n",
            "Version: 13\r\n",
        ] {
            assert!(fields.contains(field), "{request}");
        }
        assert!(request.ends_with("==\r\n\r\n"), "{request}");
    }

    // survives W15
    #[test]
    fn what_the_rfcs_allow_is_a_websocket() {
        let begin = "HTTP/1.1 101 Switching Protocols\r\n";
        for (before, fields) in [
            ("", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ACCEPT\r\n"),
            ("", "connection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\nsec-websocket-accept:ACCEPT \r\n"),
            (
                "",
                "Connection: keep-alive\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-Websocket-Accept: ACCEPT\r\n",
            ),
            ("", "Connection: upgrade,\r\nUpgrade: h2c, websocket\r\nSec-WebSocket-Accept: ACCEPT\r\n"),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n",
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Extensions:\r\n",
            ),
        ] {
            let done = answered(&format!("{before}{begin}{fields}Date: now\r\n\r\n\u{81}")).unwrap();
            assert_eq!((done.date.as_deref(), done.rest.len()), (Some("now"), 2), "{fields}");
        }
    }

    // survives W15
    #[test]
    fn what_is_no_websocket_is_told_apart() {
        let good = "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n";
        assert!(answered(good).is_ok());
        for (from, to, word) in [
            ("Connection: Upgrade", "Connection: close", "Connection"),
            ("Upgrade: websocket", "Upgrade: h2c", "Upgrade"),
            (": ACCEPT", ": AAAA", "Accept"),
            (": ACCEPT", ": ACCEPT\r\nSec-WebSocket-Accept: AAAA", "Accept"),
            ("Sec-WebSocket-Accept: ACCEPT\r\n", "", "Accept"),
            (": ACCEPT", ": ACCEPT\r\nSec-WebSocket-Extensions: permessage-deflate", "extension"),
            (": ACCEPT", ": ACCEPT\r\nSec-WebSocket-Protocol: chat", "subprotocol"),
            ("HTTP/1.1", "SIP/2.0", "no HTTP"),
        ] {
            let error = answered(&good.replacen(from, to, 1)).unwrap_err();
            let told = error.to_string();
            assert!(matches!(error, SessionError::Transport { .. }), "{told}");
            assert!(told.contains(word) && told.contains("relay.test:8443"), "{told}");
        }
    }

    // survives W15
    #[test]
    fn a_refusal_keeps_how_long_to_wait() {
        let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
        for (status, fields, wait) in [
            (503, "Retry-After: 7\r\n".to_owned(), Some(7_000)),
            (429, format!("{date}Retry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\n"), Some(30_000)),
            (503, String::new(), None),
            (200, String::new(), None),
            (302, "Location: /x\r\n".to_owned(), None),
        ] {
            let error = answered(&format!("HTTP/1.1 {status} X\r\n{fields}\r\nbody")).unwrap_err();
            let peer = "relay.test:8443".to_owned();
            assert_eq!(error, SessionError::UpgradeRefused { peer, status, retry_after_ms: wait });
        }
    }
}
