//! Each kind of weather, and what the log says of it.

mod endpoints;
mod host;
mod network;
mod script;
mod sockets;

use super::*;
use crate::client::absent::Absent;
use crate::client::lifecycle::Keeper;
use crate::client::naive::Naive;
use crate::client::{Maker, Tell};
use crate::log::By;

const HOUR: Ms = 3_600_000;

/// A minute, with the first token and a first socket that is authenticated by it.
fn minute() -> World {
    World { length: 60_000, ..World::default() }
}

/// What makes the client of that minute served: from 151 ms on.
const SERVED: [(Ms, Ask); 3] = [(0, Ask::Mint), (100, Ask::Open(1)), (101, connect(1, 1))];

const fn connect(socket: Socket, token: u32) -> Ask {
    Ask::Connect { socket, token, resume: false, proof: None }
}

const fn resume(socket: Socket, token: u32) -> Ask {
    Ask::Connect { socket, token, resume: true, proof: None }
}

fn play_with(world: &World, make: Maker) -> Log {
    play(world, make(&world.facts, world.seed).as_mut())
}

fn count(log: &Log, is_it: impl Fn(&Entry) -> bool) -> usize {
    log.entries.iter().filter(|(_, entry)| is_it(entry)).count()
}

#[test]
fn a_calm_day_is_lived_on_one_socket() {
    let world = World::default();
    for make in [Keeper::make, Naive::make] {
        let log = play_with(&world, make);
        let lives = count(&log, |entry| matches!(entry, Entry::Issued { .. }));
        assert!((12..=17).contains(&lives), "{lives} tokens in a day");
        assert_eq!(count(&log, |entry| matches!(entry, Entry::Opened(_))), 1);
        assert_eq!(count(&log, |entry| *entry == Entry::Tells(Tell::Live)), 1);
        assert_eq!(count(&log, |entry| matches!(entry, Entry::Gone { .. } | Entry::Evidence)), 0);
        let pushed = count(&log, |entry| matches!(entry, Entry::Authenticated { by: By::Push, .. }));
        assert_eq!(pushed, lives - 1);
        assert_eq!(log.entries.last().map(|(at, _)| *at > 22 * HOUR), Some(true));
    }
    let log = play_with(&world, Absent::make);
    let began = [Entry::Began, Entry::Heard(News::Start), Entry::Says(Phase::Away)];
    assert_eq!(log.entries, began.map(|entry| (0, entry)));
}

#[test]
fn the_same_world_gives_the_same_log() {
    for row in crate::catalogue::rows() {
        let (mut world, _) = crate::catalogue::draw(row, 3, 11);
        world.length = world.length.min(2 * HOUR);
        for make in [Keeper::make, Naive::make] {
            assert_eq!(
                play_with(&world, make).entries,
                play_with(&world, make).entries,
                "row {}",
                row.number
            );
        }
    }
}
