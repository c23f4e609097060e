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
    GOODBYE, MAX_MESSAGE, MAX_QUEUED_BYTES, MAX_QUEUED_FRAMES, STALL, closed_by_server, config, failed,
    is_odd_frame, late, stalled,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::dial::{Dialed, Dialer, perform};
use watched::{Watch, Watched};

/// Events that wait for the driver.
const INBOX: usize = 16;

/// Bytes of frames that wait for the driver; TCP holds the rest back.
const INBOX_BYTES: usize = 2 * MAX_MESSAGE;

type WebSocket = WebSocketStream<Watched>;

/// What a socket has to say.
pub(crate) struct SocketEvent {
    pub(crate) socket: SocketId,
    /// For the session.
    pub(crate) input: SessionInput,
    /// What it takes of the room for frames that wait.
    _room: Option<OwnedSemaphorePermit>,
}

/// The way to the driver.
#[derive(Clone)]
struct Teller {
    socket: SocketId,
    events: mpsc::Sender<SocketEvent>,
    room: Arc<Semaphore>,
}

impl Teller {
    /// Waits for its turn. `false`: the driver has gone.
    async fn tell(&self, input: SessionInput) -> bool {
        self.send(input, None).await
    }

    /// A frame waits for room as well.
    async fn frame(&self, text: String) -> bool {
        let length = u32::try_from(text.len().clamp(1, INBOX_BYTES)).unwrap_or(1);
        // Never closed.
        let room = Arc::clone(&self.room).acquire_many_owned(length).await.ok();
        self.send(SessionInput::Frame { socket: self.socket, text }, room).await
    }

    async fn send(&self, input: SessionInput, room: Option<OwnedSemaphorePermit>) -> bool {
        self.events.send(SocketEvent { socket: self.socket, input, _room: room }).await.is_ok()
    }
}

/// The sockets of one session.
pub(crate) struct Sockets {
    open: BTreeMap<SocketId, Handle>,
    tasks: JoinSet<()>,
    events: mpsc::Sender<SocketEvent>,
    /// For frames that wait, of all sockets.
    room: Arc<Semaphore>,
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
    /// None yet, and where their events will come out.
    pub(crate) fn new(dialer: Dialer) -> (Self, mpsc::Receiver<SocketEvent>) {
        let (events, inbox) = mpsc::channel(INBOX);
        let room = Arc::new(Semaphore::new(INBOX_BYTES));
        (Self { open: BTreeMap::new(), tasks: JoinSet::new(), events, room, dialer }, inbox)
    }

    /// Opens a socket within this time; [`SessionInput::Opened`] or [`SessionInput::Closed`] says what came of it.
    pub(crate) fn open(&mut self, socket: SocketId, url: SecureUrl, within: Duration) {
        // Those that have ended by themselves since.
        while self.tasks.try_join_next().is_some() {}
        let (outbox, frames) = mpsc::channel(MAX_QUEUED_FRAMES);
        let (stop, stopped) = oneshot::channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let peer = Peer::of(&url);
        let teller = Teller { socket, events: self.events.clone(), room: Arc::clone(&self.room) };
        let task = Task { peer: peer.clone(), frames, queued: Arc::clone(&queued), teller };
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

    /// Closes all and waits for them to have gone, 2 s at most. Their events are of no interest any more; but only once
    /// they have been told to go: a socket that nobody hears has to know why.
    pub(crate) async fn finish(mut self, events: mpsc::Receiver<SocketEvent>) {
        self.open.clear();
        drop(events);
        let gone = async { while self.tasks.join_next().await.is_some() {} };
        let _ = timeout(GOODBYE, gone).await;
    }
}

struct Task {
    peer: Peer,
    frames: mpsc::Receiver<Secret>,
    queued: Arc<AtomicUsize>,
    teller: Teller,
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
            opened = open(&url, &self.peer, &dialer, within) => opened,
        };
        let Opened { websocket, watch, date } = match opened {
            Ok(opened) => opened,
            Err(error) => return self.closed(error).await,
        };
        self.teller.tell(SessionInput::Opened { socket: self.teller.socket, date }).await;
        let (mut sink, mut stream) = websocket.split();
        let error = tokio::select! {
            _ = &mut stopped => None,
            error = read(&self.teller, &self.peer, &mut stream, &watch) => Some(error),
            error = write(&self.peer, &mut sink, &mut self.frames, &self.queued) => Some(error),
        };
        // What happens to a socket that has been told to go changes nothing: what is queued is sent all the same.
        let is_to_go = matches!(stopped.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        if let Some(error) = error.filter(|_| !is_to_go) {
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

    async fn closed(&self, error: SessionError) {
        self.teller.tell(SessionInput::Closed { socket: self.teller.socket, error: Some(error) }).await;
    }
}

/// A WebSocket that is open.
struct Opened {
    websocket: WebSocket,
    watch: Watch,
    /// The `Date` of the answer to the upgrade.
    date: Option<String>,
}

async fn open(
    url: &SecureUrl,
    peer: &Peer,
    dialer: &Dialer,
    within: Duration,
) -> Result<Opened, SessionError> {
    let until = Instant::now() + within;
    let Dialed { mut connection, .. } = dialer.dial(url, until).await?;
    let upgraded = perform(&mut connection, Upgrade::to(url), until).await;
    let upgraded =
        upgraded.map_err(|error| if Instant::now() >= until { late(peer, within) } else { error })?;
    let (stream, watch) = Watched::new(connection, &upgraded.rest);
    let websocket =
        WebSocketStream::from_partially_read(stream, upgraded.rest, Role::Client, Some(config())).await;
    Ok(Opened { websocket, watch, date: upgraded.date })
}

/// Hands frames on until the socket ends, and says how it did.
async fn read(
    teller: &Teller,
    peer: &Peer,
    stream: &mut SplitStream<WebSocket>,
    watch: &Watch,
) -> SessionError {
    let odd = || SessionInput::OddFrame { socket: teller.socket };
    while let Some(message) = stream.next().await {
        let is_heard = match message {
            Ok(Message::Text(text)) => teller.frame(text.as_str().to_owned()).await,
            Ok(Message::Binary(_)) => teller.tell(odd()).await,
            // Pings are answered by tungstenite with the next read.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
            Ok(Message::Close(frame)) => return closed_by_server(peer, frame, &watch.lock()),
            Err(error) => {
                if is_odd_frame(&error) {
                    teller.tell(odd()).await;
                }
                return failed(peer, &error);
            }
        };
        if !is_heard {
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
