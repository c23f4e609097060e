//! `judge`: the catalogue from the command line.

use std::io::Write as _;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use satkeeper_judge::catalogue::{Row, rows};
use satkeeper_judge::run::{Cell, Machine, Plan, Size, run};
use satkeeper_judge::story::story;
use satkeeper_judge::table::{Line, from_csv, to_csv, to_svg, to_text};

const HELP: &str = "\
judge [--size ci|full|SESSIONS] [--seed 1] [--row N,N] [--machine NAME,NAME] [--threads N]
      [--csv FILE] [--svg FILE] [--as NAME] [--strict] [--keep]
judge --row N --only INDEX [--seed 1] [--machine this]

Plays sessions of each of 45 worlds for each machine (this, naive, absent), and says what their users
suffered. The build of November stands beside them as it was measured by `tests/judge/november`.

--only INDEX   tell the whole story of this session
--as NAME      call the machine `this` by another name: that of an older build
--strict       fail if any row is out of its bound; else only if one is, of the CI size and seed 1, that was
               within it at the last commit (results/kept.txt)
--keep         write results/: the table as text, CSV and SVG, and which rows are within their bound
";

/// What is committed of a run.
const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/results");

/// The rows that the naive client must break at least, or the catalogue proves nothing.
const NAIVE_BREAKS: usize = 15;

