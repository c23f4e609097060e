//! The story of the demo: what is promised, in order, and what is done to the session meanwhile. A promise is kept
//! when session and server both say so.

use satkeeper::{EventKind, FallbackReason, Mechanism, TeardownReason};
use satkeeper_fixtures::{Seen, What};

/// How long the tokens of a demo live, in seconds; all else follows from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) sat: u64,
    pub(crate) device: u64,
    /// The demo has failed if it is not over by then.
    pub(crate) limit: u64,
}

impl Pace {
    /// For people: a little over a minute.
    pub(crate) const WATCHED: Self = Self { sat: 40, device: 12, limit: 120 };
    /// For tests. Shorter would be another story: in the last 5 s of a token no socket is opened with it.
    pub(crate) const FAST: Self = Self { sat: 20, device: 7, limit: 60 };
}

/// What the demo does to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Resets the socket, without a word.
    DropSocket,
    /// Lets both device endpoints answer 503 from now on.
    BreakDeviceEndpoints,
}

/// What is known, from all sides.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    minted: bool,
    live: bool,
    server_connected: bool,
    /// The status says that the token in force is a bound one.
    pub(crate) bound: bool,
    server_bound: bool,
    device_refreshes: u64,
    /// Tokens that came into force after a device refresh.
    renewals: u64,
    dropped: bool,
    resumed: bool,
    server_resumed: bool,
    broken_answers: u64,
    fallback: Option<FallbackReason>,
    renewed_by_provider: bool,
    server_unbound: bool,
    rejected: bool,
    nobody_renews: bool,
    expiring: bool,
    /// Ms since the start.
    pub(crate) expired_at: Option<u64>,
    teardown: Option<TeardownReason>,
    sockets_closed_by_client: u64,
    /// What came after the last event.
    pub(crate) stragglers: u64,
    sessions_live: i64,
    /// Times that the server saw a token expire on a live session.
    pub(crate) expired_at_server: Vec<u64>,
}

impl Facts {
    /// The provider was asked.
    pub(crate) fn provider(&mut self, rejected: bool) {
        self.minted = true;
        self.rejected |= rejected;
    }

    /// The session told something.
    pub(crate) fn event(&mut self, kind: &EventKind, at: u64) {
        match kind {
            EventKind::Live { resumed: false, .. } => self.live = true,
            EventKind::Live { resumed: true, .. } => self.resumed = true,
            // The activation's push is a renewal too, but not one of those that were promised.
            EventKind::Renewed { by: Some(Mechanism::Bound), .. } => {
                self.renewals = self.renewals.max(self.device_refreshes);
            }
            EventKind::Renewed { by: Some(Mechanism::Provider), .. } => self.renewed_by_provider = true,
            EventKind::RefreshFallback { reason } => self.fallback = self.fallback.or(Some(*reason)),
            EventKind::NoRefreshHandler { .. } => self.nobody_renews = true,
            EventKind::Expiring { by: Mechanism::None, .. } => self.expiring = true,
            EventKind::Expired { renewing: false } => self.expired_at = self.expired_at.or(Some(at)),
            EventKind::Teardown { reason } => self.teardown = Some(*reason),
            _ => {}
        }
    }

    /// The server saw something.
    pub(crate) fn server(&mut self, seen: &Seen, at: u64) {
        match &seen.what {
            What::Connected { resumed, bound, .. } => {
                self.sessions_live += 1;
                self.server_connected = true;
                self.server_resumed |= *resumed;
                self.server_bound |= *bound;
            }
            What::Reauthenticated { bound, .. } => {
                self.server_bound |= *bound;
                self.server_unbound |= !*bound;
            }
            What::SocketClosed { why, .. } => {
                self.sessions_live -= 1;
                self.dropped |= *why == "dropped";
                self.sockets_closed_by_client += u64::from(*why == "client");
            }
            What::Request { .. } | What::FrameIn { .. } if self.teardown.is_some() => self.stragglers += 1,
            What::Expired { .. } => self.expired_at_server.push(at),
            _ => {}
        }
    }

    /// A device refresh was answered.
    pub(crate) fn device_refresh(&mut self, succeeded: bool) {
        if succeeded {
            self.device_refreshes += 1;
        } else {
            self.broken_answers += 1;
        }
    }
}

/// One promise.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// In a sentence.
    pub(crate) promise: &'static str,
    kept: fn(&Facts) -> bool,
    /// What is done as soon as it is kept.
    then: Option<Act>,
    /// Ms since the start.
    pub(crate) kept_at: Option<u64>,
}

