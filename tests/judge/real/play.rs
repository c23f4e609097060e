//! Plays a world: one server, one session, what happens to them, and what both have noted of it.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use satkeeper::store::FileStore;
use satkeeper::{Credential, KeyAlgorithm, KeyChoice, Policy, ProviderError, Secret};
use satkeeper_fixtures::{MintSpec, Seen, Server};
use satkeeper_tests::adapter::{Adapter, Own, Setup};
use tokio::time::{Instant, sleep_until, timeout};

use crate::said::{Said, Word, listen, now_ms};
use crate::world::{Do, LIFE, Ms, Source, World};

/// How long the first `Live` may take on a machine that is busy.
const FIRST: Duration = Duration::from_secs(30);
/// Whose session it is.
const ALICE: &str = "alice@example.com";
/// Where a process of its own finds its server and its file.
const TOLD: [&str; 2] = ["SATKEEPER_JUDGED_SERVER", "SATKEEPER_JUDGED_FILE"];
/// What begins a line that it says.
const LINE: &str = "said";

/// What is known of a session that was played.
pub(crate) struct Play {
    /// The server's own log.
    pub(crate) seen: Vec<Seen>,
    /// What the client said.
    pub(crate) said: Vec<(Ms, Word)>,
    /// What was done to it, beside what the server's log has.
    pub(crate) done: Vec<(Ms, Do)>,
    /// From the first `Live` on it is judged.
    pub(crate) began: Ms,
    /// Until then.
    pub(crate) ended: Ms,
    /// What stands in the way of a judgement.
    pub(crate) failed: Option<String>,
}

/// Plays it, for so long.
pub(crate) async fn play<A: Adapter>(world: &World, length: Ms) -> Play {
    let server = Arc::new(Server::start(world.config.clone()).await.expect("the fixture server starts"));
    for fault in &world.standing {
        server.faults().add(fault.clone()).expect("a fault");
    }
    let said = Said::default();
    let mut subject = match Subject::<A>::begin(world, &server, &said).await {
        Ok(subject) => subject,
        Err(failed) => return Play::of(&server, &said, Vec::new(), now_ms(), Some(failed)),
    };
    let (began, start, mut done) = (now_ms(), Instant::now(), Vec::new());
    let mut script = world.script.clone();
    script.sort_by_key(|(at, _)| *at);
    for (at, what) in script.into_iter().filter(|(at, _)| *at < length) {
        sleep_until(start + Duration::from_millis(at.unsigned_abs())).await;
        if !matches!(what, Do::Server(_)) {
            done.push((now_ms(), what.clone()));
        }
        match what {
            Do::Server(act) => {
                server.control().run(&act);
            }
            what => subject.does(what, &server, &said).await,
        }
    }
    sleep_until(start + Duration::from_millis(length.unsigned_abs())).await;
    let play = Play::of(&server, &said, done, began, None);
    subject.end().await;
    play
}

impl Play {
    fn of(server: &Server, said: &Said, done: Vec<(Ms, Do)>, began: Ms, failed: Option<String>) -> Self {
        Self { seen: server.seen(), said: said.all(), done, began, ended: now_ms(), failed }
    }
}

/// Who is judged.
enum Subject<A> {
    Here(A),
    Elsewhere { process: Process, file: PathBuf },
}

