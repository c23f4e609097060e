//! Whose a write is, and who is certain of the store, where something went wrong on the way.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use satkeeper_core::secret::{Secret, Seed};
use satkeeper_core::session::{Config, Credential, Provider, Record, Session, StoreFailure};

use super::LeasedStore;
use crate::store::{FileStore, Lease, MemoryStore, Store, StoreError, Written};

const SOON: Duration = Duration::from_secs(30);

/// What a session writes that has got no token yet.
fn record(token: &str) -> Box<Record> {
    let config = Config::new(Provider::Static(Credential::new(Secret::new(token))));
    Box::new(Session::new(config, Seed::from_bytes([7; 32])).record())
}

/// What becomes of a write on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    /// It arrives, and its acknowledgement does not.
    ReplyLost,
    /// The same, and what is between repeats it by itself: the second finds the first.
    Repeated,
    Closed,
}

/// A store behind a network: it writes where what is there is what its holder has last read, as an etcd or a database does.
#[derive(Clone)]
struct Remote {
    there: Arc<Mutex<Option<Secret>>>,
    seen: Option<Secret>,
    way: Arc<Mutex<Way>>,
    certain_for: Duration,
}

impl Remote {
    fn new(certain_for: Duration) -> Self {
        Self { there: Arc::default(), seen: None, way: Arc::new(Mutex::new(Way::Open)), certain_for }
    }

    fn leased(&self) -> LeasedStore {
        LeasedStore::new("redis://store.test".to_owned(), Box::new(self.clone()))
    }

    fn goes(&self, way: Way) {
        *self.way.lock().unwrap() = way;
    }

    fn holds(&self, record: &Record) -> bool {
        *self.there.lock().unwrap() == Some(record.encode())
    }
}

impl Lease for Remote {
    fn load(&mut self) -> Result<Option<Secret>, StoreError> {
        self.seen = self.there.lock().unwrap().clone();
        Ok(self.seen.clone())
    }

    fn save(&mut self, record: &Secret) -> Result<(), StoreError> {
        let way = *self.way.lock().unwrap();
        let no_answer = Err(StoreError::Failed("no answer".to_owned()));
        if way == Way::Closed {
            return no_answer;
        }
        let mut there = self.there.lock().unwrap();
        if *there != self.seen {
            self.seen.clone_from(&there);
            return Err(StoreError::Conflict(Written(there.clone().unwrap())));
        }
        *there = Some(record.clone());
        match way {
            Way::ReplyLost => no_answer,
            Way::Repeated => Err(StoreError::Conflict(Written(record.clone()))),
            _ => {
                self.seen.clone_from(&there);
                Ok(())
            }
        }
    }

    fn load_key(&mut self) -> Result<Option<Secret>, StoreError> {
        Ok(None)
    }

    fn save_key(&mut self, _: &Secret) -> Result<(), StoreError> {
        Ok(())
    }

    fn erase(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn certain_for(&mut self) -> Duration {
        self.certain_for
    }
}

fn saved(leased: &LeasedStore, record: &Record) -> Result<(), StoreFailure> {
    let (teller, told) = channel();
    leased.save(Box::new(record.clone()), move |came| teller.send(came).unwrap());
    told.recv_timeout(SOON).unwrap()
}

#[test]
fn a_write_of_our_own_whose_reply_was_lost_is_nobody_elses() {
    // proves R11.3
    let store = Remote::new(Duration::MAX);
    let leased = store.leased();
    assert!(saved(&leased, &record("first")).is_ok());
    for newest in ["second", "third"] {
        store.goes(Way::ReplyLost);
        assert!(matches!(saved(&leased, &record("lost")), Err(StoreFailure::Failed(_))));
        store.goes(Way::Closed);
        assert!(matches!(saved(&leased, &record("never arrived")), Err(StoreFailure::Failed(_))));
        store.goes(Way::Open);
        assert!(saved(&leased, &record(newest)).is_ok());
        assert!(store.holds(&record(newest)));
    }
    store.goes(Way::Repeated);
    assert!(saved(&leased, &record("fourth")).is_ok(), "it is there");
}

#[test]
fn another_holders_write_is_never_taken_for_our_own() {
    // proves R11.1, R11.2
    let store = Remote::new(Duration::MAX);
    let leased = store.leased();
    store.goes(Way::Closed);
    assert!(matches!(saved(&leased, &record("never arrived")), Err(StoreFailure::Failed(_))));
    store.goes(Way::Open);
    *store.there.lock().unwrap() = Some(record("another's").encode());
    assert!(matches!(saved(&leased, &record("second")), Err(StoreFailure::Taken(_))));
    assert!(store.holds(&record("another's")), "nothing is overwritten");
}

#[test]
fn who_may_hold_it_beside_us_is_known_by_the_store_alone() {
    // proves R12.4
    let failed = |certain_for| {
        let store = Remote::new(certain_for);
        store.goes(Way::Closed);
        let leased = store.leased();
        let unanswered = leased.unanswered("no answer within 2000 ms");
        (saved(&leased, &record("token")).unwrap_err(), unanswered)
    };
    let unsure = failed(Duration::ZERO);
    assert!(matches!(unsure, (StoreFailure::Unsure(_), StoreFailure::Unsure(_))), "{unsure:?}");
    let certain = failed(Duration::MAX);
    assert!(matches!(certain, (StoreFailure::Failed(_), StoreFailure::Failed(_))), "{certain:?}");

    // A lock of this machine's own, and what nobody else can reach, are certain.
    let path = std::env::temp_dir().join(format!("satkeeper-doubt-{}", std::process::id()));
    let mut locked = FileStore::new(&path).lease().unwrap();
    assert_eq!(locked.certain_for(), Duration::MAX);
    // Until another file is in its place.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "another's").unwrap();
    #[cfg(unix)]
    assert_eq!(locked.certain_for(), Duration::ZERO);
    drop(locked);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(MemoryStore::new().lease().unwrap().certain_for(), Duration::MAX);
}
