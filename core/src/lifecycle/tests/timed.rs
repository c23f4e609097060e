//! Late steps, spread work, and how long an attempt may take (L18, L23).

use super::*;

#[test]
fn a_step_that_is_late_by_more_than_the_tolerance_is_a_jump() {
    // proves L23
    let tolerance = Policy::default().jump;
    for (late, jumps) in [(tolerance - 1, false), (tolerance, false), (tolerance + 1, true)] {
        let mut machine = live();
        machine.wake = Some((NOW + 100, Wake::TokenEnds));
        let at = NOW + 100 + late;
        let step = machine.step(Now::new(at, EPOCH + at), Input::Tick);
        let told = Output::Tell(Event::ClockJump { by: late });
        assert_eq!(step.outputs.contains(&told), jumps, "{late}");
    }
}

#[test]
fn work_that_came_due_together_is_spread_once_within_a_quarter_of_its_lead() {
    // proves L18
    let mut spread = Vec::new();
    for seed in 0..32 {
        let mut machine = live_with(Policy::default());
        machine.random = Random::new(&Seed::from_bytes([seed; 32]));
        // Twenty seconds of life, ten of lead.
        machine.held[1] = bound(BOUND, BASE, 20_000);
        let now = NOW + 15_000;
        machine.set_now(now);
        machine.spread_work();
        assert!((now..now + 2_500).contains(&machine.spread), "{}", machine.spread);
        spread.push(machine.spread - now);
        // What was put off and has not begun is not put off again.
        let before = machine.spread;
        machine.spread_work();
        assert_eq!(machine.spread, before);
        // Work that is due and was never put off is.
        machine.set_now(now + 4_000);
        machine.spread = 0;
        machine.spread_work();
        assert!(machine.spread >= now + 4_000);
    }
    assert!(spread.iter().any(|span| *span > 1_000), "{spread:?}");
    // A spread that is over does not stand in the way of the next.
    let mut machine = live_with(Policy::default());
    machine.spread = 5;
    machine.spread_work();
    assert!(machine.spread >= NOW);
}

#[test]
fn an_attempt_leaves_the_push_a_sixth_of_the_lead() {
    // proves L18
    let policy = Policy {
        attempt_min: 1,
        push_reserve: 20_000,
        provider_max: 30_000,
        jitter: false,
        ..Policy::default()
    };
    let mut machine = live_with(policy);
    machine.held[0] = base(BASE, 900_000);
    // A lead of ninety seconds, of which the push needs fifteen; eighteen are left.
    machine.set_now(NOW + 882_000);
    machine.act(Wake::Refresh);
    let pending = machine.pending.last().expect("given");
    assert_eq!((pending.action, pending.deadline - pending.issued), (Action::Refresh, 3_000));
}

#[test]
fn what_is_told_of_the_next_attempt_is_when_it_begins() {
    // proves L17, L21
    // The provider takes over at half the lead, before an attempt that falls due then.
    let handover = NOW + 855_000;
    for (retry, told) in
        [(handover - 1, handover - 1), (handover, NOW + 870_000), (handover + 1, NOW + 870_000)]
    {
        let mut machine = live();
        machine.retries.renew = governor::Retry { failures: 1, not_before: retry, asked: 0 };
        machine.retries.provider.not_before = NOW + 870_000;
        assert_eq!(machine.next_attempt(), Some(told), "{retry}");
        // And so it is.
        machine.wake = Some((retry, Wake::TokenEnds));
        let step = machine.step(Now::new(retry, EPOCH + retry), Input::Tick);
        let renews = |output: &Output| {
            matches!(output, Output::Do(Command { action: Action::Renew { .. } | Action::Refresh, .. }))
        };
        assert_eq!(step.outputs.iter().any(renews), told == retry, "{retry}");
    }
}

#[test]
fn an_activation_that_waits_for_the_socket_is_announced_for_when_that_is_opened() {
    // proves L15, L21
    let (open, retry) = (NOW + 3_000, NOW + 5_000);
    // When the endpoint may be asked again, when a socket may be opened, and what is told.
    for (not_before, socket, told) in
        [(0, open, open), (retry, open, retry), (retry, NOW, retry), (0, NOW + 7_000_000, NOW + 6_900_000)]
    {
        let mut machine = live();
        machine.held.truncate(1);
        machine.in_force = Some(BASE);
        machine.retries.activate.not_before = not_before;
        machine.link = Link::Down { not_before: socket };
        assert_eq!(machine.next_attempt(), Some(told));
        // A socket that is on its way is waited for no longer.
        machine.link = Link::Opening { socket: SOCKET };
        assert_eq!(machine.next_attempt(), Some(not_before.max(NOW)));
    }
    // Nor is it promised before the one who declined it may take it up again.
    let mut machine = live();
    machine.held.truncate(1);
    machine.in_force = Some(BASE);
    machine.link = Link::Down { not_before: open };
    let until = NOW + 300_000;
    machine.facts(BASE).declined =
        Some(super::super::token::Declined { reason: FallbackReason::EndpointFailed, until });
    assert_eq!(machine.next_attempt(), Some(until));
}