const fn step(name: &'static str, promise: &'static str, kept: fn(&Facts) -> bool) -> Step {
    Step { name, promise, kept, then: None, kept_at: None }
}

/// The promises in their order.
pub(crate) struct Script {
    pub(crate) facts: Facts,
    pub(crate) steps: Vec<Step>,
}

impl Script {
    pub(crate) fn new() -> Self {
        let steps = vec![
            step("mint", "the provider brings a token, bound to the session's key", |f| f.minted),
            step("connect", "the server authenticates the session", |f| f.live && f.server_connected),
            step("bound", "a client-bound token is in force", |f| f.bound && f.server_bound),
            step("renewal 1", "the bound token is renewed with a proof of the key; nobody is asked", |f| {
                f.renewals >= 1
            }),
            step("renewal 2", "renewed again", |f| f.renewals >= 2),
            Step { then: Some(Act::DropSocket), ..step("renewal 3", "renewed again", |f| f.renewals >= 3) },
            step("dropped", "the socket is reset, without a word", |f| f.dropped),
            Step {
                then: Some(Act::BreakDeviceEndpoints),
                ..step("resumed", "the server restores the session on a new socket", |f| {
                    f.resumed && f.server_resumed
                })
            },
            step("503", "the device endpoints fail, the session goes on", |f| f.broken_answers >= 1),
            step("fallback", "the provider takes over: credential_refresh_fallback, endpoint-failed", |f| {
                f.fallback == Some(FallbackReason::EndpointFailed)
                    && f.renewed_by_provider
                    && f.server_unbound
            }),
            step("rejected", "the provider will not renew again: credential_no_refresh_handler", |f| {
                f.rejected && f.nobody_renews
            }),
            step("expiring", "the end is announced: credential_expiring", |f| f.expiring),
            step("expired", "the session ends, and not before its time", |f| f.expired_at.is_some()),
            step("teardown", "the socket is closed, the last event is told", |f| {
                f.teardown == Some(TeardownReason::Expired)
                    && f.sessions_live == 0
                    && f.sockets_closed_by_client >= 1
            }),
        ];
        Self { facts: Facts::default(), steps }
    }

    /// Marks what is kept by now; what is to be done about it.
    pub(crate) fn advance(&mut self, at: u64) -> (Vec<usize>, Vec<Act>) {
        let (mut kept, mut acts) = (Vec::new(), Vec::new());
        for (index, step) in self.steps.iter_mut().enumerate().skip_while(|(_, step)| step.kept_at.is_some())
        {
            if !(step.kept)(&self.facts) {
                break;
            }
            step.kept_at = Some(at);
            kept.push(index);
            acts.extend(step.then);
        }
        (kept, acts)
    }

    /// How many are kept.
    pub(crate) fn kept(&self) -> usize {
        self.steps.iter().filter(|step| step.kept_at.is_some()).count()
    }

    /// The first that is not kept.
    pub(crate) fn waiting_for(&self) -> Option<&Step> {
        self.steps.iter().find(|step| step.kept_at.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::{Act, Script};
    use satkeeper::{EventKind, Generation, Mechanism};
    use satkeeper_fixtures::{Seen, What};

    fn server(script: &mut Script, what: What) {
        script.facts.server(&Seen { n: 0, ms: 0, what }, 0);
    }

    #[test]
    fn promises_are_kept_in_their_order_and_lead_to_acts() {
        let mut script = Script::new();
        script.facts.event(&EventKind::Live { resumed: false, generation: Generation(1) }, 1);
        assert_eq!(script.advance(1).0, [0_usize; 0], "nothing was minted");
        script.facts.provider(false);
        assert_eq!(script.advance(2).0, [0], "the server has not said so");
        server(&mut script, What::Connected { socket: 1, resumed: false, expires_at: 0, bound: true });
        script.facts.bound = true;
        assert_eq!(script.advance(3).0, [1, 2]);
        let renewed =
            EventKind::Renewed { generation: Generation(2), by: Some(Mechanism::Bound), ends_at: None };
        script.facts.event(&renewed, 4);
        assert_eq!(script.advance(4).0, [0_usize; 0], "the activation is no renewal");
        for n in 1..=3 {
            script.facts.device_refresh(true);
            script.facts.event(&renewed, 4 + n);
            let acts = script.advance(4 + n).1;
            assert_eq!(acts, if n == 3 { vec![Act::DropSocket] } else { Vec::new() });
        }
        assert_eq!((script.kept(), script.waiting_for().map(|step| step.name)), (6, Some("dropped")));
    }
}
