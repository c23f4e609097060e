//! A new token takes effect: written, pushed, accepted (R13, R21, R23).

use crate::story::{REFUSED, Story, Treatment, UNAVAILABLE, scoped, unscoped};
use satkeeper_core::lifecycle::*;

fn pushes(story: &Story) -> Vec<(u64, u32)> {
    let push = |(at, command): &(u64, Command)| match command.action {
        Action::Reauthenticate { token, .. } => Some((*at, token.0)),
        _ => None,
    };
    story.commands.iter().filter_map(push).collect()
}

#[test]
fn exchanged_written_pushed_acknowledged_told() {
    // proves R13.3, R23.1
    // survives P31, S8, S22
    for (scope, exchange, due) in [(true, "renew", 805_000), (false, "refresh", 445_000)] {
        let base_life = if scope { 7_200_000 } else { 900_000 };
        let mut story = scoped().scope(scope).base_life(base_life).provider(!scope, false).durable().begin();
        story.until(due);
        story.script.clear();
        story.until(due + 25_000);
        let names: Vec<_> = story.names(due).into_iter().filter(|name| *name != "inspect").collect();
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
    // proves R13.3, R13.4, R13.6
    // survives P31
    for treatment in [Treatment::Fail(Failure::Transport), Treatment::Silence] {
        let mut story = unscoped().refreshes().durable().begin();
        story.until(6_740_000);
        story.always("persist", treatment);
        story.until(6_755_000);
        let refresh = story.times("refresh")[0];
        let push = pushes(&story)[0].0;
        assert!(push - refresh <= 2_000 + 200, "{refresh} {push}");
        assert!(!story.warnings("store_failed").is_empty());
        assert_eq!(story.renewals().len(), 1);
        story.until(6_850_000);
        let tries = story.times("persist").len();
        story.mend("persist");
        story.until(6_950_000);
        assert_eq!(story.times("persist").len(), tries + 1, "written in the end, and then at rest");
    }
}

#[test]
fn a_push_that_times_out_is_repeated_and_never_the_exchange() {
    // proves R22.3, R23.2
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
    // proves R6.2, R6.3, R22.3, R23.1
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
    assert_eq!(story.connects().last().expect("again").1, 2);
    assert_eq!(story.renewals().len(), 1);
}

#[test]
fn a_resume_acknowledges_only_what_was_in_force() {
    // proves R21.8
    // survives P14, S21
    let mut story = unscoped().refreshes().begin();
    story.until(10_000);
    story.resume_state();
    story.always("open", Treatment::Fail(Failure::Transport));
    story.until(6_745_000);
    story.drop_socket();
    story.until(6_790_000);
    assert_eq!(story.times("refresh").len(), 1);
    story.mend("open");
    story.until(6_830_000);
    let (at, token, resume) = *story.connects().last().expect("again");
    assert_eq!((token, resume), (1, true));
    assert_eq!(
        story.told(|e| matches!(e, Event::Live { resumed: true, generation: Generation(1) })).len(),
        1
    );
    assert_eq!(pushes(&story), [(at + 40, 2)], "and the newer one right after it");
    assert_eq!(story.machine.status().generation, Generation(2));
}

/// Renewed on a socket whose resume state was made before. From then on pushes are treated so.
fn renewed_after_its_state(treatment: Option<Treatment>) -> Story {
    let mut story = unscoped().refreshes().begin();
    story.until(10_000);
    story.resume_state();
    story.until(6_950_000);
    assert_eq!((pushes(&story).len(), story.machine.status().generation), (1, Generation(2)));
    if let Some(treatment) = treatment {
        story.always("reauthenticate", treatment);
    }
    story
}

/// The same, and then resumed.
fn resumed_with_an_older_state(treatment: Option<Treatment>) -> Story {
    let mut story = renewed_after_its_state(treatment);
    story.drop_socket();
    story.until(6_960_000);
    assert_eq!(story.connects().last().map(|(_, token, resume)| (*token, *resume)), Some((2, true)));
    story
}

#[test]
fn after_a_resume_with_an_older_state_the_token_in_force_is_pushed_again() {
    // proves R21.8
    let mut story = resumed_with_an_older_state(None);
    assert_eq!(pushes(&story).iter().map(|(_, token)| *token).collect::<Vec<_>>(), [2, 2]);
    // No newer state has come: once more.
    story.drop_socket();
    story.until(6_980_000);
    assert_eq!(pushes(&story).len(), 3);
    // One that comes after that of the connect stands for it.
    story.resume_state();
    story.resume_state();
    story.drop_socket();
    story.until(7_000_000);
    assert_eq!(pushes(&story).len(), 3);
    assert_eq!(story.lives().len(), 4);
    assert_eq!(story.machine.status().generation, Generation(2), "it is the same token all the time");
    assert_eq!(story.told(|event| matches!(event, Event::Renewed { .. })).len(), 1);
}

#[test]
fn the_first_state_of_a_socket_stands_for_what_it_began_with() {
    // proves R21.8
    // Before the answer to the push, and after it: a server may take its time.
    for before in [true, false] {
        let mut story = resumed_with_an_older_state(before.then_some(Treatment::Silence));
        if before {
            story.resume_state();
        }
        story.mend("reauthenticate");
        story.until(6_980_000);
        if !before {
            story.resume_state();
        }
        let pushed = pushes(&story).len();
        story.drop_socket();
        story.until(7_000_000);
        assert_eq!(pushes(&story).len(), pushed + 1, "{before}");
    }
}

#[test]
fn a_server_that_refuses_what_is_in_force_after_a_resume_is_not_asked_again() {
    // proves R10.1, R25.9
    let refused = Treatment::Fail(Failure::Rpc { code: -32_003, credential: true });
    let mut story = resumed_with_an_older_state(Some(refused));
    assert_eq!(pushes(&story).len(), 2);
    assert_eq!((story.lives().len(), story.machine.status().phase), (2, Phase::Live));
    // Not even when it nears its end and nothing newer is to be had.
    story.always("refresh", Treatment::Fail(Failure::Transport));
    story.until(13_900_000);
    let left = story.machine.status().time_left;
    assert!(left.is_some_and(|left| left < 60_000), "{left:?}");
    assert_eq!(story.times("open").len(), 2, "no socket is opened to find out more");
    assert_eq!((pushes(&story).len(), story.machine.status().in_force), (2, Some(TokenId(2))));
}

#[test]
fn who_asks_while_the_token_in_force_is_pushed_again() {
    // proves R21.8, R23.4, R24.1, R27.1
    let refusal = Failure::Rpc { code: -32_003, credential: true };
    for (treatment, rejected, well, exchanges) in [
        // The request was refused because the server did not know of it: now it does.
        (Treatment::Late(500), true, true, 0),
        // Or will not: another is asked for, and shown beside the socket half a minute after the refused call.
        (Treatment::FailLate(refusal, 500), true, true, 1),
        // A renewal was asked for.
        (Treatment::Late(500), false, true, 1),
        (Treatment::FailLate(refusal, 500), false, false, 1),
    ] {
        let mut story = renewed_after_its_state(Some(treatment));
        story.always("refresh", Treatment::Late(1_000));
        story.drop_socket();
        while pushes(&story).len() < 2 {
            story.until(story.now + 10);
        }
        if rejected {
            let ask = story.ask();
            story.input(Input::Rejected { ask, generation: Generation(2) });
        } else {
            story.refresh_now();
        }
        story.until(7_020_000);
        let of = Generation(2 + exchanges as u64);
        let recovered = story
            .told(|event| matches!(event, Event::Recovered { generation, .. } if *generation == of))
            .len();
        let failed = story.told(|event| matches!(event, Event::Failed { .. })).len();
        let case = format!("{rejected} {well}\n{}", story.script);
        assert_eq!((recovered, failed), if well { (1, 0) } else { (0, 1) }, "{case}");
        assert_eq!(story.times("refresh").len(), 1 + exchanges, "{case}");
    }
}

#[test]
fn the_end_of_what_was_shown_with_a_resume_ends_waits_too() {
    // proves R23.3
    let mut story =
        unscoped().refreshes().base_life(60_000).always("refresh", Treatment::Fail(UNAVAILABLE)).begin();
    story.until(1_000);
    story.resume_state();
    story.until(50_000);
    story.always("open", Treatment::Fail(Failure::Transport));
    story.drop_socket();
    story.until(61_000);
    // The state is resumed with another; on that socket nothing is accepted, nor beside it.
    let brief = Statement { expires_in: Some(100_000), ..Statement::default() };
    let brief = TokenFacts { token: TokenId(50), statement: brief, new_secret: false };
    story.mend("refresh").mend("open").next("refresh", Treatment::Say(Reply::Token(brief)));
    story.next("authenticate", Treatment::Well).always("reauthenticate", Treatment::Fail(REFUSED));
    story.always("authenticate", Treatment::Fail(Failure::Rpc { code: -32_001, credential: false }));
    story.until(100_000);
    story.world.base_life = 7_200_000;
    story.refresh_now();
    let asked = story.times("refresh");
    let ends = asked.iter().find(|at| **at > 61_000).expect("asked again") + 40 + 100_000;
    story.until(ends);
    assert_eq!(story.times("reauthenticate").last(), Some(&ends), "{}", story.script);
}
