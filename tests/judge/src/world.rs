//! What a session lives in: functions of true time that do not depend on what the client does, and instants at which
//! something happens. Nobody's rules are in here.

use crate::timeline::{Ms, Timeline};

/// All of it. `Default` is a calm day: everything answers after 50 ms.
#[derive(Clone, Debug)]
pub struct World {
    /// Its row in the catalogue, from 1.
    pub row: u8,
    /// Decides what the client draws.
    pub seed: u64,
    /// How long it lasts.
    pub length: Ms,
    /// What does not change.
    pub facts: Facts,
    /// The application's provider: `authenticate()`.
    pub mint: Timeline<Service>,
    /// The application's provider: `refresh()`.
    pub refresh: Timeline<Service>,
    /// GET subscriber/info.
    pub inspect: Timeline<Service>,
    /// POST devices/token.
    pub activate: Timeline<Service>,
    /// POST devices/refresh.
    pub renew: Timeline<Service>,
    /// The upgrade of a WebSocket.
    pub open: Timeline<Opening>,
    /// `signalwire.connect` without a state, with a token that is honoured.
    pub connect: Timeline<Handling>,
    /// The same with a state that the server knows.
    pub resume: Timeline<Handling>,
    /// `signalwire.reauthenticate` with a token that is honoured.
    pub push: Timeline<Handling>,
    /// Whether the server answers pings.
    pub pongs: Timeline<bool>,
    /// What passes between host and server (and provider).
    pub network: Timeline<Network>,
    /// What the process is doing.
    pub awake: Timeline<Awake>,
    /// By how much each step of the driver comes late.
    pub late: Timeline<Ms>,
    /// How far the host's wall clock is ahead of the truth.
    pub wall: Timeline<i64>,
    /// What keeps the record.
    pub store: Timeline<Store>,
    /// What happens, sorted by time.
    pub instants: Vec<(Ms, Instant)>,
}

/// What does not change in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The provider has a `refresh()`.
    pub can_refresh: bool,
    /// `authenticate()` may be called again.
    pub can_mint_again: bool,
    /// `refresh()` presents a one-time secret, which its answer replaces (a subscriber's refresh token).
    pub one_time: bool,
    /// The provider's calls may be asked twice at once (A1).
    pub may_be_asked_twice: bool,
    /// Minted and refreshed tokens carry `sat:refresh`: they can be exchanged for client-bound ones.
    pub scope: bool,
    /// A key is to be had.
    pub key: bool,
    /// There is a store.
    pub durable: bool,
    /// Who says when tokens end.
    pub ends: Ends,
    /// Beside what `ends` says: the provider gives its own tokens an `expiry_at`, dated by a clock that is so far ahead
    /// of the truth.
    pub hints_too: Option<i64>,
    /// What the server does with a socket at its token's end.
    pub at_end: AtEnd,
    /// A state can be resumed.
    pub resumes: bool,
    /// An accepted push brings a new state; else the state of the connect stays.
    pub push_renews_state: bool,
    /// A new connection of the session closes the older one.
    pub displaces: bool,
    /// The server pings each so many milliseconds; 0: never.
    pub pings: Ms,
    /// Proofs further off than this from the server's clock are refused.
    pub window: Option<Ms>,
    /// The upgrade's answer carries a `Date`.
    pub date_on_sockets: bool,
    /// How far the server's clock is ahead of the truth.
    pub server_clock: i64,
    /// A client-bound token ends with the base that it was exchanged from.
    pub capped: bool,
}

/// Who says when tokens end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Each exchange tells lifetime and end.
    Exchange,
    /// Only results of connects and pushes.
    Connect,
    /// The provider's `expiry_at` for its own tokens, dated by a clock that is so far ahead of the truth; lifetimes for
    /// client-bound ones.
    Hint(i64),
    /// Nobody; what is documented is assumed.
    Nobody,
}

/// What the server does with a socket when the token ends that it was last authenticated with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtEnd {
    /// It closes it.
    Closes,
    /// It keeps it open, and the session's requests are refused.
    Refuses,
}

/// How an endpoint treats a request that has reached it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// From the request's leaving to its answer's coming, without the network's faults.
    pub latency: Ms,
    /// What comes of it.
    pub outcome: Outcome,
}

/// What comes of a request to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new token of this life, counted from when it is issued (at the end of the latency). 0 and less: it has ended.
    /// Of `inspect`: an answer.
    Grants {
        /// Milliseconds.
        life: i64,
    },
    /// The token of before, as long as it lasts; then a new one.
    Cached {
        /// Of a new one.
        life: i64,
    },
    /// A new token is issued, and its answer is lost.
    LosesReply {
        /// Milliseconds.
        life: i64,
    },
    /// Nothing ever comes.
    Silent,
    /// The connection breaks.
    Breaks,
    /// An HTTP answer that is no success.
    Http {
        /// Its status.
        status: u16,
        /// Its body is the API's own (JSON); else a page of HTML that somebody on the way wrote.
        own: bool,
        /// Milliseconds.
        retry_after: Option<Ms>,
        /// Its `Date` is so far off the server's clock, and it has an `Age` if `stored`.
        date_off: i64,
        /// It comes out of somebody's cache.
        stored: bool,
    },
    /// 200 with a page of HTML.
    Page,
    /// Of the application's provider: it failed, for now.
    Fails,
    /// Of the application's provider: never again.
    Rejects,
}

