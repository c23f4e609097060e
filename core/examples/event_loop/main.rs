//! A thousand sessions on one thread: an event loop on `mio`, with no runtime. Copy `event_loop.rs` and change what
//! differs. Against the fixture server, in another terminal:
//!
//! ```sh
//! satkeeper serve --device-ttl 30s       # prints its addresses
//! cargo run --release -p satkeeper-core --example event_loop -- http://127.0.0.1:PORT ws://127.0.0.1:PORT 1000 60
//! ```
//!
//! Seen with 1,000 sessions on one of two busy cores: all live within 10 s of the start (1,000 mints, proofs, sockets);
//! with tokens of 15 minutes 22 MiB and 1.3 s of CPU in the first minute, with tokens of 30 s 25 MiB and 6.2 s of CPU
//! for 8,468 renewals in 90 s.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]
#![allow(clippy::indexing_slicing, reason = "a session's place is its name")]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "here is where the clocks are read")]

mod event_loop;
mod link;
mod sessions;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use satkeeper_core::session::{EventKind, SessionInput};

static RENEWALS: AtomicUsize = AtomicUsize::new(0);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [http, ws, count, seconds] = args.as_slice() else {
        return Err("event_loop HTTP-URL WS-URL SESSIONS SECONDS".into());
    };
    let sessions = sessions::make(http, ws, count.parse()?)?;
    let mut event_loop = event_loop::EventLoop::new(sessions, |session, kind| match kind {
        EventKind::Renewed { .. } => drop(RENEWALS.fetch_add(1, Ordering::Relaxed)),
        EventKind::Live { .. } | EventKind::Bound => {}
        other => eprintln!("session {session}: {other:?}"),
    })?;
    for second in 1..=seconds.parse()? {
        event_loop.run(Duration::from_secs(1))?;
        let (live, renewals) = (event_loop.live(), RENEWALS.load(Ordering::Relaxed));
        println!("{second} s: {live} live, {renewals} renewals, {} connections", event_loop.connections());
    }
    event_loop.tell_all(|| SessionInput::Disconnect);
    Ok(event_loop.run(Duration::from_secs(1))?)
}
