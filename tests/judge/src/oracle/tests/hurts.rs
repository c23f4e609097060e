//! Sessions that hurt: one of each kind of story that the second edition begins with. Each is found from its world and
//! its log alone.

use crate::client::{Ask, Bad, Phase, Tell};
use crate::log::{By, Entry, Source, Why};
use crate::oracle::tale::{DOWN, HOUR, LATENCY, MINUTE, SECOND, Tale, gives};
use crate::verdict::Kind;
use crate::world::{Answer, AtEnd, Facts, Handling, Instant, Outcome, User, World};

#[test]
fn a_late_token_is_thrown_away() {
    // Five-minute tokens; the answer that took nine seconds came five seconds before the end.
    let mut tale = Tale::live(5 * MINUTE, 19 * MINUTE);
    tale.at(4 * MINUTE + 55 * SECOND).refresh();
    tale.at(5 * MINUTE + LATENCY)
        .loses(Why::Token)
        .tells(Tell::Expired)
        .warns(Some(5 * MINUTE + 20 * SECOND));
    tale.at(5 * MINUTE + 20 * SECOND).refresh().connect(By::Connect);
    tale.at(10 * MINUTE).refresh().push().at(14 * MINUTE + 50 * SECOND).refresh().push();
    assert_eq!(tale.kinds(), [Kind::Lie]);
    assert_eq!(tale.judged().avoidable, 20 * SECOND + 51);
}

#[test]
fn one_page_of_html_ends_a_session_with_an_hour_left() {
    let mut tale = Tale::live(2 * HOUR, 3 * HOUR);
    tale.at(HOUR).asks_in_vain(Ask::Refresh { secret: None }, Bad::Page).over();
    assert_eq!(tale.kinds(), [Kind::Lost]);
}

#[test]
fn live_while_every_call_fails() {
    // The push is never accepted, the server keeps the socket open over the token's end.
    let facts = Facts { at_end: AtEnd::Refuses, ..Facts::default() };
    let world = World {
        facts,
        mint: gives(30 * MINUTE),
        refresh: gives(30 * MINUTE),
        length: HOUR,
        ..World::default()
    };
    let mut tale = Tale::live_in(world, 30 * MINUTE);
    tale.at(25 * MINUTE).refresh();
    tale.asks_in_vain(Ask::Push(1, 2, None), Bad::Error(-32_603));
    tale.at(30 * MINUTE + LATENCY).note(Entry::Lapsed(1)).at(31 * MINUTE).user(User::WasRefused);
    let verdict = tale.judged();
    let kinds: Vec<_> = verdict.faults.iter().map(|fault| (fault.kind, fault.at)).collect();
    assert_eq!(kinds, [(Kind::Lie, 30 * MINUTE + LATENCY + 40 * SECOND)]);
    // To the end of what the second token could have been good for, and beyond.
    assert_eq!(verdict.avoidable, 30 * MINUTE - LATENCY);
}

#[test]
fn torn_down_in_the_millisecond_of_a_resume() {
    let mut tale = Tale::live(30 * MINUTE, 3 * HOUR);
    tale.at(10 * MINUTE).user(User::Suspends).unheard(Why::Client).says(Phase::Suspended);
    tale.at(HOUR).user(User::Resumes).tells(Tell::Over { reason: "expired".to_owned() }).says(Phase::Over);
    assert_eq!(tale.kinds(), [Kind::Lost]);
}

#[test]
fn a_tunnel_ends_it_seconds_before_the_network_is_back() {
    let mut tale = Tale::live(15 * MINUTE, HOUR);
    tale.at(12 * MINUTE)
        .offline_until(17 * MINUTE + 24 * SECOND)
        .loses(Why::Cut)
        .warns(Some(17 * MINUTE + 30 * SECOND));
    tale.at(15 * MINUTE + LATENCY).tells(Tell::Expired).at(17 * MINUTE);
    tale.tells(Tell::Over { reason: "expired".to_owned() }).says(Phase::Over);
    assert_eq!(tale.kinds(), [Kind::Lost]);
}

