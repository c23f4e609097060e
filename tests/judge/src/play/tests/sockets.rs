//! Sockets, states, what the server does with them.

use super::script::{Script, happened};
use super::{SERVED, connect, minute, resume};
use crate::client::{Ask, Bad, Good, News};
use crate::log::{By, Entry, Why};
use crate::timeline::Timeline;
use crate::world::{Answer, AtEnd, Handling, Instant, Opening, Outcome, Service, User, World};

fn play(world: &World, more: &[(u64, Ask)]) -> (Script, Vec<(u64, Entry)>) {
    let asks: Vec<_> = SERVED.iter().chain(more).copied().collect();
    let mut script = Script::new(&asks);
    let log = script.play(world);
    (script, happened(&log))
}

fn handled(answer: Answer) -> Timeline<Handling> {
    Timeline::always(Handling { takes: 50, answer })
}

fn short_lived(life: i64) -> World {
    let mut world = minute();
    world.mint = Timeline::always(Service { latency: 50, outcome: Outcome::Grants { life } });
    world
}

#[test]
fn a_socket_is_opened_authenticated_and_given_a_state() {
    let (script, happened) = play(&minute(), &[]);
    assert_eq!(
        happened[3..],
        [
            (101, Entry::Opened(1)),
            (151, Entry::Authenticated { socket: 1, token: 1, by: By::Connect }),
            (151, Entry::ToldEnd(1, 7_200_050)),
        ]
    );
    assert_eq!(script.news().last(), Some(&(152, News::State(1))));
    assert!(script.answer(2).is_some_and(|(at, reply)| at == 101 && reply.date.is_some()));
}

#[test]
fn an_upgrade_is_refused_in_the_worlds_ways() {
    let mut world = minute();
    world.facts.date_on_sockets = false;
    world.open = world
        .open
        .then(0, Opening::Refuses { status: 429, retry_after: Some(7) })
        .then(1_000, Opening::Breaks);
    world.open = world.open.then(2_000, Opening::Silent);
    let (script, happened) = play(&world, &[(1_000, Ask::Open(2)), (2_000, Ask::Open(3))]);
    let answer = |id| script.answer(id).map(|(at, reply)| (at, reply.result, reply.date));
    let busy = Bad::Http { status: 429, own: true, retry_after: Some(7) };
    assert_eq!(answer(2), Some((101, Err(busy), None)));
    assert_eq!((answer(4), answer(5)), (Some((1_001, Err(Bad::Broke), None)), None));
    assert_eq!(happened.last(), Some(&(12_000, Entry::Evidence)));
    assert_eq!(answer(3), None, "there is no such socket");
}

#[test]
fn a_newer_connection_displaces_the_older_one() {
    let mut world = minute();
    world.facts.displaces = true;
    let (script, happened) =
        play(&world, &[(1_000, Ask::Open(2)), (1_100, connect(2, 1)), (2_000, Ask::Push(2, 1, None))]);
    let displaced = (1_150, Entry::Gone { socket: 1, why: Why::Displaced });
    assert!(happened.contains(&displaced));
    assert!(script.heard.contains(&(1_150, News::SocketLost(1))));
    assert_eq!(happened.iter().filter(|(_, entry)| matches!(entry, Entry::Gone { .. })).count(), 1);
}

#[test]
fn a_resume_is_authenticated_by_what_its_state_was_made_for() {
    let mut world = short_lived(10_000);
    world.facts.push_renews_state = false;
    let asks = [
        (1_000, Ask::Refresh { secret: None }),
        (2_000, Ask::Push(1, 2, None)),
        (3_000, Ask::Open(2)),
        (3_100, resume(2, 2)),
        (12_000, Ask::Open(3)),
        (12_100, resume(3, 2)),
    ];
    let (script, happened) = play(&world, &asks);
    let by = |entry: &(u64, Entry)| match entry.1 {
        Entry::Authenticated { socket, token, by: By::Resume } => Some((socket, token)),
        _ => None,
    };
    assert_eq!(
        happened.iter().filter_map(by).collect::<Vec<_>>(),
        [(2, 1), (3, 2)],
        "as long as that is honoured"
    );
    let resumed = |id| {
        matches!(script.answer(id).map(|it| it.1.result), Some(Ok(Good::Connected { resumed: true, .. })))
    };
    assert!(resumed(7) && resumed(9));
    assert!(happened.contains(&(10_050, Entry::Gone { socket: 2, why: Why::Token })));
}

