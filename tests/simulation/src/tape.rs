//! Runs recorded and replayed: the same inputs at the same times give the same steps, from the beginning and
//! from a record in the middle (R30).

use satkeeper_core::Now;
use satkeeper_core::lifecycle::{Input, Lifecycle, Policy, Snapshot, Step};
use satkeeper_core::secret::Seed;

use crate::report::Violation;

/// Of so many sessions one is recorded and replayed.
pub(crate) const SAMPLE: u64 = 16;

/// What a machine began with.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) seed: [u8; 32],
    /// What it went on from, and when.
    pub(crate) record: Option<(Snapshot, Now)>,
}

impl Origin {
    pub(crate) fn machine(&self, policy: Policy) -> Lifecycle {
        let seed = Seed::from_bytes(self.seed);
        match &self.record {
            Some((snapshot, now)) => Lifecycle::restore(policy, &seed, snapshot, *now),
            None => Lifecycle::new(policy, &seed),
        }
    }
}

struct Run {
    origin: Origin,
    steps: Vec<(Now, Input, Step)>,
}

/// What one session's machines were given, and what they made of it.
#[derive(Default)]
pub(crate) struct Tape {
    running: bool,
    runs: Vec<Run>,
}

impl Tape {
    pub(crate) fn new(running: bool, origin: Origin) -> Self {
        let mut tape = Self { running, runs: Vec::new() };
        tape.begin(origin);
        tape
    }

    /// Another machine takes over.
    pub(crate) fn begin(&mut self, origin: Origin) {
        if self.running {
            self.runs.push(Run { origin, steps: Vec::new() });
        }
    }

    pub(crate) fn note(&mut self, now: Now, input: &Input, step: &Step) {
        if let Some(run) = self.runs.last_mut() {
            run.steps.push((now, input.clone(), step.clone()));
        }
    }

    /// Replays all that was recorded. Returns how many runs there were, and how many from a record.
    pub(crate) fn replay(&self, policy: Policy, at: u64) -> Result<(u64, u64), Violation> {
        let mut from_record = 0;
        for run in &self.runs {
            let mut machine = run.origin.machine(policy);
            from_record += u64::from(run.origin.record.is_some());
            for (now, input, step) in &run.steps {
                if machine.step(*now, input.clone()) != *step {
                    return Err(Violation { what: "R30: a replay went another way", at });
                }
            }
        }
        Ok((self.runs.len() as u64, from_record))
    }
}
