//! What has been asked of somebody and is not answered (R14): an attempt yields its place at its deadline, never its
//! answer.

use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use crate::lifecycle::clock::At;
use crate::lifecycle::{Action, CommandId, Mechanism, Policy, SocketId};
use crate::time::Millis;

/// Most attempts that are listened to although they are late. While nothing good is held two endpoints are asked some five
/// times a minute each, and what the application's provider does may take two minutes and longer.
const MOST_LATE: usize = 64;

/// Something that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) id: CommandId,
    pub(crate) action: Action,
    pub(crate) asked: At,
    /// When it should have been asked for: a driver that wakes late is part of what it takes.
    pub(crate) due: At,
    pub(crate) deadline: At,
    /// Its deadline was put off, once, by a sleep.
    pub(crate) spared: bool,
    /// Its deadline has passed.
    pub(crate) late: bool,
}

/// Who is asked for tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Endpoint {
    /// The application's provider: `authenticate()`.
    Mint,
    /// The application's provider: `refresh()`.
    Refresh,
    /// devices/token.
    Activate,
    /// devices/refresh.
    Renew,
}

impl Endpoint {
    pub(crate) const fn of(action: &Action) -> Option<Self> {
        match action {
            Action::Mint { .. } => Some(Self::Mint),
            Action::Refresh => Some(Self::Refresh),
            Action::Activate { .. } => Some(Self::Activate),
            Action::Renew { .. } => Some(Self::Renew),
            _ => None,
        }
    }

    pub(crate) const fn mechanism(self) -> Mechanism {
        match self {
            Self::Mint | Self::Refresh => Mechanism::Provider,
            Self::Activate | Self::Renew => Mechanism::Bound,
        }
    }
}

impl Attempt {
    /// It brings a token.
    pub(crate) const fn is_exchange(&self) -> bool {
        Endpoint::of(&self.action).is_some()
    }

    /// The socket that it is on.
    pub(crate) const fn socket(&self) -> Option<SocketId> {
        match self.action {
            Action::Open { socket, .. }
            | Action::Authenticate { socket, .. }
            | Action::Reauthenticate { socket, .. }
            | Action::Probe { socket } => Some(socket),
            _ => None,
        }
    }
}

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attempts {
    list: Vec<Attempt>,
    next: u64,
    /// What the last four took that brought a token, from asking to its being in force.
    spans: [Millis; 4],
    at: usize,
}

