//! A client that never connects: what it does not suffer, nobody needs a machine for.

use super::{Client, Clocks, Heard, News, Phase};
use crate::world::Facts;

/// Does nothing at all.
#[derive(Debug)]
pub struct Absent;

impl Absent {
    /// A [`Maker`](super::Maker).
    #[must_use]
    pub fn make(_: &Facts, _: u64) -> Box<dyn Client> {
        Box::new(Self)
    }
}

impl Client for Absent {
    fn hear(&mut self, _: Clocks, _: &News) -> Heard {
        Heard::default()
    }

    fn phase(&self) -> Phase {
        Phase::Away
    }

    fn tick_counts_sleep(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        "absent"
    }
}
