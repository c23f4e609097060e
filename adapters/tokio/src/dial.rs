//! TCP and TLS connections, for HTTP and WebSockets alike: straight or through a proxy, to whichever address of a
//! name answers first.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::wire::url::SecureUrl;
use satkeeper_host::handshake::{Handshake, Tunnel};
use satkeeper_host::peer::Peer;
use satkeeper_host::socket::{STAGGER, in_turns};
use satkeeper_host::tls::Tls;
use satkeeper_host::{Error, Proxies};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::sleep;
use tokio_rustls::TlsConnector;

/// A connection, encrypted or not.
pub(crate) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// A connection that is ready for use.
pub(crate) struct Dialed {
    pub(crate) connection: Box<dyn Connection>,
    /// Both ends have agreed upon HTTP/2.
    pub(crate) is_http2: bool,
}

/// Opens connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Dialer {
    tls: Tls,
    proxies: Proxies,
    /// What is offered to servers (ALPN). WebSockets are HTTP/1.1 only and have none.
    protocols: &'static [&'static [u8]],
}

impl Dialer {
    pub(crate) const fn new(tls: Tls, proxies: Proxies) -> Self {
        Self { tls, proxies, protocols: &[] }
    }

    /// One that offers these protocols to its servers.
    pub(crate) fn speaking(&self, protocols: &'static [&'static [u8]]) -> Self {
        Self { protocols, ..self.clone() }
    }

    /// Whom to trust from now on.
    pub(crate) fn trust(&self, ca_pem: Option<&[u8]>) -> Result<(), Error> {
        self.tls.trust(ca_pem)
    }

    /// Connects to where the URL points. Takes as long as it takes: bound it.
    pub(crate) async fn dial(&self, url: &SecureUrl) -> Result<Dialed, SessionError> {
        let peer = Peer::of(url);
        // The TLS configuration comes first: without one, nothing must be sent.
        let config = match (url.is_encrypted(), self.tls.config()) {
            (false, _) => None,
            (true, Ok(config)) => Some(config),
            (true, Err(why)) => return Err(peer.untrusted(&why)),
        };
        let host = url.host().trim_start_matches('[').trim_end_matches(']');
        let connection: Box<dyn Connection> = match self.proxies.of(url)? {
            None => Box::new(connect(&peer, host, url.port()).await?),
            Some(proxy) => {
                let between = Peer::of_proxy(&proxy);
                let stream = connect(&between, proxy.host(), proxy.port()).await?;
                let mut connection: Box<dyn Connection> = Box::new(stream);
                if proxy.is_encrypted() {
                    let config = self.tls.config().map_err(|why| between.untrusted(&why))?;
                    connection = Box::new(encrypt(&between, config, &[], proxy.host(), connection).await?);
                }
                perform(&mut connection, Tunnel::through(&proxy, url), &between).await?;
                connection
            }
        };
        let Some(config) = config else { return Ok(Dialed { connection, is_http2: false }) };
        let stream = encrypt(&peer, config, self.protocols, host, connection).await?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Dialed { connection: Box::new(stream), is_http2 })
    }
}

/// Sends a request that decides what the connection is used for, and waits for the answer.
pub(crate) async fn perform<H: Handshake>(
    connection: &mut (impl Connection + ?Sized),
    mut handshake: H,
    peer: &Peer,
) -> Result<H::Done, SessionError> {
    let broken = |error: io::Error| peer.broken(&error);
    connection.write_all(handshake.request()).await.map_err(broken)?;
    connection.flush().await.map_err(broken)?;
    let mut bytes = [0; 4096];
    loop {
        let count = connection.read(&mut bytes).await.map_err(broken)?;
        if count == 0 {
            return Err(handshake.cut_short());
        }
        if let Some(done) = handshake.take(bytes.get(..count).unwrap_or_default())? {
            return Ok(done);
        }
    }
}

async fn connect(peer: &Peer, host: &str, port: u16) -> Result<TcpStream, SessionError> {
    let found = lookup_host((host, port)).await.map_err(|error| peer.unresolved(&error))?;
    let stream = race(in_turns(found)).await.map_err(|error| peer.unconnected(&error))?;
    // What is sent is small and answered one by one: waiting for more to send only delays it.
    stream.set_nodelay(true).map_err(|error| peer.unconnected(&error))?;
    Ok(stream)
}

async fn encrypt(
    peer: &Peer,
    config: Arc<ClientConfig>,
    protocols: &[&[u8]],
    host: &str,
    connection: Box<dyn Connection>,
) -> Result<tokio_rustls::client::TlsStream<Box<dyn Connection>>, SessionError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| SessionError::InvalidUrl {
        reason: "its host is no name that a certificate can be for",
    })?;
    let protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let connector = TlsConnector::from(config);
    connector.with_alpn(protocols).connect(name, connection).await.map_err(|error| peer.unencrypted(&error))
}

/// Tries one address after the other, each with a head start over the next unless it fails, and keeps the first that
/// answers.
async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let (mut waiting, mut attempts) = (addresses.into_iter(), FuturesUnordered::new());
    let mut last = io::Error::other("the name has no address");
    loop {
        let next = waiting.next();
        let is_last = next.is_none();
        attempts.extend(next.map(TcpStream::connect));
        tokio::select! {
            attempt = attempts.next() => match attempt {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) => last = error,
                None => return Err(last),
            },
            () = sleep(STAGGER), if !is_last => {}
        }
    }
}

#[cfg(test)]
mod tests;
