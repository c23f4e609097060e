//! Taking a store and reading what is in it.

use satkeeper_core::Now;
use satkeeper_core::dpop::ProofKey;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::session::{Record, SessionEvent, SessionNews};

use super::{LeasedStore, StoredSession, foreign, refused, store};
use crate::error::Error;
use crate::keys;
use crate::store::{Lease, Part, Store, StoreError};

pub(super) fn open(from: &dyn Store) -> Result<(LeasedStore, StoredSession), Error> {
    let name = from.name();
    let mut lease = foreign::lease(from).map_err(|error| refused(&name, &error.to_string()))?;
    let mut notices = Vec::new();
    let record = record(lease.as_mut(), &name, &mut notices)?;
    let key = key(lease.as_mut(), &name, &mut notices)?;
    let lacks = lease.lacks().into_iter().map(|what| told(SessionNews::StoreLacks, &name, &what));
    notices.extend(lacks);
    Ok((LeasedStore::new(name, lease), StoredSession { record, key, notices }))
}

/// What cannot be read will not be readable tomorrow either, and a session that begins anew is better than none.
fn record(
    lease: &mut dyn Lease,
    name: &str,
    notices: &mut Vec<SessionEvent>,
) -> Result<Option<Record>, Error> {
    let why = match lease.load() {
        Ok(None) => return Ok(None),
        Ok(Some(text)) => match Record::decode(text.expose().as_bytes()) {
            Ok(record) => return Ok(Some(record)),
            Err(SessionError::Store { message }) => message,
            Err(error) => error.to_string(),
        },
        Err(StoreError::Unusable(why)) => why,
        Err(error) => return Err(refused(name, &error.to_string())),
    };
    set_aside(lease, Part::Record, name, &why, notices)?;
    Ok(None)
}

/// A new key costs new tokens, no more. One that belongs to others as well is theirs to judge.
fn key(
    lease: &mut dyn Lease,
    name: &str,
    notices: &mut Vec<SessionEvent>,
) -> Result<Option<ProofKey>, Error> {
    let why = match lease.load_key() {
        Ok(None) => return Ok(None),
        Ok(Some(pem)) => match keys::from_pkcs8_pem(pem.expose()) {
            Ok(key) => return Ok(Some(key)),
            Err(error) => error.to_string(),
        },
        Err(StoreError::Unusable(why)) => why,
        Err(error) => return Err(refused(name, &error.to_string())),
    };
    set_aside(lease, Part::Key, name, &why, notices)?;
    Ok(None)
}

fn set_aside(
    lease: &mut dyn Lease,
    part: Part,
    name: &str,
    why: &str,
    notices: &mut Vec<SessionEvent>,
) -> Result<(), Error> {
    let place = lease.set_aside(part).map_err(|error| refused(name, &format!("{why}; {error}")))?;
    notices.push(told(SessionNews::SetAside, name, &format!("{why}; it lies in {place} now")));
    Ok(())
}

fn told(event: SessionNews, name: &str, what: &str) -> SessionEvent {
    // When, whoever opens the session for it says.
    SessionEvent::new(Now::default(), event, Some(store(name, what)))
}
