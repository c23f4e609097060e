//! What the lifecycle inside hears and says, written down so that it can be played again (R30).

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde::Serialize;

use crate::lifecycle::{Input, Lifecycle, Output, Policy, Step, Wake};
use crate::secret::Seed;
use crate::session::Session;
use crate::time::{Now, Tick};

/// A run, line by line.
pub(crate) struct Run {
    lines: Vec<String>,
}

/// What a run begins with.
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
#[derive(Serialize)]
struct Line<'a> {
    now: Now,
    input: &'a Input,
    outputs: &'a [Output],
    wake_at: Option<(Tick, Wake)>,
}

/// With its members in alphabetical order, as whoever reads it will write it again.
fn written(value: &impl Serialize) -> String {
    serde_json::to_value(value).map(|value| value.to_string()).unwrap_or_default()
}

impl Run {
    pub(crate) fn note(&mut self, now: Now, input: &Input, step: &Step) {
        let Step { outputs, wake_at } = step;
        self.lines.push(written(&Line { now, input, outputs, wake_at: *wake_at }));
    }
}

impl Session {
    /// From now on, what the lifecycle inside hears and says is kept for [`Session::take_run`]: facts, times,
    /// kinds of failures; no token, key or text (R36). For a session that has not started yet; the clocks are those
    /// at which it was restored. From the 32 bytes, which are in the run, jitter is drawn in place of the session's
    /// own seed: they must be of no other use.
    ///
    /// ```
    /// use satkeeper_core::lifecycle::ProviderFacts;
    /// use satkeeper_core::session::{Config, Provider, Session, SessionInput};
    /// use satkeeper_core::{Now, secret::Seed};
    /// let provider = Provider::callback(ProviderFacts { can_refresh: true, can_mint_again: false, may_be_asked_twice: false });
    /// let mut session = Session::new(Config::new(provider), Seed::from_bytes([7; 32]));
    /// let now = Now::new(0, 1_700_000_000_000);
    /// session.record_run(now, [8; 32]);
    /// let _ = session.step(now, SessionInput::Start);
    /// let run = session.take_run();
    /// assert_eq!(run.len(), 2, "what it began with, and one step");
    /// assert!(session.take_run().is_empty());
    /// ```
    pub fn record_run(&mut self, now: Now, jitter: [u8; 32]) {
        let (policy, seed) = (*self.lifecycle.policy(), Seed::from_bytes(jitter));
        let snapshot = self.is_restored().then(|| self.lifecycle.snapshot());
        self.lifecycle = match &snapshot {
            Some(snapshot) => Lifecycle::restore(policy, &seed, snapshot, now),
            None => Lifecycle::new(policy, &seed),
        };
        let record = snapshot.and_then(|snapshot| serde_json::to_string(&snapshot).ok());
        let head =
            Head { machine: "lifecycle", policy: &policy, seed: jitter, at: now, record, session: None };
        self.run = Some(Run { lines: alloc::vec![written(&head)] });
    }

    /// What has been recorded since the last call, one JSON object a line: what the run began with, then each step
    /// of the lifecycle with its clocks, input, outputs and next deadline. Empty where nothing is recorded.
    #[must_use]
    pub fn take_run(&mut self) -> Vec<String> {
        self.run.as_mut().map(|run| core::mem::take(&mut run.lines)).unwrap_or_default()
    }
}
