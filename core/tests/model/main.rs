//! A search over all states of the real `Lifecycle`, breadth first: its inputs are what a slice allows, its
//! draws branch, its numbers are those of `Policy::model()`, its states are told apart by
//! `Lifecycle::canonical`.
#![allow(
    clippy::nonminimal_bool,
    unreachable_pub,
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a failing test is a panic; no map is iterated"
)]

mod answers;
mod catalogue;
mod every_slice;
mod graph;
mod groups;
mod letter;
mod liveness;
mod pairs;
mod records;
mod rules;
mod search;
mod show;
mod slices;
mod table;
mod world;

use satkeeper_core::Now;

pub use graph::{Edge, Going, Graph, State};
pub use letter::Letter;
pub use search::search;
pub use slices::Slice;

/// When everything begins, on the wall clock: far from zero, and far from where seconds and milliseconds
/// are told apart.
pub const EPOCH: u64 = 1_800_000_000_000;

/// When everything begins, on the monotonic clock: what was before that has a place on it, too.
pub const BEGIN: u64 = 100;

/// When an input comes, relative to the deadline `t` that the machine asked to be woken at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Moment {
    /// Together with the step before.
    Now,
    /// One unit before the deadline.
    Before,
    /// Exactly at it.
    At,
    /// One unit late.
    After,
    /// Later than `Policy::sleep`: the machine must suspect sleep.
    Late,
}

impl Moment {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Before => "t-1",
            Self::At => "t",
            Self::After => "t+1",
            Self::Late => "t+5",
        }
    }

    /// When that is; `None` where it would be another moment once more.
    pub fn of(self, now: u64, wake: Option<u64>) -> Option<u64> {
        match self {
            Self::Now => Some(now),
            Self::Before => wake.map(|at| at - 1).filter(|at| *at > now),
            Self::At => wake,
            Self::After => wake.map(|at| at + 1),
            Self::Late => wake.map(|at| at + 5),
        }
    }
}

/// What the clocks read: the monotonic one, and the wall clock, which may have been set or have gone on in a
/// sleep.
pub const fn clock(at: u64, wall: i64) -> Now {
    Now::new(at, (EPOCH + at).wrapping_add_signed(wall))
}

/// FNV-1a: a digest that is the same everywhere.
pub fn digest(parts: impl Iterator<Item = String>) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.bytes().chain([b'\n']) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}