#[test]
fn a_state_is_known_until_it_is_forgotten_or_a_fresh_connect_takes_its_place() {
    let forgets = [Instant::ForgetStates, Instant::Restart { wipe: true }];
    let refused = Some(Err(Bad::Error(-32_602)));
    for (instant, known) in
        forgets.map(|it| (it, false)).into_iter().chain([(Instant::Restart { wipe: false }, true)])
    {
        let mut world = minute();
        world.instants = vec![(1_000, instant)];
        let (script, _) = play(&world, &[(2_000, Ask::Open(2)), (2_100, resume(2, 1))]);
        let result = script.answer(5).map(|it| it.1.result);
        assert_eq!(result == refused, !known, "{instant:?}");
    }
    // A fresh connect that was cut before its own state came.
    let mut world = minute();
    world.instants = vec![(2_151, Instant::Cut)];
    let asks = [(2_000, Ask::Open(2)), (2_100, connect(2, 1)), (3_000, Ask::Open(3)), (3_100, resume(3, 1))];
    let (script, _) = play(&world, &asks);
    assert_eq!(script.answer(7).map(|it| it.1.result), refused);
    let mut world = minute();
    world.facts.resumes = false;
    let (script, _) = play(&world, &[(2_000, Ask::Open(2)), (2_100, resume(2, 1))]);
    assert_eq!(script.answer(5).map(|it| it.1.result), refused);
}

#[test]
fn at_its_tokens_end_a_socket_is_closed_or_refuses_until_the_next_push() {
    let refresh = (8_000, Ask::Refresh { secret: None });
    let (script, happened) = play(&short_lived(10_000), &[refresh, (11_000, Ask::Push(1, 2, None))]);
    assert!(happened.contains(&(10_050, Entry::Gone { socket: 1, why: Why::Token })));
    assert_eq!(script.news().last(), Some(&(10_050, News::SocketLost(1))));

    let mut world = short_lived(10_000);
    world.facts.at_end = AtEnd::Refuses;
    let (_, happened) = play(&world, &[refresh, (11_000, Ask::Push(1, 2, None))]);
    assert!(happened.contains(&(10_050, Entry::Lapsed(1))));
    assert!(happened.contains(&(11_050, Entry::Authenticated { socket: 1, token: 2, by: By::Push })));
}

#[test]
fn what_is_not_honoured_is_refused_and_the_socket_stays() {
    let mut world = short_lived(10_000);
    world.facts.at_end = AtEnd::Refuses;
    world.facts.window = Some(1_000);
    let signed = Ask::Connect { socket: 2, token: 1, resume: false, proof: Some(0) };
    let asks = [
        (1_000, Ask::Open(2)),
        (1_100, signed),
        (1_200, Ask::Push(2, 1, None)),
        (12_000, connect(2, 1)),
        (13_000, Ask::Push(1, 1, None)),
    ];
    let (script, happened) = play(&world, &asks);
    let refused = |id| script.answer(id).map(|it| it.1.result) == Some(Err(Bad::Error(-32_002)));
    assert!([5, 6, 7, 8].into_iter().all(refused));
    assert!(!happened.iter().any(|(_, entry)| matches!(entry, Entry::Gone { .. })));
    let refusals = happened.iter().filter(|(_, entry)| matches!(entry, Entry::Refused { .. })).count();
    assert_eq!(refusals, 4);
}

