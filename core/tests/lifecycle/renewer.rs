//! Who renews: exactly one mechanism (L12, L13, L16).

use crate::story::{EPOCH, FORBIDDEN, HOUR, Story, Treatment, http, near, scoped, unscoped};
use satkeeper_core::UnixMillis;
use satkeeper_core::lifecycle::*;

#[test]
fn the_table() {
    // proves L12, L13
    // survives S9
    let rows = [
        (true, true, Mechanism::Bound, "renew"),
        (true, false, Mechanism::Provider, "refresh"),
        (false, true, Mechanism::Bound, "renew"),
        (false, false, Mechanism::None, ""),
    ];
    for (can_refresh, scope, mechanism, renewal) in rows {
        let mut story = scoped().scope(scope).provider(can_refresh, false).begin();
        story.until(10_000);
        assert_eq!(story.mechanism(), mechanism, "{can_refresh} {scope}");
        assert_eq!(story.times("activate").len(), usize::from(scope), "{can_refresh} {scope}");
        story.until(7_000_000);
        for name in ["renew", "refresh"] {
            assert_eq!(!story.times(name).is_empty(), name == renewal, "{can_refresh} {scope} {name}");
        }
    }
}

#[test]
fn the_table_again_for_each_base_and_reconnect() {
    // proves L12, L14
    let mut story = unscoped().world(|world| world.refreshed_scope = true).refreshes().begin();
    story.until(10_000);
    assert_eq!(story.mechanism(), Mechanism::Provider);
    story.drop_socket();
    story.until(30_000);
    assert_eq!(story.mechanism(), Mechanism::Provider);
    story.until(6_910_000);
    assert_eq!(story.times("refresh").len(), 1);
    assert_eq!(story.mechanism(), Mechanism::Bound);
    assert_eq!(story.times("inspect").len(), 2, "once per base");
    story.drop_socket();
    story.until(6_940_000);
    assert_eq!(story.mechanism(), Mechanism::Bound);
    assert_eq!(story.times("activate").len(), 1, "a fresh bound token is never minted again");
    assert_eq!(story.times("inspect").len(), 2);
}

#[test]
fn each_fallback_is_told_once_across_bases() {
    // proves L16
    let mut story = scoped()
        .world(|world| world.refreshed_scope = true)
        .base_life(900_000)
        .refreshes()
        .always("activate", Treatment::Fail(FORBIDDEN))
        .begin();
    story.until(3 * HOUR);
    assert!(story.times("refresh").len() > 8);
    assert_eq!(story.fallbacks().len(), 1);
    // A success breaks the decline; the next one is news.
    story.mend("activate");
    story.until(4 * HOUR);
    assert_eq!(story.mechanism(), Mechanism::Bound);
    story.always("renew", Treatment::Fail(FORBIDDEN));
    story.always("activate", Treatment::Fail(FORBIDDEN));
    story.until(7 * HOUR);
    assert_eq!(story.fallbacks().len(), 2);

    let mut story = unscoped().refreshes().begin();
    story.until(5 * HOUR);
    assert_eq!(
        story.fallbacks().iter().map(|(_, reason)| *reason).collect::<Vec<_>>(),
        [FallbackReason::NoScope]
    );

    let mut story =
        scoped().refreshes().key(KeyFacts::Auto).always("make_key", Treatment::Fail(Failure::NoKey)).begin();
    story.until(5 * HOUR);
    assert_eq!(story.fallbacks()[0].1, FallbackReason::NoDpopSupport);
    assert_eq!(story.fallbacks().len(), 1);
    assert_eq!(story.phase(), Phase::Live, "unbound, not dead");
}

#[test]
fn nobody_renews_is_said_with_the_end() {
    // proves L16
    // survives S23, S29
    let mut story = unscoped().begin();
    story.until(10_000);
    let [(_, Warning::NoRefreshHandler { ends: Some(ends), assumed: false })] =
        story.warnings("credential_no_refresh_handler")[..]
    else {
        panic!("{}", story.script)
    };
    near(ends.0, 7_200_000);
    // Not where somebody can.
    let mut story = unscoped().refreshes().begin();
    story.until(10_000);
    assert!(story.warnings("credential_no_refresh_handler").is_empty());
}

