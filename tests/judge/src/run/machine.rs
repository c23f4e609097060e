//! Who is played.

use crate::catalogue::Row;
use crate::client::absent::Absent;
#[cfg(not(november))]
use crate::client::lifecycle::Keeper;
use crate::client::naive::Naive;
use crate::client::session::SessionClient;
use crate::client::{Client, Maker};
use crate::world::World;

/// A machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// `Session` of this tree: the machine with its wire formats and its watch over the socket.
    This,
    /// `Lifecycle` alone.
    #[cfg(not(november))]
    Lifecycle,
    /// One that a newcomer would write in an afternoon.
    Naive,
    /// One that never connects.
    Absent,
}

impl Machine {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::This,
        #[cfg(not(november))]
        Self::Lifecycle,
        Self::Naive,
        Self::Absent,
    ];

    /// Those of the table.
    pub const BESIDE: [Self; 3] = [Self::This, Self::Naive, Self::Absent];

    /// For tables and the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::This => "this",
            #[cfg(not(november))]
            Self::Lifecycle => "lifecycle",
            Self::Naive => "naive",
            Self::Absent => "absent",
        }
    }

    /// The machine of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|machine| machine.name() == name)
    }

    /// It is to be played there.
    #[must_use]
    pub const fn has_part_in(self, row: &Row) -> bool {
        !row.session_only || matches!(self, Self::This | Self::Naive | Self::Absent)
    }

    /// One of its kind, for a session of this row.
    #[must_use]
    pub fn client(self, row: &Row, world: &World) -> Option<Box<dyn Client>> {
        if !self.has_part_in(row) {
            return None;
        }
        let make: Maker = match self {
            Self::This => SessionClient::boxed,
            #[cfg(not(november))]
            Self::Lifecycle => Keeper::make,
            Self::Naive => Naive::make,
            Self::Absent => Absent::make,
        };
        Some(make(&world.facts, world.seed))
    }
}
