//! What comes over a session from outside: the network, the clocks, the host, the application.

use satkeeper_core::lifecycle::{AskId, Generation, Input, KeyFacts, ProviderFacts, SocketId, Start};

use crate::away::{Away, Outage};
use crate::faults::Fault;
use crate::life::{Life, Underway};
use crate::report::Violation;
use crate::sometimes::Sometimes;
use crate::tape::Origin;

const HOUR: u64 = 3_600_000;

impl Life<'_> {
    /// A fault of the world.
    pub(crate) fn befall(&mut self, fault: Fault) -> Result<(), Violation> {
        if fault != Fault::EarlyTick {
            self.watch.disturb(self.clocks.now);
        }
        match fault {
            Fault::Drop => match self.some_socket() {
                Some(socket) => self.lose_socket(socket),
                None => Ok(()),
            },
            Fault::HalfOpen => {
                self.deaden_sockets();
                Ok(())
            }
            Fault::FalseAlarm => self.doubt_socket(),
            Fault::Restart => self.restart(),
            Fault::ForgetState => {
                self.server.resumable = None;
                Ok(())
            }
            Fault::Revoke => {
                self.server.revoke_newest(&self.clocks);
                self.lose_sockets()
            }
            Fault::Remove => {
                self.server.removed = true;
                self.watch.remove(self.clocks.now);
                self.lose_sockets()
            }
            Fault::WallStep | Fault::ServerStep | Fault::TickBack => {
                self.set_a_clock(fault);
                Ok(())
            }
            Fault::Sleep => self.sleep(),
            Fault::Outage => {
                self.plan_outage();
                Ok(())
            }
            Fault::EarlyTick => self.input(Input::Tick),
            Fault::AskRenewal => self.ask_often(),
            Fault::AskRejected => {
                let generation = self.machine.status().generation;
                let ask = self.ask();
                self.input(Input::Rejected { ask, generation })
            }
            Fault::AskUpdate => self.bring_tokens(),
            Fault::SetProvider => self.set_provider(),
            Fault::Suspend => self.suspend(),
            Fault::Network => self.input(Input::NetworkChanged),
            Fault::OutOfPlace => self.talk_nonsense(),
            Fault::Reboot => self.reboot(),
            Fault::Leave => {
                let way = match self.draws.below(3) {
                    0 => Input::Disconnect,
                    1 => Input::Leave,
                    _ => Input::Destroy,
                };
                self.input(way)
            }
            _ => Ok(()),
        }
    }

    fn ask(&mut self) -> AskId {
        self.next_ask += 1;
        AskId(self.next_ask)
    }

    // ---- The network ----

    fn restart(&mut self) -> Result<(), Violation> {
        let Some(socket) = self.some_socket() else { return Ok(()) };
        let wipe = self.draws.bit();
        self.restart_server(socket, wipe)
    }

    /// The server ends this socket, with many others.
    pub(crate) fn restart_server(&mut self, socket: SocketId, wipe: bool) -> Result<(), Violation> {
        self.note_lost_while_renewing();
        if wipe {
            self.server.resumable = None;
        }
        self.report.tally.count(Sometimes::Restarted);
        self.input(Input::ServerRestart { socket, wipe })
    }

    fn plan_outage(&mut self) {
        if self.outage.is_some() {
            return;
        }
        let now = self.clocks.now;
        let span = self.draws.pick(&[5_000, 30_000, 120_000, 600_000, HOUR]);
        let away = self.draws.pick(&[Away::Refuses, Away::Silent, Away::Busy]);
        self.outage = Some(Outage { from: now, until: now + span, away });
    }

    // ---- The clocks ----

    /// A span of any magnitude, in either direction.
    fn step(&mut self) -> i64 {
        let most = self.draws.pick(&[3_000, 20_000, 600_000, HOUR, 6 * HOUR, 400 * 24 * HOUR]);
        self.draws.around(most)
    }

    fn set_a_clock(&mut self, fault: Fault) {
        self.look_up();
        self.watch.clock_faults += 1;
        match fault {
            Fault::WallStep => {
                let by = self.step();
                self.clocks.wall += by;
                let what = if by > 5_000 { Sometimes::SetClock } else { Sometimes::SetBack };
                if by.unsigned_abs() > 5_000 {
                    self.report.tally.count(what);
                }
            }
            Fault::ServerStep => {
                self.clocks.server += self.step();
                self.mislead();
                self.report.tally.count(Sometimes::ServerStepped);
            }
            _ => {
                // By less than what counts as a jump nobody can notice.
                self.clocks.uncounted += self.draws.below(20_000);
                self.mislead();
                self.report.tally.count(Sometimes::TickBack);
            }
        }
    }

    /// A driver sleeps 30 s at most at a time: that is when it sees what its clocks have become.
    fn look_up(&mut self) {
        let at = self.clocks.now + self.draws.below(30_000);
        self.watch.disturb(at);
        self.watch.doubt();
        self.underway.push(Underway { at, input: Input::Tick, socket: None });
    }

    /// What was said of ends before does not hold any more, and the machine has not heard of it.
    fn mislead(&mut self) {
        self.server.distrust();
        self.watch.mislead();
        let until = self.clocks.now + self.setting.base_life.max(self.setting.bound_life);
        self.watch.disturb(until);
    }

    /// Nobody steps the machine; the rest of the world goes on.
    fn sleep(&mut self) -> Result<(), Violation> {
        let most = self.draws.pick(&[30_000, 600_000, HOUR, 10 * HOUR]);
        let span = self.draws.below(most);
        // A tick that counts sleep does not stop.
        let stops = self.draws.bit() && !self.setting.policy.tick_counts_sleep;
        let from = self.clocks.now;
        self.clocks.now += span;
        if stops {
            self.clocks.uncounted += span;
        }
        self.watch.clock_faults += 1;
        self.watch.disturb(self.clocks.now);
        self.look_up();
        self.report.tally.count(if stops { Sometimes::Slept } else { Sometimes::SleptCounted });
        self.say(|_| format!("-- slept {span} since {from}, clock stopped: {stops}"));
        // What arrived meanwhile has mostly been lost.
        let now = self.clocks.now;
        let draws = &mut self.draws;
        self.underway.retain(|underway| underway.at > now || draws.once_in(2));
        if span > 60_000 && !self.draws.once_in(4) {
            if self.draws.bit() {
                return self.lose_sockets();
            }
            self.deaden_sockets();
        }
        Ok(())
    }

    // ---- The process ----

    /// The process dies, with all that is under way in it, and begins again from its record, with a new seed
    /// (R30).
    fn reboot(&mut self) -> Result<(), Violation> {
        let Some(record) = self.record.clone() else { return Ok(()) };
        self.report.tally.count(Sometimes::Rebooted);
        self.say(|_| "-- the process begins again".to_string());
        self.clocks.now += self.draws.below(60_000);
        self.underway.clear();
        self.server.peers.clear();
        let origin = Origin { seed: self.draws.bytes(), record: Some((record, self.clocks.read())) };
        self.machine = origin.machine(self.setting.policy);
        self.tape.begin(origin);
        self.wake = None;
        self.status = self.machine.status();
        self.watch.reboot(self.clocks.now, self.status.generation);
        let key = match self.server.key {
            Some(algorithm) => KeyFacts::Held { algorithm, proved: false },
            None => self.setting.start.key,
        };
        self.input(Input::Start(Start { key, ..self.setting.start }))
    }

    // ---- The application ----

    fn ask_often(&mut self) -> Result<(), Violation> {
        for _ in 0..self.draws.pick(&[1, 1, 1, 3, 20]) {
            let ask = self.ask();
            self.input(Input::RefreshNow { ask })?;
            if self.draws.bit() {
                self.clocks.now += self.draws.below(3_000);
                self.catch_up()?;
            }
        }
        Ok(())
    }

    /// A driver that is on time has not missed anything meanwhile.
    fn catch_up(&mut self) -> Result<(), Violation> {
        self.watch.disturb(self.clocks.now);
        self.input(Input::Tick)
    }

    fn bring_tokens(&mut self) -> Result<(), Violation> {
        for _ in 0..self.draws.pick(&[1, 1, 2, 12]) {
            let life = self.draws.pick(&[0, 30_000, 900_000, 7_200_000, 7_200_000]);
            let token = self.server.brought(life, &self.clocks, &self.setting, &self.mix, &mut self.draws);
            self.watch.shortest_life = self.watch.shortest_life.min(life);
            self.watch.disturb(self.clocks.now + life);
            let ask = self.ask();
            self.input(Input::NewBase { ask, token })?;
        }
        Ok(())
    }

    fn set_provider(&mut self) -> Result<(), Violation> {
        let provider = ProviderFacts {
            can_refresh: self.draws.bit(),
            can_mint_again: self.draws.bit(),
            may_be_asked_twice: self.draws.bit(),
        };
        self.input(Input::NewProvider(provider))
    }

    fn suspend(&mut self) -> Result<(), Violation> {
        let span = self.draws.pick(&[10_000, 600_000, HOUR, 5 * HOUR]);
        let span = self.draws.below(span);
        let at = self.clocks.now + span;
        self.watch.disturb(at + 60_000);
        self.underway.push(Underway { at, input: Input::Resume, socket: None });
        self.input(Input::Suspend)
    }

    fn talk_nonsense(&mut self) -> Result<(), Violation> {
        let socket = SocketId(self.draws.below(4) as u32);
        let stale = self.machine.socket() != Some(socket) && self.server.peer(socket).is_none();
        match self.draws.below(6) {
            0 => self.input(Input::Start(self.setting.start)),
            1 => self.input(Input::Resume),
            2 if stale => self.input(Input::SocketLost { socket }),
            3 if stale => self.input(Input::ResumeState { socket }),
            4 if stale => self.input(Input::SocketAlive { socket }),
            _ => {
                let ask = self.ask();
                self.input(Input::Rejected { ask, generation: Generation(0) })
            }
        }
    }
}