#[test]
fn a_connect_that_was_refused_once_ends_a_valid_token() {
    let mut tale = Tale::live(2 * HOUR, HOUR);
    let refused = Handling { takes: LATENCY, answer: Answer::Code(401) };
    tale.at(10 * MINUTE).befalls(Instant::Cut).loses(Why::Cut);
    for line in [&mut tale.world.connect, &mut tale.world.resume] {
        *line = line.clone().with(10 * MINUTE, 10 * MINUTE + 10 * SECOND, refused);
    }
    tale.asks_in_vain(Ask::Connect { socket: 2, token: 1, resume: true, proof: None }, Bad::Code(401)).over();
    assert_eq!(tale.kinds(), [Kind::Lost]);
}

#[test]
fn refused_for_ever_by_its_record() {
    let facts = Facts { durable: true, ..Facts::default() };
    let world =
        World { facts, mint: gives(2 * HOUR), refresh: gives(2 * HOUR), length: HOUR, ..World::default() };
    let mut tale = Tale::live_in(world, 2 * HOUR);
    tale.writes().at(10 * MINUTE).killed_until(10 * MINUTE + SECOND).note(Entry::Evidence);
    // It has a good token and shows it to nobody.
    let verdict = tale.judged();
    assert_eq!(tale.kinds(), [Kind::Silence]);
    assert_eq!(verdict.avoidable, 50 * MINUTE - SECOND - 52);
}

#[test]
fn a_spent_secret_is_presented() {
    for (newest, twice, faults) in
        [(2, false, vec![Kind::SpentTwice]), (1, true, vec![Kind::SpentTwice]), (1, false, vec![])]
    {
        let mut tale = Tale::live(2 * HOUR, HOUR);
        tale.at(10 * MINUTE).note(Entry::Presented { secret: 1, newest, twice });
        assert_eq!(tale.kinds(), faults);
    }
}

#[test]
fn two_hundred_and_ninety_activations_in_two_hours() {
    let refused = Bad::Http { status: 403, own: true, retry_after: None };
    let mut tale = Tale::live(3 * HOUR, 2 * HOUR);
    for attempt in 1..=290 {
        tale.at(attempt * 24 * SECOND).asks_in_vain(Ask::Activate(1, None), refused);
    }
    let verdict = tale.judged();
    assert_eq!((tale.kinds(), verdict.activations), (vec![Kind::Waste], 290));
    assert_eq!(verdict.activations_an_hour, 150);
    // Backing off up to a quarter of what is left, nobody minds.
    let mut tale = Tale::live(3 * HOUR, 2 * HOUR);
    let mut wait = SECOND;
    while tale.now() + wait < 2 * HOUR - SECOND {
        tale.wait(wait).asks_in_vain(Ask::Activate(1, None), refused);
        wait = (wait * 2).min((3 * HOUR - tale.now()) / 4);
    }
    assert_eq!(tale.kinds(), []);
}

#[test]
fn a_wrong_time_ends_a_session_with_ninety_minutes_left() {
    let mut tale = Tale::live(2 * HOUR, HOUR);
    tale.at(30 * MINUTE).tells(Tell::Expired);
    assert_eq!(tale.kinds(), [Kind::Lie]);
}

#[test]
fn settled_before_the_new_token_is_in_force() {
    let mut tale = Tale::live(2 * HOUR, HOUR);
    tale.at(30 * MINUTE).user(User::Refreshes).refresh().tells(Tell::Settled);
    assert_eq!(tale.kinds(), [Kind::Lie]);
    let mut tale = Tale::live(2 * HOUR, HOUR);
    tale.at(30 * MINUTE).user(User::Refreshes).refresh().push().tells(Tell::Settled);
    assert_eq!(tale.kinds(), []);
    // That it failed is said of one of two; the other may have been meant then.
    let mut tale = Tale::live(2 * HOUR, HOUR);
    tale.at(30 * MINUTE).user(User::Refreshes).refresh().push().user(User::Refreshes).tells(Tell::Failed);
    tale.tells(Tell::Settled);
    assert_eq!(tale.kinds(), []);
}

#[test]
fn a_removed_subscriber_knocks_for_ever() {
    let refused = Handling { takes: LATENCY, answer: Answer::Error(-32_002) };
    for (over, faults) in [(Some(10), vec![]), (None, vec![Kind::Overstay])] {
        let mut tale = Tale::live(2 * HOUR, HOUR);
        tale.at(10 * MINUTE).befalls(Instant::Revoke).note(Entry::Revoked(1)).loses(Why::Token);
        for line in [&mut tale.world.connect, &mut tale.world.resume] {
            *line = line.clone().then(10 * MINUTE, refused);
        }
        tale.refresh().warns(Some(2 * HOUR));
        if let Some(minutes) = over {
            tale.wait(minutes * MINUTE).tells(Tell::Over { reason: "refused".to_owned() }).says(Phase::Over);
        }
        assert_eq!(tale.kinds(), faults);
        assert_eq!(tale.judged().avoidable, 0);
    }
}

