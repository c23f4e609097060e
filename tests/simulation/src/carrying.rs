//! How a command fares: what the network, the server, the provider and the store make of it.

use satkeeper_core::lifecycle::{Action, Command, Failure, Input, Outcome, Reply, SocketId};

use crate::away::Away;
use crate::faults::Fault;
use crate::life::{Life, Underway};
use crate::sometimes::Sometimes;
use crate::watch::is_exchange;

/// Retries that a server asks for.
const RETRY_AFTER: [u64; 7] = [0, 1_000, 2_000, 5_000, 30_000, 600_000, 86_400_000];

const fn socket_of(action: &Action) -> Option<SocketId> {
    match *action {
        Action::Authenticate { socket, .. }
        | Action::Reauthenticate { socket, .. }
        | Action::Probe { socket } => Some(socket),
        _ => None,
    }
}

const fn offset_of(action: &Action) -> Option<Option<i64>> {
    match *action {
        Action::Activate { offset, .. }
        | Action::Renew { offset, .. }
        | Action::Authenticate { offset, .. }
        | Action::Reauthenticate { offset, .. } => Some(offset),
        _ => None,
    }
}

impl Life<'_> {
    pub(crate) fn carry_out(&mut self, command: &Command) {
        match command.action {
            Action::MakeKey { algorithm } => {
                let failed = self.mix.hits(Fault::NoKey, &mut self.draws);
                if failed {
                    return self.answer(command, 1, Outcome::failed(Failure::NoKey));
                }
                self.server.key_made(algorithm);
                self.answer(command, 20, Outcome::ok(Reply::KeyMade));
            }
            Action::Persist => self.store(command),
            Action::Erase => {
                self.record = None;
                self.answer(command, 1, Outcome::ok(Reply::Finished));
            }
            Action::Close { socket } => {
                self.server.drop_peer(socket);
                self.answer(command, 1, Outcome::ok(Reply::Finished));
            }
            _ => self.send(command),
        }
    }

    fn store(&mut self, command: &Command) {
        if self.mix.hits(Fault::StoreFails, &mut self.draws) {
            self.watch.disturb(self.clocks.now);
            let delay = self.draws.pick(&[1, 1_000, 4_000]);
            return self.answer(command, delay, Outcome::failed(Failure::Transport));
        }
        if self.mix.hits(Fault::TakenOver, &mut self.draws) {
            return self.answer(command, 2, Outcome::failed(Failure::Conflict));
        }
        self.record = Some(self.machine.snapshot());
        self.answer(command, 2, Outcome::ok(Reply::Finished));
    }

    /// Something for the network.
    fn send(&mut self, command: &Command) {
        self.count_request(command);
        let socket = socket_of(&command.action);
        if socket.is_some_and(|socket| self.server.is_deaf(socket)) {
            return;
        }
        let latency = self.setting.latency;
        // The provider is somebody else's server; an outage is of everything all the same.
        if self.outage_under_way
            && let Some(outage) = self.outage
        {
            let busy = Failure::Http { status: 503, retry_after: None };
            return match outage.away {
                Away::Silent => {}
                Away::Busy if !matches!(command.action, Action::Open { .. }) => {
                    self.answer(command, latency, Outcome::failed(busy));
                }
                Away::Busy | Away::Refuses => {
                    self.answer(command, latency, Outcome::failed(Failure::Transport));
                }
            };
        }
        if self.hit(Fault::LoseRequest) {
            return;
        }
        if self.hit(Fault::Break) {
            return self.answer(command, latency / 2, Outcome::failed(Failure::Transport));
        }
        let wall = self.clocks.read().unix;
        let signed_at = offset_of(&command.action).map(|offset| wall.shifted(offset.unwrap_or(0)));
        let missigned = signed_at
            .zip(self.setting.window)
            .is_some_and(|(signed, window)| signed.0.abs_diff(self.clocks.server_now()) > window);
        if missigned {
            self.watch.disturb(self.clocks.now);
            self.report.tally.count(Sometimes::Missigned);
        }
        let result = match self.failure(command) {
            Some(failure) => Err(failure),
            None => self.server.serve(
                &command.action,
                signed_at,
                &self.clocks,
                &self.setting,
                &self.mix,
                &mut self.draws,
            ),
        };
        let resuming = matches!(command.action, Action::Authenticate { resume: true, .. });
        self.resume_was_refused |= resuming && matches!(result, Err(Failure::Rpc { credential: true, .. }));
        if self.hit(Fault::LoseAnswer) {
            return;
        }
        if let (Action::Reauthenticate { token, socket, .. }, Ok(_)) = (command.action, &result) {
            if self.machine.status().in_force == Some(token) {
                self.report.tally.count(Sometimes::ToldAgain);
            }
            self.send_state(socket);
        }
        let result = if self.hit(Fault::WrongKind) { Ok(self.wrong_kind()) } else { result };
        let delay = if self.hit(Fault::Delay) { self.draws.below(60_000) } else { latency };
        self.watch.disturb(if delay > latency { self.clocks.now + delay } else { 0 });
        let told = self.setting.tells_time || matches!(command.action, Action::Authenticate { .. });
        let outcome = Outcome { result, server_time: told.then(|| self.server_time()), signed_at };
        if self.hit(Fault::Duplicate) {
            let again = delay + self.draws.below(5_000);
            self.answer(command, again, outcome.clone());
        }
        self.answer(command, delay, outcome);
    }

    /// A new state, where the server has one for each token that is pushed.
    fn send_state(&mut self, socket: SocketId) {
        if self.setting.renews_state && self.server.resumable.is_some() {
            let at = self.clocks.now + self.setting.latency + self.draws.below(20);
            self.underway.push(Underway { at, input: Input::ResumeState { socket }, socket: Some(socket) });
        }
    }

    fn answer(&mut self, command: &Command, delay: u64, outcome: Outcome) {
        let at = self.clocks.now + delay;
        let socket = socket_of(&command.action);
        self.underway.push(Underway { at, input: Input::Done(command.id, outcome), socket });
    }

    /// Whether this command meets this fault; if so, all is not well.
    fn hit(&mut self, fault: Fault) -> bool {
        let hit = self.mix.hits(fault, &mut self.draws);
        if hit {
            // A request that is lost is missed at its deadline.
            let miss = if matches!(fault, Fault::LoseRequest | Fault::LoseAnswer) { 125_000 } else { 0 };
            self.watch.disturb(self.clocks.now + miss);
            self.say(|_| format!("-- {}", fault.name()));
        }
        hit
    }

    /// A failure instead of the right answer, of those that befit the command.
    fn failure(&mut self, command: &Command) -> Option<Failure> {
        let action = &command.action;
        let http = is_exchange(action) || matches!(action, Action::Inspect { .. });
        let provider = matches!(action, Action::Mint { .. } | Action::Refresh);
        if matches!(action, Action::Open { .. }) {
            let status = self.draws.pick(&[503, 503, 429]);
            let refused = self.hit(Fault::RefuseUpgrade);
            return refused.then(|| Failure::Http { status, retry_after: self.retry_after() });
        }
        if self.hit(Fault::Malformed) {
            return Some(Failure::Malformed);
        }
        if !http {
            return self.rpc_failure(action);
        }
        if self.hit(Fault::Page) {
            let status = self.draws.pick(&[200, 403, 404, 502]);
            return Some(Failure::Page { status, retry_after: self.retry_after() });
        }
        if self.hit(Fault::ServerError) {
            let status = self.draws.pick(&[500, 502, 503, 504, 408]);
            let retry_after = if self.draws.once_in(4) { self.retry_after() } else { None };
            return Some(Failure::Http { status, retry_after });
        }
        if self.hit(Fault::TooMany) {
            return Some(Failure::Http { status: 429, retry_after: self.retry_after() });
        }
        if provider && self.hit(Fault::ProviderRejects) {
            return Some(
                self.draws.pick(&[Failure::Rejected, Failure::Http { status: 404, retry_after: None }]),
            );
        }
        if provider && self.hit(Fault::ProviderFails) {
            return Some(Failure::Provider { retry_after: self.retry_after() });
        }
        if !provider && self.hit(Fault::Refuse) {
            if self.draws.once_in(8) && is_exchange(action) {
                return Some(Failure::NoKey);
            }
            let status = self.draws.pick(&[401, 403, 404, 422]);
            return Some(Failure::Http { status, retry_after: None });
        }
        None
    }

    /// A server that asks for a pause is not well until then.
    fn retry_after(&mut self) -> Option<u64> {
        let asked = self.draws.bit().then(|| self.draws.pick(&RETRY_AFTER))?;
        // No more than that is believed.
        self.watch.disturb(self.clocks.now + asked.min(self.setting.policy.retry_after));
        Some(asked)
    }

    fn rpc_failure(&mut self, action: &Action) -> Option<Failure> {
        if self.hit(Fault::CallError) {
            return Some(Failure::Rpc { code: -32_000, credential: false });
        }
        if matches!(action, Action::Authenticate { .. }) && self.hit(Fault::Incompatible) {
            // Asked again after five minutes.
            self.watch.disturb(self.clocks.now + 300_000);
            return Some(Failure::Rpc { code: -32_001, credential: false });
        }
        let (fault, token, code) = match *action {
            Action::Authenticate { resume: true, token, .. } => {
                let code = self.draws.pick(&[-32_602, -32_003, -32_000, -32_004, -32_005]);
                (Fault::RefuseResume, token, code)
            }
            Action::Authenticate { token, .. } => (Fault::RefuseConnect, token, -32_002),
            Action::Reauthenticate { token, .. } => (Fault::RefusePush, token, -32_003),
            _ => return None,
        };
        if !self.hit(fault) {
            return None;
        }
        match fault {
            // Some of them are for now only.
            Fault::RefuseResume if code < -32_099 => self.server.resumable = None,
            Fault::RefuseConnect => self.server.note_refusal(token),
            _ => {}
        }
        Some(Failure::Rpc { code, credential: !matches!(code, -32_000 | -32_004 | -32_005) })
    }

    fn wrong_kind(&mut self) -> Reply {
        if self.draws.bit() { Reply::Opened } else { Reply::Finished }
    }
}
