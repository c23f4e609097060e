//! What has been measured, a line for each row and machine: as CSV, as text, as a picture.

mod csv;
mod svg;
mod text;

pub use csv::{from_csv, to_csv};
pub use svg::to_svg;
pub use text::to_text;

use crate::catalogue::Row;
use crate::run::{Cell, KINDS};

/// One machine in one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The machine.
    pub machine: String,
    /// The row.
    pub row: u8,
    /// Sessions.
    pub sessions: u64,
    /// Session-hours.
    pub hours: f64,
    /// Hours of them in which a session could have been served.
    pub possible: f64,
    /// Of those, in which it was.
    pub served: f64,
    /// Of those in which it was not, seconds that are excused.
    pub excused: f64,
    /// Avoidable seconds.
    pub avoidable: f64,
    /// Avoidable seconds of the worst session.
    pub worst: f64,
    /// Disruptions.
    pub disruptions: u64,
    /// Faults, in the order of `KINDS`.
    pub faults: [u64; KINDS.len()],
    /// Requests to token endpoints.
    pub requests: u64,
    /// Sockets asked for.
    pub opens: u64,
    /// Sessions that are not within their bound.
    pub broken: u64,
}

impl Line {
    /// Of what was measured; a machine may go by another name.
    #[must_use]
    pub fn of(cell: &Cell, machine: &str) -> Self {
        let Cell { row, score, .. } = cell;
        let hours = |ms: u64| ms as f64 / 3_600_000.0;
        let seconds = |ms: u64| ms as f64 / 1_000.0;
        Self {
            machine: machine.to_owned(),
            row: row.number,
            sessions: score.sessions,
            hours: hours(score.length),
            possible: hours(score.possible),
            served: hours(score.served),
            excused: seconds(score.excused),
            avoidable: seconds(score.avoidable),
            worst: seconds(score.worst),
            disruptions: score.disruptions,
            faults: score.faults,
            requests: score.requests,
            opens: score.opens,
            broken: score.broken,
        }
    }

    /// All sessions are within their bounds.
    #[must_use]
    pub const fn within(&self) -> bool {
        self.broken == 0
    }

    /// Avoidable seconds of a session.
    fn mean(&self) -> f64 {
        self.avoidable / self.sessions.max(1) as f64
    }
}

/// Some lines together.
#[derive(Clone, Debug, Default)]
struct Total {
    rows: usize,
    within: usize,
    sessions: u64,
    hours: f64,
    possible: f64,
    served: f64,
    excused: f64,
    avoidable: f64,
    worst: f64,
    disruptions: u64,
    faults: [u64; KINDS.len()],
    requests: u64,
}

impl Total {
    fn of<'a>(lines: impl Iterator<Item = &'a Line>) -> Self {
        let mut sum = Self::default();
        for line in lines {
            sum.rows += 1;
            sum.within += usize::from(line.within());
            sum.sessions += line.sessions;
            sum.hours += line.hours;
            sum.possible += line.possible;
            sum.served += line.served;
            sum.excused += line.excused;
            sum.avoidable += line.avoidable;
            sum.worst = sum.worst.max(line.worst);
            sum.disruptions += line.disruptions;
            for (sum, count) in sum.faults.iter_mut().zip(line.faults) {
                *sum += count;
            }
            sum.requests += line.requests;
        }
        sum
    }
}

/// The machines, in the order in which they come.
fn machines(lines: &[Line]) -> Vec<&str> {
    let mut machines: Vec<&str> = Vec::new();
    for line in lines {
        if !machines.contains(&line.machine.as_str()) {
            machines.push(&line.machine);
        }
    }
    machines
}

/// That of a machine and row.
fn find<'a>(lines: &'a [Line], machine: &str, row: &Row) -> Option<&'a Line> {
    lines.iter().find(|line| line.machine == machine && line.row == row.number)
}