#[test]
fn the_old_subscriber_is_served_again() {
    let update = User::Updates { life: HOUR, other_identity: true };
    let mut tale = Tale::live(2 * HOUR, HOUR);
    tale.at(10 * MINUTE).refresh().wait(SECOND).user(update);
    tale.note(Entry::Issued { token: 3, of: Source::Application, ends: 2 * HOUR, identity: 1 });
    tale.note(Entry::Received(3));
    // Token 2, which came before.
    tale.push();
    assert_eq!(tale.kinds(), [Kind::Identity]);
}

#[test]
fn a_subscriber_who_is_served_by_what_a_resume_finds() {
    let update = User::Updates { life: HOUR, other_identity: true };
    let mut tale = Tale::live(2 * HOUR, HOUR);
    tale.at(10 * MINUTE).user(update);
    tale.note(Entry::Issued { token: 2, of: Source::Application, ends: 2 * HOUR, identity: 1 });
    tale.note(Entry::Received(2)).befalls(Instant::Cut).loses(Why::Cut);
    tale.asks(Ask::Connect { socket: 2, token: 2, resume: true, proof: None });
    tale.wait(LATENCY).note(Entry::Authenticated { socket: 2, token: 1, by: By::Resume });
    assert!(tale.kinds().contains(&Kind::Identity));
}

#[test]
fn seventeen_upgrades_within_a_retry_after() {
    let busy = Bad::Http { status: 503, own: true, retry_after: Some(20 * SECOND) };
    let mut tale = Tale::live(2 * HOUR, HOUR);
    tale.at(10 * MINUTE).befalls(Instant::Cut).loses(Why::Cut).warns(Some(10 * MINUTE + 20 * SECOND));
    for socket in 2..19 {
        tale.asks_in_vain(Ask::Open(socket), busy).wait(SECOND);
    }
    tale.socket = 19;
    tale.connect(By::Resume);
    assert!(tale.kinds().contains(&Kind::Waste));
}

#[test]
fn a_lost_reply_is_the_end_of_a_chain() {
    // No mint: what could have been had later does not count, and an end at the end is none too early.
    let facts = Facts { one_time: true, ..Facts::default() };
    let world =
        World { facts, mint: gives(HOUR), refresh: gives(HOUR), length: 2 * HOUR, ..World::default() };
    let mut tale = Tale::live_in(world, HOUR);
    tale.at(40 * MINUTE).refresh_is(41 * MINUTE, Outcome::LosesReply { life: 1 });
    tale.asks(Ask::Refresh { secret: Some(1) });
    tale.wait(LATENCY).note(Entry::Issued { token: 2, of: Source::Refresh, ends: 2 * HOUR, identity: 0 });
    tale.at(HOUR + LATENCY)
        .loses(Why::Token)
        .tells(Tell::Expired)
        .tells(Tell::Over { reason: "expired".to_owned() });
    let verdict = tale.judged();
    assert_eq!((verdict.faults, verdict.avoidable), (vec![], 0));
    // Where it did come through, that is a loss.
    let mut tale = Tale::live(HOUR, 2 * HOUR);
    tale.at(HOUR + LATENCY)
        .loses(Why::Token)
        .tells(Tell::Expired)
        .tells(Tell::Over { reason: "expired".to_owned() });
    assert_eq!(tale.kinds(), [Kind::Lost]);
}

#[test]
fn a_provider_that_is_down_is_waited_for() {
    let mut tale = Tale::live(15 * MINUTE, HOUR);
    tale.at(MINUTE).refresh_is(40 * MINUTE, DOWN);
    tale.at(15 * MINUTE + LATENCY).loses(Why::Token).tells(Tell::Expired).warns(Some(26 * MINUTE));
    tale.at(25 * MINUTE).tells(Tell::Over { reason: "expired".to_owned() }).says(Phase::Over);
    // Ten minutes of hope were enough, and what came fifteen minutes later is not missed.
    assert_eq!((tale.kinds(), tale.judged().avoidable), (vec![], 0));
}
