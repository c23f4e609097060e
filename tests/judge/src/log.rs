//! What has happened in a world: what the server did, what reached the client, what it said. The judge reads this and
//! the world, nothing else.

use crate::client::{Ask, AskId, News, Phase, Serial, Socket, Tell};
use crate::timeline::Ms;
use crate::world::User;

/// Entries in the order in which they happened.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// When, and what.
    pub entries: Vec<(Ms, Entry)>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    // ---- The client ----
    /// It asked for this, under this number (but for `Ask::Frame`, of which there would be too many).
    Asks(AskId, Ask),
    /// It was given this (before what it asks and tells over it); all but `News::Tick` and `News::Ping`, of which there
    /// are many and nothing is to be learned.
    Heard(News),
    /// It told this. Ticks in it are given in true time.
    Tells(Tell),
    /// What it says it is has changed.
    Says(Phase),
    /// It has heard something that shows that it is not served: a lost socket, a failed request, the lack of an answer
    /// at the time at which it gave up (its own `Ping` or `Push` or `Connect` unanswered for 10 s).
    Evidence,
    /// The application did this.
    User(User),

    // ---- The server ----
    /// A token was issued, whatever becomes of its answer.
    Issued {
        /// Its number.
        token: Serial,
        /// Who gave it.
        of: Source,
        /// True time of its end.
        ends: Ms,
        /// Whose it is: 0, or 1 after an `Updates` with another identity.
        identity: u8,
    },
    /// The client has heard of a token.
    Received(Serial),
    /// The client has been told that a token ends then (true time, by the server or the exchange).
    ToldEnd(Serial, Ms),
    /// A token is honoured no more.
    Revoked(Serial),
    /// A socket came to be.
    Opened(Socket),
    /// A socket is authenticated from now on by this token: a connect, resume or push has been accepted. The server has
    /// decided it now; the reply is on its way.
    Authenticated {
        /// Which.
        socket: Socket,
        /// By which token (of a resume: the one the state was made for).
        token: Serial,
        /// By what.
        by: By,
    },
    /// A socket is authenticated no more (its token ended or was revoked), but open.
    Lapsed(Socket),
    /// A connect, resume or push was refused or failed.
    Refused {
        /// Which.
        socket: Socket,
        /// Of what.
        by: By,
    },
    /// A socket is gone at the server.
    Gone {
        /// Which.
        socket: Socket,
        /// Who did it.
        why: Why,
    },
    /// A one-time secret was presented to the server.
    Presented {
        /// Its number, from 1.
        secret: u32,
        /// The newest one of its chain that the server has issued then: a mint begins a chain, each refresh goes on with
        /// its own.
        newest: u32,
        /// Another request with it had not been answered.
        twice: bool,
    },
    /// The process began (again).
    Began,
}

/// Who gives tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The provider's `authenticate()`.
    Mint,
    /// The provider's `refresh()`.
    Refresh,
    /// devices/token, in exchange for this base.
    Activate(Serial),
    /// devices/refresh, in exchange for this bound token.
    Renew(Serial),
    /// The application, with `update_token`.
    Application,
}

/// What authenticates a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A connect without a state.
    Connect,
    /// A connect with a state that was restored.
    Resume,
    /// A push.
    Push,
}

/// Why a socket is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The client closed it, or its process ended.
    Client,
    /// It was cut on the way, or the network went.
    Cut,
    /// The server closed all (restart, going away).
    ServerWide,
    /// Its token ended or was revoked.
    Token,
    /// A newer connection of the session displaced it.
    Displaced,
    /// The server closed it over a request of the client's (a push that costs the socket, a failed connect).
    Request,
}
