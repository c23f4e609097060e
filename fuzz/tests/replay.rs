//! The committed corpus, and pseudo-random inputs (a thousand a target, or `SATKEEPER_NOISE` of them),
//! through the same functions as the fuzzer's.
#![allow(clippy::print_stdout, reason = "shown when a test fails or is asked to talk")]

use std::path::Path;

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a readable folder").path();
        files.push((path.display().to_string(), std::fs::read(&path).expect("a readable file")));
    }
    files.sort();
    assert!(!files.is_empty(), "the corpus of {target} is empty");
    files
}

/// Xorshift: the same bytes on every machine.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

fn noises() -> u64 {
    std::env::var("SATKEEPER_NOISE").ok().and_then(|count| count.parse().ok()).unwrap_or(1_000)
}

#[test]
fn frames() {
    // proves L39
    for (_, data) in corpus("frame") {
        satkeeper_fuzz::frame(&data);
    }
    for seed in 0..noises() {
        satkeeper_fuzz::frame(&noise(seed, 200));
    }
}

#[test]
fn inputs() {
    // proves L1
    for (name, data) in corpus("inputs") {
        println!("{name}");
        satkeeper_fuzz::inputs(&data);
    }
    for seed in 0..noises() {
        println!("noise {seed}");
        satkeeper_fuzz::inputs(&noise(seed, 4_000));
    }
}
