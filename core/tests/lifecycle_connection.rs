//! The socket: offers, refusals, resumes, pushes, acknowledgements, reconnects (L25 to L28, L34 to L36).
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unreachable,
    missing_docs,
    reason = "a failing test is a panic"
)]

mod story;

use satkeeper_core::lifecycle::*;
use story::{HOUR, REFUSED, Story, Treatment, UNAVAILABLE, near, scoped, unscoped};

fn is(name: &'static str) -> impl Fn(&&(u64, Command)) -> bool {
    move |(_, command)| command.action.name() == name
}

/// Which tokens were offered to fresh connects and resumed with, and when.
fn connects(story: &Story) -> Vec<(u64, u32, bool)> {
    let connect = |(at, command): &(u64, Command)| match command.action {
        Action::Authenticate { token, resume, .. } => Some((*at, token.0, resume)),
        _ => None,
    };
    story.commands.iter().filter_map(connect).collect()
}

fn pushes(story: &Story) -> Vec<(u64, u32)> {
    let push = |(at, command): &(u64, Command)| match command.action {
        Action::Reauthenticate { token, .. } => Some((*at, token.0)),
        _ => None,
    };
    story.commands.iter().filter_map(push).collect()
}

// ---- A new token takes effect ----

#[test]
fn exchanged_written_pushed_acknowledged_told() {
    // proves L25
    // survives P31, S8, S22
    for (scope, exchange) in [(true, "renew"), (false, "refresh")] {
        let base_life = if scope { 7_200_000 } else { 900_000 };
        let mut story = scoped().scope(scope).base_life(base_life).provider(!scope, false).durable().begin();
        story.until(805_000);
        story.script.clear();
        story.until(830_000);
        let names: Vec<_> = story.names(805_000).into_iter().filter(|name| *name != "inspect").collect();
        assert_eq!(names[..3], [exchange, "persist", "reauthenticate"], "{}", story.script);
        let order =
            |what: &str| story.script.find(what).unwrap_or_else(|| panic!("{what}: {}", story.script));
        assert!(order("Persist") < order("Reauthenticate"));
        assert!(order("Reauthenticate") < order("Renewed"));
        assert!(story.script[order("Renewed")..].contains("Persist"), "and the record is brought up to date");
        let renewed = story.renewals();
        let persisted = story.times("persist");
        assert!(persisted.iter().any(|at| at == renewed.last().expect("renewed")));
    }
}

#[test]
fn a_store_that_fails_or_is_late_is_warned_of_and_holds_nothing_up() {
    // proves L25
    // survives P31
    for treatment in [Treatment::Fail(Failure::Transport), Treatment::Silence] {
        let mut story = unscoped().refreshes().durable().begin();
        story.until(6_890_000);
        story.always("persist", treatment);
        story.until(6_905_000);
        let refresh = story.times("refresh")[0];
        let push = pushes(&story)[0].0;
        assert!(push - refresh <= 2_000 + 200, "{refresh} {push}");
        assert!(!story.warnings("store_failed").is_empty());
        assert_eq!(story.renewals().len(), 1);
        story.until(7_000_000);
        let tries = story.times("persist").len();
        story.mend("persist");
        story.until(7_100_000);
        assert_eq!(story.times("persist").len(), tries + 1, "written in the end, and then at rest");
    }
}

#[test]
fn a_push_that_times_out_is_repeated_and_never_the_exchange() {
    // proves L26
    // survives S1, S8, P2, P3, V4
    let mut story = scoped().begin();
    story.until(800_000);
    story.always("reauthenticate", Treatment::Silence);
    story.until(835_000);
    assert_eq!(story.times("renew").len(), 1);
    let pushes = pushes(&story);
    assert!(pushes.len() >= 4, "{pushes:?}");
    assert!(pushes[1..].iter().all(|(_, token)| *token == pushes[1].1), "the same token: {pushes:?}");
    let ids: std::collections::BTreeSet<_> = story.given("reauthenticate").iter().map(|c| c.id).collect();
    assert_eq!(ids.len(), pushes.len(), "each its own attempt, so each its own proof");
    assert!(!story.times("probe").is_empty(), "a time-out doubts the socket");
    assert_eq!(story.lives().len(), 1, "which is alive");
    story.mend("reauthenticate");
    story.until(880_000);
    assert_eq!(story.renewals().len(), 2);
    assert_eq!(story.times("renew").len(), 1);
}

