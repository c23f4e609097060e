//! The connection below a WebSocket, with an ear on what the server says when it closes it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use satkeeper_host::socket::CloseWatch;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::dial::Connection;

/// What has been heard. Shared with the connection, which the WebSocket hides.
#[derive(Clone)]
pub(super) struct Watch(Arc<Mutex<CloseWatch>>);

impl Watch {
    pub(super) fn lock(&self) -> MutexGuard<'_, CloseWatch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Passes everything on.
pub(super) struct Watched {
    connection: Box<dyn Connection>,
    watch: Watch,
}

impl Watched {
    /// `read`: what has come already.
    pub(super) fn new(connection: Box<dyn Connection>, read: &[u8]) -> (Self, Watch) {
        let watch = Watch(Arc::default());
        watch.lock().read(read);
        (Self { connection, watch: watch.clone() }, watch)
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.connection).poll_read(cx, buf);
        self.watch.lock().read(buf.filled().get(before..).unwrap_or_default());
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }
}
