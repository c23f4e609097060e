//! `cargo +nightly fuzz run -s none --fuzz-dir fuzz --features libfuzzer frame`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| satkeeper_fuzz::frame(data));
