//! Who waits and for what, and what the application brings (L24, L40, L41).

use super::super::asks::AskKind;
use super::*;

const ASK: AskId = AskId(50);
const OTHER: AskId = AskId(51);

fn waits(machine: &mut Lifecycle, id: AskId, kind: AskKind) {
    machine.asks.push(Ask { id, kind });
}

fn waiting(machine: &Lifecycle) -> Vec<AskId> {
    machine.asks.iter().map(|ask| ask.id).collect()
}

fn failed(machine: &mut Lifecycle, error: AskError) -> Vec<AskId> {
    let ask = |event| match event {
        Event::Failed { ask, error: told } if told == error => Some(ask),
        _ => None,
    };
    machine.events().into_iter().filter_map(ask).collect()
}

#[test]
fn who_asks_too_soon_is_throttled_unless_an_exchange_is_coming_anyway() {
    // proves L18, L24
    type Case = (u64, fn(&mut Lifecycle), bool);
    // How long the endpoint still wants to be left alone; what else goes on; whether the ask is throttled.
    let table: [Case; 7] = [
        (0, |_| {}, false),
        (1, |_| {}, true),
        (2, |_| {}, true),
        (1, |machine| waits(machine, OTHER, AskKind::Renewal { served: false }), false),
        (1, |machine| waits(machine, OTHER, AskKind::Renewal { served: true }), true),
        (1, |machine| waits(machine, OTHER, AskKind::Update(BASE)), true),
        (
            1,
            |machine| {
                machine.pend(Action::Refresh);
            },
            false,
        ),
    ];
    for (index, (asked, change, throttled)) in table.iter().enumerate() {
        let mut machine = live();
        machine.retries.renew.asked = NOW + asked;
        change(&mut machine);
        machine.absorb(Input::RefreshNow { ask: ASK });
        assert_eq!(waiting(&machine).contains(&ASK), !throttled, "case {index}");
        assert_eq!(failed(&mut machine, AskError::Throttled) == [ASK], *throttled, "case {index}");
    }
}

#[test]
fn the_budget_is_there_at_its_moment_and_not_before() {
    // proves L20
    for (after, throttled) in [(4_999, true), (5_000, false), (5_001, false)] {
        // On demand, down to the reserve.
        let mut machine = live();
        for _ in 0..machine.policy.exchange_burst - machine.policy.exchange_reserve {
            machine.exchanges.take(NOW, 5_000);
        }
        machine.set_now(NOW + after);
        machine.absorb(Input::RefreshNow { ask: ASK });
        assert_eq!(failed(&mut machine, AskError::Throttled) == [ASK], throttled, "{after}");

        // For a token that is brought, down to the last permit.
        let mut machine = live();
        for _ in 0..machine.policy.exchange_burst {
            machine.exchanges.take(NOW, 5_000);
        }
        machine.set_now(NOW + after);
        machine.absorb(Input::NewBase { ask: ASK, token: facts(3, Statement::default()) });
        assert_eq!(failed(&mut machine, AskError::Throttled) == [ASK], throttled, "{after}");
    }
}

#[test]
fn a_token_in_force_settles_those_who_wait_for_it_or_its_base() {
    // proves L24, L40
    let mut machine = live();
    waits(&mut machine, AskId(1), AskKind::Update(TokenId(9)));
    waits(&mut machine, AskId(2), AskKind::Update(BASE));
    waits(&mut machine, AskId(3), AskKind::Update(BOUND));
    waits(&mut machine, AskId(4), AskKind::Renewal { served: true });
    machine.settle_asks(BOUND, true);
    assert_eq!(waiting(&machine), [AskId(1)]);

    let mut machine = live();
    waits(&mut machine, AskId(4), AskKind::Renewal { served: true });
    machine.held.push(bound(TokenId(3), BASE, 900_000));
    machine.settle_asks(BOUND, true);
    assert_eq!(waiting(&machine), [AskId(4)], "a newer one is on its way");
}

#[test]
fn what_was_in_force_before_settles_those_who_share_its_way_to_the_server() {
    // proves L24, L28
    let cause = Cause { command: CommandId(7), failure: Failure::Rpc { code: -32_003, credential: true } };
    for newer in [false, true] {
        let mut machine = live();
        waits(&mut machine, AskId(1), AskKind::Renewal { served: false });
        waits(&mut machine, AskId(2), AskKind::Renewal { served: true });
        waits(&mut machine, AskId(3), AskKind::Update(TokenId(9)));
        if newer {
            machine.held.push(bound(TokenId(3), BASE, 900_000));
        }
        let left: &[AskId] = if newer { &[AskId(1), AskId(2), AskId(3)] } else { &[AskId(1), AskId(3)] };
        let mut refused = machine.clone();
        machine.settle_asks(BOUND, false);
        assert_eq!(waiting(&machine), left);
        refused.fail_served_asks(BOUND, cause);
        assert_eq!(waiting(&refused), left);
        assert_eq!(failed(&mut refused, AskError::Exchange(cause)).len(), 3 - left.len());
    }
}

#[test]
fn a_refusal_fails_who_brought_that_token_and_nobody_else() {
    // proves L40
    for (brought, of) in [(BASE, Some(BASE)), (BOUND, Some(BOUND)), (TokenId(8), None)] {
        let mut machine = live();
        waits(&mut machine, OTHER, AskKind::Update(TokenId(9)));
        waits(&mut machine, ASK, AskKind::Update(brought));
        let cause = Cause { command: CommandId(0), failure: Failure::Malformed };
        assert_eq!(machine.fail_update(BOUND, cause), of);
        let left = if of.is_some() { vec![OTHER] } else { vec![OTHER, ASK] };
        assert_eq!(waiting(&machine), left);
    }
}

