//! Doubt about the path: the session is not live any more, resumes on another socket, and reads the old one until two
//! seconds after that is live (R22).

use crate::story::{MINUTE, REFUSED, Story, Treatment, UNAVAILABLE, provided};
use satkeeper_core::lifecycle::*;

const OLD: SocketId = SocketId(0);
const NEW: SocketId = SocketId(1);

/// Live on the old socket, resumable; then doubted. The next socket opens after a second, its connect takes two.
fn doubted() -> Story {
    let mut story = provided();
    story.resume_state();
    story.next("open", Treatment::Late(1_000)).next("authenticate", Treatment::Late(2_000));
    story.doubt_socket();
    assert_eq!((story.phase(), story.machine.socket()), (Phase::Reconnecting, None));
    let told = story.warnings("connection_lost");
    assert!(matches!(told[..], [(20_000, Warning::ConnectionLost { next: Some(_), .. })]), "{told:?}");
    assert!(story.machine.is_doubted(OLD));
    story
}

fn closed(story: &Story) -> Vec<(u64, SocketId)> {
    let close = |(at, command): &(u64, Command)| match command.action {
        Action::Close { socket } => Some((*at, socket)),
        _ => None,
    };
    story.commands.iter().filter_map(close).collect()
}

#[test]
fn it_is_replaced_by_a_resume_and_closed_two_seconds_later() {
    // proves R21.3, R22.5, R22.7, R28.3
    // survives P11
    let mut story = doubted();
    story.until(23_000);
    assert_eq!(story.connects()[1], (21_000, 1, true));
    assert_eq!((story.lives(), story.machine.socket()), (vec![story.lives()[0], 23_000], Some(NEW)));
    story.until(24_999);
    assert!(!story.machine.is_doubted(OLD) && closed(&story).is_empty(), "it is read until then");
    story.until(30_000);
    assert_eq!(closed(&story), [(25_000, OLD)]);
    // What it says after that is nobody's.
    story.input(Input::SocketAlive { socket: OLD });
    assert_eq!((story.machine.socket(), story.lives().len()), (Some(NEW), 2));
}

#[test]
fn one_that_answers_before_the_other_is_shown_serves_again() {
    // proves R22.6
    // survives P11
    for at in [20_010, 20_990] {
        let mut story = doubted();
        story.until(at);
        story.input(Input::SocketAlive { socket: OLD });
        assert_eq!(story.lives().last(), Some(&at), "{}", story.script);
        assert_eq!((story.phase(), story.machine.socket()), (Phase::Live, Some(OLD)));
        assert_eq!(closed(&story), [(at, NEW)], "the other is given up");
        story.until(40_000);
        assert_eq!((story.connects().len(), closed(&story).len()), (1, 1), "{}", story.script);
        assert!(!story.machine.is_doubted(OLD));
        // It serves as before: pushes go there, and it can be doubted again.
        story.refresh_now();
        story.until(41_000);
        let pushed = story.given("reauthenticate").pop().map(|command| command.action);
        assert!(matches!(pushed, Some(Action::Reauthenticate { socket: OLD, .. })), "{pushed:?}");
        assert_eq!(story.renewals().len(), 1);
        story.input(Input::SocketDead { socket: OLD });
        story.until(50_000);
        assert_eq!((story.phase(), story.machine.socket()), (Phase::Live, Some(SocketId(2))));
    }
}

#[test]
fn one_that_serves_again_is_not_given_up_for_what_a_fresh_connect_has_said() {
    // proves R22.6, R25.4, R28.1
    let mut story = provided();
    story.always("authenticate", Treatment::Fail(REFUSED)).always("refresh", Treatment::Fail(UNAVAILABLE));
    story.doubt_socket();
    story.until(23_000);
    assert_eq!((story.phase(), story.connects().len()), (Phase::Reconnecting, 3), "{}", story.script);
    story.input(Input::SocketAlive { socket: OLD });
    story.until(30 * MINUTE);
    assert_eq!((story.phase(), story.teardown()), (Phase::Live, None), "{}", story.script);
    // Another is asked for all the time, as a session that is served asks.
    let asked = story.times("refresh").len();
    assert!((40..100).contains(&asked), "{asked}");
    // When it goes, hope goes with it, and that is told with its cause.
    story.line("---- it drops");
    story.input(Input::SocketLost { socket: OLD });
    let told = story.warnings("connect_failed").pop();
    assert!(
        matches!(told, Some((at, Warning::ConnectFailed { cause, next: Some(_) })) if at == story.now && cause.failure == REFUSED),
        "{told:?}"
    );
    story.until(42 * MINUTE);
    let (at, reason) = story.teardown().unwrap_or_else(|| panic!("{}", story.script));
    assert_eq!(reason, TeardownReason::InvalidCredentials);
    assert!((40 * MINUTE..41 * MINUTE).contains(&at), "{at}");
}

#[test]
fn once_the_other_has_been_shown_to_the_server_the_old_one_has_had_its_day() {
    // proves R22.6
    let mut story = doubted();
    // The server may have put the session over already.
    story.until(21_500);
    let told = story.events.len();
    story.input(Input::SocketAlive { socket: OLD });
    assert_eq!((story.events.len(), story.machine.socket()), (told, None));
    story.until(30_000);
    assert_eq!((story.machine.socket(), closed(&story)), (Some(NEW), vec![(25_000, OLD)]));
}

#[test]
fn a_doubted_socket_that_breaks_or_is_told_to_go_changes_nothing_more() {
    // proves R22.5
    let mut story = doubted();
    story.input(Input::SocketLost { socket: OLD });
    assert!(!story.machine.is_doubted(OLD));
    story.until(30_000);
    assert_eq!((story.machine.socket(), closed(&story).len()), (Some(NEW), 0), "{}", story.script);
    assert_eq!(story.warnings("connection_lost").len(), 1);

    let mut story = doubted();
    story.input(Input::ServerRestart { socket: OLD, wipe: false });
    story.until(30_000);
    assert_eq!(
        (story.machine.socket(), closed(&story)),
        (Some(NEW), vec![(20_000, OLD)]),
        "{}",
        story.script
    );
}

#[test]
fn while_no_other_is_to_be_had_it_is_read_for_a_minute() {
    // proves R22.5, R22.6
    let mut story = provided();
    story.resume_state();
    story.always("open", Treatment::Fail(Failure::Transport));
    story.doubt_socket();
    story.until(79_000);
    assert!(story.machine.is_doubted(OLD));
    story.input(Input::SocketAlive { socket: OLD });
    assert_eq!((story.phase(), story.machine.socket()), (Phase::Live, Some(OLD)), "{}", story.script);

    let mut story = provided();
    story.always("open", Treatment::Fail(Failure::Transport));
    story.doubt_socket();
    story.until(81_000);
    assert!(closed(&story).contains(&(80_000, OLD)) && !story.machine.is_doubted(OLD));
    story.input(Input::SocketAlive { socket: OLD });
    assert_eq!(story.phase(), Phase::Reconnecting);
}
