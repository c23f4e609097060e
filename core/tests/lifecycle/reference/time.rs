//! When it is (L6, L9, L23).

use satkeeper_core::lifecycle::*;

use super::{History, View, What};

/// From, to.
pub type Range = (i64, i64);

/// A server's clock is read in whole seconds over a network.
const PRECISION: i64 = 1_000;

const JUMP: u64 = 5_000;

pub fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl History {
    /// How far the wall clock ran ahead of the monotonic one in this step, if by more than 5 s.
    pub fn ahead(&self, step: usize) -> Option<u64> {
        let before = &self.steps[step.checked_sub(1)?];
        let now = &self.steps[step];
        let ahead = now.now.unix.0.saturating_sub(before.now.unix.0).saturating_sub(now.at - before.at);
        Some(ahead).filter(|ahead| *ahead > JUMP)
    }

    /// What `ClockJump` must say of this step, if anything (L23).
    pub fn jump(&self, step: usize) -> Option<u64> {
        let before = &self.steps[step.checked_sub(1)?];
        let late =
            before.wake_at.map(|at| self.steps[step].at.saturating_sub(at)).filter(|late| *late > JUMP);
        self.ahead(step).or(late).filter(|_| Self::is_running(before))
    }

    /// No step so far could have been a waking.
    pub fn has_never_jumped(&self) -> bool {
        (0..self.steps.len()).all(|step| self.jump(step).is_none() && self.ahead(step).is_none())
    }
}

impl View<'_> {
    /// Most time that may have been lost in sleep.
    pub fn time_in_doubt(&self) -> i64 {
        (0..self.steps.len()).filter_map(|step| self.ahead(step)).map(signed).fold(0, i64::saturating_add)
    }

    /// Whether the clocks have jumped after this moment, by this step: what was sent then may tell of a time before.
    fn jumped_within(&self, sent: u64, by: usize) -> bool {
        (0..=by).any(|step| self.steps[step].at > sent && self.ahead(step).is_some())
    }

    /// What the server's clock showed when ours began, as far as anybody could tell: by all that it ever said.
    pub fn server_clock(&self) -> Option<Range> {
        let told = self.list.iter().filter_map(|happened| match &happened.what {
            What::Heard(Input::ServerTime(time)) => {
                let sent = happened.at.saturating_sub(2_000);
                Some((time.0, happened.at, sent, self.jumped_within(sent, happened.step)))
            }
            What::Heard(Input::Done(id, outcome)) => {
                // A stale answer is no news (L1).
                self.answer(*id).filter(|answer| answer.step == happened.step)?;
                let asked = self.command(*id)?.0;
                let jumped = (asked.step + 1..=happened.step).any(|step| self.ahead(step).is_some());
                Some((outcome.server_time?.0, happened.at, asked.at, jumped))
            }
            _ => None,
        });
        let told: Vec<_> = told.collect();
        // What was sent before a jump may be older than it: by itself it tells nothing (L23).
        if told.iter().all(|(.., jumped)| *jumped) {
            return None;
        }
        let told = told.into_iter();
        told.map(|(time, now, sent, _)| {
            let time = signed(time);
            (time - signed(now) - PRECISION, time + 999 - signed(sent) + PRECISION + self.slack)
        })
        .reduce(|one, two| (one.0.min(two.0), one.1.max(two.1)))
    }
}
