//! `cargo +nightly fuzz run -s none --fuzz-dir fuzz --features libfuzzer inputs`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| satkeeper_fuzz::inputs(data));
