//! What passes, and what does not.

use super::script::{Script, happened};
use super::{SERVED, connect, minute};
use crate::client::{Ask, Bad, News};
use crate::log::{By, Entry, Why};
use crate::world::{Instant, Network, Outcome, Service};

fn asks(more: &[(u64, Ask)]) -> Vec<(u64, Ask)> {
    SERVED.iter().chain(more).copied().collect()
}

#[test]
fn what_a_half_open_path_swallows_is_lost_in_its_direction_only() {
    let mut world = minute();
    world.facts.pings = 15_000;
    world.network = world.network.with(1_000, 20_000, Network::Swallows { out: false, back: true });
    let mut script = Script::new(&asks(&[(2_000, Ask::Ping(1)), (21_000, Ask::Ping(1))]));
    let log = script.play(&world);
    let pinged: Vec<_> =
        script.heard.iter().filter(|(_, news)| *news == News::Ping(1)).map(|(at, _)| *at).collect();
    assert_eq!(pinged, [15_101, 30_101, 45_101], "the server's own pings still come");
    assert_eq!(script.answer(4), None, "nothing is sent again");
    assert_eq!(script.answer(5).map(|(at, _)| at), Some(21_001));
    assert_eq!(happened(&log).last(), Some(&(12_000, Entry::Evidence)), "ten seconds after it asked");
}

#[test]
fn an_answer_that_is_swallowed_on_its_way_back_leaves_what_it_was_about() {
    let mut world = minute();
    world.network = world.network.with(1_000, 2_000, Network::Swallows { out: true, back: false });
    let mut script = Script::new(&asks(&[
        (1_000, Ask::Push(1, 1, None)),
        (1_100, Ask::Refresh { secret: None }),
        (1_990, Ask::Refresh { secret: None }),
    ]));
    let log = script.play(&world);
    assert_eq!((script.answer(4), script.answer(5)), (None, None));
    assert_eq!(script.answer(6).map(|(at, _)| at), Some(2_040), "what counts is when it comes");
    let issued = |entry: &&(u64, Entry)| matches!(entry.1, Entry::Issued { .. });
    assert_eq!(log.entries.iter().filter(issued).count(), 3);
    let authenticated = |entry: &&(u64, Entry)| matches!(entry.1, Entry::Authenticated { .. });
    assert_eq!(log.entries.iter().filter(authenticated).count(), 2, "the server has taken the push");
}

#[test]
fn off_is_known_at_once_at_both_ends() {
    let mut world = minute();
    world.refresh =
        world.refresh.then(0, Service { latency: 1_000, outcome: Outcome::Grants { life: 60_000 } });
    world.network = world.network.with(1_500, 1_800, Network::Off);
    let mut script = Script::new(&asks(&[
        (1_000, Ask::Refresh { secret: None }),
        (1_600, Ask::Open(2)),
        (1_700, Ask::Mint),
        (1_900, Ask::Open(3)),
    ]));
    let log = script.play(&world);
    let broke = |id| script.answer(id).map(|(at, reply)| (at, reply.result));
    assert_eq!(broke(4), Some((1_501, Err(Bad::Broke))));
    assert_eq!(broke(5), Some((1_601, Err(Bad::Broke))));
    assert_eq!(broke(6), Some((1_701, Err(Bad::Broke))));
    assert!(script.heard.contains(&(1_501, News::SocketLost(1))));
    assert!(log.entries.contains(&(1_500, Entry::Gone { socket: 1, why: Why::Cut })));
    assert!(log.entries.contains(&(1_901, Entry::Opened(3))));
    let late = |entry: &&(u64, Entry)| entry.0 == 2_000;
    assert!(
        matches!(log.entries.iter().find(late), Some((_, Entry::Issued { token: 2, .. }))),
        "it was on its way"
    );
    let received = |entry: &(u64, Entry)| matches!(entry.1, Entry::Received(2));
    assert!(!log.entries.iter().any(received));
}

#[test]
fn a_socket_that_a_box_has_forgotten_is_dead_and_new_ones_are_whole() {
    let mut world = minute();
    world.instants = vec![(1_000, Instant::HalfOpen { out: false, back: false }), (9_000, Instant::Cut)];
    let mut script = Script::new(&asks(&[
        (2_000, Ask::Ping(1)),
        (3_000, Ask::Open(2)),
        (3_001, connect(2, 1)),
        (4_000, Ask::Ping(2)),
    ]));
    script.play(&world);
    assert_eq!(script.answer(4), None);
    assert_eq!(script.answer(7).map(|(at, _)| at), Some(4_001));
    assert!(script.heard.contains(&(9_000, News::SocketLost(2))));
    assert!(
        !script.heard.iter().any(|(_, news)| *news == News::SocketLost(1)),
        "nor does the end of it come through"
    );
}

#[test]
fn what_is_sent_on_a_socket_that_is_gone_comes_back_as_its_loss() {
    let mut world = minute();
    world.network = world.network.with(1_000, 2_000, Network::Swallows { out: true, back: false });
    world.instants = vec![(1_500, Instant::Cut)];
    let mut script = Script::new(&asks(&[(5_000, Ask::Push(1, 1, None))]));
    let log = script.play(&world);
    assert_eq!(script.news().last(), Some(&(5_001, News::SocketLost(1))));
    assert_eq!(
        happened(&log)[6..],
        [(1_500, Entry::Gone { socket: 1, why: Why::Cut }), (5_001, Entry::Evidence)]
    );
}

#[test]
fn a_socket_that_is_dead_in_one_direction_passes_the_other() {
    for (out, back) in [(false, true), (true, false)] {
        let mut world = minute();
        world.instants = vec![(1_000, Instant::HalfOpen { out, back }), (9_000, Instant::Cut)];
        let mut script = Script::new(&asks(&[(2_000, Ask::Push(1, 1, None))]));
        let log = script.play(&world);
        let pushed = Entry::Authenticated { socket: 1, token: 1, by: By::Push };
        assert_eq!(log.entries.contains(&(2_050, pushed)), out);
        assert_eq!(script.answer(4), None);
        let lost = script.heard.iter().find(|(_, news)| *news == News::SocketLost(1));
        assert_eq!(lost.map(|(at, _)| *at), back.then_some(9_000));
    }
}
