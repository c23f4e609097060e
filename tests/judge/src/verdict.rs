//! What a session has suffered, in figures.

use crate::timeline::Ms;

/// Of one session in one world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Milliseconds in which it could have been served.
    pub possible: Ms,
    /// Of those, in which it was.
    pub served: Ms,
    /// Of those in which it was not, excused ones.
    pub excused: Ms,
    /// What excused how many of them; each millisecond stands once.
    pub excuses: Vec<(Excuse, Ms)>,
    /// Of those, avoidable ones.
    pub avoidable: Ms,
    /// The longest uninterrupted stretch of avoidable ones, and when it began.
    pub worst: Option<(Ms, Ms)>,
    /// Tokens that it was given, for bounds that hold a life.
    pub lives: u32,
    /// Replaced sockets that served, and resumable ones that were reconnected fresh.
    pub disruptions: u32,
    /// Requests to token endpoints.
    pub requests: u32,
    /// Sockets that it asked for.
    pub opens: u32,
    /// When it did, for a herd's histogram.
    pub opened_at: Vec<Ms>,
    /// Activations (devices/token).
    pub activations: u32,
    /// The most of them within an hour.
    pub activations_an_hour: u32,
    /// Connects.
    pub connects: u32,
    /// When it asked for a mint.
    pub minted_at: Vec<Ms>,
    /// When it was over, if it was.
    pub over: Option<Ms>,
    /// What must never be.
    pub faults: Vec<Fault>,
}

/// Why a session that could have been served was not, without anybody's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Excuse {
    /// It had just begun, or been taken up again by its user.
    Start,
    /// Its socket was cut, or the network was gone for at most a minute.
    Cut,
    /// The server closed the sockets of all.
    ServerWide,
    /// Its socket died without a word.
    SilentDeath,
    /// The network was gone for over a minute.
    NoNetwork,
    /// An endpoint has just come back.
    Healed,
    /// It was asked to wait.
    RetryAfter,
    /// Its host slept, or its process was stopped.
    Wake,
    /// Its tokens were revoked.
    Revoked,
    /// Somebody else held it.
    Takeover,
    /// Its token ended while nobody could have got another, and nobody could have known in good time.
    Unforeseen,
}

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When.
    pub at: Ms,
    /// Which.
    pub kind: Kind,
    /// In a sentence.
    pub what: String,
}

/// The kinds of what must never be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Torn down while it could have gone on.
    Lost,
    /// It said what was not so.
    Lie,
    /// It said nothing of what was wrong.
    Silence,
    /// It went on though nothing could become of it any more.
    Overstay,
    /// A one-time secret was presented after its successor was issued, or twice at once.
    SpentTwice,
    /// More requests than one a life and what the pace allows.
    Waste,
    /// Another identity's token served.
    Identity,
}
