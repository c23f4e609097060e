//! `simulate`: the simulation from the command line.

use std::io::Write as _;
use std::num::NonZero;
use std::process::ExitCode;
use std::time::Instant;

use satkeeper_simulation::{Allowed, Finding, FleetPlan, Plan, Report, fleet, run, rush, tell};

const HELP: &str = "\
simulate [--sessions 10000] [--hours 24] [--seed 1] [--faults NAME,NAME|none]
         [--digest-only] [--only SESSION | --all] [--outage] [--never-is-fine] [--threads N]
simulate --fleet [--sessions 10000] [--hours 24] [--seed 1] [--check] [--slice MS] [--csv FILE]

--only SESSION    tell the whole story of this one
--all             go on after a finding: each in one line
--outage          an outage of an hour for all sessions at once: the worst requests a second
--never-is-fine   do not fail when a branch was never taken
--fleet           usual sessions, all alive at once on one core, one request in a hundred goes wrong: what
                  they cost
--check           check the invariants of a fleet's machines after each input, as is always done without --fleet
--slice MS        take each session of a fleet through so much time before the next: default an hour
--csv FILE        write the fleet's requests by the minute
";

/// Of a hundred sessions that a server ends, so many may come back in the same second: with a state to resume they have
/// three seconds, without one ten (R19).
const MOST_RESUMED: f64 = 40.0;
const MOST_FRESH: f64 = 15.0;

struct Arguments {
    sessions: u64,
    plan: Plan,
    only: Option<u64>,
    all: bool,
    outage: bool,
    fleet: bool,
    check: bool,
    slice: Option<u64>,
    csv: Option<String>,
    digest_only: bool,
    never_is_fine: bool,
    threads: u64,
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(complaint) => {
            say(&format!("{complaint}\n{HELP}"));
            return ExitCode::from(2);
        }
    };
    if let Some(session) = arguments.only {
        tell(&arguments.plan, session).iter().for_each(|line| say(line));
        return ExitCode::SUCCESS;
    }
    let good = match &arguments {
        Arguments { fleet: true, .. } => keep_fleet(&arguments),
        Arguments { outage: true, .. } => outage(&arguments),
        _ => simulate(&arguments),
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments {
        sessions: 10_000,
        plan: Plan { seed: 1, hours: 24, allowed: Allowed::ALL },
        only: None,
        all: false,
        outage: false,
        fleet: false,
        check: false,
        slice: None,
        csv: None,
        digest_only: false,
        never_is_fine: false,
        threads: std::thread::available_parallelism().map_or(1, NonZero::get) as u64,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("{text} is no number"));
        match word.as_str() {
            "--sessions" => arguments.sessions = number(value()?)?,
            "--hours" => arguments.plan.hours = number(value()?)?,
            "--seed" => arguments.plan.seed = number(value()?)?,
            "--faults" => arguments.plan.allowed = Allowed::named(&value()?)?,
            "--only" => arguments.only = Some(number(value()?)?),
            "--threads" => arguments.threads = number(value()?)?.max(1),
            "--all" => arguments.all = true,
            "--outage" => arguments.outage = true,
            "--fleet" => arguments.fleet = true,
            "--check" => arguments.check = true,
            "--slice" => arguments.slice = Some(number(value()?)?.max(1)),
            "--csv" => arguments.csv = Some(value()?),
            "--digest-only" => arguments.digest_only = true,
            "--never-is-fine" => arguments.never_is_fine = true,
            _ => return Err(format!("{word} is not understood")),
        }
    }
    Ok(arguments)
}

