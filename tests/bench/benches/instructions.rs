//! Instructions, by valgrind's count: exact, whatever else the machine does.
#![allow(missing_docs, reason = "gungraun's macros make public functions")]

use gungraun::{library_benchmark, library_benchmark_group, main};
use satkeeper_bench::{lifecycle, session};

#[library_benchmark]
#[bench::round(lifecycle::round(false))]
#[bench::durable(lifecycle::round(true))]
#[bench::cold(lifecycle::cold(false))]
fn machine(mut scene: lifecycle::Scene) -> lifecycle::Scene {
    scene.play();
    scene
}

#[library_benchmark]
#[bench::round(session::round())]
#[bench::cold(session::cold())]
fn with_wire_formats(mut scene: session::Scene) -> session::Scene {
    scene.play();
    scene
}

library_benchmark_group!(name = core, benchmarks = [machine, with_wire_formats]);
main!(library_benchmark_groups = core);
