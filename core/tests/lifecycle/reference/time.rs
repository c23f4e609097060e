//! When it is (R1 to R4).

use satkeeper_core::lifecycle::*;

use super::{History, View, What};

/// From, to.
pub type Range = (i64, i64);

/// A step so much later than it was asked for, a wall clock so much ahead, was sleep.
pub const SLEEP: u64 = 5_000;

/// A server tells its time in whole seconds.
const GRAIN: i64 = 1_000;

pub fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub fn hull(one: Range, two: Range) -> Range {
    (one.0.min(two.0), one.1.max(two.1))
}

/// What an answer told of the server's clock: what that showed when ours began, from, to.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    pub step: usize,
    pub at: u64,
    pub shows: Range,
}

impl Observation {
    pub fn agrees_with(&self, other: &Self, within: i64) -> bool {
        self.shows.0 - within <= other.shows.1 && other.shows.0 - within <= self.shows.1
    }
}

impl History {
    /// How far the wall clock ran ahead of the monotonic one in this step.
    pub fn ahead(&self, step: usize) -> i64 {
        let Some(before) = step.checked_sub(1).map(|step| &self.steps[step]) else { return 0 };
        let now = &self.steps[step];
        signed(now.now.unix.0) - signed(before.now.unix.0) - signed(now.at - before.at)
    }

    /// How much later than it was asked for this step came.
    pub fn late(&self, step: usize) -> u64 {
        let before = step.checked_sub(1).map(|step| &self.steps[step]);
        let wake = before.filter(|it| Self::is_running(it)).and_then(|it| it.wake);
        wake.map_or(0, |(at, _)| self.steps[step].at.saturating_sub(at))
    }

    /// This step may have been a waking.
    pub fn may_have_slept(&self, step: usize) -> bool {
        self.late(step) > SLEEP || (!self.counts_sleep && self.ahead(step) > 0)
    }

    /// Time may have passed that our tick has not counted: when anything was is not certain then.
    pub fn may_have_lost_time(&self) -> bool {
        !self.counts_sleep && (0..self.steps.len()).any(|step| self.ahead(step) > 0)
    }

    /// For so long nobody slept, and nothing set the monotonic clock back: what was due has been done.
    pub fn is_settled_for(&self, span: u64) -> bool {
        !self.may_have_lost_time()
            && (0..self.steps.len())
                .rev()
                .take_while(|step| self.steps[*step].at.saturating_add(span) >= self.at())
                .all(|step| !self.may_have_slept(step))
    }

    /// Since this step nobody slept.
    pub fn is_awake_since(&self, step: usize) -> bool {
        !self.may_have_lost_time() && (step..self.steps.len()).all(|it| !self.may_have_slept(it))
    }
}

impl View<'_> {
    /// All that answers told of the server's clock; a stale one is no news.
    pub fn times_told(&self) -> Vec<Observation> {
        let told = |happened: &super::Happened| {
            let What::Heard(Input::Done(id, outcome)) = &happened.what else { return None };
            self.answer(*id).filter(|answer| answer.step == happened.step)?;
            let (asked, _) = self.command(*id)?;
            let time = signed(outcome.server_time?.0);
            let shows = (time - signed(happened.at), time + GRAIN - signed(asked.at));
            Some(Observation { step: happened.step, at: happened.at, shows })
        };
        self.list.iter().filter_map(told).collect()
    }

    /// What the server's clock showed when ours began, by all that it ever said.
    pub fn server_clock(&self) -> Option<Range> {
        self.observations.iter().map(|it| it.shows).reduce(hull)
    }
}
