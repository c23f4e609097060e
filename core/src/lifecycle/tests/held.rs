//! What is known of tokens, and which of them are held, pushed and let go.

use super::super::asks::{Ask, AskKind};
use super::super::token::Source;
use super::*;
use crate::UnixMillis;

/// The last second of the year 9999, and a hundred years.
const LAST_TIME: u64 = 253_402_300_799_999;
const LONGEST_LIFE: Millis = 100 * 366 * 86_400_000;

fn ends_at(time: u64) -> Statement {
    Statement { expires_at: Some(UnixMillis(time)), ..Statement::default() }
}

fn lives_for(life: Millis) -> Statement {
    Statement { expires_in: Some(life), ..Statement::default() }
}

fn hinted(time: u64) -> Statement {
    Statement { expiry_hint: Some(UnixMillis(time)), ..Statement::default() }
}

#[test]
fn what_no_clock_can_show_is_clamped_and_what_one_can_is_not() {
    // proves L6
    let machine = live();
    let table = [
        (ends_at(LAST_TIME), false),
        (ends_at(LAST_TIME + 1), true),
        (ends_at(LAST_TIME + 2), true),
        (lives_for(LONGEST_LIFE), false),
        (lives_for(LONGEST_LIFE + 1), true),
        (lives_for(LONGEST_LIFE + 2), true),
        (hinted(LAST_TIME), false),
        (hinted(LAST_TIME + 1), true),
        (hinted(LAST_TIME + 2), true),
        (hinted(LAST_TIME - 1), false),
        // One absurd value among sane ones.
        (Statement { expires_in: Some(1), expiry_hint: Some(UnixMillis(1)), ..ends_at(LAST_TIME + 1) }, true),
    ];
    for (says, clamped) in table {
        let noted = base(BASE, 1).note(Source::Exchange, &says, &machine.clock, &machine.policy);
        assert_eq!(noted.clamped, clamped, "{says:?}");
    }
}

#[test]
fn an_end_is_shortened_by_more_than_the_tolerance_or_not_at_all() {
    // proves L8
    let machine = live();
    let most = machine.policy.shortened;
    for (by, source, shortened) in [
        (most, Source::Elsewhere, None),
        (most + 1, Source::Elsewhere, Some(most + 1)),
        (most + 1, Source::Exchange, None),
    ] {
        let says = lives_for(900_000 - by);
        let noted = base(BASE, 900_000).note(source, &says, &machine.clock, &machine.policy);
        assert_eq!(noted.shortened, shortened, "{by}");
    }
    // The same when a token with an earlier end comes into force.
    for (by, warned) in [(most, false), (most + 1, true)] {
        let mut machine = live();
        machine.held = vec![base(BASE, 900_000 + by), base(BOUND, 900_000)];
        machine.in_force = Some(BASE);
        assert!(machine.acknowledge(BOUND));
        let warning = Event::Warn(Warning::ExpiryShortened { token: BOUND, by });
        assert_eq!(machine.events() == [warning], warned, "{by}");
    }
}

#[test]
fn a_lead_is_at_most_half_a_life_and_jitter_draws_within_it() {
    // proves L18
    let policy = Policy::default();
    assert_eq!((policy.lead(40_000), policy.provider_lead(40_000)), (20_000, 20_000));
    let machine = live_with(policy);
    // Of a hundred seconds thirty are lead: a first token may be renewed after a quarter of its life.
    for (first, jitter) in [(true, 44_999), (false, 14_999)] {
        let token = Token { first, draw: u32::MAX, ..bound(BOUND, BASE, 100_000) };
        assert_eq!(token.jitter(&machine.clock, &policy), Some(jitter));
    }
}

#[test]
fn a_base_limits_its_bound_tokens_once_they_live_for_less_than_three_quarters_of_the_longest() {
    // proves L17
    for (life, limits) in [(750_001, false), (750_000, false), (749_999, true)] {
        let mut machine = live();
        machine.facts(BASE).longest_bound_life = Some(1_000_000);
        let pending = machine.pend(Action::Renew { bound: BOUND, offset: None });
        machine.answer(pending, Ok(Reply::Token(facts(3, lives_for(life)))));
        assert_eq!(machine.facts(BASE).limits_bound, limits, "{life}");
    }
}

