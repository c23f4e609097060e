//! What comes of answers (L2).

use super::super::trial::Trial;
use super::*;
use crate::UnixMillis;

const REFUSED: Failure = Failure::Http { status: 401, retry_after: None };
const UNAVAILABLE: Failure = Failure::Http { status: 503, retry_after: None };

/// A live session that knows the server's clock.
fn dated() -> Lifecycle {
    let mut machine = live();
    machine.clock.observe(UnixMillis(EPOCH + NOW), NOW, &machine.policy);
    machine
}

/// The answer to an exchange with a proof that was signed at that time.
fn refuse(machine: &mut Lifecycle, action: Action, failure: Failure, signed: u64) {
    let pending = machine.pend(action);
    let outcome = Outcome { result: Err(failure), server_time: None, signed_at: Some(UnixMillis(signed)) };
    machine.done(pending.id, &outcome);
}

#[test]
fn a_fresh_connect_tells_of_its_token_and_a_resume_does_not() {
    // proves L8
    let says = Statement { expires_at: Some(UnixMillis(EPOCH + NOW + 7_000_000)), ..Statement::default() };
    let bound_ends = |machine: &Lifecycle| machine.token(BOUND).and_then(|it| it.end(&machine.clock).at);
    for (resume, resumed) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut machine = dated();
        let before = bound_ends(&machine);
        machine.link = Link::Authenticating { socket: SOCKET };
        let connect = Action::Authenticate { socket: SOCKET, token: BOUND, resume, offset: None };
        let pending = machine.pend(connect);
        machine.answer(pending, Ok(Reply::Authenticated { resumed, statement: says }));
        let was_resumed = resume && resumed;
        assert_eq!(bound_ends(&machine) == before, was_resumed, "{resume} {resumed}");
        let live = |event: &Event| matches!(event, Event::Live { resumed, .. } if *resumed == was_resumed);
        assert!(machine.events().iter().any(live), "{resume} {resumed}");
    }
}

#[test]
fn what_was_asked_before_a_sleep_does_not_tell_that_there_was_none() {
    // proves L23
    let slept = |machine: &mut Lifecycle| {
        let open = machine.pend(Action::Inspect { base: BASE });
        let _ = machine.step(Now::new(NOW, EPOCH + NOW + 600_000), Input::Tick);
        open
    };
    let before = UnixMillis(EPOCH + NOW);
    let tell = |machine: &mut Lifecycle, id, server_time| {
        let result = Ok(Reply::Inspected(Statement::default()));
        machine.done(id, &Outcome { result, server_time: Some(server_time), signed_at: None });
    };
    for unasked in [false, true] {
        let mut machine = dated();
        let open = slept(&mut machine);
        if unasked {
            machine.absorb(Input::ServerTime(before));
        } else {
            tell(&mut machine, open.id, before);
        }
        assert_eq!(machine.clock.suspect(0), 600_000, "{unasked}");
        // What was asked afterwards does tell.
        let asked = machine.pend(Action::Inspect { base: BASE });
        tell(&mut machine, asked.id, UnixMillis(before.0 + 600_000));
        assert_eq!((machine.clock.suspect(0), machine.clock.now()), (0, NOW + 600_000));
    }
    // Nothing unasked is under way for longer than that.
    let underway = Policy::default().underway;
    for (after, counts) in [(underway - 1, false), (underway, true)] {
        let mut machine = dated();
        slept(&mut machine);
        let now = NOW + after;
        let _ = machine.step(Now::new(now, EPOCH + now + 600_000), Input::Tick);
        machine.absorb(Input::ServerTime(UnixMillis(EPOCH + now)));
        assert_eq!(machine.clock.suspect(0) == 0, counts, "{after}");
    }
}

