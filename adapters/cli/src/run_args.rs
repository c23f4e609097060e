//! Options of `satkeeper run`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{ArgAction, Args, ValueEnum};

use crate::duration;
use crate::sentences::Level;

pub(crate) const ABOUT: &str = "\
Keeps one session alive until it is told to stop, or until nobody can renew its credential any more. What \
happens is told on standard error, one line for each event, and at the end why it ended.

Secrets are best given in the environment or in files: the command line can be read by every user of the \
machine. Each has four places, looked at in this order: --token, --token-file (`-`: standard input), \
SATKEEPER_TOKEN, SATKEEPER_TOKEN_FILE; likewise for --api-token and --embed-token.";

pub(crate) const EXAMPLES: &str = "\
Examples:
  A backend with project credentials; the session renews by itself as long as it lives:
    export SATKEEPER_API_TOKEN=PT...
    satkeeper run --provider subscriber --space-url example.signalwire.com --project 8f0a119a-... --reference \
alice@example.com

  A token that somebody else minted; it is renewed if it carries `sat:refresh`:
    satkeeper run --provider static --token-file token.txt

  A guest who may call one address, and nobody else:
    satkeeper run --provider guest --space-url example.signalwire.com --project 8f0a119a-... --address \
2f0b3c52-6f0b-4b0e-8b6a-3d2f9a3d1c11

  A program that brings tokens:
    satkeeper run --provider exec --command ./get-token --arg=--user --arg=alice

  For a script: ten minutes, events as JSON on standard output, nothing else:
    satkeeper run -qq --events - --for 10m --provider static --token-file token.txt | jq -c .event";

/// Who brings tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProviderKind {
    /// One token, from --token
    Static,
    /// Minted and renewed with a project's credentials
    Subscriber,
    /// Minted with a project's credentials for somebody who may only call --address
    Guest,
    /// Exchanged for a click-to-call token
    Embed,
    /// Printed by a program
    Exec,
}

impl ProviderKind {
    /// As it is written.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Subscriber => "subscriber",
            Self::Guest => "guest",
            Self::Embed => "embed",
            Self::Exec => "exec",
        }
    }
}

