//! What is said of a token's end, clause by clause (R2, R7, R8).

use super::*;
use crate::time::Now;

const SECOND: Millis = 1_000;
const MINUTE: Millis = 60 * SECOND;
/// What the wall clock reads at tick 0, and so the machine's.
const EPOCH: At = 1_800_000_000_000;

fn policy() -> Policy {
    Policy::default().with(|it| it.jitter = false)
}

/// So long after the beginning, by a wall clock that is ahead of true time by this.
fn clock(at: Millis, fast: i64) -> Clock {
    let mut clock = Clock::new();
    let wall = |at: Millis| (EPOCH + at).saturating_add_signed(fast);
    clock.advance(Now::new(0, wall(0)), &policy());
    clock.advance(Now::new(at, wall(at)), &policy());
    clock
}

/// One of which nobody has said anything.
fn token(kind: Kind, clock: &Clock, sent: At) -> Token {
    let token = Token::new(TokenId(1), kind, 1);
    Token { due: sent, sent, received: clock.now(), by: Some(Endpoint::Renew), ..token }
}

fn bound(clock: &Clock, sent: At) -> Token {
    token(Kind::Bound { of: TokenId(0) }, clock, sent)
}

fn base(clock: &Clock, sent: At) -> Token {
    token(Kind::Base(Base::default()), clock, sent)
}

const fn heard(sent: At, exchange: bool) -> Heard {
    Heard { sent, told: None, exchange }
}

#[test]
fn a_life_counts_from_asking_to_renew_and_from_receipt_to_end() {
    // proves R2.1
    // The answer took ten seconds: the server counted from somewhere within.
    let clock = clock(10 * SECOND, 0);
    let mut token = bound(&clock, EPOCH);
    let says = Statement { expires_in: Some(15 * MINUTE), ..Statement::default() };
    token.note(&says, heard(EPOCH, true), &clock, &policy());
    assert_eq!(token.renew_by, Some(EPOCH + 15 * MINUTE));
    assert_eq!(token.ends, Some(EPOCH + 15 * MINUTE + 10 * SECOND));
    assert_eq!((token.word, token.life()), (Word::Told, Some(15 * MINUTE)));
}

#[test]
fn of_several_ends_the_earliest_renews_and_the_latest_ends() {
    // proves R2.4
    let clock = clock(SECOND, 0);
    let mut token = base(&clock, EPOCH);
    for minutes in [60, 90, 75] {
        let says = Statement { expires_in: Some(minutes * MINUTE), ..Statement::default() };
        token.note(&says, heard(EPOCH + SECOND, false), &clock, &policy());
    }
    assert_eq!(token.renew_by, Some(EPOCH + SECOND + 60 * MINUTE));
    assert_eq!(token.ends, Some(EPOCH + SECOND + 90 * MINUTE));
}

#[test]
fn an_end_is_shortened_by_what_two_answers_cannot_both_mean() {
    // proves R2.5
    // The token came at once, and the answer that names the same end again took a quarter of a minute.
    let mut clock = clock(0, 0);
    let mut token = bound(&clock, EPOCH);
    let says = Statement { expires_in: Some(MINUTE), ..Statement::default() };
    token.note(&says, heard(EPOCH, true), &clock, &policy());
    clock.advance(Now::new(15 * SECOND, EPOCH + 15 * SECOND), &policy());
    let at = |end: Millis| Statement { expires_at: Some(UnixMillis(EPOCH + end)), ..Statement::default() };
    // Its own time was told as it was sent, at the end of that quarter.
    let heard = Heard { sent: EPOCH, told: Some(UnixMillis(EPOCH + 15 * SECOND)), exchange: false };
    assert_eq!(token.clone().note(&at(MINUTE), heard, &clock, &policy()).shortened, None);
    assert_eq!(token.clone().note(&at(MINUTE - 10 * SECOND), heard, &clock, &policy()).shortened, None);
    let noted = token.note(&at(MINUTE - 11 * SECOND), heard, &clock, &policy());
    assert_eq!(noted.shortened, Some(11 * SECOND));
}

