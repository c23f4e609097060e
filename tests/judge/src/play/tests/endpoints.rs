//! Endpoints, tokens and one-time secrets.

use super::script::{Script, happened};
use super::{EPOCH, minute};
use crate::client::{Ask, Bad, Good, News, Reply, Says};
use crate::log::{Entry, Source};
use crate::timeline::Timeline;
use crate::world::{Ends, Instant, Outcome, Service, User, World};

const fn own(status: u16) -> Bad {
    Bad::Http { status, own: true, retry_after: None }
}

fn service(outcome: Outcome) -> Timeline<Service> {
    Timeline::always(Service { latency: 50, outcome })
}

fn play(world: &World, asks: &[(u64, Ask)]) -> (Script, Vec<(u64, Entry)>) {
    let mut script = Script::new(asks);
    let log = script.play(world);
    (script, happened(&log))
}

fn bound() -> World {
    let mut world = minute();
    world.facts.scope = true;
    world
}

#[test]
fn a_token_is_issued_when_its_answer_comes_and_both_are_told() {
    let mut world = minute();
    world.facts.server_clock = 2_345;
    let (script, happened) = play(&world, &[(700, Ask::Mint)]);
    let ends = 750 + 7_200_000;
    let says = Says { life: Some(7_200_000), end: Some(EPOCH + ends + 2_345), ..Says::default() };
    let good = Good::Token { token: 1, says, secret: None };
    assert_eq!(
        script.answer(1),
        Some((750, Reply { result: Ok(good), date: Some(EPOCH + 3_000), foreign: false }))
    );
    let issued = Entry::Issued { token: 1, of: Source::Mint, ends, identity: 0 };
    assert_eq!(happened, [issued, Entry::Received(1), Entry::ToldEnd(1, ends)].map(|entry| (750, entry)));
}

#[test]
fn a_stored_answer_is_somebody_elses_and_as_old_as_it_says() {
    let mut world = minute();
    let stored =
        |own, stored| Outcome::Http { status: 503, own, retry_after: Some(9), date_off: -3_600_500, stored };
    world.mint =
        service(stored(true, true)).then(1_000, Service { latency: 0, outcome: stored(false, false) });
    world.mint = world.mint.then(2_000, Service { latency: 0, outcome: stored(true, false) });
    world.mint = world.mint.then(3_000, Service { latency: 0, outcome: Outcome::Page });
    let (script, happened) =
        play(&world, &[(0, Ask::Mint), (1_000, Ask::Mint), (2_000, Ask::Mint), (3_000, Ask::Mint)]);
    let told =
        |id| script.answer(id).map(|(_, reply)| (reply.date.map(|date| date + 3_600_000), reply.foreign));
    assert_eq!(told(1), Some((Some(EPOCH - 1_000), true)));
    assert_eq!((told(2).map(|it| it.1), told(3).map(|it| it.1)), (Some(true), Some(false)));
    assert_eq!(script.answer(4).map(|it| it.1.result), Some(Err(Bad::Page)));
    assert!(happened.iter().all(|(_, entry)| *entry == Entry::Evidence));
}

#[test]
fn a_capped_token_ends_with_its_base_and_says_so() {
    let mut world = bound();
    world.facts.capped = true;
    world.mint = service(Outcome::Grants { life: 600_000 });
    let asks = [(0, Ask::Mint), (100, Ask::Activate(1, None)), (30_000, Ask::Renew(2, None))];
    let (script, _) = play(&world, &asks);
    let life = |id| {
        script.answer(id).and_then(|(_, reply)| match reply.result {
            Ok(Good::Token { says, .. }) => says.life,
            _ => None,
        })
    };
    assert_eq!((life(1), life(2), life(3)), (Some(600_000), Some(599_900), Some(570_000)));
}

#[test]
fn the_api_has_its_own_refusals() {
    let mut world = bound();
    world.facts.window = Some(5_000);
    world.instants = vec![(20_000, Instant::Revoke)];
    world.refresh = service(Outcome::Grants { life: 1_000 });
    let asks = [
        (0, Ask::Mint),
        (100, Ask::Refresh { secret: None }),
        (200, Ask::Activate(1, Some(EPOCH + 5_201))),
        (300, Ask::Activate(1, Some(EPOCH + 5_300))),
        (400, Ask::Renew(1, None)),
        (500, Ask::Activate(3, None)),
        (600, Ask::Renew(3, Some(EPOCH))),
        (2_000, Ask::Activate(2, Some(EPOCH))),
        (2_000, Ask::Inspect(2)),
        (3_000, Ask::Inspect(1)),
        (21_000, Ask::Inspect(1)),
        (22_000, Ask::Renew(4, None)),
    ];
    let (script, happened) = play(&world, &asks);
    let bad = |id| script.answer(id).and_then(|(_, reply)| reply.result.err());
    let refused = [3, 5, 6, 8, 9, 11, 12].map(bad);
    assert_eq!(refused, [401, 401, 403, 401, 401, 401, 401].map(|status| Some(own(status))));
    assert!([1, 2, 4, 7, 10].map(bad).iter().all(Option::is_none));
    let revoked: Vec<_> = happened.iter().filter(|(_, entry)| matches!(entry, Entry::Revoked(_))).collect();
    assert_eq!(revoked.len(), 3, "of those that have not ended: {revoked:?}");
}

