//! Going on from a record (L5, L11).

use super::*;
use crate::UnixMillis;

const HOUR: u64 = 3_600_000;

/// The same machine in a process that begins so much later.
fn reborn(machine: &Lifecycle, after: u64) -> Lifecycle {
    let now = Now::new(5, EPOCH + NOW + after);
    let policy = Policy { jitter: false, ..Policy::default() };
    Lifecycle::restore(policy, &Seed::from_bytes([8; 32]), &machine.snapshot(), now)
}

fn started(machine: &Lifecycle, after: u64, can_refresh: bool) -> Lifecycle {
    let mut machine = reborn(machine, after);
    let provider = ProviderFacts { can_refresh, can_mint_again: false, may_be_asked_twice: false };
    machine.absorb(Input::Start(Start { provider, key: KeyFacts::Unavailable, durable: true }));
    machine
}

#[test]
fn a_record_tells_its_age_and_its_generation() {
    // proves L5, L7
    let mut machine = live();
    machine.generation = Generation(5);
    let snapshot = machine.snapshot();
    assert_eq!((snapshot.generation(), snapshot.taken().0), (Generation(5), EPOCH + NOW));
}

#[test]
fn a_session_is_resumed_only_with_its_token() {
    // proves L34
    const OF: Option<Generation> = Some(Generation(3));
    for (resumable, in_force, resumes) in
        [(OF, Some(BOUND), OF), (OF, None, None), (OF, Some(TokenId(9)), None), (None, Some(BOUND), None)]
    {
        let mut machine = live();
        machine.resumable = resumable;
        machine.in_force = in_force;
        assert_eq!(reborn(&machine, 0).resumable, resumes, "{resumable:?} {in_force:?}");
    }
}

#[test]
fn a_state_is_of_the_generation_that_the_server_goes_on_with() {
    // proves L28, L34
    let known = |stated| Known { generation: Generation(2), stated, ..Known::new(Generation(1)) };
    let here = |stated| Link::Live { socket: SOCKET, since: NOW, stable: true, known: known(stated) };
    let answerless = Link::Authenticating { socket: SOCKET };
    for (link, before, after) in [
        (here(true), None, 2),
        (here(true), Some(Generation(1)), 2),
        // It may have been made before the push.
        (here(false), None, 1),
        // Before the answer, what it is of is not known.
        (answerless, None, 0),
        (answerless, Some(Generation(1)), 1),
    ] {
        let mut machine = live();
        (machine.link, machine.resumable, machine.generation) = (link, before, Generation(3));
        machine.absorb(Input::ResumeState { socket: SOCKET });
        assert_eq!(machine.resumable, Some(Generation(after)), "{link:?} {before:?}");
    }
}

