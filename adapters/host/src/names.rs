//! Names, looked up by the system's resolver, which knows no time limit: one that hangs keeps a thread for each name,
//! not for each who asks.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

type Found = io::Result<Vec<SocketAddr>>;

/// Told once, by the thread that looks up.
type Tell = Box<dyn FnOnce(Found) + Send>;

/// Who asks later than that begins a lookup of his own: this machine may be on another network since.
const JOINED_WITHIN: Duration = Duration::from_secs(10);

/// Most lookups of one name at once; then the newest is joined, however old it is.
const MOST: usize = 4;

static NAMES: Names = Names::new(resolve, JOINED_WITHIN);

fn resolve(host: &str, port: u16) -> Found {
    (host, port).to_socket_addrs().map(Iterator::collect)
}

/// Looks up where to connect to, all of this process together: who asks for what is being looked up already waits for
/// that. `tell` hears what came of it, from a thread that is not to be held up; it does not where [`Waiting`] is dropped
/// before.
///
/// ```
/// let (teller, told) = std::sync::mpsc::channel();
/// let waiting = satkeeper_host::names::look_up("127.0.0.1", 443, move |found| drop(teller.send(found)));
/// assert_eq!(told.recv()??, ["127.0.0.1:443".parse()?]);
/// # drop(waiting);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn look_up(host: &str, port: u16, tell: impl FnOnce(Found) + Send + 'static) -> Waiting {
    NAMES.look_up(host, port, Box::new(tell))
}

/// Somebody waits for a name. Dropped, nobody does; the lookup goes on, since nothing can end it.
#[must_use = "dropped, it is not waited for"]
pub struct Waiting {
    names: &'static Names,
    number: u64,
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").finish_non_exhaustive()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        for lookup in &mut self.names.book().under_way {
            lookup.waiting.retain(|(number, _)| *number != self.number);
        }
    }
}

struct Names {
    book: Mutex<Book>,
    resolve: fn(&str, u16) -> Found,
    joined_within: Duration,
}

struct Book {
    next: u64,
    /// Oldest first.
    under_way: Vec<Lookup>,
}

struct Lookup {
    number: u64,
    host: String,
    port: u16,
    begun: Instant,
    waiting: Vec<(u64, Tell)>,
}

impl Names {
    const fn new(resolve: fn(&str, u16) -> Found, joined_within: Duration) -> Self {
        let book = Mutex::new(Book { next: 0, under_way: Vec::new() });
        Self { book, resolve, joined_within }
    }

    fn look_up(&'static self, host: &str, port: u16, tell: Tell) -> Waiting {
        let mut book = self.book();
        let number = book.next;
        book.next = number.wrapping_add(1);
        let waiting = Waiting { names: self, number };
        if let Ok(address) = host.parse::<IpAddr>() {
            drop(book);
            tell(Ok(vec![SocketAddr::from((address, port))]));
            return waiting;
        }
        let same = |lookup: &Lookup| lookup.port == port && lookup.host == host;
        let count = book.under_way.iter().filter(|lookup| same(lookup)).count();
        let newest = book.under_way.iter_mut().rev().find(|lookup| same(lookup));
        if let Some(lookup) = newest
            && (count >= MOST || lookup.begun.elapsed() < self.joined_within)
        {
            lookup.waiting.push((number, tell));
            return waiting;
        }
        let waiters = vec![(number, tell)];
        let begun = Instant::now();
        book.under_way.push(Lookup { number, host: host.to_owned(), port, begun, waiting: waiters });
        drop(book);
        let name = host.to_owned();
        let look = move || self.answer(number, &(self.resolve)(&name, port));
        if let Err(error) = thread::Builder::new().name("satkeeper-names".to_owned()).spawn(look) {
            self.answer(number, &Err(error));
        }
        waiting
    }

    fn answer(&self, number: u64, found: &Found) {
        let mut book = self.book();
        let answered: Vec<Lookup> = book.under_way.extract_if(.., |lookup| lookup.number == number).collect();
        drop(book);
        for (_, tell) in answered.into_iter().flat_map(|lookup| lookup.waiting) {
            tell(match found {
                Ok(addresses) => Ok(addresses.clone()),
                Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
            });
        }
    }

    /// Nobody panics while he has it.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, MOST, Names};
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;
    use std::sync::{Condvar, Mutex};
    use std::time::Duration;

    /// A resolver that says nothing before it is let go.
    struct Hanging {
        begun: AtomicUsize,
        answers: Mutex<bool>,
        changed: Condvar,
    }

    impl Hanging {
        const fn new() -> Self {
            Self { begun: AtomicUsize::new(0), answers: Mutex::new(false), changed: Condvar::new() }
        }

        fn resolve(&self, port: u16) -> Found {
            self.begun.fetch_add(1, Ordering::SeqCst);
            drop(self.changed.wait_while(self.answers.lock().unwrap(), |answers| !*answers).unwrap());
            Ok(vec![SocketAddr::from(([127, 0, 0, 9], port))])
        }

        fn let_go(&self) {
            *self.answers.lock().unwrap() = true;
            self.changed.notify_all();
        }
    }

    const SOON: Duration = Duration::from_secs(30);

    // survives W5
    #[test]
    fn who_asks_for_the_same_waits_for_the_same() {
        static RESOLVER: Hanging = Hanging::new();
        static NAMES: Names = Names::new(|_, port| RESOLVER.resolve(port), SOON);
        let (teller, told) = channel();
        let ask = |host: &str, at: usize| {
            let teller = teller.clone();
            NAMES.look_up(host, 7, Box::new(move |found| teller.send((at, found.unwrap())).unwrap()))
        };
        let mut waiting: Vec<_> = (0..300).map(|at| ask("dead.test", at)).collect();
        // Who has given up is not kept in mind.
        drop(waiting.split_off(3));
        assert_eq!(NAMES.book().under_way[0].waiting.len(), 3);
        let other = ask("other.test", 1_000);
        let literal = ask("127.0.0.1", 2_000);
        assert_eq!(told.recv().unwrap(), (2_000, vec![SocketAddr::from(([127, 0, 0, 1], 7))]));
        RESOLVER.let_go();
        let mut heard: Vec<usize> = (0..4).map(|_| told.recv_timeout(SOON).unwrap().0).collect();
        heard.sort_unstable();
        assert_eq!(heard, [0, 1, 2, 1_000]);
        assert_eq!(RESOLVER.begun.load(Ordering::SeqCst), 2, "one for each name");
        assert!(NAMES.book().under_way.is_empty());
        drop((waiting, other, literal));
    }

    // survives W5
    #[test]
    fn a_lookup_that_hangs_is_tried_beside_and_not_without_end() {
        static RESOLVER: Hanging = Hanging::new();
        static NAMES: Names = Names::new(|_, port| RESOLVER.resolve(port), Duration::ZERO);
        let (teller, told) = channel();
        let waiting: Vec<_> = (0..50)
            .map(|_| {
                let teller = teller.clone();
                NAMES.look_up("dead.test", 7, Box::new(move |found| teller.send(found.is_ok()).unwrap()))
            })
            .collect();
        assert_eq!(NAMES.book().under_way.len(), MOST);
        RESOLVER.let_go();
        for _ in &waiting {
            assert_eq!(told.recv_timeout(SOON), Ok(true));
        }
        assert_eq!(RESOLVER.begun.load(Ordering::SeqCst), MOST);
    }
}