#[test]
fn a_proof_is_missigned_beyond_the_tolerated_skew() {
    // proves L35
    let mut machine = dated();
    let pending = machine.pend(Action::Renew { bound: BOUND, offset: None });
    machine.set_now(NOW + 300);
    let shows = |at| machine.clock.server_time(at).expect("known").0;
    let (from, to, skew) = (shows(NOW), shows(NOW + 300), machine.policy.skew);
    let table = [
        (from - skew - 2, true),
        (from - skew - 1, true),
        (from - skew, false),
        (to + skew, false),
        (to + skew + 1, true),
        (to + skew + 2, true),
    ];
    for (signed, missigned) in table {
        assert_eq!(machine.was_missigned(&pending, Some(UnixMillis(signed))), missigned, "{signed}");
    }
}

#[test]
fn a_proof_that_was_refused_for_its_time_is_signed_anew_at_once_and_once() {
    // proves L35
    let (right, wrong) = (EPOCH + NOW, EPOCH + NOW + 600_000);
    let declined = |machine: &mut Lifecycle| machine.facts(BASE).declined.is_some();
    for activate in [false, true] {
        let set = || {
            let mut machine = dated();
            if activate {
                machine.held.truncate(1);
                machine.in_force = Some(BASE);
            }
            machine
        };
        let action = if activate {
            Action::Activate { base: BASE, offset: None }
        } else {
            Action::Renew { bound: BOUND, offset: None }
        };
        let not_before = |machine: &Lifecycle| {
            if activate { machine.retries.activate.not_before } else { machine.retries.renew.not_before }
        };

        let mut machine = set();
        refuse(&mut machine, action, REFUSED, wrong);
        assert_eq!((not_before(&machine), declined(&mut machine)), (NOW, false), "at once");
        refuse(&mut machine, action, REFUSED, wrong);
        assert!(declined(&mut machine), "once");

        let mut machine = set();
        refuse(&mut machine, action, REFUSED, right);
        assert!(declined(&mut machine), "its time was right");

        let mut machine = set();
        refuse(&mut machine, action, UNAVAILABLE, wrong);
        assert!(not_before(&machine) > NOW, "no verdict at all");
        assert!(!declined(&mut machine));

        let mut machine = set();
        refuse(&mut machine, action, Failure::NoKey, right);
        assert_eq!((machine.key.state, declined(&mut machine)), (KeyState::Failed, false));
    }
}

#[test]
fn bytes_that_we_hold_keep_their_age_but_not_their_secret() {
    // proves L8, L31
    for (unsaved, new_secret, after) in [(false, true, true), (true, false, true), (false, false, false)] {
        let mut machine = dated();
        machine.unsaved = unsaved;
        let later = UnixMillis(EPOCH + NOW + 9_000_000);
        let says = Statement { expires_at: Some(later), expires_in: Some(60_000), ..Statement::default() };
        let pending = machine.pend(Action::Refresh);
        machine.answer(pending, Ok(Reply::Token(TokenFacts { new_secret, ..facts(1, says) })));
        let held = machine.token(BASE).expect("held").stated;
        assert_eq!((held.server, held.life), (Some((later, later)), Some(7_200_000)));
        assert_eq!(machine.unsaved, after);
    }
}

#[test]
fn a_bound_token_that_is_known_or_was_refused_is_no_success() {
    // proves L11
    for (id, failures) in [(2, 1), (3, 1), (4, 0)] {
        let mut machine = live();
        machine.rejected.push(TokenId(3));
        let pending = machine.pend(Action::Renew { bound: BOUND, offset: None });
        machine.answer(pending, Ok(Reply::Token(facts(id, Statement::default()))));
        assert_eq!(machine.retries.renew.failures, failures, "{id}");
        assert_eq!(machine.held.len(), if failures == 0 { 3 } else { 2 });
    }
}

#[test]
fn a_refused_credential_is_told_of_once() {
    // proves L38
    for known in [false, true] {
        let mut machine = live();
        machine.link = Link::Down { not_before: 0 };
        if known {
            machine.outage.refused.push(BASE);
        }
        let pending = machine.pend(Action::Inspect { base: BASE });
        machine.answer(pending, Err(REFUSED));
        assert_eq!(machine.rejected.is_empty(), known);
    }
}

