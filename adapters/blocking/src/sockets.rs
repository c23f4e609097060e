//! WebSockets of a session. They are opened in threads that may wait, and from then on read and written by the
//! driver, which does not: neither a slow peer nor a large frame ever holds it up.

use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use mio::{Interest, Registry, Token};
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::SocketId;
use satkeeper_core::secret::Secret;
use satkeeper_core::session::SessionInput;
use satkeeper_core::wire::url::SecureUrl;
use satkeeper_host::peer::Peer;
use satkeeper_host::socket::{GOODBYE, MAX_MESSAGE, STALL, closed_by_server, failed, is_odd_frame, stalled};
use tungstenite::{Error as WsError, Message, WebSocket};

use crate::connection::Watched;
use crate::dial::{Dialed, dial};
use crate::mailbox::{self, Mailbox};
use crate::network::Network;
use crate::threads::Threads;

/// Most frames that are read from a socket before it is the turn of something else.
const AT_ONCE: usize = 16;

/// Most bytes of them; TCP holds the rest back.
const MOST_AT_ONCE: usize = MAX_MESSAGE;

/// How often a peer that takes nothing is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The sockets of one session.
pub(crate) struct Sockets {
    open: BTreeMap<SocketId, Stage>,
    /// Those that say goodbye, until then at the latest.
    leaving: Vec<(Socket, Instant)>,
    next_token: usize,
    registry: Registry,
    mailbox: Mailbox,
    threads: Threads,
    network: Network,
}

enum Stage {
    /// On its way.
    Dialing(Peer),
    Open(Box<Socket>),
}

struct Socket {
    peer: Peer,
    websocket: WebSocket<Watched>,
    /// Something waits to be sent, and the peer took something at that moment for the last time.
    unsent: Option<(Instant, u64)>,
    /// What it reads cannot be told apart any more; tungstenite must not be asked to.
    is_deaf: bool,
}

/// What a step of a socket led to.
enum Turn {
    /// There may be more to read at once.
    Busy,
    /// Nothing to do before the poll says so.
    Idle,
    /// It has ended.
    Ended(SessionError),
}

impl Sockets {
    pub(crate) const fn new(
        registry: Registry,
        next_token: usize,
        mailbox: Mailbox,
        threads: Threads,
        network: Network,
    ) -> Self {
        Self { open: BTreeMap::new(), leaving: Vec::new(), next_token, registry, mailbox, threads, network }
    }

    /// Begins to open a socket; what comes of it is told by a [`mailbox::Message::Dialed`].
    pub(crate) fn open(
        &mut self,
        socket: SocketId,
        url: SecureUrl,
        within: Duration,
    ) -> Result<(), SessionError> {
        let (mailbox, network, peer) = (self.mailbox.clone(), self.network.clone(), Peer::of(&url));
        let failed = |message: String| SessionError::Transport { message };
        let tell = move |dialed: Option<_>| {
            let dialed = dialed.unwrap_or_else(|| Err(failed("connecting panicked".to_owned())));
            mailbox.send(mailbox::Message::Dialed(socket, Box::new(dialed)));
        };
        self.threads.run(move || dial(&url, &network, within), tell).map_err(failed)?;
        self.open.insert(socket, Stage::Dialing(peer));
        Ok(())
    }

    /// A socket has been opened, or not; `None` where nobody cares any more.
    pub(crate) fn dialed(
        &mut self,
        socket: SocketId,
        dialed: Result<Dialed, SessionError>,
    ) -> Option<SessionInput> {
        let slot = self.open.get_mut(&socket)?;
        let peer = match &*slot {
            Stage::Dialing(peer) => peer.clone(),
            Stage::Open(_) => return None,
        };
        let opened = dialed.and_then(|Dialed { mut websocket, date }| {
            let stream = websocket.get_mut().wire().open().and_then(|stream| {
                let token = Token(self.next_token);
                self.next_token = self.next_token.wrapping_add(1);
                self.registry.register(stream, token, Interest::READABLE | Interest::WRITABLE)
            });
            stream.map_err(|error| peer.broken(&error))?;
            *slot = Stage::Open(Box::new(Socket { peer, websocket, unsent: None, is_deaf: false }));
            Ok(date)
        });
        Some(match opened {
            Ok(date) => SessionInput::Opened { socket, date },
            Err(error) => {
                self.open.remove(&socket);
                SessionInput::Closed { socket, error: Some(error) }
            }
        })
    }

    /// Queues a frame. To a socket that has gone: nothing. `Err`: the queue is full, the peer has stopped
    /// reading, or the socket has failed; it is given up.
    pub(crate) fn send(&mut self, socket: SocketId, text: &Secret) -> Result<(), SessionError> {
        let Some(Stage::Open(open)) = self.open.get_mut(&socket) else { return Ok(()) };
        let sent = open.send(Message::text(text.expose()));
        if sent.is_err() {
            self.open.remove(&socket);
        }
        sent
    }

