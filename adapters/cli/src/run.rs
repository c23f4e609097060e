//! `satkeeper run`: one session, kept alive.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use satkeeper::store::FileStore;
use satkeeper::{
    Builder, Client, End, Error, EventKind, Events, Network, Phase, ProviderFault, Proxies, SessionError,
    SessionEvent, TeardownReason,
};
use satkeeper_host::files::{Found, look};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use crate::causes::{cause, when_expired, when_none_came, when_refused};
use crate::duration::show;
use crate::events::EventLog;
use crate::exit::Failure;
use crate::files;
use crate::log;
use crate::providers::{self, Chosen, Scheme, url};
use crate::run_args::RunArgs;
use crate::secrets::Places;
use crate::sentences::{Level, Sentence, sentence, tone};
use crate::signal_requests::SignalHandler;
use crate::signals::{SignalRequests, Signals};
use crate::stamp::utc;
use crate::stop::{Reasons, Stop};
use crate::terminal::{Line, Terminal, Tone};

/// How long the end of a session may take: closing its socket takes 2 s at most.
const END_WITHIN: Duration = Duration::from_secs(5);

/// Where what is told begins, behind time and level.
const INDENT: usize = 33;

/// Keeps a session alive.
pub(crate) async fn run(args: RunArgs) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut reasons = Reasons {
        signals: Signals::watch()?,
        time_is_up: args.span.map(|span| begun + span),
        connect_by: Some(begun + args.connect_within()),
    };
    let requests = SignalRequests::watch()?;
    if args.verbose > 1 {
        log::show();
    }
    let args = Arc::new(args);
    let from_stdin = providers::secret(&args).as_ref().is_some_and(Places::is_standard_input);
    let is_typed = from_stdin && std::io::stdin().is_terminal();
    if is_typed {
        // Who types or pastes has the time that it takes.
        reasons.connect_by = None;
    }
    // Files may be pipes that nobody writes to, or lie on a disk that does not answer.
    let reading = Arc::clone(&args);
    let reading = spawn_blocking(move || {
        let chosen = providers::choose(&reading)?;
        let (network, log) = (network(&reading)?, event_log(&reading)?);
        let file = log.as_ref().and_then(EventLog::file);
        let signal_handler = SignalHandler::new(Arc::clone(&reading), &chosen, &network, file, requests);
        Ok((builder(&reading, chosen, &network)?, log, signal_handler))
    });
    let (builder, log, mut signal_handler) = match reasons.unless(reading).await {
        Ok(read) => read.map_err(|_| Failure::Broken("the options cannot be read".to_owned()))??,
        Err(stop) => {
            let waiting = match from_stdin {
                true => "nothing came on standard input, or it was not closed",
                false => "a file that was given cannot be read",
            };
            return stop.before_it_began(&args, waiting);
        }
    };
    if is_typed {
        reasons.connect_by = Some(Instant::now() + args.connect_within());
    }
    let client = match reasons.unless(builder.start()).await {
        Ok(started) => started.map_err(|error| not_set_up(error, &args))?,
        Err(stop) => return stop.before_it_began(&args, "it is not set up: the store does not answer"),
    };
    let mut story = Story {
        terminal: Terminal::stderr(),
        least: args.least_told(),
        log,
        been_live: false,
        renewals: 0,
        is_troubled: false,
        failed: None,
        unwritten: None,
    };
    let mut events = client.events();
    let stop = story.follow(&client, &mut events, &mut reasons, &mut signal_handler).await;
    let phase = client.status().borrow().phase;
    // What is written last decides.
    story.unwritten = None;
    let end = story.wind_up(&client, &mut events, &mut reasons.signals, &args, stop.is_some()).await;
    let left = args.leaves().then(|| story.left(end.as_ref()));
    let verdict = story.verdict(&args, stop, phase, end);
    if verdict.is_ok() {
        let why = stop.map_or_else(String::new, |stop| stop.told(&args));
        story.close(&client, &why, left, begun.elapsed());
    }
    verdict
}

