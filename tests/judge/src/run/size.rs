//! How many sessions are played.

use super::Machine;
use crate::catalogue::{Row, draw};

const HOUR: u64 = 3_600_000;

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// For each push: each life of each row with a few mechanisms.
    Ci,
    /// A million hours of sessions, equal parts for each row.
    Full,
    /// So many of each row.
    Sessions(u64),
}

impl Size {
    /// For tables.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Ci => "ci".to_owned(),
            Self::Full => "full".to_owned(),
            Self::Sessions(sessions) => sessions.to_string(),
        }
    }

    /// Of a row; whole herds.
    #[must_use]
    pub fn sessions(self, row: &Row, machine: Machine, seed: u64) -> u64 {
        let herds = row.together > 1;
        match self {
            Self::Ci if herds => 2 * row.together,
            Self::Ci => 24,
            Self::Sessions(sessions) => sessions.div_ceil(row.together) * row.together,
            // The others only prove the catalogue.
            Self::Full if machine != Machine::This => Self::Ci.sessions(row, machine, seed),
            Self::Full if herds => 40 * row.together,
            Self::Full => {
                let hours: u64 =
                    (0..48).map(|index| draw(row, index, seed).0.length).sum::<u64>() / HOUR / 48;
                1_000_000 / 45 / hours.max(1)
            }
        }
    }
}