    /// Sends what is queued, says goodbye, and forgets the socket.
    pub(crate) fn close(&mut self, socket: SocketId) {
        if let Some(Stage::Open(open)) = self.open.remove(&socket) {
            self.leave(*open);
        }
    }

    pub(crate) fn close_all(&mut self) {
        for stage in std::mem::take(&mut self.open).into_values() {
            if let Stage::Open(open) = stage {
                self.leave(*open);
            }
        }
    }

    fn leave(&mut self, mut socket: Socket) {
        // An error that matters comes again with the next turn.
        let _ = socket.websocket.close(None);
        socket.note_unsent();
        self.leaving.push((socket, Instant::now() + GOODBYE));
    }

    /// Whether some still say goodbye.
    pub(crate) fn are_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// Sends and reads what can be without waiting. Returns how long the poll may wait.
    pub(crate) fn turn(&mut self, inputs: &mut VecDeque<SessionInput>) -> Duration {
        let mut patience = Duration::MAX;
        let mut ended = Vec::new();
        for (id, socket) in &mut self.open {
            let Stage::Open(socket) = socket else { continue };
            let turn = socket.turn(|message| {
                let input = match message {
                    Some(text) => SessionInput::Frame { socket: *id, text },
                    None => SessionInput::OddFrame { socket: *id },
                };
                inputs.push_back(input);
            });
            match turn {
                Turn::Busy => patience = Duration::ZERO,
                Turn::Idle if socket.unsent.is_some() => patience = patience.min(LOOK),
                Turn::Idle => {}
                Turn::Ended(error) => {
                    inputs.push_back(SessionInput::Closed { socket: *id, error: Some(error) });
                    ended.push(*id);
                }
            }
        }
        // The answer to the peer's Close, or our own, is still to be sent.
        ended.into_iter().for_each(|id| self.close(id));
        let now = Instant::now();
        self.leaving.retain_mut(|(socket, until)| {
            let left = until.saturating_duration_since(now);
            match socket.turn(|_| {}) {
                _ if left.is_zero() => return false,
                Turn::Busy => patience = Duration::ZERO,
                Turn::Idle => patience = patience.min(left),
                Turn::Ended(_) => return false,
            }
            true
        });
        patience
    }
}

impl Socket {
    fn send(&mut self, message: Message) -> Result<(), SessionError> {
        match self.websocket.write(message) {
            Ok(()) => {}
            Err(error) if would_block(&error) => {}
            Err(WsError::WriteBufferFull(_)) => return Err(stalled(&self.peer)),
            Err(error) => return Err(failed(&self.peer, &error)),
        }
        self.note_unsent();
        Ok(())
    }

    fn note_unsent(&mut self) {
        let taken = self.websocket.get_mut().wire().taken;
        self.unsent.get_or_insert((Instant::now(), taken));
    }

    /// One turn: sends what is queued, and reads some; `None` stands for a frame that is of no use.
    fn turn(&mut self, mut read: impl FnMut(Option<String>)) -> Turn {
        if let Some(since) = self.unsent {
            match self.websocket.flush() {
                Ok(()) => self.unsent = None,
                Err(error) if would_block(&error) => {
                    let (since, before) = since;
                    let taken = self.websocket.get_mut().wire().taken;
                    if taken != before {
                        self.unsent = Some((Instant::now(), taken));
                    } else if since.elapsed() > STALL {
                        return Turn::Ended(stalled(&self.peer));
                    }
                }
                Err(error) => return Turn::Ended(failed(&self.peer, &error)),
            }
        }
        if self.is_deaf {
            return if self.unsent.is_some() {
                Turn::Idle
            } else {
                Turn::Ended(self.peer.odd("the socket ended"))
            };
        }
        let mut bytes = 0_usize;
        for _ in 0..AT_ONCE {
            if bytes >= MOST_AT_ONCE {
                break;
            }
            match self.websocket.read() {
                Ok(Message::Text(text)) => {
                    bytes = bytes.saturating_add(text.len());
                    read(Some(text.as_str().to_owned()));
                }
                Ok(Message::Binary(_)) => read(None),
                // Pings are answered by tungstenite with the next read.
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Ok(Message::Close(frame)) => {
                    let watch = self.websocket.get_ref().watch();
                    return Turn::Ended(closed_by_server(&self.peer, frame, watch));
                }
                Err(error) if would_block(&error) => return Turn::Idle,
                Err(error) => {
                    self.is_deaf = true;
                    if is_odd_frame(&error) {
                        read(None);
                    }
                    return Turn::Ended(failed(&self.peer, &error));
                }
            }
        }
        Turn::Busy
    }
}

fn would_block(error: &WsError) -> bool {
    matches!(error, WsError::Io(error) if error.kind() == ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests;
