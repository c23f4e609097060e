//! The command line.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::demo::DemoArgs;
use crate::exec_provider::CONTRACT;
use crate::exit::CODES;
use crate::help::{fit, width};
use crate::run_args::{self, RunArgs};
use crate::serve_args::{self, ServeArgs};
use crate::signal_requests::SIGNALS;
use crate::terminal::Terminal;

const ABOUT: &str = "\
Keeps a SignalWire subscriber session authenticated: renews its token by itself for as long as anybody can, says \
early and exactly what is wrong when nobody can, and then ends the session cleanly.

Begin with `satkeeper demo`: it needs no account and no network, and takes about a minute.";

#[derive(Parser)]
#[command(
    name = "satkeeper",
    version,
    about = "Keeps a SignalWire subscriber session authenticated",
    long_about = ABOUT,
    after_long_help = fit(CODES),
    term_width = width(),
    arg_required_else_help = true,
    subcommand_required = true
)]
struct Whole {
    #[command(subcommand)]
    command: Command,
}

/// What is to be done.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// A whole life of a session in about a minute, against a server of its own
    #[command(long_about = fit(DEMO_ABOUT))]
    Demo(DemoArgs),
    /// Keep one session alive until told to stop
    #[command(long_about = run_args::ABOUT, after_long_help = run_help())]
    Run(Box<RunArgs>),
    /// A server that speaks the protocol, for tests and development
    #[command(long_about = serve_args::ABOUT, after_long_help = serve_args::help())]
    Serve(Box<ServeArgs>),
}

const DEMO_ABOUT: &str = "\
A whole life of a session in about 65 seconds, against a server of its own, with real TLS, real tokens and real \
proofs of possession: mint, connect, client-bound, three renewals, the socket is reset, resumed, both device \
endpoints fail, the provider takes over, then refuses, and the session ends when its last token does.

On a terminal a block at the bottom shows how the session stands; else there is one plain line for each thing \
that happens. Ends with a summary, with code 0 if every promise was kept and 1 if not.

  ●  an event of the session
  →  what it asked for, the answer, and why it was asked
  ◇  it stands differently now
  ▲  a warning, with its code
  ✂  what the demo does to the session
  ■  the end
  ✓  a promise that session and server agree was kept";

fn run_help() -> String {
    fit(&format!("{}\n\n{CONTRACT}\n\n{SIGNALS}\n\n{CODES}", run_args::EXAMPLES))
}

/// What to choose from.
const PROVIDERS: &str = "--provider is missing. Who brings the tokens? static: you have one; subscriber or guest: they are \
minted with a project's credentials; embed: for a click-to-call token; exec: a program of yours brings them. `satkeeper run \
--help` has examples";

/// Why there is nothing to carry out: help was asked for, or the command line is no good.
pub(crate) struct Refusal(clap::Error);

impl Refusal {
    /// Says so; the exit code.
    pub(crate) fn tell(self) -> ExitCode {
        let Self(error) = self;
        if lacks_provider(&error) {
            // Clap's own words would name options that the environment has.
            Terminal::stderr().error(PROVIDERS);
            return ExitCode::from(2);
        }
        match stray(&error) {
            // It may be a token that lost its option. Clap would repeat it.
            Some(what) => Terminal::stderr().error(&format!(
                "{what} that satkeeper does not know (it is not repeated here: it may be a secret)\n\n\
                 For more information, try '--help'."
            )),
            // Fails only where nobody reads.
            None => drop(error.print()),
        }
        ExitCode::from(if error.use_stderr() { 2 } else { 0 })
    }
}

fn lacks_provider(error: &clap::Error) -> bool {
    let ContextValue::Strings(missing) = error.get(ContextKind::InvalidArg).unwrap_or(&ContextValue::None)
    else {
        return false;
    };
    error.kind() == ErrorKind::MissingRequiredArgument
        && missing.iter().any(|argument| argument.starts_with("--provider"))
}

/// What was found where nothing of the kind belongs, unless it can be shown.
fn stray(error: &clap::Error) -> Option<&'static str> {
    let (kind, what) = match error.kind() {
        ErrorKind::UnknownArgument => (ContextKind::InvalidArg, "there is an argument"),
        ErrorKind::InvalidSubcommand => (ContextKind::InvalidSubcommand, "there is a command"),
        _ => return None,
    };
    let Some(ContextValue::String(found)) = error.get(kind) else { return Some(what) };
    (!is_harmless(found)).then_some(what)
}

/// Options and words such as ours, mistyped or not.
fn is_harmless(found: &str) -> bool {
    found.len() <= 24 && found.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// Reads the command line.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, Refusal> {
    let mut whole = Whole::command();
    let matches = whole.try_get_matches_from_mut(args).map_err(Refusal)?;
    let read = Whole::from_arg_matches(&matches).map_err(|error| Refusal(error.format(&mut whole)))?;
    let mut command = read.command;
    if let (Command::Run(run), Some(("run", read))) = (&mut command, matches.subcommand()) {
        run.settle(given(&whole, read));
    }
    Ok(command)
}

/// The options of `run` that stand on the command line, and not in the environment.
fn given(whole: &clap::Command, run: &ArgMatches) -> BTreeSet<String> {
    let options = whole.find_subcommand("run").into_iter().flat_map(clap::Command::get_arguments);
    options
        .filter(|option| run.value_source(option.get_id().as_str()) == Some(ValueSource::CommandLine))
        .filter_map(|option| option.get_long().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Command, Whole, is_harmless, parse};
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Whole::command().debug_assert();
    }

    // survives W11
    #[test]
    fn a_program_that_asks_a_person_has_the_time_that_it_is_promised() {
        let within = |options: &[&str]| {
            let args = ["satkeeper", "run", "--command", "x"].iter().chain(options).map(Into::into);
            match parse(args) {
                Ok(Command::Run(run)) => run.connect_within().as_secs(),
                _ => 0,
            }
        };
        assert_eq!(within(&["--provider", "exec"]), 90);
        assert_eq!(within(&["--provider", "exec", "--repeatable"]), 30);
        assert_eq!(within(&["--provider", "static"]), 30);
        assert_eq!(within(&["--provider", "exec", "--connect-timeout", "7"]), 7);
    }

    #[test]
    fn what_may_be_repeated() {
        assert!(is_harmless("--tokn") && is_harmless("srve"));
        assert!(!is_harmless("eyJ0eXAiOiJTQVQifQ") && !is_harmless("--token=abc") && !is_harmless("c2c_abc"));
    }
}
