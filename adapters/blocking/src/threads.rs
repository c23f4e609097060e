//! The threads that a session has besides its own, and how many.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Most threads of one kind that a session has. It never needs a handful, unless the application's code does not return.
pub(crate) const MOST: usize = 32;

/// Starts them. Cheap to clone; clones count together.
#[derive(Clone, Default)]
pub(crate) struct Threads(Arc<AtomicUsize>);

impl Threads {
    /// Has this done on a thread of its own, and then what came of it told: `None` where it panicked. `Err`: there
    /// is no thread for it, and why.
    pub(crate) fn run<T>(
        &self,
        act: impl FnOnce() -> T + Send + 'static,
        tell: impl FnOnce(Option<T>) + Send + 'static,
    ) -> Result<(), String> {
        if self.0.fetch_add(1, Ordering::SeqCst) >= MOST {
            self.0.fetch_sub(1, Ordering::SeqCst);
            return Err("too many earlier calls have not returned".to_owned());
        }
        let running = Arc::clone(&self.0);
        let started = thread::Builder::new().name("satkeeper-work".to_owned()).spawn(move || {
            // What panics is gone with it.
            let done = catch_unwind(AssertUnwindSafe(act)).ok();
            running.fetch_sub(1, Ordering::SeqCst);
            tell(done);
        });
        started.map(drop).map_err(|error| {
            self.0.fetch_sub(1, Ordering::SeqCst);
            format!("there is no thread for it: {error}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Threads};
    use std::sync::mpsc::channel;

    #[test]
    fn what_does_not_return_has_threads_up_to_a_limit() {
        let (threads, (teller, told)) = (Threads::default(), channel());
        let mut gates = Vec::new();
        let mut run = |threads: &Threads| {
            let ((open, gate), teller) = (channel::<()>(), teller.clone());
            gates.push(open);
            threads.run(move || gate.recv().is_err(), move |done| teller.send(done).unwrap())
        };
        for _ in 0..MOST {
            run(&threads).unwrap();
        }
        let why = run(&threads.clone()).unwrap_err();
        assert!(why.contains("earlier calls have not returned"), "{why}");
        drop(gates);
        for _ in 0..MOST {
            assert_eq!(told.recv(), Ok(Some(true)));
        }
        // And then there is room again, also after a panic.
        for _ in 0..2 * MOST {
            let teller = teller.clone();
            threads.run(|| panic!("in the application"), move |done| teller.send(done).unwrap()).unwrap();
            assert_eq!(told.recv(), Ok(None));
        }
    }
}
