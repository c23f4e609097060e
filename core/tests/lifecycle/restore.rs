//! A session goes on after its process was killed (R13, R30).

use crate::chaos::{Run, moves, starts};
use crate::story::{Opening, REFUSED, Story, Treatment, UNAVAILABLE, exact, near, scoped, unscoped};
use proptest::prelude::*;
use satkeeper_core::lifecycle::*;
use satkeeper_core::secret::Seed;
use satkeeper_core::{Now, UnixMillis};

const KEY_AT_HAND: KeyFacts = KeyFacts::Held { algorithm: KeyAlgorithm::Es256, proved: false };

/// A durable session that has run for ten minutes, resumable.
fn ten_minutes(opening: Opening) -> Story {
    let mut story = opening.durable().begin();
    story.until(60_000);
    // That of the connect, and that of the push.
    story.resume_state();
    story.resume_state();
    story.until(600_000);
    assert_eq!(story.phase(), Phase::Live, "{}", story.script);
    story
}

fn start(can_refresh: bool, can_mint_again: bool) -> Start {
    let provider = ProviderFacts { can_refresh, can_mint_again, may_be_asked_twice: false };
    Start { provider, key: KEY_AT_HAND, durable: true }
}

/// A token that lives for so long from when it comes.
fn token(id: u32, life: u64) -> TokenFacts {
    let statement = Statement { expires_in: Some(life), ..Statement::default() };
    TokenFacts { token: TokenId(id), statement, new_secret: false }
}

/// How a session without a key starts, whose provider refreshes.
fn unbound() -> Start {
    Start { key: KeyFacts::Unavailable, ..start(true, false) }
}

/// Such a session, its first token minted by a server whose clock is ours.
fn minted(seed: &Seed, now: Now, life: u64) -> Lifecycle {
    minted_by(exact(), seed, now, life)
}

fn minted_by(policy: Policy, seed: &Seed, now: Now, life: u64) -> Lifecycle {
    let mut machine = Lifecycle::new(policy, seed);
    let _ = machine.step(now, Input::Start(unbound()));
    let reply = Outcome { server_time: Some(now.unix), ..Outcome::ok(Reply::Token(token(1, life))) };
    let _ = machine.step(now, Input::Done(CommandId(0), reply));
    machine
}

/// Whoever this step asks first cannot help, but tells the time.
fn tell(machine: &mut Lifecycle, now: Now, step: &Step, time: u64) -> Step {
    let asked = step.outputs.iter().find_map(|output| match output {
        Output::Do(Command { id, action: Action::Open { .. } | Action::Refresh, .. }) => Some(*id),
        _ => None,
    });
    let told = Outcome { server_time: Some(UnixMillis(time)), ..Outcome::failed(UNAVAILABLE) };
    machine.step(now, Input::Done(asked.expect("it asks somebody"), told))
}

#[test]
fn a_restart_mints_nothing_resumes_and_goes_on_renewing() {
    // proves R13.1, R16.1, R21.3
    // survives S22
    let mut story = ten_minutes(scoped().refreshes().mints());
    let generation = story.machine.status().generation;
    story.restart(exact(), 3_000, start(true, true));
    story.until(610_000);
    let names = story.names(603_000);
    assert_eq!(names, ["open", "authenticate"], "{}", story.script);
    assert!(matches!(
        story.events.last(),
        Some((_, Event::Live { resumed: true, generation: now })) if *now == generation
    ));
    // The bound token came at about zero and is renewed 90 s before its 15 minutes are over, as ever.
    assert!(story.times("renew").is_empty(), "{}", story.script);
    story.until(900_000);
    // A record's times are the earliest that they can be.
    let renewed = story.times("renew")[0];
    assert!((807_500..=810_100).contains(&renewed), "{renewed}");
    assert_eq!(story.times("mint").len(), 1);
    assert!(story.machine.status().generation > generation);
    assert_eq!(story.mechanism(), Mechanism::Bound);
}

