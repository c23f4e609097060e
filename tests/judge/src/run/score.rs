//! What many sessions of a row come to.

use crate::timeline::Ms;
use crate::verdict::{Kind, Verdict};

/// Sums over sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// How many.
    pub sessions: u64,
    /// How long they lasted, in milliseconds.
    pub length: Ms,
    /// See `Verdict`.
    pub possible: Ms,
    /// See `Verdict`.
    pub served: Ms,
    /// See `Verdict`.
    pub excused: Ms,
    /// See `Verdict`.
    pub avoidable: Ms,
    /// Of the worst session.
    pub worst: Ms,
    /// See `Verdict`.
    pub disruptions: u64,
    /// Faults, by kind in the order of `KINDS`.
    pub faults: [u64; KINDS.len()],
    /// Requests to token endpoints.
    pub requests: u64,
    /// Sockets asked for.
    pub opens: u64,
    /// Sessions that were over before their world was.
    pub over: u64,
    /// Sessions that are not within their bound.
    pub broken: u64,
    /// The first few of them.
    pub failures: Vec<Failure>,
}

/// A session that is not within its bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which.
    pub index: u64,
    /// What it has broken.
    pub what: String,
}

/// The columns of faults.
pub const KINDS: [Kind; 7] =
    [Kind::Lost, Kind::Lie, Kind::Silence, Kind::Overstay, Kind::SpentTwice, Kind::Waste, Kind::Identity];

const FEW: usize = 5;

impl Score {
    /// One more session.
    pub fn session(&mut self, index: u64, broken: Option<String>, length: Ms, verdict: &Verdict) {
        let mut one = Self {
            sessions: 1,
            length,
            possible: verdict.possible,
            served: verdict.served,
            excused: verdict.excused,
            avoidable: verdict.avoidable,
            worst: verdict.avoidable,
            disruptions: verdict.disruptions.into(),
            requests: verdict.requests.into(),
            opens: verdict.opens.into(),
            over: verdict.over.is_some().into(),
            ..Self::default()
        };
        for fault in &verdict.faults {
            for (kind, count) in KINDS.iter().zip(&mut one.faults) {
                *count += u64::from(*kind == fault.kind);
            }
        }
        if let Some(what) = broken {
            one.fails(index, what);
        }
        self.add(&one);
    }

    /// This session is not within its bound.
    pub fn fails(&mut self, index: u64, what: String) {
        self.broken += 1;
        self.failures.push(Failure { index, what });
    }

    /// Others of the same row, or of others.
    pub fn add(&mut self, other: &Self) {
        self.sessions += other.sessions;
        self.length += other.length;
        self.possible += other.possible;
        self.served += other.served;
        self.excused += other.excused;
        self.avoidable += other.avoidable;
        self.worst = self.worst.max(other.worst);
        self.disruptions += other.disruptions;
        for (sum, count) in self.faults.iter_mut().zip(other.faults) {
            *sum += count;
        }
        self.requests += other.requests;
        self.opens += other.opens;
        self.over += other.over;
        self.broken += other.broken;
        self.failures.extend(other.failures.iter().cloned());
        self.failures.truncate(FEW);
    }

    /// Served of what was possible.
    #[must_use]
    pub fn availability(&self) -> f64 {
        part(self.served, self.possible)
    }

    /// Served of what was possible and not excused.
    #[must_use]
    pub fn availability_but_excused(&self) -> f64 {
        part(self.served, self.served + self.avoidable)
    }

    /// Avoidable seconds of a session.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.avoidable as f64 / 1_000.0 / self.sessions.max(1) as f64
    }

    /// Requests to token endpoints an hour.
    #[must_use]
    pub fn requests_an_hour(&self) -> f64 {
        self.requests as f64 / self.hours().max(1e-9)
    }

    /// Session-hours.
    #[must_use]
    pub fn hours(&self) -> f64 {
        self.length as f64 / 3_600_000.0
    }
}

fn part(of: Ms, whole: Ms) -> f64 {
    if whole == 0 { 1.0 } else { of as f64 / whole as f64 }
}