#[test]
fn a_bound_life_is_compared_with_what_the_same_source_has_said() {
    // survives W8
    // proves L17
    // What exchange and push say of the first bound token, then of the second; whether the base has met its end.
    let assumed = || Statement { assumed_life: Some(900_000), ..Statement::default() };
    let until = |life: Millis| ends_at(EPOCH + NOW + life);
    let nothing = Statement::default;
    for (first, second, limits) in [
        // The device endpoint says 40 s, `authorization` two hours.
        ([lives_for(40_000), until(7_200_000)], [lives_for(40_000), until(7_200_000)], false),
        // The other way round, and with an end instead of a life.
        ([lives_for(7_200_000), until(40_000)], [lives_for(7_200_000), until(40_000)], false),
        ([until(7_200_000), until(40_000)], [until(7_200_000), until(40_000)], false),
        // An assumed life is no evidence, neither for nor against.
        ([assumed(), until(300_000)], [assumed(), until(300_000)], false),
        ([lives_for(300_000), nothing()], [assumed(), until(60_000)], false),
        ([assumed(), until(7_200_000)], [lives_for(40_000), nothing()], false),
        // Each of them is evidence by itself.
        ([lives_for(40_000), until(900_000)], [lives_for(29_999), until(900_000)], true),
        ([lives_for(40_000), until(900_000)], [lives_for(40_000), until(600_000)], true),
        ([assumed(), until(900_000)], [assumed(), until(600_000)], true),
        ([lives_for(900_000), nothing()], [lives_for(600_000), until(900_000)], true),
    ] {
        let mut machine = live();
        machine.clock.observe(UnixMillis(EPOCH + NOW), NOW, &machine.policy);
        machine.held.retain(|token| token.id == BASE);
        machine.in_force = Some(BASE);
        for (id, [exchanged, pushed]) in [(7, first), (8, second)] {
            let activated = machine.pend(Action::Activate { base: BASE, offset: None });
            machine.answer(activated, Ok(Reply::Token(facts(id, exchanged))));
            let token = TokenId(id);
            let push = machine.pend(Action::Reauthenticate { socket: SOCKET, token, offset: None });
            machine.answer(push, Ok(Reply::Reauthenticated(pushed)));
            if id == 7 {
                assert!(!machine.facts(BASE).limits_bound, "{first:?}: one life says nothing");
            }
        }
        assert_eq!(machine.facts(BASE).limits_bound, limits, "{first:?} {second:?}");
    }
}

#[test]
fn what_is_said_once_more_of_a_token_in_force_raises_no_expectation() {
    // proves L17
    // A server that counts from each connect: twenty minutes, said again after a quarter of an hour.
    for (again, limits) in [(true, false), (false, true)] {
        let mut machine = live();
        machine.clock.observe(UnixMillis(EPOCH + NOW), NOW, &machine.policy);
        machine.in_force = Some(if again { BOUND } else { BASE });
        machine.facts(BASE).longest_bound_life_elsewhere = Some(1_200_000);
        for (token, says) in [(BOUND, 2_100_000), (TokenId(3), 1_200_000)] {
            if token != BOUND {
                let renewed = machine.pend(Action::Renew { bound: BOUND, offset: None });
                machine.answer(renewed, Ok(Reply::Token(facts(token.0, lives_for(900_000)))));
            }
            let push = machine.pend(Action::Reauthenticate { socket: SOCKET, token, offset: None });
            machine.answer(push, Ok(Reply::Reauthenticated(ends_at(EPOCH + NOW + says))));
        }
        assert_eq!(machine.facts(BASE).limits_bound, limits);
    }
}

#[test]
fn an_older_token_stays_only_if_it_puts_the_end_off() {
    // proves L7
    for (life, held) in [(899_999, vec![3]), (900_000, vec![3]), (900_001, vec![2, 3])] {
        let mut machine = live();
        machine.held = vec![base(BASE, 1_000), base(BOUND, life), base(TokenId(3), 900_000)];
        machine.in_force = Some(BASE);
        assert!(machine.acknowledge(TokenId(3)));
        assert_eq!(machine.ids(), held, "{life}");
    }
}

#[test]
fn a_newer_token_that_was_in_force_stays_only_if_it_outlives_the_one_that_is() {
    // proves L7
    for (life, held) in [(899_999, vec![2]), (900_000, vec![2]), (900_001, vec![2, 3])] {
        let mut machine = live();
        machine.held = vec![base(BOUND, 900_000), base(TokenId(3), life)];
        machine.in_force = Some(TokenId(3));
        assert!(machine.acknowledge(BOUND));
        assert_eq!(machine.ids(), held, "{life}");
    }
}

#[test]
fn an_older_token_is_pushed_only_if_it_outlives_the_one_in_force() {
    // proves L7
    for (life, pushed) in [(899_999, None), (900_000, None), (900_001, Some(BASE))] {
        let mut machine = live();
        machine.held = vec![base(BASE, life), base(BOUND, 900_000)];
        assert_eq!(machine.next_push(&machine.outlook()).map(|(_, token)| token), pushed, "{life}");
    }
}

#[test]
fn sixteen_refused_tokens_are_remembered() {
    // proves L11
    let mut machine = live();
    for id in 1..=16 {
        machine.reject(TokenId(id));
    }
    assert_eq!((machine.rejected.len(), machine.rejected[0]), (16, TokenId(1)));
    machine.reject(TokenId(17));
    assert_eq!((machine.rejected.len(), machine.rejected[0]), (16, TokenId(2)));
    // A token that is refused again is the newest of them, not one more.
    machine.reject(TokenId(2));
    assert_eq!((machine.rejected.len(), machine.rejected[0]), (16, TokenId(3)));
}

