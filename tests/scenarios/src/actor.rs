//! The machine on the stage: what it hears, and what it says to it.

use satkeeper_core::lifecycle::{ProviderFacts, SocketId, Status};

use crate::asked::{Answer, Handle, Serial, What};
use crate::recording::Recording;
use crate::world::World;

/// Which machine a story drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// Abstract inputs: facts.
    Lifecycle,
    /// Bytes and frames.
    Session,
}

impl Machine {
    /// Its name in stories.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lifecycle => "lifecycle",
            Self::Session => "session",
        }
    }
}

/// Something that a machine hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Start,
    Tick,
    Answer {
        to: Handle,
        what: What,
        answer: Answer,
    },
    SocketLost(SocketId),
    ServerRestart {
        socket: SocketId,
        wipe: bool,
    },
    /// The server hands out resume state.
    ResumeState(SocketId),
    ServerPing(SocketId),
    ServerSends(SocketId, String),
    Suspend,
    Resume,
    NetworkChanged,
    Disconnect,
    Leave,
    Destroy,
    RefreshNow(u64),
    Rejected(u64),
    UpdateToken {
        ask: u64,
        token: Serial,
    },
    NewProvider(ProviderFacts),
    Call {
        call: u64,
        method: String,
    },
}

/// What it says to that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) said: Vec<Said>,
    /// On its monotonic clock.
    pub(crate) wake_at: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// It wants this of the world. `details` are what is worth saying besides the name.
    Asked {
        to: Handle,
        what: What,
        details: String,
    },
    /// The same, but not for the story: a sign of life that only the session asks for.
    Upkeep {
        to: Handle,
        what: What,
    },
    Told(String),
}

/// A machine, its driver and its store.
pub(crate) trait Actor {
    /// One input; what came of it.
    fn hear(&mut self, world: &mut World, news: &News) -> Result<Heard, String>;

    /// The process was killed; another one goes on from what was written last, if anything was.
    fn revive(&mut self, world: &mut World) -> Result<Heard, String>;

    fn status(&self) -> Status;

    fn check(&self) -> Result<(), &'static str>;

    /// What it was told and said, so far.
    fn recording(&self) -> &Recording;
}
