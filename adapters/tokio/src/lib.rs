//! Keeps a SignalWire subscriber session authenticated for as long as anyone is able to renew its credential,
//! says early and exactly what is going wrong when nobody is, and then ends it cleanly.
//!
//! ```no_run
//! # async fn example() -> Result<(), satkeeper::Error> {
//! use satkeeper::Client;
//! let client = Client::builder()
//!     .subscriber("example.signalwire.com", "PROJECT_ID", "API_TOKEN", "alice@example.com")
//!     .connect()
//!     .await?;
//! # let _ = client;
//! # Ok(()) }
//! ```
//!
//! | you want to | use |
//! |---|---|
//! | name where tokens come from | [`Builder::subscriber`], [`Builder::embed`], [`Builder::static_token`], [`Builder::provider`] |
//! | limit how long that may take | [`Builder::connect_timeout`]: a first token that fails to come is asked for until then |
//! | take tokens from others | [`Builder::allow_hosts`]: where they may lead |
//! | speak JSON-RPC over the session | [`Client::call`], [`Client::notifications`] |
//! | build a phone, a gateway | [`phone`], [`gateway`]: the guides |
//! | make HTTP requests with its token | [`Client::credential`] |
//! | know what goes on | [`Client::events`] and [`EventKind`], [`Client::status`], [`Client::why`], `tracing` with target `satkeeper` |
//! | bring a token, renew now | [`Client::update_token`], [`Client::refresh_now`] |
//! | rest, go on, hand over to the next process, end | [`Client::suspend`], [`Client::resume`], [`Client::leave`], [`Client::disconnect`], [`Client::destroy`] |
//!
//! Every decision is made by `satkeeper-core`, a machine without I/O; this crate gives it sockets, TLS, clocks
//! and randomness on tokio. One task owns the machine, handles send it messages, there are no locks around it.
//!
//! # Secrets
//! No error, event, log line of target `satkeeper` or `Debug` text holds a token, key or proof. Tungstenite
//! logs every frame in clear at TRACE, and at DEBUG the reason for which a server closes a socket, whatever it
//! repeats in it: leave its target at INFO, or filter for `satkeeper` alone. What others say
//! (servers, networks, stores but `FileStore`) is told without any part of a secret that the session knows, and without
//! words of over 32 characters; the errors of an application's own provider and signer keep their words, without such
//! secrets. Buffers of HTTP and TLS keep copies of tokens that nobody wipes.
//!
//! # Memory
//! Whatever a server sends, and however fast, one session stays under 64 MiB of resident memory (a test has it so):
//! notifications are text until they are read, and what a receiver leaves unread is dropped beyond 4 MiB, counted and
//! told. Who reads `params()` in full should know that a value can take ninety times the memory of its text.
//!
//! # Log
//! At `info` and above a log has what changes the state of things and what goes wrong; a renewal only after something
//! went wrong. What repeats is written once, and then as its number, in ever longer intervals. Each renewal, request
//! and socket is a matter of `debug`.
//!
//! # Network
//! TLS 1.2 and 1.3 with the platform's roots and those of [`Builder::ca_pem`]. No redirect is followed, no
//! request repeated. Through a proxy (`CONNECT`) where [`Builder::proxy`] or the environment names one
//! ([`Proxies::from_env`]), never to loopback. Of a name with several addresses the first one that answers is taken,
//! tried 250 ms apart. Answers are read up to 64 KiB, frames up to 1 MiB.

#![deny(missing_debug_implementations)]

mod ask;
mod builder;
mod client;
mod dial;
mod driver;
mod events;
mod http;
mod network;
mod notifications;
mod provider;
mod signer;
mod socket;
mod state;
mod work;

#[doc = include_str!("../docs/phone.md")]
pub mod phone {}

#[doc = include_str!("../docs/gateway.md")]
pub mod gateway {}

pub use builder::Builder;
pub use client::Client;
pub use events::Events;
pub use network::Network;
pub use notifications::{Notification, Notifications};
pub use provider::{BoxFuture, Callback, CredentialProvider, Refresh};
pub use signer::ExternalSigner;

pub use satkeeper_host::{
    AuthenticateContext, End, Error, Missed, Proxies, RefreshContext, SigningRequest, keys, store,
};

pub use satkeeper_core as core;
pub use satkeeper_core::dpop::ProofKey;
pub use satkeeper_core::error::{Error as SessionError, ProviderFault};
pub use satkeeper_core::lifecycle::{
    Event, FallbackReason, Generation, KeyAlgorithm, Mechanism, Phase, Policy, Status, TeardownReason,
    Warning, Why,
};
pub use satkeeper_core::secret::{Secret, Seed};
pub use satkeeper_core::session::{
    Address, Answer, Connection, Credential, EventKind, IceServer, InForce, KeyChoice, Provider,
    ProviderError, Refusal, SessionEvent, SessionNews, Severity, Subscriber, Survival,
};
pub use satkeeper_core::wire::rest::{CreateSubscriberToken, GuestToken};
pub use satkeeper_core::{Now, Tick, UnixMillis};
