//! Where faults begin, to the second.

use crate::client::{Ask, Bad, Tell};
use crate::log::{By, Entry, Why};
use crate::oracle::tale::{HOUR, LATENCY, MINUTE, SECOND, Tale, gives};
use crate::timeline::Ms;
use crate::verdict::Kind;
use crate::world::{Ends, Facts, Instant, User, World};

/// One token, and nobody to renew it.
fn one_token(ends: Ends) -> Tale {
    let facts = Facts { can_refresh: false, ends, ..Facts::default() };
    let world = World { facts, mint: gives(HOUR), length: 2 * HOUR, ..World::default() };
    Tale::live_in(world, HOUR)
}

#[test]
fn one_token_ends_at_its_end() {
    let over_at = |at: Ms| {
        let mut tale = one_token(Ends::Exchange);
        tale.at(at.min(HOUR + LATENCY))
            .loses(Why::Token)
            .at(at)
            .tells(Tell::Over { reason: "expired".to_owned() });
        tale.kinds()
    };
    assert_eq!(over_at(HOUR + LATENCY - SECOND), []);
    assert_eq!(over_at(HOUR + LATENCY - SECOND - 1), [Kind::Lost]);
    assert_eq!(over_at(HOUR + LATENCY + SECOND), []);
    assert_eq!(over_at(HOUR + LATENCY + SECOND + 1), [Kind::Overstay]);
}

#[test]
fn whoever_waits_for_what_cannot_come_stays_eleven_minutes_at_most() {
    for (extra, faults) in [(0, vec![]), (1, vec![Kind::Overstay])] {
        let mut tale = Tale::live(HOUR, 2 * HOUR);
        tale.at(10 * MINUTE).refresh_is(10 * HOUR, crate::oracle::tale::DOWN);
        tale.at(HOUR + LATENCY).loses(Why::Token).warns(Some(3 * HOUR));
        tale.wait(11 * MINUTE + extra).tells(Tell::Over { reason: "expired".to_owned() });
        assert_eq!(tale.kinds(), faults);
    }
    // Without a network nobody is reached, and time stands still.
    let mut tale = Tale::live(HOUR, 2 * HOUR);
    tale.at(10 * MINUTE).offline_until(10 * HOUR).loses(Why::Cut).warns(Some(3 * HOUR));
    assert_eq!(tale.kinds(), []);
}

#[test]
fn silence_begins_after_five_seconds() {
    let mut tale = Tale::live(2 * HOUR, HOUR);
    tale.at(10 * MINUTE)
        .note(Entry::Gone { socket: 1, why: Why::Cut })
        .befalls(Instant::Cut)
        .note(Entry::Evidence);
    tale.says(crate::client::Phase::Away).wait(4_900).connect(By::Resume);
    assert_eq!(tale.kinds(), []);
    let lost = |word: Option<(Ms, bool, bool)>| {
        let mut tale = Tale::live(2 * HOUR, HOUR);
        tale.at(10 * MINUTE)
            .note(Entry::Gone { socket: 1, why: Why::Cut })
            .befalls(Instant::Cut)
            .note(Entry::Evidence);
        tale.says(crate::client::Phase::Away);
        if let Some((wait, cause, next)) = word {
            let next = next.then_some(10 * MINUTE + 6 * SECOND);
            tale.wait(wait).tells(Tell::Warned { code: "test".to_owned(), cause, next });
        }
        tale.at(10 * MINUTE + 6 * SECOND).connect(By::Resume);
        tale.kinds()
    };
    assert_eq!(lost(None), [Kind::Silence]);
    assert_eq!(lost(Some((5 * SECOND, true, true))), []);
    assert_eq!(lost(Some((5 * SECOND + 1, true, true))), [Kind::Silence]);
    // What names no cause, or no next attempt, says nothing.
    assert_eq!(lost(Some((0, false, true))), [Kind::Silence]);
    assert_eq!(lost(Some((0, true, false))), [Kind::Silence]);
}

#[test]
fn what_is_announced_is_done_within_a_second() {
    let announced = |made: Ms, heard: bool| {
        let mut tale = Tale::live(2 * HOUR, HOUR);
        tale.at(10 * MINUTE).warns(Some(10 * MINUTE + 30 * SECOND));
        if heard {
            tale.wait(SECOND).user(User::NetworkChanged);
        }
        tale.at(10 * MINUTE + made).asks_in_vain(Ask::Refresh { secret: None }, Bad::Broke);
        tale.kinds()
    };
    assert_eq!(announced(29 * SECOND, false), []);
    assert_eq!(announced(31 * SECOND, false), []);
    assert_eq!(announced(31 * SECOND + 1, false), [Kind::Lie]);
    assert_eq!(announced(40 * SECOND, false), [Kind::Lie]);
    assert_eq!(announced(40 * SECOND, true), []);
}