/// Everything but the start; nothing is sent.
fn builder(args: &RunArgs, chosen: Chosen, network: &Network) -> Result<Builder, Failure> {
    let mut builder = chosen.add_to(Client::builder()).network(network);
    builder = builder.allow_plain_on_loopback(args.allow_plain);
    builder = builder.full_htu(args.full_htu).ath_on_activation(args.ath);
    builder = builder.online(args.online).contexts(&args.contexts);
    builder = builder.connect_timeout(args.connect_within());
    if let Some(text) = &args.relay_url {
        builder = builder.relay_url(url("relay-url", text, Scheme::WebSocket, args)?.as_str());
    }
    if let Some(text) = &args.fabric_url {
        builder = builder.fabric_url(url("fabric-url", text, Scheme::Http, args)?.as_str());
    }
    if !args.allow_hosts.is_empty() {
        builder = builder.allow_hosts(&args.allow_hosts);
    }
    if let Some(file) = &args.store {
        looks_like_a_file(file)
            .map_err(|error| Failure::usage(format!("--store {}: {error}", file.display())))?;
        builder = builder.store(FileStore::new(file));
    }
    Ok(builder)
}

/// Whom to trust, which can change, and which way to go.
fn network(args: &RunArgs) -> Result<Network, Failure> {
    let read = |file: &PathBuf| {
        files::read(file).map_err(|error| Failure::usage(format!("--ca-file {}: {error}", file.display())))
    };
    let ca_pem = args.ca_file.as_ref().map(read).transpose()?;
    let proxies = match &args.proxy {
        _ if args.no_proxy => Ok(Proxies::none()),
        Some(url) => Proxies::through(url),
        None => Ok(Proxies::from_env()),
    };
    let network = proxies.and_then(|proxies| Network::by_way_of(proxies, ca_pem.as_deref()));
    network.map_err(|error| not_set_up(error, args))
}

/// To open a named pipe takes until somebody is at its other end, and a device keeps nothing.
fn looks_like_a_file(path: &Path) -> std::io::Result<()> {
    match look(path)? {
        Found::Folder | Found::Special => Err(std::io::Error::other("it is not a file")),
        Found::File | Found::Nothing => Ok(()),
    }
}

/// Where events go as JSON. That they go nowhere any more is told by whoever writes them.
fn event_log(args: &RunArgs) -> Result<Option<EventLog>, Failure> {
    let tells = args.least_told().is_some();
    let failed = move |error| {
        if tells {
            let text = format!("--events: {error}; nothing more is written, the session goes on");
            Terminal::stderr().line(&Line::new().with(Tone::Bad, text).hanging(2));
        }
    };
    args.events.as_deref().map(|path| EventLog::open(path, failed)).transpose()
}

/// What is told of a session, and what has to be remembered of it.
struct Story {
    terminal: Terminal,
    least: Option<Level>,
    log: Option<EventLog>,
    been_live: bool,
    renewals: u64,
    /// Something went wrong since the last renewal.
    is_troubled: bool,
    /// What went wrong last, by the session's own account.
    failed: Option<SessionError>,
    /// Why the record could not be written since the session was told to end.
    unwritten: Option<String>,
}

