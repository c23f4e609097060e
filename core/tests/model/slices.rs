//! Which part of the product is searched.

use satkeeper_core::lifecycle::explorer::View;
use satkeeper_core::lifecycle::*;

use super::letter::stamp;
use super::{Moment, State};

/// How the end of a token is stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// A lifetime, by the server.
    Life,
    /// A time, by the server.
    Time,
    /// Both, and they differ: the time is one unit earlier.
    Both,
    /// The provider's hint.
    Hint,
    /// Nobody says anything: as long as was asked for.
    Assumed,
    /// Not even that.
    Never,
}

impl Ends {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Life => "",
            Self::Time => " until then",
            Self::Both => " for so long, until then",
            Self::Hint => " until about then",
            Self::Assumed => " for as long as asked",
            Self::Never => " without an end",
        }
    }

    /// `ahead`: how far the server's clock is.
    pub fn statement(self, life: u64, ahead: i64) -> Statement {
        let says = Statement::default();
        let time = |life: u64| Some(stamp(life as i64 + ahead));
        match self {
            Self::Life => Statement { expires_in: Some(life), ..says },
            Self::Time => Statement { expires_at: time(life), ..says },
            Self::Both => Statement { expires_in: Some(life), expires_at: time(life - 1), ..says },
            Self::Hint => Statement { expiry_hint: time(life), ..says },
            Self::Assumed => Statement { assumed_life: Some(life), ..says },
            Self::Never => says,
        }
    }
}

/// A part of the whole product: who may renew, what may happen, and when.
#[derive(Clone)]
pub struct Slice {
    pub name: &'static str,
    pub starts: Vec<(&'static str, Start)>,
    /// What subscriber/info may say.
    pub scopes: Vec<bool>,
    /// When inputs other than ticks come.
    pub moments: Vec<Moment>,
    /// Ticks may also be one unit late.
    pub after: bool,
    /// Ticks may also be later than `Policy::sleep`.
    pub late: bool,
    /// Transient failures; time-outs there are always.
    pub failures: bool,
    /// Failures may name a time to come back.
    pub retry_after: bool,
    /// Only these commands fail or are refused; none named: all may.
    pub fail_only: &'static [&'static str],
    /// Refusals for the credential.
    pub refusals: bool,
    /// Replies that no honest server gives.
    pub hostile: bool,
    /// How ends are stated.
    pub ends_as: Vec<Ends>,
    /// A connect or a push may state another end.
    pub restates: bool,
    /// How far the server's clock may be ahead of ours in what it tells; none: it never tells.
    pub offsets: Vec<i64>,
    /// By how much the wall clock may jump, there and back: a sleep, or somebody sets it.
    pub jumps: Vec<i64>,
    /// What has yielded its place is answered all the same.
    pub late_answers: bool,
    /// The process dies and goes on from its record.
    pub deaths: bool,
    pub no_key: bool,
    /// The socket is lost, is restarted, can be resumed.
    pub socket: bool,
    /// It is doubted, and answers after all; what befalls the one that is coming, and the one that was replaced.
    pub doubt: bool,
    /// The network changes.
    pub network: bool,
    /// `refresh_now`, `rejected`.
    pub asks: bool,
    /// `update_token`.
    pub updates: bool,
    /// `set_provider`.
    pub providers: bool,
    /// `suspend`, `resume`.
    pub rest: bool,
    /// `disconnect`, `destroy`.
    pub ends: bool,
    /// Only the command that has been open longest is answered, or none; else in any order.
    pub in_order: bool,
    /// While a command is open it is answered: no time passes.
    pub prompt: bool,
    /// But while no more than these are: they may have to be waited for.
    pub slow: &'static [&'static str],
    /// What comes unasked comes in these phases only; none named: in all.
    pub only_while: &'static [&'static str],
    /// Other things happen while something local is under way, too.
    pub eager: bool,
    /// With more commands open, only answers come.
    pub most_open: usize,
    pub most_asks: usize,
    /// So many things, of whatever kind, come otherwise than from a well-behaved world; none named: any number.
    pub disturbances: Option<u8>,
    pub most_edges: usize,
    pub policy: Policy,
    /// Lives of tokens.
    pub base_life: u64,
    pub bound_life: u64,
    /// Each so many-th edge to a known class yields a member to compare.
    pub twin_every: usize,
    /// What becomes of such a member may be told apart from what becomes of the first if both do the same for so
    /// many steps more: ages that were as good as endless come back where clocks are set. None: it may not.
    pub alike_for: usize,
}

impl Slice {
    /// One way to start, a server and a network that do as they should but for time.
    pub fn new(name: &'static str, provider: ProviderFacts, key: KeyFacts, scope: bool) -> Self {
        Self {
            name,
            starts: vec![("", Start { provider, key, durable: false })],
            scopes: vec![scope],
            moments: vec![Moment::Now],
            after: false,
            late: false,
            failures: false,
            retry_after: false,
            fail_only: &[],
            refusals: false,
            hostile: false,
            ends_as: vec![Ends::Life],
            restates: false,
            offsets: vec![],
            jumps: vec![],
            late_answers: false,
            deaths: false,
            no_key: false,
            socket: false,
            doubt: false,
            network: false,
            asks: false,
            updates: false,
            providers: false,
            rest: false,
            ends: false,
            in_order: false,
            prompt: false,
            slow: &[],
            only_while: &[],
            eager: false,
            most_open: 4,
            most_asks: 1,
            disturbances: None,
            most_edges: 200_000,
            policy: Policy::model(),
            base_life: 8,
            bound_life: 6,
            twin_every: 17,
            alike_for: 0,
        }
    }

    pub const fn policy(&self) -> Policy {
        self.policy
    }

    /// What of a state can matter in it.
    pub fn view(&self) -> View {
        let clocks = !self.offsets.is_empty();
        View {
            ends_move: clocks || self.restates || !self.jumps.is_empty() || self.late || self.deaths,
            clocks,
            jumps: self.late || !self.jumps.is_empty(),
            deaths: self.deaths,
            asks: self.asks,
            late_answers: self.late_answers,
            causes: self.name.starts_with("read"),
        }
    }

    /// Where disturbances are counted, the first of what a server may say is the usual.
    pub fn is_usual<T: PartialEq>(&self, all: &[T], said: T) -> bool {
        self.disturbances.is_none() || all.first() == Some(&said)
    }

    /// Whether something comes unasked in this phase.
    pub fn is_time(&self, phase: Phase) -> bool {
        self.only_while.is_empty() || self.only_while.contains(&phase.name())
    }

    /// How far ahead the server's clock is when it states an absolute end.
    pub fn server_ahead(&self) -> i64 {
        self.offsets.last().copied().unwrap_or(0)
    }

    /// How far the server's clock may be ahead of the monotonic one: as always, or by what was slept, too.
    pub fn ahead(&self, state: &State) -> Vec<i64> {
        let slept = |ahead: &i64| [*ahead, *ahead + state.wall];
        let mut all: Vec<i64> = self.offsets.iter().flat_map(slept).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What a connect or a push may say of the token's end.
    pub fn restated(&self) -> Vec<(&'static str, Statement)> {
        if !self.restates {
            return Vec::new();
        }
        let ends = |life: i64| Statement {
            expires_at: Some(stamp(life + self.server_ahead())),
            ..Statement::default()
        };
        vec![("ends sooner", ends(2)), ("ends later", ends(self.base_life as i64 + 2))]
    }
}