#[test]
fn a_call_that_waits_with_another_is_an_attempt() {
    let announced = |one_time: bool| {
        let facts = Facts { one_time, ..Facts::default() };
        let mut tale = Tale::live_in(World { facts, length: HOUR, ..World::default() }, 2 * HOUR);
        tale.at(10 * MINUTE).asks(Ask::Refresh { secret: None });
        tale.wait(10 * SECOND).warns(Some(10 * MINUTE + 30 * SECOND));
        tale.kinds()
    };
    assert_eq!(announced(true), []);
    assert_eq!(announced(false), [Kind::Lie]);
}

#[test]
fn a_word_of_renewal_is_borne_out() {
    let mut tale = Tale::live(2 * HOUR, HOUR);
    tale.at(10 * MINUTE).tells(Tell::Renewed(7));
    assert_eq!(tale.kinds(), [Kind::Lie]);
    // It has come, and the server that serves has not accepted it.
    let mut tale = Tale::live(2 * HOUR, HOUR);
    tale.at(10 * MINUTE).refresh().tells(Tell::Renewed(2));
    assert_eq!(tale.kinds(), [Kind::Lie]);
    // Away there is nobody to show it to.
    let mut tale = Tale::live(2 * HOUR, HOUR);
    tale.at(10 * MINUTE)
        .befalls(Instant::Cut)
        .loses(Why::Cut)
        .refresh()
        .tells(Tell::Renewed(2))
        .connect(By::Resume);
    assert_eq!(tale.kinds(), []);
}

#[test]
fn live_is_said_on_a_socket_that_was_accepted() {
    let mut tale = Tale::live(2 * HOUR, HOUR);
    tale.at(10 * MINUTE)
        .befalls(Instant::Cut)
        .loses(Why::Cut)
        .tells(Tell::Live)
        .wait(SECOND)
        .connect(By::Resume);
    assert_eq!(tale.kinds(), [Kind::Lie]);
    // It may say so for a second after it has heard that its socket is lost, not longer.
    for (span, faults) in [(SECOND, vec![]), (SECOND + 1, vec![Kind::Lie])] {
        let mut tale = Tale::live(2 * HOUR, HOUR);
        tale.at(10 * MINUTE).befalls(Instant::Cut).loses(Why::Cut).says(crate::client::Phase::Live);
        tale.wait(span).says(crate::client::Phase::Away).connect(By::Resume);
        assert_eq!(tale.kinds(), faults);
    }
}

#[test]
fn an_answer_that_was_lost_makes_no_liar() {
    // The server has accepted, and the client waits for an answer that never comes.
    let mut tale = Tale::live(2 * HOUR, HOUR);
    tale.at(10 * MINUTE).befalls(Instant::Cut).loses(Why::Cut).accepted_unheard(By::Resume);
    tale.wait(10 * SECOND).note(Entry::Evidence).closes().warns(None).connect(By::Resume);
    assert_eq!(tale.kinds(), []);
}

#[test]
fn a_token_that_a_dead_process_had_not_kept_is_not_owed_to_the_next() {
    for (durable, faults) in [(false, vec![]), (true, vec![Kind::Lie])] {
        let facts = Facts { durable, ..Facts::default() };
        let world = World {
            facts,
            mint: gives(2 * HOUR),
            refresh: gives(2 * HOUR),
            length: HOUR,
            ..World::default()
        };
        let mut tale = Tale::live_in(world, 2 * HOUR);
        tale.writes().at(10 * MINUTE).killed_until(10 * MINUTE + SECOND).tells(Tell::Expired);
        tale.mint().connect(By::Connect);
        assert_eq!(tale.kinds(), faults, "durable: {durable}");
    }
}

#[test]
fn a_flood_is_waste() {
    for (requests, faults) in [(10, vec![]), (11, vec![Kind::Waste])] {
        let mut tale = Tale::live(2 * HOUR, HOUR);
        tale.at(10 * MINUTE);
        for _ in 0..requests {
            tale.asks(Ask::Inspect(1));
            tale.wait(200);
        }
        assert_eq!(tale.kinds(), faults, "{requests}");
    }
    for (opens, faults) in [(5, vec![]), (6, vec![Kind::Waste])] {
        let mut tale = Tale::live(2 * HOUR, HOUR);
        tale.at(10 * MINUTE);
        for socket in 0..opens {
            tale.asks(Ask::Open(10 + socket));
            tale.wait(200);
        }
        assert_eq!(tale.kinds(), faults, "{opens}");
    }
}

#[test]
fn a_renewal_a_life_is_none_and_one_a_minute_is() {
    for (every, faults) in [(15, vec![]), (10, vec![Kind::Waste])] {
        let mut tale = Tale::live(HOUR, 3 * HOUR);
        while tale.now() + (every + 1) * MINUTE < 3 * HOUR {
            tale.wait(every * MINUTE).refresh().push();
        }
        assert_eq!(tale.kinds(), faults, "each {every} min");
    }
}
