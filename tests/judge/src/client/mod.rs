//! Who is judged: anything that keeps a session, in words that are nobody's.

pub mod absent;
#[cfg(not(november))]
pub mod lifecycle;
pub mod naive;
pub mod session;

use crate::timeline::Ms;
use crate::world::{Facts, User};
use satkeeper_core::secret::Seed;

/// The two clocks of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// Monotonic, milliseconds.
    pub tick: Ms,
    /// Wall clock, milliseconds since 1970.
    pub unix: u64,
}

/// A token: the number that the server gave it when it issued it, from 1.
pub type Serial = u32;

/// A socket: a number that the client gives it. None is given twice, nor one below an earlier one, by no process of the
/// session.
pub type Socket = u32;

/// A request: a number that the client gives it, for the answer. None is given twice, by no process of the session.
pub type AskId = u64;

/// Something that a client hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Begin.
    Start,
    /// Begin again in a new process: there is a record if one was ever kept.
    Restart,
    /// It is the time that was asked for, or later.
    Tick,
    /// The answer to a request.
    Answer(AskId, Reply),
    /// A socket broke or was closed.
    SocketLost(Socket),
    /// `signalwire.disconnect`.
    Disconnect {
        /// On which.
        socket: Socket,
        /// Its `restart`.
        restart: bool,
    },
    /// A new `authorization_state`.
    State(Socket),
    /// `signalwire.ping`.
    Ping(Socket),
    /// What the application does, but for what it updates.
    User(User),
    /// `User::Updates`: the application brings this token.
    Updates {
        /// Which.
        token: Serial,
        /// What is said of it.
        says: Says,
    },
}

/// What a client makes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Requests, in order.
    pub asks: Vec<(AskId, Ask)>,
    /// What it tells its application, in order.
    pub tells: Vec<Tell>,
    /// When it wants to be woken, on the monotonic clock.
    pub wake_at: Option<Ms>,
}

/// Something that a client wants of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// `authenticate()`.
    Mint,
    /// `refresh()`.
    Refresh {
        /// The one-time secret that it presents, if the provider's has one.
        secret: Option<u32>,
    },
    /// GET subscriber/info.
    Inspect(Serial),
    /// POST devices/token.
    Activate(Serial, Proof),
    /// POST devices/refresh.
    Renew(Serial, Proof),
    /// Open a socket.
    Open(Socket),
    /// `signalwire.connect`.
    Connect {
        /// On which.
        socket: Socket,
        /// With which token.
        token: Serial,
        /// With a state.
        resume: bool,
        /// Signed when.
        proof: Proof,
    },
    /// `signalwire.reauthenticate`.
    Push(Socket, Serial, Proof),
    /// `signalwire.ping`.
    Ping(Socket),
    /// Any other frame of the client's: an answer to a ping, an acknowledgement.
    Frame(Socket),
    /// Write the record.
    Write,
    /// Close a socket.
    Close(Socket),
}

impl Ask {
    /// The socket that it is about, but for what closes it.
    #[must_use]
    pub const fn socket(&self) -> Option<Socket> {
        match *self {
            Self::Open(socket)
            | Self::Connect { socket, .. }
            | Self::Push(socket, ..)
            | Self::Ping(socket)
            | Self::Frame(socket) => Some(socket),
            _ => None,
        }
    }
}

/// The `iat` of a proof in milliseconds since 1970, where one is signed.
pub type Proof = Option<u64>;

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What came of it.
    pub result: Result<Good, Bad>,
    /// The `Date` that it carried, in milliseconds since 1970, cut to seconds.
    pub date: Option<u64>,
    /// It carried an `Age`, or was a page of HTML: somebody on the way answered.
    pub foreign: bool,
}

/// What a successful answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Good {
    /// Of `Write`, `Close`, `Ping`, `Open`.
    Done,
    /// A token.
    Token {
        /// Which.
        token: Serial,
        /// What is said of its end.
        says: Says,
        /// The one-time secret that came with it.
        secret: Option<u32>,
    },
    /// Of `Inspect`, `Push`.
    Says(Says),
    /// Of `Connect`.
    Connected {
        /// The state was restored.
        resumed: bool,
        /// Of the token, or of that which the state was made for.
        says: Says,
    },
}

/// What is said of a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Says {
    /// A life in milliseconds.
    pub life: Option<Ms>,
    /// An end, milliseconds since 1970 on the server's clock.
    pub end: Option<u64>,
    /// A provider's `expiry_at`, milliseconds since 1970 on somebody's clock.
    pub hint: Option<u64>,
    /// It carries `sat:refresh`.
    pub scope: Option<bool>,
}

/// How a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// The connection broke, or never came to be.
    Broke,
    /// An HTTP status.
    Http {
        /// Which.
        status: u16,
        /// The body is the API's own.
        own: bool,
        /// Milliseconds.
        retry_after: Option<Ms>,
    },
    /// 200 with a page of HTML.
    Page,
    /// A JSON-RPC error.
    Error(i64),
    /// A result with a code that is no success.
    Code(u16),
    /// A connect result without `protocol`.
    NoProtocol,
    /// The application's provider failed for now.
    Failed,
    /// The application's provider will never do it again.
    Rejected,
    /// A write failed; somebody else holds the session, if `taken`.
    NotKept {
        /// Somebody else holds it.
        taken: bool,
    },
}

/// What a client tells its application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tell {
    /// Served on a socket.
    Live,
    /// A new token is in force.
    Renewed(Serial),
    /// What was waited for has happened (`Refreshes`, `WasRefused`, `Updates`).
    Settled,
    /// What was waited for failed.
    Failed,
    /// No held token is valid any more.
    Expired,
    /// Something is wrong: it names a cause, and perhaps when the next attempt is made (monotonic).
    Warned {
        /// A stable code.
        code: String,
        /// It names what failed.
        cause: bool,
        /// The next attempt.
        next: Option<Ms>,
    },
    /// At rest, because it was asked to.
    Suspended,
    /// It is over.
    Over {
        /// A stable name of the reason.
        reason: String,
    },
    /// Anything else.
    Other(String),
}

/// What it says it is, after each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Served, it believes.
    Live,
    /// Not.
    Away,
    /// At rest.
    Suspended,
    /// It is over.
    Over,
}

/// A client.
pub trait Client {
    /// One input, and what comes of it. After `News::Restart` only the record is left of what was (see `kept`).
    fn hear(&mut self, now: Clocks, news: &News) -> Heard;

    /// The store holds the record of this `Write` from now on: what it was when it was asked for is what a new process
    /// finds, whatever this one hears of it. Not so of a write that is said to be kept and is not (`Health::Loses`).
    fn kept(&mut self, write: AskId) {
        let _ = write;
    }

    /// What it says it is.
    fn phase(&self) -> Phase;

    /// Its driver's monotonic clock goes on in the host's sleep.
    fn tick_counts_sleep(&self) -> bool;

    /// Its program, for tables.
    fn name(&self) -> &'static str;
}

/// Makes a client for a world.
pub type Maker = fn(facts: &Facts, seed: u64) -> Box<dyn Client>;

/// What a process of a world draws from.
pub(super) fn drawn(seed: u64, boots: u64) -> Seed {
    let mut bytes = [0; 32];
    for (part, word) in bytes.chunks_exact_mut(8).zip([seed, boots, !seed, 0x5eed]) {
        part.copy_from_slice(&word.to_le_bytes());
    }
    Seed::from_bytes(bytes)
}
