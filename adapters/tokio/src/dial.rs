//! TCP and TLS connections for WebSockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rustls::pki_types::ServerName;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::wire::url::SecureUrl;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

use crate::http::chain;
use crate::tls::Tls;

/// How much later each further address is tried (RFC 8305 section 8).
const STAGGER: Duration = Duration::from_millis(250);

/// Most addresses of one name that are tried.
const MOST: usize = 8;

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
    let stream = race(addresses(host, url.port()).await?).await?;
    // Frames are small and answered one by one: waiting for more to send only delays them.
    stream.set_nodelay(true).map_err(|error| failed(&error))?;
    let Some(config) = config else { return Ok(Box::new(stream)) };
    let name = ServerName::try_from(host.to_owned()).map_err(|_| SessionError::InvalidUrl {
        reason: "its host is no name that a certificate can be for",
    })?;
    let stream = TlsConnector::from(config).connect(name, stream).await.map_err(|error| failed(&error))?;
    Ok(Box::new(stream))
}

/// The addresses of a host, families taking turns, so that one that does not work delays by one step only.
async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, SessionError> {
    let found = lookup_host((host, port)).await.map_err(|error| failed(&error))?;
    let (first, second): (Vec<_>, Vec<_>) = found.partition(SocketAddr::is_ipv6);
    Ok(alternate(first, second))
}

fn alternate(first: Vec<SocketAddr>, second: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut turns = Vec::new();
    loop {
        let pair = (first.next(), second.next());
        if pair == (None, None) || turns.len() >= MOST {
            turns.truncate(MOST);
            return turns;
        }
        turns.extend(pair.0);
        turns.extend(pair.1);
    }
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
    use super::{MOST, alternate, race};
    use std::net::SocketAddr;
    use std::time::{Duration, Instant};

    #[test]
    fn families_take_turns() {
        let six: Vec<SocketAddr> = ["[::1]:1", "[::2]:1", "[::3]:1"].map(|a| a.parse().unwrap()).to_vec();
        let four: Vec<SocketAddr> = ["127.0.0.1:1"].map(|a| a.parse().unwrap()).to_vec();
        assert_eq!(alternate(six.clone(), four.clone()), [six[0], four[0], six[1], six[2]]);
        assert_eq!(alternate(Vec::new(), four.clone()), four);
        assert_eq!(alternate(vec![six[0]; 20], vec![four[0]; 20]).len(), MOST);
    }

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