/// Options of `satkeeper run`.
#[derive(Args)]
pub(crate) struct RunArgs {
    /// Who brings tokens
    #[arg(
        long,
        value_enum,
        env = "SATKEEPER_PROVIDER",
        hide_env_values = true,
        help_heading = "Where tokens come from"
    )]
    pub(crate) provider: ProviderKind,
    /// static: the token (better: --token-file or SATKEEPER_TOKEN)
    #[arg(long, value_name = "TOKEN", help_heading = "Where tokens come from", allow_hyphen_values = true)]
    pub(crate) token: Option<String>,
    /// static: a file with the token
    #[arg(long, value_name = "FILE", conflicts_with = "token", help_heading = "Where tokens come from")]
    pub(crate) token_file: Option<PathBuf>,
    /// subscriber, guest: the space, such as example.signalwire.com
    #[arg(
        long,
        value_name = "URL",
        env = "SATKEEPER_SPACE_URL",
        hide_env_values = true,
        help_heading = "Where tokens come from"
    )]
    pub(crate) space_url: Option<String>,
    /// subscriber, guest: the project's id
    #[arg(
        long,
        value_name = "ID",
        env = "SATKEEPER_PROJECT",
        hide_env_values = true,
        help_heading = "Where tokens come from"
    )]
    pub(crate) project: Option<String>,
    /// subscriber, guest: the project's API token (better: --api-token-file or SATKEEPER_API_TOKEN)
    #[arg(long, value_name = "TOKEN", help_heading = "Where tokens come from", allow_hyphen_values = true)]
    pub(crate) api_token: Option<String>,
    /// subscriber, guest: a file with the project's API token
    #[arg(long, value_name = "FILE", conflicts_with = "api_token", help_heading = "Where tokens come from")]
    pub(crate) api_token_file: Option<PathBuf>,
    /// subscriber: the stable id of the subscriber, often an email address; it is created if need be
    #[arg(
        long,
        value_name = "NAME",
        env = "SATKEEPER_REFERENCE",
        hide_env_values = true,
        help_heading = "Where tokens come from"
    )]
    pub(crate) reference: Option<String>,
    /// guest: an address (its id) that may be called; at least one, at most 10: repeat the option
    #[arg(long = "address", value_name = "ID", help_heading = "Where tokens come from")]
    pub(crate) addresses: Vec<String>,
    /// embed: the click-to-call token, c2c_... (better: --embed-token-file or SATKEEPER_EMBED_TOKEN)
    #[arg(long, value_name = "TOKEN", help_heading = "Where tokens come from", allow_hyphen_values = true)]
    pub(crate) embed_token: Option<String>,
    /// embed: a file with the click-to-call token
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "embed_token",
        help_heading = "Where tokens come from"
    )]
    pub(crate) embed_token_file: Option<PathBuf>,
    /// embed: who exchanges it [default: embeds.signalwire.com]
    #[arg(
        long,
        value_name = "URL",
        env = "SATKEEPER_EMBED_URL",
        hide_env_values = true,
        help_heading = "Where tokens come from"
    )]
    pub(crate) embed_url: Option<String>,
    /// exec: the program
    #[arg(long, value_name = "PROGRAM", help_heading = "Where tokens come from")]
    pub(crate) command: Option<PathBuf>,
    /// exec: an argument for the program; may be repeated. Write --arg=--like-this
    #[arg(
        long = "arg",
        value_name = "ARG",
        help_heading = "Where tokens come from",
        allow_hyphen_values = true
    )]
    pub(crate) args: Vec<String>,
    /// exec: the program knows no `refresh`
    #[arg(long, help_heading = "Where tokens come from")]
    pub(crate) no_refresh: bool,
    /// exec: the program may be asked for a first token again, at any time: it bothers nobody. A first one that
    /// fails to come for now is then asked for until --connect-timeout
    #[arg(long, help_heading = "Where tokens come from")]
    pub(crate) repeatable: bool,

    /// The WebSocket, whatever the token's `ch` says: wss://...
    #[arg(
        long,
        value_name = "URL",
        env = "SATKEEPER_RELAY_URL",
        hide_env_values = true,
        help_heading = "Where the server is"
    )]
    pub(crate) relay_url: Option<String>,
    /// The subscriber's REST endpoints, whatever the token's `ch` says: https://...
    #[arg(
        long,
        value_name = "URL",
        env = "SATKEEPER_FABRIC_URL",
        hide_env_values = true,
        help_heading = "Where the server is"
    )]
    pub(crate) fabric_url: Option<String>,
    /// A host that a token may lead to, such as *.example.com; may be repeated [default: any]
    #[arg(long = "allow-host", value_name = "HOST", help_heading = "Where the server is")]
    pub(crate) allow_hosts: Vec<String>,
    /// Trust these authorities (PEM) beside the system's; read again on SIGHUP
    #[arg(
        long,
        value_name = "FILE",
        env = "SATKEEPER_CA_FILE",
        hide_env_values = true,
        help_heading = "Where the server is",
        value_parser = path()
    )]
    pub(crate) ca_file: Option<PathBuf>,
    /// Go through this proxy: http://[USER:PASSWORD@]HOST:PORT or https://... (with a password better in
    /// SATKEEPER_PROXY). Else through that of HTTPS_PROXY or ALL_PROXY, but for what NO_PROXY lists; never to loopback
    #[arg(
        long,
        value_name = "URL",
        env = "SATKEEPER_PROXY",
        hide_env_values = true,
        help_heading = "Where the server is"
    )]
    pub(crate) proxy: Option<String>,
    /// Go through no proxy, whatever the environment says
    #[arg(long, help_heading = "Where the server is")]
    pub(crate) no_proxy: bool,
    /// Accept http and ws, on loopback addresses such as 127.0.0.1
    #[arg(long, help_heading = "Where the server is")]
    pub(crate) allow_plain: bool,

    /// Proofs name the whole URI (`htu` of RFC 9449), where SignalWire's own client names its path only
    #[arg(long, help_heading = "Where the server is")]
    pub(crate) full_htu: bool,
    /// Proofs name the token (`ath` of RFC 9449) already where it is first exchanged for a client-bound one
    #[arg(long, help_heading = "Where the server is")]
    pub(crate) ath: bool,

    /// Keep the subscriber reachable: `subscriber.online` whenever the session is live
    #[arg(long)]
    pub(crate) online: bool,
    /// Take the calls and messages of this context, too; can be given several times
    #[arg(long = "context", value_name = "NAME")]
    pub(crate) contexts: Vec<String>,
    /// Keep the session in this file (and its key beside it), and go on with what is there: SIGTERM, SIGINT and the
    /// end of --for leave the session to the next start, which resumes it
    #[arg(long, value_name = "FILE", env = "SATKEEPER_STORE", hide_env_values = true, value_parser = path())]
    pub(crate) store: Option<PathBuf>,
    /// End the session when told to stop, rather than leave it in its --store to be resumed
    #[arg(long, requires = "store")]
    pub(crate) disconnect: bool,
    /// End after this time, such as 90, 30s or 10m
    #[arg(long = "for", value_name = "TIME", value_parser = duration::positive)]
    pub(crate) span: Option<Duration>,
    /// Give up (code 5) if there is no session by then; until then a first token that does not come is asked for
    /// again. Reading files and opening the store count, but not what somebody types [default: 30s; 90s for exec
    /// without --repeatable, whose program may have to ask a person first]
    #[arg(long, value_name = "TIME", value_parser = duration::positive)]
    pub(crate) connect_timeout: Option<Duration>,
    /// Append each event as a line of JSON, without secrets. `-`: standard output. May be a named pipe; what nobody
    /// reads in time is counted in a line `events_missing`. Opened anew on SIGHUP, for logrotate
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
    /// Tell less: -q warnings only, -qq nothing; an error that ends it is always told
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose")]
    pub(crate) quiet: u8,
    /// Tell more: -v details, each renewal and what an exec program says, -vv each request and socket
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// The options that stand on the command line, whatever the environment has.
    #[arg(skip)]
    pub(crate) given: BTreeSet<String>,
}

