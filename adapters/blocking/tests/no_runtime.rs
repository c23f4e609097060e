//! There is no async runtime in what this crate needs: cargo itself says so.

use std::process::Command;

const RUNTIMES: [&str; 9] = [
    "tokio",
    "tokio-rustls",
    "async-std",
    "smol",
    "async-io",
    "async-executor",
    "futures-executor",
    "hyper",
    "reqwest",
];

#[test]
fn there_is_no_async_runtime_below_this_crate() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).expect("text");
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"satkeeper-blocking") && names.contains(&"ureq"), "{names:?}");
    for runtime in RUNTIMES {
        assert!(!names.contains(&runtime), "{runtime} is there");
    }
}
