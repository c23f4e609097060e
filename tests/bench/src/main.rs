//! Measures everything and writes `tests/bench/results`: a table, a fleet's requests as CSV and SVG.
//!
//! `--count WHAT N` does one thing N times, for valgrind; `--count session N` leaks the session that did it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use satkeeper_bench::lifecycle::{cold, resting, round};
use satkeeper_bench::measure::{allocations, nanoseconds};
use satkeeper_bench::session::World;
use satkeeper_bench::{plot, proofs};
use satkeeper_core::lifecycle::{Event, Input, Lifecycle};
use satkeeper_core::session::Session;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

/// Fleets that are measured; the last one is plotted.
const FLEETS: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [count, what, times] = words.as_slice()
        && count == "--count"
    {
        repeat(what, times.parse()?);
        return Ok(());
    }
    let quick = words.iter().any(|word| word == "--no-fleet");
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    std::fs::create_dir_all(&results)?;
    let mut table = format!("{}\n\n| what | figure | goal |\n|---|---|---|\n", machine());
    lifecycle(&mut table)?;
    session(&mut table)?;
    for proof in proofs::all() {
        let figure =
            format!("{:.1} µs, bare {:.1} µs, {:.2} ×", proof.proof, proof.bare, proof.proof / proof.bare);
        row(&mut table, &format!("a proof, {}", proof.name), &figure, "≤ 1.1 ×")?;
    }
    if !quick {
        for sessions in FLEETS {
            fleet(&mut table, sessions, &results)?;
        }
    }
    std::fs::write(results.join(if quick { "quick.md" } else { "table.md" }), &table)?;
    std::io::stdout().write_all(table.as_bytes())?;
    Ok(())
}

fn row(table: &mut String, what: &str, figure: &str, goal: &str) -> std::fmt::Result {
    writeln!(table, "| {what} | {figure} | {goal} |")
}

/// The processor and the system, as far as they tell.
fn machine() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (name, system) = (processor.map_or("unknown processor", |(_, name)| name), std::env::consts::OS);
    format!("{name}, {cores} cores, {system} {}; the least of 60 batches each.", std::env::consts::ARCH)
}

fn lifecycle(table: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let (machine, early) = resting();
    let tick = nanoseconds(
        1,
        || machine.clone(),
        |machine| {
            for _ in 0..10_000 {
                let _ = std::hint::black_box(machine.step(early, Input::Tick));
            }
        },
    ) / 10_000.0;
    let mut resting = machine;
    let (allocated, _) = allocations(ALLOCATOR, || drop(resting.step(early, Input::Tick)));
    let figure = format!("{tick:.1} ns, {allocated} allocations");
    row(table, "`Lifecycle`: an early tick", &figure, "< 50 ns, 0 allocations")?;
    let scenes = [
        ("round", "`Lifecycle`: a renewal round (tick, exchange, push)", round(false), "< 1 µs"),
        ("durable", "`Lifecycle`: the same with a record, written twice", round(true), ""),
        ("cold", "`Lifecycle`: from cold to bound", cold(false), ""),
    ];
    for (name, what, scene, goal) in scenes {
        let spent = nanoseconds(500, || scene.clone(), |scene| scene.play());
        let mut once = scene.clone();
        let (allocated, _) = allocations(ALLOCATOR, || once.play());
        let counted =
            instructions(name).map_or("no valgrind".to_owned(), |count| format!("{count} instructions"));
        let figure =
            format!("{spent:.0} ns in {} steps, {allocated} allocations, {counted}", scene.inputs.len());
        row(table, what, &figure, goal)?;
    }
    let (_, kept) = allocations(ALLOCATOR, || std::mem::forget(round(false).machine));
    let figure = format!("{} bytes and {kept} on the heap", size_of::<Lifecycle>());
    row(table, "`Lifecycle`: memory of a bound session", &figure, "")?;
    Ok(())
}

