//! TCP and TLS connections for WebSockets.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rustls::pki_types::ServerName;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::wire::url::SecureUrl;
use satkeeper_host::socket::{STAGGER, in_turns};
use satkeeper_host::text::chain;
use satkeeper_host::tls::Tls;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

/// A connection, encrypted or not.
pub(crate) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Connects to where the URL points. Takes as long as it takes: bound it.
pub(crate) async fn dial(url: &SecureUrl, tls: &Tls) -> Result<Box<dyn Connection>, SessionError> {
    // The TLS configuration comes first: without one, nothing must be sent.
    let config = match (url.is_encrypted(), tls.config()) {
        (false, _) => None,
        (true, Ok(config)) => Some(Arc::clone(config)),
        (true, Err(why)) => return Err(SessionError::Transport { message: why.to_owned() }),
    };
    let host = url.host().trim_start_matches('[').trim_end_matches(']');
    let found = lookup_host((host, url.port())).await.map_err(|error| failed(&error))?;
    let stream = race(in_turns(found)).await?;
    // Frames are small and answered one by one: waiting for more to send only delays them.
    stream.set_nodelay(true).map_err(|error| failed(&error))?;
    let Some(config) = config else { return Ok(Box::new(stream)) };
    let name = ServerName::try_from(host.to_owned()).map_err(|_| SessionError::InvalidUrl {
        reason: "its host is no name that a certificate can be for",
    })?;
    let stream = TlsConnector::from(config).connect(name, stream).await.map_err(|error| failed(&error))?;
    Ok(Box::new(stream))
}

/// Tries one address after the other, each with a head start over the next, and keeps the first that answers.
async fn race(addresses: Vec<SocketAddr>) -> Result<TcpStream, SessionError> {
    let mut attempts: FuturesUnordered<_> = addresses
        .into_iter()
        .zip(0_u32..)
        .map(async |(address, place)| {
            tokio::time::sleep(STAGGER.saturating_mul(place)).await;
            TcpStream::connect(address).await
        })
        .collect();
    let mut last = SessionError::Transport { message: "the name has no address".to_owned() };
    while let Some(attempt) = attempts.next().await {
        match attempt {
            Ok(stream) => return Ok(stream),
            Err(error) => last = failed(&error),
        }
    }
    Err(last)
}

fn failed(error: &std::io::Error) -> SessionError {
    SessionError::Transport { message: chain(error) }
}

#[cfg(test)]
mod tests {
    use super::race;
    use std::time::{Duration, Instant};

    #[tokio::test]
    async fn an_address_that_refuses_does_not_stop_the_next() {
        let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let live = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let begun = Instant::now();
        let stream = race(vec![dead, live.local_addr().unwrap()]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), live.local_addr().unwrap());
        assert!(begun.elapsed() < Duration::from_secs(2));
        assert!(race(vec![dead]).await.is_err());
        assert!(race(Vec::new()).await.is_err());
    }
}
