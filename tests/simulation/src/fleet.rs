//! A fleet: very many usual sessions that all begin in the same second, alive at the same time, with a fault
//! now and then. What it costs to keep them, and what they ask of a server.
//!
//! Sessions have nothing in common but the server's load, so the calendar need not be in order to the
//! millisecond: who is due within a slice of time is taken through that slice alone, and through the
//! conversation with the server that it is in. What comes of it does not depend on the slice.

use std::sync::Arc;

use satkeeper_core::Now;
use satkeeper_core::UnixMillis;
use satkeeper_core::lifecycle::{
    Action, Command, Event, Failure, Input, KeyFacts, Lifecycle, Outcome, Output, Phase, Policy,
    ProviderFacts, Reply, SocketId, Start, Statement, TeardownReason, TokenFacts, TokenId,
};
use satkeeper_core::secret::Seed;

use crate::HOUR;
use crate::clocks::EPOCH;
use crate::draws::{Draws, mixed};
use crate::watch::is_exchange;

/// From a request to its answer.
const LATENCY: u64 = 40;

/// A base token's life.
const BASE_LIFE: u64 = 7_200_000;

/// A bound token's: what the policy asks for.
const BOUND_LIFE: u64 = 900_000;

/// A first mint that fails is its caller's, who tries again after this.
const CALLER_TRIES_AGAIN: u64 = 30_000;

/// What a fleet is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FleetPlan {
    /// Decides everything.
    pub seed: u64,
    /// How many sessions.
    pub sessions: u32,
    /// For how long.
    pub hours: u64,
    /// Of ten thousand requests so many go wrong.
    pub faults: u64,
    /// Milliseconds that a session is taken through at a time.
    pub slice: u64,
    /// Whether the invariants are checked after each input.
    pub check: bool,
}

impl FleetPlan {
    /// This many sessions for a day, one request in a hundred goes wrong.
    #[must_use]
    pub const fn day(sessions: u32) -> Self {
        Self { seed: 1, sessions, hours: 24, faults: 100, slice: HOUR, check: false }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct FleetReport {
    /// Inputs of all machines.
    pub inputs: u64,
    /// Requests in each second.
    pub seconds: Vec<u32>,
    /// Of all requests, what asked for a token.
    pub exchanges: u64,
    /// Requests that went wrong.
    pub faults: u64,
    /// Renewals that came into force.
    pub renewals: u64,
    /// Sessions that are live at the end.
    pub live: u64,
    /// First mints that failed.
    pub failed: u64,
    /// Sessions that ended. None should.
    pub lost: u64,
    /// Of all that was done, in any order.
    pub digest: u64,
}

impl FleetReport {
    /// All requests.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.seconds.iter().map(|second| u64::from(*second)).sum()
    }

    /// The highest second from this one on, and the mean of them.
    #[must_use]
    pub fn load(&self, from: usize) -> (u32, f64) {
        let span = self.seconds.get(from..).unwrap_or_default();
        let sum: u64 = span.iter().map(|second| u64::from(*second)).sum();
        (span.iter().copied().max().unwrap_or(0), sum as f64 / span.len().max(1) as f64)
    }

    /// Of each minute the mean and the highest second, as CSV.
    #[must_use]
    pub fn minutes(&self) -> String {
        let minutes = self.seconds.chunks_exact(60).zip(0..).map(|(minute, number)| {
            let sum: u32 = minute.iter().sum();
            let highest = minute.iter().max().unwrap_or(&0);
            format!("{number},{:.1},{highest}\n", f64::from(sum) / 60.0)
        });
        std::iter::once("minute,mean,highest\n".to_owned()).chain(minutes).collect()
    }
}

/// The fleet's network and its books.
struct Desk {
    report: FleetReport,
    /// All machines decide with the same numbers.
    policy: Arc<Policy>,
    faults: u64,
    check: bool,
    /// Answers on their way, in the conversation of the session that is being visited.
    underway: Vec<(u64, Input)>,
    broken: Option<&'static str>,
}

/// How a request fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fares {
    /// Answered after so long.
    Well(u64),
    Lost,
    AnswerLost,
    Busy,
    /// The socket goes with it.
    SocketLost,
}

/// A session and what its server knows of it.
struct Member {
    machine: Lifecycle,
    draws: Draws,
    /// When it wants to be stepped.
    due: u64,
    /// The last token of each kind that the server gave, with its end.
    base: (TokenId, u64),
    bound: (TokenId, u64),
    next_token: u32,
    /// The socket that is open at the server.
    socket: Option<SocketId>,
}

