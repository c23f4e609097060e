//! Wire formats: what goes to SignalWire and what comes back, byte for byte, with nothing decided.
//!
//! Parsers are lenient by design (R36): every field may be absent, mistyped, huge or a lie. What cannot be used
//! counts as absent, and nothing panics.

pub mod connect;
pub mod connection;
pub(crate) mod endpoint;
pub mod http;
mod ice;
pub mod json;
pub mod push;
pub mod reauthenticate;
pub mod rest;
pub mod routing;
pub mod rpc;
pub mod sat;
pub mod text;
pub mod time;
pub mod url;