/// A path, be it empty: where it comes from decides what that means.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

impl RunArgs {
    /// Takes over which options stand on the command line. An empty variable of the environment is as good as none:
    /// a template may have left it so.
    pub(crate) fn settle(&mut self, given: BTreeSet<String>) {
        let texts = [
            ("space-url", &mut self.space_url),
            ("project", &mut self.project),
            ("reference", &mut self.reference),
            ("embed-url", &mut self.embed_url),
            ("relay-url", &mut self.relay_url),
            ("fabric-url", &mut self.fabric_url),
            ("proxy", &mut self.proxy),
        ];
        for (option, value) in texts {
            value.take_if(|value| value.is_empty() && !given.contains(option));
        }
        for (option, file) in [("ca-file", &mut self.ca_file), ("store", &mut self.store)] {
            file.take_if(|file| file.as_os_str().is_empty() && !given.contains(option));
        }
        self.given = given;
    }

    /// From which level on events are told.
    pub(crate) const fn least_told(&self) -> Option<Level> {
        match (self.quiet, self.verbose) {
            (0, 0) => Some(Level::Info),
            (0, _) => Some(Level::Detail),
            (1, _) => Some(Level::Warning),
            _ => None,
        }
    }

    /// How long a session may take to come to be.
    pub(crate) fn connect_within(&self) -> Duration {
        let asks_a_person = self.provider == ProviderKind::Exec && !self.repeatable;
        self.connect_timeout.unwrap_or(Duration::from_secs(if asks_a_person { 90 } else { 30 }))
    }

    /// Whether a session that is told to stop is left to the next start.
    pub(crate) const fn leaves(&self) -> bool {
        self.store.is_some() && !self.disconnect
    }
}