impl Story {
    /// Tells events until the session ends (`None`) or there is a reason to end it.
    async fn follow(
        &mut self,
        client: &Client,
        events: &mut Events,
        reasons: &mut Reasons,
        signal_handler: &mut SignalHandler,
    ) -> Option<Stop> {
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(Ok(event)) => self.tell(&event),
                    Some(Err(missed)) => self.note(Tone::Warn, &missed.to_string()),
                    None => return None,
                },
                stop = reasons.next(self.been_live) => return Some(stop),
                said = signal_handler.next(client) => match said {
                    Some(said) => self.show(&utc(client.now().unix), &said),
                    None => return Some(Stop::Signal("SIGHUP: its terminal has gone")),
                },
            }
        }
    }

    /// Ends the session if it is to be ended; how it ended. A second signal, and patience, end the waiting.
    async fn wind_up(
        &mut self,
        client: &Client,
        events: &mut Events,
        signals: &mut Signals,
        args: &RunArgs,
        ends: bool,
    ) -> Option<End> {
        let ending = async {
            match (ends, args.leaves()) {
                (true, true) => client.leave().await,
                (true, false) => client.disconnect().await,
                (false, _) => client.closed().await,
            }
        };
        let end = tokio::select! {
            end = timeout(END_WITHIN, ending) => end.ok()?,
            _ = signals.next() => return None,
        };
        // Down to the last one, for who reads them as JSON.
        while let Some(event) = events.recv().await {
            if let Ok(event) = event {
                self.tell(&event);
            }
        }
        Some(end)
    }

    fn tell(&mut self, event: &SessionEvent) {
        let mut said = sentence(event, event.at);
        let level = said.level;
        match event.kind() {
            EventKind::Live { .. } => self.been_live = true,
            EventKind::Renewed { .. } => {
                self.renewals += 1;
                // The first shows that it works; from then on it is told when it has not.
                if self.renewals > 1 && !std::mem::take(&mut self.is_troubled) {
                    said.level = Level::Detail;
                }
            }
            _ => self.is_troubled |= level >= Level::Warning,
        }
        if event.kind() == EventKind::StoreFailed {
            self.unwritten = Some(event.cause.as_ref().map_or_else(String::new, cause));
        }
        // Nothing ends with a socket.
        if event.cause.is_some() && !matches!(event.kind(), EventKind::ConnectionLost { .. }) {
            self.failed.clone_from(&event.cause);
        }
        // An end that nobody asked for is what the last line is about.
        if said.name != "teardown" || self.least == Some(Level::Detail) {
            self.show(&utc(event.at.unix), &said);
        }
        said.level = level;
        if let Some(log) = &mut self.log {
            log.write(event, &said);
        }
    }

    fn show(&mut self, time: &str, said: &Sentence) {
        if self.least.is_some_and(|least| said.level >= least) {
            let line = Line::new().with(Tone::Faint, format!("{time} "));
            let line = line.with(tone(said.level), format!("{:<7} ", said.level.name())).plain(&said.text);
            self.terminal.line(&line.with(Tone::Faint, format!(" [{}]", said.name)).hanging(INDENT));
        }
    }

    fn note(&mut self, tone: Tone, text: &str) {
        if self.least.is_some() {
            self.terminal.line(&Line::new().with(tone, text).hanging(2));
        }
    }

    /// What becomes of the exit code. `phase`: how far it had come.
    fn verdict(
        &self,
        args: &RunArgs,
        stop: Option<Stop>,
        phase: Phase,
        end: Option<End>,
    ) -> Result<(), Failure> {
        let no_session = |stop: Stop| {
            let why = self.failed.as_ref().map_or_else(|| awaited(phase).to_owned(), cause);
            let text = format!("no session within {}: {why}", show(stop.within(args)));
            match self.failed.as_ref().filter(|error| refuses_credentials(error)) {
                // It was asked again until then, since a backend may be mended meanwhile.
                Some(_) => Failure::Refused(format!("{text}; {}", when_refused(args))),
                None => Failure::Unreachable(text),
            }
        };
        match stop {
            Some(Stop::Signal(_)) => Ok(()),
            Some(Stop::TimeIsUp) if self.been_live => Ok(()),
            Some(stop @ (Stop::TimeIsUp | Stop::NoConnection)) => Err(no_session(stop)),
            None => Err(end.map_or_else(
                || Failure::Broken("the session did not end".to_owned()),
                |end| ended(end, args),
            )),
        }
    }

    /// Whether the next start finds all of the session in the store; why not.
    fn left(&self, end: Option<&End>) -> Result<(), String> {
        match (end.map(|end| &end.reason), &self.unwritten) {
            (_, Some(why)) => Err(why.clone()),
            (Some(TeardownReason::Left), None) => Ok(()),
            (Some(reason), None) => Err(format!("it ended meanwhile ({})", reason.name())),
            (None, None) => Err(format!("it did not end within {}", show(END_WITHIN))),
        }
    }

    /// The last line.
    fn close(&mut self, client: &Client, why: &str, left: Option<Result<(), String>>, after: Duration) {
        let now = client.now();
        let generation = client.status().borrow().generation.0;
        let renewals = match self.renewals {
            1 => "1 renewal".to_owned(),
            n => format!("{n} renewals"),
        };
        let (level, left) = match left {
            None => (Level::Info, String::new()),
            Some(Ok(())) => (Level::Info, ", the session is left to the next start".to_owned()),
            Some(Err(cause)) => (
                Level::Warning,
                format!(
                    ", but the session could not be left to the next start ({})",
                    cause.trim_end_matches('.')
                ),
            ),
        };
        let text = format!(
            "ended as asked ({why}) after {}{left}: {renewals}, generation {generation}",
            show(after)
        );
        self.show(&utc(now.unix), &Sentence { level, name: "end", text });
    }
}

