//! One thread, one write at a time, and nobody who waits for longer than is good.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use satkeeper_core::secret::{Secret, Seed};
use satkeeper_core::session::{Config, Credential, Provider, Record, Session, StoreFailure};

use super::{LeasedStore, PATIENCE};
use crate::store::{Lease, MemoryStore, Part, Store, StoreError};

pub(super) const SOON: Duration = Duration::from_secs(30);

/// What a session writes that has got no token yet.
pub(super) fn record(token: &str) -> Box<Record> {
    let config = Config::new(Provider::Static(Credential::new(Secret::new(token))));
    Box::new(Session::new(config, Seed::from_bytes([7; 32])).record())
}

/// Hangs until it is let go.
#[derive(Clone, Default)]
struct Hangs(Arc<Gate>);

#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
    /// Calls that have begun.
    begun: AtomicUsize,
    /// What was written, in order.
    written: Mutex<Vec<Secret>>,
}

impl Hangs {
    fn wait(&self) {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        let open = self.0.open.lock().unwrap();
        drop(self.0.opened.wait_while(open, |open| !*open).unwrap());
    }

    fn let_go(&self) {
        *self.0.open.lock().unwrap() = true;
        self.0.opened.notify_all();
    }

    fn begun(&self) -> usize {
        self.0.begun.load(Ordering::SeqCst)
    }
}

impl Store for Hangs {
    fn name(&self) -> String {
        "/mnt/away".to_owned()
    }

    fn lease(&self) -> Result<Box<dyn Lease>, StoreError> {
        Ok(Box::new(self.clone()))
    }
}

impl Lease for Hangs {
    fn load(&mut self) -> Result<Option<Secret>, StoreError> {
        Ok(None)
    }

    fn save(&mut self, record: &Secret) -> Result<(), StoreError> {
        self.wait();
        self.0.written.lock().unwrap().push(record.clone());
        Ok(())
    }

    fn load_key(&mut self) -> Result<Option<Secret>, StoreError> {
        Ok(None)
    }

    fn save_key(&mut self, _: &Secret) -> Result<(), StoreError> {
        self.wait();
        Ok(())
    }

    fn erase(&mut self) -> Result<(), StoreError> {
        self.wait();
        Ok(())
    }
}

#[test]
fn a_store_that_hangs_has_one_write_under_way_and_the_newest_next() {
    // survives W5
    let store = Hangs::default();
    let (leased, _) = LeasedStore::open(Box::new(store.clone())).unwrap();
    let (teller, told) = channel();
    for at in 0..100_usize {
        let teller = teller.clone();
        leased.save(record(&format!("token {at}")), move |came| teller.send((at, came.is_ok())).unwrap());
        while store.begun() == 0 {
            std::thread::yield_now();
        }
    }
    // Whoever ends now waits no longer than is left of two seconds, and is not kept by it.
    assert!(leased.patience() <= PATIENCE);
    let (freer, freed) = channel();
    leased.release(move |()| freer.send(()).unwrap());
    assert!(freed.try_recv().is_err());
    assert_eq!(store.begun(), 1, "one write, and what came after it waits");
    store.let_go();
    freed.recv_timeout(SOON).unwrap();
    let written = store.0.written.lock().unwrap().clone();
    assert_eq!(written.len(), 2);
    assert!(written.last() == Some(&record("token 99").encode()), "the newest holds all that the others did");
    // Those that the newest stood for are told of it; those long before have given up.
    drop(teller);
    let told: Vec<(usize, bool)> = told.iter().collect();
    assert_eq!(told.first(), Some(&(0, true)));
    assert_eq!(told.last(), Some(&(99, true)));
    assert!(told.len() < 12 && told.iter().all(|(_, ok)| *ok), "{told:?}");
}

#[test]
fn what_is_erased_is_not_brought_back() {
    // proves R33.6
    let store = MemoryStore::new();
    let (leased, _) = LeasedStore::open(Box::new(store.clone())).unwrap();
    let (teller, told) = channel();
    leased.erase(|_| {});
    leased.save(record("late"), move |came| teller.send(came.is_ok()).unwrap());
    assert_eq!(told.recv_timeout(SOON), Ok(true));
    let (freer, freed) = channel();
    leased.release(move |()| freer.send(()).unwrap());
    freed.recv_timeout(SOON).unwrap();
    assert!(LeasedStore::open(Box::new(store)).unwrap().1.record.is_none());
}

/// Never opens.
struct Stuck(Hangs);

impl Store for Stuck {
    fn name(&self) -> String {
        self.0.name()
    }

    fn lease(&self) -> Result<Box<dyn Lease>, StoreError> {
        self.0.wait();
        self.0.lease()
    }
}

#[test]
fn a_store_that_does_not_open_is_given_up() {
    // survives W5
    let store = Hangs::default();
    let begun = Instant::now();
    let opened = LeasedStore::open_within(Box::new(Stuck(store.clone())), Duration::from_millis(20));
    assert!(begun.elapsed() >= Duration::from_millis(20));
    let error = opened.err().unwrap().to_string();
    assert!(error.contains("/mnt/away: it did not open"), "{error}");
    store.let_go();
}