#[test]
fn a_refreshed_token_is_pushed_to_the_live_socket() {
    // proves L26, L25
    // survives S1, P3, P14
    let mut story = unscoped().refreshes().begin();
    story.until(6_910_000);
    assert_eq!(pushes(&story).len(), 1);
    assert_eq!(story.machine.status().in_force, Some(TokenId(2)));
    assert_eq!(story.machine.status().generation, Generation(2));
    assert_eq!(story.lives().len(), 1);
    // And a dead socket is found out by the probe and replaced; the newest token connects.
    let mut story = unscoped().refreshes().begin();
    story.always("reauthenticate", Treatment::Silence).always("probe", Treatment::Silence);
    story.until(6_930_000);
    assert_eq!(story.lives().len(), 2);
    assert_eq!(connects(&story).last().expect("again").1, 2);
    assert_eq!(story.renewals().len(), 1);
}

#[test]
fn a_resume_acknowledges_only_what_was_in_force() {
    // proves L28, L34
    // survives P14, S21
    let mut story = unscoped().refreshes().begin();
    story.until(10_000);
    story.resume_state();
    story.always("open", Treatment::Fail(Failure::Transport));
    story.until(6_899_000);
    story.drop_socket();
    story.until(6_950_000);
    assert_eq!(story.times("refresh").len(), 1);
    story.mend("open");
    story.until(6_990_000);
    let (at, token, resume) = *connects(&story).last().expect("again");
    assert_eq!((token, resume), (1, true));
    assert_eq!(
        story.told(|e| matches!(e, Event::Live { resumed: true, generation: Generation(1) })).len(),
        1
    );
    assert_eq!(pushes(&story), [(at + 40, 2)], "and the newer one right after it");
    assert_eq!(story.machine.status().generation, Generation(2));
}

// ---- Resumes ----

#[test]
fn a_refused_resume_becomes_one_fresh_connect() {
    // proves L34
    // survives P4
    for code in [-32_003, -32_602, -32_002] {
        for credential in [false, true] {
            let mut story = unscoped().refreshes().begin();
            story.until(20_000);
            story.resume_state();
            story.next("authenticate", Treatment::Fail(Failure::Rpc { code, credential }));
            story.drop_socket();
            let told = story.events.len();
            story.until(30_000);
            let all = connects(&story);
            assert_eq!(
                all[1..].iter().map(|(_, t, resume)| (*t, *resume)).collect::<Vec<_>>(),
                [(1, true), (1, false)]
            );
            assert!(all[2].0 - all[1].0 < 200, "at once");
            assert_eq!(story.times("open").len(), 3, "on a new socket");
            let events: Vec<_> = story.events[told..].iter().map(|(_, event)| event).collect();
            assert!(matches!(events[..], [Event::Live { resumed: false, .. }]), "no error: {events:?}");
        }
    }
}

#[test]
fn three_resumes_without_stability_are_enough() {
    // proves L34
    // survives P4, P35
    let mut story = unscoped().refreshes().begin();
    story.until(20_000);
    story.resume_state();
    for _ in 0..4 {
        let before = story.lives().len();
        story.drop_socket();
        while story.lives().len() == before {
            story.until(story.now + 100);
        }
        story.until(story.now + 1_000);
    }
    let resumes: Vec<bool> = connects(&story).iter().map(|(_, _, resume)| *resume).collect();
    assert_eq!(resumes, [false, true, true, true, false]);
    // Ten stable seconds in between, and it may resume again.
    story.until(story.now + 12_000);
    story.resume_state();
    story.drop_socket();
    story.until(story.now + 5_000);
    assert_eq!(connects(&story).last().map(|(_, _, resume)| *resume), Some(true));
}

#[test]
fn a_resume_never_waits_for_a_renewal_and_a_fresh_connect_does_once() {
    // proves L34, L35
    // survives P7, S21
    for (resumable, waits) in [(true, false), (false, true)] {
        let mut story = unscoped().refreshes().begin();
        story.until(20_000);
        if resumable {
            story.resume_state();
        }
        story.always("refresh", Treatment::FailLate(UNAVAILABLE, 5_000));
        story.until(6_900_500);
        let refresh = story.times("refresh")[0];
        story.drop_socket();
        story.until(6_930_000);
        let open = story.times("open")[1];
        assert_eq!(open >= refresh + 5_000, waits, "{open} {refresh}");
        assert!(open < refresh + 5_600);
    }
}

