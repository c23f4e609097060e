//! One thing that happens, with what clocks say of it.

use satkeeper_core::UnixMillis;
use satkeeper_core::lifecycle::*;
use satkeeper_core::secret::Seed;

use super::slices::Slice;
use super::{EPOCH, clock};

/// Times of the server and of a provider stand in letters relative to the moment at which those come, plus
/// this: a letter means the same whenever it comes.
const NIL: u64 = 1_000;

/// A server's time stamp that is this far ahead of the monotonic clock.
pub const fn stamp(ahead: i64) -> UnixMillis {
    UnixMillis(NIL.wrapping_add_signed(ahead))
}

/// One thing that happens.
#[derive(Clone)]
pub struct Letter {
    pub name: String,
    pub input: Input,
    /// What a well-behaved server does, the oldest command first; or nothing happens, and time passes.
    pub well: bool,
    /// The wall clock is set, or goes on while the monotonic one stands still.
    pub wall: i64,
    /// The process dies and begins anew from its record; the input is how.
    pub dies: bool,
}

impl Letter {
    pub fn new(name: String, input: Input, well: bool) -> Self {
        Self { name, input, well, wall: 0, dies: false }
    }

    /// What comes of it at this moment, `wall`: how far the wall clock has been set until then.
    pub fn step(
        &self,
        slice: &Slice,
        machine: &Lifecycle,
        at: u64,
        wall: i64,
        draws: Vec<bool>,
    ) -> (Lifecycle, Step) {
        let now = clock(at, wall + self.wall);
        let mut next = if self.dies {
            Lifecycle::restore(slice.policy(), &Seed::from_bytes([0; 32]), &machine.snapshot(), now)
        } else {
            machine.clone()
        };
        next.script_draws(draws);
        let step = next.step(now, self.dated(at));
        (next, step)
    }

    /// The input, its times told as they are at this moment.
    fn dated(&self, at: u64) -> Input {
        let date = |time: UnixMillis| UnixMillis(time.0.saturating_sub(NIL) + EPOCH + at);
        let says = |says: &mut Statement| {
            says.expires_at = says.expires_at.map(date);
            says.expiry_hint = says.expiry_hint.map(date);
        };
        let mut input = self.input.clone();
        match &mut input {
            Input::NewBase { token, .. } => says(&mut token.statement),
            Input::Done(_, outcome) => {
                outcome.server_time = outcome.server_time.map(date);
                outcome.signed_at = outcome.signed_at.map(date);
                match &mut outcome.result {
                    Ok(Reply::Token(token)) => says(&mut token.statement),
                    Ok(Reply::Inspected(what) | Reply::Reauthenticated(what)) => says(what),
                    Ok(Reply::Authenticated { statement, .. }) => says(statement),
                    _ => {}
                }
            }
            _ => {}
        }
        input
    }
}
