//! What signals ask of a session that goes on: to renew now, to look at the network, to read its files again.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use satkeeper::core::session::Provider;
use satkeeper::{Client, Credential, Error, Network, Secret};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::spawn_blocking;

use crate::causes::cause;
use crate::events::LogFile;
use crate::files;
use crate::providers::{Chosen, builtin, secret};
use crate::run_args::{ProviderKind, RunArgs};
use crate::sentences::{Level, Sentence};
use crate::signals::{SignalRequest, SignalRequests};

/// For `--help`.
pub(crate) const SIGNALS: &str = "\
Signals:
  SIGINT, SIGTERM  end it cleanly; with --store the session is left to the next start
  SIGUSR1          renew now, whatever is left of the token
  SIGUSR2          the network has changed: look at once whether the connection still works
  SIGHUP           read files again. The secret (--token-file, --api-token-file, --embed-token-file): another token is \
handed to the session, another API or click-to-call token serves from the next renewal on. Whom to trust (--ca-file, \
and the system's authorities): new connections go by it, open ones stay. --events: its file is opened anew by its \
name, so that it can be moved away before. What cannot be read changes nothing, and is told";

/// Serves requests, each on a task of its own: the session's own affairs come first.
pub(crate) struct SignalHandler {
    requests: SignalRequests,
    args: Arc<RunArgs>,
    /// The file that the secret came from, and what of it is in use.
    file: Option<(PathBuf, Arc<Mutex<Secret>>)>,
    network: Network,
    /// What --events names.
    log: Option<LogFile>,
    tell: UnboundedSender<Sentence>,
    told: UnboundedReceiver<Sentence>,
}

impl SignalHandler {
    /// Remembers what a session begins with.
    pub(crate) fn new(
        args: Arc<RunArgs>,
        chosen: &Chosen,
        network: &Network,
        log: Option<LogFile>,
        requests: SignalRequests,
    ) -> Self {
        let file = match chosen {
            Chosen::Builtin { found, .. } => {
                found.file.clone().map(|file| (file, Arc::new(Mutex::new(found.secret.clone()))))
            }
            Chosen::Exec(_) => None,
        };
        let (tell, told) = mpsc::unbounded_channel();
        Self { requests, args, file, network: network.clone(), log, tell, told }
    }

    /// Serves what is asked for until there is something to tell of it; `None`: the terminal has gone, and whoever
    /// sat there. Cancel safe.
    pub(crate) async fn next(&mut self, client: &Client) -> Option<Sentence> {
        loop {
            tokio::select! {
                request = self.requests.next() => match request {
                    SignalRequest::TerminalGone => return None,
                    request => self.serve(request, client),
                },
                said = self.told.recv() => return said,
            }
        }
    }

    /// Begins to serve one.
    fn serve(&self, request: SignalRequest, client: &Client) {
        let (client, tell) = (client.clone(), self.tell.clone());
        match request {
            SignalRequest::Renew => drop(tokio::spawn(renew(client, tell))),
            SignalRequest::NetworkChanged => drop(tokio::spawn(look(client, tell))),
            SignalRequest::ReadAgain => self.read_again(client, tell),
            SignalRequest::TerminalGone => {}
        }
    }

    fn read_again(&self, client: Client, tell: UnboundedSender<Sentence>) {
        if let Some(log) = &self.log {
            let (tell, path) = (tell.clone(), log.path().display().to_string());
            log.reopen(move |came| opened(&path, came, &tell));
        }
        let file = self.args.ca_file.clone();
        drop(tokio::spawn(trust_again(self.network.clone(), file, client.clone(), tell.clone())));
        match self.file.clone() {
            Some((file, last)) => {
                drop(tokio::spawn(read_again(Arc::clone(&self.args), file, last, client, tell)));
            }
            // Who has files of another kind means those.
            None if self.log.is_some() || self.args.ca_file.is_some() => {}
            None => say(&tell, Level::Info, "sighup", self.nothing_to_read()),
        }
    }

    fn nothing_to_read(&self) -> &'static str {
        match self.args.provider {
            ProviderKind::Exec => {
                "SIGHUP: there is no file with a secret to read again; the program is asked when it is time"
            }
            _ => "SIGHUP: there is no file with a secret to read again: it did not come from one",
        }
    }
}

/// Nobody listens any more where it fails.
fn say(tell: &UnboundedSender<Sentence>, level: Level, name: &'static str, text: impl Into<String>) {
    drop(tell.send(Sentence { level, name, text: text.into() }));
}

async fn renew(client: Client, tell: UnboundedSender<Sentence>) {
    say(&tell, Level::Info, "sigusr1", "SIGUSR1: the credential is renewed now");
    // That it was, is an event of the session.
    if let Err(error) = client.refresh_now().await {
        say(&tell, Level::Warning, "sigusr1", format!("SIGUSR1: not renewed: {}", told(&error)));
    }
}