#[test]
fn each_reason_of_one_decline_is_told_when_it_becomes_true() {
    // proves L16
    // 810 s: the bound token's renewal is refused for good: `endpoint-failed`, the provider takes over.
    // 810 s: its refresh brings a base; promotion, in five minutes, would end the decline.
    // 810 s: that base lacks the scope: the decline goes on, for a reason that promotion does not end. That
    //        is news, told once (`no-scope`), and so is neither again while the decline is unbroken.
    let mut story = scoped().base_life(1_800_000).refreshes().begin();
    story.until(10_000);
    story.always("renew", Treatment::Fail(FORBIDDEN));
    story.until(5 * HOUR);
    let told = story.fallbacks();
    let names: Vec<_> = told.iter().map(|(_, reason)| *reason).collect();
    assert_eq!(names, [FallbackReason::EndpointFailed, FallbackReason::NoScope]);
    assert!(told[1].0 - told[0].0 < 1_000, "{told:?}");
    assert!(story.times("refresh").len() > 8, "across bases");
    assert_eq!(story.mechanism(), Mechanism::Provider);
}

#[test]
fn what_holds_a_renewal_back_has_a_name() {
    // proves L13
    let hold = |story: &Story| story.machine.status().hold;
    // The key and the scope come first; then the schedule alone decides.
    let mut story = scoped()
        .refreshes()
        .next("make_key", Treatment::Late(100))
        .next("inspect", Treatment::Late(100))
        .begin();
    assert_eq!(hold(&story), Some(Hold::Key));
    story.until(20_000);
    assert_eq!(hold(&story), None);
    let mut story = scoped().refreshes().next("inspect", Treatment::Silence).begin();
    story.until(60);
    assert_eq!(hold(&story), Some(Hold::Scope));
    // An activation that waits for the socket.
    let mut story = scoped()
        .refreshes()
        .always("open", Treatment::Fail(Failure::Transport))
        .always("activate", Treatment::Fail(http(503)))
        .begin();
    let mut seen = std::collections::BTreeSet::new();
    while story.now < 60_000 {
        story.until(story.now + 101);
        seen.extend(hold(&story));
    }
    assert!(seen.contains(&Hold::NoPath) && seen.contains(&Hold::BackOff), "{seen:?}");
    // Back-off after a failure, and none once it has succeeded.
    let mut story = unscoped().refreshes().begin();
    story.next("refresh", Treatment::Fail(http(503)));
    story.until(6_900_100);
    assert_eq!(hold(&story), Some(Hold::BackOff));
    story.until(6_910_000);
    assert_eq!(hold(&story), None);
    // The provider has said never.
    let mut story = unscoped().refreshes().begin();
    story.always("refresh", Treatment::Fail(Failure::Rejected));
    story.until(6_950_000);
    assert_eq!((hold(&story), story.mechanism()), (Some(Hold::Rejected), Mechanism::None));
    // A refused push, until the connect beside has decided.
    let mut story = unscoped().refreshes().begin();
    story.next("reauthenticate", Treatment::Fail(Failure::Rpc { code: -32_002, credential: true }));
    story.until(6_950_000);
    assert_eq!(hold(&story), Some(Hold::Verdict));
    story.until(7_150_000);
    assert_eq!(hold(&story), None);
    // The budget, where every renewal is already over.
    let mut story = unscoped().base_life(1_000).refreshes().begin();
    let mut seen = std::collections::BTreeSet::new();
    while story.now < 60_000 {
        story.until(story.now + 7);
        seen.extend(hold(&story));
    }
    assert!(seen.contains(&Hold::Governor), "{seen:?}");
    // Bound tokens that gain nothing, since the server says at each push that they have ended: after their own
    // end an activation waits, too.
    let ended = Statement { expires_at: Some(UnixMillis(EPOCH)), ..Statement::default() };
    let refuted = Treatment::Say(Reply::Reauthenticated(ended));
    let mut story = scoped().bound_life(6_000).always("reauthenticate", refuted).begin();
    let mut seen = std::collections::BTreeSet::new();
    while story.now < 120_000 {
        story.until(story.now + 7);
        if story.machine.why().is_some_and(|why| why.wake == Wake::Activate && why.at.0 > story.now) {
            seen.insert(hold(&story));
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [Some(Hold::Governor)]);
    // Nobody has said when it ends.
    let mut story = unscoped().world(|world| world.states_ends = false).refreshes().keyless().begin();
    story.until(20_000);
    assert_eq!(hold(&story), Some(Hold::NoEnd));
    story.input(Input::Suspend);
    assert_eq!(hold(&story), Some(Hold::Suspended));
}
