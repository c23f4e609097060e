//! What is going to happen by itself: earliest first, of equal times in the order in which it was decided.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::parcel::Parcel;
use super::server::State;
use crate::client::{Ask, AskId, Bad, Serial, Socket};
use crate::timeline::Ms;
use crate::world::{Answer, Health, Outcome};

/// Something that is due.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due {
    /// An endpoint answers.
    Served(Request),
    /// A socket is open.
    Opened(AskId, Socket),
    /// The server decides on a connect, resume or push.
    Decided(AskId, Ask, Answer),
    /// Something comes to the host, if the network lets it.
    Arrives(Parcel),
    /// Something of the host's own.
    Local(Parcel),
    /// The server pings.
    Pings(Socket),
    /// The token ends that a socket is authenticated with.
    TokenEnds(Socket, Serial),
    /// It was asked for ten seconds ago.
    Unanswered(AskId),
    /// The store has done what it does.
    Stored { write: AskId, process: u32, health: Health, state: Option<State> },
}

/// A request that has reached its endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) id: AskId,
    pub(super) ask: Ask,
    pub(super) outcome: Outcome,
    /// What the API itself says to it, where the outcome leaves it to that.
    pub(super) refusal: Option<Bad>,
    /// Whose token it asks for.
    pub(super) identity: u8,
}

#[derive(Debug)]
struct Entry {
    at: Ms,
    order: u64,
    due: Due,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

#[derive(Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Entry>,
    order: u64,
}

impl Agenda {
    pub(super) fn put(&mut self, at: Ms, due: Due) {
        self.order += 1;
        self.heap.push(Entry { at, order: self.order, due });
    }

    pub(super) fn next(&self) -> Ms {
        self.heap.peek().map_or(Ms::MAX, |entry| entry.at)
    }

    pub(super) fn take(&mut self) -> Option<Due> {
        self.heap.pop().map(|entry| entry.due)
    }
}
