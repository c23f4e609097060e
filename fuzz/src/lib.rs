//! What is fuzzed, as plain functions: the fuzzer calls them with bytes of its own making, the replay test
//! with the committed corpus.
//!
//! | target | what it is given |
//! |---|---|
//! | [`frame`] | any bytes as WebSocket frames |
//! | [`http`] | any bytes as HTTP responses |
//! | [`record`] | any bytes as a record, or as edits of one |
//! | [`key`] | any bytes as a key file |
//! | [`exec`] | any bytes as what a provider's program prints |
//! | [`inputs`] | any bytes as a sequence of inputs to the lifecycle, most of them aimed at live ids |
//!
//! How to run them, and what has come of it, is in `fuzz/README.md`.

mod bytes;
mod exec;
mod frame;
mod http;
mod inputs;
mod key;
mod record;
mod world;

pub use exec::exec;
pub use frame::frame;
pub use http::http;
pub use inputs::inputs;
pub use key::key;
pub use record::{files, record};
