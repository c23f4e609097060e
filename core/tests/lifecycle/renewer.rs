//! Who renews, and what is told of it (R17).

use crate::story::{FORBIDDEN, HOUR, Treatment, near, scoped, unscoped};
use satkeeper_core::lifecycle::*;

#[test]
fn the_table() {
    // proves R17.1, R17.2
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
    // proves R17.1, R17.4, R17.7
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
    // proves R17.10, R35.8
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
    // proves R17.11
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
fn each_reason_is_told_when_it_becomes_true() {
    // proves R17.10
    // 855 s: neither the bound token's renewal nor an activation gets anywhere: the provider is asked, `endpoint-failed`.
    // Its refresh brings a base that lacks the scope: it goes on being asked, for a reason that no endpoint mends. That is
    // news, told once (`no-scope`), and so is neither again while no bound token comes.
    let mut story = scoped().base_life(1_800_000).refreshes().begin();
    story.until(10_000);
    story.always("renew", Treatment::Fail(FORBIDDEN)).always("activate", Treatment::Fail(FORBIDDEN));
    story.until(5 * HOUR);
    let told = story.fallbacks();
    let names: Vec<_> = told.iter().map(|(_, reason)| *reason).collect();
    assert_eq!(names, [FallbackReason::EndpointFailed, FallbackReason::NoScope]);
    assert!(told[1].0 - told[0].0 < 1_000, "{told:?}");
    assert!(story.times("refresh").len() > 8, "across bases");
    assert_eq!(story.mechanism(), Mechanism::Provider);
}