#[test]
fn a_superseded_token_goes_unless_it_is_of_use() {
    // proves L40
    const OLD: TokenId = TokenId(3);
    type Case = (fn(&mut Lifecycle), u32, bool);
    let table: [Case; 5] = [
        (|_| {}, 4, false),
        (|machine| machine.in_force = Some(OLD), 4, true),
        (
            |machine| {
                machine.pend(Action::Authenticate {
                    socket: SOCKET,
                    token: OLD,
                    resume: false,
                    offset: None,
                });
            },
            4,
            true,
        ),
        (
            |machine| {
                machine.pend(Action::Authenticate {
                    socket: SOCKET,
                    token: BASE,
                    resume: false,
                    offset: None,
                });
            },
            4,
            false,
        ),
        // Brought again: what is known of it stays known.
        (|_| {}, 3, true),
    ];
    for (index, (change, newer, stays)) in table.iter().enumerate() {
        let mut machine = live();
        machine.held.push(base(OLD, 7_200_000));
        waits(&mut machine, OTHER, AskKind::Update(OLD));
        change(&mut machine);
        machine.absorb(Input::NewBase { ask: ASK, token: facts(*newer, Statement::default()) });
        let scope = machine.token(OLD).and_then(Token::base).and_then(|base| base.scope);
        assert_eq!(scope, stays.then_some(true), "case {index}");
        assert_eq!(failed(&mut machine, AskError::Superseded), [OTHER], "case {index}");
    }
}

#[test]
fn a_session_at_rest_lets_go_of_all_but_its_first_mint() {
    // proves L41
    let mint = Action::Mint { fingerprint: None };
    let mut machine = live();
    machine.facts(BASE).inspection = Inspection::Asked;
    machine.held.push(base(TokenId(3), 7_200_000));
    machine.link = Link::Down { not_before: 0 };
    machine.pend(mint);
    machine.pend(Action::Persist);
    // What was closed before is answered after, too.
    let close = Action::Close { socket: SOCKET };
    let closed = machine.pend(close);
    machine.absorb(Input::Suspend);
    let pending = machine.pending.iter().map(|pending| pending.action);
    assert!(pending.eq([close]), "what would replace a token is given up");
    machine.events();
    machine.answer(closed, Ok(Reply::Finished));
    assert!(machine.pending.is_empty() && machine.events().is_empty());
    assert_eq!(machine.facts(BASE).inspection, Inspection::Again);
    assert_eq!(machine.facts(TokenId(3)).inspection, Inspection::Over);

    let mut machine = live();
    machine.held.clear();
    machine.in_force = None;
    machine.link = Link::Down { not_before: 0 };
    machine.pend(mint);
    machine.pend(Action::Persist);
    machine.absorb(Input::Suspend);
    assert!(machine.pending.iter().map(|pending| pending.action).eq([mint]));
    machine.absorb(Input::Resume);
    assert_eq!(machine.next_exchange(&machine.outlook()), None, "it is still under way");
}

#[test]
fn a_provider_that_is_replaced_at_rest_is_asked_for_the_first_token_on_resuming() {
    // proves L40, L41
    let mut machine = live();
    machine.held.clear();
    machine.in_force = None;
    machine.link = Link::Down { not_before: 0 };
    machine.pend(Action::Mint { fingerprint: None });
    machine.absorb(Input::Suspend);
    machine.absorb(Input::NewProvider(machine.provider));
    machine.absorb(Input::Resume);
    assert_eq!(machine.next_exchange(&machine.outlook()), Some((NOW, Wake::Mint)));
}

#[test]
fn what_is_remembered_of_a_key_holds_for_its_kind_only() {
    // proves L46
    use KeyAlgorithm::{Es256, Rs256};
    // What is at hand; what is remembered of ES256: proved, may be switched; what follows.
    let table = [
        (Es256, (false, true), (false, true)),
        (Es256, (true, false), (true, false)),
        (Rs256, (true, true), (false, false)),
    ];
    for (algorithm, (proved, may_switch), follows) in table {
        let mut machine = idle_with(Policy::default());
        machine.key = Key { state: KeyState::Declined, algorithm: Es256, proved, may_switch };
        let key = KeyFacts::Held { algorithm, proved: false };
        machine.absorb(Input::Start(Start { provider: machine.provider, key, durable: false }));
        assert_eq!((machine.key.proved, machine.key.may_switch), follows, "{algorithm:?}");
    }
}

#[test]
fn only_who_waits_in_vain_is_told_so() {
    // proves L24, L40
    const GONE: TokenId = TokenId(9);
    let table =
        [(true, GONE, AskError::InvalidCredentials, OTHER), (false, BASE, AskError::NoMechanism, ASK)];
    for (able, update, error, denied) in table {
        let mut machine = live();
        if !able {
            machine.provider.can_refresh = false;
            machine.key.state = KeyState::Declined;
            machine.held.truncate(1);
        }
        waits(&mut machine, ASK, AskKind::Renewal { served: false });
        waits(&mut machine, OTHER, AskKind::Update(update));
        machine.deny_vain_asks();
        assert_eq!(failed(&mut machine, error), [denied]);
        assert_eq!(waiting(&machine).len(), 1);
    }
}

#[test]
fn a_resume_is_no_news_of_a_renewal() {
    // proves L24, L28
    for (resumed, left) in [(true, 1), (false, 0)] {
        let mut machine = live();
        machine.resumable = Some(machine.generation);
        waits(&mut machine, AskId(1), AskKind::Renewal { served: false });
        machine.went_live(SOCKET, BOUND, resumed);
        assert_eq!(waiting(&machine).len(), left, "{resumed}");
    }
}