impl<A: Adapter> Subject<A> {
    async fn begin(world: &World, server: &Arc<Server>, said: &Said) -> Result<Self, String> {
        if world.source == Source::Process {
            let name = format!("satkeeper-judged-{}-{}", A::MODULE, std::process::id());
            let folder = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&folder).expect("a folder");
            let file = folder.join("session");
            let process = Process::spawn(A::MODULE, server, &file, said);
            return match timeout(FIRST, server.until(FIRST, |counts| counts.fresh_connects > 0)).await {
                Ok(true) => Ok(Self::Elsewhere { process, file }),
                _ => Err("its process was never live".to_owned()),
            };
        }
        let setup = setup(world, server);
        // Started first: what is said before it is live counts, too.
        let client: A = match timeout(FIRST, setup.start()).await {
            Ok(Ok(client)) => client,
            other => return Err(format!("it did not start: {other:?}")),
        };
        let noting = said.clone();
        listen(&client, move |at, word| noting.note(at, word));
        match timeout(FIRST, client.ready()).await {
            Ok(Ok(())) => Ok(Self::Here(client)),
            other => Err(format!("it was never live: {other:?}")),
        }
    }

    async fn does(&mut self, what: Do, server: &Arc<Server>, said: &Said) {
        match self {
            Self::Elsewhere { process, file } => {
                if matches!(what, Do::Kill) {
                    process.kill();
                    said.note(now_ms(), Word::Phase("dead".to_owned()));
                    *process = Process::spawn(A::MODULE, server, file, said);
                }
            }
            Self::Here(client) => {
                let (client, server) = (client.clone(), Arc::clone(server));
                // Who does it does not wait for it.
                tokio::spawn(async move {
                    match what {
                        Do::Suspend => drop(client.suspend().await),
                        Do::Resume => drop(client.resume().await),
                        Do::NetworkChanged => drop(client.network_changed().await),
                        Do::Refresh => drop(client.refresh_now().await),
                        Do::Update => {
                            let token = server.mint(of_alice());
                            drop(client.update_token(Credential::new(Secret::new(token))).await);
                        }
                        Do::Server(_) | Do::Kill => {}
                    }
                });
            }
        }
    }

    async fn end(self) {
        match self {
            Self::Here(client) => drop(timeout(FIRST, client.destroy()).await),
            Self::Elsewhere { mut process, file } => {
                process.kill();
                drop(file.parent().map(std::fs::remove_dir_all));
            }
        }
    }
}

fn of_alice() -> MintSpec {
    MintSpec { ttl: Some(LIFE), reference: ALICE.to_owned(), ..MintSpec::default() }
}

fn setup(world: &World, server: &Arc<Server>) -> Setup {
    let found = satkeeper_tests::client(server);
    let setup = match world.source {
        Source::Bound | Source::Provider | Source::Process => satkeeper_tests::subscriber(server),
        Source::Static => found.static_token(server.mint(of_alice())),
        Source::Rejects => {
            let server = Arc::clone(server);
            let mint = move |_| Ok(Credential::new(Secret::new(server.mint(of_alice()))));
            let rejects = |_| Err(ProviderError::rejected("who is that?"));
            found.provider(Own::new(mint).with_refresh(rejects))
        }
    };
    // RSA keys take a second each in a build without optimisation.
    setup.key(KeyChoice::Fixed(KeyAlgorithm::Es256)).policy(world.policy)
}

/// A process of its own, which does not outlive its test.
struct Process(Child);

impl Process {
    fn spawn(module: &str, server: &Server, file: &std::path::Path, said: &Said) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", &format!("{module}::it_lives_until_it_is_killed"), "--ignored", "--nocapture"])
            .env(TOLD[0], server.addr().to_string())
            .env(TOLD[1], file)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child process");
        let (out, said) = (child.stdout.take().expect("piped"), said.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                // The test runner says things, too.
                let Some((_, words)) = line.split_once(LINE) else { continue };
                let told = words.trim().split_once(' ');
                if let Some((at, word)) = told
                    && let (Ok(at), Ok(word)) = (at.parse(), word.parse())
                {
                    said.note(at, word);
                }
            }
        });
        Self(child)
    }

    fn kill(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// In a process that was spawned: a session that is kept in a file, and says aloud what it says.
pub(crate) async fn it_lives_until_it_is_killed<A: Adapter>() {
    let [server, file] = TOLD.map(|name| std::env::var(name).expect("told by its parent"));
    let (http, ws) = (format!("http://{server}"), format!("ws://{server}"));
    let setup = Setup::new().relay_url(ws).fabric_url(&http).allow_plain_on_loopback(true);
    let setup = setup.subscriber(&http, "project", "PTcanary-api-token", ALICE).policy(Policy::default());
    let setup = setup.key(KeyChoice::Fixed(KeyAlgorithm::Es256)).store(FileStore::new(file));
    let client: A = setup.start().await.expect("a session");
    listen(&client, |at, word| println!("{LINE} {at} {word}"));
    let end = client.closed().await;
    println!("over: {end:?}");
}
