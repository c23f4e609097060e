//! TCP and TLS connections, for HTTP and WebSockets alike: straight or through a proxy, to whichever address of a
//! name answers first.

use std::io::{self, ErrorKind};
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
use satkeeper_host::{Error, Proxies, names};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};
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

    /// Connects to where the URL points, until then at the latest. Each step has its own words for what took too long.
    pub(crate) async fn dial(&self, url: &SecureUrl, until: Instant) -> Result<Dialed, SessionError> {
        let peer = Peer::of(url);
        // The TLS configuration comes first: without one, nothing must be sent.
        let config = match (url.is_encrypted(), self.tls.config()) {
            (false, _) => None,
            (true, Ok(config)) => Some(config),
            (true, Err(why)) => return Err(peer.untrusted(&why)),
        };
        let host = url.bare_host();
        let connection: Box<dyn Connection> = match self.proxies.of(url)? {
            None => Box::new(connect(&peer, host, url.port(), until).await?),
            Some(proxy) => {
                let between = Peer::of_proxy(&proxy);
                let stream = connect(&between, proxy.host(), proxy.port(), until).await?;
                let mut connection: Box<dyn Connection> = Box::new(stream);
                if proxy.is_encrypted() {
                    let config = self.tls.config().map_err(|why| between.untrusted(&why))?;
                    let encrypting = encrypt(&between, config, &[], proxy.host(), connection, until);
                    connection = Box::new(encrypting.await?);
                }
                perform(&mut connection, Tunnel::through(&proxy, url), until).await?;
                connection
            }
        };
        let Some(config) = config else { return Ok(Dialed { connection, is_http2: false }) };
        let stream = encrypt(&peer, config, self.protocols, host, connection, until).await?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Dialed { connection: Box::new(stream), is_http2 })
    }
}

/// Sends a request that decides what the connection is used for, and waits for the answer, until then at the latest.
pub(crate) async fn perform<H: Handshake>(
    connection: &mut (impl Connection + ?Sized),
    mut handshake: H,
    until: Instant,
) -> Result<H::Done, SessionError> {
    let asking = async {
        connection.write_all(handshake.request()).await?;
        connection.flush().await
    };
    in_time(until, asking).await.map_err(|error| handshake.broken(&error))?;
    let mut bytes = [0; 4096];
    loop {
        let read = in_time(until, connection.read(&mut bytes)).await;
        let count = read.map_err(|error| handshake.broken(&error))?;
        if count == 0 {
            return Err(handshake.cut_short());
        }
        if let Some(done) = handshake.take(bytes.get(..count).unwrap_or_default())? {
            return Ok(done);
        }
    }
}

async fn connect(peer: &Peer, host: &str, port: u16, until: Instant) -> Result<TcpStream, SessionError> {
    let found = in_time(until, look_up(host, port)).await.map_err(|error| peer.unresolved(&error))?;
    let racing = in_time(until, race(in_turns(found.into_iter())));
    let stream = racing.await.map_err(|error| peer.unconnected(&error))?;
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
    until: Instant,
) -> Result<tokio_rustls::client::TlsStream<Box<dyn Connection>>, SessionError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| SessionError::InvalidUrl {
        reason: "its host is no name that a certificate can be for",
    })?;
    let protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let connector = TlsConnector::from(config);
    let sealing = in_time(until, connector.with_alpn(protocols).connect(name, connection));
    sealing.await.map_err(|error| peer.unencrypted(&error))
}

/// Not by way of tokio's own: its blocking threads are for what ends by itself, and a resolver may not.
async fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    // What names lead to is the machine's business, and not the same on each.
    #[cfg(test)]
    if let Some(found) = tests::known(host) {
        return Ok(found);
    }
    let (tell, told) = oneshot::channel();
    let _waiting = names::look_up(host, port, move |found| drop(tell.send(found)));
    told.await.unwrap_or_else(|_| Err(io::Error::other("the lookup was given up")))
}

/// What has not come until then comes no more.
async fn in_time<T>(until: Instant, act: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout_at(until, act).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
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
pub(crate) mod tests;
