//! One session from its start to its end, in virtual time: the machine, its driver, its server.

use std::collections::VecDeque;

use satkeeper_core::lifecycle::{
    Action, Command, Event, Input, KeyFacts, Lifecycle, Output, Snapshot, SocketId, Status, Wake,
};
use satkeeper_core::{Tick, UnixMillis};

use crate::away::Outage;
use crate::clocks::Clocks;
use crate::draws::Draws;
use crate::faults::{Allowed, Fault, Mix};
use crate::report::{Report, Violation};
use crate::server::{Peer, Server};
use crate::setting::Setting;
use crate::sometimes::Sometimes;
use crate::tape::{Origin, Tape};
use crate::watch::{Scene, Watch, is_exchange};

/// Something on its way to the machine.
#[derive(Clone, Debug)]
pub(crate) struct Underway {
    pub(crate) at: u64,
    pub(crate) input: Input,
    /// It comes on this socket, and is mostly lost with it.
    pub(crate) socket: Option<SocketId>,
}

/// What comes next.
enum Next {
    Arrival(usize),
    Wake,
    Fault(usize),
    OutageBegins,
    OutageEnds,
    /// The server restarts; what could be resumed is gone, or not.
    Restart(bool),
    /// The server closes this socket with its token.
    Closing(SocketId),
}

pub(crate) struct Life<'a> {
    pub(crate) machine: Lifecycle,
    /// As of the last step.
    pub(crate) status: Status,
    pub(crate) tape: Tape,
    /// What the store holds.
    pub(crate) record: Option<Snapshot>,
    pub(crate) clocks: Clocks,
    pub(crate) server: Server,
    pub(crate) setting: Setting,
    pub(crate) mix: Mix,
    pub(crate) draws: Draws,
    pub(crate) underway: Vec<Underway>,
    coming: Vec<(u64, Fault)>,
    pub(crate) wake: Option<(Tick, Wake)>,
    /// The driver's next step comes late by this.
    late: u64,
    pub(crate) outage: Option<Outage>,
    pub(crate) outage_under_way: bool,
    /// When the server restarts as for a whole fleet.
    pub(crate) restarts: VecDeque<(u64, bool)>,
    /// How long the outage was that has just been over.
    pub(crate) survived: u64,
    pub(crate) resume_was_refused: bool,
    /// When the token ends that came into force last.
    pub(crate) last_ends: Option<Tick>,
    pub(crate) watch: Watch,
    pub(crate) next_ask: u64,
    pub(crate) report: &'a mut Report,
    pub(crate) trace: Option<&'a mut VecDeque<String>>,
}

impl<'a> Life<'a> {
    /// A session whose world is drawn, from `now` on.
    pub(crate) fn drawn(
        now: u64,
        draws: &mut Draws,
        allowed: Allowed,
        report: &'a mut Report,
        trace: Option<&'a mut VecDeque<String>>,
    ) -> Self {
        let setting = Setting::draw(draws);
        let mix = Mix::draw(draws, allowed);
        let mut life = Self::new(now, setting, mix, draws, report, trace);
        life.clocks.server = life.draws.around(2_000);
        life.clocks.wall = match life.draws.below(4) {
            0 => life.draws.around(7_200_000),
            _ => life.draws.around(2_000),
        };
        life
    }

    pub(crate) fn new(
        now: u64,
        setting: Setting,
        mix: Mix,
        draws: &mut Draws,
        report: &'a mut Report,
        trace: Option<&'a mut VecDeque<String>>,
    ) -> Self {
        let key = match setting.start.key {
            KeyFacts::Held { algorithm, .. } => Some(algorithm),
            _ => None,
        };
        let origin = Origin { seed: draws.bytes(), record: None };
        let machine = origin.machine(setting.policy);
        let mut draws = Draws::of(draws.next(), now);
        let coming = Fault::ALL
            .iter()
            .filter(|fault| fault.is_of_the_world())
            .filter_map(|fault| Some((now + mix.next(*fault, &mut draws)?, *fault)))
            .collect();
        let watch = Watch::new(now, setting.shortest_life());
        Self {
            status: machine.status(),
            machine,
            tape: Tape::new(report.recording, origin),
            record: None,
            clocks: Clocks { now, uncounted: 0, wall: 0, server: 0 },
            server: Server::new(key),
            setting,
            mix,
            draws,
            underway: Vec::new(),
            coming,
            wake: None,
            late: 0,
            outage: None,
            outage_under_way: false,
            restarts: VecDeque::new(),
            survived: 0,
            resume_was_refused: false,
            last_ends: None,
            watch,
            next_ask: 0,
            report,
            trace,
        }
    }

