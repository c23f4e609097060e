//! What holds of the lifecycle whatever happens.

use crate::chaos::{Move, Run, moves, servers, starts};
use proptest::prelude::*;
use satkeeper_core::Now;
use satkeeper_core::lifecycle::*;

fn policy(forever: bool, counts_sleep: bool) -> Policy {
    Policy::default().with(|it| {
        it.tick_counts_sleep = counts_sleep;
        if forever {
            (it.patience, it.unreached) = (u64::MAX, u64::MAX);
        }
    })
}

/// Early steps leave no trace: a tick none at all, a stale answer only its `Ignored`.
fn early_steps_change_nothing(run: &Run, part: u64) {
    let steady = !run.over && !run.slipped && run.tick == run.furthest && run.tick < u64::MAX / 8;
    // Past the end of all clocks these differ.
    let near = |at: &u64| *at > run.tick && *at < u64::MAX / 8;
    let Some(at) = run.wake_at.filter(|at| steady && near(at)) else { return };
    let early = run.tick + (at - 1 - run.tick) / (part + 1);
    let now = Now::new(early, run.unix.saturating_add(early - run.tick));
    let mut ticked = run.machine.clone();
    let step = ticked.step(now, Input::Tick);
    assert!(step.outputs.is_empty(), "an early tick did {:?}", step.outputs);
    assert_eq!(step.outputs.capacity(), 0, "an early tick allocates");
    assert_eq!(step.wake_at.map(|(at, _)| at.0), Some(at), "an early tick moved the deadline");
    let mut bothered = run.machine.clone();
    let stale = CommandId(u64::MAX);
    let step = bothered.step(now, Input::Done(stale, Outcome::failed(Failure::Timeout)));
    assert_eq!(step.outputs, [Output::Tell(Event::Ignored(Ignored::StaleAnswer(stale)))], "at {early}");
    assert_eq!(step.wake_at.map(|(at, _)| at.0), Some(at), "a stale answer moved the deadline");
    // And nothing follows later on, either.
    let due = Now::new(at, run.unix.saturating_add(at - run.tick));
    let direct = run.machine.clone().step(due, Input::Tick);
    assert_eq!(ticked.step(due, Input::Tick), direct);
    assert_eq!(bothered.step(due, Input::Tick), direct);
}

proptest! {
    #![proptest_config(crate::chaos::config(512))]

    // proves R27.1, R27.3, R29.2, R29.3, R29.4, R29.8: check() after every step, no panic, every ask answered once, the
    // teardown last
    // survives P11, P32, P37
    // proves R30.1: from its start and from a record in its middle it happens again to the same bytes
    // proves R37.3: with the official client's numbers, too
    #[test]
    fn anything_may_happen(
        start in starts(),
        forever: bool,
        official: bool,
        counts_sleep: bool,
        moves in moves(true, 120),
    ) {
        let policy = if official { Policy::browser_sdk_v4() } else { policy(forever, counts_sleep) };
        let mut run = Run::new(policy, start);
        for (part, one) in moves.into_iter().enumerate() {
            run.make(one);
            early_steps_change_nothing(&run, part as u64 % 4);
        }
        run.replays();
    }

    // proves R17, R18, R19, R25: from any state a healthy server and an able provider bring the session back
    // survives P11, P37, S7, S16
    #[test]
    fn faults_that_stop_are_recovered_from(start in starts(), moves in moves(false, 120)) {
        let mut run = Run::new(Policy::default().with(|it| it.tick_counts_sleep = false), start);
        for one in moves {
            run.make(one);
        }
        run.heal();
        let before = run.tick;
        prop_assert!(
            run.in_good_health(360_000),
            "{:?} {:?} after {}", run.machine.status(), run.machine.why(), run.tick - before
        );
        run.replays();
    }

    // proves R29: nothing but deadlines moves the machine, and they come at a bounded rate
    #[test]
    fn a_silent_world_costs_little(start in starts(), forever: bool, moves in moves(false, 60)) {
        let mut run = Run::new(policy(forever, true), start);
        for one in moves {
            run.make(one);
        }
        let (from, end) = (run.steps, run.tick.saturating_add(3_600_000));
        while let Some(at) = run.wake_at.filter(|at| *at < end && !run.over) {
            let waited = at.saturating_sub(run.tick);
            run.pass(waited);
            run.make(Move::ToDeadline);
            // Who is not served asks each endpoint each 5 to 10 s, and each question has its deadline.
            prop_assert!(run.steps - from < 4_000, "{:?}", run.machine.why());
        }
        run.replays();
    }

    // proves R20.1, R20.4: whatever a server answers, it is asked a bounded number of times an hour
    #[test]
    fn no_server_is_stormed(start in starts(), server in servers(), moves in moves(false, 20)) {
        let mut run = Run::new(policy(true, true), start);
        for one in moves {
            run.make(one);
        }
        let given = run.in_the_hands_of(&server, 3_600_000);
        let of = |names: &[&str]| names.iter().filter_map(|name| given.get(name)).sum::<usize>();
        prop_assert!(of(&["open"]) <= 1_200, "{given:?}");
        // Ten at once, one more each second at most, where tokens live for seconds.
        prop_assert!(of(&["mint", "refresh", "activate", "renew"]) <= 3_620, "{given:?}");
        prop_assert!(of(&["reauthenticate"]) <= 7_200 && of(&["probe"]) <= 1_200, "{given:?}");
    }
}