impl Attempts {
    /// Asked for first: first.
    pub(crate) fn iter(&self) -> core::slice::Iter<'_, Attempt> {
        self.list.iter()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
    }

    /// The number of what is asked next.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// Takes a number in the order of asking, for what the application brings itself.
    pub(crate) const fn number(&mut self) -> u64 {
        let number = self.next;
        self.next = number.saturating_add(1);
        number
    }

    /// As the process before had it.
    pub(crate) const fn restore(&mut self, next: u64, spans: [Millis; 4]) {
        (self.next, self.spans) = (next, spans);
    }

    pub(crate) const fn spans(&self) -> [Millis; 4] {
        self.spans
    }

    /// What was taken is asked still.
    pub(crate) fn put_back(&mut self, attempt: Attempt) {
        self.list.push(attempt);
    }

    /// Nobody could hear answers: none is late before `heard`, once.
    pub(crate) fn spare(&mut self, heard: At) {
        for attempt in self.list.iter_mut().filter(|attempt| !attempt.spared) {
            attempt.spared = true;
            attempt.deadline = attempt.deadline.max(heard);
        }
    }

    /// Those for which `which` holds yield their places now.
    pub(crate) fn cut_short(&mut self, now: At, which: impl Fn(&Attempt) -> bool) {
        for attempt in self.list.iter_mut().filter(|attempt| which(attempt)) {
            attempt.deadline = attempt.deadline.min(now);
        }
    }

    /// Each was asked so much later than the clock of then showed.
    pub(crate) fn move_by(&mut self, by: impl Fn(At) -> Millis) {
        for attempt in &mut self.list {
            let by = by(attempt.asked);
            attempt.asked = attempt.asked.saturating_add(by);
            attempt.deadline = attempt.deadline.saturating_add(by);
        }
    }

    pub(crate) fn add(&mut self, action: Action, asked: At, due: At, deadline: At) -> CommandId {
        let id = CommandId(self.next);
        self.next = self.next.saturating_add(1);
        self.list.reserve_exact(1);
        self.list.push(Attempt { id, action, asked, due, deadline, spared: false, late: false });
        id
    }

    pub(crate) fn get(&self, id: CommandId) -> Option<Attempt> {
        self.list.iter().find(|attempt| attempt.id == id).copied()
    }

    pub(crate) fn take(&mut self, id: CommandId) -> Option<Attempt> {
        let at = self.list.iter().position(|attempt| attempt.id == id)?;
        Some(self.list.remove(at))
    }

    /// Its deadline has passed: an exchange is listened to all the same, anything else is forgotten.
    pub(crate) fn yield_place(&mut self, id: CommandId) {
        let Some(attempt) = self.list.iter_mut().find(|attempt| attempt.id == id) else { return };
        if !attempt.is_exchange() {
            self.list.retain(|attempt| attempt.id != id);
            return;
        }
        attempt.late = true;
        while self.list.iter().filter(|attempt| attempt.late).count() > MOST_LATE {
            let Some(oldest) = self.list.iter().position(|attempt| attempt.late) else { return };
            self.list.remove(oldest);
        }
    }

    /// The first deadline that has not passed.
    pub(crate) fn next_deadline(&self) -> Option<(At, CommandId)> {
        self.list.iter().filter(|it| !it.late).map(|it| (it.deadline, it.id)).min()
    }

    pub(crate) fn retire(&mut self, which: impl Fn(&Attempt) -> bool) {
        self.list.retain(|attempt| !which(attempt));
    }

    pub(crate) fn any(&self, which: impl Fn(&Action) -> bool) -> bool {
        self.list.iter().any(|attempt| which(&attempt.action))
    }

    /// An exchange is on its way that was asked for less than `span` ago, or is not late.
    pub(crate) fn awaits(&self, now: At, span: Millis) -> Option<At> {
        let exchanges = self.list.iter().filter(|attempt| attempt.is_exchange());
        exchanges.map(|attempt| attempt.asked.saturating_add(span)).filter(|until| *until > now).max()
    }

    /// When this endpoint has a place for another attempt; `took`: what those took that have brought a token.
    pub(crate) fn place(
        &self,
        endpoint: Endpoint,
        took: impl Fn() -> Millis,
        served: bool,
        now: At,
        policy: &Policy,
    ) -> At {
        let of = |attempt: &&Attempt| Endpoint::of(&attempt.action) == Some(endpoint);
        if let Some(open) = self.list.iter().filter(of).find(|attempt| !attempt.late) {
            return open.deadline;
        }
        let held = || match served {
            true => policy.place.max(took().saturating_mul(6)).min(policy.provider_max),
            false => (policy.place / 3).max(took().saturating_mul(3)).min(policy.place),
        };
        let free = |attempt: &Attempt| attempt.asked.saturating_add(held());
        let taken = self.list.iter().filter(of).map(free).filter(|free| *free > now);
        // More than two may be taken, where they are held for longer than they were: all but one must be free.
        let (_, all_but_one) =
            taken.fold(
                (0, 0),
                |(last, before): (At, At), free| {
                    if free > last { (free, last) } else { (last, before.max(free)) }
                },
            );
        all_but_one
    }

    /// A token has come into force that was asked for so long ago.
    pub(crate) fn learn(&mut self, span: Millis) {
        if let Some(place) = self.spans.get_mut(self.at) {
            *place = span;
        }
        self.at = self.at.saturating_add(1) % self.spans.len();
    }

    /// The longest of the last four.
    pub(crate) fn longest(&self) -> Millis {
        self.spans.iter().copied().max().unwrap_or(0)
    }

    /// What must hold after every step.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.list.iter().any(|attempt| attempt.id.0 >= self.next) {
            return Err("an attempt has a number that is yet to come");
        }
        if self.list.iter().filter(|attempt| attempt.late).count() > MOST_LATE {
            return Err("too many late attempts are listened to");
        }
        Ok(())
    }
}