    /// Lives until `end` or the session's end, whichever comes first; returns when.
    pub(crate) fn run(&mut self, end: u64) -> Result<u64, Violation> {
        self.say(|life| format!("a life begins: {:?}", life.setting));
        self.input(Input::Start(self.setting.start))?;
        let over = self.go_on(end)?;
        let (runs, from_record) = self.tape.replay(self.setting.policy, over)?;
        self.report.tally.count_many(Sometimes::Replayed, runs - from_record);
        self.report.tally.count_many(Sometimes::ReplayedFromRecord, from_record);
        Ok(over)
    }

    fn go_on(&mut self, end: u64) -> Result<u64, Violation> {
        while self.watch.over.is_none() {
            let (at, next) = self.next();
            if at > end {
                self.clocks.now = end;
                return Ok(end);
            }
            self.clocks.now = self.clocks.now.max(at);
            match next {
                Next::Arrival(index) => self.arrive(index)?,
                Next::Wake => self.input(Input::Tick)?,
                Next::Fault(index) => {
                    let (_, fault) = self.coming[index];
                    self.say(|_| format!("-- {}", fault.name()));
                    self.befall(fault)?;
                    let again = self.mix.next(fault, &mut self.draws).unwrap_or(u64::MAX);
                    self.coming[index].0 = self.clocks.now.saturating_add(again);
                }
                Next::OutageBegins => self.begin_outage()?,
                Next::OutageEnds => self.end_outage(),
                Next::Restart(wipe) => self.restart_for_all(wipe)?,
                Next::Closing(socket) => self.close_ended(socket)?,
            }
        }
        self.speak_to_the_dead()?;
        Ok(self.clocks.now)
    }

    fn next(&self) -> (u64, Next) {
        let mut best = (u64::MAX, Next::Wake);
        let mut offer = |at: u64, next: Next| {
            if at < best.0 {
                best = (at, next);
            }
        };
        for (index, underway) in self.underway.iter().enumerate() {
            offer(underway.at, Next::Arrival(index));
        }
        if let Some((tick, _)) = self.wake {
            offer(self.clocks.when_tick(tick.0).saturating_add(self.late), Next::Wake);
        }
        for (index, (at, _)) in self.coming.iter().enumerate() {
            offer(*at, Next::Fault(index));
        }
        match self.outage {
            Some(outage) if self.outage_under_way => offer(outage.until, Next::OutageEnds),
            Some(outage) => offer(outage.from, Next::OutageBegins),
            None => {}
        }
        if let Some((at, wipe)) = self.restarts.front() {
            offer(*at, Next::Restart(*wipe));
        }
        for peer in self.server.peers.iter().filter(|peer| self.setting.closes && !peer.dead) {
            if let Some(token) = peer.token.and_then(|id| self.server.token(id)) {
                let at = self.clocks.when_server(token.ends).saturating_add(self.setting.latency);
                offer(at, Next::Closing(peer.socket));
            }
        }
        best
    }

    fn arrive(&mut self, index: usize) -> Result<(), Violation> {
        let underway = self.underway.remove(index);
        let lost = underway.socket.is_some_and(|socket| self.server.is_deaf(socket));
        // What comes on a socket that is gone may still be in a queue.
        if lost && matches!(underway.input, Input::Done(..)) && !self.draws.once_in(8) {
            return Ok(());
        }
        let alive = matches!(underway.input, Input::SocketAlive { .. }) && self.watch.live.is_none();
        if let Input::SocketDead { socket } = underway.input
            && self.watch.live == Some(socket)
        {
            self.report.tally.count(Sometimes::FoundDead);
        }
        self.input(underway.input)?;
        if alive && self.watch.live.is_some() {
            self.report.tally.count(Sometimes::Alive);
        }
        Ok(())
    }

