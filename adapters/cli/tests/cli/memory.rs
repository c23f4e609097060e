//! `satkeeper run` under a server that sends as fast as it can.

#![allow(clippy::print_stdout, reason = "shown when a test fails or is asked to talk")]

use satkeeper_fixtures::flood::{Flood, MOST, Shape};

use crate::program::satkeeper;

// survives W1
#[test]
fn a_flood_of_frames_that_nobody_reads_takes_no_memory() {
    // {"alg":"dir","enc":"A256GCM","typ":"SAT"}
    const TOKEN: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwidHlwIjoiU0FUIn0....";
    for shape in Shape::ALL {
        let flood = Flood::start(shape);
        let mut run = satkeeper(&["run", "--provider", "static", "--token", TOKEN, "--allow-plain"]);
        run.args(["--relay-url", &flood.url(), "--fabric-url", "http://127.0.0.1:1"]);
        let endured = flood.endured_by(run.spawn().unwrap(), |child| child.kill().unwrap());
        let Some(endured) = endured else { return };
        println!("run, {shape:?}: {endured}");
        assert!(endured.peak < MOST, "{shape:?}: {endured}");
    }
}
