//! What the machine says of itself (L3).

use alloc::format;

use super::*;

#[test]
fn names_are_those_of_the_records() {
    // proves L3
    let phases = [
        Phase::Idle,
        Phase::Minting,
        Phase::Connecting,
        Phase::Live,
        Phase::Reconnecting,
        Phase::Expired,
        Phase::Suspended,
        Phase::Ending,
        Phase::Over(TeardownReason::Expired),
    ];
    for phase in phases {
        let written = serde_json::to_string(&phase).expect("plain data");
        assert!(written.contains(&format!("\"{}\"", phase.name())), "{written}");
    }
    let holds = [
        Hold::Suspended,
        Hold::Governor,
        Hold::Rejected,
        Hold::Verdict,
        Hold::NoPath,
        Hold::BackOff,
        Hold::Key,
        Hold::Scope,
        Hold::NoEnd,
    ];
    for hold in holds {
        assert_eq!(serde_json::to_string(&hold).expect("plain data"), format!("\"{}\"", hold.name()));
    }
}

#[test]
fn a_session_connects_until_it_has_been_live_and_reconnects_from_then_on() {
    // proves L3
    let mut machine = live_with(Policy { grace: 123, ..Policy::default() });
    assert_eq!((machine.status().phase, machine.policy().grace), (Phase::Live, 123));
    machine.link = Link::Down { not_before: 0 };
    assert_eq!(machine.status().phase, Phase::Reconnecting);
    machine.ever_live = false;
    assert_eq!(machine.status().phase, Phase::Connecting);
}

#[test]
fn each_deadline_names_its_token_and_its_failures() {
    // proves L3
    const NEWER: TokenId = TokenId(3);
    let mut machine = live();
    machine.held.push(bound(NEWER, BASE, 900_000));
    machine.retries.activate.failures = 1;
    machine.retries.renew.failures = 2;
    machine.retries.provider.failures = 3;
    machine.retries.push.failures = 4;
    machine.retries.trial.failures = 5;
    machine.retries.persist.failures = 6;
    let table = [
        (Wake::Activate, Some(BASE), 1),
        (Wake::Renew, Some(NEWER), 2),
        (Wake::Refresh, Some(NEWER), 3),
        (Wake::Mint, Some(NEWER), 3),
        (Wake::Push, Some(NEWER), 4),
        (Wake::Handover, Some(NEWER), 2),
        (Wake::Persist, None, 6),
        (Wake::Expiring, Some(BOUND), 0),
        (Wake::Verdict, Some(BOUND), 0),
        (Wake::Expiry, Some(NEWER), 0),
        (Wake::Open, None, 0),
    ];
    for (wake, token, failures) in table {
        machine.wake = Some((NOW + 5, wake));
        let why = machine.why().expect("a deadline");
        assert_eq!((why.wake, why.token, why.failures), (wake, token, failures));
        assert_eq!(why.at, Tick(NOW + 5));
    }
}

fn unbound(machine: &mut Lifecycle) {
    machine.held.truncate(1);
    machine.in_force = Some(BASE);
}

fn down(machine: &mut Lifecycle) {
    machine.link = Link::Down { not_before: 0 };
}

#[test]
fn a_hold_is_named_exactly_where_it_holds() {
    // proves L13
    type Case = (&'static str, fn(&mut Lifecycle), Option<Hold>);
    let table: [Case; 19] = [
        ("all is well", |_| {}, None),
        ("at rest", |machine| machine.mode = Mode::Suspended, Some(Hold::Suspended)),
        ("no key yet", |machine| machine.key.state = KeyState::Wanted, Some(Hold::Key)),
        (
            "refused, and nobody else renews",
            |machine| {
                machine.key.state = KeyState::Declined;
                machine.facts(BASE).rejected = true;
            },
            Some(Hold::Rejected),
        ),
        ("refused, but bound", |machine| machine.facts(BASE).rejected = true, None),
        (
            "nobody renews, nobody refused",
            |machine| {
                machine.key.state = KeyState::Declined;
                machine.provider.can_refresh = false;
            },
            None,
        ),
        ("a push was refused", |machine| machine.held[1].awaits_verdict = true, Some(Hold::Verdict)),
        (
            "scope unknown, being asked",
            |machine| {
                machine.facts(BASE).scope = None;
                machine.facts(BASE).inspection = Inspection::Asked;
            },
            Some(Hold::Scope),
        ),
        ("scope unknown, nobody knows", |machine| machine.facts(BASE).scope = None, None),
        ("scope known", |machine| machine.facts(BASE).inspection = Inspection::Asked, None),
        (
            "to be activated, without a socket",
            |machine| {
                unbound(machine);
                down(machine);
            },
            Some(Hold::NoPath),
        ),
        ("to be activated, on a socket", unbound, None),
        (
            "not to be activated, on a socket",
            |machine| {
                unbound(machine);
                machine.facts(BASE).scope = Some(false);
            },
            None,
        ),
        (
            "nothing but an activation renews, without a socket",
            |machine| {
                unbound(machine);
                down(machine);
                machine.provider.can_refresh = false;
            },
            None,
        ),
        (
            "a renewal has failed",
            |machine| machine.retries.renew.not_before = NOW + 890_000,
            Some(Hold::BackOff),
        ),
        (
            "it may be tried again from now on",
            |machine| {
                machine.set_now(NOW + 850_000);
                machine.retries.renew.not_before = NOW + 850_000;
            },
            None,
        ),
        (
            "it may be tried again in a moment",
            |machine| {
                machine.set_now(NOW + 850_000);
                machine.retries.renew.not_before = NOW + 850_001;
            },
            Some(Hold::BackOff),
        ),
        ("no end is known", |machine| machine.held[1].stated = Stated::default(), Some(Hold::NoEnd)),
        (
            "an exchange is under way",
            |machine| {
                machine.facts(BASE).inspection = Inspection::Asked;
                machine.pend(Action::Refresh);
            },
            None,
        ),
    ];
    for (name, change, hold) in table {
        let mut machine = live();
        change(&mut machine);
        assert_eq!(machine.status().hold, hold, "{name}");
    }
}