// ---- Refusals ----

#[test]
fn the_order_of_what_a_refusal_may_mean() {
    // proves L35, L46
    // survives P12, P25, S19, S24
    // Our clock is off by a minute, and nobody says so before the first connect is refused.
    let mut story = unscoped()
        .skew(60_000)
        .world(|world| world.tells_time = false)
        .mints()
        .key(KeyFacts::Auto)
        .always("authenticate", Treatment::Fail(Failure::Rpc { code: -32_003, credential: true }))
        .begin();
    story.until(60_000);
    let offsets: Vec<bool> = story
        .given("authenticate")
        .iter()
        .map(|c| matches!(c.action, Action::Authenticate { offset: Some(_), .. }))
        .collect();
    let offered: Vec<u32> = connects(&story).iter().map(|(_, token, _)| *token).collect();
    // Signed anew; a new kind of key and its mint; the next token; the one mint; no more.
    assert_eq!(offered, [1, 1, 2, 1, 3], "{}", story.script);
    assert_eq!(offsets, [false, true, true, true, true]);
    assert_eq!(story.times("make_key").len(), 2);
    assert_eq!(story.times("mint").len(), 3);
    let Some((at, Event::Teardown { reason: TeardownReason::InvalidCredentials, cause: Some(cause) })) =
        story.events.last()
    else {
        panic!("{}", story.script)
    };
    assert_eq!(cause.failure, Failure::Rpc { code: -32_003, credential: true });
    assert!(*at < 20_000, "no second round for what never was live: {at}");
}

#[test]
fn a_server_whose_clock_leaps_gets_one_proof_more_and_no_loop() {
    // proves L35, L20
    // survives P25, V4
    let mut story = unscoped()
        .always("authenticate", Treatment::Fail(Failure::Rpc { code: -32_003, credential: true }))
        .begin();
    while story.now < 60_000 && story.teardown().is_none() {
        story.world.skew += 20_000;
        story.until(story.now + 25);
    }
    assert_eq!(connects(&story).len(), 2, "{}", story.script);
    assert_eq!(story.teardown().map(|(_, reason)| reason), Some(TeardownReason::InvalidCredentials));
}

