//! The catalogue: 45 kinds of worlds in which sessions live. Each has its weather, drawn over the ranges in which it is
//! met, and a bound: what it may cost a user at most. Rows are one sentence of why it hurts and one function that lays
//! the weather over a calm day.

pub mod bound;
pub mod draft;
pub mod draws;
mod endpoints;
mod network;
mod pushes;
mod sockets;
mod store;
mod time;
mod together;
mod tokens;
mod users;

use crate::timeline::Ms;
use crate::world::World;
use bound::Bound;
use draft::{Draft, Mechanism};
use draws::Draws;

const SECOND: Ms = 1_000;
const MINUTE: Ms = 60 * SECOND;
const HOUR: Ms = 60 * MINUTE;

/// The lives that tokens have.
const LIVES: &[Ms] = &[10 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, 2 * HOUR, 24 * HOUR];
/// Those that pass within a day.
const SHORTER: &[Ms] = &[10 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, 2 * HOUR];

/// All who can renew.
const RENEWED: &[Mechanism] = &[
    Mechanism::Refresh,
    Mechanism::BoundAndRefresh,
    Mechanism::Mint,
    Mechanism::Bound,
    Mechanism::RefreshAndMint,
    Mechanism::BoundAndMint,
];
/// Whose tokens all come from the provider.
const PROVIDED: &[Mechanism] = &[Mechanism::Refresh, Mechanism::Mint, Mechanism::RefreshAndMint];

/// How many sessions a herd has.
pub const HERD: u64 = 1_000;

/// A row of the catalogue.
#[derive(Debug)]
pub struct Row {
    /// From 1.
    pub number: u8,
    /// In a few words.
    pub name: &'static str,
    /// Why it hurts.
    pub why: &'static str,
    /// The bound in words.
    pub allowed: &'static str,
    /// The lives that are drawn from.
    pub lives: &'static [Ms],
    /// The mechanisms that are drawn from.
    pub mechanisms: &'static [Mechanism],
    /// Sessions that belong together: 1, or a herd's.
    pub together: u64,
    /// It needs one-time secrets, a store or frames: `Lifecycle` alone has no part in it.
    pub session_only: bool,
    /// The session ends by design.
    pub ends: bool,
    /// Less than half of the time may be possible, and why.
    pub scarce: Option<&'static str>,
    /// It may be one of three at once.
    pub joins: bool,
    lay: fn(&mut Draft),
}

/// What a row has unless it says something else.
const ROW: Row = Row {
    number: 0,
    name: "",
    why: "",
    allowed: "",
    lives: LIVES,
    mechanisms: RENEWED,
    together: 1,
    session_only: false,
    ends: false,
    scarce: None,
    joins: false,
    lay: |_| {},
};

const CALM: Row = Row {
    number: 1,
    name: "calm",
    why: "A renewal that shows, on a day on which nothing happens, shows on every day.",
    allowed: "0, D 0",
    lay: |draft| draft.bound.disruptions = Some(0),
    ..ROW
};

/// All rows, in order.
#[must_use]
pub fn rows() -> Vec<&'static Row> {
    let groups = [
        endpoints::ROWS,
        tokens::ROWS,
        pushes::ROWS,
        sockets::ROWS,
        network::ROWS,
        time::ROWS,
        store::ROWS,
        users::ROWS,
        together::ROWS,
    ];
    let mut rows: Vec<_> = std::iter::once(&CALM).chain(groups.into_iter().flatten()).collect();
    rows.sort_by_key(|row| row.number);
    rows
}

/// One session's world, and what it may cost. The same numbers give the same world; each life and each mechanism of a row
/// has its turn.
#[must_use]
pub fn draw(row: &Row, index: u64, seed: u64) -> (World, Bound) {
    let member = index % row.together;
    let index = index / row.together;
    let mut draft = if row.number == together::THREE {
        together::three(index, seed)
    } else {
        let lives = row.lives.len() as u64;
        let life = row.lives[(index % lives) as usize];
        let mechanism = row.mechanisms[((index / lives + index) % row.mechanisms.len() as u64) as usize];
        let mut draft = Draft::calm(row.number, Draws::of(seed, row.number, index), life, mechanism);
        (row.lay)(&mut draft);
        draft
    };
    // The members of a herd differ in what they draw themselves, and in nothing else.
    draft.world.seed ^= Draws::of(seed, row.number, member).next() * u64::from(row.together > 1);
    draft.finish()
}

/// What weather a session has, in words: that of its row, or of three.
#[must_use]
pub fn weather(row: &Row, index: u64, seed: u64) -> Vec<&'static str> {
    if row.number == together::THREE { together::names(index, seed) } else { vec![row.name] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_45_rows_each_with_its_reasons() {
        let rows = rows();
        assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), (1..=45).collect::<Vec<_>>());
        for row in rows {
            assert!(
                !row.name.is_empty() && row.why.ends_with('.') && !row.allowed.is_empty(),
                "{}",
                row.number
            );
            assert!(!row.lives.is_empty() && !row.mechanisms.is_empty(), "{}", row.number);
        }
    }

    #[test]
    fn the_same_numbers_give_the_same_world() {
        for row in rows() {
            for index in 0..24 {
                let (one, bound) = draw(row, index, 7);
                let (again, bound_again) = draw(row, index, 7);
                assert_eq!(format!("{one:?} {bound:?}"), format!("{again:?} {bound_again:?}"));
                assert!(one.instants.is_sorted_by_key(|(at, _)| *at), "{}", row.number);
                assert!(one.length >= MINUTE && one.length <= 60 * HOUR, "row {} {}", row.number, one.length);
                assert_eq!(
                    row.ends,
                    row.ends && (bound.ends.is_some() || row.number == 40 || row.number == 42)
                );
            }
            let (one, _) = draw(row, 0, 7);
            let (other, _) = draw(row, 0, 8);
            assert_ne!(format!("{one:?}"), format!("{other:?}"), "row {}", row.number);
        }
    }

    #[test]
    fn the_members_of_a_herd_share_their_world() {
        let rows = rows();
        let herd = rows[25];
        let ((one, _), (other, _), (next, _)) = (draw(herd, 0, 1), draw(herd, 999, 1), draw(herd, 1_000, 1));
        assert_ne!(one.seed, other.seed);
        assert_eq!(
            format!("{:?} {:?}", one.instants, one.facts),
            format!("{:?} {:?}", other.instants, other.facts)
        );
        assert_ne!(format!("{:?}", one.connect), format!("{:?}", next.connect));
    }
}
