//! The definitions, each just within and just beyond; sessions that hurt, and their neighbours that do not.

mod excuses;
mod hurts;
mod limits;
mod possible;

use crate::client::{Ask, Bad, Phase, Tell};
use crate::log::{By, Why};
use crate::oracle::tale::{DOWN, HOUR, LATENCY, MINUTE, SECOND, Tale};
use crate::verdict::{Excuse, Kind};
use crate::world::{Instant, User};

#[test]
fn a_calm_hour() {
    let mut tale = Tale::live(15 * MINUTE, HOUR);
    for renewal in 1..5 {
        tale.at(renewal * 12 * MINUTE).refresh().push();
    }
    let verdict = tale.judged();
    assert_eq!(verdict.faults, []);
    assert_eq!((verdict.avoidable, verdict.excused, verdict.disruptions), (0, 0, 0));
    // From the first token and connect on: 50 ms, 52 ms.
    assert_eq!((verdict.possible, verdict.served), (HOUR - 102, HOUR - 102));
    assert_eq!((verdict.requests, verdict.opens, verdict.lives), (5, 1, 5));
}

#[test]
fn a_cut_and_a_resume_within_what_is_allowed() {
    let mut tale = Tale::live(HOUR, 30 * MINUTE);
    tale.at(10 * MINUTE).befalls(Instant::Cut).loses(Why::Cut).wait(2 * SECOND).connect(By::Resume);
    let verdict = tale.judged();
    assert_eq!(verdict.faults, []);
    assert_eq!((verdict.avoidable, verdict.disruptions), (0, 0));
    assert_eq!(verdict.excuses, [(Excuse::Cut, 2 * SECOND - 1)]);
}

#[test]
fn a_cut_and_a_resume_that_takes_its_time() {
    let mut tale = Tale::live(HOUR, 30 * MINUTE);
    tale.at(10 * MINUTE).befalls(Instant::Cut).loses(Why::Cut).wait(4 * SECOND).connect(By::Connect);
    let verdict = tale.judged();
    assert_eq!((verdict.avoidable, verdict.disruptions), (1_999, 1));
    assert_eq!(verdict.worst, Some((10 * MINUTE + 2_052, 1_999)));
}

#[test]
fn what_the_client_closes_itself_is_not_excused() {
    let mut tale = Tale::live(HOUR, 30 * MINUTE);
    tale.at(10 * MINUTE).closes().wait(SECOND).connect(By::Resume);
    let verdict = tale.judged();
    assert_eq!((verdict.avoidable, verdict.excused, verdict.disruptions), (SECOND + 51, 0, 1));
    // Nor is it where a cut was shortly before, and over.
    let mut tale = Tale::live(HOUR, 30 * MINUTE);
    tale.at(10 * MINUTE).befalls(Instant::Cut).loses(Why::Cut).connect(By::Resume);
    tale.wait(100).closes().wait(SECOND).connect(By::Resume);
    let verdict = tale.judged();
    assert_eq!((verdict.avoidable, verdict.disruptions), (SECOND + 51, 1));
}

#[test]
fn torn_down_with_an_hour_left() {
    let mut tale = Tale::live(2 * HOUR, 3 * HOUR);
    tale.at(HOUR).over();
    let verdict = tale.judged();
    assert_eq!(tale.kinds(), [Kind::Lost]);
    // It hurts to the end.
    assert_eq!(verdict.avoidable, 2 * HOUR);
    // But not who wanted it.
    let mut tale = Tale::live(2 * HOUR, 3 * HOUR);
    tale.at(HOUR).user(User::Disconnects).over();
    assert_eq!((tale.kinds(), tale.judged().avoidable), (vec![], 0));
}

#[test]
fn torn_down_four_minutes_before_a_token_could_be_had() {
    for (outage, faults) in [(4, vec![Kind::Lost]), (6, vec![])] {
        let mut tale = Tale::live(15 * MINUTE, HOUR);
        tale.at(10 * MINUTE).refresh_is((15 + outage) * MINUTE, DOWN);
        tale.at(15 * MINUTE + LATENCY).loses(Why::Token).tells(Tell::Expired).warns(None).wait(SECOND).over();
        assert_eq!(tale.kinds(), faults, "{outage} min");
    }
}

#[test]
fn live_and_useless_for_half_an_hour() {
    let mut tale = Tale::live(2 * HOUR, HOUR);
    tale.at(10 * MINUTE).befalls(Instant::HalfOpen { out: false, back: false });
    tale.wait(39 * SECOND).closes().connect(By::Resume);
    let verdict = tale.judged();
    assert_eq!((verdict.faults, verdict.avoidable), (vec![], 0));
    assert_eq!(verdict.disruptions, 0);
    let mut tale = Tale::live(2 * HOUR, HOUR);
    tale.at(10 * MINUTE).befalls(Instant::HalfOpen { out: false, back: false });
    tale.wait(41 * SECOND).closes().connect(By::Resume);
    let verdict = tale.judged();
    assert_eq!(verdict.faults.len(), 1, "{:?}", verdict.faults);
    assert_eq!((verdict.faults[0].kind, verdict.faults[0].at), (Kind::Lie, 10 * MINUTE + 40 * SECOND));
    assert_eq!(verdict.avoidable, 999);
}

#[test]
fn an_exchange_that_is_never_asked_again() {
    // A day with an endpoint of devices that says no: the base serves on.
    let mut tale = Tale::live(2 * HOUR, HOUR);
    tale.at(MINUTE).activate().push();
    tale.at(10 * MINUTE).asks_in_vain(Ask::Activate(1, None), Bad::Broke);
    assert_eq!((tale.kinds(), tale.judged().activations), (vec![], 2));
}

#[test]
fn away_while_it_is_served() {
    for (late, faults) in [(999, vec![]), (1_100, vec![Kind::Lie])] {
        let mut tale = Tale::live(2 * HOUR, HOUR);
        tale.at(10 * MINUTE).says(Phase::Away).wait(late).says(Phase::Live);
        assert_eq!(tale.kinds(), faults);
    }
}
