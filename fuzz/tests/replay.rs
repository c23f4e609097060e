//! The committed corpus, and pseudo-random bytes (a thousand runs a target, or `SATKEEPER_NOISE` of them), through
//! the same functions as the fuzzer's: noise, and for what is text, corpus files with a few bytes changed.
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
struct Noise(u64);

impl Noise {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn byte(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.to_le_bytes()[3]
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.byte()).collect()
    }

    fn below(&mut self, limit: usize) -> usize {
        let number = u32::from_le_bytes([self.byte(), self.byte(), self.byte(), 0]);
        usize::try_from(number).unwrap_or(0) % limit.max(1)
    }

    /// A file with some bytes changed, cut out, or taken from elsewhere.
    fn changed(&mut self, mut file: Vec<u8>) -> Vec<u8> {
        for _ in 0..=self.below(6) {
            let (from, to) = (self.below(file.len()), self.below(file.len()));
            let (from, to) = (from.min(to), from.max(to).min(from.min(to) + 24));
            match self.below(4) {
                0 => drop(file.drain(from..to)),
                1 => {
                    let copy = file[from..to].to_vec();
                    let at = self.below(file.len());
                    drop(file.splice(at..at, copy));
                }
                2 => file.iter_mut().skip(from).take(1).for_each(|byte| *byte = b'0' + *byte % 10),
                _ => {
                    let other = self.byte();
                    file.iter_mut().skip(from).take(1).for_each(|byte| *byte = other);
                }
            }
        }
        file
    }
}

fn noises() -> u64 {
    std::env::var("SATKEEPER_NOISE").ok().and_then(|count| count.parse().ok()).unwrap_or(1_000)
}

/// The corpus, then noise of this length (none where it is 0), then the corpus with changes.
fn replay(target: &str, fuzz: fn(&[u8]), length: usize) {
    let files = corpus(target);
    for (name, data) in &files {
        println!("{name}");
        fuzz(data);
    }
    for seed in 0..noises() {
        println!("noise {seed}");
        let mut noise = Noise::new(seed);
        if length > 0 {
            fuzz(&noise.bytes(length));
        }
        let (_, file) = &files[noise.below(files.len())];
        fuzz(&noise.changed(file.clone()));
    }
}

#[test]
fn frames() {
    // proves R32.8
    replay("frame", satkeeper_fuzz::frame, 0);
}

#[test]
fn inputs() {
    // proves R29.8
    replay("inputs", satkeeper_fuzz::inputs, 4_000);
}

#[test]
fn responses() {
    // proves R36.7
    replay("http", satkeeper_fuzz::http, 0);
}

#[test]
fn records() {
    // proves R13.9
    replay("record", satkeeper_fuzz::record, 24);
}

#[test]
fn keys() {
    // proves R36.7
    replay("key", satkeeper_fuzz::key, 200);
}

#[test]
fn programs() {
    // proves R34
    replay("exec", satkeeper_fuzz::exec, 0);
}

#[test]
fn files() {
    // proves R13.9
    let folder = std::env::temp_dir().join(format!("satkeeper-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let (records, keys) = (corpus("record"), corpus("key"));
    for seed in 0..noises() {
        let mut noise = Noise::new(seed);
        let (_, record) = &records[noise.below(records.len())];
        let (_, key) = &keys[noise.below(keys.len())];
        let (record, key) = match seed % 4 {
            0 => (record.clone(), key.clone()),
            _ => (noise.changed(record.clone()), noise.changed(key.clone())),
        };
        satkeeper_fuzz::files(&folder, &record, &key);
    }
    std::fs::remove_dir_all(&folder).expect("our own folder");
}