#[test]
fn who_leaves_is_resumed_as_after_being_killed_and_who_disconnects_is_not() {
    // proves R13.1, R33.3, R33.4
    // survives W10: whatever state the session is in when it is left
    let rests: [fn(&mut Story); 3] = [
        |_| {},
        |story| story.input(Input::Suspend),
        |story| {
            story.always("open", Treatment::Fail(Failure::Transport));
            story.drop_socket();
        },
    ];
    for rest in rests {
        for (input, resumed) in [(Input::Leave, true), (Input::Disconnect, false)] {
            let mut story = ten_minutes(scoped().refreshes().mints());
            rest(&mut story);
            story.input(input);
            story.until(602_000);
            assert!(story.teardown().is_some(), "{}", story.script);
            story.mend("open");
            story.restart(exact(), 3_000, start(true, true));
            story.until(610_000);
            let live = story.events.iter().rev().find_map(|(_, event)| match event {
                Event::Live { resumed, .. } => Some(*resumed),
                _ => None,
            });
            assert_eq!(live, Some(resumed), "{}", story.script);
            assert_eq!(story.times("mint").len(), 1, "{}", story.script);
        }
    }
}

#[test]
fn what_comes_in_the_very_moment_of_a_restart_is_not_of_the_record() {
    // proves R2.2, R13.7
    let seed = Seed::from_bytes([7; 32]);
    let (tick, unix) = (1_000_000, 1_800_000_000_000);
    let before = minted(&seed, Now::new(tick, unix), 1_200_000);
    // The wall clock is half an hour slow now; the application brings a token of its own at once.
    let now = Now::new(tick + 600_000, unix + 600_000 - 1_800_000);
    let mut after = Lifecycle::restore(exact(), &seed, &before.snapshot(), now);
    let _ = after.step(now, Input::Start(unbound()));
    let step = after.step(now, Input::NewBase { ask: AskId(1), token: token(2, 900_000) });
    let step = tell(&mut after, now, &step, unix + 600_000);
    assert!(!step.outputs.iter().any(|it| matches!(it, Output::Tell(Event::Expired { .. }))), "{step:?}");
    let ends = after.status().session_ends.expect("it was stated");
    assert_eq!(ends.0, now.tick.0 + 900_000);
}

#[test]
fn what_came_while_no_server_told_the_time_is_good_until_refused_and_renewed_at_once() {
    // proves R13.8: the wall clock is an hour or half a year off at a restart, the network is away, the
    // application brings a token, and the process dies again
    for off in [-3_600_000, 3_600_000, -15_000_000_000, 15_000_000_000] {
        let seed = Seed::from_bytes([7; 32]);
        let now = Now::new(0, 1_800_000_000_000);
        let first = minted(&seed, now, 600_000);
        let mut second = Lifecycle::restore(exact(), &seed, &first.snapshot(), now);
        let _ = second.step(now, Input::Start(unbound()));
        let _ = second.step(now, Input::NewBase { ask: AskId(1), token: token(2, 900_000) });
        let record = serde_json::to_string(&second.snapshot()).expect("plain data");
        let record = serde_json::from_str(&record).expect("it was just written");
        let mut third = Lifecycle::restore(exact(), &seed, &record, now);
        let started = third.step(now, Input::Start(unbound()));
        let asks = |it: &Output| matches!(it, Output::Do(command) if command.action == Action::Refresh);
        assert!(started.outputs.iter().any(asks), "{off}: {started:?}");
        let step = tell(&mut third, now, &started, now.unix.0.saturating_add_signed(off));
        assert!(third.holds(TokenId(2)) && third.status().phase != Phase::Expired, "{off}: {step:?}");
    }
}

#[test]
fn what_nobody_has_dated_tells_no_life_when_it_is_refused() {
    // proves R13.8: the wall clock is set right at the restart, by an hour; as that reads it the token is old
    let mut story = ten_minutes(scoped().scope(false).keyless().refreshes());
    let mut record = serde_json::to_value(story.machine.snapshot()).expect("plain data");
    record["dated"] = false.into();
    story.wall += 3_600_000;
    story.always("refresh", Treatment::Fail(UNAVAILABLE));
    story.always("authenticate", Treatment::Fail(REFUSED));
    story.restart_from(exact(), 3_000, unbound(), &record.to_string());
    story.until(630_000);
    let record = serde_json::to_value(story.machine.snapshot()).expect("plain data");
    assert_eq!(record.pointer("/held/0/refused"), Some(&true.into()), "{}", story.script);
    assert_eq!(record["assumed"], serde_json::json!([null, null]), "{}", story.script);
    assert_eq!(record["assumed"], serde_json::json!([null, null]), "{}", story.script);
}