#[test]
fn a_push_fails_in_the_worlds_ways_and_the_old_token_stays() {
    for (answer, result, gone) in [
        (Answer::Error(-32_603), Some(Err(Bad::Error(-32_603))), false),
        (Answer::Code(401), Some(Err(Bad::Code(401))), false),
        (Answer::NoProtocol, Some(Err(Bad::NoProtocol)), false),
        (Answer::Silent, None, false),
        (Answer::Cuts, None, true),
    ] {
        let mut world = minute();
        world.push = handled(answer);
        let (script, happened) = play(&world, &[(1_000, Ask::Push(1, 1, None))]);
        assert_eq!(script.answer(4).map(|it| it.1.result), result, "{answer:?}");
        let is_gone = happened.contains(&(1_050, Entry::Gone { socket: 1, why: Why::Request }));
        assert_eq!(is_gone, gone, "{answer:?}");
        assert_eq!(
            happened.last(),
            Some(&(if result.is_none() && !gone { 11_000 } else { 1_050 }, Entry::Evidence))
        );
    }
}

#[test]
fn a_server_that_says_goodbye_closes_soon_after() {
    let mut world = minute();
    world.instants = vec![(1_000, Instant::Restart { wipe: true }), (3_150, Instant::GoingAway)];
    let (script, happened) = play(&world, &[(3_000, Ask::Open(2)), (3_100, connect(2, 1))]);
    let goodbye = News::Disconnect { socket: 1, restart: true };
    assert!(script.heard.contains(&(1_000, goodbye)) && script.heard.contains(&(1_100, News::SocketLost(1))));
    assert!(happened.contains(&(1_000, Entry::Gone { socket: 1, why: Why::ServerWide })));
    assert!(happened.contains(&(3_150, Entry::Gone { socket: 2, why: Why::ServerWide })));
    assert_eq!(script.answer(5), None, "the connect that was under way is void");
}

#[test]
fn revoked_tokens_take_their_sockets_with_them() {
    let mut world = minute();
    world.facts.at_end = AtEnd::Refuses;
    world.instants = vec![(1_000, Instant::Revoke)];
    let (script, happened) = play(&world, &[(900, Ask::Open(2)), (2_000, connect(2, 1))]);
    let gone: Vec<_> = happened.iter().filter(|(_, entry)| matches!(entry, Entry::Gone { .. })).collect();
    assert_eq!(gone, [&(1_000, Entry::Gone { socket: 1, why: Why::Token })]);
    assert_eq!(script.answer(5).map(|it| it.1.result), Some(Err(Bad::Error(-32_002))));
}

#[test]
fn a_socket_that_is_closed_is_gone_at_once_and_says_nothing_more() {
    let (script, happened) = play(&minute(), &[(1_000, Ask::Push(1, 1, None)), (1_010, Ask::Close(1))]);
    assert_eq!(happened.last(), Some(&(1_010, Entry::Gone { socket: 1, why: Why::Client })));
    assert_eq!(script.answer(4), None);
    assert_eq!(script.answer(5).map(|(at, _)| at), Some(1_011));
}

#[test]
fn pongs_are_the_worlds() {
    let mut world = minute();
    world.pongs = world.pongs.then(2_000, false);
    let (script, happened) = play(&world, &[(1_000, Ask::Ping(1)), (2_000, Ask::Ping(1))]);
    assert_eq!((script.answer(4).map(|it| it.0), script.answer(5)), (Some(1_001), None));
    assert_eq!(happened.last(), Some(&(12_000, Entry::Evidence)));
}

#[test]
fn a_call_shows_that_a_socket_has_lapsed() {
    let mut world = short_lived(10_000);
    world.facts.at_end = AtEnd::Refuses;
    world.instants = vec![(9_000, Instant::User(User::Calls)), (12_000, Instant::User(User::Calls))];
    let mut script = Script::new(&SERVED);
    script.phase = crate::client::Phase::Live;
    let log = script.play(&world);
    assert_eq!(script.news().last(), Some(&(12_001, News::User(User::WasRefused))));
    assert_eq!(
        happened(&log)[6..],
        [
            (9_000, Entry::User(User::Calls)),
            (10_050, Entry::Lapsed(1)),
            (12_000, Entry::User(User::Calls)),
            (12_001, Entry::User(User::WasRefused)),
        ]
    );
}
