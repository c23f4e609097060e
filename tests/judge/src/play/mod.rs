//! Plays a client in a world, in true time, and writes down what happens. Deterministic: it has no clock and draws
//! nothing; worlds have been drawn before.
//!
//! | file | what it holds |
//! |---|---|
//! | `agenda`, `parcel` | what is going to happen by itself; what is on its way to the client |
//! | `host` | the process and its two clocks: what reaches the client, what it makes of it |
//! | `server` | tokens, one-time secrets, sockets, states |
//! | `endpoints`, `sockets`, `weather` | what becomes of requests and frames; what happens by itself |
//!
//! # What holds in it
//!
//! **Time.** Whatever is asked of the world at `u` has left the host and is there at `u`; all of its latency lies before
//! the answer, which is decided and comes at `u` + latency. So the piece of a timeline in which `u` lies decides, a token
//! is issued and received at the same moment, and a connect that begins at `u` authenticates and is answered at `u` +
//! `takes`. What has no time of its own (an upgrade, a pong, a new state, the news of a broken connection) takes
//! [`SOON`]. Of what happens in one millisecond the order is: the process, the network, `World::instants`, what is due,
//! the client's own wake.
//!
//! **Clocks.** True time 0 is [`EPOCH`] by a right wall clock. The monotonic clock stands still in `Awake::Sleeps` if the
//! client says that it does, and goes on over a new process.
//!
//! **The process.** While it does not run, nothing reaches the client; what came meanwhile is handed over in its order
//! when it runs again (of unanswered pings, one). A wake comes at its time on the monotonic clock and `World::late` later
//! (what comes from outside is never late), or as soon as the process runs. `Heard::wake_at` takes the place of what was
//! said before; one in the past is one at once. Death closes the sockets at the server, and what is on its way is lost;
//! the new process hears [`News::Restart`]. The application is part of it: what a user does
//! while the process does not run comes when it runs again, and is lost with it; `Entry::User` stands where it reaches
//! the client.
//!
//! **The store.** What is in a record is the client's: as it was when it asked for `Ask::Write`. When a write has taken
//! what it takes, and the process has not died before, [`Client::kept`] says that it is what a new process finds; the
//! answer comes after that, if the process still runs. `Health::Loses` is answered like `Health::Keeps`.
//!
//! **The network.** What leaves while its direction is swallowed is lost, and so is an answer that would come then;
//! nothing is ever sent again. While it is `Off`, requests fail with [`Bad::Broke`](crate::client::Bad::Broke) after
//! [`SOON`], when it goes off, all that are under way do (those of the last two minutes: who asked before has given up),
//! and all sockets are lost, at both ends. The endpoints of the application's provider are behind the same network.
//!
//! **Endpoints.** `Grants`, `Cached` and `LosesReply` reach the API, which has its own refusals, decided when the request
//! comes: 401 where a token that is shown is not honoured or a proof lies outside `Facts::window` (one that is not signed
//! is not looked at), 403 where the base of an activation is no provider's token or lacks the scope. A one-time secret is
//! spent by being accepted; another one, or none, gets 401. Its successor is issued with the token, whether the answer
//! comes through or not. Each answer of an HTTP server carries the server's `Date`; failures of the application's own
//! code (`Fails`, `Rejects`) and what breaks do not. `foreign` is what is stored or no API's own.
//!
//! **What is said of ends.** `Ends::Exchange`: the answers that bring tokens tell life and end, connects, resumes and
//! inspections the end. `Ends::Connect`: connects, resumes, pushes and inspections tell the end. `Ends::Hint`: only
//! hints, and lives of client-bound tokens. Whether a provider's token carries the scope is told by connects and
//! inspections. All that is told is true, hints by their clock. `Entry::ToldEnd` stands where life or end was received,
//! not where a hint was.
//!
//! **Sockets.** They are looked at by the server at the time of the decision. A connect, resume or push with a token that
//! is not honoured, or with a proof outside the window, is refused with -32002; a resume of a session whose state is not
//! known, with -32602. A resume is authenticated by the token that its state was made for, or, where that is not honoured
//! any more, by the one that was shown. A fresh connect forgets the states of before. A state comes [`SOON`] after the
//! connect or push that it is for; a resume brings none, its state stays good. A connect that fails leaves the socket open
//! unless it `Cuts`. What is sent on a socket that the server has no more comes back as its loss. Requests on a socket
//! that is lost or closed have no answer of their own. A socket that the client closes is gone at both ends at once, be
//! the network as it may. The server pings open sockets and does not judge a client by its pongs.
//!
//! **Evidence** stands where the client hears of a lost socket or of a goodbye, or of a failed request, and where it has
//! waited ten seconds for the answer to its own `Open`, `Connect`, `Push` or `Ping`.
//!
//! **The end.** The log ends with the world, or when the client says [`Phase::Over`]; its sockets are closed then.

mod agenda;
mod endpoints;
mod host;
mod parcel;
mod server;
mod sockets;
#[cfg(test)]
mod tests;
mod weather;

