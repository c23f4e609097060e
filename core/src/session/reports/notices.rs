//! What is told of oddities: once for each kind, or as its number. A server must not be able to make a session talk without
//! an end (R31, R32).

use alloc::vec::Vec;

use crate::error::Error;
use crate::session::turn::Turn;
use crate::session::vocabulary::event::SessionNews;
use crate::time::Tick;
use crate::wire::time::{Oddity, Parsed};

use super::repeats::Repeats;

/// What has been told already. Fields are named by the program, never by a server: so many there are.
#[derive(Default)]
pub(crate) struct Notices {
    odd_times: Vec<(&'static str, Oddity)>,
    not_kept: Vec<&'static str>,
    short_lived: bool,
    /// Frames that were of no use.
    dropped: Repeats,
    /// Why the last one was, of those that have not been told.
    last_dropped: Option<Error>,
}

impl Notices {
    /// A time that was read; what was odd about it is told once for each field (R31).
    pub(crate) fn read(&mut self, turn: &mut Turn, field: &'static str, parsed: Parsed) -> Option<u64> {
        if let Some(oddity) = parsed.oddity {
            let seen = (field, oddity);
            if !self.odd_times.contains(&seen) {
                self.odd_times.push(seen);
                turn.news(SessionNews::OddTime { field, oddity }, None);
            }
        }
        parsed.ms
    }

    /// Once: a server that does so once does so always.
    pub(crate) fn not_kept(&mut self, turn: &mut Turn, field: &'static str, why: Option<Error>) {
        if !self.not_kept.contains(&field) {
            self.not_kept.push(field);
            turn.news(SessionNews::NotKept { field }, why);
        }
    }

    /// A token is asked for that will live for a minute.
    pub(crate) fn short_lived(&mut self, turn: &mut Turn) {
        if !core::mem::replace(&mut self.short_lived, true) {
            turn.news(SessionNews::ScopeWithoutFingerprint, None);
        }
    }

    /// A frame that is of no use: told at once the first time, and from then on counted (R32).
    pub(crate) fn dropped(&mut self, turn: &mut Turn, why: Error) {
        if self.dropped.happened(turn.now.tick) {
            turn.news(SessionNews::FrameDropped { count: 1 }, Some(why));
        } else {
            self.last_dropped = Some(why);
        }
    }

    /// When the number of the frames that were dropped is to be told.
    pub(crate) fn due(&self) -> Option<Tick> {
        self.dropped.next()
    }

    /// Tells how many frames have been dropped, when it is time to.
    pub(crate) fn watch(&mut self, turn: &mut Turn) {
        if let Some(count) = self.dropped.due(turn.now.tick) {
            turn.news(SessionNews::FrameDropped { count }, self.last_dropped.take());
        }
    }

    /// Nothing is left untold at the end.
    pub(crate) fn tell_rest(&mut self, turn: &mut Turn) {
        if let Some(count) = self.dropped.rest() {
            turn.news(SessionNews::FrameDropped { count }, self.last_dropped.take());
        }
    }
}
