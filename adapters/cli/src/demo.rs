//! `satkeeper demo`: a server, a session against it through the real adapter, and everything that happens to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use satkeeper::{
    Callback, Client, Credential, EventKind, Events, Missed, ProviderError, Secret, Seed, SessionEvent,
    Status, UnixMillis, Why,
};
use satkeeper_fixtures::{Config, Counts, Effect, Fault, FixtureError, MintSpec, Seen, Server, Target, What};
use tokio::sync::{broadcast, mpsc};
use tokio::time::{interval, timeout};

use crate::demo_script::{Act, Pace, Script};
use crate::exit::Failure;
use crate::lifetimes::Lifetimes;
use crate::sentences::sentence;
use crate::server_view::{self, ServerView, reason};
use crate::signals::Signals;
use crate::summary::{Throughout, summary};
use crate::terminal::{Line, Terminal, Tone};
use crate::timeline::{self, Standing};

/// Every demo draws the same jitter.
const SEED: [u8; 32] = *b"satkeeper demo: not a secret ...";

/// How often the next deadline is asked for and the block drawn anew.
const BEAT: Duration = Duration::from_millis(100);

/// How long nothing may come from the session after its end.
const SILENCE: Duration = Duration::from_millis(1_500);

/// The server states ends and its clock in whole seconds.
const CLOCK_GRAIN: u64 = 1_500;

/// Options of `satkeeper demo`.
#[derive(clap::Args)]
pub(crate) struct DemoArgs {
    /// Tokens of half the life: the same story in about half the time
    #[arg(long)]
    fast: bool,
    /// One plain line for each thing that happens, also on a terminal
    #[arg(long)]
    plain: bool,
}

/// Plays the story and says what was kept of it.
pub(crate) async fn demo(args: DemoArgs) -> Result<(), Failure> {
    let mut signals = Signals::watch()?;
    let pace = if args.fast { Pace::FAST } else { Pace::WATCHED };
    let mut terminal = Terminal::stdout();
    if args.plain {
        terminal.stay_plain();
    }
    let server = Arc::new(Server::start(config(pace)).await.map_err(no_server)?);
    let seen = server.watch_seen();
    terminal.show(&[opening(&server, pace), Line::new()], &[]);
    let (tell, provider) = mpsc::unbounded_channel();
    let client = Client::builder()
        .provider(callback(Arc::clone(&server), tell))
        .relay_url(server.ws_url())
        .fabric_url(server.http_url())
        .ca_pem(server.ca_pem().unwrap_or_default())
        .seed(Seed::from_bytes(SEED))
        .start()
        .await
        .map_err(|error| Failure::Broken(error.to_string()))?;
    let status = *client.status().borrow();
    let mut stage = Stage {
        terminal,
        client,
        server,
        script: Script::new(),
        lifetimes: Lifetimes::default(),
        view: ServerView::default(),
        why: None,
        status,
        pace,
        last_end: None,
    };
    let play = stage.play(seen, provider, &mut signals);
    match timeout(Duration::from_secs(pace.limit), play).await {
        Ok(Ending::Over) | Err(_) => stage.conclude().await,
        Ok(Ending::Interrupted(signal)) => {
            stage.terminal.show(&[], &[]);
            Err(Failure::Broken(format!("interrupted by {signal}")))
        }
    }
}

fn config(pace: Pace) -> Config {
    Config {
        sat_ttl: Duration::from_secs(pace.sat),
        device_ttl: Duration::from_secs(pace.device),
        ..Config::default()
    }
}

fn no_server(error: FixtureError) -> Failure {
    Failure::Broken(format!("the demo's server cannot be started: {error}"))
}

fn opening(server: &Server, pace: Pace) -> Line {
    Line::new()
        .with(Tone::Strong, "satkeeper demo")
        .plain(format!(
            ": one session against {}, tokens of {} s, client-bound ones of {} s",
            server.ws_url(),
            pace.sat,
            pace.device
        ))
        .hanging(2)
}

/// The provider's side of the story.
enum ProviderTold {
    Authenticated { fingerprint: Option<String> },
    Refreshed,
    Rejected,
}

