//! How often anybody is asked: one table of waits, one bucket for each kind of destination (R18).

use serde::{Deserialize, Serialize};

use crate::lifecycle::clock::At;
use crate::lifecycle::limits::random::Domain;
use crate::lifecycle::{Failure, Policy, Random};
use crate::time::Millis;

/// How an attempt failed, as far as the next one depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Class {
    /// Nobody answered, or somebody who does not know: 5xx, a page, 408, 425.
    Unanswered,
    /// The API refused.
    Refusal,
    /// It brought nothing that helps.
    Barren,
}

impl Class {
    pub(crate) const fn of(failure: Failure) -> Self {
        match failure {
            Failure::Http { status, .. } if status >= 400 && status < 500 && !matches!(status, 408 | 425) => {
                Self::Refusal
            }
            Failure::Rpc { .. } | Failure::Rejected | Failure::NoKey => Self::Refusal,
            _ => Self::Unanswered,
        }
    }
}

/// The longest wait of a destination, by what the session has left: `None` while it is not served.
pub(crate) fn ceiling(class: Class, left: Option<Millis>, policy: &Policy) -> Millis {
    let Some(left) = left else {
        return match class {
            Class::Unanswered => policy.wait_unanswered_idle,
            Class::Refusal | Class::Barren => policy.wait_refused_idle,
        };
    };
    let most = match class {
        Class::Unanswered => policy.wait_unanswered,
        Class::Refusal | Class::Barren => policy.wait_refused,
    };
    (left / 4).max(policy.wait_served).min(most)
}

/// How one destination has answered of late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pace {
    /// Failures since the last success.
    pub(crate) failures: u32,
    /// Not before this.
    pub(crate) not_before: At,
    /// It asked not to be asked before this.
    pub(crate) asked: At,
    /// When it was asked last.
    pub(crate) sent: At,
    /// How it failed last.
    pub(crate) last: Option<Class>,
}

impl Pace {
    /// When it may be asked.
    pub(crate) fn ready(&self) -> At {
        self.not_before.max(self.asked)
    }

    /// Books a failure: equal jitter, doubling from `first` up to `ceiling`, no shorter than what was asked for.
    pub(crate) fn failed(
        &mut self,
        now: At,
        class: Class,
        (first, ceiling): (Millis, Millis),
        asked: Option<Millis>,
        random: &mut Random,
    ) {
        let most = doubled(first, self.failures).min(ceiling);
        let half = most / 2;
        let wait = half.saturating_add(random.below(Domain::Backoff, most.saturating_sub(half)));
        self.failures = self.failures.saturating_add(1);
        self.last = Some(class);
        self.not_before = now.saturating_add(wait);
        self.asked = asked.map_or(self.asked, |asked| now.saturating_add(asked));
    }

    /// What waits after attempts that nobody answered does not wait any more.
    pub(crate) fn wake(&mut self, now: At) {
        if self.last == Some(Class::Unanswered) && self.not_before > now {
            self.not_before = now;
        }
    }

    /// The next attempt does not wait. What gained nothing while there was something left may gain something now.
    pub(crate) fn hurry(&mut self) {
        self.not_before = 0;
        if self.last == Some(Class::Barren) {
            self.failures = 0;
        }
    }

    /// It has brought a token that gains something: the next one waits for nothing.
    pub(crate) const fn gains(&mut self) {
        self.not_before = 0;
        if matches!(self.last, Some(Class::Barren)) {
            self.last = None;
        }
    }

    /// A token that it has brought is accepted. Where that gained nothing, asking again still does not.
    pub(crate) const fn is_accepted(&mut self) {
        if !matches!(self.last, Some(Class::Barren)) {
            self.forgive();
        }
    }

    /// Nothing is held against it, but for what it asked for.
    pub(crate) const fn forgive(&mut self) {
        (self.failures, self.not_before, self.last) = (0, 0, None);
    }
}

/// How each endpoint has answered of late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Paces {
    pub(crate) mint: Pace,
    pub(crate) refresh: Pace,
    pub(crate) activate: Pace,
    pub(crate) renew: Pace,
}

impl Paces {
    pub(crate) const fn all(&mut self) -> [&mut Pace; 4] {
        [&mut self.mint, &mut self.refresh, &mut self.activate, &mut self.renew]
    }

    /// At the end of a life the next request does not wait (R16).
    pub(crate) fn hurry(&mut self) {
        for pace in self.all() {
            pace.hurry();
        }
    }

    /// What waits because nobody answered does not wait any more.
    pub(crate) fn wake(&mut self, now: At) {
        for pace in self.all() {
            pace.wake(now);
        }
    }
}