const START: Start = Start {
    provider: ProviderFacts { can_refresh: true, can_mint_again: true, may_be_asked_twice: false },
    key: KeyFacts::Auto,
    durable: false,
};

fn now(at: u64) -> Now {
    Now::new(at, EPOCH + at)
}

impl Member {
    /// A session of a provider that can renew and a token with scope, as the subscriber API gives them.
    fn new(policy: &Arc<Policy>, seed: u64, number: u64) -> Self {
        let mut draws = Draws::of(seed, number);
        let machine = Lifecycle::new(Arc::clone(policy), &Seed::from_bytes(draws.bytes()));
        let none = (TokenId(0), 0);
        Self { machine, draws, due: 0, base: none, bound: none, next_token: 1, socket: None }
    }

    /// Begins the session at `at`, and lives until nothing is due before `until`.
    fn begin(&mut self, at: u64, until: u64, desk: &mut Desk) {
        self.input(at, Input::Start(START), desk);
        self.live(until, desk);
    }

    /// Lives until nothing is due before `until` and no answer is on its way.
    fn live(&mut self, until: u64, desk: &mut Desk) {
        loop {
            let answer = (0..desk.underway.len()).min_by_key(|index| desk.underway[*index].0);
            match answer {
                Some(index) if desk.underway[index].0 <= self.due => {
                    let (at, input) = desk.underway.swap_remove(index);
                    self.input(at, input, desk);
                }
                _ if self.due < until || (answer.is_some() && self.due < u64::MAX) => {
                    self.input(self.due, Input::Tick, desk);
                }
                _ => return,
            }
        }
    }

    fn input(&mut self, at: u64, input: Input, desk: &mut Desk) {
        let step = self.machine.step(now(at), input);
        desk.report.inputs += 1;
        self.due = step.wake_at.map_or(u64::MAX, |(tick, _)| tick.0);
        let done = at ^ self.due.rotate_left(24) ^ ((step.outputs.len() as u64) << 56);
        desk.report.digest = desk.report.digest.wrapping_add(mixed(done));
        if desk.check {
            desk.broken = desk.broken.or(self.machine.check().err());
        }
        for output in step.outputs {
            match output {
                Output::Do(command) => self.carry_out(at, &command, desk),
                Output::Tell(Event::Renewed { .. }) => desk.report.renewals += 1,
                Output::Tell(Event::Teardown { reason, .. }) => self.over(at, reason, desk),
                Output::Tell(_) => {}
            }
        }
    }

    fn over(&mut self, at: u64, reason: TeardownReason, desk: &mut Desk) {
        if reason != TeardownReason::MintFailed {
            desk.report.lost += 1;
            return;
        }
        desk.report.failed += 1;
        desk.underway.clear();
        self.machine = Lifecycle::new(Arc::clone(&desk.policy), &Seed::from_bytes(self.draws.bytes()));
        desk.underway.push((at + CALLER_TRIES_AGAIN, Input::Start(START)));
    }

    fn carry_out(&mut self, at: u64, command: &Command, desk: &mut Desk) {
        if matches!(command.action, Action::MakeKey { .. } | Action::Close { .. }) {
            let outcome =
                Outcome { result: self.serve(&command.action, at), server_time: None, signed_at: None };
            desk.underway.push((at + 1, Input::Done(command.id, outcome)));
            return;
        }
        if let Some(second) = desk.report.seconds.get_mut((at / 1_000) as usize) {
            *second += 1;
        }
        desk.report.exchanges += u64::from(is_exchange(&command.action));
        let fares = if self.draws.below(10_000) < desk.faults { self.fault() } else { Fares::Well(LATENCY) };
        desk.report.faults += u64::from(fares != Fares::Well(LATENCY));
        let (delay, result) = match fares {
            Fares::Lost => return,
            Fares::AnswerLost => return drop(self.serve(&command.action, at)),
            Fares::Well(delay) => (delay, self.serve(&command.action, at)),
            Fares::Busy => (LATENCY, Err(Failure::Http { status: 503, retry_after: None })),
            Fares::SocketLost => match self.socket.take() {
                Some(socket) => return desk.underway.push((at + LATENCY, Input::SocketLost { socket })),
                None => (LATENCY, Err(Failure::Transport)),
            },
        };
        let server_time = Some(UnixMillis((EPOCH + at + delay) / 1_000 * 1_000));
        let outcome = Outcome { result, server_time, signed_at: None };
        desk.underway.push((at + delay, Input::Done(command.id, outcome)));
    }

