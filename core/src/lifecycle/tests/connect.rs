//! When a socket is opened, with what, and what a refusal means (L34 to L36).

use super::*;

type Change = fn(&mut Lifecycle);

fn down() -> Lifecycle {
    let mut machine = live();
    machine.link = Link::Down { not_before: 0 };
    machine
}

#[test]
fn nothing_is_opened_while_what_would_be_offered_is_on_its_way() {
    // proves L35
    let table: [(Change, bool); 4] = [
        (|_| {}, true),
        (|machine| machine.expired = Some(Expired { since: NOW, attempts: 0 }), false),
        (|machine| machine.key.state = KeyState::Wanted, false),
        (|machine| machine.remint = Remint::Wanted, false),
    ];
    for (index, (change, opens)) in table.iter().enumerate() {
        let mut machine = down();
        change(&mut machine);
        assert_eq!(machine.next_open(&machine.outlook()).is_some(), *opens, "case {index}");
    }
}

#[test]
fn a_token_that_is_due_waits_for_a_renewal_that_comes_soon() {
    // proves L35
    let now = NOW + 850_000;
    let soon = now + Policy::default().spread;
    for (renewal, opens) in [(now, false), (soon - 1, false), (soon, false), (soon + 1, true)] {
        let mut machine = down();
        machine.set_now(now);
        machine.retries.renew.not_before = renewal;
        assert_eq!(machine.next_open(&machine.outlook()).is_some(), opens, "{renewal}");
    }
}

#[test]
fn what_was_refused_goes_when_another_is_accepted() {
    // proves L7, L35
    let mut machine = down();
    machine.held.push(base(TokenId(3), 7_200_000));
    machine.held.push(base(TokenId(4), 10_000));
    machine.outage.refused = vec![TokenId(3), TokenId(4)];
    machine.went_live(SOCKET, TokenId(4), false);
    assert_eq!(machine.ids(), [1, 2, 4]);
}

#[test]
fn the_offers_are_spent_when_each_valid_token_was_refused_and_no_other_is_coming() {
    // proves L35
    let table: [(Change, bool); 10] = [
        (|_| {}, true),
        (|machine| machine.link = Link::Opening { socket: SOCKET }, false),
        (|machine| machine.expired = Some(Expired { since: NOW, attempts: 0 }), false),
        (|machine| machine.key.state = KeyState::Wanted, false),
        (|machine| machine.outage.second_round = Some(NOW + 1), false),
        (|machine| machine.remint = Remint::Wanted, false),
        (
            |machine| {
                machine.pend(Action::Refresh);
            },
            false,
        ),
        (|machine| machine.outage.refused = vec![BOUND], false),
        // One that has ended is not offered again, refused or not.
        (
            |machine| {
                machine.outage.refused = vec![BOUND];
                machine.held[0].stated.life = Some(0);
            },
            true,
        ),
        (
            |machine| {
                machine.outage.refused.clear();
                for token in &mut machine.held {
                    token.stated.life = Some(0);
                }
            },
            false,
        ),
    ];
    for (index, (change, spent)) in table.iter().enumerate() {
        let mut machine = down();
        machine.outage.refused = vec![BASE, BOUND];
        change(&mut machine);
        assert_eq!(machine.offers_are_spent(), *spent, "case {index}");
    }
}
