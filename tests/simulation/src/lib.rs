//! The simulation: many sessions over many hours of virtual time, against a server, a provider, clocks and
//! an application of which each seed makes something else.
//!
//! Nothing in here reads a clock or a file, and every number is drawn from the seed: the same run gives the
//! same [digest](Report::digest) on every machine.
//!
//! | file | what it holds |
//! |---|---|
//! | `draws`, `clocks`, `digest` | random numbers, four clocks, the digest of all outputs |
//! | `faults`, `setting` | what goes wrong in a session, and what its world is like |
//! | `server` | which tokens there are, and what a server makes of them |
//! | `life`, `carrying`, `befalling`, `away` | one session: its time, its commands, what comes from outside, outages |
//! | `watch` | what must hold after every input |
//! | `tape` | a sample of sessions is recorded and replayed, from the beginning and from records |
//! | `sometimes`, `counting` | branches that must have been taken |
//! | `outage` | what a fleet does to a server that comes back |
//! | `fleet` | very many usual sessions at once: what they cost, what they ask of a server |

mod away;
mod befalling;
mod carrying;
mod clocks;
mod counting;
mod digest;
mod draws;
mod faults;
mod fleet;
mod life;
mod outage;
mod report;
mod server;
mod setting;
mod sometimes;
mod tape;
mod watch;

pub use faults::Allowed;
pub use fleet::{FleetPlan, FleetReport, fleet};
pub use outage::{Rush, rush};
pub use report::{Report, Second};
pub use sometimes::Tally;

use std::collections::VecDeque;
use std::fmt;

use draws::Draws;
use life::Life;

const HOUR: u64 = 3_600_000;

/// A run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Decides everything.
    pub seed: u64,
    /// Of each session.
    pub hours: u64,
    /// What may go wrong.
    pub allowed: Allowed,
}

/// An invariant did not hold.
#[derive(Clone, Debug)]
pub struct Finding {
    /// In which session.
    pub session: u64,
    /// Which.
    pub what: &'static str,
    /// When, in milliseconds of virtual time.
    pub at: u64,
    /// The last that happened before it.
    pub trace: Vec<String>,
    plan: Plan,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trace {
            writeln!(f, "{line}")?;
        }
        let Plan { seed, hours, .. } = self.plan;
        write!(
            f,
            "{} in session {}\nrepeat it: cargo run --release -p satkeeper-simulation -- --seed {seed} \
             --hours {hours} --only {}",
            self.what, self.session, self.session
        )
    }
}

/// Runs these sessions of the plan.
///
/// # Errors
/// The first invariant that does not hold, with what led to it.
pub fn run(plan: &Plan, sessions: impl IntoIterator<Item = u64>) -> Result<Report, Box<Finding>> {
    let mut report = Report::default();
    for session in sessions {
        if let Err(violation) = run_session(plan, session, &mut report, None) {
            let mut trace = VecDeque::new();
            let _ = run_session(plan, session, &mut Report::default(), Some(&mut trace));
            let (what, at) = (violation.what, violation.at);
            let from = trace.len().saturating_sub(60);
            let trace = trace.into_iter().skip(from).collect();
            return Err(Box::new(Finding { session, what, at, trace, plan: *plan }));
        }
    }
    Ok(report)
}

/// Tells the whole story of one session.
#[must_use]
pub fn tell(plan: &Plan, session: u64) -> Vec<String> {
    let mut trace = VecDeque::new();
    if let Err(violation) = run_session(plan, session, &mut Report::default(), Some(&mut trace)) {
        trace.push_back(format!("{} at {}", violation.what, violation.at));
    }
    trace.into()
}

/// One session for the plan's hours: when a life is over, another begins.
fn run_session(
    plan: &Plan,
    session: u64,
    report: &mut Report,
    mut trace: Option<&mut VecDeque<String>>,
) -> Result<(), report::Violation> {
    let mut draws = Draws::of(plan.seed, session);
    let end = plan.hours * HOUR;
    let mut now = 0;
    report.running = digest::Digest::default();
    report.recording = session.is_multiple_of(tape::SAMPLE);
    while now < end {
        report.lives += 1;
        let mut life = Life::drawn(now, &mut draws, plan.allowed, report, trace.as_deref_mut());
        let over = life.run(end)?;
        now = over + 60_000 + draws.below(300_000);
    }
    report.digest = report.digest.wrapping_add(report.running.share(session));
    Ok(())
}
