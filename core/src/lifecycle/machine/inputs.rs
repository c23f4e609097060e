//! What the application and the driver bring: every input but answers (R15, R33).

use crate::lifecycle::attempts::{Attempt, Endpoint};
use crate::lifecycle::{
    AskError, Cause, Event, Failure, Input, Lifecycle, Mechanism, Mode, ProviderFacts, Start, TeardownReason,
};

impl Lifecycle {
    /// Takes an input into the state. Decides as little as possible: what follows from it is on the agenda.
    pub(super) fn absorb(&mut self, input: Input) {
        match input {
            Input::Start(start) => self.start(&start),
            Input::Done(command, outcome) => self.done(command, &outcome),
            Input::SocketLost { socket } => self.socket_gone(socket, false, Failure::Transport),
            Input::SocketDead { socket } => self.socket_gone(socket, true, Failure::Timeout),
            Input::ServerRestart { socket, wipe } => self.server_restarts(socket, wipe),
            Input::ResumeState { socket } => self.state_came(socket),
            Input::SocketAlive { socket } => self.socket_answers(socket),
            Input::Tick => {}
            Input::Rejected { ask, generation } => self.rejected_by_server(ask, generation),
            Input::RefreshNow { ask } => self.ask_for_renewal(ask),
            Input::NewBase { ask, token } => self.update_token(ask, &token),
            Input::NewProvider(provider) => self.set_provider(provider),
            Input::Suspend => self.suspend(),
            Input::Resume => self.resume(),
            Input::NetworkChanged => self.network_changed(),
            Input::Disconnect => self.finish(TeardownReason::Disconnected),
            Input::Leave => self.finish(TeardownReason::Left),
            Input::Destroy => self.finish(TeardownReason::Destroyed),
        }
        self.find_hope();
    }

    fn start(&mut self, start: &Start) {
        if self.mode != Mode::Idle {
            return self.out_of_place();
        }
        self.mode = Mode::Running;
        self.hope.reach.reached(self.clock.now());
        self.record.keep(start.durable);
        self.renewal.start(start.provider, start.key);
        let lost_key = self.renewal.key.is_wanted();
        self.tokens.ask_anew();
        let now = self.clock.now();
        let able = self.provider_can();
        // What was bound to a key that is lost, and what nobody can renew, begins anew.
        self.tokens.keep(|token| !(lost_key && token.is_bound()) && (able || token.lasts(now)));
        self.renewal.begin(!self.tokens.are_none());
        if !self.tokens.are_none() {
            self.spread_work();
        } else {
            self.link.resumption.forget();
            self.hope.regain();
        }
    }

    fn network_changed(&mut self) {
        if self.mode != Mode::Running {
            return self.out_of_place();
        }
        let now = self.clock.now();
        self.probe(self.policy.network);
        let lately = self.network_hint.is_some_and(|at| now < at.saturating_add(self.policy.network_hint));
        if lately {
            return;
        }
        self.network_hint = Some(now);
        self.renewal.paces.wake(now);
        self.link.reconnect.wake(now);
        // What has been on its way for long was sent on the network of before.
        let old = self.policy.reconnect_early;
        let stuck = |attempt: &Attempt| attempt.asked.saturating_add(old) <= now;
        if let Some(coming) = self.link.coming()
            && let Some(attempt) =
                self.attempts.iter().find(|it| it.socket() == Some(coming.socket) && stuck(it)).copied()
        {
            // Nobody has failed: it is made anew at once.
            self.give_up_coming();
            self.tell_failed_connect(Cause { command: attempt.id, failure: Failure::Transport });
        }
        // A provider that is to be asked but once at a time may be busy with a person.
        let twice = self.renewal.provider().may_be_asked_twice;
        let ours = |attempt: &Attempt| match Endpoint::of(&attempt.action) {
            Some(endpoint) => twice || endpoint.mechanism() == Mechanism::Bound,
            None => false,
        };
        self.attempts.cut_short(now, |attempt| ours(attempt) && stuck(attempt));
    }

    fn set_provider(&mut self, provider: ProviderFacts) {
        if matches!(self.mode, Mode::Ending(..) | Mode::Over(_)) {
            return self.out_of_place();
        }
        self.renewal.replace_provider(provider, !self.tokens.are_none());
        self.attempts.retire(|attempt| attempt.is_exchange());
        self.told.forget_fallback();
        self.tokens.ask_anew();
    }

    fn suspend(&mut self) {
        if self.mode != Mode::Running {
            return self.out_of_place();
        }
        self.close_sockets();
        for waiter in self.waiters.take(|_| true) {
            self.tell(Event::Failed { ask: waiter.id, error: AskError::Suspended });
        }
        self.hope.reach.rest();
        self.mode = Mode::Suspended;
        self.tell(Event::Suspended);
    }

    fn resume(&mut self) {
        if self.mode != Mode::Suspended {
            return self.out_of_place();
        }
        let now = self.clock.now();
        self.mode = Mode::Running;
        self.link.rest();
        // Time at rest was nobody's to reach anybody in (R5).
        self.hope.regain();
        self.hope.reach.reached(now);
        if self.tokens.are_none() && self.renewal.has_minted() {
            self.hope.lose(now);
        }
        self.renewal.paces.wake(now);
        self.tokens.forgive();
        self.spread_work();
    }
}