use std::collections::BTreeMap;

use crate::client::{Ask, AskId, Client, News, Phase, Socket};
use crate::log::{Entry, Log};
use crate::timeline::Ms;
use crate::world::{Awake, Network, World};
use agenda::{Agenda, Due};
use parcel::Parcel;
use server::{Server, State};

/// A right wall clock when a world begins, milliseconds since 1970.
pub const EPOCH: u64 = 1_800_000_000_000;

/// What the monotonic clock shows then.
pub const BOOTED: Ms = 1_000_000;

/// What happens soon happens after so long: an upgrade, a pong, the news that a connection is broken.
pub const SOON: Ms = 1;

/// Most steps of a client in one millisecond; more do not come to rest.
const MOST_STEPS: u32 = 10_000;

/// What has been asked for, and not been answered as far as the client has heard.
#[derive(Clone, Copy, Debug)]
struct Asked {
    ask: Ask,
    at: Ms,
}

struct Play<'a> {
    world: &'a World,
    client: &'a mut dyn Client,
    log: Log,
    now: Ms,
    agenda: Agenda,
    server: Server,

    // ---- The weather ----
    network: Network,
    network_changes: Ms,
    awake: Awake,
    awake_since: Ms,
    awake_changes: Ms,
    /// Of `World::instants`, those that have been.
    been: usize,

    // ---- The host ----
    /// What a process begins with that has not run yet.
    birth: Option<News>,
    /// How many have died.
    process: u32,
    counts_sleep: bool,
    /// What the monotonic clock has not counted.
    slept: Ms,
    inbox: Vec<Parcel>,
    asked: BTreeMap<AskId, Asked>,
    /// Sockets that the client knows to be open.
    held: Vec<Socket>,
    newest_socket: Option<Socket>,
    /// What it would resume with, and what the record says of that.
    state: Option<State>,
    recorded: Option<State>,
    phase: Option<Phase>,
    wake_at: Option<Ms>,
    /// The true time of that, late as it is; `Ms::MAX`: never.
    fires: Ms,
    /// In this millisecond.
    steps: (Ms, u32),
}

/// Plays it to the end.
///
/// # Panics
///
/// If the client does not come to rest, or gives a number twice.
pub fn play(world: &World, client: &mut dyn Client) -> Log {
    let counts_sleep = client.tick_counts_sleep();
    let mut play = Play {
        world,
        client,
        log: Log::default(),
        now: 0,
        agenda: Agenda::default(),
        server: Server::default(),
        network: *world.network.at(0),
        network_changes: world.network.next_change(0),
        // So that it begins at once.
        awake: Awake::Stopped,
        awake_since: 0,
        awake_changes: 0,
        been: 0,
        birth: Some(News::Start),
        process: 0,
        counts_sleep,
        slept: 0,
        inbox: Vec::new(),
        asked: BTreeMap::new(),
        held: Vec::new(),
        newest_socket: None,
        state: None,
        recorded: None,
        phase: None,
        wake_at: None,
        fires: Ms::MAX,
        steps: (0, 0),
    };
    play.run();
    play.log
}

impl Play<'_> {
    fn run(&mut self) {
        while self.phase != Some(Phase::Over) {
            let instant = self.world.instants.get(self.been).map_or(Ms::MAX, |(at, _)| *at);
            let wake = if self.awake == Awake::Runs { self.fires } else { Ms::MAX };
            let outside = self.awake_changes.min(self.network_changes).min(instant);
            let at = outside.min(self.agenda.next()).min(wake).max(self.now);
            if at >= self.world.length {
                break;
            }
            self.now = at;
            if self.awake_changes <= at {
                self.awake_changes = self.world.awake.next_change(at);
                self.become_awake(*self.world.awake.at(at));
            } else if self.network_changes <= at {
                self.network_changes = self.world.network.next_change(at);
                self.become_connected(*self.world.network.at(at));
            } else if instant <= at {
                self.been += 1;
                let (_, instant) = self.world.instants[self.been - 1];
                self.befall(instant);
            } else if self.agenda.next() <= at {
                if let Some(due) = self.agenda.take() {
                    self.come(due);
                }
            } else {
                self.hear(&News::Tick);
            }
        }
        self.leave();
    }

    fn note(&mut self, entry: Entry) {
        self.log.entries.push((self.now, entry));
    }

    fn come(&mut self, due: Due) {
        match due {
            Due::Served(request) => self.served(request),
            Due::Opened(id, socket) => self.opened(id, socket),
            Due::Decided(id, ask, answer) => self.decided(id, ask, answer),
            Due::Arrives(parcel) => self.arrives(parcel),
            Due::Local(parcel) => self.hand_over(parcel),
            Due::Pings(socket) => self.pings(socket),
            Due::TokenEnds(socket, token) => self.token_ends(socket, token),
            Due::Unanswered(id) => {
                if self.asked.contains_key(&id) {
                    self.hand_over(Parcel::Silence(id));
                }
            }
            Due::Stored { write, process, health, state } => self.stored(write, process, health, state),
        }
    }
}