/// `first · 2ⁿ`, saturating.
pub(crate) const fn doubled(first: Millis, times: u32) -> Millis {
    if times >= 32 { u64::MAX } else { first.saturating_mul(1 << times) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Seed;

    const MINUTE: Millis = 60_000;

    #[test]
    fn whose_word_an_answer_is() {
        // proves R18.1: of somebody who knows, or of nobody; 408 and 425 say that a request was not heard
        let http = |status| Failure::Http { status, retry_after: None };
        for status in [400, 401, 403, 404, 409, 410, 422, 429, 499] {
            assert_eq!(Class::of(http(status)), Class::Refusal, "{status}");
        }
        for status in [0, 200, 302, 399, 408, 425, 500, 502, 503, 504, 599] {
            assert_eq!(Class::of(http(status)), Class::Unanswered, "{status}");
        }
        let page = Failure::Page { status: 404, retry_after: None };
        let provider = Failure::Provider { retry_after: None };
        for failure in [Failure::Timeout, Failure::Transport, Failure::Malformed, page, provider] {
            assert_eq!(Class::of(failure), Class::Unanswered, "{failure:?}");
        }
        for credential in [false, true] {
            assert_eq!(Class::of(Failure::Rpc { code: -32_603, credential }), Class::Refusal);
        }
    }

    #[test]
    fn the_table_of_waits() {
        // proves R18.1
        let policy = Policy::default();
        let [nobody, refused, barren] = [Class::Unanswered, Class::Refusal, Class::Barren];
        for (left, unanswered, other) in [
            (None, 10_000, MINUTE),
            (Some(0), 5_000, 5_000),
            (Some(20_000), 5_000, 5_000),
            (Some(MINUTE), 15_000, 15_000),
            (Some(4 * MINUTE), 30_000, MINUTE),
            (Some(24 * 60 * MINUTE), 30_000, 60 * MINUTE),
            (Some(Millis::MAX), 30_000, 60 * MINUTE),
        ] {
            assert_eq!(ceiling(nobody, left, &policy), unanswered, "{left:?}");
            assert_eq!(
                (ceiling(refused, left, &policy), ceiling(barren, left, &policy)),
                (other, other),
                "{left:?}"
            );
        }
    }

    #[test]
    fn waits_double_with_equal_jitter_up_to_their_ceiling() {
        // proves R18.1
        for seed in 0..50 {
            let mut random = Random::new(&Seed::from_bytes([seed; 32]));
            let mut pace = Pace::default();
            for most in [1_000, 2_000, 4_000, 8_000, 10_000, 10_000] {
                pace.failed(MINUTE, Class::Unanswered, (1_000, 10_000), None, &mut random);
                let wait = pace.ready() - MINUTE;
                assert!((most / 2..=most).contains(&wait), "{wait} of {most}");
            }
        }
    }

    #[test]
    fn what_was_asked_for_raises_a_wait_and_outlives_it() {
        // proves R18.4
        let mut random = Random::new(&Seed::from_bytes([1; 32]));
        let mut pace = Pace::default();
        pace.failed(0, Class::Refusal, (1_000, 60_000), Some(20_000), &mut random);
        assert_eq!(pace.ready(), 20_000);
        pace.failed(20_000, Class::Refusal, (1_000, 60_000), Some(10), &mut random);
        assert!(pace.ready() >= 21_000, "it does not shorten one");
        pace.failed(30_000, Class::Refusal, (1_000, 60_000), Some(20_000), &mut random);
        pace.forgive();
        assert_eq!((pace.failures, pace.ready()), (0, 50_000));
    }

    #[test]
    fn only_waits_after_silence_end_when_somebody_answers() {
        // proves R18.6, R19.5
        let mut random = Random::new(&Seed::from_bytes([1; 32]));
        for (class, ready) in [(Class::Unanswered, true), (Class::Refusal, false), (Class::Barren, false)] {
            let mut pace = Pace::default();
            pace.failed(0, class, (10_000, 10_000), None, &mut random);
            pace.wake(1_000);
            assert_eq!(pace.ready() == 1_000, ready, "{class:?}");
            pace.hurry();
            assert_eq!((pace.ready(), pace.failures), (0, u32::from(class != Class::Barren)));
        }
    }

    #[test]
    fn doubling_stops_where_time_does() {
        // proves R29.8
        assert_eq!((doubled(1_000, 0), doubled(1_000, 5), doubled(1_000, 32)), (1_000, 32_000, u64::MAX));
        assert_eq!(doubled(u64::MAX, 1), u64::MAX);
    }
}
