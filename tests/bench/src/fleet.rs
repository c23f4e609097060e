//! A day of very many sessions, simulated in a process of its own, so that its memory is its own.

use std::path::Path;

use crate::child;

/// What a fleet came to: a line of names and values.
pub struct Fleet(String);

impl Fleet {
    /// Lets so many sessions live for a day, and writes their requests by the minute there.
    ///
    /// # Errors
    /// It failed, or lost a session.
    pub fn of(sessions: u32, csv: &Path) -> child::Result<Self> {
        let mut run = child::simulate();
        run.args(["--fleet", "--sessions", &sessions.to_string(), "--csv"]).arg(csv);
        child::output(run).map(Self)
    }

    /// One of its figures, by name.
    ///
    /// # Errors
    /// There is none.
    pub fn value(&self, name: &str) -> Result<f64, String> {
        let value = self.0.split_whitespace().skip_while(|word| *word != name).nth(1);
        value.and_then(|word| word.parse().ok()).ok_or_else(|| format!("no {name}: {}", self.0))
    }
}
