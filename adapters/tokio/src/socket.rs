//! WebSockets of a session. Each has a task of its own, so that neither a slow peer nor a large frame ever
//! holds the driver up.

mod watched;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::SocketId;
use satkeeper_core::secret::Secret;
use satkeeper_core::session::SessionInput;
use satkeeper_core::wire::url::SecureUrl;
use satkeeper_host::handshake::Upgrade;
use satkeeper_host::peer::Peer;
use satkeeper_host::socket::{
    GOODBYE, MAX_QUEUED_BYTES, MAX_QUEUED_FRAMES, STALL, closed_by_server, config, failed, is_odd_frame,
    late, stalled,
};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::dial::{Dialed, Dialer, perform};
use watched::{Watch, Watched};

/// Frames that wait for the driver. Small: each may be 1 MiB, and TCP holds the rest back.
const INBOX: usize = 16;

type WebSocket = WebSocketStream<Watched>;

/// What a socket has to say; an input of the session.
pub(crate) type News = (SocketId, SessionInput);

/// The sockets of one session.
pub(crate) struct Sockets {
    open: BTreeMap<SocketId, Handle>,
    tasks: JoinSet<()>,
    news: mpsc::Sender<News>,
    dialer: Dialer,
}

/// A socket, as the driver sees it. Dropping it makes the socket say goodbye and go.
struct Handle {
    peer: Peer,
    outbox: mpsc::Sender<Secret>,
    queued: Arc<AtomicUsize>,
    _stop: oneshot::Sender<()>,
}

impl Sockets {
    /// None yet, and where their news will come out.
    pub(crate) fn new(dialer: Dialer) -> (Self, mpsc::Receiver<News>) {
        let (news, inbox) = mpsc::channel(INBOX);
        (Self { open: BTreeMap::new(), tasks: JoinSet::new(), news, dialer }, inbox)
    }

    /// Opens a socket within this time; [`SessionInput::Opened`] or [`SessionInput::Closed`] says what came of it.
    pub(crate) fn open(&mut self, socket: SocketId, url: SecureUrl, within: Duration) {
        // Those that have ended by themselves since.
        while self.tasks.try_join_next().is_some() {}
        let (outbox, frames) = mpsc::channel(MAX_QUEUED_FRAMES);
        let (stop, stopped) = oneshot::channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let peer = Peer::of(&url);
        let shared = (Arc::clone(&queued), self.news.clone());
        let task = Task { socket, peer: peer.clone(), frames, queued: shared.0, news: shared.1 };
        self.tasks.spawn(task.run(url, self.dialer.clone(), within, stopped));
        self.open.insert(socket, Handle { peer, outbox, queued, _stop: stop });
    }

    /// Queues a frame. To a socket that has gone: nothing. `Err`: the queue is full, the peer has stopped
    /// reading, and the socket is given up.
    pub(crate) fn send(&mut self, socket: SocketId, text: Secret) -> Result<(), SessionError> {
        let Some(handle) = self.open.get(&socket) else { return Ok(()) };
        let queued = handle.queued.fetch_add(text.len(), Ordering::Relaxed).saturating_add(text.len());
        let full = queued > MAX_QUEUED_BYTES
            || matches!(handle.outbox.try_send(text), Err(mpsc::error::TrySendError::Full(_)));
        if full {
            let stalled = stalled(&handle.peer);
            self.open.remove(&socket);
            return Err(stalled);
        }
        Ok(())
    }

    /// Sends what is queued, says goodbye, and forgets the socket.
    pub(crate) fn close(&mut self, socket: SocketId) {
        self.open.remove(&socket);
    }

    /// Whether the session still cares for what this socket says.
    pub(crate) fn knows(&self, socket: SocketId) -> bool {
        self.open.contains_key(&socket)
    }

    /// Closes all and waits for them to have gone, 2 s at most.
    pub(crate) async fn finish(mut self) {
        self.open.clear();
        let gone = async { while self.tasks.join_next().await.is_some() {} };
        let _ = timeout(GOODBYE, gone).await;
    }
}

struct Task {
    socket: SocketId,
    peer: Peer,
    frames: mpsc::Receiver<Secret>,
    queued: Arc<AtomicUsize>,
    news: mpsc::Sender<News>,
}

