//! A way through a proxy (RFC 9110 section 9.3.6).

use std::fmt;
use std::io::{self, ErrorKind};

use satkeeper_core::error::Error as SessionError;
use satkeeper_core::wire::url::SecureUrl;

use super::Handshake;
use super::head::{Head, HeadReader};
use crate::peer::Peer;
use crate::proxy::Proxy;
use crate::text::chain;

/// Asks a proxy for a connection to where a URL points. It learns host and port; all else goes through TLS.
pub struct Tunnel {
    peer: Peer,
    target: String,
    request: zeroize::Zeroizing<String>,
    reader: HeadReader,
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl Tunnel {
    /// Through this proxy to this URL.
    #[must_use]
    pub fn through(proxy: &Proxy, url: &SecureUrl) -> Self {
        let target = format!("{}:{}", url.host(), url.port());
        let mut request = zeroize::Zeroizing::new(format!(
            "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: satkeeper/{}\r\n",
            env!("CARGO_PKG_VERSION")
        ));
        if let Some(credentials) = proxy.authorization() {
            request.push_str("Proxy-Authorization: ");
            request.push_str(credentials.expose());
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        Self { peer: Peer::of_proxy(proxy), target, request, reader: HeadReader::default() }
    }

    fn judge(&self, head: &Head) -> Result<(), SessionError> {
        let why = match head.status {
            // Who is behind it speaks when spoken to: what comes by itself is the proxy's.
            200..=299 if head.rest.is_empty() => return Ok(()),
            200..=299 => "says more than its answer".to_owned(),
            407 => "wants credentials, or others (407); give them in its URL, http://USER:PASSWORD@HOST:PORT"
                .to_owned(),
            status => format!("does not connect to {} (HTTP status {status})", self.target),
        };
        Err(self.peer.unusable(&why))
    }
}

impl Handshake for Tunnel {
    type Done = ();

    fn request(&self) -> &[u8] {
        self.request.as_bytes()
    }

    fn take(&mut self, bytes: &[u8]) -> Result<Option<()>, SessionError> {
        match self.reader.take(bytes) {
            Ok(None) => Ok(None),
            Ok(Some(head)) => self.judge(&head).map(Some),
            Err(why) => Err(self.peer.unusable(&format!("does not answer as a proxy, {why}"))),
        }
    }

    fn cut_short(&self) -> SessionError {
        self.peer.unusable(&format!("closed the connection when it was to connect to {}", self.target))
    }

    /// Nothing has gone through to whoever is behind it (R12).
    fn broken(&self, error: &io::Error) -> SessionError {
        let target = &self.target;
        self.peer.unusable(&match error.kind() {
            ErrorKind::TimedOut => format!(
                "takes connections and gave no answer when it was to connect to {target}; check that it is a proxy, \
                 or go without it (`no_proxy`, --no-proxy)"
            ),
            _ => format!("broke the connection when it was to connect to {target}: {}", chain(error)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Handshake as _, Tunnel};
    use crate::proxy::Proxies;
    use satkeeper_core::wire::url::{Plain, SecureUrl};

    fn tunnel(proxy: &str) -> Tunnel {
        let url = SecureUrl::parse("wss://relay.test/path?token=secret", Plain::Never).unwrap();
        let proxy = Proxies::through(proxy).unwrap().of(&url).unwrap().unwrap();
        Tunnel::through(&proxy, &url)
    }

    // survives W14
    #[test]
    fn a_proxy_learns_host_and_port() {
        let request = String::from_utf8(tunnel("http://proxy.test:3128").request().to_vec()).unwrap();
        assert!(
            request.starts_with("CONNECT relay.test:443 HTTP/1.1\r\nHost: relay.test:443\r\n"),
            "{request}"
        );
        assert!(!request.contains("Authorization") && !request.contains("secret"), "{request}");
        let request = String::from_utf8(tunnel("us%3aer:p%40ss@proxy.test").request().to_vec()).unwrap();
        // us:er cannot be told from us and er, but that is between the user and the proxy.
        assert!(request.contains("\r\nProxy-Authorization: Basic dXM6ZXI6cEBzcw==\r\n\r\n"), "{request}");
    }

    // survives W14
    #[test]
    fn what_a_proxy_says_is_told_with_its_name_and_without_credentials() {
        let mut open = tunnel("http://u:hush@proxy.test:3128");
        assert!(open.take(b"HTTP/1.1 200 Connection est").unwrap().is_none());
        assert_eq!(open.take(b"ablished\r\nContent-Length: 9\r\n\r\n").unwrap(), Some(()));
        for (answer, word) in [
            (&b"HTTP/1.1 407 X\r\nProxy-Authenticate: Basic\r\n\r\n"[..], "USER:PASSWORD@HOST:PORT"),
            (b"HTTP/1.0 403 X\r\n\r\n<html>", "does not connect to relay.test:443 (HTTP status 403)"),
            (b"HTTP/1.1 200 OK\r\n\r\n<html>", "says more"),
            (b"\x15\x03\x03\x00\x02\x02\x46", "does not answer as a proxy"),
        ] {
            let told = tunnel("http://u:hush@proxy.test:3128").take(answer).unwrap_err().to_string();
            assert!(told.contains(word) && told.contains("the proxy http://proxy.test:3128"), "{told}");
            assert!(!told.contains("hush"), "{told}");
        }
    }
}
