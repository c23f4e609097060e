//! `satkeeper`: keeps a SignalWire subscriber session authenticated, from the command line.
//!
//! | command | what it does | where |
//! |---|---|---|
//! | `satkeeper demo` | a whole life of a session in a minute, against a server of its own | `demo`, `demo_script`, `timeline`, `lifetimes`, `summary` |
//! | `satkeeper run` | keeps one session alive until told to stop | `run`, `run_args`, `stop`, `providers`, `exec_provider`, `secrets`, `signal_requests`, `log` |
//! | `satkeeper serve` | a server that speaks the protocol, for tests and development | `serve`, `serve_args`, `orders`, `requests` |
//!
//! What both sides tell is put into words by `sentences` (the session's events) and `server_view` (what the
//! server saw), into JSON by `events`, and reaches the terminal through `terminal` only. All of it is written in the
//! background (`writer`): a pipe that nobody reads holds up neither the session nor the end of the program.

mod args;
mod causes;
mod demo;
mod demo_script;
mod duration;
mod events;
mod exec_provider;
mod exit;
mod files;
mod help;
mod lifetimes;
mod line;
mod log;
mod orders;
mod providers;
mod requests;
mod run;
mod run_args;
mod secrets;
mod sentences;
mod serve;
mod serve_args;
mod server_view;
mod signal_requests;
mod signals;
mod stamp;
mod stop;
mod summary;
mod terminal;
mod timeline;
mod writer;

use std::process::ExitCode;
use std::time::Duration;

use args::Command;
use exit::Failure;
use terminal::Terminal;

/// How long the end of the program waits for what it has told to be written.
const LAST_WORDS: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let code = match args::parse(std::env::args_os()) {
        Ok(command) => conduct(command),
        Err(refusal) => refusal.tell(),
    };
    exec_provider::end_all();
    writer::finish(LAST_WORDS);
    code
}

fn conduct(command: Command) -> ExitCode {
    let ended = runtime().and_then(|runtime| {
        let ended = runtime.block_on(carry_out(command));
        // A provider's program or a blocked read of a file must not hold the exit up.
        runtime.shutdown_background();
        ended
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            Terminal::stderr().error(&failure.to_string());
            failure.code()
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Broken(format!("the runtime cannot be started: {error}")))
}

async fn carry_out(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo(args) => demo::demo(args).await,
        Command::Run(args) => run::run(*args).await,
        Command::Serve(args) => serve::serve(*args).await,
    }
}
