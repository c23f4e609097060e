//! Measures everything and writes `tests/bench/results`: a table, a fleet's requests as CSV and SVG.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use satkeeper_bench::allocations::allocations;
use satkeeper_bench::child::Result;
use satkeeper_bench::criterion::Times;
use satkeeper_bench::fleet::Fleet;
use satkeeper_bench::instructions::Instructions;
use satkeeper_bench::{lifecycle, plot, session};
use satkeeper_core::lifecycle::{Input, Lifecycle};
use satkeeper_core::session::Session;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

/// Fleets that are measured; the last one is plotted.
const FLEETS: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];

fn main() -> Result<()> {
    let quick = std::env::args().skip(1).any(|word| word == "--no-fleet");
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    std::fs::create_dir_all(&results)?;
    let mut table = Table::new();
    let (times, instructions) = (Times::take()?, Instructions::count()?);
    machine(&mut table, &times, &instructions)?;
    with_wire_formats(&mut table, &times, &instructions)?;
    proofs(&mut table, &times)?;
    if !quick {
        fleets(&mut table, &results)?;
        std::fs::write(results.join("table.md"), &table.0)?;
    }
    std::io::stdout().write_all(table.0.as_bytes())?;
    Ok(())
}

struct Table(String);

impl Table {
    fn new() -> Self {
        Self(format!("{}\n\n| what | figure | goal |\n|---|---|---|\n", computer()))
    }

    fn row(&mut self, what: &str, figure: &str, goal: &str) {
        let _ = writeln!(self.0, "| {what} | {figure} | {goal} |");
    }
}

/// The processor, the system and how busy they are, as far as they tell.
fn computer() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{}, {cores} cores, {} {}, load {}; times are medians, the least in brackets.",
        processor.map_or("unknown processor", |(_, name)| name),
        std::env::consts::OS,
        std::env::consts::ARCH,
        load.split(' ').next().unwrap_or("unknown"),
    )
}

fn machine(table: &mut Table, times: &Times, instructions: &Instructions) -> Result<()> {
    let (mut resting, early) = lifecycle::resting();
    let (allocated, _) = allocations(ALLOCATOR, || drop(resting.step(early, Input::Tick)));
    let figure = format!("{}, {allocated} allocations", times.of("lifecycle/early")?);
    table.row("`Lifecycle`: an early tick", &figure, "< 50 ns, 0 allocations");
    let scenes = [
        ("round", "`Lifecycle`: a renewal round (tick, exchange, push)", lifecycle::round(false), "< 1 µs"),
        ("durable", "`Lifecycle`: the same with a record, written twice", lifecycle::round(true), ""),
        ("cold", "`Lifecycle`: from cold to bound", lifecycle::cold(false), ""),
    ];
    for (name, what, mut scene, goal) in scenes {
        let (time, steps) = (times.of(&format!("lifecycle/{name}"))?, scene.inputs.len());
        let (allocated, _) = allocations(ALLOCATOR, || scene.play());
        let counted = instructions.of("machine", name);
        table.row(what, &format!("{time} in {steps} steps, {allocated} allocations, {counted}"), goal);
    }
    let (_, kept) = allocations(ALLOCATOR, || std::mem::forget(lifecycle::round(false).machine));
    let figure = format!("{} bytes and {kept} on the heap", size_of::<Lifecycle>());
    table.row("`Lifecycle`: memory of a bound session", &figure, "");
    Ok(())
}

fn with_wire_formats(table: &mut Table, times: &Times, instructions: &Instructions) -> Result<()> {
    table.row("`Session`: an early tick", &times.of("session/early")?.to_string(), "");
    let scenes = [
        ("round", "`Session`: a renewal round, without the signatures", session::round(), "< 10 µs"),
        ("cold", "`Session`: from cold to bound, without the signatures", session::cold(), ""),
    ];
    for (name, what, mut scene, goal) in scenes {
        let (time, steps) = (times.of(&format!("session/{name}"))?, scene.inputs.len());
        let (allocated, _) = allocations(ALLOCATOR, || scene.play());
        let counted = instructions.of("with_wire_formats", name);
        table.row(what, &format!("{time} in {steps} steps, {allocated} allocations, {counted}"), goal);
    }
    for renewals in [1, 20] {
        let (_, kept) = allocations(ALLOCATOR, || std::mem::forget(session::renewed(renewals)));
        // The tokens that are held are a base and a bound one.
        let (size, heap) = (size_of::<Session>() as isize, kept - 2 * session::TOKEN_BYTES as isize);
        let what = format!("`Session`: memory besides two tokens, after {renewals} renewals");
        table.row(&what, &format!("{} bytes: {size} and {heap} on the heap", size + heap), "< 2 KiB");
    }
    Ok(())
}

fn proofs(table: &mut Table, times: &Times) -> Result<()> {
    let keys = [
        ("es256-p256", "ES256, p256"),
        ("es256-aws-lc-rs", "ES256, aws-lc-rs (the adapters' default)"),
        ("rs256-aws-lc-rs", "RS256, aws-lc-rs"),
    ];
    for (id, name) in keys {
        let (proof, bare) = (times.of(&format!("{id}/proof"))?, times.of(&format!("{id}/bare"))?);
        let times = proof.median / bare.median;
        let figure = format!("{}, bare {}, {times:.2} ×", proof, bare);
        table.row(&format!("a proof, {name}"), &figure, "≤ 1.1 ×");
    }
    Ok(())
}

fn fleets(table: &mut Table, results: &Path) -> Result<()> {
    let csv = results.join("requests.csv");
    for sessions in FLEETS {
        let fleet = Fleet::of(sessions, &csv)?;
        let seconds = fleet.value("cpu_seconds")?;
        let figure = format!(
            "{seconds:.1} s of processor time, {:.0} MiB, {:.0} µs a session, lost {}",
            fleet.value("peak_kib")? / 1_024.0,
            seconds * 1e6 / f64::from(sessions),
            fleet.value("lost")?
        );
        let last = sessions == FLEETS[FLEETS.len() - 1];
        let goal = if last { "< 120 s, < 4 GiB, as flat as it goes" } else { "" };
        let what = format!("{sessions} sessions × 24 h, {:.0} million inputs", fleet.value("inputs")? / 1e6);
        table.row(&what, &figure, goal);
        if last {
            let (highest, mean) = (fleet.value("highest_second")?, fleet.value("mean_second")?);
            let figure = format!("{highest} requests, {:.2} × the mean", highest / mean);
            table.row("its highest second after a mass mint, from the first cycle on", &figure, "≤ 3 ×");
            let title = "Requests of 1,000,000 sessions minted in the same second";
            let drawn = plot::svg(&std::fs::read_to_string(&csv)?, 5, title);
            std::fs::write(results.join("requests.svg"), drawn)?;
        }
    }
    Ok(())
}