#[test]
fn a_hint_that_was_read_by_the_servers_time_is_read_by_it_again_after_a_restart() {
    // proves R13.7: the wall clock is an hour ahead after it
    let seed = Seed::from_bytes([7; 32]);
    let now = Now::new(0, 1_800_000_000_000);
    let mut first = Lifecycle::new(exact(), &seed);
    let _ = first.step(now, Input::Start(unbound()));
    let statement = Statement { expiry_hint: Some(UnixMillis(now.unix.0 + 600_000)), ..Statement::default() };
    let hinted = TokenFacts { statement, ..token(1, 0) };
    let reply = Outcome { server_time: Some(now.unix), ..Outcome::ok(Reply::Token(hinted)) };
    let _ = first.step(now, Input::Done(CommandId(0), reply));
    let ahead = Now::new(0, now.unix.0 + 1_000 + 3_600_000);
    let mut second = Lifecycle::restore(exact(), &seed, &first.snapshot(), ahead);
    let step = second.step(ahead, Input::Start(unbound()));
    assert_eq!(second.status().phase, Phase::Expired, "by the wall clock: {step:?}");
    let step = tell(&mut second, ahead, &step, now.unix.0 + 1_000);
    assert_eq!(second.status().phase, Phase::Connecting, "{step:?}");
    near(second.status().session_ends.expect("it was hinted").0, 599_000);
}

#[test]
fn a_base_that_was_brought_again_does_not_cost_its_bound_token_at_a_restart() {
    // proves R13.1, R27.7
    let mut story = ten_minutes(scoped().refreshes().mints());
    let bound = story.machine.status().in_force.expect("it is live");
    let base = story.machine.snapshot().tokens().next().expect("it was minted");
    let says = Statement { expires_in: Some(7_200_000), ..Statement::default() };
    let token = TokenFacts { token: base, statement: says, new_secret: false };
    let ask = story.ask();
    story.input(Input::NewBase { ask, token });
    story.restart(exact(), 3_000, start(true, true));
    let in_force = story.machine.status().in_force;
    assert!(story.machine.holds(bound) && in_force == Some(bound), "{}", story.script);
}

#[test]
fn what_came_after_a_sleep_that_nobody_has_confirmed_has_not_slept_in_the_record_either() {
    // proves R1.6, R13.7
    let seed = Seed::from_bytes([7; 32]);
    let unix = 1_800_000_000_000;
    let policy = exact().with(|policy| policy.tick_counts_sleep = false);
    let mut before = minted_by(policy, &seed, Now::new(0, unix), 7_200_000);
    // An hour is slept away, uncounted; then the application brings a token of its own.
    let unix = unix + 600_000 + 3_600_000;
    let _ =
        before.step(Now::new(600_000, unix), Input::NewBase { ask: AskId(1), token: token(2, 7_200_000) });
    let now = Now::new(5_000, unix);
    let mut after = Lifecycle::restore(exact(), &seed, &before.snapshot(), now);
    let step = after.step(now, Input::Start(unbound()));
    let _ = tell(&mut after, now, &step, unix);
    let ends = after.status().session_ends.expect("it was stated");
    near(ends.0, 5_000 + 7_200_000);
}

#[test]
fn a_bound_token_whose_base_was_refused_outlives_a_restart() {
    // proves R13.1
    let mut story = scoped()
        .key(KEY_AT_HAND)
        .durable()
        .next("authenticate", Treatment::Fail(Failure::Rpc { code: -32_003, credential: true }))
        .next("activate", Treatment::Late(300))
        .begin();
    story.until(60_000);
    assert_eq!((story.phase(), story.machine.status().bound), (Phase::Live, true), "{}", story.script);
    story.restart(exact(), 3_000, start(false, false));
    story.until(900_000);
    assert_eq!(story.times("mint").len(), 1, "{}", story.script);
    assert_eq!((story.phase(), story.machine.status().bound), (Phase::Live, true), "{}", story.script);
}

#[test]
fn a_record_written_on_a_clock_that_was_set_puts_no_renewal_off() {
    // proves R13.7
    let seed = Seed::from_bytes([7; 32]);
    let unix = 1_800_000_000_000;
    let mut before = minted(&seed, Now::new(0, unix), 900_000);
    // Somebody sets the wall clock ten hours ahead; a renewal brings a token that ends no later.
    let set = unix + 36_000_000;
    let step = before.step(Now::new(60_000, set + 60_000), Input::RefreshNow { ask: AskId(1) });
    let refresh = step.outputs.iter().find_map(|output| match output {
        Output::Do(command) if command.action == Action::Refresh => Some(command.id),
        _ => None,
    });
    let refresh = refresh.expect("somebody asked for it");
    let renewed = Input::Done(refresh, Outcome::ok(Reply::Token(token(2, 840_000))));
    let _ = before.step(Now::new(60_000, set + 60_000), renewed);
    let now = Now::new(5_000, set + 61_000);
    let mut after = Lifecycle::restore(exact(), &seed, &before.snapshot(), now);
    let step = after.step(now, Input::Start(unbound()));
    let _ = tell(&mut after, now, &step, unix + 61_000);
    let _ = after.step(Now::new(35_000, set + 91_000), Input::Tick);
    // It is known to end 15 minutes from now at the latest.
    let ends = after.status().session_ends.expect("it was stated");
    assert!(ends.0 <= 5_000 + 900_000, "{ends:?}");
}

