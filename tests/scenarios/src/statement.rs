//! What a line of a story can say.

use satkeeper_core::lifecycle::{KeyAlgorithm, ProviderFacts};

/// One thing that is so from now on, or that happens now.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Statement {
    /// The world is so from now on.
    Set(Setting),
    /// Commands of this name are treated so; `None`: as a healthy world does, from now on.
    Treat {
        which: Which,
        name: &'static str,
        how: Option<How>,
    },
    /// The application starts the session.
    Start,
    /// The socket breaks.
    SocketDrops,
    /// The server says `signalwire.disconnect`; `wipe`: with `restart: true`.
    ServerRestarts {
        wipe: bool,
    },
    /// The server pings, with its time.
    ServerPings,
    /// The server sends this text as a frame.
    ServerSends(String),
    /// Nothing comes through from now on, neither way, and nobody says so.
    NetworkSilent,
    /// The network is gone: sockets break and none opens.
    NetworkDown,
    NetworkUp,
    /// The system says that its network changed.
    NetworkChanges,
    /// The lid is closed for so long: the wall clock goes on, the monotonic one stops.
    Sleep(u64),
    /// The same where the monotonic clock goes on.
    Nap(u64),
    /// Somebody sets the wall clock, by so many milliseconds.
    ClockSet(i64),
    /// The server will not accept the token with this number any more.
    Revoke(u32),
    /// The process is killed, and another one goes on from the record after so long.
    Kill(u64),
    Suspend,
    Resume,
    Disconnect,
    Leave,
    Destroy,
    RefreshNow,
    /// The application's own request was refused for its credential.
    Rejected,
    /// The application brings a token of its own.
    UpdateToken {
        life: u64,
        scope: bool,
        foreign: bool,
    },
    /// The application brings the token with this number again.
    UpdateTokenAgain(u32),
    NewProvider(ProviderFacts),
    /// The application calls a method.
    Call(String),
    /// From here to the next line outputs are counted, not listed.
    InShort,
    /// What must be so now.
    Expect(Expectation),
    /// Nothing: time passes.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Next(u32),
    Every,
}

/// What the world is like.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Setting {
    Provider(Provider),
    /// `expiry_at` of the provider's credential.
    Hint(Hint),
    BaseLife(u64),
    BoundLife(u64),
    BaseScope(bool),
    RefreshedScope(bool),
    /// The local wall clock is ahead of the server's by so many milliseconds.
    ClockAhead(i64),
    /// Proofs signed further off are refused.
    ProofWindow(Option<u64>),
    Latency(u64),
    /// The server states ends and lives.
    StatesEnds(bool),
    /// The server says what time it is.
    TellsTime(bool),
    /// It hands out resume state.
    Resumes(bool),
    /// After each push, too; else the state of the connect stays.
    RenewsState(bool),
    /// It closes a socket whose token has ended.
    ClosesAtEnd(bool),
    /// Inspect and connect answers say `sat:refresh`; else only inspect.
    ConnectTellsScope(bool),
    Store(bool),
    Key(Key),
    Policy(&'static str),
    Seed(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Provider {
    /// Functions of the application.
    Callback(ProviderFacts),
    /// The built-in one with the rotating refresh token.
    Subscriber,
}

/// What the provider says of its token's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    Nothing,
    /// The truth, in milliseconds.
    True,
    /// The truth, in seconds.
    Seconds,
    /// So long from now, by the local wall clock.
    In(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Auto,
    Fixed(KeyAlgorithm),
    Nobody,
}

/// How the world treats a command, if not well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct How {
    /// It fails.
    pub(crate) bad: Option<Bad>,
    /// Nothing comes back, and nothing was done.
    pub(crate) silence: bool,
    /// It was done, and the answer is lost.
    pub(crate) lost: bool,
    /// The answer comes after so long.
    pub(crate) late: Option<u64>,
    /// The token that it brings lives so long.
    pub(crate) life: Option<u64>,
    /// What the answer says of an end, other than the truth.
    pub(crate) says: Option<Says>,
    /// The token is bound to a key that is not ours.
    pub(crate) foreign: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    /// The connection breaks.
    Breaks,
    Malformed,
    Http {
        status: u16,
        retry_after: Option<u64>,
    },
    /// The same from somebody who knows nothing of it: a page on the way.
    Page {
        status: u16,
        retry_after: Option<u64>,
    },
    Rpc(i64),
    /// A result that says by its code that it has failed, whatever else it carries.
    Result(i64),
    /// The application's provider fails for now.
    Fails {
        retry_after: Option<u64>,
    },
    /// It will never renew this.
    Rejects,
    /// No key can be made.
    NoKey,
    /// The server wants another nonce in the proof, and hands it out.
    Nonce,
}

/// What an answer says of a token's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    Nothing,
    /// So long from now, by the server's clock.
    EndIn(u64),
    /// It has ended so long ago.
    EndedAgo(u64),
    /// The truth, as milliseconds.
    Milliseconds,
    /// The truth, as a moment instead of a life.
    Absolute,
}

/// What must be so at this point of the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expectation {
    /// `status().phase`, by its name.
    Phase(String),
    /// Over, for this reason.
    Over(String),
    /// `status().mechanism`, by its name.
    Mechanism(String),
    /// The token in force is a client-bound one, or not.
    InForce { bound: bool },
    /// How many of the outputs so far (or since then) begin so.
    Count { least: u32, most: u32, what: String, since: Option<u64> },
}