/// What `canonical` is made of.
#[cfg(feature = "model")]
impl Attempts {
    /// The oldest first.
    pub(crate) fn spans_in_order(&self) -> Vec<Millis> {
        let Self { list: _, next: _, spans, at } = self;
        let (newer, older) = (spans.iter().take(*at), spans.iter().skip(*at));
        older.chain(newer).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::TokenId;

    const SECOND: Millis = 1_000;
    const RENEW: Action = Action::Renew { bound: TokenId(1), offset: None };

    /// An attempt at this time whose deadline passes after ten seconds.
    fn late(attempts: &mut Attempts, action: Action, asked: At) -> CommandId {
        let id = attempts.add(action, asked, asked, asked + 10 * SECOND);
        attempts.yield_place(id);
        id
    }

    #[test]
    fn an_endpoint_has_two_places_and_each_is_free_again_in_its_time() {
        // proves R14.6, R14.7
        let policy = Policy::default();
        let mut attempts = Attempts::default();
        let place =
            |attempts: &Attempts, now, served| attempts.place(Endpoint::Renew, || 0, served, now, &policy);
        let open = attempts.add(RENEW, 0, 0, 10 * SECOND);
        assert_eq!(place(&attempts, 0, true), 10 * SECOND, "one after the other");
        attempts.yield_place(open);
        assert_eq!(place(&attempts, 10 * SECOND, true), 0, "the second");
        late(&mut attempts, RENEW, 10 * SECOND);
        assert_eq!(
            place(&attempts, 20 * SECOND, true),
            30 * SECOND,
            "half a minute after the first was asked"
        );
        assert_eq!(place(&attempts, 30 * SECOND, true), 0);
        // Ten seconds where nothing good is held.
        assert_eq!(place(&attempts, 15 * SECOND, false), 0);
        // Another endpoint is another matter.
        assert_eq!(attempts.place(Endpoint::Activate, || 0, true, 20 * SECOND, &policy), 0);
    }

    #[test]
    fn a_place_is_held_as_long_as_attempts_have_taken_of_late() {
        // proves R14.6, R16.2
        let policy = Policy::default();
        for (span, served, idle) in [(0, 30, 10), (4, 30, 12), (9, 54, 27), (15, 90, 30), (60, 120, 30)] {
            let mut attempts = Attempts::default();
            late(&mut attempts, RENEW, 0);
            late(&mut attempts, RENEW, 1);
            let place = |any_good| attempts.place(Endpoint::Renew, || span * SECOND, any_good, 2, &policy);
            assert_eq!((place(true), place(false)), (served * SECOND, idle * SECOND), "{span}");
        }
        let mut attempts = Attempts::default();
        for span in [9, 1, 2, 3] {
            attempts.learn(span);
        }
        assert_eq!(attempts.longest(), 9);
        attempts.learn(4);
        assert_eq!(attempts.longest(), 4, "the longest of the last four");
    }

    #[test]
    fn an_attempt_yields_its_place_and_never_its_answer() {
        // proves R14.8
        let mut attempts = Attempts::default();
        let push = Action::Reauthenticate { socket: SocketId(0), token: TokenId(1), offset: None };
        let pushed = late(&mut attempts, push, 0);
        assert_eq!(attempts.get(pushed), None, "what brings no token is forgotten");
        let ids: Vec<CommandId> = (0..65).map(|at| late(&mut attempts, RENEW, at)).collect();
        let heard: Vec<bool> = ids.iter().map(|id| attempts.get(*id).is_some()).collect();
        assert_eq!(heard.iter().position(|heard| *heard), Some(1), "the last sixty-four");
        assert!(heard.iter().skip(1).all(|heard| *heard));
        assert_eq!(attempts.next_deadline(), None, "and none is late twice");
        assert_eq!(attempts.awaits(80, 5), None);
        assert_eq!(attempts.awaits(66, 5), Some(69));
    }

    #[test]
    fn an_endpoint_with_three_late_attempts_is_asked_again_when_two_are_over() {
        // proves R14.6
        let policy = Policy::default();
        let mut attempts = Attempts::default();
        for asked in [0, 10 * SECOND, 20 * SECOND] {
            late(&mut attempts, RENEW, asked);
        }
        let place = |now| attempts.place(Endpoint::Renew, || 0, true, now, &policy);
        assert_eq!(
            (place(25 * SECOND), place(30 * SECOND), place(40 * SECOND)),
            (40 * SECOND, 40 * SECOND, 0)
        );
    }
}
