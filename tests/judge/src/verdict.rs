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
    /// Of those, avoidable ones.
    pub avoidable: Ms,
    /// Replaced sockets that served, and resumable ones that were reconnected fresh.
    pub disruptions: u32,
    /// Requests to token endpoints.
    pub requests: u32,
    /// Sockets that it asked for.
    pub opens: u32,
    /// Activations (devices/token).
    pub activations: u32,
    /// Connects.
    pub connects: u32,
    /// Mints.
    pub mints: u32,
    /// When it was over, if it was.
    pub over: Option<Ms>,
    /// What must never be.
    pub faults: Vec<Fault>,
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