#[test]
fn of_a_record_only_what_is_of_use_is_taken_over() {
    // proves L11
    let mut machine = live();
    machine.held.push(base(BASE, 1));
    machine.held.push(base(TokenId(3), 7_200_000));
    machine.rejected.push(TokenId(3));
    machine.held.push(bound(TokenId(4), TokenId(99), 900_000));
    machine.held.push(bound(TokenId(5), BASE, 900_000));
    assert_eq!(reborn(&machine, 0).ids(), [1, 2, 5]);

    machine.held = (1..=9).map(|id| base(TokenId(id), 7_200_000)).collect();
    machine.rejected.clear();
    assert_eq!(reborn(&machine, 0).ids(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_refused_base_stays_for_the_sake_of_a_bound_token_that_was_not() {
    // proves L11, L13
    for (rejected, held) in
        [(vec![], vec![1, 2]), (vec![BASE], vec![1, 2]), (vec![BOUND], vec![1]), (vec![BASE, BOUND], vec![])]
    {
        let mut machine = live();
        machine.rejected = rejected;
        assert_eq!(reborn(&machine, 0).ids(), held, "{:?}", machine.rejected);
    }
}

#[test]
fn a_record_that_has_ended_begins_anew_unless_it_can_be_resumed() {
    // proves L11, L34
    for (after, resumable, can_refresh, kept) in [
        (0, false, true, true),
        (3 * HOUR, false, true, false),
        (3 * HOUR, true, true, true),
        (3 * HOUR, true, false, false),
    ] {
        let mut machine = live();
        machine.resumable = resumable.then_some(Generation(3));
        let machine = started(&machine, after, can_refresh);
        assert_eq!(machine.held.is_empty(), !kept, "{after} {resumable} {can_refresh}");
        assert_eq!(machine.restored, kept);
    }
}

#[test]
fn who_begins_anew_awaits_no_answer_about_what_is_gone() {
    // proves L11
    let mut machine = started(&live(), 0, true);
    machine.pend(Action::Inspect { base: BASE });
    machine.pend(Action::Refresh);
    machine.pend(Action::Persist);
    assert!(machine.begin_anew());
    assert!(machine.pending.iter().map(|pending| pending.action).eq([Action::Persist]));
    assert!(!machine.begin_anew(), "once");
}

#[test]
fn an_end_is_an_end_unless_a_record_is_given_up_instead() {
    // proves L11, L22
    let ends = |machine: &mut Lifecycle| {
        machine.expire(None);
        let told = machine.events();
        told.into_iter().find_map(|event| match event {
            Event::Expired { renewing } => Some(renewing),
            _ => None,
        })
    };
    // Whether it came from a record, whether the provider can renew, for how long; what is told.
    for (restored, can_refresh, grace, renewing) in [
        (false, true, 60_000, Some(true)),
        (false, true, 1, Some(true)),
        (false, true, 0, Some(false)),
        (false, false, 60_000, Some(false)),
        (true, true, 60_000, Some(true)),
        (true, false, 60_000, None),
    ] {
        let mut machine = live_with(Policy { grace, jitter: false, ..Policy::default() });
        machine.restored = restored;
        machine.provider.can_refresh = can_refresh;
        assert_eq!(ends(&mut machine), renewing, "{restored} {can_refresh} {grace}");
        assert_eq!(machine.held.is_empty(), renewing.is_none());
        assert_eq!(matches!(machine.mode, Mode::Ending(..)), renewing == Some(false));
        if renewing == Some(true) {
            assert_eq!(ends(&mut machine), None, "it is told once");
        }
    }
}

#[test]
fn what_nobody_dated_is_renewed_as_early_and_ends_as_late_as_it_can_be() {
    // proves L9
    let now = NOW + 60_000;
    let came = |later, undated| {
        let token = Token { undated, restored: true, ..base(BASE, 900_000) }.dated(later, now);
        assert!(!token.restored && !token.undated);
        (token.sent, token.received)
    };
    // A clock that was set is in what the server dated, and not in what the wall clock did; who knows which.
    assert_eq!(came(-3_600_000, false), (NOW - 3_600_000, NOW - 3_600_000));
    assert_eq!(came(-3_600_000, true), (NOW - 3_600_000, now));
    assert_eq!(came(3_600_000, true), (NOW, now));
    // Nothing was known later than now.
    assert_eq!(came(3_600_000, false), (now, now));
}

#[test]
fn what_came_while_time_was_in_doubt_is_written_down_as_undated() {
    // proves L9, L23
    let undated = |machine: &Lifecycle| {
        let reborn = reborn(machine, 0);
        reborn.held.iter().filter(|token| token.undated).map(|token| token.id.0).collect::<Vec<_>>()
    };
    let mut machine = live();
    assert_eq!(undated(&machine), [1, 2], "no server has told its time");
    machine.clock.observe(UnixMillis(EPOCH + NOW), NOW, &machine.policy);
    assert!(undated(&machine).is_empty());
    // The wall clock jumps; then a token comes.
    machine.clock.advance(Now::new(NOW + 1_000, EPOCH + NOW + 601_000), machine.policy.jump);
    machine.hold(&facts(3, Statement::default()), Kind::Base(Base::default()), NOW + 1_000, None, false);
    assert_eq!(undated(&machine), [3]);
    // What was restored was dated before.
    machine.held.iter_mut().for_each(|token| token.restored = true);
    assert!(undated(&machine).is_empty());
}

#[test]
fn a_key_that_was_proved_and_is_lost_is_made_again() {
    // proves L46
    let start = |key| {
        let mut machine = live();
        machine.key.proved = true;
        let mut machine = reborn(&machine, 0);
        let provider = ProviderFacts { can_refresh: true, can_mint_again: false, may_be_asked_twice: false };
        machine.absorb(Input::Start(Start { provider, key, durable: true }));
        (machine.key.state, machine.key.proved)
    };
    assert_eq!(start(KeyFacts::Auto), (KeyState::Wanted, true));
    assert_eq!(start(KeyFacts::Unavailable), (KeyState::Declined, true));
}

#[test]
fn a_record_is_the_same_when_it_has_been_read() {
    // proves L5
    let snapshot = reborn(&live(), 0).snapshot();
    let text = serde_json::to_string(&snapshot).expect("plain data");
    assert_eq!(serde_json::from_str::<Snapshot>(&text).expect("just written"), snapshot);
}