/// What had not come, where nothing went wrong so far.
const fn awaited(phase: Phase) -> &'static str {
    match phase {
        Phase::Idle | Phase::Minting => "the first token has not come yet",
        _ => "the server has not answered yet",
    }
}

/// Nothing was sent yet.
fn not_set_up(error: Error, args: &RunArgs) -> Failure {
    match error {
        Error::Certificate { reason } => {
            let file = args.ca_file.as_deref().unwrap_or(Path::new(""));
            Failure::usage(format!("--ca-file {}: {reason}", file.display()))
        }
        Error::Session(SessionError::InvalidField { field: "proxy", reason }) => {
            Failure::usage(format!("--proxy (or SATKEEPER_PROXY): {reason}"))
        }
        Error::Setup { .. } | Error::NoRuntime | Error::DriverStopped => Failure::Broken(error.to_string()),
        Error::Session(SessionError::InvalidCredentials { .. }) => Failure::Refused(error.to_string()),
        Error::Session(SessionError::Store { .. } | SessionError::DpopInit { .. }) => {
            Failure::Broken(format!("--store: {error}"))
        }
        Error::ConnectTimeout { .. } => Failure::Unreachable(error.to_string()),
        _ => Failure::usage(error.to_string()),
    }
}

/// Why a session ended by itself, and what to do about it.
fn ended(end: End, args: &RunArgs) -> Failure {
    let because = match &end.error {
        Some(Error::Session(error)) => format!(": {}", cause(error)),
        Some(error) => format!(": {error}"),
        None => String::new(),
    };
    let refused = |what: &str| Failure::Refused(format!("{what}{because}; {}", when_refused(args)));
    match end.reason {
        TeardownReason::Expired => Failure::Expired(format!(
            "the credential expired and nobody could renew it{because}; {}",
            when_expired(args)
        )),
        TeardownReason::InvalidCredentials => refused("the credentials are refused"),
        TeardownReason::MintFailed if end.error.as_ref().is_some_and(is_refusal) => refused("no first token"),
        TeardownReason::MintFailed => {
            Failure::Unreachable(format!("no first token{because}{}", when_none_came(args)))
        }
        TeardownReason::HandedOver => Failure::HandedOver(format!("the session was handed over{because}")),
        TeardownReason::Incompatible => {
            Failure::Incompatible(format!("the session could not begin{because}"))
        }
        _ => Failure::Broken(format!("the session ended{because}")),
    }
}

/// Whether it says of the credentials themselves that they are no good.
fn refuses_credentials(error: &SessionError) -> bool {
    matches!(error, SessionError::Http(http) if matches!(http.status, 401 | 403 | 422))
}

/// Whether asking for a first token again, with the same credentials, cannot help.
fn is_refusal(error: &Error) -> bool {
    match error {
        Error::Session(SessionError::Http(http)) => {
            (400..500).contains(&http.status) && !matches!(http.status, 408 | 425 | 429)
        }
        Error::Session(SessionError::Provider { kind, .. }) => *kind == ProviderFault::Rejected,
        Error::Session(
            SessionError::InvalidCredentials { .. }
            | SessionError::InvalidField { .. }
            | SessionError::HostNotAllowed { .. },
        ) => true,
        _ => false,
    }
}
