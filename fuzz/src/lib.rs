//! What is fuzzed, as plain functions: the fuzzer calls them with bytes of its own making, the replay test
//! with the committed corpus.
//!
//! | target | what it is given |
//! |---|---|
//! | [`frame`] | any bytes as a WebSocket frame |
//! | [`inputs`] | any bytes as a sequence of inputs to the lifecycle, most of them aimed at live ids |
//!
//! `cargo +nightly fuzz run -s none --features libfuzzer inputs -- -max_total_time=60`

mod inputs;

pub use inputs::inputs;

use satkeeper_core::wire::rpc::Frame;

/// Any bytes as a WebSocket frame: parsed or refused, never a panic (L39, L51).
pub fn frame(data: &[u8]) {
    if let Ok(text) = core::str::from_utf8(data) {
        let _ = Frame::parse(text);
    }
}