fn session(table: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let bound = |event: &Event| matches!(event, Event::Bound { .. });
    let spent = nanoseconds(
        1,
        || {
            let mut world = World::new();
            world.run(bound);
            world
        },
        |world| world.tick_early(10_000),
    ) / 10_000.0;
    row(table, "`Session`: an early tick", &format!("{spent:.0} ns"), "")?;
    let (mut cold, mut renewal, mut steps) = (f64::MAX, f64::MAX, 0);
    for _ in 0..200 {
        let mut world = World::new();
        world.run(bound);
        cold = cold.min(world.spent.as_nanos() as f64 / 1_000.0);
        (world.spent, world.steps) = (std::time::Duration::ZERO, 0);
        for _ in 0..10 {
            world.renew();
        }
        renewal = renewal.min(world.spent.as_nanos() as f64 / 10_000.0);
        steps = world.steps / 10;
    }
    let figure = format!("{renewal:.1} µs in {steps} steps");
    row(table, "`Session`: a renewal round, without the signatures", &figure, "< 10 µs")?;
    row(table, "`Session`: from cold to bound, without the signatures", &format!("{cold:.1} µs"), "")?;
    let live = |rounds: u32| {
        allocations(ALLOCATOR, || {
            let mut world = World::new();
            world.run(bound);
            (0..rounds).for_each(|_| world.renew());
            std::mem::forget(world.into_session());
        })
        .1
    };
    // The tokens that are held are a base and a bound one.
    let (size, tokens) = (size_of::<Session>() as isize, 2 * World::token_bytes() as isize);
    for rounds in [1, 20] {
        let heap = live(rounds) - tokens;
        let figure = format!("{} bytes: {size} and {heap} on the heap", size + heap);
        row(
            table,
            &format!("`Session`: memory besides two tokens, after {rounds} renewals"),
            &figure,
            "< 2 KiB",
        )?;
    }
    Ok(())
}

/// What is counted under valgrind.
fn repeat(what: &str, times: usize) {
    if what == "session" {
        let mut world = World::new();
        world.run(|event| matches!(event, Event::Bound { .. }));
        (0..times).for_each(|_| world.renew());
        // What it holds is what `valgrind --leak-check=full --show-leak-kinds=all` then finds.
        return std::mem::forget(world.into_session());
    }
    let scene = match what {
        "durable" => round(true),
        "cold" => cold(false),
        _ => round(false),
    };
    let mut scenes: Vec<_> = (0..1_000).map(|_| scene.clone()).collect();
    scenes.iter_mut().take(times).for_each(|scene| scene.play());
    std::mem::forget(scenes);
}

/// Instructions of one, by valgrind's count: exact, whatever else the machine does.
fn instructions(what: &str) -> Option<u64> {
    let count = |times: &str| {
        let program = std::env::current_exe().ok()?;
        let run = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(program)
            .args(["--count", what, times])
            .output()
            .ok()?;
        let text = String::from_utf8(run.stderr).ok()?;
        let line = text.lines().find(|line| line.contains("Collected"))?;
        line.rsplit(' ').next()?.parse::<u64>().ok()
    };
    Some((count("1000")? - count("0")?) / 1_000)
}

/// A fleet, in a process of its own, so that its memory is its own.
fn fleet(table: &mut String, sessions: u32, results: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let csv = results.join("requests.csv");
    let run = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--release", "--package", "satkeeper-simulation", "--", "--fleet"])
        .args(["--sessions", &sessions.to_string(), "--csv"])
        .arg(&csv)
        .output()?;
    let line = String::from_utf8(run.stdout)?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let value = |name: &str| -> Result<f64, String> {
        let at = words.iter().position(|word| *word == name).ok_or_else(|| format!("no {name}: {line}"))?;
        words.get(at + 1).and_then(|word| word.parse().ok()).ok_or_else(|| format!("{name}: {line}"))
    };
    let (seconds, inputs) = (value("seconds")?, value("inputs")?);
    let figure = format!(
        "{seconds:.1} s, {:.0} MiB, {:.0} ns an input, {:.0} µs a session, lost {}",
        value("peak_kib")? / 1_024.0,
        value("ns_per_input")?,
        seconds * 1e6 / f64::from(sessions),
        value("lost")?
    );
    let goal = if sessions == 1_000_000 { "< 120 s, < 4 GiB, as flat as it goes" } else { "" };
    let what = format!("{sessions} sessions × 24 h, {:.0} million inputs", inputs / 1e6);
    row(table, &what, &figure, goal)?;
    if sessions == FLEETS[FLEETS.len() - 1] {
        let (highest, mean) = (value("highest_second")?, value("mean_second")?);
        let figure = format!("{highest} requests, {:.2} × the mean", highest / mean);
        row(table, "its highest second after a mass mint, from the first cycle on", &figure, "≤ 3 ×")?;
        let title = "Requests a second of 1,000,000 sessions minted in the same second: mean and highest of each minute";
        std::fs::write(results.join("requests.svg"), plot::svg(&std::fs::read_to_string(csv)?, 5, title))?;
    }
    Ok(())
}
