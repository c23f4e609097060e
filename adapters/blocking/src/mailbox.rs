//! The way to the thread that drives a session.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use mio::{Registry, Token, Waker};
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::SocketId;
use satkeeper_core::session::SessionInput;

use crate::ask::Ask;
use crate::dial::Dialed;

/// What wakes the driver.
pub(crate) enum Message {
    /// A request of the application's.
    Ask(Ask),
    /// What came of something that the session had asked for.
    Done(SessionInput),
    /// What came of a socket that was to be opened.
    Dialed(SocketId, Box<Result<Dialed, SessionError>>),
    /// The last handle has been dropped.
    Orphaned,
}

/// Cheap to clone. Unbounded, so that no sender waits; each message is the end of something that is itself
/// bounded: a thread that waits for the answer, or one of the session's own requests.
#[derive(Clone)]
pub(crate) struct Mailbox {
    sender: Sender<Message>,
    waker: Arc<Waker>,
}

impl Mailbox {
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<(Self, Receiver<Message>)> {
        let (sender, inbox) = channel();
        Ok((Self { sender, waker: Arc::new(Waker::new(registry, token)?) }, inbox))
    }

    /// Whether there still is a driver.
    pub(crate) fn send(&self, message: Message) -> bool {
        self.sender.send(message).is_ok() && self.waker.wake().is_ok()
    }
}