#[test]
fn the_same_draws_are_not_made_twice() {
    // proves R30.4
    let mut story = ten_minutes(scoped().refreshes().mints());
    let text = serde_json::to_value(story.machine.snapshot()).expect("plain data");
    let drawn = |value: &serde_json::Value| value["drawn"].as_array().expect("counters").clone();
    story.restart(exact(), 0, start(true, true));
    story.until(1_500_000);
    let later = serde_json::to_value(story.machine.snapshot()).expect("plain data");
    let pairs = drawn(&text).into_iter().zip(drawn(&later)).collect::<Vec<_>>();
    assert!(pairs.iter().all(|(before, after)| before.as_u64() <= after.as_u64()), "{pairs:?}");
    assert!(pairs[0].0.as_u64() < pairs[0].1.as_u64(), "{pairs:?}");
}

#[test]
fn tokens_that_ended_meanwhile_are_replaced_by_a_first_mint() {
    // proves R13, R26: nobody can renew, so that the resume state is of no use
    let mut story = ten_minutes(unscoped());
    story.restart(exact(), 8_000_000, start(false, false));
    story.until(8_610_000);
    assert_eq!(story.times("mint").len(), 2, "{}", story.script);
    assert_eq!(story.phase(), Phase::Live, "{}", story.script);
    assert!(story.told(|event| matches!(event, Event::Expired { .. })).is_empty());
}

#[test]
fn tokens_that_ended_meanwhile_are_renewed_and_the_session_resumed() {
    // proves R13.1, R21.3
    let mut story = ten_minutes(unscoped().refreshes());
    story.restart(exact(), 8_000_000, start(true, false));
    story.until(8_640_000);
    assert_eq!(story.times("mint").len(), 1, "{}", story.script);
    assert_eq!(story.phase(), Phase::Live, "{}", story.script);
    assert_eq!(story.told(|event| matches!(event, Event::Live { resumed: true, .. })).len(), 1);
    assert!(!story.renewals().is_empty());
}

#[test]
fn a_wrong_wall_clock_ends_nothing() {
    // proves R2.2, R13.7: the wall clock is a day ahead at the restart; whatever it makes the machine do, the session
    // is live again, and its ends are right once the server has told the time
    for ahead in [86_400_000, -86_400_000] {
        let mut story = ten_minutes(scoped().refreshes().mints());
        let ends = story.machine.status().session_ends.expect("known").0;
        story.wall += ahead;
        story.restart(exact(), 3_000, start(true, true));
        story.until(640_000);
        assert_eq!(story.phase(), Phase::Live, "{}", story.script);
        assert_eq!(story.teardown(), None);
        let ends_now = story.machine.status().session_ends.expect("known").0 + 603_000;
        assert!(ends_now + 2_000 >= ends, "{ends_now} {ends}");
        story.until(7_000_000);
        assert_eq!(story.teardown(), None, "{}", story.script);
    }
}

#[test]
fn what_the_server_refuses_is_replaced_by_a_first_mint() {
    // proves R10, R13, R26
    let mut story = ten_minutes(unscoped());
    for _ in 0..2 {
        story.next("authenticate", Treatment::Fail(Failure::Rpc { code: -32_003, credential: true }));
    }
    story.restart(exact(), 3_000, start(false, false));
    story.until(640_000);
    assert_eq!(story.times("mint").len(), 2, "{}", story.script);
    assert_eq!(story.phase(), Phase::Live, "{}", story.script);
}

#[test]
fn what_was_proved_is_remembered() {
    // proves R13.1, R35.6
    let mut story = ten_minutes(scoped().refreshes().mints());
    let auto = Start { key: KeyFacts::Auto, ..start(true, false) };
    story.restart(exact(), 3_000, auto);
    let made = story.given("make_key").last().map(|command| command.action);
    assert_eq!(made, Some(Action::MakeKey { algorithm: KeyAlgorithm::Es256 }), "{}", story.script);
}