/// Mints a token that can be client-bound, refreshes it once with one that can not, and then never again.
fn callback(server: Arc<Server>, tell: mpsc::UnboundedSender<ProviderTold>) -> Callback {
    let (again, tell_again) = (Arc::clone(&server), tell.clone());
    let spent = Arc::new(AtomicBool::new(false));
    Callback::new(move |context| {
        let fingerprint = context.fingerprint;
        let spec = MintSpec { scope: true, fingerprint: fingerprint.clone(), ..MintSpec::default() };
        let token = server.mint(spec);
        // An error says that the demo is over.
        let _ = tell.send(ProviderTold::Authenticated { fingerprint });
        async move { Ok(Credential::new(Secret::new(token))) }
    })
    .with_refresh(move |_| {
        let answer = if spent.swap(true, Ordering::Relaxed) {
            let _ = tell_again.send(ProviderTold::Rejected);
            Err(ProviderError::rejected("the account was closed"))
        } else {
            let token = again.mint(MintSpec::default());
            let _ = tell_again.send(ProviderTold::Refreshed);
            // The server need not tell the end of what is pushed.
            let end = again.expires_at(&token).and_then(|end| u64::try_from(end).ok()).unwrap_or_default();
            Ok(Credential::new(Secret::new(token)).expiring_at(UnixMillis(end * 1000)))
        };
        async move { answer }
    })
}

/// How the play ended.
enum Ending {
    /// The session is over.
    Over,
    Interrupted(&'static str),
}

/// Everybody and everything that takes part.
struct Stage {
    terminal: Terminal,
    client: Client,
    server: Arc<Server>,
    script: Script,
    lifetimes: Lifetimes,
    view: ServerView,
    /// The last deadline that the session told.
    why: Option<Why>,
    status: Status,
    pace: Pace,
    /// The end of the last base token; ms since the start.
    last_end: Option<u64>,
}

impl Stage {
    /// Watches until the session is over and every event has been told.
    async fn play(
        &mut self,
        mut seen: broadcast::Receiver<Seen>,
        mut provider: mpsc::UnboundedReceiver<ProviderTold>,
        signals: &mut Signals,
    ) -> Ending {
        let (mut events, mut status) = (self.client.events(), self.client.status());
        let mut beat = interval(BEAT);
        loop {
            // Causes before effects, where both are there already.
            tokio::select! {
                biased;
                signal = signals.next() => return Ending::Interrupted(signal),
                Some(told) = provider.recv() => self.provider(&told),
                Ok(record) = seen.recv() => self.server(&record),
                Ok(()) = status.changed() => self.stands(*status.borrow_and_update()),
                event = events.recv() => match event {
                    Some(event) => self.event(event),
                    None => return self.last_words(events, seen).await,
                },
                _ = beat.tick() => self.why = self.client.why().await.or(self.why),
            }
            self.advance();
        }
    }

    /// The session has told its last event; the server may still have to notice.
    async fn last_words(&mut self, events: Events, mut seen: broadcast::Receiver<Seen>) -> Ending {
        drop(events);
        while let Ok(Ok(record)) = timeout(SILENCE, seen.recv()).await {
            self.server(&record);
            self.advance();
        }
        Ending::Over
    }

    fn at(&self) -> u64 {
        self.client.now().tick.0
    }

    /// A moment of the wall clock on the demo's own.
    fn at_unix(&self, unix_ms: i64) -> u64 {
        let now = self.client.now();
        let ago = now.unix.0.saturating_sub(u64::try_from(unix_ms).unwrap_or(0));
        now.tick.0.saturating_sub(ago)
    }

    fn provider(&mut self, told: &ProviderTold) {
        let at = self.at();
        self.script.facts.provider(matches!(told, ProviderTold::Rejected));
        let (what, answer) = match told {
            ProviderTold::Authenticated { fingerprint } => {
                let name = self.minted(at);
                let print = fingerprint.as_deref().and_then(|print| print.get(..8)).unwrap_or("none");
                ("authenticate()", format!("{name}, with sat:refresh, for the key {print}…"))
            }
            ProviderTold::Refreshed => ("refresh()", format!("{}, without sat:refresh", self.minted(at))),
            ProviderTold::Rejected => ("refresh()", "rejected, for good".to_owned()),
        };
        let line = timeline::provider(at, what, &answer, &reason(what, 0, self.why.as_ref(), at));
        self.tell(&[line]);
    }

    /// A base token has come to be; its name.
    fn minted(&mut self, at: u64) -> String {
        let end = at.saturating_add(self.pace.sat.saturating_mul(1_000));
        self.last_end = Some(end);
        self.lifetimes.born(false, at, end)
    }

    fn server(&mut self, record: &Seen) {
        let at = self.at_unix(record.ms);
        self.script.facts.server(record, at);
        match &record.what {
            What::Connected { bound, .. } | What::Reauthenticated { bound, .. } => {
                self.lifetimes.taken(*bound, at)
            }
            _ => {}
        }
        let Some(exchange) = self.view.take(record) else { return };
        if exchange.what.starts_with("devices/")
            && exchange.succeeded
            && let What::Response { body, .. } = &record.what
        {
            let life = body["expires_in"].as_u64().unwrap_or(0).saturating_mul(1_000);
            self.lifetimes.born(true, at, at.saturating_add(life));
        }
        if exchange.what == "devices/refresh" {
            self.script.facts.device_refresh(exchange.succeeded);
        }
        let line = timeline::exchange(
            at,
            &exchange,
            &reason(exchange.what, exchange.failures_before, self.why.as_ref(), at),
        );
        self.tell(&[line]);
    }

