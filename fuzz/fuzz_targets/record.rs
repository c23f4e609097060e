//! `cargo +nightly fuzz run -s none --fuzz-dir fuzz --features libfuzzer record`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| satkeeper_fuzz::record(data));