/// The sessions, on all cores: each is by itself, so their number decides nothing.
fn on_all_cores(arguments: &Arguments) -> Result<Report, Box<Finding>> {
    let Arguments { plan, sessions, threads, all, .. } = arguments;
    if *all {
        return each(plan, *sessions);
    }
    if *threads == 1 {
        return run(plan, 0..*sessions);
    }
    std::thread::scope(|scope| {
        let every = *threads as usize;
        let parts: Vec<_> = (0..*threads)
            .map(|first| scope.spawn(move || run(plan, (first..*sessions).step_by(every))))
            .collect();
        let mut sum = Report::default();
        for part in parts {
            match part.join() {
                Ok(report) => sum.add(&report?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(sum)
    })
}

/// Each session by itself, one after the other on one core; of what is found all but the last is said.
fn each(plan: &Plan, sessions: u64) -> Result<Report, Box<Finding>> {
    let mut sum = Report::default();
    let mut last = None;
    for session in 0..sessions {
        match run(plan, [session]) {
            Ok(report) => sum.add(&report),
            Err(finding) => {
                say(&format!("{session}: {} at {}", finding.what, finding.at));
                last = Some(finding);
            }
        }
    }
    last.map_or(Ok(sum), Err)
}

fn simulate(arguments: &Arguments) -> bool {
    let began = Instant::now();
    let report = match on_all_cores(arguments) {
        Ok(report) => report,
        Err(finding) => {
            say(&finding.to_string());
            return false;
        }
    };
    if arguments.digest_only {
        say(&format!("{:016x}", report.digest));
        return true;
    }
    let seconds = began.elapsed().as_secs_f64();
    let Plan { seed, hours, .. } = arguments.plan;
    let session_hours = arguments.sessions * hours;
    say(&format!(
        "sessions {}, hours {hours}, seed {seed}: {session_hours} session-hours, {} lives",
        arguments.sessions, report.lives
    ));
    say(&format!(
        "inputs {}, requests {}, of these for tokens {}",
        report.inputs, report.requests, report.exchanges
    ));
    say(&format!(
        "digest {:016x}, {seconds:.1} s, {:.0} session-hours a second, {:.0} inputs a second",
        report.digest,
        session_hours as f64 / seconds,
        report.inputs as f64 / seconds
    ));
    for (name, times) in report.tally.iter() {
        say(&format!("{times:>10}  {name}"));
    }
    let never = report.tally.never();
    if !never.is_empty() {
        say(&format!("never: {}", never.join("; ")));
    }
    never.is_empty() || arguments.never_is_fine
}

fn outage(arguments: &Arguments) -> bool {
    match rush(arguments.plan.seed, arguments.sessions) {
        Ok(rush) if arguments.digest_only => {
            say(&format!("{:016x}", rush.report.digest));
            true
        }
        Ok(rush) => {
            let share = |opens: u32| f64::from(opens) * 100.0 / arguments.sessions as f64;
            say(&format!(
                "{} sessions, an hour's outage: worst requests a second before it {}, during it {}, after it \
                 {} ({} s after); {} live an hour later; digest {:016x}",
                arguments.sessions,
                rush.before,
                rush.during,
                rush.after,
                rush.after_at,
                rush.survivors,
                rush.report.digest
            ));
            say(&format!(
                "sockets opened in the worst second, of a hundred sessions: after the outage {:.1}, after a restart \
                 with states to resume {:.1}, without {:.1}",
                share(rush.opens),
                share(rush.restarted),
                share(rush.wiped)
            ));
            let spread = share(rush.restarted) <= MOST_RESUMED && share(rush.wiped) <= MOST_FRESH;
            rush.survivors == arguments.sessions && spread
        }
        Err(what) => {
            say(&what);
            false
        }
    }
}

/// Prints a line of `name value` pairs: `satkeeper-bench` reads it.
fn keep_fleet(arguments: &Arguments) -> bool {
    let Arguments { plan: Plan { seed, hours, .. }, sessions, check, .. } = *arguments;
    let usual = FleetPlan::day(u32::try_from(sessions).unwrap_or(u32::MAX));
    let plan = FleetPlan { seed, hours, check, slice: arguments.slice.unwrap_or(usual.slice), ..usual };
    let began = Instant::now();
    let report = match fleet(&plan) {
        Ok(report) => report,
        Err(what) => {
            say(what);
            return false;
        }
    };
    let seconds = began.elapsed().as_secs_f64();
    if let Some(Err(error)) = arguments.csv.as_ref().map(|path| std::fs::write(path, report.minutes())) {
        say(&error.to_string());
        return false;
    }
    if arguments.digest_only {
        say(&format!("{:016x}", report.digest));
        return true;
    }
    // The renewals of the first cycle begin when the first is due, 450 s after the mass mint.
    let (highest, mean) = report.load(300);
    say(&format!(
        "sessions {sessions} hours {hours} seed {seed} inputs {} requests {} faults {} renewals {} \
         failed_mints {} live {} lost {} highest_second {highest} mean_second {mean:.1} seconds {seconds:.2} \
         cpu_seconds {:.2} peak_kib {} digest {:016x}",
        report.inputs,
        report.requests(),
        report.faults,
        report.renewals,
        report.failed,
        report.live,
        report.lost,
        processor_time().unwrap_or(seconds),
        peak_memory().unwrap_or(0),
        report.digest
    ));
    report.lost == 0
}

/// The most memory that this process has had, in KiB, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The seconds that this process has been running on a processor, its own and not the kernel's, where the system tells.
fn processor_time() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the name, which may have blanks in it; Linux counts in hundredths.
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_whitespace().nth(11)?.parse::<f64>().ok()? / 100.0)
}

fn say(line: &str) {
    // Nobody reads on: nothing to be done about that.
    let _ = writeln!(std::io::stdout(), "{line}");
}
