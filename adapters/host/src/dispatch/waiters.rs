//! Who waits for an answer of the session.

use std::collections::{BTreeMap, VecDeque};

use satkeeper_core::lifecycle::AskId;
use satkeeper_core::session::{CallId, NotificationId};

use super::ask::{Fetched, Reply, Responded, Returned, Settled};

/// Those who wait, by what the session calls it. Dropping them tells them that there will be no answer.
#[derive(Default)]
pub(super) struct Waiters {
    calls: BTreeMap<CallId, Reply<Returned>>,
    settling: BTreeMap<AskId, Reply<Settled>>,
    fetching: BTreeMap<AskId, Reply<Fetched>>,
    /// In the order in which they were given: several may answer the same notification.
    responding: VecDeque<(NotificationId, Reply<Responded>)>,
    next_ask: u64,
}

impl Waiters {
    pub(super) fn call(&mut self, call: CallId, reply: Reply<Returned>) {
        self.calls.insert(call, reply);
    }

    /// Whether it was still waited for.
    pub(super) fn withdraw(&mut self, call: CallId) -> bool {
        self.calls.remove(&call).is_some()
    }

    pub(super) fn respond(&mut self, notification: NotificationId, reply: Reply<Responded>) {
        self.responding.push_back((notification, reply));
    }

    pub(super) fn settle(&mut self, reply: Reply<Settled>) -> AskId {
        let ask = self.name();
        self.settling.insert(ask, reply);
        ask
    }

    pub(super) fn fetch(&mut self, reply: Reply<Fetched>) -> AskId {
        let ask = self.name();
        self.fetching.insert(ask, reply);
        ask
    }

    pub(super) fn returned(&mut self, call: CallId, result: Returned) {
        answer(self.calls.remove(&call), result);
    }

    pub(super) fn responded(&mut self, notification: NotificationId, result: Responded) {
        let at = self.responding.iter().position(|(of, _)| *of == notification);
        let first = at.and_then(|at| self.responding.remove(at));
        answer(first.map(|(_, reply)| reply), result);
    }

    pub(super) fn settled(&mut self, ask: AskId, result: Settled) {
        answer(self.settling.remove(&ask), result);
    }

    pub(super) fn fetched(&mut self, ask: AskId, result: Fetched) {
        answer(self.fetching.remove(&ask), result);
    }

    fn name(&mut self) -> AskId {
        let ask = AskId(self.next_ask);
        self.next_ask = self.next_ask.saturating_add(1);
        ask
    }
}

/// Who has stopped waiting needs no answer.
fn answer<T>(waiter: Option<Reply<T>>, result: T) {
    if let Some(reply) = waiter {
        reply(result);
    }
}