impl Task {
    async fn run(
        mut self,
        url: SecureUrl,
        dialer: Dialer,
        within: Duration,
        mut stopped: oneshot::Receiver<()>,
    ) {
        let opened = tokio::select! {
            _ = &mut stopped => return,
            opened = timeout(within, open(&url, &self.peer, &dialer)) => opened,
        };
        let Opened { websocket, watch, date } = match opened.unwrap_or_else(|_| Err(late(&self.peer, within)))
        {
            Ok(opened) => opened,
            Err(error) => return self.closed(error).await,
        };
        self.tell(SessionInput::Opened { socket: self.socket, date }).await;
        let (mut sink, mut stream) = websocket.split();
        let error = tokio::select! {
            _ = stopped => None,
            error = read(self.socket, &self.peer, &mut stream, &watch, &self.news) => Some(error),
            error = write(&self.peer, &mut sink, &mut self.frames, &self.queued) => Some(error),
        };
        if let Some(error) = error {
            self.closed(error).await;
            // Tungstenite has its answer to the peer's Close ready; a peer that takes nothing gets nothing.
            let _ = timeout(Duration::from_millis(500), sink.close()).await;
            return;
        }
        let _ = timeout(GOODBYE, self.goodbye(sink, stream)).await;
    }

    /// Sends what is queued and a Close, and reads on until the peer has gone as well: a socket that is closed
    /// with something unread resets the connection, and the peer may lose what was sent last.
    async fn goodbye(&mut self, mut sink: SplitSink<WebSocket, Message>, mut stream: SplitStream<WebSocket>) {
        self.frames.close();
        let speak = async {
            while let Some(text) = self.frames.recv().await {
                sink.send(Message::text(text.expose())).await?;
            }
            sink.close().await
        };
        let listen = async { while let Some(Ok(_)) = stream.next().await {} };
        let _ = tokio::join!(speak, listen);
    }

    async fn tell(&self, news: SessionInput) {
        // An error says that the driver has gone.
        let _ = self.news.send((self.socket, news)).await;
    }

    async fn closed(&self, error: SessionError) {
        self.tell(SessionInput::Closed { socket: self.socket, error: Some(error) }).await;
    }
}

/// A WebSocket that is open.
struct Opened {
    websocket: WebSocket,
    watch: Watch,
    /// The `Date` of the answer to the upgrade.
    date: Option<String>,
}

async fn open(url: &SecureUrl, peer: &Peer, dialer: &Dialer) -> Result<Opened, SessionError> {
    let Dialed { mut connection, .. } = dialer.dial(url).await?;
    let upgraded = perform(&mut connection, Upgrade::to(url), peer).await?;
    let (stream, watch) = Watched::new(connection, &upgraded.rest);
    let websocket =
        WebSocketStream::from_partially_read(stream, upgraded.rest, Role::Client, Some(config())).await;
    Ok(Opened { websocket, watch, date: upgraded.date })
}

/// Hands frames on until the socket ends, and says how it did.
async fn read(
    socket: SocketId,
    peer: &Peer,
    stream: &mut SplitStream<WebSocket>,
    watch: &Watch,
    news: &mpsc::Sender<News>,
) -> SessionError {
    while let Some(message) = stream.next().await {
        let input = match message {
            Ok(Message::Text(text)) => SessionInput::Frame { socket, text: text.as_str().to_owned() },
            Ok(Message::Binary(_)) => SessionInput::OddFrame { socket },
            // Pings are answered by tungstenite with the next read.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
            Ok(Message::Close(frame)) => return closed_by_server(peer, frame, &watch.lock()),
            Err(error) => {
                if is_odd_frame(&error) {
                    let _ = news.send((socket, SessionInput::OddFrame { socket })).await;
                }
                return failed(peer, &error);
            }
        };
        if news.send((socket, input)).await.is_err() {
            break;
        }
    }
    peer.odd("the socket ended")
}

/// Sends what is queued, and says why it cannot.
async fn write(
    peer: &Peer,
    sink: &mut SplitSink<WebSocket, Message>,
    frames: &mut mpsc::Receiver<Secret>,
    queued: &AtomicUsize,
) -> SessionError {
    while let Some(text) = frames.recv().await {
        match timeout(STALL, sink.send(Message::text(text.expose()))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return failed(peer, &error),
            Err(_) => return stalled(peer),
        }
        queued.fetch_sub(text.len(), Ordering::Relaxed);
    }
    // The driver has let go; `stopped` says the same and decides.
    std::future::pending().await
}

#[cfg(test)]
mod tests;