    /// The session is over: nothing brings it back (R29).
    fn speak_to_the_dead(&mut self) -> Result<(), Violation> {
        let socket = SocketId(0);
        let rest: Vec<Input> = self.underway.drain(..).map(|underway| underway.input).collect();
        for input in rest {
            self.input(input)?;
        }
        self.clocks.now += 1_000;
        for input in [Input::Tick, Input::Resume, Input::SocketLost { socket }, Input::NetworkChanged] {
            self.input(input)?;
        }
        Ok(())
    }

    // ---- One step ----

    /// Gives the machine an input, judges what it makes of it, and carries that out.
    pub(crate) fn input(&mut self, input: Input) -> Result<(), Violation> {
        let now = self.clocks.read();
        let before = self.status;
        let step = self.machine.step(now, input.clone());
        self.tape.note(now, &input, &step);
        let after = self.machine.status();
        self.status = after;
        self.say(|life| {
            let ends = |end: Option<Tick>| end.map_or(-1, |end| end.0 as i64 - now.tick.0 as i64);
            format!(
                "{input:?}\n             {:?} by {:?}, in force {:?} for {}, session for {}, next {:?}",
                after.phase,
                after.mechanism,
                after.in_force,
                ends(after.token_ends),
                ends(after.session_ends),
                life.machine.why().map(|why| (ends(Some(why.at)), why.wake)),
            )
        });
        self.report.inputs += 1;
        self.report.running.word(now.tick.0);
        self.report.running.word(step.outputs.len() as u64);
        for output in &step.outputs {
            self.report.running.take(output);
            self.say(|_| format!("    {output:?}"));
        }
        self.report.running.take(&step.wake_at);
        if self.watch.over.is_none() {
            self.count_step(&input, &before, &after, &step);
        }
        let scene = Scene {
            clocks: &self.clocks,
            server: &self.server,
            setting: &self.setting,
            machine: &self.machine,
            input: &input,
            before: &before,
            after: &after,
            woken: self.wake,
            step: &step,
        };
        if let Err(what) = self.watch.judge(&scene) {
            return Err(Violation { what, at: self.clocks.now });
        }
        if self.watch.enlightened {
            self.server.distrust();
        }
        self.wake = step.wake_at;
        self.late = 0;
        if self.mix.hits(Fault::LateStep, &mut self.draws) {
            self.late = self.draws.below(20_000);
            let until = self.wake.map_or(0, |(at, _)| self.clocks.when_tick(at.0) + self.late);
            self.watch.disturb(until.min(self.clocks.now + 86_400_000));
        }
        for output in step.outputs {
            match output {
                Output::Do(command) => self.carry_out(&command),
                Output::Tell(event) => self.heard(&input, &event),
            }
        }
        Ok(())
    }

    /// What the world makes of an event.
    fn heard(&mut self, input: &Input, event: &Event) {
        let Event::Live { resumed, .. } = event else { return };
        if self.survived >= 1_800_000 {
            self.report.tally.count(Sometimes::OutageSurvived);
        }
        self.survived = 0;
        if matches!(input, Input::SocketAlive { .. }) {
            // One that was doubted goes on: the server, which knows of no doubt, sends no state for that.
            return;
        }
        let peer = self.machine.socket().and_then(|socket| self.server.peer(socket));
        if self.setting.resumable
            && let Some(Peer { socket, token: Some(token), .. }) = peer
        {
            self.server.resumable = Some(token);
            // Perhaps only after the first pushes.
            let late = !self.setting.renews_state && self.draws.bit();
            let at = self.clocks.now + self.setting.latency * if late { 10 } else { 1 };
            self.underway.push(Underway { at, input: Input::ResumeState { socket }, socket: Some(socket) });
        }
        if *resumed {
            self.report.tally.count(Sometimes::Resumed);
        }
    }

