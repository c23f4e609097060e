//! What a run comes to.

use crate::digest::Digest;
use crate::sometimes::Tally;

/// An invariant that does not hold.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) what: &'static str,
    pub(crate) at: u64,
}

/// What goes out in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Second {
    /// Everything.
    pub requests: u32,
    /// Of these, sockets that are opened.
    pub opens: u32,
}

/// Sums over sessions.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Inputs of all machines.
    pub inputs: u64,
    /// What went out on the network.
    pub requests: u64,
    /// Of these, what asked for a token.
    pub exchanges: u64,
    /// Machines: a session that is over is begun anew.
    pub lives: u64,
    /// Of all outputs of all sessions, in order.
    pub digest: u64,
    /// Branches taken.
    pub tally: Tally,
    /// By the second of the common time, if that is counted.
    pub seconds: Option<Vec<Second>>,
    /// Of the session that is running.
    pub(crate) running: Digest,
    /// That session is recorded, to be replayed.
    pub(crate) recording: bool,
}

impl Report {
    /// Adds the report on other sessions, in any order.
    pub fn add(&mut self, other: &Self) {
        self.inputs += other.inputs;
        self.requests += other.requests;
        self.exchanges += other.exchanges;
        self.lives += other.lives;
        self.digest = self.digest.wrapping_add(other.digest);
        self.tally.add(&other.tally);
        if let (Some(mine), Some(theirs)) = (&mut self.seconds, &other.seconds) {
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                mine.requests += theirs.requests;
                mine.opens += theirs.opens;
            }
        }
    }
}