#[test]
fn a_secret_is_good_once_and_its_chain_goes_on_without_whoever_lost_the_answer() {
    let mut world = minute();
    world.facts.one_time = true;
    let refresh = |secret| Ask::Refresh { secret: Some(secret) };
    world.refresh =
        world.refresh.with(3_000, 4_000, Service { latency: 50, outcome: Outcome::LosesReply { life: 9 } });
    let asks = [
        (0, Ask::Mint),
        (1_000, refresh(1)),
        (1_010, refresh(1)),
        (2_000, refresh(1)),
        (3_000, refresh(2)),
        (5_000, refresh(2)),
        (6_000, Ask::Mint),
        (7_000, refresh(4)),
        (8_000, Ask::Refresh { secret: None }),
    ];
    let (script, happened) = play(&world, &asks);
    let secret = |id| {
        script.answer(id).map(|(_, reply)| match reply.result {
            Ok(Good::Token { secret, .. }) => Ok(secret),
            Ok(_) => Ok(None),
            Err(bad) => Err(bad),
        })
    };
    assert_eq!(secret(1), Some(Ok(Some(1))));
    assert_eq!(
        (secret(2), secret(3), secret(4)),
        (Some(Ok(Some(2))), Some(Err(own(401))), Some(Err(own(401))))
    );
    assert_eq!((secret(5), secret(6)), (None, Some(Err(own(401)))));
    assert_eq!(
        (secret(7), secret(8), secret(9)),
        (Some(Ok(Some(4))), Some(Ok(Some(5))), Some(Err(own(401))))
    );
    let presented: Vec<_> = happened
        .iter()
        .filter_map(|(_, entry)| match entry {
            Entry::Presented { secret, newest, twice } => Some((*secret, *newest, *twice)),
            _ => None,
        })
        .collect();
    let told = [(1, 1, false), (1, 1, true), (1, 2, false), (2, 2, false), (2, 3, true), (4, 4, false)];
    assert_eq!(presented, told);
}

#[test]
fn a_provider_that_caches_brings_the_token_of_before() {
    let mut world = minute();
    (world.mint, world.refresh) =
        (service(Outcome::Cached { life: 5_000 }), service(Outcome::Cached { life: 5_000 }));
    let refresh = Ask::Refresh { secret: None };
    let (script, _) = play(&world, &[(0, Ask::Mint), (4_000, refresh), (4_999, refresh), (5_000, refresh)]);
    let tokens = [1, 2, 3, 4].map(|id| {
        script.answer(id).and_then(|(_, reply)| match reply.result {
            Ok(Good::Token { token, says, .. }) => says.life.map(|life| (token, life)),
            _ => None,
        })
    });
    assert_eq!(tokens, [Some((1, 5_000)), Some((1, 1_000)), Some((1, 1)), Some((2, 5_000))]);
}

#[test]
fn who_says_when_tokens_end() {
    let says = |ends, hints_too| {
        let mut world = bound();
        (world.facts.ends, world.facts.hints_too) = (ends, hints_too);
        let asks = [
            (0, Ask::Mint),
            (100, Ask::Activate(1, None)),
            (200, Ask::Inspect(1)),
            (300, Ask::Open(1)),
            (400, super::connect(1, 1)),
            (500, Ask::Push(1, 2, None)),
        ];
        let (script, happened) = play(&world, &asks);
        let told = happened.iter().filter(|(_, entry)| matches!(entry, Entry::ToldEnd(..))).count();
        let said = [1, 2, 3, 5, 6].map(|id| match script.answer(id).map(|(_, reply)| reply.result) {
            Some(Ok(Good::Token { says, .. } | Good::Says(says) | Good::Connected { says, .. })) => {
                (says.life.is_some(), says.end.is_some(), says.hint.is_some(), says.scope)
            }
            _ => (false, false, false, None),
        });
        (said, told)
    };
    let scope = Some(true);
    let (no, yes) = (false, true);
    assert_eq!(
        says(Ends::Exchange, None),
        (
            [
                (yes, yes, no, None),
                (yes, yes, no, None),
                (no, yes, no, scope),
                (no, yes, no, scope),
                (no, no, no, None)
            ],
            4
        )
    );
    assert_eq!(
        says(Ends::Connect, Some(5)),
        (
            [
                (no, no, yes, None),
                (no, no, no, None),
                (no, yes, no, scope),
                (no, yes, no, scope),
                (no, yes, no, None)
            ],
            3
        )
    );
    assert_eq!(
        says(Ends::Hint(9), None),
        (
            [
                (no, no, yes, None),
                (yes, no, no, None),
                (no, no, no, scope),
                (no, no, no, scope),
                (no, no, no, None)
            ],
            1
        )
    );
    let nothing = (no, no, no, None);
    assert_eq!(
        says(Ends::Nobody, None),
        ([nothing, nothing, (no, no, no, scope), (no, no, no, scope), nothing], 0)
    );
}

#[test]
fn what_is_under_way_for_somebody_else_stays_somebody_elses() {
    let mut world = minute();
    world.refresh =
        world.refresh.then(0, Service { latency: 2_000, outcome: Outcome::Grants { life: 60_000 } });
    let updates = User::Updates { life: 30_000, other_identity: true };
    world.instants = vec![(1_000, Instant::User(updates))];
    let refresh = Ask::Refresh { secret: None };
    let (script, happened) = play(&world, &[(0, Ask::Mint), (500, refresh), (5_000, refresh)]);
    let issued: Vec<_> = happened
        .iter()
        .filter_map(|(_, entry)| match entry {
            Entry::Issued { token, of, identity, .. } => Some((*token, *of, *identity)),
            _ => None,
        })
        .collect();
    let expected =
        [(1, Source::Mint, 0), (2, Source::Application, 1), (3, Source::Refresh, 0), (4, Source::Refresh, 1)];
    assert_eq!(issued, expected);
    assert!(happened.contains(&(1_000, Entry::User(updates))));
    let brought = script.news().into_iter().find(|(_, news)| matches!(news, News::Updates { .. }));
    assert!(matches!(brought, Some((1_000, News::Updates { token: 2, says })) if says.life == Some(30_000)));
}
