//! A run of the lifecycle inside, to be played again (R30).

use alloc::string::String;
use alloc::vec::Vec;

use crate::session::Session;
use crate::time::Now;

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
        self.inner.record(now, jitter, self.store.is_restored());
    }

    /// What has been recorded since the last call, one JSON object a line: what the run began with, then each step
    /// of the lifecycle with its clocks, input, outputs and next deadline. Empty where nothing is recorded.
    #[must_use]
    pub fn take_run(&mut self) -> Vec<String> {
        self.inner.take_run()
    }
}
