//! Opens connections, for HTTP and WebSockets alike, in a thread that may wait: straight or through a proxy, to
//! whichever address of a name answers first.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::wire::url::SecureUrl;
use satkeeper_host::handshake::{Handshake, Tunnel, Upgrade};
use satkeeper_host::names;
use satkeeper_host::peer::Peer;
use satkeeper_host::socket::{MAX_QUEUED_BYTES, STAGGER, config, in_turns, late};
use tungstenite::WebSocket;
use tungstenite::protocol::Role;

use crate::connection::{Connection, Watched, Wire, left};
use crate::network::Network;

/// A WebSocket that is open.
pub(crate) struct Dialed {
    pub(crate) websocket: WebSocket<Watched>,
    /// The `Date` of the answer to the upgrade.
    pub(crate) date: Option<String>,
}

/// Opens a WebSocket within this time.
pub(crate) fn dial(url: &SecureUrl, network: &Network, within: Duration) -> Result<Dialed, SessionError> {
    let (until, peer) = (Instant::now() + within, Peer::of(url));
    let mut connection = connect(url, network, until, |_| {})?;
    let upgraded = perform(&mut connection, Upgrade::to(url));
    let upgraded =
        upgraded.map_err(|error| if left(until).is_err() { late(&peer, within) } else { error })?;
    // Nothing else holds what waits to be sent.
    let config = config().max_write_buffer_size(MAX_QUEUED_BYTES);
    let stream = Watched::new(connection, &upgraded.rest);
    let websocket = WebSocket::from_partially_read(stream, upgraded.rest, Role::Client, Some(config));
    Ok(Dialed { websocket, date: upgraded.date })
}

/// Connects to where the URL points, until then at the latest; each step has its own words for what took too long.
/// `begun` is shown the TCP stream before anything is sent on it.
pub(crate) fn connect(
    url: &SecureUrl,
    network: &Network,
    until: Instant,
    begun: impl FnOnce(&TcpStream),
) -> Result<Connection, SessionError> {
    let peer = Peer::of(url);
    // The TLS configuration comes first: without one, nothing must be sent.
    let config_of_tls = match (url.is_encrypted(), network.tls.config()) {
        (false, _) => None,
        (true, Ok(config)) => Some(config),
        (true, Err(why)) => return Err(peer.untrusted(&why)),
    };
    let host = url.bare_host();
    let connection = match network.proxies.of(url)? {
        None => {
            let stream = reach(&peer, host, url.port(), until)?;
            begun(&stream);
            Connection::Plain(Wire::opening(stream, until))
        }
        Some(proxy) => {
            let between = Peer::of_proxy(&proxy);
            let stream = reach(&between, proxy.host(), proxy.port(), until)?;
            begun(&stream);
            let mut connection = Connection::Plain(Wire::opening(stream, until));
            if proxy.is_encrypted() {
                let config = network.tls.config().map_err(|why| between.untrusted(&why))?;
                connection = encrypt(&between, config, proxy.host(), connection)?;
            }
            perform(&mut connection, Tunnel::through(&proxy, url))?;
            connection
        }
    };
    match config_of_tls {
        None => Ok(connection),
        Some(config) => encrypt(&peer, config, host, connection),
    }
}

/// Sends a request that decides what the connection is used for, and waits for the answer.
fn perform<H: Handshake>(connection: &mut Connection, mut handshake: H) -> Result<H::Done, SessionError> {
    let sent = connection.write_all(handshake.request()).and_then(|()| connection.flush());
    sent.map_err(|error| handshake.broken(&error))?;
    let mut bytes = [0; 4096];
    loop {
        let count = connection.read(&mut bytes).map_err(|error| handshake.broken(&error))?;
        if count == 0 {
            return Err(handshake.cut_short());
        }
        if let Some(done) = handshake.take(bytes.get(..count).unwrap_or_default())? {
            return Ok(done);
        }
    }
}

fn reach(peer: &Peer, host: &str, port: u16, until: Instant) -> Result<TcpStream, SessionError> {
    let found = look_up(host, port, until).map_err(|error| peer.unresolved(&error))?;
    let stream = race(&in_turns(found.into_iter()), until).map_err(|error| peer.unconnected(&error))?;
    // What is sent is small and answered one by one: waiting for more to send only delays it.
    stream.set_nodelay(true).map_err(|error| peer.unconnected(&error))?;
    Ok(stream)
}

fn encrypt(
    peer: &Peer,
    config: Arc<ClientConfig>,
    host: &str,
    mut connection: Connection,
) -> Result<Connection, SessionError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| SessionError::InvalidUrl {
        reason: "its host is no name that a certificate can be for",
    })?;
    let failed = |error: io::Error| peer.unencrypted(&error);
    let mut conn = ClientConnection::new(config, name).map_err(|error| failed(io::Error::other(error)))?;
    conn.complete_io(&mut connection).map_err(failed)?;
    Ok(Connection::Sealed(Box::new(StreamOwned::new(conn, connection))))
}

/// The system's resolver knows no time limit: where it takes too long, it is left to itself.
fn look_up(host: &str, port: u16, until: Instant) -> io::Result<Vec<SocketAddr>> {
    // What names lead to is the machine's business, and not the same on each.
    #[cfg(test)]
    if let Some(found) = tests::known(host) {
        return Ok(found);
    }
    let (teller, found) = channel();
    let _waiting = names::look_up(host, port, move |found| drop(teller.send(found)));
    found.recv_timeout(left(until)?).unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
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
pub(crate) mod tests {
    use super::race;
    use satkeeper_fixtures::canned::Swallowing;
    use std::collections::BTreeMap;
    use std::net::{Ipv4Addr, SocketAddr, TcpListener};
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    static KNOWN: Mutex<BTreeMap<String, Vec<SocketAddr>>> = Mutex::new(BTreeMap::new());

    /// From now on this name leads to these addresses.
    pub(crate) fn let_lead(host: &str, addresses: Vec<SocketAddr>) {
        KNOWN.lock().unwrap().insert(host.to_owned(), addresses);
    }

    pub(super) fn known(host: &str) -> Option<Vec<SocketAddr>> {
        KNOWN.lock().unwrap().get(host).cloned()
    }

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

    // survives W6
    #[test]
    fn an_address_that_swallows_does_not_stop_the_next_of_its_family() {
        let swallowing = Swallowing::start(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0)));
        assert!(swallowing.is_some() || !cfg!(target_os = "linux"));
        let Some(swallowing) = swallowing else { return };
        let live = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = live.local_addr().unwrap();
        let stream = race(&[swallowing.address, here], Instant::now() + Duration::from_secs(8)).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), here);
    }
}