    // ---- Sockets ----

    /// The server's side of this socket goes, and the driver learns of it.
    pub(crate) fn lose_socket(&mut self, socket: SocketId) -> Result<(), Violation> {
        if self.server.drop_peer(socket).is_none() {
            return Ok(());
        }
        self.note_lost_while_renewing();
        self.input(Input::SocketLost { socket })
    }

    /// All of them go.
    pub(crate) fn lose_sockets(&mut self) -> Result<(), Violation> {
        for peer in self.server.peers.clone() {
            self.lose_socket(peer.socket)?;
        }
        Ok(())
    }

    /// One of those that are open.
    pub(crate) fn some_socket(&mut self) -> Option<SocketId> {
        let index = self.draws.below(self.server.peers.len().max(1) as u64) as usize;
        self.server.peers.get(index).map(|peer| peer.socket)
    }

    /// The server closes a socket whose token has ended.
    fn close_ended(&mut self, socket: SocketId) -> Result<(), Violation> {
        // It may also know a newer one, whose acknowledgement was lost.
        let known = self.server.peer(socket).and_then(|peer| peer.token);
        let newer = self.machine.status().in_force.filter(|token| known.is_some_and(|known| known < *token));
        if self.watch.live == Some(socket)
            && newer.is_some_and(|token| self.server.accepts(token, &self.clocks))
        {
            let now = self.clocks.now;
            self.watch.judge_closing(now, &self.server).map_err(|what| Violation { what, at: now })?;
        }
        self.lose_socket(socket)
    }

    pub(crate) fn note_lost_while_renewing(&mut self) {
        if self.watch.exchange_is_open(Tick(self.clocks.tick())) && self.watch.live.is_some() {
            self.report.tally.count(Sometimes::DroppedWhileRenewing);
        }
    }

    /// The server's side is dead; the client's own pings find that out after a while (R22).
    pub(crate) fn deaden_sockets(&mut self) {
        for peer in self.server.peers.clone() {
            self.server.deaden(peer.socket);
            let at = self.clocks.now + 10_000 + self.draws.below(60_000);
            self.watch.disturb(at);
            self.underway.push(Underway {
                at,
                input: Input::SocketDead { socket: peer.socket },
                socket: None,
            });
        }
    }

    /// A socket is taken for dead, and mostly answers after all.
    pub(crate) fn doubt_socket(&mut self) -> Result<(), Violation> {
        let Some(socket) = self.some_socket() else { return Ok(()) };
        if !self.draws.once_in(4) {
            let at = self.clocks.now + self.draws.below(5_000);
            self.underway.push(Underway { at, input: Input::SocketAlive { socket }, socket: Some(socket) });
        }
        self.input(Input::SocketDead { socket })
    }

    /// What the fleet sends is counted by the second.
    pub(crate) fn count_request(&mut self, command: &Command) {
        self.report.requests += 1;
        if is_exchange(&command.action) {
            self.report.exchanges += 1;
        }
        let second = (self.clocks.now / 1_000) as usize;
        let opens = matches!(command.action, Action::Open { .. });
        if let Some(counts) = self.report.seconds.as_mut().and_then(|seconds| seconds.get_mut(second)) {
            counts.requests += 1;
            counts.opens += u32::from(opens);
        }
    }

    pub(crate) fn say(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.trace.is_none() {
            return;
        }
        let (seconds, rest) = (self.clocks.now / 1_000, self.clocks.now % 1_000);
        let line = format!("{seconds:>8}.{rest:03} {}", line(self));
        if let Some(trace) = &mut self.trace {
            if trace.len() >= 4_000 {
                trace.pop_front();
            }
            trace.push_back(line);
        }
    }

    pub(crate) fn server_time(&self) -> UnixMillis {
        UnixMillis(self.clocks.server_now() / 1_000 * 1_000)
    }
}