#[test]
fn only_the_write_under_way_is_forgotten() {
    // proves L25
    let mut machine = live();
    machine.held[0].saved = Saved::Yes;
    machine.forget_write();
    assert_eq!(
        (machine.held[0].saved, machine.held[1].saved, machine.unsaved),
        (Saved::Yes, Saved::No, false)
    );
    machine.held[1].saved = Saved::Underway;
    machine.forget_write();
    assert_eq!(
        (machine.held[0].saved, machine.held[1].saved, machine.unsaved),
        (Saved::Yes, Saved::No, true)
    );
}

#[test]
fn a_wait_that_was_asked_for_takes_at_most_half_of_what_is_left() {
    // proves L18, L27
    let wait = Failure::Http { status: 503, retry_after: Some(u64::MAX) };
    let mut machine = live();
    let pending = machine.pend(Action::Reauthenticate { socket: SOCKET, token: BOUND, offset: None });
    machine.answer(pending, Err(wait));
    assert_eq!(machine.retries.push.not_before, NOW + 3_600_000);

    let beside = SocketId(9);
    machine.trial = Some(Trial { socket: beside, token: BOUND });
    let pending = machine.pend(Action::Open { socket: beside, token: BOUND });
    machine.answer(pending, Err(wait));
    assert_eq!(machine.retries.trial.not_before, NOW + 3_600_000);
}

#[test]
fn a_trial_is_pointless_once_its_token_has_ended_or_awaits_no_verdict() {
    // proves L27
    for (awaits, life, moot) in [(true, 900_000, false), (false, 900_000, true), (true, 0, true)] {
        let mut machine = live();
        machine.held[1] = Token { awaits_verdict: awaits, ..bound(BOUND, BASE, life) };
        machine.trial = Some(Trial { socket: SocketId(9), token: BOUND });
        assert_eq!(machine.next_verdict(&machine.outlook()), moot.then_some(0), "{awaits} {life}");
    }
}

#[test]
fn whose_key_a_token_that_has_gone_is_bound_to_is_nobodys_business() {
    // proves L46
    let foreign = || Ok(Reply::Inspected(Statement { cnf: Confirmation::Others, ..Statement::default() }));
    let mut machine = live();
    let pending = machine.pend(Action::Inspect { base: TokenId(9) });
    machine.events();
    machine.answer(pending, foreign());
    assert_eq!(machine.events(), []);
    assert!(machine.rejected.is_empty());
    // Of one that is held it is told, and that one goes.
    machine.held.push(base(TokenId(9), 7_200_000));
    let pending = machine.pend(Action::Inspect { base: TokenId(9) });
    machine.events();
    machine.answer(pending, foreign());
    assert_eq!(machine.events(), [Event::Warn(Warning::ForeignKey { token: TokenId(9) })]);
    assert_eq!((machine.ids(), machine.rejected), (vec![1, 2], vec![TokenId(9)]));
}

#[test]
fn a_connect_proves_the_key_that_its_answer_names_and_that_we_hold() {
    // proves L46
    let table = [
        (KeyState::Ready, Confirmation::Ours, true),
        (KeyState::Ready, Confirmation::Unknown, false),
        (KeyState::Declined, Confirmation::Ours, false),
    ];
    for (state, cnf, proved) in table {
        let mut machine = live();
        machine.link = Link::Authenticating { socket: SOCKET };
        machine.key.state = state;
        machine.key.proved = false;
        let connect = Action::Authenticate { socket: SOCKET, token: BOUND, resume: false, offset: None };
        let pending = machine.pend(connect);
        let statement = Statement { cnf, ..Statement::default() };
        machine.answer(pending, Ok(Reply::Authenticated { resumed: false, statement }));
        assert_eq!(machine.key.proved, proved, "{state:?} {cnf:?}");
    }
}