#[test]
fn a_live_session_gets_a_second_round() {
    // proves L35
    // survives P2, P12
    let mut story = unscoped().refreshes().begin();
    story.until(20_000);
    story.always("authenticate", Treatment::Fail(REFUSED));
    story.drop_socket();
    story.until(40_000);
    let first: Vec<_> = connects(&story);
    assert_eq!(first[1..].iter().map(|(_, token, _)| *token).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(story.times("refresh").len(), 1);
    assert_eq!(story.teardown(), None);
    let refused = first[2].0 + 40;
    story.until(80_000);
    let all = connects(&story);
    assert!(all[3].0 >= refused + 30_000, "{all:?}");
    // The one that had only been a candidate is gone; the round has a new one of its own.
    assert_eq!(all[3..].iter().map(|(_, token, _)| *token).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(story.teardown().map(|(_, reason)| reason), Some(TeardownReason::InvalidCredentials));
    assert!(story.teardown().is_some_and(|(at, _)| at < refused + 40_000));
    // A server that comes to its senses meanwhile keeps the session.
    let mut story = unscoped().refreshes().begin();
    story.until(20_000);
    story.always("authenticate", Treatment::Fail(REFUSED));
    story.drop_socket();
    story.until(40_000);
    story.mend("authenticate");
    story.until(80_000);
    assert_eq!(story.phase(), Phase::Live);
}

#[test]
fn the_one_new_token_of_an_outage_counts_when_it_was_delivered() {
    // proves L35
    // survives P16, P20
    let mut story = unscoped().refreshes().begin();
    story.until(20_000);
    story.always("authenticate", Treatment::Fail(REFUSED));
    for _ in 0..3 {
        story.next("refresh", Treatment::Fail(UNAVAILABLE));
    }
    story.drop_socket();
    story.until(35_000);
    assert_eq!(story.times("refresh").len(), 4, "failures to get one follow the schedule of attempts");
    assert_eq!(connects(&story).last().map(|(_, token, _)| *token), Some(2));
    // The very token that was refused, delivered again, is no new one.
    let mut story = unscoped().refreshes().begin();
    story.until(20_000);
    story.always("authenticate", Treatment::Fail(REFUSED));
    let same = TokenFacts { token: TokenId(1), statement: Statement::default(), new_secret: false };
    story.always("refresh", Treatment::Say(Reply::Token(same)));
    story.drop_socket();
    story.until(200_000);
    assert_eq!(story.times("refresh").len(), 2, "one each round");
    assert_eq!(story.teardown().map(|(_, reason)| reason), Some(TeardownReason::InvalidCredentials));
}

#[test]
fn other_codes_time_outs_and_drops_only_reconnect() {
    // proves L35
    // survives S20, P1
    for failure in [
        Failure::Rpc { code: -32_602, credential: false },
        Failure::Rpc { code: -32_000, credential: false },
        Failure::Timeout,
        Failure::Malformed,
        Failure::Transport,
    ] {
        let mut story = unscoped().begin();
        story.until(20_000);
        story.always("authenticate", Treatment::Fail(failure));
        story.drop_socket();
        story.until(600_000);
        assert_eq!(story.teardown(), None, "{failure:?}");
        // Nobody sits on a socket that is not authenticated.
        assert_eq!(story.times("close").len(), story.times("authenticate").len() - 1, "{failure:?}");
        story.mend("authenticate");
        story.until(640_000);
        assert_eq!(story.phase(), Phase::Live, "{failure:?}");
    }
    // Silence is a time-out after 10 s.
    let mut story = unscoped().begin();
    story.until(20_000);
    story.next("authenticate", Treatment::Silence);
    story.drop_socket();
    story.until(50_000);
    assert_eq!(story.times("close")[0], connects(&story)[1].0 + 10_000);
}

// ---- Reconnects ----

#[test]
fn reconnects_back_off() {
    // proves L36, L20
    // survives P35, S19
    let mut story = unscoped().begin();
    story.until(20_000);
    story.always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    story.until(1_000_000);
    let opens = &story.times("open")[1..];
    assert!(opens[0] - 20_000 < 500);
    let waits: Vec<(u64, u64)> =
        opens.windows(2).map(|pair| (pair[0] - 20_000, pair[1] - pair[0] - 40)).collect();
    // 500 ms doubling to 3 s; the bucket of sockets may hold them back to one each 3 s.
    for (index, (at, wait)) in waits.iter().enumerate() {
        let ceiling = if *at < 60_000 { 3_000 } else { 30_000 };
        let doubled = 500 << (index + 1).min(20);
        assert!(*wait < ceiling.min(doubled).max(3_000), "{index}: {at} {wait}");
    }
    assert!(waits.iter().any(|(at, wait)| *at > 60_000 && *wait > 10_000), "{waits:?}");
    assert!(waits.iter().filter(|(at, _)| *at < 60_000).count() >= 15, "{waits:?}");
}

#[test]
fn only_stability_resets_the_wait() {
    // proves L36, L20
    // survives P35, S19
    let flap = |stay: u64| {
        let mut story = unscoped().begin();
        story.until(20_000);
        while story.now < HOUR {
            let before = story.lives().len();
            story.drop_socket();
            while story.lives().len() == before {
                story.until(story.now + 20);
            }
            story.until(story.now + stay);
        }
        story.times("open").len()
    };
    let short = flap(100);
    assert!((150..400).contains(&short), "{short}");
    // Each of eleven seconds: quick again each time.
    let long = flap(11_000);
    assert!((290..330).contains(&long), "{long}");
}

#[test]
fn a_changed_network_is_tried_at_once() {
    // proves L36, L20
    // survives P11
    let mut story = unscoped().begin();
    story.until(20_000);
    story.input(Input::NetworkChanged);
    assert_eq!(story.times("probe"), [20_000]);
    story.until(30_000);
    story.always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    story.until(400_000);
    let wake = story.machine.why().expect("down");
    assert_eq!(wake.wake, Wake::Open);
    assert!(wake.at.0 > 400_000);
    story.input(Input::NetworkChanged);
    assert_eq!(story.times("open").last(), Some(&400_000));
    // But not without bounds.
    let before = story.times("open").len();
    for _ in 0..600 {
        story.until(story.now + 100);
        story.input(Input::NetworkChanged);
    }
    let opened = story.times("open").len() - before;
    assert!(opened <= 5 + 60_000 / 3_000, "{opened}");
    // A dead socket is found out by the probe.
    let mut story = unscoped().begin();
    story.until(20_000);
    story.always("probe", Treatment::Silence);
    story.input(Input::NetworkChanged);
    story.until(31_000);
    assert_eq!(story.lives().len(), 2);
}

#[test]
fn a_restart_by_the_server_wipes_what_it_says() {
    // proves L34 (with L37)
    for (wipe, resumed) in [(false, true), (true, false)] {
        let mut story = unscoped().begin();
        story.until(20_000);
        story.resume_state();
        let socket = story.socket();
        story.input(Input::ServerRestart { socket, wipe });
        story.until(25_000);
        assert_eq!(connects(&story)[1].2, resumed);
        assert_eq!(story.commands.iter().filter(is("close")).count(), 1);
    }
}

#[test]
fn the_status_and_the_reason_of_the_next_wake_up() {
    // proves L3
    let mut story = scoped().refreshes().begin();
    assert_eq!(story.machine.status().phase, Phase::Minting);
    story.until(20_000);
    let status = story.machine.status();
    assert_eq!((status.phase, status.mechanism, status.bound), (Phase::Live, Mechanism::Bound, true));
    near(status.token_ends.expect("stated").0, 900_000);
    near(status.session_ends.expect("stated").0, 7_200_000);
    assert_eq!(
        status.time_left.expect("stated"),
        status.session_ends.expect("stated").0 - status_time(&story)
    );
    let why = story.machine.why().expect("armed");
    assert_eq!(
        (why.wake, why.lead, why.jitter, why.failures),
        (Wake::Renew, Some(why.lead.expect("known")), Some(0), 0)
    );
    near(why.lead.expect("known"), 90_000);
    near(why.at.0, 810_000);
    assert_eq!(why.at.0, why.renew_by.expect("known").0 - why.lead.expect("known"));
    assert_eq!(why.token, status.in_force);
    story.always("renew", Treatment::Fail(UNAVAILABLE));
    story.until(811_000);
    assert!(story.machine.why().is_some_and(|why| why.failures >= 1));
}

/// The moment of the last step: the stable mark, ten seconds after the connect.
fn status_time(story: &Story) -> u64 {
    story.lives()[0] + 10_000
}

// ---- What is told of it ----

#[test]
fn a_connect_that_fails_is_told_with_its_cause_and_the_next_try() {
    // proves L36
    let told = |story: &Story| {
        let warnings = story.warnings("connect_failed").into_iter().map(|(at, warning)| match warning {
            Warning::ConnectFailed { cause, next } => (at, cause, next.map(|next| next.0)),
            other => panic!("{other:?}"),
        });
        warnings.collect::<Vec<_>>()
    };
    let failures =
        |story: &Story| told(story).into_iter().map(|(_, cause, _)| cause.failure).collect::<Vec<_>>();
    let live = || {
        let mut story = scoped().refreshes().begin();
        story.until(20_000);
        story.resume_state();
        assert_eq!(told(&story), [], "no failure, nothing told");
        story
    };

    // No socket: each attempt by its own command, and the next one comes when it was said to come.
    let mut story = live();
    for _ in 0..3 {
        story.next("open", Treatment::Fail(Failure::Transport));
    }
    story.drop_socket();
    story.until(60_000);
    let opens = story.commands.iter().filter(|(at, _)| *at >= 20_000).filter(is("open"));
    let opens = opens.map(|(at, command)| (*at, command.id)).collect::<Vec<_>>();
    assert_eq!((opens.len(), story.phase()), (4, Phase::Live));
    for (n, (_, cause, next)) in told(&story).into_iter().enumerate() {
        assert_eq!(
            (cause.command, cause.failure, next),
            (opens[n].1, Failure::Transport, Some(opens[n + 1].0))
        );
    }
    assert_eq!(told(&story).len(), 3);

    // A socket that is lost before it is live, and one on which nobody answers.
    let mut story = live();
    story.next("authenticate", Treatment::Silence).next("authenticate", Treatment::Silence);
    story.drop_socket();
    story.until(21_000);
    story.drop_socket();
    story.until(60_000);
    assert_eq!(failures(&story), [Failure::Transport, Failure::Timeout]);

    // A refused credential is told before what comes of it; a refused resume is not (L34).
    let mut story = live();
    story.next("authenticate", Treatment::Fail(REFUSED)).next("authenticate", Treatment::Fail(REFUSED));
    story.drop_socket();
    story.until(60_000);
    assert_eq!((failures(&story), story.phase()), (vec![REFUSED], Phase::Live));
}
