//! What the application asks for on demand, and the discipline of answers (L1, L2, L24).

use crate::story::{Treatment, UNAVAILABLE, near, provided, scoped, unscoped};
use satkeeper_core::lifecycle::*;

// ---- Answers ----

#[test]
fn each_command_fails_by_its_own_deadline() {
    // proves L1, L2
    // survives S13, P33
    for (name, span) in [("make_key", 60_000), ("mint", 60_000), ("inspect", 10_000), ("open", 10_000)] {
        let mut story = scoped().refreshes().key(KeyFacts::Auto).next(name, Treatment::Silence).begin();
        story.until(1_000);
        let (at, command) =
            story.commands.iter().find(|(_, c)| c.action.name() == name).expect("given").clone();
        assert_eq!(command.deadline.0, at + span, "{name}");
        story.until(at + span + 20_000);
        if name != "mint" {
            assert_eq!(story.phase(), Phase::Live, "{name}");
        }
    }
    for (name, span) in
        [("authenticate", 10_000), ("reauthenticate", 5_000), ("probe", 10_000), ("close", 2_000)]
    {
        let mut story = provided();
        story.drop_socket();
        story.until(25_000);
        story.input(Input::NetworkChanged);
        story.refresh_now();
        story.until(30_000);
        let socket = story.socket();
        story.input(Input::SocketDead { socket });
        let (at, command) =
            story.commands.iter().find(|(_, c)| c.action.name() == name).expect("given").clone();
        assert_eq!(command.deadline.0, at + span, "{name}");
    }
    // A write gets a tenth of the time left, 2 s at most.
    let mut story = unscoped().base_life(10_000).keyless().durable().begin();
    story.until(500);
    let writes: Vec<u64> = story
        .commands
        .iter()
        .filter(|(_, c)| c.action == Action::Persist)
        .map(|(at, c)| c.deadline.0 - at)
        .collect();
    assert!(writes.iter().any(|span| (800..=1_000).contains(span)), "{writes:?}");
}

#[test]
fn stale_answers_and_sockets_change_nothing() {
    // proves L1
    // survives P15, S9, S17
    let mut story = provided();
    let old = story.socket();
    story.drop_socket();
    story.until(40_000);
    let (status, why) = (story.machine.status(), story.machine.why());
    let generation = status.generation;
    for input in [
        Input::SocketLost { socket: old },
        Input::SocketDead { socket: old },
        Input::ServerRestart { socket: old, wipe: true },
        Input::ResumeState { socket: old },
        Input::Done(CommandId(0), Outcome::ok(Reply::KeyMade)),
        Input::Done(CommandId(77_777), Outcome::failed(Failure::Rejected)),
    ] {
        story.input(input);
        assert!(matches!(story.events.last(), Some((_, Event::Ignored(_)))));
        let mut then = story.machine.status();
        then.time_left = status.time_left;
        assert_eq!(then, status);
        assert_eq!(story.machine.why(), why);
    }
    assert_eq!(story.machine.status().generation, generation);
    // An answer that comes with the deadline is late.
    let mut story = provided();
    story.always("refresh", Treatment::Late(30_000));
    let ask = story.refresh_now();
    story.until(50_000);
    assert!(story.failed(ask, Failure::Timeout));
    assert_eq!(story.renewals().len(), 0);
}

#[test]
fn an_answer_of_the_wrong_kind_is_a_failure() {
    // proves L1
    // survives P17
    let mut story = provided();
    story.next("refresh", Treatment::Say(Reply::Opened));
    let ask = story.refresh_now();
    story.until(22_000);
    assert!(story.failed(ask, Failure::Malformed));
    assert_eq!(story.told(|e| matches!(e, Event::Ignored(Ignored::WrongReply(_)))).len(), 1);
    assert_eq!(story.phase(), Phase::Live);
}

#[test]
fn what_makes_no_sense_is_ignored() {
    // proves L1, L2
    let opening = unscoped().refreshes().keyless();
    let (mut story, start) = (opening.stage(), opening.start);
    for input in
        [Input::Resume, Input::Suspend, Input::NetworkChanged, Input::Start(start), Input::Start(start)]
    {
        story.input(input);
    }
    story.input(Input::Resume);
    assert_eq!(story.told(|e| matches!(e, Event::Ignored(Ignored::OutOfPlace))).len(), 5);
    assert_eq!(story.times("mint").len(), 1);
}

// ---- On demand ----

