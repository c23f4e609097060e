//! What the pool of HTTP connections is made of.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::wire::url::{Plain, SecureUrl};
use tokio::time::Instant;
use tower_service::Service;

use crate::dial::{self, Dialed, Dialer};

/// As long as a WebSocket may take: who waits longer for a connection does not get one.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

tokio::task_local! {
    /// When the time of the request is over that a connection is made for: who runs out of it is to know at which step.
    /// One that is still made for the pool when its request has gone has the time of any other.
    pub(super) static UNTIL: Instant;
}

/// Dials as for WebSockets.
#[derive(Clone)]
pub(super) struct Connector(pub(super) Dialer);

impl Service<Uri> for Connector {
    type Response = Link;
    type Error = SessionError;
    type Future = Pin<Box<dyn Future<Output = Result<Link, SessionError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SessionError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialer = self.0.clone();
        Box::pin(async move {
            // What was judged already, without its path.
            let url = SecureUrl::parse(&uri.to_string(), Plain::Loopback)?;
            let most = Instant::now() + CONNECT_WITHIN;
            let until = UNTIL.try_with(|until| most.min(*until)).unwrap_or(most);
            let Dialed { connection, is_http2 } = dialer.dial(&url, until).await?;
            Ok(Link { io: TokioIo::new(connection), is_http2 })
        })
    }
}

/// A connection of the pool.
pub(super) struct Link {
    io: TokioIo<Box<dyn dial::Connection>>,
    is_http2: bool,
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        if self.is_http2 { Connected::new().negotiated_h2() } else { Connected::new() }
    }
}

impl Read for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