#[test]
fn a_base_waits_for_its_bound_token_only_while_one_may_come() {
    // proves L26
    type Case = (Option<bool>, Inspection, bool, bool);
    // Its scope, whether that was asked, whether a bound token is in force; whether it waits.
    let table: [Case; 5] = [
        (None, Inspection::Asked, true, true),
        (None, Inspection::Over, true, false),
        (None, Inspection::Asked, false, false),
        (Some(false), Inspection::Asked, true, false),
        (Some(true), Inspection::Over, true, true),
    ];
    for (scope, inspection, is_bound, waits) in table {
        let mut machine = live();
        machine.held.push(token(
            TokenId(3),
            Kind::Base(Base { scope, inspection, ..Base::default() }),
            7_200_000,
        ));
        machine.in_force = Some(if is_bound { BOUND } else { BASE });
        let newest = &machine.held[2];
        assert_eq!(machine.awaits_activation(&machine.outlook(), newest), waits, "{scope:?} {inspection:?}");
    }
}

#[test]
fn an_inspection_that_was_given_up_goes_with_the_next_socket() {
    // proves L14
    let mut machine = live();
    machine.facts(BASE).inspection = Inspection::Again;
    assert!(machine.wants_inspection().is_some());
    machine.link = Link::Down { not_before: 0 };
    assert!(machine.wants_inspection().is_none());
    machine.facts(BASE).inspection = Inspection::Wanted;
    assert!(machine.wants_inspection().is_some());
}

#[test]
fn a_token_that_somebody_waits_for_is_kept_until_he_is_told() {
    // proves L24, L40
    for awaited in [true, false] {
        let mut machine = live();
        machine.held.insert(0, base(TokenId(3), 0));
        if awaited {
            machine.asks.push(Ask { id: AskId(1), kind: AskKind::Update(TokenId(3)) });
        }
        // Another one comes.
        machine.hold(&facts(4, Statement::default()), Kind::Base(Base::default()), NOW, None, false);
        assert_eq!(machine.holds(TokenId(3)), awaited);
    }
}

#[test]
fn bytes_that_are_known_are_not_given_a_life_from_now() {
    // proves L8, L40
    let mut machine = live();
    let says = Statement { expires_in: Some(1), assumed_life: Some(2), ..Statement::default() };
    machine.hold(&facts(BASE.0, says), Kind::Base(Base::default()), NOW, None, false);
    let stated = machine.token(BASE).expect("it is held").stated;
    assert_eq!(stated, Stated { life: Some(7_200_000), ..Stated::default() });
}

#[test]
fn who_is_told_of_no_scope_has_none() {
    // proves L14
    for (said, scope) in [(None, false), (Some(false), false), (Some(true), true)] {
        let mut machine = live();
        machine.facts(BASE).scope = None;
        let inspect = machine.pend(Action::Inspect { base: BASE });
        machine.answer(inspect, Ok(Reply::Inspected(Statement { scope: said, ..Statement::default() })));
        assert_eq!(machine.facts(BASE).scope, Some(scope));
    }
}

#[test]
fn of_a_base_that_comes_again_is_kept_what_it_is_and_not_what_became_of_it() {
    // proves L14, L40
    let what_it_is = Base {
        scope: Some(true),
        cnf: Confirmation::Ours,
        inspection: Inspection::Over,
        has_been_bound: true,
        ..Base::default()
    };
    let known = Base {
        rejected: true,
        longest_bound_life: Some(900_000),
        longest_bound_life_elsewhere: Some(900_000),
        limits_bound: true,
        told_no_mechanism: true,
        ..what_it_is.clone()
    };
    assert_eq!(known.again(), what_it_is);
}

#[test]
fn the_token_in_force_is_pushed_again_where_the_server_goes_on_with_an_older_one() {
    // proves L26, L28
    for (behind, refused, pushed) in [(true, false, true), (true, true, false), (false, false, false)] {
        let mut machine = live();
        machine.generation = Generation(3);
        // A base that waits for its activation is no exception: what the server has is worse.
        machine.held = vec![base(BASE, 7_200_000)];
        machine.in_force = Some(BASE);
        let known = Known { refused, ..Known::new(Generation(if behind { 2 } else { 3 })) };
        machine.link = Link::Live { socket: SOCKET, since: NOW, stable: true, known };
        let look = machine.outlook();
        assert!(machine.awaits_activation(&look, &machine.held[0]));
        let at_once = machine.next_push(&look).is_some_and(|(at, _)| at <= NOW);
        assert_eq!(at_once, pushed, "{behind} {refused}");
    }
}

#[test]
fn what_has_just_come_is_not_let_go_of_for_want_of_room() {
    // proves L7
    // It would be asked for again at once.
    let mut machine = live();
    for id in 3..=6 {
        machine.held.push(base(TokenId(id), 7_200_000));
        machine.asks.push(Ask { id: AskId(id.into()), kind: AskKind::Update(TokenId(id)) });
    }
    let says = Statement { expires_in: Some(60_000), ..Statement::default() };
    machine.hold(&facts(8, says), Kind::Bound { of: BASE }, NOW, None, false);
    assert_eq!(machine.ids(), [1, 2, 3, 4, 5, 6, 8]);
}