fn told(error: &Error) -> String {
    match error {
        Error::Session(error) => cause(error),
        error => error.to_string(),
    }
}

async fn look(client: Client, tell: UnboundedSender<Sentence>) {
    if client.network_changed().await.is_ok() {
        let text = "SIGUSR2: the network has changed: the connection is tested, or a new one tried, at once";
        say(&tell, Level::Info, "sigusr2", text);
    }
}

fn opened(path: &str, came: io::Result<()>, tell: &UnboundedSender<Sentence>) {
    match came {
        Ok(()) => say(tell, Level::Info, "sighup", format!("SIGHUP: events go to {path}, opened anew")),
        Err(error) => {
            let text =
                format!("SIGHUP: --events {path}: {error}; the file that is open goes on being written to");
            say(tell, Level::Warning, "sighup", text);
        }
    }
}

/// What is trusted is read again; a file that is gone or has nonsense in it changes nothing.
async fn trust_again(
    network: Network,
    file: Option<PathBuf>,
    client: Client,
    tell: UnboundedSender<Sentence>,
) {
    let shown = file.as_ref().map(|file| file.display().to_string());
    // It may be a pipe that takes its time.
    let read = spawn_blocking(move || {
        let pem = file.map(|file| files::read(&file)).transpose().map_err(|error| error.to_string())?;
        network.trust(pem.as_deref()).map_err(|error| match error {
            Error::Certificate { reason } => reason.to_owned(),
            error => error.to_string(),
        })
    });
    let Ok(came) = read.await else { return };
    let (level, text) = match (came, shown) {
        (Ok(()), Some(file)) => {
            (Level::Info, format!("new connections trust the authorities in {file}, and the system's"))
        }
        (Ok(()), None) => {
            (Level::Detail, "new connections trust the system's authorities as they are now".to_owned())
        }
        (Err(why), shown) => {
            let whose = shown.map_or_else(String::new, |file| format!("{file}: "));
            (Level::Warning, format!("{whose}{why}; those who were trusted before still are"))
        }
    };
    let is_done = level < Level::Warning;
    say(&tell, level, "sighup", format!("SIGHUP: {text}"));
    if is_done {
        // What failed by the old ones is tried again, and need not wait for it. An error: it is over.
        let _ = client.network_changed().await;
    }
}

/// A file that is gone or has nonsense in it changes nothing.
async fn read_again(
    args: Arc<RunArgs>,
    file: PathBuf,
    last: Arc<Mutex<Secret>>,
    client: Client,
    tell: UnboundedSender<Sentence>,
) {
    let shown = file.display().to_string();
    let tell = |level, text: String| say(&tell, level, "sighup", format!("SIGHUP: {text}"));
    let read_by = Arc::clone(&args);
    // It may be a pipe that takes its time.
    let read = spawn_blocking(move || secret(&read_by).map(|places| places.read_again(&file)).transpose());
    let is_new = |secret: &Secret| *secret != *last.lock().unwrap_or_else(PoisonError::into_inner);
    let secret = match read.await.map(|read| read.map(|secret| secret.filter(is_new))) {
        Ok(Ok(Some(secret))) => secret,
        Ok(Ok(None)) => return tell(Level::Info, format!("there is nothing new in {shown}")),
        Ok(Err(failure)) => {
            return tell(Level::Warning, format!("{failure}; what was read before stays"));
        }
        Err(_) => return,
    };
    // Not before: what was refused is tried again when it is asked for again.
    let in_use = |secret| *last.lock().unwrap_or_else(PoisonError::into_inner) = secret;
    if args.provider == ProviderKind::Static {
        tell(Level::Info, format!("another token in {shown}; it is handed to the session"));
        let credential = Credential::new(secret.clone());
        let taken = match client.update_token(credential.clone()).await {
            // A record is of the provider's token; after a restart, that will be this one.
            Ok(_) => client.set_builtin_provider(Provider::Static(credential)).await,
            Err(error) => Err(error),
        };
        match taken {
            Ok(()) => in_use(secret),
            Err(error) => {
                tell(Level::Warning, format!("the token in {shown} is not used: {}", told(&error)));
            }
        }
        return;
    }
    let set = match builtin(&args, &secret) {
        Ok(provider) => client.set_builtin_provider(provider).await.map_err(|error| told(&error)),
        Err(failure) => Err(failure.to_string()),
    };
    match set {
        Ok(()) => {
            in_use(secret);
            tell(Level::Info, format!("another secret in {shown}; it serves from the next renewal on"));
        }
        Err(why) => tell(Level::Warning, format!("the secret in {shown} is not used: {why}")),
    }
}
