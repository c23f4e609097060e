//! The machine inside satkeeper: it keeps a SignalWire subscriber session authenticated, without a clock, a
//! socket or a runtime of its own.
//!
//! A subscriber access token (SAT) expires; the WebSocket session that it authorises does not have to. Two
//! layers, both sans-IO, decide what to do and say it; a driver does it:
//!
//! ```text
//!            tick, HTTP responses, socket events                inputs: facts, numbers
//!   driver ─────────────────────────────────────▶ Session ─────────────────────────────▶ Lifecycle
//!   (yours, ◀───────────────────────────────────  bytes,  ◀───────────────────────────── every
//!   or an    requests, frames, "wake me at …"     secrets,  commands, events,            decision
//!   adapter)                                      proofs    "wake me at …"
//! ```
//!
//! * [`lifecycle::Lifecycle`]: every decision about the credential. Pure and total: plain data, integer time, seeded draws; knows
//!   tokens by number and facts. For property tests, fuzzers, simulators.
//! * [`session::Session`]: wire formats, secrets, proofs of possession, liveness of the socket. What it decides needs
//!   bytes, or is not about the credential: the [module](session) has the list. For people with an event loop of their
//!   own.
//! * The crates `satkeeper` (tokio) and `satkeeper-blocking` (threads) are drivers. For everybody else.
//!
//! Below them, usable by themselves: [`dpop`] (proofs, RFC 9449; thumbprints, RFC 7638), [`wire`] (JSON-RPC
//! frames and REST calls), [`secret`] (values that cannot be printed), [`error`].
//!
//! The rules that all of this follows are in [`rules`], numbered; the code names them (`R17`). What has gone wrong
//! elsewhere, and why it cannot here, is in [`failures`].
//!
//! The crate is `no_std` and needs `alloc`; its feature `std`, on by default, only reaches through to its
//! dependencies. Everything in it builds for `wasm32-unknown-unknown` and `thumbv7em-none-eabihf`.
//!
//! # The loop
//!
//! ```
//! use satkeeper_core::secret::{Secret, Seed};
//! use satkeeper_core::session::{Config, Credential, Provider, Session, SessionInput, SessionOutput};
//! use satkeeper_core::Now;
//!
//! // Virtual time: a real driver reads its clocks here.
//! let now = Now::new(0, 1_700_000_000_000);
//! let token = Secret::new("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwidHlwIjoiU0FUIn0.....");
//! let config = Config::new(Provider::Static(Credential::new(token)));
//! let mut session = Session::new(config, Seed::from_bytes([7; 32]));
//!
//! let step = session.step(now, SessionInput::Start);
//! for output in step.outputs {
//!     match output {
//!         SessionOutput::MakeKey { id, .. } => { /* make a key, give it back as SessionInput::Key */ }
//!         SessionOutput::Request { id, request, .. } => { /* send it, give back SessionInput::Http */ }
//!         SessionOutput::Open { socket, url, .. } => { /* connect, give back SessionInput::Opened */ }
//!         SessionOutput::Send { socket, text } => { /* write the frame */ }
//!         SessionOutput::Tell(event) => { /* tell the application: event.kind() */ }
//!         // What this driver does not know is not dropped in silence.
//!         other => { let _hand_back = other.decline(); }
//!     }
//! }
//! // Sleep until `wake_at` or until something happens, whichever is first; then step again.
//! assert!(step.wake_at.is_some());
//! ```
//!
//! What such a driver owes the session is in [`odd_event_loop`]. Whole programs are in `examples`: `by_hand` (no network,
//! virtual time) and `event_loop` (a thousand sessions on one thread, with `mio` and no runtime).

#![no_std]
#![deny(missing_debug_implementations)]

extern crate alloc;

pub mod dpop;
pub mod error;
pub mod lifecycle;
pub mod secret;
pub mod session;
pub mod time;
pub mod wire;

#[doc = include_str!("../docs/rules/README.md")]
#[doc = include_str!("../docs/rules/clock.md")]
#[doc = include_str!("../docs/rules/token.md")]
#[doc = include_str!("../docs/rules/record.md")]
#[doc = include_str!("../docs/rules/attempt.md")]
#[doc = include_str!("../docs/rules/pace.md")]
#[doc = include_str!("../docs/rules/socket.md")]
#[doc = include_str!("../docs/rules/hope.md")]
#[doc = include_str!("../docs/rules/waiters.md")]
#[doc = include_str!("../docs/rules/session.md")]
pub mod rules {}

#[doc = include_str!("../docs/failures.md")]
pub mod failures {}

#[doc = include_str!("../docs/odd-event-loop.md")]
pub mod odd_event_loop {}

pub use time::{Millis, Now, Tick, UnixMillis};
