//! What the host of a session keeps, and what it says of sockets and of its store.

use std::collections::BTreeMap;

use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::{KeyAlgorithm, SocketId};
use satkeeper_core::session::{Record, SessionInput, StoreFailure};

use super::answered;
use crate::client::{AskId, Bad, Good, Reply};
use crate::timeline::Ms;

/// What the host keeps where there is a store.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// What the store has.
    record: Option<Vec<u8>>,
    /// What it is writing; an erasure is `None`.
    writes: BTreeMap<AskId, Option<Vec<u8>>>,
    pub(super) key: Option<KeyAlgorithm>,
}

impl Host {
    pub(super) fn writes(&mut self, write: AskId, record: Option<&Record>) {
        self.writes.insert(write, record.map(|record| record.encode().expose().as_bytes().to_vec()));
    }

    /// The store has it from now on.
    pub(super) fn kept(&mut self, write: AskId) {
        if let Some(record) = self.writes.remove(&write) {
            self.record = record;
        }
    }

    /// The store has answered: if it has it, it has been told so by now.
    pub(super) fn answered(&mut self, write: AskId, reply: &Reply) -> Result<(), StoreFailure> {
        self.writes.remove(&write);
        stored(reply.result)
    }

    /// What a new process finds.
    pub(super) fn found(&self) -> Option<Record> {
        self.record.as_deref().and_then(|bytes| Record::decode(bytes).ok())
    }
}

pub(super) fn opened(socket: SocketId, reply: &Reply) -> SessionInput {
    let error = match reply.result {
        Ok(_) => return SessionInput::Opened { socket, date: reply.date.map(answered::http_date) },
        Err(Bad::Http { status, retry_after, .. }) => upgrade_refused(status, retry_after),
        Err(bad) => Error::Transport { message: format!("the connection was refused ({bad:?})") },
    };
    SessionInput::Closed { socket, error: Some(error) }
}

#[cfg(not(november))]
fn upgrade_refused(status: u16, retry_after_ms: Option<Ms>) -> Error {
    Error::UpgradeRefused { peer: "puc.judge.test:443".to_owned(), status, retry_after_ms }
}

/// It has no word for it.
#[cfg(november)]
fn upgrade_refused(status: u16, _: Option<Ms>) -> Error {
    Error::Transport { message: format!("the upgrade was refused with {status}") }
}

fn stored(result: Result<Good, Bad>) -> Result<(), StoreFailure> {
    let failed = |message: &str| Error::Store { message: message.to_owned() };
    match result {
        Ok(_) => Ok(()),
        Err(Bad::NotKept { taken: true }) => Err(taken(failed("somebody else holds the session"))),
        Err(_) => Err(StoreFailure::Failed(failed("the disk is full"))),
    }
}

#[cfg(not(november))]
fn taken(error: Error) -> StoreFailure {
    StoreFailure::Taken(error)
}

/// It knows only of a holder whose record it can read.
#[cfg(november)]
fn taken(error: Error) -> StoreFailure {
    StoreFailure::Failed(error)
}