/// How the upgrade of a socket goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Well.
    Upgrades,
    /// With this status.
    Refuses {
        /// 401, 429, 503 …
        status: u16,
        /// Milliseconds.
        retry_after: Option<Ms>,
    },
    /// Nothing comes.
    Silent,
    /// The connection is refused.
    Breaks,
}

/// How a connect, resume or push goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handling {
    /// From the frame's leaving to its reply's coming.
    pub takes: Ms,
    /// What comes of it.
    pub answer: Answer,
}

/// What the server makes of a connect, resume or push with a token that is honoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Well.
    Accepts,
    /// A JSON-RPC error of this code (-32002 and -32003 are about the credential).
    Error(i64),
    /// A result with this code, which is no success.
    Code(u16),
    /// A result without `protocol`.
    NoProtocol,
    /// Nothing comes.
    Silent,
    /// The socket is closed.
    Cuts,
}

/// What passes between host and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Everything.
    Up,
    /// Nothing, and the host knows: requests fail at once, sockets are lost at once.
    Off,
    /// What goes in a direction that is `false` vanishes; nobody is told.
    Swallows {
        /// From host to server.
        out: bool,
        /// From server to host.
        back: bool,
    },
}

/// What the process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awake {
    /// Running.
    Runs,
    /// The host sleeps.
    Sleeps,
    /// The process is stopped (SIGSTOP), the host is awake.
    Stopped,
    /// It was killed. Where this piece ends, a new process begins with what the store holds.
    Dead,
}

/// What keeps the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Store {
    /// How long a write takes.
    pub takes: Ms,
    /// What comes of it.
    pub health: Health,
}

/// What comes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It is kept.
    Keeps,
    /// It fails.
    Fails,
    /// It fails, for somebody else holds the session.
    Taken,
    /// It is said to be kept, and is not: who begins again finds what was kept before (a failover).
    Loses,
}

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instant {
    /// The socket breaks.
    Cut,
    /// The sockets that there are pass nothing more in a direction that is `false`: a box on the way has forgotten them.
    /// Nobody is told; new sockets are whole.
    HalfOpen {
        /// From host to server.
        out: bool,
        /// From server to host.
        back: bool,
    },
    /// The server restarts for all: `signalwire.disconnect`, then a close with 1012.
    Restart {
        /// `restart: true`: no state can be resumed.
        wipe: bool,
    },
    /// All sockets are closed with 1001, without a word.
    GoingAway,
    /// Every state is forgotten.
    ForgetStates,
    /// Every token issued so far is honoured no more, and its socket is closed.
    Revoke,
    /// The application does this.
    User(User),
}

/// What an application does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// `suspend()`.
    Suspends,
    /// `resume()`.
    Resumes,
    /// `disconnect()`.
    Disconnects,
    /// `network_changed()`.
    NetworkChanged,
    /// `refresh_now()`.
    Refreshes,
    /// Its call was refused for its credential.
    WasRefused,
    /// It makes a call. If the newest socket of the session is open and not authenticated, the server refuses that, and
    /// the client hears `WasRefused`; else nothing comes of it.
    Calls,
    /// `update_token` with a new token.
    Updates {
        /// Its life.
        life: Ms,
        /// It is another subscriber's: what is still on its way is the old one's.
        other_identity: bool,
    },
}

impl Default for World {
    fn default() -> Self {
        let service = |life| Timeline::always(Service { latency: 50, outcome: Outcome::Grants { life } });
        let handling = Timeline::always(Handling { takes: 50, answer: Answer::Accepts });
        Self {
            row: 1,
            seed: 1,
            length: 24 * 3_600_000,
            facts: Facts::default(),
            mint: service(7_200_000),
            refresh: service(7_200_000),
            inspect: service(0),
            activate: service(900_000),
            renew: service(900_000),
            open: Timeline::always(Opening::Upgrades),
            connect: handling.clone(),
            resume: handling.clone(),
            push: handling,
            pongs: Timeline::always(true),
            network: Timeline::always(Network::Up),
            awake: Timeline::always(Awake::Runs),
            late: Timeline::always(0),
            wall: Timeline::always(0),
            store: Timeline::always(Store { takes: 5, health: Health::Keeps }),
            instants: Vec::new(),
        }
    }
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            can_refresh: true,
            can_mint_again: false,
            one_time: false,
            may_be_asked_twice: false,
            scope: false,
            key: true,
            durable: false,
            ends: Ends::Exchange,
            hints_too: None,
            at_end: AtEnd::Closes,
            resumes: true,
            push_renews_state: true,
            displaces: false,
            pings: 15_000,
            window: None,
            date_on_sockets: true,
            server_clock: 0,
            capped: false,
        }
    }
}
