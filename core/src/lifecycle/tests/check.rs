//! Each invariant of `check` is really judged: a state that breaks it, and one that only nearly does.

use super::super::trial::Trial;
use super::*;

const OTHER: SocketId = SocketId(9);

type Change = fn(&mut Lifecycle);
/// What is done to a healthy state, and what `check` says of it; an empty name: nothing.
type Case = (Change, &'static str);

fn open(socket: SocketId) -> Action {
    Action::Open { socket, token: BOUND }
}

/// A token that is newer than the one in force and whose record has not been asked for.
fn unrecorded(machine: &mut Lifecycle) {
    machine.durable = true;
    machine.held.push(bound(TokenId(3), BASE, 900_000));
}

fn try_beside(machine: &mut Lifecycle) {
    machine.trial = Some(Trial { socket: OTHER, token: BOUND });
}

fn judge(cases: &[Case]) {
    for (index, (change, says)) in cases.iter().enumerate() {
        let mut machine = live();
        assert_eq!(machine.check(), Ok(()));
        change(&mut machine);
        let expected = if says.is_empty() { Ok(()) } else { Err(*says) };
        assert_eq!(machine.check(), expected, "case {index}");
    }
}

#[test]
fn what_is_held_and_asked_for_is_judged() {
    // proves L1, L7, L13
    let two = "L13: more than one exchange is unanswered";
    let twice = "L7: a token is held twice";
    let gone = "L7: the token in force is not held";
    let overdue = "L1: something that is due was not done";
    let many = "L7: too many tokens are held";
    fn crowd(machine: &mut Lifecycle, upto: usize) {
        while machine.held.len() < upto {
            let id = TokenId(100 + u32::try_from(machine.held.len()).expect("few"));
            machine.held.insert(0, base(id, 7_200_000));
        }
    }
    judge(&[
        (
            |machine| {
                machine.pend(Action::Refresh);
            },
            "",
        ),
        (
            |machine| {
                machine.pend(Action::Refresh);
                machine.pend(Action::Renew { bound: BOUND, offset: None });
            },
            two,
        ),
        (|machine| machine.held.push(bound(BOUND, BASE, 1)), twice),
        (|machine| machine.in_force = Some(TokenId(99)), gone),
        (
            |machine| {
                machine.in_force = Some(TokenId(99));
                machine.mode = Mode::Suspended;
            },
            "",
        ),
        (|machine| machine.wake = Some((NOW, Wake::Open)), overdue),
        (|machine| machine.wake = Some((NOW + 1, Wake::Open)), ""),
        (|machine| crowd(machine, 8), ""),
        (|machine| crowd(machine, 9), many),
    ]);
}

#[test]
fn a_mechanism_with_nothing_due_is_judged() {
    // proves L13: the provider should have taken over from an activation that has used up its budget.
    fn overdue(machine: &mut Lifecycle) {
        machine.held.truncate(1);
        machine.in_force = Some(BASE);
        machine.facts(BASE).activation.used = machine.policy.activation_budget;
    }
    judge(&[
        (overdue, "L13: a mechanism is selected and nothing is due"),
        (
            |machine| {
                overdue(machine);
                machine.facts(BASE).activation.used -= 1;
            },
            "",
        ),
    ]);
}

#[test]
fn a_newer_token_that_waits_for_nothing_is_judged() {
    // proves L26
    judge(&[
        (unrecorded, "L26: a newer token is not on its way"),
        (
            |machine| {
                unrecorded(machine);
                machine.unsaved = true;
            },
            "",
        ),
        (
            |machine| {
                unrecorded(machine);
                machine.pend(Action::Persist);
            },
            "",
        ),
        (
            |machine| {
                unrecorded(machine);
                machine.held[2].awaits_verdict = true;
            },
            "",
        ),
        (
            |machine| {
                unrecorded(machine);
                machine.link = Link::Down { not_before: 0 };
            },
            "",
        ),
    ]);
}

#[test]
fn a_trial_without_its_sockets_is_judged() {
    // proves L27
    let alone = "L27: a socket beside none that is live, or that nobody is authenticating";
    judge(&[
        (try_beside, alone),
        (
            |machine| {
                try_beside(machine);
                machine.pend(open(SOCKET));
            },
            alone,
        ),
        (
            |machine| {
                try_beside(machine);
                machine.pend(open(OTHER));
            },
            "",
        ),
        (
            |machine| {
                try_beside(machine);
                machine.pend(open(OTHER));
                machine.link = Link::Down { not_before: 0 };
            },
            alone,
        ),
    ]);
}

#[test]
fn a_session_rests_only_live_without_an_end_or_parked_for_ever() {
    // proves L13
    let stalled = "L13: nothing is awaited and nothing is due";
    fn endless(machine: &mut Lifecycle) {
        machine.wake = None;
        for token in &mut machine.held {
            token.stated = Stated::default();
        }
    }
    fn down(machine: &mut Lifecycle) {
        machine.wake = None;
        machine.link = Link::Down { not_before: 0 };
    }
    fn parked(machine: &mut Lifecycle, expired: bool, grace: Millis, can_refresh: bool) {
        down(machine);
        machine.expired = expired.then_some(Expired { since: NOW, attempts: 0 });
        Arc::make_mut(&mut machine.policy).grace = grace;
        machine.provider.can_refresh = can_refresh;
    }
    judge(&[
        (endless, ""),
        (|machine| machine.wake = None, stalled),
        (
            |machine| {
                endless(machine);
                down(machine);
            },
            stalled,
        ),
        (|machine| parked(machine, true, u64::MAX, false), ""),
        (|machine| parked(machine, false, u64::MAX, false), stalled),
        (|machine| parked(machine, true, 60_000, false), stalled),
        (|machine| parked(machine, true, u64::MAX, true), stalled),
        (
            |machine| {
                machine.wake = None;
                machine.pend(Action::Probe { socket: SOCKET });
            },
            "",
        ),
    ]);
}
