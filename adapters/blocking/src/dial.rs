//! Opens WebSockets, in a thread that may wait.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::wire::url::SecureUrl;
use satkeeper_host::socket::{MAX_QUEUED_BYTES, STAGGER, config, failed, in_turns, late};
use satkeeper_host::text::chain;
use satkeeper_host::tls::Tls;
use tungstenite::handshake::HandshakeError;
use tungstenite::{Error as WsError, WebSocket, client};

use crate::connection::{Connection, Wire, left};

/// A WebSocket that is open.
pub(crate) struct Dialed {
    pub(crate) websocket: WebSocket<Connection>,
    /// The `Date` of the upgrade response.
    pub(crate) date: Option<String>,
}

/// Opens a WebSocket within this time. Only looking its name up may take longer.
pub(crate) fn dial(url: &SecureUrl, tls: &Tls, within: Duration) -> Result<Dialed, SessionError> {
    let until = Instant::now() + within;
    let told = |error: io::Error| match error.kind() {
        ErrorKind::TimedOut => late(within),
        _ => SessionError::Transport { message: chain(&error) },
    };
    // The TLS configuration comes first: without one, nothing must be sent.
    let config_of_tls = match (url.is_encrypted(), tls.config()) {
        (false, _) => None,
        (true, Ok(config)) => Some(Arc::clone(config)),
        (true, Err(why)) => return Err(SessionError::Transport { message: why.to_owned() }),
    };
    let host = url.host().trim_start_matches('[').trim_end_matches(']');
    let found = (host, url.port()).to_socket_addrs().map_err(told)?;
    let stream = race(&in_turns(found), until).map_err(told)?;
    // Frames are small and answered one by one: waiting for more to send only delays them.
    stream.set_nodelay(true).map_err(told)?;
    let mut wire = Wire::opening(stream, until);
    let connection = match config_of_tls {
        None => Connection::Plain(wire),
        Some(config) => {
            let name = ServerName::try_from(host.to_owned()).map_err(|_| SessionError::InvalidUrl {
                reason: "its host is no name that a certificate can be for",
            })?;
            let mut conn = ClientConnection::new(config, name)
                .map_err(|error| SessionError::Transport { message: chain(&error) })?;
            conn.complete_io(&mut wire).map_err(told)?;
            Connection::Sealed(Box::new(StreamOwned::new(conn, wire)))
        }
    };
    // Nothing else holds what waits to be sent.
    let config = config().max_write_buffer_size(MAX_QUEUED_BYTES);
    match client::client_with_config(url.as_str(), connection, Some(config)) {
        Ok((websocket, response)) => {
            let date = response.headers().get("date").and_then(|date| date.to_str().ok());
            Ok(Dialed { websocket, date: date.map(str::to_owned) })
        }
        Err(HandshakeError::Failure(WsError::Io(error))) => Err(told(error)),
        Err(HandshakeError::Failure(error)) => Err(failed(error)),
        Err(HandshakeError::Interrupted(_)) => Err(late(within)),
    }
}

/// Tries one address after the other, each with a head start over the next, and keeps the first that answers. The
/// others end by themselves, at `until` at the latest.
fn race(addresses: &[SocketAddr], until: Instant) -> io::Result<TcpStream> {
    let (sender, attempts) = channel();
    let mut last = io::Error::other("the name has no address");
    let mut waiting = 0_u32;
    for address in addresses {
        let (sender, address, limit) = (sender.clone(), *address, left(until)?);
        let attempt = move || sender.send(TcpStream::connect_timeout(&address, limit));
        thread::Builder::new().name("satkeeper-dial".to_owned()).spawn(attempt)?;
        waiting = waiting.saturating_add(1);
        match attempts.recv_timeout(STAGGER.min(limit)) {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => {
                (last, waiting) = (error, waiting.saturating_sub(1));
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
    while waiting > 0 {
        match attempts.recv_timeout(left(until)?) {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => {
                (last, waiting) = (error, waiting.saturating_sub(1));
            }
            Err(_) => return Err(ErrorKind::TimedOut.into()),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::race;
    use std::net::TcpListener;
    use std::time::{Duration, Instant};

    #[test]
    fn an_address_that_refuses_does_not_stop_the_next() {
        let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let live = TcpListener::bind("127.0.0.1:0").unwrap();
        let (here, begun) = (live.local_addr().unwrap(), Instant::now());
        let until = begun + Duration::from_secs(20);
        let stream = race(&[dead, here], until).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), here);
        assert!(begun.elapsed() < Duration::from_secs(2));
        assert!(race(&[dead], until).is_err());
        assert!(race(&[], until).is_err());
        assert!(race(&[here], begun).is_err(), "its time is over");
    }
}