struct Arguments {
    plan: Plan,
    only: Option<u64>,
    csv: Option<PathBuf>,
    svg: Option<PathBuf>,
    called: String,
    strict: bool,
    keep: bool,
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(complaint) => {
            say(&format!("{complaint}\n{HELP}"));
            return ExitCode::from(2);
        }
    };
    if let Some(index) = arguments.only {
        return tell(&arguments.plan, index);
    }
    match judge(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(complaint) => {
            say(&complaint);
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Arguments, String> {
    let all = rows();
    let mut arguments = Arguments {
        plan: Plan {
            rows: all.clone(),
            machines: Machine::BESIDE.to_vec(),
            size: Size::Ci,
            seed: 1,
            threads: std::thread::available_parallelism().map_or(1, NonZero::get),
        },
        only: None,
        csv: None,
        svg: None,
        called: Machine::This.name().to_owned(),
        strict: false,
        keep: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
        let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text} is no number"));
        let plan = &mut arguments.plan;
        match word.as_str() {
            "--size" => {
                plan.size = match value()?.as_str() {
                    "ci" => Size::Ci,
                    "full" => Size::Full,
                    sessions => Size::Sessions(number(sessions)?),
                };
            }
            "--seed" => plan.seed = number(&value()?)?,
            "--row" => {
                plan.rows = value()?
                    .split(',')
                    .map(|row| {
                        let row = number(row)?;
                        let of = |found: &&Row| u64::from(found.number) == row;
                        all.iter().copied().find(of).ok_or_else(|| format!("there is no row {row}"))
                    })
                    .collect::<Result<_, _>>()?;
            }
            "--machine" => {
                plan.machines = value()?
                    .split(',')
                    .map(|name| Machine::named(name).ok_or_else(|| format!("there is no machine {name}")))
                    .collect::<Result<_, _>>()?;
            }
            "--threads" => plan.threads = number(&value()?)?.max(1) as usize,
            "--only" => arguments.only = Some(number(&value()?)?),
            "--csv" => arguments.csv = Some(value()?.into()),
            "--svg" => arguments.svg = Some(value()?.into()),
            "--as" => arguments.called = value()?,
            "--strict" => arguments.strict = true,
            "--keep" => arguments.keep = true,
            _ => return Err(format!("{word} is not understood")),
        }
    }
    let plan = &arguments.plan;
    if arguments.keep && (plan.rows.len() < all.len() || plan.size != Size::Ci || plan.seed != 1) {
        return Err("--keep is for all rows at the CI size with seed 1".to_owned());
    }
    Ok(arguments)
}

fn tell(plan: &Plan, index: u64) -> ExitCode {
    let [row] = plan.rows.as_slice() else {
        say("--only wants one --row");
        return ExitCode::from(2);
    };
    let machine = plan.machines.first().copied().unwrap_or(Machine::This);
    match story(machine, row, index, plan.seed) {
        Some((lines, broken)) => {
            lines.iter().for_each(|line| say(line));
            if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        None => {
            say("this machine has no part in that row");
            ExitCode::from(2)
        }
    }
}

fn judge(arguments: &Arguments) -> Result<bool, String> {
    let began = Instant::now();
    let plan = &arguments.plan;
    let cells = run(plan);
    let took = began.elapsed().as_secs_f64();
    let line = |cell: &Cell| {
        let this = cell.machine == Machine::This.name();
        Line::of(cell, if this { &arguments.called } else { cell.machine })
    };
    let measured: Vec<Line> = cells.iter().map(line).collect();
    let (mut lines, others): (Vec<Line>, Vec<Line>) =
        measured.iter().cloned().partition(|line| line.machine == arguments.called);
    if let Ok(november) = std::fs::read_to_string(Path::new(RESULTS).join("november.csv")) {
        let asked = |line: &Line| plan.rows.iter().any(|row| row.number == line.row);
        lines.extend(from_csv(&november)?.into_iter().filter(asked));
    }
    lines.extend(others);
    let table = to_text(&lines);
    say(&table);
    commands(plan, &cells);
    say(&format!("size {}, seed {}, {took:.1} s", plan.size.name(), plan.seed));
    let write = |path: &Path, text: &str| {
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    if let Some(path) = &arguments.csv {
        write(path, &to_csv(&measured))?;
    }
    if let Some(path) = &arguments.svg {
        write(path, &to_svg(&lines))?;
    }
    let kept = Path::new(RESULTS).join("kept.txt");
    let good = verdict(arguments, &cells, &std::fs::read_to_string(&kept).unwrap_or_default());
    if arguments.keep {
        write(&kept, &within(&cells))?;
        write(&Path::new(RESULTS).join("this.csv"), &to_csv(&measured))?;
        write(&Path::new(RESULTS).join("table.txt"), &table)?;
        write(&Path::new(RESULTS).join("table.svg"), &to_svg(&lines))?;
    }
    Ok(good)
}

/// Of this machine's failures each by the command that tells its story.
fn commands(plan: &Plan, cells: &[Cell]) {
    for cell in cells.iter().filter(|cell| cell.machine == Machine::This.name()) {
        for failure in &cell.score.failures {
            say(&format!(
                "cargo run --release -p satkeeper-judge -- --row {} --only {} --seed {}  # {}",
                cell.row.number,
                failure.index,
                plan.seed,
                shortened(&failure.what)
            ));
        }
        let told = cell.score.failures.len() as u64;
        if cell.score.broken > told {
            say(&format!("    and {} more of row {}", cell.score.broken - told, cell.row.number));
        }
    }
}

fn shortened(text: &str) -> String {
    const LONG: usize = 160;
    let short: String = text.chars().take(LONG).collect();
    if short.len() < text.len() { short + " ..." } else { short }
}

/// The rows in which all of this machine's sessions are within their bounds, one a line.
fn within(cells: &[Cell]) -> String {
    let this = cells.iter().filter(|cell| cell.machine == Machine::This.name() && cell.score.broken == 0);
    this.map(|cell| format!("{} {}\n", cell.row.number, cell.row.name)).collect()
}

/// Says what is not as it must be.
fn verdict(arguments: &Arguments, cells: &[Cell], kept: &str) -> bool {
    let kept: Vec<u8> = kept.lines().filter_map(|line| line.split(' ').next()?.parse().ok()).collect();
    let mut good = true;
    for cell in cells {
        let within = cell.score.broken == 0;
        let (number, name) = (cell.row.number, cell.row.name);
        let judged = cell.machine == Machine::This.name() && arguments.called == cell.machine;
        if judged && !within && !arguments.keep {
            if kept.contains(&number) {
                say(&format!(
                    "row {number} ({name}) was within its bound at the last commit, seed 1, CI size"
                ));
                // Another size or seed finds what nobody had found then.
                good &= arguments.plan.size != Size::Ci || arguments.plan.seed != 1;
            }
            good &= !arguments.strict;
        }
        if cell.machine == Machine::Absent.name() && within && !cell.row.ends {
            say(&format!("row {number} ({name}) is satisfied by a client that never connects"));
            good = false;
        }
    }
    let naive = cells.iter().filter(|cell| cell.machine == Machine::Naive.name());
    let (played, breaks) = naive
        .fold((0, 0), |(played, breaks), cell| (played + 1, breaks + usize::from(cell.score.broken > 0)));
    if played == rows().len() && breaks < NAIVE_BREAKS {
        say(&format!("the naive client breaks {breaks} rows only: the catalogue proves nothing"));
        good = false;
    }
    good
}

fn say(line: &str) {
    // Nobody reads on: nothing to be done about that.
    let _ = writeln!(std::io::stdout(), "{line}");
}
