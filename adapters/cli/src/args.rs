//! The command line.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::demo::DemoArgs;
use crate::duration;
use crate::exec_provider::CONTRACT;
use crate::exit::CODES;
use crate::help::{fit, width};
use crate::run_args::{self, RunArgs};
use crate::terminal::Terminal;
use crate::wishes::SIGNALS;

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
    #[command(long_about = SERVE_ABOUT, after_long_help = fit(SERVE_EXAMPLES))]
    Serve(ServeArgs),
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

const SERVE_ABOUT: &str = "\
A server that speaks SignalWire's subscriber protocol: tokens, device exchanges with proofs of possession that \
are really verified, and the WebSocket with its JSON-RPC, all on one port. It answers whatever host it is called \
by, knows the tokens of its predecessors, and accepts any project and API token.

The first line on standard output is one JSON object: `https` and `wss` (with --tls; else `http` and `ws`) are \
where it listens, `ca` is the certificate to trust (PEM), `ca_file` the file that it was written to. SIGINT and \
SIGTERM stop it.";

const SERVE_EXAMPLES: &str = "\
Examples:
  A server with short-lived tokens, and a session kept alive against it:
    satkeeper serve --tls --listen 127.0.0.1:8443 --ca-out ca.pem --sat-ttl 60s --device-ttl 20s
    export SATKEEPER_API_TOKEN=any SATKEEPER_CA_FILE=ca.pem
    satkeeper run --provider subscriber --project any --reference alice --space-url https://127.0.0.1:8443 \
--fabric-url https://127.0.0.1:8443 --relay-url wss://127.0.0.1:8443

  A token from it:
    curl -s --cacert ca.pem -u any:any -d '{\"reference\": \"alice\"}' \\
        https://127.0.0.1:8443/api/fabric/subscribers/tokens | jq -r .token

  Two renewals that fail, and every socket reset after five seconds (--faults FILE):
    {\"faults\": [{\"on\": \"devices_refresh\", \"times\": {\"next\": 2},
                 \"effect\": {\"status\": {\"code\": 503}}}],
     \"actions\": [{\"at_ms\": 5000, \"do\": \"drop_sockets\"}]}";

/// Options of `satkeeper serve`.
#[derive(Args)]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 takes a free one. Without --tls on loopback only
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Serve https and wss, with a certificate made at the start
    #[arg(long)]
    pub(crate) tls: bool,
    /// Write the authority that clients must trust (PEM) here, and its private key to FILE.key. If both are
    /// there already, they are used again, so that a server started anew is still trusted
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(crate) ca_out: Option<PathBuf>,
    /// The `ch` that its tokens carry, from which clients derive both hosts: the WebSocket is at HOST, the
    /// REST endpoints at HOST with its first label replaced by `fabric`. May have a port; port 0 stands for
    /// the one that is listened on
    #[arg(long, value_name = "HOST")]
    pub(crate) ch: Option<String>,
    /// Life of subscriber tokens, and the most that is granted, such as 90, 40s or 2h [default: 2h]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) sat_ttl: Option<Duration>,
    /// Most that device tokens are granted, such as 12s or 15m [default: 15m]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) device_ttl: Option<Duration>,
    /// Grant no `sat:refresh`: sessions cannot become client-bound
    #[arg(long)]
    pub(crate) no_scope: bool,
    /// Be as lenient as SignalWire's browser SDK needs it: it repeats a proof when it repeats a request, and
    /// resumes without one after a page reload
    #[arg(long)]
    pub(crate) official: bool,
    /// Time between the server's pings [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) ping_every: Option<Duration>,
    /// Script of what goes wrong (JSON, see the examples)
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,
    /// Take orders from standard input and end with it: `"counts"`, or `{"do": ACT}` with an ACT as in the actions
    /// of a script, one a line. Each is answered by a line of JSON on standard output: `counts`, `done` (the number
    /// of sockets concerned) or `refused`; with `--requests`, all that was seen before an answer is written before it
    #[arg(long)]
    pub(crate) control: bool,
    /// Write each request, frame and verdict on a proof as a line of JSON, secrets replaced by tags.
    /// `-`: standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) requests: Option<PathBuf>,
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
    use super::{Whole, is_harmless};
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Whole::command().debug_assert();
    }

    #[test]
    fn what_may_be_repeated() {
        assert!(is_harmless("--tokn") && is_harmless("srve"));
        assert!(!is_harmless("eyJ0eXAiOiJTQVQifQ") && !is_harmless("--token=abc") && !is_harmless("c2c_abc"));
    }
}