#[test]
fn a_hint_is_read_in_both_clocks_and_refuses_nothing() {
    // proves R7.1, R7.2, R7.4
    // Our clock is an hour slow, and the server has told its time: which of both the provider goes by nobody knows.
    let mut slow = clock(0, -3_600_000);
    slow.observe(UnixMillis(EPOCH), slow.now(), &policy());
    let hint = |at: UnixMillis| Statement { expiry_hint: Some(at), ..Statement::default() };
    let mut token = base(&slow, slow.now());
    let now = slow.now();
    let noted = token.note(&hint(UnixMillis(EPOCH + 10 * MINUTE)), heard(now, true), &slow, &policy());
    assert_eq!((noted.absurd, token.word), (false, Word::Hinted));
    assert_eq!(token.renew_by, Some(now + 10 * MINUTE - 999));
    assert_eq!(token.ends, Some(now + 70 * MINUTE));
    assert_eq!(token.floor(), now + (10 * MINUTE - 999) / 4, "no renewal before a quarter of the life");
    // Of the longer, where by the other clock hardly anything is left.
    let mut short = base(&slow, now);
    short.note(&hint(UnixMillis(EPOCH + 5 * SECOND)), heard(now, true), &slow, &policy());
    assert_eq!(short.floor(), now + (60 * MINUTE + 5 * SECOND) / 4);
    // Past in one: the other one's. Past in both, or of no calendar: as if nobody had said anything, and told.
    for (at, absurd) in [
        (EPOCH - 10 * MINUTE, false),
        (EPOCH - 61 * MINUTE, true),
        (0, true),
        (YEAR_9999.0 + 1, true),
        (u64::MAX, true),
    ] {
        let mut token = base(&slow, now);
        let noted = token.note(&hint(UnixMillis(at)), heard(now, true), &slow, &policy());
        assert_eq!((noted.absurd, token.ends.is_none()), (absurd, absurd), "{at}");
        assert!(token.is_good(now));
    }
    // A server's word goes before it.
    let says = Statement { expires_in: Some(5 * MINUTE), ..hint(UnixMillis(EPOCH + 10 * MINUTE)) };
    token.note(&says, heard(now, false), &slow, &policy());
    assert_eq!((token.word, token.ends), (Word::Told, Some(now + 5 * MINUTE)));
}

#[test]
fn a_hint_that_came_before_a_server_told_its_time_is_read_in_both_clocks_then() {
    // proves R7.3
    for (fast, sooner, later) in [(2_400_000, 20, 60), (-3_600_000, 60, 120)] {
        let mut clock = clock(0, fast);
        let now = clock.now();
        let mut token = base(&clock, now);
        let hint = UnixMillis(EPOCH + 60 * MINUTE);
        let says = Statement { expiry_hint: Some(hint), ..Statement::default() };
        token.note(&says, heard(now, true), &clock, &policy());
        clock.observe(UnixMillis(EPOCH), now, &policy());
        token.date(&clock, &policy());
        let minutes = |at: Option<At>| at.map(|at| (at - now).div_ceil(MINUTE));
        assert_eq!((minutes(token.renew_by), minutes(token.ends)), (Some(sooner), Some(later)));
        assert_eq!(token.word, Word::Hinted, "nobody has said whose time it is");
    }
}

