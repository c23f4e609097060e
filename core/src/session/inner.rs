//! The lifecycle inside: stepped in one place, with its next deadline and, where somebody has asked for it, what it hears and
//! says written down so that it can be played again (R30).

#[cfg(feature = "std")]
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

#[cfg(feature = "std")]
use serde::Serialize;

use crate::lifecycle::{Input, Lifecycle, Output, Wake};
#[cfg(feature = "std")]
use crate::lifecycle::{Policy, Step};
#[cfg(feature = "std")]
use crate::secret::Seed;
use crate::time::{Now, Tick};

/// Everybody else only reads it.
pub(crate) struct Inner {
    pub(crate) lifecycle: Lifecycle,
    wake: Option<(Tick, Wake)>,
    /// Not on small targets: what writes all alphabets down is large.
    #[cfg(feature = "std")]
    run: Option<Run>,
}

impl Inner {
    pub(crate) const fn new(lifecycle: Lifecycle) -> Self {
        Self {
            lifecycle,
            wake: None,
            #[cfg(feature = "std")]
            run: None,
        }
    }

    pub(crate) const fn wake(&self) -> Option<(Tick, Wake)> {
        self.wake
    }

    /// What it says to this.
    pub(crate) fn step(&mut self, now: Now, input: Input) -> Vec<Output> {
        #[cfg(feature = "std")]
        let step = match &mut self.run {
            Some(run) => {
                let step = self.lifecycle.step(now, input.clone());
                run.note(now, &input, &step);
                step
            }
            None => self.lifecycle.step(now, input),
        };
        #[cfg(not(feature = "std"))]
        let step = self.lifecycle.step(now, input);
        self.wake = step.wake_at;
        step.outputs
    }

    /// From now on its run is kept. It begins anew, from its record where `is_restored`, and draws from these bytes.
    #[cfg(feature = "std")]
    pub(crate) fn record(&mut self, now: Now, jitter: [u8; 32], is_restored: bool) {
        let (policy, seed) = (*self.lifecycle.policy(), Seed::from_bytes(jitter));
        let snapshot = is_restored.then(|| self.lifecycle.snapshot());
        self.lifecycle = match &snapshot {
            Some(snapshot) => Lifecycle::restore(policy, &seed, snapshot, now),
            None => Lifecycle::new(policy, &seed),
        };
        let record = snapshot.and_then(|snapshot| serde_json::to_string(&snapshot).ok());
        let head =
            Head { machine: "lifecycle", policy: &policy, seed: jitter, at: now, record, session: None };
        self.run = Some(Run { lines: alloc::vec![written(&head)] });
    }

    /// What has been kept since the last call.
    #[cfg(feature = "std")]
    pub(crate) fn take_run(&mut self) -> Vec<String> {
        self.run.as_mut().map(|run| core::mem::take(&mut run.lines)).unwrap_or_default()
    }
}

/// A run, line by line.
#[cfg(feature = "std")]
struct Run {
    lines: Vec<String>,
}

/// What a run begins with.
#[cfg(feature = "std")]
#[derive(Serialize)]
struct Head<'a> {
    machine: &'static str,
    policy: &'a Policy,
    seed: [u8; 32],
    at: Now,
    /// The snapshot that it goes on from, as text.
    record: Option<String>,
    /// How a session is set up; of a lifecycle there is nothing to say.
    session: Option<()>,
}

/// One step.
#[cfg(feature = "std")]
#[derive(Serialize)]
struct Line<'a> {
    now: Now,
    input: &'a Input,
    outputs: &'a [Output],
    wake_at: Option<(Tick, Wake)>,
}

/// With its members in alphabetical order, as whoever reads it will write it again.
#[cfg(feature = "std")]
fn written(value: &impl Serialize) -> String {
    serde_json::to_value(value).map(|value| value.to_string()).unwrap_or_default()
}

#[cfg(feature = "std")]
impl Run {
    fn note(&mut self, now: Now, input: &Input, step: &Step) {
        let Step { outputs, wake_at } = step;
        self.lines.push(written(&Line { now, input, outputs, wake_at: *wake_at }));
    }
}