    fn stands(&mut self, status: Status) {
        let before = std::mem::replace(&mut self.status, status);
        self.script.facts.bound |= status.bound;
        if (before.phase, before.mechanism) != (status.phase, status.mechanism) {
            let line = timeline::change(self.at(), &status);
            self.tell(&[line]);
        }
    }

    fn event(&mut self, event: Result<SessionEvent, Missed>) {
        let at = self.at();
        match event {
            Ok(event) => {
                let kind = event.kind();
                self.script.facts.event(&kind, at);
                if matches!(kind, EventKind::Teardown { .. }) {
                    self.lifetimes.over(at);
                }
                let line = timeline::event(at, &sentence(&event, event.at));
                self.tell(&[line]);
            }
            Err(missed) => self.tell(&[Line::new().with(Tone::Warn, missed.to_string()).hanging(2)]),
        }
    }

    /// Marks what is kept, does what follows from it, and shows how it stands.
    fn advance(&mut self) {
        let at = self.at();
        let (kept, acts) = self.script.advance(at);
        let mut lines: Vec<Line> = kept
            .into_iter()
            .filter_map(|index| self.script.steps.get(index))
            .map(|step| timeline::kept(at, step.name, step.promise))
            .collect();
        lines.extend(acts.into_iter().map(|act| timeline::act(at, self.carry_out(act))));
        self.tell(&lines);
    }

    fn carry_out(&self, act: Act) -> &'static str {
        match act {
            Act::DropSocket => {
                self.server.control().drop_sockets();
                "resets the socket"
            }
            Act::BreakDeviceEndpoints => {
                for endpoint in [Target::DevicesToken, Target::DevicesRefresh] {
                    let effect = Effect::Status { code: 503, body: None, retry_after: None };
                    // Refused is only what cannot happen to its target.
                    let _ = self.server.faults().add(Fault::always(endpoint, effect));
                }
                "lets both device endpoints answer 503 from now on"
            }
        }
    }

    fn tell(&mut self, lines: &[Line]) {
        if lines.is_empty() && !self.terminal.is_live() {
            return;
        }
        let at = self.at();
        let standing = Standing {
            at,
            status: &self.status,
            lifetimes: &self.lifetimes,
            next: self.why.filter(|why| why.at.0 >= at).map(|why| server_view::next(&why, at)),
            kept: self.script.kept(),
            promises: self.script.steps.len(),
            waiting_for: self.script.waiting_for().map(|step| step.name),
            width: self.terminal.width(),
        };
        self.terminal.show(lines, &timeline::block(&standing));
    }

    /// The summary, and whether every promise was kept.
    async fn conclude(mut self) -> Result<(), Failure> {
        let counts = self.server.counts();
        let throughout = self.throughout(&counts);
        self.terminal.show(&[], &[]);
        let end = self.script.facts.expired_at.unwrap_or_else(|| self.at());
        for line in summary(&self.script, &throughout, &self.lifetimes, &counts, end, self.terminal.width()) {
            self.terminal.line(&line);
        }
        let all = self.script.steps.len() + throughout.len();
        let kept = self.script.kept() + throughout.iter().filter(|one| one.kept).count();
        self.terminal.line(&Line::new());
        if kept == all {
            self.terminal.line(&Line::new().with(Tone::Good, format!("{kept} of {all} promises kept.")));
            return Ok(());
        }
        Err(Failure::Broken(format!("{} of {all} promises were not kept", all - kept)))
    }

    fn throughout(&self, counts: &Counts) -> Vec<Throughout> {
        let expired = self.script.facts.expired_at;
        let on_time = expired.zip(self.last_end).is_some_and(|(at, end)| at.abs_diff(end) <= CLOCK_GRAIN);
        let early = self
            .script
            .facts
            .expired_at_server
            .iter()
            .any(|at| expired.is_none_or(|end| at + CLOCK_GRAIN < end));
        let refused: u64 = Target::ALL.iter().map(|target| counts.of(*target).refused).sum();
        let one = |kept: bool, promise: &str| Throughout { kept, promise: promise.to_owned() };
        vec![
            one(
                counts.proofs_accepted >= 8 && counts.all_proofs_refused() == 0,
                "every proof of possession was accepted by the server's own verifier",
            ),
            one(refused == 0, "the server refused no request"),
            one(expired.is_some() && !early, "no token expired on a live session while anybody could renew"),
            one(
                on_time,
                "the session ended when its last token did, give or take the server's whole seconds",
            ),
            one(
                self.script.facts.stragglers == 0 && counts.sessions_live == 0,
                "after the last event nothing was sent any more",
            ),
        ]
    }
}