#[test]
fn an_end_that_only_the_local_clock_dates_is_a_hint_until_a_server_tells_its_time() {
    // proves R2.2
    for fast in [0, 7_200_000] {
        let mut clock = clock(0, fast);
        let now = clock.now();
        let mut token = base(&clock, now);
        let says = Statement { expires_at: Some(UnixMillis(EPOCH + 60 * MINUTE)), ..Statement::default() };
        let noted = token.note(&says, heard(now, false), &clock, &policy());
        // Past by our clock alone it ends nothing.
        assert_eq!((noted.absurd, token.is_good(now)), (fast > 0, true));
        let hinted = (fast == 0).then_some(now + 60 * MINUTE);
        assert_eq!((token.ends, token.renew_by), (hinted, hinted));
        clock.observe(UnixMillis(EPOCH), now, &policy());
        token.date(&clock, &policy());
        assert_eq!(token.word, Word::Told);
        assert_eq!(token.ends, Some(now + 60 * MINUTE), "{fast}");
        // Once: what comes later has been told by then.
        clock.observe(UnixMillis(EPOCH + 4_000), now, &policy());
        token.date(&clock, &policy());
        assert_eq!(token.ends, Some(now + 60 * MINUTE));
    }
}

#[test]
fn an_assumed_life_ends_nothing() {
    // proves R8.1, R8.4
    let clock = clock(SECOND, 0);
    let mut token = bound(&clock, EPOCH);
    let says = Statement { assumed_life: Some(15 * MINUTE), ..Statement::default() };
    token.note(&says, heard(EPOCH, true), &clock, &policy());
    assert_eq!((token.word, token.sure_end()), (Word::Assumed, None));
    assert_eq!(token.renew_by, Some(EPOCH + 15 * MINUTE), "and renews");
    assert!(token.is_good(EPOCH + 24 * 60 * MINUTE));
    // That much was asked for: a later end that a connect tells is perhaps the session's, and puts no renewal off.
    let says = Statement { expires_in: Some(120 * MINUTE), ..Statement::default() };
    token.note(&says, heard(EPOCH + SECOND, false), &clock, &policy());
    assert_eq!(token.renew_by, Some(EPOCH + 15 * MINUTE));
    assert_eq!(token.ends, Some(EPOCH + SECOND + 120 * MINUTE));
}

#[test]
fn what_has_ended_when_it_comes_is_no_good() {
    // proves R9.1
    let clock = clock(SECOND, 0);
    let mut token = bound(&clock, EPOCH);
    let says = Statement { expires_in: Some(0), ..Statement::default() };
    token.note(&says, heard(EPOCH, true), &clock, &policy());
    assert!(!token.is_good(clock.now()));
}

#[test]
fn the_lead_is_a_tenth_within_bounds_and_what_attempts_have_taken() {
    // proves R16.2
    let clock = clock(0, 0);
    let lead = |life: Millis, longest: Millis| {
        let mut token = bound(&clock, EPOCH);
        let says = Statement { expires_in: Some(life), ..Statement::default() };
        token.note(&says, heard(EPOCH, true), &clock, &policy());
        token.lead(3 * longest, &policy())
    };
    for (life, seconds) in [(24 * 60, 300), (60, 300), (15, 90), (5, 30), (1, 30)] {
        assert_eq!(lead(life * MINUTE, 0), Some(seconds * SECOND), "{life}");
    }
    assert_eq!(lead(10 * SECOND, 0), Some(5 * SECOND), "half the life at most");
    assert_eq!(lead(5 * MINUTE, 20 * SECOND), Some(60 * SECOND), "three times the longest");
    assert_eq!(lead(5 * MINUTE, 90 * SECOND), Some(150 * SECOND));
    assert_eq!(bound(&clock, EPOCH).lead(0, &policy()), None, "nobody has named an end");
}

#[test]
fn a_token_opens_no_socket_in_its_last_five_seconds_or_tenth() {
    // proves R21.4
    let clock = clock(0, 0);
    for (life, margin) in [(60 * MINUTE, 5_000), (50 * SECOND, 5_000), (20 * SECOND, 2_000), (0, 0)] {
        let mut token = bound(&clock, EPOCH);
        let says = Statement { expires_in: Some(life), ..Statement::default() };
        token.note(&says, heard(EPOCH, true), &clock, &policy());
        assert_eq!(token.margin(&policy()), margin, "{life}");
    }
}