    fn fault(&mut self) -> Fares {
        match self.draws.below(8) {
            0 => Fares::Lost,
            1 => Fares::AnswerLost,
            // Perhaps too slow.
            2 | 3 => Fares::Well(1_000 + self.draws.below(12_000)),
            4 | 5 => Fares::SocketLost,
            _ => Fares::Busy,
        }
    }

    fn serve(&mut self, action: &Action, at: u64) -> Result<Reply, Failure> {
        let refused = Failure::Rpc { code: -32_002, credential: true };
        let unauthorized = Failure::Http { status: 401, retry_after: None };
        let ends = |(id, ends): (TokenId, u64), token: TokenId| (id == token && at < ends).then_some(ends);
        let valid = |token| ends(self.base, token).or_else(|| ends(self.bound, token));
        let says = |at: u64| Statement { expires_at: Some(UnixMillis(EPOCH + at)), ..Statement::default() };
        match *action {
            Action::MakeKey { .. } => Ok(Reply::KeyMade),
            Action::Mint { .. } | Action::Refresh => {
                self.base = (self.fresh(), at + BASE_LIFE);
                let statement = Statement { assumed_life: Some(BASE_LIFE), ..Statement::default() };
                Ok(Reply::Token(TokenFacts { token: self.base.0, statement, new_secret: false }))
            }
            Action::Inspect { base } => match valid(base) {
                Some(end) => Ok(Reply::Inspected(Statement { scope: Some(true), ..says(end) })),
                None => Err(unauthorized),
            },
            Action::Activate { base: token, .. } | Action::Renew { bound: token, .. } => {
                if valid(token).is_none() {
                    return Err(unauthorized);
                }
                self.bound = (self.fresh(), at + BOUND_LIFE);
                let statement = Statement { expires_in: Some(BOUND_LIFE), ..Statement::default() };
                Ok(Reply::Token(TokenFacts { token: self.bound.0, statement, new_secret: false }))
            }
            Action::Open { socket, .. } => {
                self.socket = Some(socket);
                Ok(Reply::Opened)
            }
            Action::Authenticate { token, .. } => match valid(token) {
                Some(end) => Ok(Reply::Authenticated { resumed: false, statement: says(end) }),
                None => Err(refused),
            },
            Action::Reauthenticate { token, .. } => match valid(token) {
                Some(end) => Ok(Reply::Reauthenticated(says(end))),
                None => Err(refused),
            },
            Action::Probe { .. } => Ok(Reply::Alive),
            Action::Persist | Action::Erase | Action::Close { .. } => Ok(Reply::Finished),
            other => unreachable!("{other:?} is new"),
        }
    }

    const fn fresh(&mut self) -> TokenId {
        let id = TokenId(self.next_token);
        self.next_token += 1;
        id
    }
}

/// Who is due when, to the page.
struct Calendar {
    slice: u64,
    pages: Vec<Vec<u32>>,
}

impl Calendar {
    fn new(slice: u64, end: u64) -> Self {
        Self { slice, pages: vec![Vec::new(); (end / slice) as usize + 1] }
    }

    /// Beyond the end nobody is visited.
    fn note(&mut self, member: u32, due: u64) {
        if let Some(page) = self.pages.get_mut((due / self.slice) as usize) {
            page.push(member);
        }
    }
}

/// Lets a fleet live.
///
/// # Errors
/// The invariant that does not hold, where they are checked.
pub fn fleet(plan: &FleetPlan) -> Result<FleetReport, &'static str> {
    let end = plan.hours * HOUR;
    let report = FleetReport { seconds: vec![0; (end / 1_000) as usize], ..FleetReport::default() };
    let policy = Arc::default();
    let mut desk =
        Desk { report, policy, faults: plan.faults, check: plan.check, underway: Vec::new(), broken: None };
    let mut calendar = Calendar::new(plan.slice, end);
    let mut members = Vec::with_capacity(plan.sessions as usize);
    for number in 0..plan.sessions {
        let mut member = Member::new(&desk.policy, plan.seed, u64::from(number));
        // All within the same second: a mass mint.
        let at = member.draws.below(1_000);
        member.begin(at, plan.slice.min(end), &mut desk);
        calendar.note(number, member.due);
        members.push(member);
    }
    for page in 0..calendar.pages.len() {
        let until = ((page as u64 + 1) * plan.slice).min(end);
        for number in std::mem::take(&mut calendar.pages[page]) {
            let member = &mut members[number as usize];
            member.live(until, &mut desk);
            calendar.note(number, member.due);
        }
    }
    let live = |member: &&Member| member.machine.status().phase == Phase::Live;
    desk.report.live = members.iter().filter(live).count() as u64;
    match desk.broken {
        Some(what) => Err(what),
        None => Ok(desk.report),
    }
}
