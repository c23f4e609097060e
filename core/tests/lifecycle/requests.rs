//! What the application asks for on demand, and the discipline of answers (R27, R29).

use crate::story::{Treatment, UNAVAILABLE, near, provided, scoped, unscoped};
use satkeeper_core::lifecycle::*;

// ---- Answers ----

#[test]
fn each_command_fails_by_its_own_deadline() {
    // proves R13.5, R14.3, R14.4, R14.5, R29.1
    // survives S13, P33
    for (name, span) in [("make_key", 120_000), ("mint", 120_000), ("inspect", 10_000), ("open", 10_000)] {
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
        story.until(40_000);
        let (at, command) =
            story.commands.iter().find(|(_, c)| c.action.name() == name).expect("given").clone();
        assert_eq!(command.deadline.0, at + span, "{name}");
    }
    // A write has its 2 s, whatever is left of a token.
    let mut story = unscoped().base_life(3_000).keyless().durable().begin();
    story.until(500);
    let writes = story.commands.iter().filter(|(_, c)| c.action == Action::Persist);
    let spans: Vec<u64> = writes.map(|(at, c)| c.deadline.0 - at).collect();
    assert!(!spans.is_empty() && spans.iter().all(|span| *span == 2_000), "{spans:?}");
}

#[test]
fn stale_answers_and_sockets_change_nothing() {
    // proves R29.2
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
    // Nor does the word that one of them lives, which nobody had doubted.
    let told = story.events.len();
    story.input(Input::SocketAlive { socket: old });
    assert_eq!((story.events.len(), story.machine.why()), (told, why));
}

#[test]
fn an_answer_that_comes_after_its_deadline_counts_all_the_same() {
    // proves R14.1
    let mut story = provided();
    story.next("refresh", Treatment::Late(121_000)).always("refresh", Treatment::Silence);
    story.refresh_now();
    story.until(150_000);
    assert_eq!(story.warnings("credential_refresh_failed").len(), 1);
    assert_eq!(story.renewals(), [141_040], "{}", story.script);
}

#[test]
fn an_answer_of_the_wrong_kind_is_a_failure() {
    // proves R29
    // survives P17
    let mut story = provided();
    story.next("refresh", Treatment::Say(Reply::Opened));
    let ask = story.refresh_now();
    story.until(26_000);
    assert_eq!(story.told(|e| matches!(e, Event::Ignored(Ignored::WrongReply(_)))).len(), 1);
    let told = story.warnings("credential_refresh_failed");
    let [(_, Warning::RefreshFailed { cause, .. })] = told[..] else { panic!("{told:?}") };
    assert_eq!(cause.failure, Failure::Malformed);
    assert_eq!(story.answer(ask), Some((25_080, None)), "it is asked again");
    assert_eq!(story.phase(), Phase::Live);
}

#[test]
fn what_makes_no_sense_is_ignored() {
    // proves R29
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
    // proves R27.1
    let mut story = provided();
    let one = story.refresh_now();
    let two = story.refresh_now();
    story.until(20_020);
    let three = story.refresh_now();
    let four = story.ask();
    story.input(Input::Rejected { ask: four, generation: Generation(1) });
    // Who asks while its token is being pushed wants a newer one.
    story.until(20_060);
    assert_eq!(story.times("refresh").len(), 1);
    assert_eq!(story.answer(one), None, "exchanged is not accepted");
    let five = story.refresh_now();
    story.until(30_000);
    for ask in [one, two, three, four] {
        assert_eq!(story.answer(ask), Some((20_080, None)));
    }
    let answer = story.answer(five);
    assert!(matches!(answer, Some((25_000..=25_200, None))), "{answer:?}");
    assert_eq!(story.times("refresh").len(), 2);
    // A failure is nobody's as long as it is tried again.
    story.next("refresh", Treatment::Fail(UNAVAILABLE));
    let (one, two) = (story.refresh_now(), story.refresh_now());
    story.until(36_000);
    for ask in [one, two] {
        let answer = story.answer(ask);
        assert!(matches!(answer, Some((35_000..=35_400, None))), "{answer:?}");
    }
}

#[test]
fn a_failed_call_on_demand_changes_no_schedule_for_good() {
    // proves R16.1, R20.3
    // survives P37
    let mut story = provided();
    story.next("refresh", Treatment::Fail(UNAVAILABLE));
    story.refresh_now();
    story.until(7_000_000);
    // Asked again in its time, and after that as ever: by the end of what came.
    let times = story.times("refresh");
    assert_eq!(times[..2], [20_000, 25_000]);
    near(times[2], 25_000 + 6_750_000);
    assert_eq!((times.len(), story.renewals().len()), (3, 2));
}

#[test]
fn nobody_to_renew_fails_at_once_or_as_soon_as_that_is_known() {
    // proves R27.2
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
    // proves R24.1
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
    // proves R27.1, R27.2
    // survives P6, P11
    // The activation does not answer while a call waits for it: the provider serves the call.
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
    // proves R20.2, R20.3
    // survives P16, P20, S2
    let mut story = provided();
    story.until(100_000);
    // Asked again and again in a second: all wait for the next one, which is asked for in its time.
    let asks: Vec<AskId> = (0..20)
        .map(|_| {
            let ask = story.refresh_now();
            story.until(story.now + 50);
            ask
        })
        .collect();
    story.until(106_000);
    let times = story.times("refresh");
    assert!(matches!(times[..], [100_000, 105_000..=105_200]), "{times:?}");
    assert!(asks.iter().all(|ask| matches!(story.answer(*ask), Some((_, None)))), "{}", story.script);
    // Who goes on like that uses the budget up, but for what the schedule and the application's own tokens need.
    let mut throttled = 0;
    for _ in 0..20 {
        let ask = story.refresh_now();
        story.until(story.now + 5_500);
        throttled += usize::from(matches!(story.answer(ask), Some((_, Some(AskError::Throttled)))));
    }
    assert!((1..20).contains(&throttled), "{throttled}: {}", story.script);
    let (ask, _) = story.update(7_200_000);
    story.until(story.now + 1_000);
    assert_eq!(story.answer(ask).expect("answered").1, None, "a token that is brought may use them");
}
