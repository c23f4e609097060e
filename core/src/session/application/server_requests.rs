//! The server's requests that wait for the application's answer: each is answered at most once, within its time, on
//! the socket that it came on.

use alloc::collections::VecDeque;

use crate::error::Error;
use crate::lifecycle::SocketId;
use crate::session::vocabulary::ids::NotificationId;
use crate::time::{Millis, Tick};
use crate::wire::rpc::Id;

/// Most that wait at once; the oldest are given up.
const MOST: usize = 256;
/// Most bytes of their ids, which a server chooses.
const MOST_BYTES: usize = 64 * 1_024;
/// An id that is remembered after its request: a UUID has 38 bytes.
const SHORT_ID: usize = 128;
/// Of so many that wait no more it is known why.
const MOST_PAST: usize = 64;

/// Oldest first.
#[derive(Default)]
pub(crate) struct ServerRequests {
    waiting: VecDeque<Request>,
    past: VecDeque<Past>,
    next: u64,
}

/// One that waits no more, and why.
struct Past {
    name: NotificationId,
    why: &'static str,
    socket: SocketId,
    /// Where it is short, as ids are.
    id: Option<Id>,
}

/// What becomes of a request that has come.
pub(crate) enum Opened {
    /// It waits for an answer.
    Waits(NotificationId),
    /// The application knows it already.
    Known,
    /// It cannot be answered: its id is too large to be kept.
    Unanswerable,
}

struct Request {
    name: NotificationId,
    id: Id,
    socket: SocketId,
    came: Tick,
}

/// The connect is not answered: what waits for it can be lost with it.
pub(crate) const TOO_EARLY: &str = "the connection that it came on is not let in yet; try again";
const ANSWERED: &str = "it has been answered before";
const LATE: &str = "its time is over";
const CROWDED: &str = "too many newer requests came after it";
pub(crate) const LOST: &str = "the connection that it came on is lost, and the answer with it";

impl ServerRequests {
    pub(crate) fn open(&mut self, id: &Id, socket: SocketId, now: Tick) -> Opened {
        // One that is there twice is one: it is answered once.
        let is_waiting = self.waiting.iter().any(|request| request.socket == socket && request.id == *id);
        if is_waiting || self.past.iter().any(|past| past.socket == socket && past.id.as_ref() == Some(id)) {
            return Opened::Known;
        }
        if id.as_json().len() > MOST_BYTES {
            return Opened::Unanswerable;
        }
        let name = NotificationId(self.next);
        self.next = self.next.saturating_add(1);
        self.waiting.push_back(Request { name, id: id.clone(), socket, came: now });
        while self.waiting.len() > MOST || self.size() > MOST_BYTES {
            self.close(CROWDED, |_| true);
        }
        Opened::Waits(name)
    }

    fn size(&self) -> usize {
        self.waiting.iter().map(|request| request.id.as_json().len()).sum()
    }

    /// The oldest of this kind waits no more.
    fn close(&mut self, why: &'static str, is_it: impl Fn(&Request) -> bool) -> Option<Request> {
        let at = self.waiting.iter().position(is_it)?;
        let request = self.waiting.remove(at)?;
        let id = Some(request.id.clone()).filter(|id| id.as_json().len() <= SHORT_ID);
        self.past.push_back(Past { name: request.name, why, socket: request.socket, id });
        if self.past.len() > MOST_PAST {
            self.past.pop_front();
        }
        Some(request)
    }

    pub(crate) fn lose(&mut self, socket: SocketId) {
        while self.close(LOST, |request| request.socket == socket).is_some() {}
    }

    pub(crate) fn expire(&mut self, now: Tick, timeout: Millis) {
        while self.close(LATE, |request| request.came.after(timeout) <= now).is_some() {}
    }

    /// The next time limit.
    pub(crate) fn due(&self, timeout: Millis) -> Option<(Tick, NotificationId)> {
        self.waiting.front().map(|request| (request.came.after(timeout), request.name))
    }

    fn why_not(&self, name: NotificationId) -> &'static str {
        let past = self.past.iter().find(|past| past.name == name);
        past.map_or("no request of this name waits for one", |past| past.why)
    }

    /// The request that waits under this name, and the socket that it came on.
    pub(crate) fn find(&self, name: NotificationId) -> Result<(Id, SocketId), Error> {
        let waiting = self.waiting.iter().find(|request| request.name == name);
        let found = waiting.map(|request| (request.id.clone(), request.socket));
        found.ok_or_else(|| Error::AnswerNotTaken { reason: self.why_not(name) })
    }

    pub(crate) fn answered(&mut self, name: NotificationId) {
        self.close(ANSWERED, |request| request.name == name);
    }

    /// Each name once; bounded.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let names = self.waiting.iter().map(|request| request.name);
        if names.clone().zip(names.skip(1)).any(|(one, next)| one >= next) {
            return Err("the server's requests are not in the order in which they came");
        }
        if self.waiting.len() > MOST || self.past.len() > MOST_PAST || self.size() > MOST_BYTES {
            return Err("too many of the server's requests are remembered");
        }
        Ok(())
    }
}
