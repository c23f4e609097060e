//! Each kind of weather, and what the log says of it.

use super::*;
use crate::client::absent::Absent;
use crate::client::lifecycle::Keeper;
use crate::client::naive::Naive;
use crate::client::{Maker, Tell};
use crate::log::By;

const HOUR: Ms = 3_600_000;

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
        assert!((12..=17).contains(&lives), "{lives} tokens in a day: {:#?}", log.entries);
        assert_eq!(count(&log, |entry| matches!(entry, Entry::Opened(_))), 1);
        assert_eq!(count(&log, |entry| *entry == Entry::Tells(Tell::Live)), 1);
        assert_eq!(count(&log, |entry| matches!(entry, Entry::Gone { .. } | Entry::Evidence)), 0);
        let pushed = count(&log, |entry| matches!(entry, Entry::Authenticated { by: By::Push, .. }));
        assert_eq!(pushed, lives - 1);
        assert_eq!(log.entries.last().map(|(at, _)| *at > 22 * HOUR), Some(true));
    }
    let log = play_with(&world, Absent::make);
    assert_eq!(
        log.entries,
        [(0, Entry::Began), (0, Entry::Heard(News::Start)), (0, Entry::Says(Phase::Away))]
    );
}
