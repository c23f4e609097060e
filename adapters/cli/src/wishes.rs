//! What signals ask of a session that goes on: to renew now, to look at the network, to read its files again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use satkeeper::core::session::Provider;
use satkeeper::{Client, Credential, Error, Secret};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::spawn_blocking;

use crate::causes::cause;
use crate::exit::Failure;
use crate::files;
use crate::providers::{Chosen, builtin, secret};
use crate::run_args::{ProviderKind, RunArgs};
use crate::sentences::{Level, Sentence};
use crate::signals::{Wish, Wishes};

/// For `--help`.
pub(crate) const SIGNALS: &str = "\
Signals:
  SIGINT, SIGTERM  end it cleanly; with --store the session is left to the next start
  SIGUSR1          renew now, whatever is left of the token
  SIGUSR2          the network has changed: look at once whether the connection still works
  SIGHUP           read the file with the secret (--token-file, --api-token-file, --embed-token-file) again: another \
token is handed to the session, another API or click-to-call token serves from the next renewal on. Whom to trust \
(--ca-file) and all else is taken at the start only; that the file has changed is told";

/// Grants wishes, each on a task of its own: the session's own affairs come first.
pub(crate) struct Wishing {
    wishes: Wishes,
    args: Arc<RunArgs>,
    /// The file that the secret came from, and what was read of it last.
    file: Option<(PathBuf, Arc<Mutex<Secret>>)>,
    /// The certificates that the session began with.
    ca_pem: Option<Vec<u8>>,
    tell: UnboundedSender<Sentence>,
    told: UnboundedReceiver<Sentence>,
}

impl Wishing {
    /// Remembers what a session begins with.
    pub(crate) fn new(args: Arc<RunArgs>, chosen: &Chosen, ca_pem: Option<Vec<u8>>, wishes: Wishes) -> Self {
        let file = match chosen {
            Chosen::Builtin { found, .. } => {
                found.file.clone().map(|file| (file, Arc::new(Mutex::new(found.secret.clone()))))
            }
            Chosen::Exec(_) => None,
        };
        let (tell, told) = mpsc::unbounded_channel();
        Self { wishes, args, file, ca_pem, tell, told }
    }

    /// Grants what is wished for until there is something to tell of it; `None`: the terminal has gone, and whoever
    /// sat there. Cancel safe.
    pub(crate) async fn next(&mut self, client: &Client) -> Option<Sentence> {
        loop {
            tokio::select! {
                wish = self.wishes.next() => match wish {
                    Wish::TerminalGone => return None,
                    wish => self.grant(wish, client),
                },
                said = self.told.recv() => return said,
            }
        }
    }

    /// Begins to grant one.
    fn grant(&self, wish: Wish, client: &Client) {
        let (client, tell) = (client.clone(), self.tell.clone());
        match wish {
            Wish::Renew => drop(tokio::spawn(renew(client, tell))),
            Wish::NetworkChanged => drop(tokio::spawn(look(client, tell))),
            Wish::ReadAgain => self.read_again(client, tell),
            Wish::TerminalGone => {}
        }
    }

    fn read_again(&self, client: Client, tell: UnboundedSender<Sentence>) {
        if let Some((file, ca_pem)) = self.args.ca_file.clone().zip(self.ca_pem.clone()) {
            drop(spawn_blocking({
                let tell = tell.clone();
                move || compare(&file, &ca_pem, &tell)
            }));
        }
        match self.file.clone() {
            Some((file, last)) => {
                drop(tokio::spawn(read_again(Arc::clone(&self.args), file, last, client, tell)));
            }
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

/// Whom to trust is settled when the session begins: who has exchanged the file has to know.
fn compare(file: &Path, ca_pem: &[u8], tell: &UnboundedSender<Sentence>) {
    if files::read(file).is_ok_and(|now| now != ca_pem) {
        let text =
            "is taken at the start only: start again for it to be trusted (with --store the session goes on)";
        say(tell, Level::Warning, "sighup", format!("SIGHUP: {} has changed, and {text}", file.display()));
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
    let (read_by, last_kept) = (Arc::clone(&args), Arc::clone(&last));
    // It may be a pipe that takes its time.
    let read = spawn_blocking(move || {
        let Some(places) = secret(&read_by) else { return Ok(None) };
        let secret = places.read_again(&file)?;
        let mut last = last_kept.lock().unwrap_or_else(PoisonError::into_inner);
        Ok((*last != secret).then(|| {
            *last = secret.clone();
            secret
        }))
    });
    let secret = match read.await {
        Ok(Ok(Some(secret))) => secret,
        Ok(Ok(None)) => return tell(Level::Info, format!("there is nothing new in {shown}")),
        Ok(Err(failure)) => {
            let failure: Failure = failure;
            return tell(Level::Warning, format!("{failure}; what was read before stays"));
        }
        Err(_) => return,
    };
    if args.provider == ProviderKind::Static {
        tell(Level::Info, format!("another token in {shown}; it is handed to the session"));
        let credential = Credential::new(secret);
        // A record is of the provider's token; after a restart, that will be this one.
        let set = client.set_builtin_provider(Provider::Static(credential.clone())).await;
        let taken = match set {
            Ok(()) => client.update_token(credential).await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = taken {
            tell(Level::Warning, format!("the token in {shown} is not used: {}", told(&error)));
        }
        return;
    }
    let set = match builtin(&args, &secret) {
        Ok(provider) => client.set_builtin_provider(provider).await.map_err(|error| told(&error)),
        Err(failure) => Err(failure.to_string()),
    };
    match set {
        Ok(()) => tell(Level::Info, format!("another secret in {shown}; it serves from the next renewal on")),
        Err(why) => tell(Level::Warning, format!("the secret in {shown} is not used: {why}")),
    }
}
