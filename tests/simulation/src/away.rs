//! A server that is away for a while.

use crate::life::Life;
use crate::report::Violation;

/// How the server is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Away {
    /// Connections are refused at once.
    Refuses,
    /// Nothing answers.
    Silent,
    /// 503.
    Busy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outage {
    pub(crate) from: u64,
    pub(crate) until: u64,
    pub(crate) away: Away,
}

impl Life<'_> {
    pub(crate) fn begin_outage(&mut self) -> Result<(), Violation> {
        let Some(outage) = self.outage else { return Ok(()) };
        self.outage_under_way = true;
        self.watch.disturb(outage.until);
        self.say(|_| format!("-- {outage:?}"));
        match outage.away {
            Away::Silent => self.deaden_sockets(),
            Away::Refuses | Away::Busy => self.lose_sockets()?,
        }
        Ok(())
    }

    /// One session's part in a restart that ends all sockets.
    pub(crate) fn restart_for_all(&mut self, wipe: bool) -> Result<(), Violation> {
        self.restarts.pop_front();
        self.watch.disturb(self.clocks.now);
        for peer in self.server.peers.clone() {
            self.restart_server(peer.socket, wipe)?;
        }
        Ok(())
    }

    pub(crate) fn end_outage(&mut self) {
        let Some(outage) = self.outage.take() else { return };
        self.outage_under_way = false;
        self.survived = outage.until - outage.from;
        self.watch.disturb(self.clocks.now);
        self.say(|_| "-- the outage is over".to_string());
    }
}
