//! What a machine gives to a session, whatever runs it: clocks, randomness, keys, trusted roots, stores. And what
//! adapters have in common: settings and their validation, limits of sockets, the texts of errors.
//!
//! Applications use an adapter, `satkeeper` (tokio) or `satkeeper-blocking` (threads), which bring along what they
//! need of this crate under their own names. Whoever writes an adapter of their own begins with
//! `satkeeper_core::session` and takes from here what fits.
//!
//! | module | what it has |
//! |---|---|
//! | [`dispatch`] | what a driver owes the application, and the half of it that knows no runtime |
//! | [`Settings`], [`setters!`] | what a builder is told, validated before anything is sent |
//! | [`Clock`], [`random`] | time and chance, which the core has none of |
//! | [`keys`] | proof-of-possession keys, made and used with aws-lc-rs |
//! | [`program`] | credentials that another program prints |
//! | [`store`], [`leased_store`] | a session outlives its process |
//! | [`recorder`] | a session's run in a file |
//! | [`files`] | what there is at a path |
//! | [`names`] | what the system's resolver is asked, once for all who ask |
//! | [`tls`] | whom a session trusts |
//! | [`proxy`] | which way a session goes |
//! | [`handshake`], [`peer`], [`body`] | how connections begin, what is said where they fail, how answers end |
//! | [`socket`] | limits and errors of WebSockets |
//! | [`PendingOperation`] | what a session waits for, and how it fails |
//! | [`feed`], [`report`], [`Progress`] | what receivers and those who watch are told; log lines |
//!
//! There is no I/O runtime below this crate and none above it is presumed: what blocks says so.

#![deny(missing_debug_implementations)]

mod application;
pub mod body;
mod clock;
pub mod dispatch;
mod end;
mod error;
pub mod event_types;
pub mod feed;
pub mod files;
pub mod handshake;
pub mod keys;
pub mod leased_store;
pub mod names;
pub mod peer;
mod pending_operation;
mod private;
pub mod program;
mod progress;
pub mod proxy;
pub mod random;
pub mod recorder;
pub mod report;
mod setters;
mod settings;
pub mod socket;
pub mod store;
pub mod text;
pub mod tls;

pub use application::{AuthenticateContext, RefreshContext, SigningRequest};
pub use clock::{Clock, LONGEST_SLEEP};
pub use end::End;
pub use error::Error;
pub use feed::Missed;
pub use pending_operation::{LATE, PendingOperation};
pub use progress::Progress;
pub use proxy::Proxies;
pub use settings::{Opened, Project, ProviderChoice, ProxyChoice, Settings, ValidatedSettings};
