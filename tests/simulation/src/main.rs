//! `simulate`: the simulation from the command line.

use std::io::Write as _;
use std::num::NonZero;
use std::process::ExitCode;
use std::time::Instant;

use satkeeper_simulation::{Allowed, Finding, Plan, Report, run, rush, tell};

const HELP: &str = "\
simulate [--sessions 10000] [--hours 24] [--seed 1] [--faults NAME,NAME|none]
         [--digest-only] [--only SESSION] [--outage] [--never-is-fine] [--threads N]

--only SESSION    tell the whole story of this one
--outage          an outage of an hour for all sessions at once: the worst requests a second
--never-is-fine   do not fail when a branch was never taken
";

struct Arguments {
    sessions: u64,
    plan: Plan,
    only: Option<u64>,
    outage: bool,
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
    let good = if arguments.outage { outage(&arguments) } else { simulate(&arguments) };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments {
        sessions: 10_000,
        plan: Plan { seed: 1, hours: 24, allowed: Allowed::ALL },
        only: None,
        outage: false,
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
            "--outage" => arguments.outage = true,
            "--digest-only" => arguments.digest_only = true,
            "--never-is-fine" => arguments.never_is_fine = true,
            _ => return Err(format!("{word} is not understood")),
        }
    }
    Ok(arguments)
}

/// The sessions, on all cores: each is by itself, so their number decides nothing.
fn on_all_cores(arguments: &Arguments) -> Result<Report, Box<Finding>> {
    let Arguments { plan, sessions, threads, .. } = arguments;
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
            rush.survivors == arguments.sessions
        }
        Err(what) => {
            say(&what);
            false
        }
    }
}

fn say(line: &str) {
    // Nobody reads on: nothing to be done about that.
    let _ = writeln!(std::io::stdout(), "{line}");
}
