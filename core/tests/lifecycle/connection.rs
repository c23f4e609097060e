//! The socket: resumes, reconnects, and what is told of them (R21, R19, R28).

use crate::story::{HOUR, REFUSED, Story, Treatment, UNAVAILABLE, near, provided, scoped, unscoped};
use satkeeper_core::lifecycle::*;

// ---- Resumes ----

#[test]
fn a_refused_resume_becomes_one_fresh_connect() {
    // proves R21.7
    // survives P4
    // 401 and 403: a business code, where it is about the credential. It is the state that was refused, and the
    // token that is offered next.
    for (code, credentials) in [
        (-32_003, &[false, true][..]),
        (-32_602, &[false, true]),
        (-32_002, &[false, true]),
        (401, &[true]),
        (403, &[true]),
    ] {
        for &credential in credentials {
            let mut story = unscoped().refreshes().begin();
            story.until(20_000);
            story.resume_state();
            story.next("authenticate", Treatment::Fail(Failure::Rpc { code, credential }));
            story.drop_socket();
            let told = story.events.len();
            story.until(30_000);
            let all = story.connects();
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
    // proves R21.7
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
    let resumes: Vec<bool> = story.connects().iter().map(|(_, _, resume)| *resume).collect();
    assert_eq!(resumes, [false, true, true, true, false]);
    // Ten stable seconds in between, and it may resume again.
    story.until(story.now + 12_000);
    story.resume_state();
    story.drop_socket();
    story.until(story.now + 5_000);
    assert_eq!(story.connects().last().map(|(_, _, resume)| *resume), Some(true));
}

#[test]
fn no_connect_waits_for_a_renewal_while_a_good_token_is_held() {
    // proves R21.2, R21.3
    // survives P7, S21
    for resumable in [true, false] {
        let mut story = unscoped().refreshes().begin();
        story.until(20_000);
        if resumable {
            story.resume_state();
        }
        story.always("refresh", Treatment::FailLate(UNAVAILABLE, 5_000));
        story.until(6_900_500);
        story.drop_socket();
        story.until(6_902_000);
        assert_eq!(story.connects()[1], (6_900_540, 1, resumable), "{}", story.script);
        assert_eq!(story.phase(), Phase::Live);
    }
}

// ---- Reconnects ----

#[test]
fn reconnects_back_off() {
    // proves R19.1, R19.2, R20.4
    // survives P35, S19
    let mut story = unscoped().begin();
    story.until(20_000);
    story.always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    story.until(1_000_000);
    let opens = &story.times("open")[1..];
    assert_eq!(opens[0], 20_000, "at once: it had served for long");
    let waits: Vec<(u64, u64)> =
        opens.windows(2).map(|pair| (pair[0] - 20_000, pair[1] - pair[0] - 40)).collect();
    // A second, doubling to 3 s, to 10 s and to 30 s; the bucket of sockets may hold them back to one each 3.1 s.
    for (index, (at, wait)) in waits.iter().enumerate() {
        let ceiling = match at {
            0..60_000 => 3_000,
            60_000..600_000 => 10_000,
            _ => 30_000,
        };
        let doubled = 1_000 << index.min(20);
        assert!(*wait <= ceiling.min(doubled).max(3_100), "{index}: {at} {wait}");
    }
    assert!(waits.iter().any(|(at, wait)| *at > 600_000 && *wait > 15_000), "{waits:?}");
    assert!(waits.iter().filter(|(at, _)| *at < 60_000).count() >= 15, "{waits:?}");
}

#[test]
fn what_has_befallen_another_socket_beside_it_is_nothing_to_wait_for() {
    // proves R19.2, R24.4
    let incompatible = Failure::Rpc { code: -32_001, credential: false };
    for failure in [incompatible, Failure::Transport] {
        let shown = || {
            let mut story = unscoped().refreshes().begin();
            story.until(20_000);
            story.resume_state();
            // What is not accepted is shown beside the socket that serves, which is refused, too.
            story
                .always("reauthenticate", Treatment::Fail(Failure::Rpc { code: -32_603, credential: false }));
            story.always("authenticate", Treatment::Fail(failure));
            while story.warnings("connect_failed").is_empty() {
                story.until(story.now + 100);
            }
            assert_eq!(story.phase(), Phase::Live);
            story.mend("authenticate").mend("reauthenticate");
            story
        };
        let drop = |story: &mut Story| {
            let socket = story.machine.socket().expect("live");
            story.input(Input::SocketLost { socket });
        };
        // A drop, shortly after that.
        let mut story = shown();
        drop(&mut story);
        assert_eq!(story.times("open").last(), Some(&story.now), "{failure:?}: at once");
        story.until(story.now + 1_000);
        assert_eq!(story.phase(), Phase::Live);
        // And an outage an hour later: it begins then.
        let mut story = shown();
        story.until(story.now + HOUR);
        story.always("open", Treatment::Fail(Failure::Transport));
        let down = story.now;
        drop(&mut story);
        story.until(down + 60_000);
        let opens: Vec<u64> = story.times("open").into_iter().filter(|at| *at >= down).collect();
        assert!(opens.len() >= 15, "{failure:?}: {opens:?}");
    }
}

#[test]
fn only_stability_resets_the_wait() {
    // proves R19.2, R20.4
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
    // proves R19.5, R20.4
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
    // proves R21.10 (with R32)
    for (wipe, resumed) in [(false, true), (true, false)] {
        let mut story = unscoped().begin();
        story.until(20_000);
        story.resume_state();
        let socket = story.socket();
        story.input(Input::ServerRestart { socket, wipe });
        story.until(25_000);
        assert_eq!(story.connects()[1].2, resumed);
        assert_eq!(story.times("close").len(), 1);
    }
}

#[test]
fn the_status_and_the_reason_of_the_next_wake_up() {
    // proves R29.10
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
    // proves R21.7, R28.1
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
    let opens = story
        .commands
        .iter()
        .filter(|(at, _)| *at >= 20_000)
        .filter(|(_, command)| command.action.name() == "open");
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
    let mut story = scoped().refreshes().begin();
    story.until(20_000);
    story.next("authenticate", Treatment::Silence).next("authenticate", Treatment::Silence);
    story.drop_socket();
    story.until(21_000);
    story.drop_socket();
    story.until(60_000);
    assert_eq!(failures(&story), [Failure::Transport, Failure::Timeout]);

    // A refused credential is told before what comes of it; a refused resume is not (R21).
    let mut story = live();
    story.next("authenticate", Treatment::Fail(REFUSED)).next("authenticate", Treatment::Fail(REFUSED));
    story.drop_socket();
    story.until(60_000);
    assert_eq!((failures(&story), story.phase()), (vec![REFUSED], Phase::Live));
}

#[test]
fn who_hears_that_the_network_is_there_again_has_a_socket_left() {
    // proves R19.5, R20.5
    let mut story = provided();
    story.always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    story.until(50_000);
    let opens = story.times("open").len();
    while story.times("open").len() == opens {
        story.until(story.now + 10);
    }
    story.until(story.now + 100);
    story.mend("open");
    story.input(Input::NetworkChanged);
    story.until(story.now + 200);
    assert_eq!(story.phase(), Phase::Live, "{}", story.script);
}

#[test]
fn an_opening_of_before_the_network_changed_gets_another_beside_it() {
    // proves R19.6
    for (after, opens) in [(2_900, 2), (3_100, 3)] {
        let mut story = provided();
        story.next("open", Treatment::Silence);
        story.drop_socket();
        story.until(20_000 + after);
        story.input(Input::NetworkChanged);
        assert_eq!(story.times("open").len(), opens, "{after}: {}", story.script);
        story.until(20_000 + after + 1_000);
        assert_eq!(story.phase() == Phase::Live, opens == 3, "{after}");
    }
}

#[test]
fn some_refusals_of_a_resume_leave_its_state() {
    // proves R21.5, R21.6
    let failed = |code| Failure::Rpc { code, credential: false };
    for (failure, resumes) in [
        (failed(-32_000), &[true, true, false][..]),
        (failed(-32_004), &[true, true, false]),
        (failed(-32_005), &[true, true, true]),
    ] {
        let mut story = unscoped().refreshes().begin();
        story.until(20_000);
        story.resume_state();
        for _ in 0..2 {
            story.next("authenticate", Treatment::Fail(failure));
        }
        story.drop_socket();
        story.until(60_000);
        let all = story.connects();
        let tried: Vec<bool> = all[1..].iter().map(|(_, _, resume)| *resume).collect();
        assert_eq!(tried, resumes, "{failure:?}: {}", story.script);
        assert_eq!(story.phase(), Phase::Live);
    }
}

#[test]
fn who_was_ended_with_many_others_comes_back_in_turn() {
    // proves R19.4
    // survives P36
    for (resumable, most) in [(true, 3_000), (false, 10_000)] {
        let mut waits = std::collections::BTreeSet::new();
        for seed in 0..40 {
            let mut story = unscoped().jittered(seed).refreshes().begin();
            story.until(20_000);
            if resumable {
                story.resume_state();
            }
            let socket = story.socket();
            story.input(Input::ServerRestart { socket, wipe: !resumable });
            story.until(20_000 + most + 100);
            let opened = story.times("open")[1] - 20_000;
            assert!(opened <= most, "{opened}: {}", story.script);
            assert_eq!((story.phase(), story.lives().len()), (Phase::Live, 2));
            waits.insert(opened * 10 / most);
        }
        assert!(waits.len() >= 8, "spread: {waits:?}");
    }
}