#[test]
fn on_demand_calls_share_one_exchange() {
    // proves L24, L13
    let mut story = provided();
    let one = story.refresh_now();
    let two = story.refresh_now();
    story.until(20_020);
    let three = story.refresh_now();
    let four = story.ask();
    story.input(Input::Rejected { ask: four, generation: Generation(1) });
    // One joins while its token is being pushed.
    story.until(20_060);
    assert_eq!(story.times("refresh").len(), 1);
    assert_eq!(story.answer(one), None, "exchanged is not acknowledged");
    let five = story.refresh_now();
    story.until(30_000);
    assert_eq!(story.times("refresh").len(), 1);
    for ask in [one, two, three, four, five] {
        assert_eq!(story.answer(ask), Some((20_080, None)));
    }
    // And a failure is everybody's too.
    story.next("refresh", Treatment::Fail(UNAVAILABLE));
    let (one, two) = (story.refresh_now(), story.refresh_now());
    story.until(31_000);
    for ask in [one, two] {
        assert!(story.failed(ask, UNAVAILABLE));
    }
}

#[test]
fn a_failed_call_on_demand_changes_no_schedule_for_good() {
    // proves L24, L19
    // survives P37
    let mut story = provided();
    story.next("refresh", Treatment::Fail(UNAVAILABLE));
    story.refresh_now();
    story.until(7_000_000);
    assert_eq!(story.times("refresh").len(), 2);
    near(story.times("refresh")[1], 6_900_000);
    assert_eq!(story.renewals().len(), 1);
}

#[test]
fn nobody_to_renew_fails_at_once_or_as_soon_as_that_is_known() {
    // proves L24
    let mut story = unscoped().begin();
    story.until(20_000);
    let ask = story.refresh_now();
    assert_eq!(story.answer(ask), Some((20_000, Some(AskError::NoMechanism))));
    // While the scope is still being asked for, nobody knows.
    let mut story = unscoped().next("inspect", Treatment::Late(3_000)).begin();
    story.until(1_000);
    let ask = story.refresh_now();
    assert_eq!(story.answer(ask), None);
    story.until(4_000);
    assert_eq!(story.answer(ask), Some((3_040, Some(AskError::NoMechanism))));
}

#[test]
fn a_rejected_request_is_repeated_after_the_renewal() {
    // proves L24
    let mut story = scoped().refreshes().begin();
    story.until(20_000);
    let generation = story.machine.status().generation;
    let ask = story.ask();
    story.input(Input::Rejected { ask, generation });
    story.until(30_000);
    assert_eq!(story.times("renew").len(), 1);
    assert_eq!(story.answer(ask).expect("answered").1, None);
    assert_eq!(story.machine.status().generation, Generation(generation.0 + 1));
    // What was sent under an older generation needs no renewal.
    let ask = story.ask();
    story.input(Input::Rejected { ask, generation });
    assert_eq!(story.answer(ask), Some((30_000, None)));
    assert_eq!(story.times("renew").len(), 1);
}

#[test]
fn an_exchange_that_is_given_up_takes_no_waiting_call_with_it() {
    // proves L24, L15, L40
    // survives P6, P11
    // The activation's budget ends while a call waits for it: the provider serves the call.
    let mut story = scoped().refreshes().always("activate", Treatment::Silence).begin();
    story.until(28_000);
    let ask = story.refresh_now();
    story.until(32_000);
    assert_eq!(story.answer(ask).expect("answered").1, None, "{}", story.script);
    // The provider is replaced in the middle of a call: the new one serves it.
    let mut story = provided();
    story.next("refresh", Treatment::Silence);
    let ask = story.refresh_now();
    story.until(21_000);
    story.input(Input::NewProvider(ProviderFacts {
        can_refresh: true,
        can_mint_again: false,
        may_be_asked_twice: false,
    }));
    story.until(22_000);
    assert_eq!(story.answer(ask).expect("answered").1, None);
    // Or nobody does any more.
    let mut story = provided();
    story.next("refresh", Treatment::Silence);
    let ask = story.refresh_now();
    story.until(21_000);
    story.input(Input::NewProvider(ProviderFacts {
        can_refresh: false,
        can_mint_again: false,
        may_be_asked_twice: false,
    }));
    assert_eq!(story.answer(ask), Some((21_000, Some(AskError::NoMechanism))));
}

#[test]
fn calls_on_demand_leave_the_last_permits_to_the_schedule() {
    // proves L20
    // survives P16, P20, S2
    let mut story = provided();
    story.until(100_000);
    let mut throttled = 0;
    for _ in 0..20 {
        let ask = story.refresh_now();
        story.until(story.now + 100);
        throttled += usize::from(matches!(story.answer(ask), Some((_, Some(AskError::Throttled)))));
    }
    assert_eq!(story.times("refresh").len(), 6);
    assert_eq!(throttled, 14);
    let (ask, _) = story.update(7_200_000);
    story.until(story.now + 1_000);
    assert_eq!(story.answer(ask).expect("answered").1, None, "a token that is brought may use them");
}