#[test]
fn a_late_secret_is_written_down() {
    // proves R12.11, R14.1
    let mut story = ten_minutes(unscoped().refreshes());
    story.always("refresh", Treatment::Silence);
    story.refresh_now();
    let refresh = story.given("refresh").pop().expect("asked for");
    story.until(700_000);
    let before = story.times("persist").len();
    let mut facts = story.token(false);
    facts.new_secret = true;
    story.input(Input::Done(refresh.id, Outcome::ok(Reply::Token(facts))));
    assert_eq!(story.times("persist").len(), before + 1, "{}", story.script);
}

#[test]
fn what_is_in_a_snapshot_is_believed_no_further_than_it_must() {
    // proves R13.9, R29.8: any numbers, no panic
    let story = ten_minutes(scoped().refreshes().mints());
    let honest = serde_json::to_value(story.machine.snapshot()).expect("plain data");
    for number in [0, 1, u64::MAX, u64::MAX / 2, 253_402_300_799_999] {
        let mut value = honest.clone();
        replace(&mut value, number);
        let Ok(snapshot) = serde_json::from_value::<Snapshot>(value) else { continue };
        for now in [Now::new(0, 0), Now::new(u64::MAX, u64::MAX), Now::new(5, 1_800_000_000_000)] {
            let seed = Seed::from_bytes([1; 32]);
            let mut machine = Lifecycle::restore(Policy::default(), &seed, &snapshot, now);
            let step = machine.step(now, Input::Start(start(true, true)));
            for output in step.outputs {
                if let Output::Do(command) = output {
                    let time = Some(UnixMillis(1_800_000_000_000));
                    let told = Outcome { server_time: time, ..Outcome::failed(UNAVAILABLE) };
                    let _ = machine.step(now, Input::Done(command.id, told));
                }
            }
            assert_eq!(machine.check(), Ok(()), "{number} {now:?}");
        }
    }
}

/// Every number that may be any becomes this one.
fn replace(value: &mut serde_json::Value, by: u64) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                if !matches!(name.as_str(), "id" | "of" | "in_force" | "drawn" | "offset" | "draw" | "streak")
                {
                    replace(member, by);
                }
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| replace(item, by)),
        serde_json::Value::Number(_) => *value = by.into(),
        _ => {}
    }
}

proptest! {
    #![proptest_config(crate::chaos::config(256))]

    // proves R13.1, R30.1: nothing is lost on the way; R29 holds after a restart under any clock
    #[test]
    fn a_restart_at_any_time(
        before in starts(),
        after in starts(),
        first in moves(true, 80),
        second in moves(true, 40),
        tick in prop_oneof![Just(0u64), Just(1_000_000), any::<u64>()],
        down in any::<u64>(),
    ) {
        let mut run = Run::new(Policy::default(), before);
        for one in first {
            run.make(one);
        }
        let snapshot = run.machine.snapshot();
        let text = serde_json::to_string(&snapshot).expect("plain data");
        let read: Snapshot = serde_json::from_str(&text).expect("what was written");
        prop_assert_eq!(&read, &snapshot);

        // Restored at the same time, the same is held: a snapshot of it restores to the same again.
        let seed = Seed::from_bytes([9; 32]);
        let now = Now::new(tick, run.unix);
        let restored = Lifecycle::restore(Policy::default(), &seed, &snapshot, now);
        let again = restored.snapshot();
        let twice = Lifecycle::restore(Policy::default(), &seed, &again, now).snapshot();
        // Before 1970, and after the end of time, moments stick to the end of their range.
        if (1 << 40..1 << 60).contains(&run.unix) && tick < 1 << 60 {
            prop_assert_eq!(&twice, &again);
        }
        prop_assert_eq!(restored.status().generation, run.machine.status().generation);

        run.restart(Policy::default(), after, tick, down);
        for one in second {
            run.make(one);
        }
        run.replays();
    }

    // proves R13, R25: from any record a healthy world brings the session back
    #[test]
    fn a_restart_is_recovered_from(
        before in starts(),
        after in starts(),
        first in moves(false, 80),
        second in moves(false, 40),
        tick in prop_oneof![Just(0u64), Just(1_000_000)],
        down in 0u64..20_000_000,
    ) {
        let mut run = Run::new(Policy::default(), before);
        for one in first {
            run.make(one);
        }
        run.restart(Policy::default(), after, tick, down);
        for one in second {
            run.make(one);
        }
        run.heal();
        prop_assert!(run.in_good_health(360_000), "{:?} {:?}", run.machine.status(), run.machine.why());
        run.replays();
    }
}
