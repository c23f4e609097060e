//! Plays a story, writes down its run, replays a run.
//!
//! ```sh
//! scenario play tests/scenarios/nobody-renews.txt             # the story, with what comes out
//! scenario record tests/scenarios/nobody-renews.txt > run     # its run, one JSON object a line
//! scenario record --session tests/scenarios/nobody-renews.txt # the session's run, with its bytes
//! scenario replay run                                         # the same bytes again?
//! ```
//!
//! Exit codes: 0 all is as it should be, 1 it is not, 2 the command line or a file is not understood.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line")]

use std::process::ExitCode;

use satkeeper_scenarios::{Machine, Recording, Script, play};

const USAGE: &str = "usage: scenario play|record [--session] STORY, or scenario replay RUN";

enum Failed {
    /// It came out otherwise.
    Differs(String),
    /// It could not be tried.
    Unusable(String),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(Failed::Differs(what)) => {
            eprintln!("{what}");
            ExitCode::from(1)
        }
        Err(Failed::Unusable(what)) => {
            eprintln!("{what}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[&str]) -> Result<String, Failed> {
    let (command, machine, path) = match arguments {
        [command, "--session", path] => (*command, Machine::Session, *path),
        [command, path] => (*command, Machine::Lifecycle, *path),
        _ => return Err(Failed::Unusable(USAGE.to_owned())),
    };
    let unusable = |what: String| Failed::Unusable(format!("{path}: {what}"));
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    if command == "replay" {
        let run = Recording::read(&text);
        run.replay().map_err(|divergence| Failed::Differs(format!("{path}, {divergence}")))?;
        return Ok(format!("{} lines, the same bytes\n", run.len()));
    }
    let script = Script::parse(&text).map_err(|trouble| unusable(trouble.to_string()))?;
    // A story for one machine is played with that one.
    let machine = if script.machines().contains(&machine) { machine } else { Machine::Session };
    let played = play(&script, machine).map_err(|trouble| unusable(trouble.to_string()))?;
    match command {
        "record" => Ok(format!("{}\n", played.recording.text())),
        "play" if played.missed.is_empty() => Ok(script.with_golden(&played.golden)),
        "play" => {
            let missed: Vec<String> = played.missed.iter().map(ToString::to_string).collect();
            Err(Failed::Differs(format!("{}\n{}", script.with_golden(&played.golden), missed.join("\n"))))
        }
        _ => Err(Failed::Unusable(USAGE.to_owned())),
    }
}