#[test]
fn a_write_that_panics_is_a_failed_one() {
    struct Panics;
    impl Lease for Panics {
        fn load(&mut self) -> Result<Option<Secret>, StoreError> {
            Ok(None)
        }
        fn save(&mut self, _: &Secret) -> Result<(), StoreError> {
            panic!("in the application")
        }
        fn load_key(&mut self) -> Result<Option<Secret>, StoreError> {
            Ok(None)
        }
        fn save_key(&mut self, _: &Secret) -> Result<(), StoreError> {
            Ok(())
        }
        fn erase(&mut self) -> Result<(), StoreError> {
            Err(StoreError::InUse)
        }
    }
    let leased = LeasedStore::new("/mnt/odd".to_owned(), Box::new(Panics));
    let (teller, told) = channel();
    for _ in 0..2 {
        let teller = teller.clone();
        leased.save(record("token"), move |came| teller.send(came).unwrap());
        let Ok(Err(StoreFailure::Unsure(error))) = told.recv_timeout(SOON) else { panic!("it was written") };
        assert_eq!(error.to_string(), "the store failed: /mnt/odd: it panicked");
    }
    // survives W4
    // Who finds that the store is somebody else's hears just that.
    leased.erase(move |came| teller.send(came).unwrap());
    assert!(matches!(told.recv_timeout(SOON), Ok(Err(StoreFailure::Taken(_)))));
}

/// A store whose server repeats what it was given.
#[derive(Clone, Default)]
struct Repeats {
    opens: bool,
}

/// Nothing that a session would know as a secret of its own, nor a token by its looks.
const ECHO: &str = "x6F/ZTVksAsb6C4gGN7gX3dDb79owcZTb09N3DSY";

fn echo<T>() -> Result<T, StoreError> {
    Err(StoreError::Failed(format!("ERR unknown command SET {ECHO}")))
}

impl Store for Repeats {
    fn name(&self) -> String {
        "redis://cache.test/a-name-that-is-longer-than-any-word-and-told-as-IT-1S".to_owned()
    }

    fn lease(&self) -> Result<Box<dyn Lease>, StoreError> {
        if self.opens { Ok(Box::new(self.clone())) } else { echo() }
    }
}

impl Lease for Repeats {
    fn load(&mut self) -> Result<Option<Secret>, StoreError> {
        Err(StoreError::Unusable(ECHO.to_owned()))
    }

    fn save(&mut self, _: &Secret) -> Result<(), StoreError> {
        echo()
    }

    fn load_key(&mut self) -> Result<Option<Secret>, StoreError> {
        Ok(None)
    }

    fn save_key(&mut self, _: &Secret) -> Result<(), StoreError> {
        echo()
    }

    fn erase(&mut self) -> Result<(), StoreError> {
        Err(StoreError::Refused(ECHO.to_owned()))
    }

    fn set_aside(&mut self, _: Part) -> Result<String, StoreError> {
        Ok("cache.test/alice-told-as-IT-1S.unusable-1796031234".to_owned())
    }

    fn lacks(&mut self) -> Vec<String> {
        vec![ECHO.to_owned()]
    }
}

// proves R36.2
// survives W18
#[test]
fn what_a_store_of_the_applications_repeats_is_not_told() {
    let mut told = vec![LeasedStore::open(Box::new(Repeats { opens: false })).err().unwrap().to_string()];
    let (leased, kept) = LeasedStore::open(Box::new(Repeats { opens: true })).unwrap();
    told.extend(kept.notices.iter().map(|notice| notice.cause.clone().unwrap().to_string()));
    let (teller, heard) = channel();
    for erase in [false, true] {
        let teller = teller.clone();
        let tell = move |came: Result<(), StoreFailure>| teller.send(came.unwrap_err()).unwrap();
        if erase {
            leased.erase(tell)
        } else {
            leased.save(record("token"), tell)
        }
        let StoreFailure::Unsure(error) = heard.recv_timeout(SOON).unwrap() else { panic!("failed") };
        told.push(error.to_string());
    }
    assert_eq!(told.len(), 5, "{told:?}");
    for text in told {
        assert!(text.contains("[redacted]") && !text.contains("ZTVks"), "{text}");
        assert!(text.contains("told-as-IT-1S"), "its name is the application's: {text}");
    }
}

// survives S22
#[test]
fn a_clone_that_is_left_over_does_not_hold_the_store() {
    let store = MemoryStore::new();
    let (leased, _) = LeasedStore::open(Box::new(store.clone())).unwrap();
    let late = leased.clone();
    let (freer, freed) = channel();
    leased.release(move |()| freer.send(()).unwrap());
    freed.recv_timeout(SOON).unwrap();
    assert!(LeasedStore::open(Box::new(store)).is_ok());
    drop(late);
}
